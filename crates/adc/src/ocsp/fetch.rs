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
    let looked_up = in_time(host, lookup_host((bare, port)), settings.resolve_timeout).await?;
    let addresses = looked_up.map_err(unreachable)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

/// Waits for a name's addresses, and no longer.
async fn in_time<T>(
    host: &str,
    lookup: impl Future<Output = T>,
    limit: Duration,
) -> Result<T, FetchError> {
    tokio::time::timeout(limit, lookup)
        .await
        .map_err(|_| FetchError::Unresolved {
            host: host.to_owned(),
            limit,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::of(&evercert_ns::Config::default().zero_touch_params());
        settings.by_get = true;
        settings
    }

    #[tokio::test]
    async fn a_name_that_is_not_resolved_in_time_is_said_so() {
        let silent = std::future::pending::<()>();

        let failed = in_time("ocsp.example", silent, Duration::from_millis(1)).await;

        assert!(matches!(failed, Err(FetchError::Unresolved { .. })));
    }

    #[test]
    fn long_questions_go_by_post_whatever_was_set() {
        let uri: Uri = "http://ocsp.example/a/".parse().unwrap();
        let asked = |length| {
            let mut question = vec![0; length];
            question[..3].fill(255);
            request(&uri, &question, &settings()).unwrap()
        };

        let short = asked(90);
        assert_eq!(short.method(), Method::GET);
        assert!(
            short.uri().path().starts_with("/a/%2F%2F"),
            "{}",
            short.uri()
        );
        assert_eq!(asked(200).method(), Method::POST);
    }
}
