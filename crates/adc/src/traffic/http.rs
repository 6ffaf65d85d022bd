//! HTTP from client to service and back: admission, the exchange, the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Shared;
use super::admission::{Admitted, Facts, Kind, Refusal, Scheme, admit};
use super::backend::{Asker, ConnectError, Freshness, Offer, Service};
use super::body::{BodyError, BodyProgress, ReplyBody, RequestBody};
use super::client_identity::ClientIdentity;
use super::framing::{Violation, Wire};
use super::headers::{Client, strip_client_certificate, strip_hop_by_hop, to_service};
use super::inspection;
use super::lb::{Instead, instead};
use super::listener::{LiveVserver, Vserver};
use super::policies::{self, Ending, WithoutAnswer};
use super::pool::Lease;
use super::stream::{Activity, ResetSwitch};
use super::websocket;
use crate::icap::Verdict;
use crate::policy::request::Ends;

/// One client connection that speaks HTTP.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    /// For the settings of the next request.
    pub(crate) live: Arc<LiveVserver>,
    /// As it was when the connection came.
    pub(crate) vserver: Arc<Vserver>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: SocketAddr,
    pub(crate) ends: Ends,
    /// A policy resets the connection.
    pub(crate) reset: ResetSwitch,
    pub(crate) scheme: Scheme,
    pub(crate) sni: Option<Box<str>>,
    pub(crate) asks_clients: bool,
    /// Who the client is, proved in the handshake.
    pub(crate) identity: ClientIdentity,
    /// What the second parser saw, over HTTP/1.
    pub(crate) wire: Arc<Wire>,
    pub(crate) requests: AtomicU64,
    pub(crate) active: AtomicUsize,
    pub(crate) activity: Activity,
}

/// An answer with the connection it came on.
pub(crate) struct Exchange {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
}

/// Answers one request.
///
/// # Errors
/// When a policy wants no answer given.
pub(crate) async fn answer(
    connection: Arc<HttpConnection>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, WithoutAnswer> {
    let _busy = Busy::new(&connection);
    let version = request.version();
    let vserver = connection.live.now();
    let mut response = match proxy(&connection, &vserver, request).await {
        Ok(response) => response,
        Err(Ending::Answered(response)) => *response,
        Err(Ending::Refused(refusal)) => refusal.into_response(version),
        Err(Ending::Dropped) => return Err(WithoutAnswer),
        Err(Ending::Reset) => {
            connection.reset.turn();
            return Err(WithoutAnswer);
        }
    };
    if let Some(value) = &vserver.strict_transport_security {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value.clone());
    }
    vserver.metrics.answered(response.status());
    Ok(response)
}

