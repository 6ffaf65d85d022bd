//! An ADC that answers a handful of NITRO requests over a socket, for the shell's own tests.

use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::UnixListener;

use crate::output::Output;
use crate::shell::session::Asking;
use crate::shell::{Session, Socket, Wire};

/// A running stub; ends with the test's runtime.
pub(super) struct Stub {
    dir: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(evercert_adc::admin::SOCKET)).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let log = log.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(log.clone(), request));
                    let serving = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    // Whoever asked is gone.
                    serving.await.unwrap_or_default();
                });
            }
        });
        Self { dir, asked }
    }

    pub(super) fn session(&self, output: Output) -> Session {
        let wire = Wire::Local(Socket::of(self.dir.path()));
        Session::new(wire, output, Asking::Nobody)
    }

    /// Method and target of every request.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(
    log: Arc<Mutex<Vec<String>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let asked = format!("{} {}", request.method(), request.uri());
    log.lock().unwrap().push(asked.clone());
    let ok = r#""errorcode":0,"message":"Done","severity":"NONE""#;
    let (status, body) = match asked.as_str() {
        "GET /nitro/v1/config/server" => (
            200,
            format!(
                r#"{{{ok},"server":[{{"name":"s1","ipaddress":"10.0.0.1","state":"ENABLED"}}]}}"#
            ),
        ),
        "GET /nitro/v1/config/sslvserver/vs" => (
            200,
            format!(r#"{{{ok},"sslvserver":[{{"vservername":"vs"}}]}}"#),
        ),
        "GET /nitro/v1/config/sslvserver_binding/vs" => (
            200,
            format!(
                r#"{{{ok},"sslvserver_binding":[{{"vservername":"vs","sslvserver_sslcertkey_binding":[{{"certkeyname":"web1","snicert":true}}]}}]}}"#
            ),
        ),
        "POST /nitro/v1/config/lbvserver?warning=yes" => (
            209,
            r#"{"errorcode":1067,"message":"Feature(s) not enabled [LB]","severity":"WARNING"}"#
                .to_owned(),
        ),
        _ => (
            404,
            r#"{"errorcode":258,"message":"No such resource [name, nowhere]","severity":"ERROR"}"#
                .to_owned(),
        ),
    };
    Response::builder()
        .status(status)
        .body(Full::new(Bytes::from(body)))
}
