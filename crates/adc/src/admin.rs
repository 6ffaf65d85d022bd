//! The local status interface: HTTP on a socket in the state directory that only its owner may open.
//!
//! NITRO as the local superuser (`/nitro/v1/…`), and `GET /status`, `/zerotouch`, `/explain?sni=NAME&vserver=V&sigalgs=rsa,ecdsa` (JSON) and `/metrics` (text).

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::instance::Instance;
use crate::nitro;
use crate::tls::explain::{ExplainQuery, SignatureName};

/// The socket's name in the state directory.
pub const SOCKET: &str = "adc.sock";
/// For one question.
const LIMIT: Duration = Duration::from_secs(10);

/// The instance could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// No instance runs with this state directory, or it is another user's.
    #[error("no ADC answers at {path}")]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It did not answer as expected.
    #[error("the ADC did not answer {question}")]
    Exchange {
        /// What was asked.
        question: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took the question for a bad one.
    #[error("the ADC answered {status}: {detail}")]
    Refused {
        /// The status.
        status: u16,
        /// Its words.
        detail: String,
    },
}

impl AdminError {
    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NotRunning { .. } => {
                "Start `evercert adc`, or give its state directory with --state-dir, as the same user."
            }
            Self::Exchange { .. } => "Look at the ADC's log.",
            Self::Refused { .. } => "Correct the arguments.",
        }
    }
}

/// Asks a running instance of this machine, such as `/status`; `/metrics` answers a JSON string.
///
/// # Errors
/// See [`AdminError`]; never later than after ten seconds.
pub async fn query(state_dir: &Path, path: &str) -> Result<serde_json::Value, AdminError> {
    let socket = state_dir.join(SOCKET);
    let stream = UnixStream::connect(&socket)
        .await
        .map_err(|source| AdminError::NotRunning {
            path: socket,
            source,
        })?;
    let asked = tokio::time::timeout(LIMIT, ask(stream, path)).await;
    let (status, body) = asked
        .unwrap_or_else(|elapsed| Err(elapsed.into()))
        .map_err(|source| exchange(path, source))?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if !status.is_success() {
        return Err(AdminError::Refused {
            status: status.as_u16(),
            detail: text.trim().to_owned(),
        });
    }
    if path.starts_with("/metrics") {
        return Ok(serde_json::Value::String(text));
    }
    serde_json::from_str(&text).map_err(|error| exchange(path, error.into()))
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn exchange(path: &str, source: AnyError) -> AdminError {
    AdminError::Exchange {
        question: path.to_owned(),
        source,
    }
}

async fn ask(stream: UnixStream, path: &str) -> Result<(StatusCode, Bytes), AnyError> {
    let request = Request::get(path)
        .header(header::HOST, "adc")
        .body(Full::<Bytes>::default())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let conversation = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, body))
    };
    tokio::select! {
        answered = conversation => answered,
        ended = connection => Err(ended.err().map_or_else(|| "it hung up".into(), Into::into)),
    }
}

/// Opens the socket; one left over from an instance that was killed is replaced.
///
/// # Errors
/// When it cannot be made, or its owner set.
pub(crate) fn bind(state_dir: &Path) -> io::Result<UnixListener> {
    let path = state_dir.join(SOCKET);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers questions until it is stopped.
pub(crate) async fn serve(
    listener: UnixListener,
    instance: Arc<Instance>,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (instance, stop) = (instance.clone(), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| answer(instance.clone(), request));
            let serving = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(LIMIT)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // Whoever asked is gone.
                outcome = serving => outcome.unwrap_or_default(),
                () = stop.cancelled() => {}
            }
        });
    }
}

async fn answer(
    instance: Arc<Instance>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if nitro::is_nitro(request.uri().path()) {
        return Ok(nitro::answer(instance, nitro::Peer::Local, request).await);
    }
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/status") => to_json(&instance.status()),
        (&Method::GET, "/zerotouch") => to_json(&instance.status().zero_touch),
        (&Method::GET, "/metrics") => text(
            StatusCode::OK,
            "text/plain; version=0.0.4",
            instance.metrics_text(),
        ),
        (&Method::GET, "/explain") => match explain_query(request.uri().query().unwrap_or("")) {
            Ok(query) => explain(&instance, &query),
            Err(why) => text(StatusCode::BAD_REQUEST, "text/plain", format!("{why}\n")),
        },
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain",
            "ask /status, /zerotouch, /explain or /metrics by GET\n".to_owned(),
        ),
    })
}

fn explain(instance: &Instance, query: &ExplainQuery) -> Response<Full<Bytes>> {
    let explanations = instance.explain(query);
    if let (Some(vserver), true) = (&query.vserver, explanations.is_empty()) {
        let why = format!("there is no vserver {vserver} that speaks TLS\n");
        return text(StatusCode::NOT_FOUND, "text/plain", why);
    }
    to_json(&json!({
        "explanations": explanations,
        "not_served": instance.not_served(query.sni.as_deref()),
    }))
}

/// Reads `sni=NAME&vserver=V&sigalgs=rsa,ecdsa`; values may be percent-encoded.
fn explain_query(text: &str) -> Result<ExplainQuery, String> {
    let mut query = ExplainQuery::default();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode(value)?;
        match key {
            "sni" if value.is_empty() => {}
            "sni" => query.sni = Some(value),
            "vserver" => query.vserver = Some(value),
            "sigalgs" => {
                let names = value.split(',').map(str::parse::<SignatureName>);
                let names = names.collect::<Result<_, _>>();
                query.signatures = Some(names.map_err(|error| error.to_string())?);
            }
            _ => {
                return Err(format!(
                    "\"{key}\" is not an argument; use sni, vserver, sigalgs"
                ));
            }
        }
    }
    Ok(query)
}

fn percent_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = tail.split_at_checked(2);
        let decoded = digits.and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = decoded.ok_or_else(|| format!("\"{text}\" is not percent-encoded"))?;
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| format!("\"{text}\" is not UTF-8"))
}

fn to_json<T: serde::Serialize>(value: &T) -> Response<Full<Bytes>> {
    match serde_json::to_string(value) {
        Ok(json) => text(StatusCode::OK, "application/json", json),
        Err(error) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain",
            format!("{error}\n"),
        ),
    }
}

fn text(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_with_their_percent_signs() {
        let query = explain_query("sni=%2A.a.example&vserver=v%201&sigalgs=rsa,ecdsa").unwrap();

        assert_eq!(query.sni.as_deref(), Some("*.a.example"));
        assert_eq!(query.vserver.as_deref(), Some("v 1"));
        let names = [SignatureName::Rsa, SignatureName::Ecdsa];
        assert_eq!(query.signatures.as_deref(), Some(&names[..]));
        for bad in ["sni=%4", "sni=%zz", "x=1", "sigalgs=dsa"] {
            assert!(explain_query(bad).is_err(), "{bad}");
        }
    }
}