async fn proxy(
    connection: &Arc<HttpConnection>,
    vserver: &Vserver,
    mut request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Ending> {
    let limits = &connection.shared.limits;
    let index = connection.requests.fetch_add(1, Ordering::Relaxed);
    connection.wire.check(index).map_err(violation)?;
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let admitted = admit(&parts, &connection.facts())?;
    let version = parts.version;
    if let Some(response) = challenge(connection, &parts.method, &admitted) {
        return Ok(response);
    }
    let identity = connection.identity.now(vserver).await?;
    let asker = Asker {
        identity,
        vserver: vserver.name.clone(),
        client: connection.client.ip(),
        protocol: match admitted.kind {
            Kind::Plain => Offer::Http2,
            Kind::WebSocket | Kind::ExtendedConnect => Offer::Http1,
        },
    };
    let body = match admitted.kind {
        Kind::Plain => RequestBody::new(body, limits.body_bytes, limits.body_idle),
        Kind::WebSocket | Kind::ExtendedConnect => RequestBody::Empty,
    };
    let (target, body) = policies::apply(connection, vserver, &parts, &admitted, body).await?;
    let reached = vserver;
    let vserver = target.as_deref().unwrap_or(vserver);
    let backup = fallback(connection, vserver, &admitted)?;
    let vserver = backup.as_deref().unwrap_or(vserver);
    let client = Client {
        ip: connection.client.ip(),
        scheme: connection.scheme,
    };
    let chosen = inspection::choose(
        connection,
        [reached, vserver],
        &parts,
        &admitted,
        asker.identity.as_deref(),
    );
    let head = to_service(parts, &admitted, &client, limits.underscores);
    let (head, body) = match chosen.request(&connection.ends, head, body).await? {
        Verdict::Pass(head, body) => (head, body),
        Verdict::Answer(mut response) => {
            *response.version_mut() = version;
            return Ok(*response);
        }
    };
    if admitted.kind != Kind::Plain {
        let exchange = exchange(connection, vserver, &asker, head, RequestBody::Empty).await?;
        if is_extended_connect(&admitted) && exchange.response.status().is_success() {
            // A 2xx would tell the client that its tunnel is open (RFC 8441 §5).
            return Err(SERVICE_BROKE_OFF.into());
        }
        return Ok(websocket::answer(connection, &admitted, exchange, upgrade));
    }
    let asked = chosen.sees_answer().then(|| head.clone());
    let exchange = exchange(connection, vserver, &asker, head, body).await?;
    if exchange.response.status() == StatusCode::SWITCHING_PROTOCOLS {
        // Nobody asked for that.
        return Err(SERVICE_BROKE_OFF.into());
    }
    let mut response = reply(exchange, version, limits.body_idle);
    if reached.ssl_redirect {
        stay_with_https(response.headers_mut(), &admitted);
    }
    match asked {
        None => Ok(response),
        Some(asked) => chosen.answer(&connection.ends, &asked, response).await,
    }
}

/// What takes the place of a vserver that redirects everything, or whose services are all down.
fn fallback(
    connection: &HttpConnection,
    vserver: &Vserver,
    admitted: &Admitted,
) -> Result<Option<Arc<Vserver>>, Ending> {
    let target = admitted.target.as_str();
    let location = match &vserver.https_redirect {
        Some(redirect) => {
            let host = admitted.authority.as_ref().map(Authority::host);
            redirect.location(host, target).ok_or(NO_HOST)?
        }
        None => match instead(&connection.shared.routes.load(), vserver, target) {
            None => return Ok(None),
            Some(Instead::Vserver(backup)) => return Ok(Some(backup)),
            Some(Instead::Redirect(location)) => location,
        },
    };
    let mut response = Response::new(ReplyBody::Text(Bytes::new()));
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, location);
    Err(Ending::Answered(Box::new(response)))
}

