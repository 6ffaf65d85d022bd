//! A small HTTP backend behind each ADC.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A running backend.
pub(crate) struct Backend {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Backend {
    /// Starts one on a free loopback port; it tells its name and the host it was asked for.
    pub(crate) async fn start(name: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("starting a backend")?;
        let addr = listener.local_addr().context("starting a backend")?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(
            listener,
            name.to_owned(),
            stop.clone(),
            tasks.clone(),
        ));
        Ok(Self { addr, stop, tasks })
    }

    /// Stops it with all its connections.
    pub(crate) async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(listener: TcpListener, name: String, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of descriptors, or the peer went away: neither is a reason to stop.
                Err(error) => {
                    tracing::warn!(%error, "the demo's backend cannot accept");
                    continue;
                }
            },
        };
        let (name, stop) = (name.clone(), stop.clone());
        tasks.spawn(async move {
            let service = service_fn(move |request| answer(name.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                _ = connection => {}
            }
        });
    }
}

async fn answer(
    name: String,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .unwrap_or("?");
    let text = format!(
        "Hello from the backend of {name}. You asked for {host}{}.\n",
        request.uri().path()
    );
    Ok(Response::new(Full::new(Bytes::from(text))))
}
