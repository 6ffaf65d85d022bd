//! The running stub: TLS on loopback, one answer for each request.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri, header};
use evercert_types::{Clock, KeyAlgorithm, SystemClock};
use evercert_x509::KeyPair;
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::tls::{ClientAuth, certified_key, server_config, single_certificate};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use jiff::SignedDuration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::answer::Fate;
use super::control::Control;
use super::issuer::{HIERARCHIES, Issuer};
use super::journal::Journal;
use super::options::StubOptions;
use super::world::{Call, World};
use crate::process::StartError;

/// How long a client may take for its TLS handshake.
const PATIENCE: Duration = Duration::from_secs(10);
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);

/// A running stub; it stops, and its connections break, when it is dropped.
#[derive(Debug)]
pub struct AcmeStub {
    addr: SocketAddr,
    ca_bundle_pem: String,
    roots: Vec<String>,
    control: Control,
    task: JoinHandle<()>,
}

/// One connection's view of the stub.
#[derive(Clone, Debug)]
struct Connection {
    control: Control,
    close: Arc<Notify>,
}

impl AcmeStub {
    /// Starts it on a free port of 127.0.0.1 with fresh keys.
    ///
    /// # Errors
    /// When it cannot listen or its certificates cannot be made.
    pub async fn start(options: StubOptions) -> Result<Self, StartError> {
        let failed = |reason: Box<dyn std::error::Error>| {
            StartError::setup("starting the stub ACME server", reason)
        };
        let (acceptor, ca_bundle_pem) = https().map_err(failed)?;
        let issuer = Issuer::new(&options.clock).map_err(failed)?;
        let roots = (0..HIERARCHIES).filter_map(|number| issuer.root(number));
        let roots = roots.map(evercert_x509::Certificate::to_pem).collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|error| failed(error.into()))?;
        let addr = listener
            .local_addr()
            .map_err(|error| failed(error.into()))?;
        let world = World::new(
            format!("https://{addr}"),
            options.clock,
            issuer,
            options.switches,
            Journal::new(options.journal_limit),
        );
        let control = Control::new(Arc::new(Mutex::new(world)));
        let task = tokio::spawn(accept(listener, acceptor, control.clone()));
        Ok(Self {
            addr,
            ca_bundle_pem,
            roots,
            control,
            task,
        })
    }

    /// The URL a client is given.
    pub fn directory_url(&self) -> String {
        format!("https://{}/directory", self.addr)
    }

    /// The anchor of its HTTPS; not of the certificates it issues.
    pub fn ca_bundle_pem(&self) -> &str {
        &self.ca_bundle_pem
    }

    /// The anchor of the certificates it issues.
    pub fn root_pem(&self) -> &str {
        &self.roots[0]
    }

    /// The anchor of an alternate chain, counted from 1; there are 3.
    pub fn alternate_root_pem(&self, number: usize) -> Option<&str> {
        self.roots.get(number).map(String::as_str)
    }

    /// The address it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Steers it while it runs.
    pub const fn control(&self) -> &Control {
        &self.control
    }

    /// Stops listening and breaks all connections, as a CA that went away.
    pub async fn stop(&mut self) {
        self.task.abort();
        if !self.task.is_finished() {
            // The end is what was asked for; how the task ended says nothing more.
            drop((&mut self.task).await);
        }
    }
}

impl Drop for AcmeStub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A CA for HTTPS alone, by the system's clock: clients verify this certificate with theirs.
fn https() -> Result<(TlsAcceptor, String), Box<dyn std::error::Error>> {
    let now = SystemClock.now();
    let ca = Authority::self_signed("Stub HTTPS CA", KeyAlgorithm::EcdsaP256, LIFE, now)?;
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256)?;
    let mut request = LeafRequest::for_key(&key, &["localhost".parse()?], LIFE, now);
    request.ips = vec![Ipv4Addr::LOCALHOST.into()];
    let certified = certified_key(&ca.issue_chain(&request)?, &key)?;
    // HTTP/1.1 alone: closing a connection then concerns one request.
    let resolver = single_certificate(certified);
    let config = server_config(resolver, ClientAuth::None, &[b"http/1.1"])?;
    Ok((
        TlsAcceptor::from(Arc::new(config)),
        ca.certificate().to_pem(),
    ))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, control: Control) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, acceptor.clone(), control.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, control: Control) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await else {
        return;
    };
    let close = Arc::new(Notify::new());
    let connection = Connection {
        control,
        close: close.clone(),
    };
    let router = Router::new().fallback(answer).with_state(connection);
    let builder = Builder::new(TokioExecutor::new()).http1_only();
    let service = TowerToHyperService::new(router);
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that breaks off is no matter of the stub.
        _ended = served => {}
        () = close.notified() => {}
    }
}

async fn answer(
    State(connection): State<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let call = Call {
        method,
        path: uri.path().to_owned(),
        content_type: content_type
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        body: body.to_vec(),
    };
    let answer = connection.control.world().handle(&call);
    match answer.fate {
        Fate::Hang => std::future::pending().await,
        Fate::Close => {
            connection.close.notify_one();
            std::future::pending().await
        }
        Fate::Given | Fate::Cut => answer.into_response(),
    }
}
