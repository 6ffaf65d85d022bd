//! The Console's own answers to CAs: http-01 and tls-alpn-01 on ports of their own, from the database.
//!
//! For shops that forward `/.well-known/acme-challenge/` or the names' port 443 to the Console. Off by default.
//! Any Console on the same database answers, whichever drives the order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evercert_api::challenge::{host_is, http01_token};
use evercert_db::DbError;
use evercert_x509::tls_alpn01::{self, ALPN};
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_util::task::TaskTracker;

use crate::state::Console;

/// Connections at once on each port.
const CONNECTIONS: usize = 256;
/// For the whole of a connection: a CA asks one thing.
const LIMIT: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted.
const REST: Duration = Duration::from_millis(100);

/// Where the Console answers CAs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChallengeAddresses {
    /// http-01.
    pub http: Option<SocketAddr>,
    /// tls-alpn-01.
    pub tls: Option<SocketAddr>,
}

/// Which of the two a port answers.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Http,
    Tls,
}

/// Opens the ports that the configuration names, and answers there until the shutdown.
///
/// # Errors
/// When a port cannot be had, with its address.
pub(crate) async fn start(
    console: &Console,
    tasks: &TaskTracker,
) -> Result<ChallengeAddresses, (SocketAddr, std::io::Error)> {
    let mut addresses = ChallengeAddresses::default();
    let wanted = [
        (console.config.challenge_http_listen, Kind::Http),
        (console.config.challenge_tls_listen, Kind::Tls),
    ];
    for (address, kind) in wanted {
        let Some(address) = address else { continue };
        let failed = |error| (address, error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        match kind {
            Kind::Http => addresses.http = Some(bound),
            Kind::Tls => addresses.tls = Some(bound),
        }
        tracing::info!(address = %bound, ?kind, "answering challenges of CAs");
        tasks.spawn(accept(console.clone(), listener, kind));
    }
    Ok(addresses)
}

async fn accept(console: Console, listener: TcpListener, kind: Kind) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        // Closed never.
        let permit = permits.clone().acquire_owned().await.ok();
        let accepted = tokio::select! {
            () = console.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let console = console.clone();
        connections.spawn(async move {
            let answering = async {
                match kind {
                    Kind::Http => over_http(&console, stream).await,
                    Kind::Tls => over_tls(&console, stream).await,
                }
            };
            if tokio::time::timeout(LIMIT, answering).await.is_err() {
                tracing::debug!(?kind, "a connection for challenges took too long");
            }
            drop(permit);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn over_http(console: &Console, stream: TcpStream) {
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(answer(console, &request).await)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LIMIT)
        .keep_alive(false)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = serving.await {
        tracing::debug!(%error, "a connection for challenges ended badly");
    }
}

async fn answer(console: &Console, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(token) = http01_token(request.uri().path()) else {
        return plain(
            StatusCode::NOT_FOUND,
            "only ACME challenges are answered here\n",
        );
    };
    match console.db.challenges_with_token(token).await {
        Ok(found) => match found.iter().find(|one| host_is(host, &one.identifier)) {
            Some(one) => {
                tracing::info!(
                    challenge.identifier = one.identifier,
                    "answered http-01 of a CA"
                );
                plain(StatusCode::OK, one.key_authorization.clone())
            }
            None => plain(StatusCode::NOT_FOUND, "no such challenge\n"),
        },
        Err(error) => {
            tracing::warn!(%error, "a challenge cannot be looked up");
            plain(StatusCode::SERVICE_UNAVAILABLE, "try again\n")
        }
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, octets);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn over_tls(console: &Console, stream: TcpStream) {
    let start = match LazyConfigAcceptor::new(Acceptor::default(), stream).await {
        Ok(start) => start,
        Err(error) => return tracing::debug!(%error, "no handshake for a challenge"),
    };
    // Whoever is no CA, or too early, is hung up on.
    let Some(name) = asked_for(&start.client_hello()) else {
        return;
    };
    let config = match config_for(console, &name).await {
        Ok(Some(config)) => config,
        Ok(None) => return,
        Err(error) => return tracing::warn!(%error, "a challenge cannot be looked up"),
    };
    match start.into_stream(config).await {
        Ok(mut stream) => {
            tracing::info!(challenge.server_name = name, "answered tls-alpn-01 of a CA");
            // The CA may have hung up already.
            stream.shutdown().await.unwrap_or_default();
        }
        Err(error) => tracing::debug!(%error, "no handshake for a challenge"),
    }
}

/// The server name of a handshake that is a CA's.
fn asked_for(hello: &ClientHello<'_>) -> Option<String> {
    let mut offered = hello.alpn()?;
    let is_challenge = offered.any(|protocol| protocol == ALPN);
    let name = hello.server_name().filter(|_| is_challenge)?;
    Some(name.to_ascii_lowercase())
}

async fn config_for(console: &Console, name: &str) -> Result<Option<Arc<ServerConfig>>, DbError> {
    let identifier = tls_alpn01::identifier(name);
    let found = console.db.challenges_for_handshake(&identifier).await?;
    let Some(newest) = found.first() else {
        return Ok(None);
    };
    let made =
        tls_alpn01::server_config(&newest.identifier, &newest.key_authorization, console.now());
    Ok(made
        .inspect_err(|error| tracing::error!(%error, "a challenge cannot be answered"))
        .ok())
}
