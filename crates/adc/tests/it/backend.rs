//! Backends of the tests: one that answers HTTP and notes what it got, and one scripted byte by byte.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An HTTP/1.1 backend; what it answers depends on the path.
pub(crate) struct Backend {
    pub(crate) addr: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        Self::named("backend").await
    }

    /// Its name is what it answers to `/who`.
    pub(crate) async fn named(name: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let seen = shared.clone();
                let service = service_fn(move |request| answer(seen.clone(), name, request));
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(tcp), service)
                    .with_upgrades();
                tokio::spawn(serving);
            }
        });
        Self { addr, seen }
    }

    /// Heads of the requests it got: method, target, version and fields, one a line, sorted.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

async fn answer(
    seen: Arc<Seen>,
    name: &'static str,
    mut request: Request<Incoming>,
) -> Result<Response<Script>, Infallible> {
    seen.requests.lock().unwrap().push(describe(&request));
    let path = request.uri().path().to_owned();
    if path == "/ws" {
        return Ok(websocket_echo(&mut request));
    }
    Ok(match path.as_str() {
        "/who" => Response::new(Script::text(name)),
        "/echo" => {
            let Ok(collected) = request.into_body().collect().await else {
                return Ok(status(StatusCode::BAD_REQUEST));
            };
            let trailers = collected.trailers().cloned();
            let mut response = Response::new(Script::bytes(collected.to_bytes()));
            if let Some(trailers) = trailers {
                for (key, value) in &trailers {
                    response.headers_mut().insert(
                        format!("x-trailer-{key}")
                            .parse::<http::HeaderName>()
                            .unwrap(),
                        value.clone(),
                    );
                }
            }
            response
        }
        "/trailers" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("42"));
            let parts = vec![Frame::data(Bytes::from("body")), Frame::trailers(trailers)];
            let mut response = Response::new(Script::frames(parts));
            response
                .headers_mut()
                .insert("trailer", HeaderValue::from_static("x-sum"));
            response
        }
        "/slow-head" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            Response::new(Script::text("late"))
        }
        "/pause" => {
            tokio::time::sleep(Duration::from_millis(600)).await;
            Response::new(Script::text("paused"))
        }
        "/stuck-body" => Response::new(Script::stuck()),
        "/events" => {
            let mut response = Response::new(Script::stuck());
            let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
            response.headers_mut().insert("content-type", kind);
            response
        }
        "/stream" => Response::new(Script::stream(200)),
        "/hop" => {
            let mut response = Response::new(Script::text("hop"));
            for (name, value) in [
                ("keep-alive", "timeout=5"),
                ("connection", "x-internal"),
                ("x-internal", "secret"),
                ("x-kept", "1"),
            ] {
                response
                    .headers_mut()
                    .append(name, HeaderValue::from_static(value));
            }
            response
        }
        "/none" => status(StatusCode::NO_CONTENT),
        _ => Response::new(Script::text("hello")),
    })
}

fn status(status: StatusCode) -> Response<Script> {
    let mut response = Response::new(Script::frames(Vec::new()));
    *response.status_mut() = status;
    response
}

fn describe(request: &Request<Incoming>) -> String {
    let mut fields: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
        .collect();
    fields.sort();
    let line = format!(
        "{} {} {:?}",
        request.method(),
        request.uri(),
        request.version()
    );
    std::iter::once(line)
        .chain(fields)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Switches protocols, then sends back whatever comes; no frames are looked at.
fn websocket_echo(request: &mut Request<Incoming>) -> Response<Script> {
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        tokio::io::copy(&mut read, &mut write)
            .await
            .unwrap_or_default();
        write.shutdown().await.unwrap_or_default();
    });
    let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert("connection", HeaderValue::from_static("upgrade"));
    headers.insert("upgrade", HeaderValue::from_static("websocket"));
    headers.insert(
        "sec-websocket-accept",
        HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    );
    headers.insert("sec-websocket-protocol", HeaderValue::from_static("chat"));
    response
}

/// A body in frames.
pub(crate) struct Script {
    frames: std::collections::VecDeque<Frame<Bytes>>,
    stuck: bool,
    length: Option<u64>,
}

impl Script {
    fn text(text: &'static str) -> Self {
        Self::bytes(Bytes::from(text))
    }

    fn bytes(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        Self {
            frames: [Frame::data(bytes)].into(),
            stuck: false,
            length,
        }
    }

    fn frames(frames: Vec<Frame<Bytes>>) -> Self {
        Self {
            length: frames.is_empty().then_some(0),
            frames: frames.into(),
            stuck: false,
        }
    }

    fn stream(parts: usize) -> Self {
        let part = || Frame::data(Bytes::from(vec![b'x'; 16 << 10]));
        Self::frames((0..parts).map(|_| part()).collect())
    }

    fn stuck() -> Self {
        Self {
            frames: [Frame::data(Bytes::from("begin"))].into(),
            stuck: true,
            length: None,
        }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.stuck => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.length
            .map_or_else(Default::default, hyper::body::SizeHint::with_exact)
    }
}

/// A backend that plays one script a connection: reads a head, writes bytes, closes.
pub(crate) struct ScriptedBackend {
    pub(crate) addr: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl ScriptedBackend {
    /// Connection number n gets `script(n)`: answers to its requests, in order; then it is closed.
    pub(crate) async fn start(
        script: impl Fn(usize) -> Vec<&'static str> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(play(tcp, script(number)));
            }
        });
        Self { addr, connections }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn play(mut tcp: TcpStream, answers: Vec<&'static str>) {
    for answer in answers {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match tcp.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        tcp.write_all(answer.as_bytes()).await.unwrap_or_default();
    }
}
