//! A proxy in front of an HTTP API that fails now and then, before the call or after it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Dice;

/// No body is longer.
const LONGEST: usize = 16 << 20;

/// Passes requests on to an API and spoils some.
#[derive(Debug)]
pub struct HttpFaults {
    addr: SocketAddr,
    way: Arc<Way>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Way {
    http: reqwest::Client,
    /// Scheme and authority of the API.
    api: String,
    per_mille: u64,
    dice: Dice,
    calls: AtomicUsize,
    spoilt: AtomicUsize,
}

/// How a call is spoilt.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// 500, and nothing was done.
    Refused,
    /// 429, and nothing was done.
    TooMany,
    /// 503, although it was done.
    DoneAndDenied,
    /// The connection is cut before the answer is whole, although it was done.
    Cut,
}

impl HttpFaults {
    /// Starts it; so many of a thousand calls are spoilt.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(api: &str, per_mille: u64, dice: Dice) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .context("preparing the HTTP client")?;
        let way = Arc::new(Way {
            http,
            api: api.to_owned(),
            per_mille,
            dice,
            calls: AtomicUsize::new(0),
            spoilt: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.context("opening a TCP socket")?;
        let addr = listener.local_addr().context("opening a TCP socket")?;
        let router = Router::new().fallback(pass).with_state(Arc::clone(&way));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the proxy ended: {error}");
            }
        });
        Ok(Self { addr, way, task })
    }

    /// Its base URL, without path.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many calls came, and how many of them were spoilt.
    pub fn counts(&self) -> (usize, usize) {
        let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
        (count(&self.way.calls), count(&self.way.spoilt))
    }
}

impl Drop for HttpFaults {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(way): State<Arc<Way>>, request: Request) -> Response {
    way.calls.fetch_add(1, Ordering::SeqCst);
    let fault = way.dice.happens(way.per_mille).then(|| {
        way.spoilt.fetch_add(1, Ordering::SeqCst);
        let all = [
            Fault::Refused,
            Fault::TooMany,
            Fault::DoneAndDenied,
            Fault::Cut,
        ];
        all[usize::try_from(way.dice.roll(4)).unwrap_or_default()]
    });
    match fault {
        Some(Fault::Refused) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::TooMany) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response()
        }
        None => forward(&way, request).await.unwrap_or_else(|error| {
            (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response()
        }),
        Some(Fault::DoneAndDenied) => {
            drop(forward(&way, request).await);
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Some(Fault::Cut) => {
            drop(forward(&way, request).await);
            let cut = std::io::Error::other("cut");
            Response::new(Body::from_stream(stream::iter([
                Ok(Bytes::from_static(b"{")),
                Err(cut),
            ])))
        }
    }
}

async fn forward(way: &Way, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LONGEST).await?;
    let mut headers = parts.headers;
    headers.remove("host");
    let answer = way
        .http
        .request(parts.method, format!("{}{}", way.api, parts.uri))
        .headers(headers)
        .body(body)
        .send()
        .await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    if let Some(kind) = answer.headers().get("content-type") {
        response.headers_mut().insert("content-type", kind.clone());
    }
    *response.body_mut() = Body::from(answer.bytes().await?);
    Ok(response)
}
