//! http-01 (RFC 8555 §8.3): a resource with the key authorization, redirects followed.

use axum::body::Body;
use http::{Request, Response, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

use super::{Task, Validator, tls_client};
use crate::problem::{Kind, Problem};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;
/// Largest answer that is read.
const MAX_BODY: usize = 64 * 1024;

pub(super) async fn validate(validator: &Validator, task: &Task) -> Result<(), Problem> {
    let host = match task.identifier.value.as_str() {
        ip if ip.contains(':') => format!("[{ip}]"),
        other => other.to_owned(),
    };
    let mut url = format!("http://{host}/.well-known/acme-challenge/{}", task.token);
    for _ in 0..=MAX_REDIRECTS {
        let response = fetch(validator, &url).await?;
        let status = response.status();
        if status.is_redirection() {
            url = redirect(&url, &response)?;
            continue;
        }
        if !status.is_success() {
            return Err(incorrect(&url, &format!("it answered {status}")));
        }
        let body = axum::body::to_bytes(response.into_body(), MAX_BODY)
            .await
            .map_err(|_| incorrect(&url, "its body was cut off or too long"))?;
        let text = String::from_utf8_lossy(&body);
        if text.trim_end() == task.key_authorization {
            return Ok(());
        }
        let shown: String = text.chars().take(100).collect();
        let detail = format!("expected \"{}\", got \"{shown}\"", task.key_authorization);
        return Err(incorrect(&url, &detail));
    }
    Err(incorrect(&url, "there were too many redirects"))
}

async fn fetch(validator: &Validator, url: &str) -> Result<Response<Body>, Problem> {
    let uri: Uri = url
        .parse()
        .map_err(|_| incorrect(url, "it is no URL that can be followed"))?;
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_matches(['[', ']']);
    let secure = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(incorrect(url, "only http and https are followed")),
    };
    // In a test world the well-known ports stand for the configured ones.
    let port = match (uri.port_u16(), secure) {
        (None | Some(80), false) => validator.http_port,
        (None | Some(443), true) => validator.tls_port,
        (Some(port), _) => port,
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(
            header::HOST,
            uri.authority().map_or(host, |all| all.as_str()),
        )
        .header(header::USER_AGENT, "evercert-ca")
        .header(header::CONNECTION, "close")
        .body(Body::empty())
        .map_err(|_| incorrect(url, "it is no URL that can be followed"))?;
    let stream = validator.connect(bare, port).await?;
    if secure {
        let stream = tls_client::connect(stream, bare, &[b"http/1.1"]).await?;
        exchange(stream, request, url).await
    } else {
        exchange(stream, request, url).await
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Body>,
    url: &str,
) -> Result<Response<Body>, Problem>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: hyper::Error| {
        Problem::new(Kind::Connection, format!("fetching {url} failed: {error}"))
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let response = sender.send_request(request).await.map_err(failed)?;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(Body::new(body), MAX_BODY)
        .await
        .map_err(|_| incorrect(url, "its body was cut off or too long"))?;
    drop(driver);
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn redirect(url: &str, response: &Response<Body>) -> Result<String, Problem> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| incorrect(url, "its redirect has no location"))?;
    if location.starts_with("http://") || location.starts_with("https://") {
        return Ok(location.to_owned());
    }
    let origin_end = url
        .find("://")
        .and_then(|scheme| url[scheme + 3..].find('/').map(|slash| scheme + 3 + slash))
        .unwrap_or(url.len());
    match location {
        path if path.starts_with('/') && !path.starts_with("//") => {
            Ok(format!("{}{path}", &url[..origin_end]))
        }
        _ => Err(incorrect(
            url,
            "its redirect is neither a URL nor an absolute path",
        )),
    }
}

fn incorrect(url: &str, detail: &str) -> Problem {
    Problem::new(Kind::IncorrectResponse, format!("{url}: {detail}"))
}