/// Turns a redirect to this host in clear into one over TLS (`-sslRedirect`).
fn stay_with_https(headers: &mut HeaderMap, admitted: &Admitted) {
    let host = admitted.authority.as_ref().map(Authority::as_str);
    let location = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    let (Some(host), Some(location)) = (host, location) else {
        return;
    };
    let Some(rest) = location.strip_prefix("http://") else {
        return;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if rest[..end].eq_ignore_ascii_case(host)
        && let Ok(value) = HeaderValue::try_from(format!("https://{rest}"))
    {
        headers.insert(header::LOCATION, value);
    }
}

/// The answer to a CA that looks for http-01, before anything else is done with the request.
fn challenge(
    connection: &HttpConnection,
    method: &Method,
    admitted: &Admitted,
) -> Option<Response<ReplyBody>> {
    let challenges = &connection.shared.challenges;
    if challenges.is_idle() || !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let host = admitted.authority.as_ref()?.as_str();
    let text = challenges.http(host, admitted.target.path())?;
    let mut response = Response::new(ReplyBody::Text(Bytes::from(text)));
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

/// The service's answer as the client gets it.
pub(crate) fn reply(
    exchange: Exchange,
    version: Version,
    body_idle: Duration,
) -> Response<ReplyBody> {
    let (mut parts, body) = exchange.response.into_parts();
    strip_hop_by_hop(&mut parts.headers);
    parts.version = version;
    parts.extensions.clear();
    let body = ReplyBody::stream(body, exchange.lease, body_idle);
    Response::from_parts(parts, body)
}

/// Sends a request to one service after another until one takes it.
async fn exchange(
    connection: &HttpConnection,
    vserver: &Vserver,
    asker: &Asker,
    mut head: Parts,
    mut body: RequestBody,
) -> Result<Exchange, Refusal> {
    let balancer = &vserver.balancer;
    let mut tried: Vec<Arc<Service>> = Vec::new();
    let mut freshness = Freshness::Any;
    let mut failure = NO_SERVICE;
    let ends = &connection.ends;
    let question = balancer.question(ends.client, ends.server, &head);
    while let Some(service) = balancer.pick(&question, &tried) {
        let lease = match service.lease(freshness, asker).await {
            Ok(lease) => lease,
            // Another service would have the client show the same.
            Err(ConnectError::NoCertificate { refusal, .. }) => {
                let (status, why) = refusal.answer();
                return Err(gateway(status, why));
            }
            Err(error) => {
                failure = match error {
                    ConnectError::Timeout { .. } => SERVICE_TIMEOUT,
                    ConnectError::NotAccepted { .. } => CERTIFICATE_NOT_ACCEPTED,
                    _ => SERVICE_UNREACHABLE,
                };
                tried.push(service);
                continue;
            }
        };
        if service.forger().is_some() {
            strip_client_certificate(&mut head.headers);
        }
        let was_reused = lease.is_reused;
        let started = Instant::now();
        match attempt(&service, lease, head, body).await {
            Attempt::Answered(mut exchange) => {
                service.answered_in(started.elapsed());
                balancer.mark(&question, &service, exchange.response.headers_mut());
                return Ok(*exchange);
            }
            // An idle connection that was closed meanwhile is nobody's fault: once more, on a new one.
            Attempt::Unsent(request, unsent) => {
                let (parts, unsent_body) = (*request).into_parts();
                (head, body) = (parts, unsent_body);
                if was_reused {
                    freshness = Freshness::New;
                } else {
                    failure = unsent;
                    tried.push(service);
                }
            }
            Attempt::Failed(refusal) => return Err(refusal),
        }
    }
    Err(failure)
}

enum Attempt {
    Answered(Box<Exchange>),
    /// Nothing of it reached the service, or it may be sent again without harm; what to say if it cannot be.
    Unsent(Box<Request<RequestBody>>, Refusal),
    Failed(Refusal),
}

async fn attempt(
    service: &Arc<Service>,
    mut lease: Lease,
    head: Parts,
    body: RequestBody,
) -> Attempt {
    let mut head = head;
    if !head.headers.contains_key(header::HOST) {
        // HTTP/1.0 without Host; HTTP/1.1 needs one.
        if let Ok(host) = HeaderValue::from_str(&service.address) {
            head.headers.insert(header::HOST, host);
        }
    }
    // Only a connection that was idle can be stale, and only a safe, empty request may be repeated.
    let spare =
        (lease.is_reused && body.is_empty() && is_repeatable(&head.method)).then(|| head.clone());
    let progress = body.progress();
    let sending = lease.send(Request::from_parts(head, body));
    let outcome = tokio::select! {
        outcome = sending => outcome,
        () = silence(progress.as_deref(), service.response_timeout) => {
            let waits_for_client = progress.is_some_and(|progress| progress.waits_for_client());
            return Attempt::Failed(match waits_for_client {
                true => body_refusal(BodyError::Stalled),
                false => SERVICE_TIMEOUT,
            });
        }
    };
    let mut error = match outcome {
        Ok(response) => return Attempt::Answered(Box::new(Exchange { response, lease })),
        Err(error) => error,
    };
    let broke_off = match lease.alert() {
        Some(alert) => {
            tracing::info!(service.name = %service.name, ?alert, "service ended the connection with an alert");
            CERTIFICATE_NOT_ACCEPTED
        }
        None => SERVICE_BROKE_OFF,
    };
    if let Some(request) = error.take_message() {
        return Attempt::Unsent(Box::new(request), broke_off);
    }
    match (progress.and_then(|progress| progress.fault()), spare) {
        (Some(fault), _) => Attempt::Failed(body_refusal(fault)),
        (None, Some(head)) => {
            let again = Request::from_parts(head, RequestBody::Empty);
            Attempt::Unsent(Box::new(again), broke_off)
        }
        (None, None) => {
            let error = error.into_error();
            tracing::info!(service.name = %service.name, %error, "service broke off");
            Attempt::Failed(broke_off)
        }
    }
}

/// Methods whose repetition changes nothing (RFC 9110 §9.2.2).
fn is_repeatable(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

/// Waits until the answer is overdue: counted from the last part of the body sent.
async fn silence(progress: Option<&BodyProgress>, limit: Duration) {
    let mut last = Instant::now();
    loop {
        let deadline = last + limit;
        tokio::time::sleep_until(deadline).await;
        match progress.map(BodyProgress::last_activity) {
            Some(activity) if activity > last => last = activity,
            _ => return,
        }
    }
}

pub(crate) const fn gateway(status: StatusCode, why: &'static str) -> Refusal {
    Refusal { status, why }
}

const NO_HOST: Refusal = gateway(
    StatusCode::BAD_REQUEST,
    "the request names no host to be redirected to",
);
const NO_SERVICE: Refusal = gateway(
    StatusCode::SERVICE_UNAVAILABLE,
    "no service of this virtual server is bound, enabled and up",
);
const SERVICE_UNREACHABLE: Refusal = gateway(
    StatusCode::BAD_GATEWAY,
    "no connection to a service could be made",
);
const SERVICE_BROKE_OFF: Refusal = gateway(
    StatusCode::BAD_GATEWAY,
    "the service closed the connection without a usable answer",
);
const CERTIFICATE_NOT_ACCEPTED: Refusal = gateway(
    StatusCode::BAD_GATEWAY,
    "the service did not accept the client certificate that was made for you",
);
const SERVICE_TIMEOUT: Refusal = gateway(
    StatusCode::GATEWAY_TIMEOUT,
    "the service did not answer in time",
);

pub(crate) const fn body_refusal(fault: BodyError) -> Refusal {
    match fault {
        BodyError::TooLong => super::admission::BODY_TOO_LARGE,
        BodyError::Stalled => gateway(
            StatusCode::REQUEST_TIMEOUT,
            "the body stopped arriving before its end",
        ),
        BodyError::BrokenOff => gateway(StatusCode::BAD_REQUEST, "the body broke off"),
    }
}

const fn violation(violation: Violation) -> Refusal {
    gateway(
        StatusCode::BAD_REQUEST,
        match violation {
            Violation::LengthAndCoding => "there are both Content-Length and Transfer-Encoding",
            Violation::SeveralLengths => "there is more than one Content-Length",
            Violation::Unparsable => "the request's framing is ambiguous",
        },
    )
}

impl Refusal {
    /// The refusal as an answer in plain text; HTTP/1 connections are closed after it.
    fn into_response(self, version: Version) -> Response<ReplyBody> {
        let text = format!(
            "{} {}: {}\n",
            self.status.as_str(),
            self.status.canonical_reason().unwrap_or("Error"),
            self.why
        );
        let mut response = Response::new(ReplyBody::Text(Bytes::from(text)));
        *response.status_mut() = self.status;
        *response.version_mut() = version;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // What follows on a connection whose request was not understood is not to be trusted either.
        let was_refused =
            self.status.is_client_error() || self.status == StatusCode::NOT_IMPLEMENTED;
        if was_refused && version < Version::HTTP_2 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl HttpConnection {
    fn facts(&self) -> Facts<'_> {
        Facts {
            scheme: self.scheme,
            sni: self.sni.as_deref(),
            asks_clients: self.asks_clients,
            underscores: self.shared.limits.underscores,
            max_body: self.shared.limits.body_bytes,
        }
    }

    /// Waits until there was no request for the vserver's client time-out.
    pub(crate) async fn idle(&self) {
        loop {
            self.activity.silence(self.vserver.client_idle).await;
            if self.active.load(Ordering::Acquire) == 0 {
                return;
            }
            self.activity.touch();
        }
    }
}

/// Marks the connection as busy while a request is answered.
struct Busy<'a>(&'a HttpConnection);

impl<'a> Busy<'a> {
    fn new(connection: &'a HttpConnection) -> Self {
        connection.active.fetch_add(1, Ordering::AcqRel);
        connection.activity.touch();
        Self(connection)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::AcqRel);
        self.0.activity.touch();
    }
}

/// What the admitted request asked for, when it was a WebSocket.
pub(crate) const fn is_extended_connect(admitted: &Admitted) -> bool {
    matches!(admitted.kind, Kind::ExtendedConnect)
}
