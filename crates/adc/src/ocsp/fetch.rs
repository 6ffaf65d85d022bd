//! One question to a responder over HTTP (RFC 6960 appendix A), with limits on time and size.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};

use super::Settings;

/// Longest response that is read.
const MAX_RESPONSE: usize = 64 << 10;
/// Longest URL that a question may be put into.
const MAX_URL: usize = 255;

/// A responder could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("\"{0}\" is not a responder's URL")]
    Url(String),
    #[error("{host} was not resolved within {limit:?}")]
    Unresolved { host: String, limit: Duration },
    #[error("{host} could not be resolved or reached")]
    Unreachable {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("it did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("the exchange failed")]
    Exchange(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("it answered with HTTP {0}")]
    Status(StatusCode),
}

/// Asks; answers the response's octets.
pub(super) async fn ask(
    url: &str,
    question: &[u8],
    settings: &Settings,
) -> Result<Bytes, FetchError> {
    let limit = settings.response_timeout;
    tokio::time::timeout(limit, exchange(url, question, settings))
        .await
        .unwrap_or(Err(FetchError::TimedOut(limit)))
}

async fn exchange(url: &str, question: &[u8], settings: &Settings) -> Result<Bytes, FetchError> {
    let wrong = || FetchError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    let stream = connect(host, uri.port_u16().unwrap_or(80), settings).await?;
    let request = request(&uri, question, settings).ok_or_else(wrong)?;
    let failed = |error: hyper::Error| FetchError::Exchange(error.into());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let conversation = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_RESPONSE);
        let collected = body.collect().await.map_err(FetchError::Exchange)?;
        Ok(collected.to_bytes())
    };
    tokio::select! {
        answered = conversation => answered,
        ended = connection => Err(match ended {
            Ok(()) => FetchError::Exchange("it hung up".into()),
            Err(error) => failed(error),
        }),
    }
}

async fn connect(host: &str, port: u16, settings: &Settings) -> Result<TcpStream, FetchError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let unreachable = |source| FetchError::Unreachable {
        host: host.to_owned(),
        source,
    };
    let limit = settings.resolve_timeout;
    let resolved = tokio::time::timeout(limit, lookup_host((bare, port))).await;
    let addresses = resolved
        .map_err(|_| FetchError::Unresolved {
            host: host.to_owned(),
            limit,
        })?
        .map_err(unreachable)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

/// By GET where that is wanted and the URL stays short, else by POST.
fn request(uri: &Uri, question: &[u8], settings: &Settings) -> Option<Request<Full<Bytes>>> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority()?.as_str();
    let in_path = format!("{}/{}", path.trim_end_matches('/'), escaped(question));
    if settings.by_get && host.len() + in_path.len() <= MAX_URL {
        return Request::builder()
            .method(Method::GET)
            .uri(in_path)
            .header(header::HOST, host)
            .body(Full::default())
            .ok();
    }
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/ocsp-request")
        .body(Full::from(question.to_vec()))
        .ok()
}

fn escaped(question: &[u8]) -> String {
    STANDARD
        .encode(question)
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}
