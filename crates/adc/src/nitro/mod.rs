//! NITRO: NetScaler's HTTP API, at `/nitro/v1/config/…` and `/nitro/v1/stat/…`.
//!
//! [`answer`] takes a request apart ([`url`], [`body`], [`credentials`]), finds out who asks ([`who`]), and either reads
//! rows ([`get`]) or gives commands to the [`Control`](crate::control::Control) ([`change`]). The status socket asks
//! here too, as the local superuser.

mod body;
mod certificate;
mod change;
mod credentials;
mod envelope;
mod filter;
mod get;
pub(crate) mod listener;
mod login;
pub(crate) mod sessions;
mod throttle;
pub(crate) mod url;
mod who;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evercert_ns::nitro::Method;
use evercert_ns::{NsError, codes};
use evercert_types::SharedClock;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use serde_json::Value as Json;

use self::body::{BodyError, Payload};
use self::credentials::Credentials;
use self::envelope::Reply;
use self::sessions::Sessions;
use self::throttle::Throttle;
use self::url::{Query, ROOT, Target};
use self::who::Caller;
use crate::control::OnError;
use crate::instance::Instance;

/// For a whole body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// What the management plane remembers between requests.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) sessions: Sessions,
    throttle: Throttle,
}

impl Memory {
    /// Nobody has logged in yet.
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            sessions: Sessions::new(clock),
            throttle: Throttle::default(),
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The status socket, which only its owner can open.
    Local,
    /// The network.
    Remote {
        /// The client's address.
        client: IpAddr,
        /// Whether the connection is encrypted.
        is_secure: bool,
    },
}

/// A request, taken apart.
struct Call {
    instance: Arc<Instance>,
    method: Method,
    target: Target,
    query: Query,
    body: Option<Json>,
    on_error: OnError,
    /// Whether warnings change the answer's status.
    warn: bool,
}

/// Whether a path is NITRO's.
pub(crate) fn is_nitro(path: &str) -> bool {
    path.starts_with("/nitro/")
}

/// Answers one request.
pub(crate) async fn answer<B>(
    instance: Arc<Instance>,
    peer: Peer,
    request: Request<B>,
) -> Response<Full<Bytes>>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    tracing::debug!(http.method = %head.method, url.path = head.uri.path(), ?peer, "NITRO");
    let Some(target) = Target::parse(head.uri.path()) else {
        let error = NsError::about(&codes::INVALID_NITRO_TYPE, outside(head.uri.path()));
        return Reply::refused(404, &error).into_response();
    };
    let Some(method) = method(&head.method) else {
        let error = NsError::about(&codes::INVALID_METHOD, head.method.as_str());
        return Reply::refused(405, &error).into_response();
    };
    let credentials = Credentials::of(&head.headers, None);
    let is_login = method == Method::Post && target.is_login();
    // A large body is taken only from who is known already.
    let early = match (peer, &credentials) {
        (Peer::Remote { .. }, Credentials::None) => None,
        _ if is_login => None,
        _ => Some(who::caller(&instance, peer, credentials).await),
    };
    let limit = match &early {
        Some(Ok(_)) => body::LIMIT,
        _ => body::LIMIT_BEFORE_LOGIN,
    };
    let payload = match tokio::time::timeout(BODY_TIMEOUT, body::read(body, limit)).await {
        Ok(Ok(payload)) => payload,
        Ok(Err(error)) => return unreadable(&error).into_response(),
        Err(_) => return unreadable(&BodyError::Broken).into_response(),
    };
    let caller = match (early, &payload.session) {
        (Some(caller), _) => caller,
        (None, session) if !is_login => {
            let credentials = Credentials::of(&HeaderMap::new(), session.clone());
            who::caller(&instance, peer, credentials).await
        }
        (None, _) => Err(NsError::new(&codes::NOT_LOGGED_IN)),
    };
    let query = head.uri.query().unwrap_or_default();
    let call = Call::new(instance, method, target, query, &head.headers, payload);
    let reply = match (call, caller) {
        (Ok(call), _) if is_login => call.log_in(peer).await,
        (_, Err(error)) => Err(error),
        (Ok(call), Ok(caller)) => call.answer(&caller).await,
        (Err(error), Ok(_)) => Err(error),
    };
    reply
        .unwrap_or_else(|error| Reply::error(&error))
        .into_response()
}

impl Call {
    fn new(
        instance: Arc<Instance>,
        method: Method,
        target: Target,
        query: &str,
        headers: &HeaderMap,
        payload: Payload,
    ) -> Result<Self, NsError> {
        let mut query = Query::parse(query)?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let setting = |name: &str| {
            let named = payload.settings.iter().find(|(known, _)| known == name);
            named.map(|(_, value)| value.as_str())
        };
        query.action = query
            .action
            .or_else(|| setting("action").map(str::to_owned));
        let on_error = header("x-nitro-onerror").or(setting("onerror"));
        let asked = header("x-nitro-warning").or(setting("warning"));
        Ok(Self {
            instance,
            method,
            target,
            on_error: on_error.map_or(Ok(OnError::Exit), on_error_of)?,
            warn: query.warnings || asked.is_some_and(|word| word.eq_ignore_ascii_case("yes")),
            query,
            body: payload.json,
        })
    }

    async fn answer(&self, caller: &Caller) -> Result<Reply, NsError> {
        match (self.method, self.target.kind.as_str()) {
            (Method::Post, "logout") => Ok(self.log_out(caller)),
            (Method::Get, _) => self.get(caller).await,
            _ => self.change(caller).await,
        }
    }
}

fn method(method: &http::Method) -> Option<Method> {
    match *method {
        http::Method::GET => Some(Method::Get),
        http::Method::POST => Some(Method::Post),
        http::Method::PUT => Some(Method::Put),
        http::Method::DELETE => Some(Method::Delete),
        _ => None,
    }
}

fn on_error_of(word: &str) -> Result<OnError, NsError> {
    match word.trim().to_ascii_lowercase().as_str() {
        "exit" => Ok(OnError::Exit),
        "continue" => Ok(OnError::Continue),
        "rollback" => Ok(OnError::Rollback),
        _ => Err(NsError::argument(
            &codes::INVALID_ARGUMENT_VALUE,
            "onerror",
            word,
        )),
    }
}

fn unreadable(error: &BodyError) -> Reply {
    match error {
        BodyError::TooLarge => Reply::refused(413, &NsError::new(&codes::FILE_TOO_LARGE)),
        BodyError::Broken => Reply::error(&NsError::new(&codes::INVALID_JSON)),
        BodyError::Malformed(error) => Reply::error(error),
    }
}

/// What of a path is not NITRO.
fn outside(path: &str) -> &str {
    path.strip_prefix(ROOT).unwrap_or(path)
}

/// The client's address, if the request came over the network.
const fn client_of(peer: Peer) -> Option<IpAddr> {
    match peer {
        Peer::Local => None,
        Peer::Remote { client, .. } => Some(client),
    }
}
