//! The Console's one listener: TLS, optional instance certificates, HTTP/1.1 and HTTP/2, a clean end.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use evercert_db::DbError;
use evercert_types::{Secret, SharedClock};
use evercert_x509::tls::{ClientAuth, TlsError, server_config};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::Console;
use crate::api::app::{App, Load, Parts};
use crate::auth::{Auth, session, setup};
use crate::challenge_listener::{self, ChallengeAddresses};
use crate::identity::server::{ServerCertificates, usual_names};
use crate::identity::{Identity, IdentityError};
use crate::metrics::Metrics;
use crate::sync::peer::{Peer, PeerIdentity};
use crate::sync::reports::Reports;
use crate::sync::{Store, watch};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take, and how long a connection stays open between requests.
const HEAD: Duration = Duration::from_secs(30);
/// How often a silent HTTP/2 peer is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
/// How long requests have to end when the Console stops.
const DRAIN: Duration = Duration::from_secs(10);
/// Connections at most, where the system allows so many files.
const CONNECTIONS: usize = 10_000;
/// Files left for other things than connections.
const OTHER_FILES: usize = 128;
/// How often the Console's certificate and stale log-ins are looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(1800);
/// Name of the file with the identity CA in the data directory.
const CA_FILE: &str = "console-ca.pem";

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// The one-time URL that makes the first administrator, while there is none.
    pub(crate) setup_url: Option<Secret<String>>,
    /// The identity CA, in PEM: what clients verify the Console by.
    pub(crate) ca_pem: String,
    /// Where challenges of CAs are answered.
    pub(crate) challenges: ChallengeAddresses,
    tasks: TaskTracker,
}

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The identity CA or the TLS certificate cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// TLS cannot be set up.
    #[error("setting up TLS")]
    Tls(#[source] TlsError),
    /// The listener, or the file for clients, cannot be used.
    #[error("{doing}")]
    Io {
        /// What was attempted.
        doing: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl Server {
    /// Waits until every connection is closed and every report is written; to be called after the Console's
    /// shutdown was asked for.
    pub(crate) async fn stopped(self) {
        self.tasks.wait().await;
    }
}

/// Starts to serve; it ends with the Console's shutdown.
///
/// # Errors
/// See [`ServeError`].
pub(crate) async fn start(console: &Console, listener: TcpListener) -> Result<Server, ServeError> {
    let addr = listener
        .local_addr()
        .map_err(io("asking where the listener listens"))?;
    let identity = Arc::new(Identity::open(&console.db, console.clock.clone()).await?);
    let ca_file = console.config.data_dir.join(CA_FILE);
    std::fs::write(&ca_file, identity.ca_pem())
        .map_err(io(&format!("writing {}", ca_file.display())))?;
    let certificates = Arc::new(certificates(console, &identity, addr.ip())?);
    let tls = Arc::new(tls(&identity, certificates.clone(), &console.clock)?);
    let store = Arc::new(Store::load(console.db.clone(), console.clock.clone()).await?);
    let tasks = TaskTracker::new();
    let challenges = challenge_listener::start(console, &tasks).await;
    let challenges = challenges
        .map_err(|(address, error)| io(&format!("listening for challenges on {address}"))(error))?;
    let drained = CancellationToken::new();
    let (reports, writer) = Reports::new(store.clone(), drained.clone());
    tasks.spawn(writer);
    tasks.spawn(watch::run(
        store.clone(),
        console.watch_store(),
        console.bells.clone(),
        console.shutdown.clone(),
    ));
    let connections = allowed_connections();
    let app = App::new(Parts {
        console: console.clone(),
        identity: identity.clone(),
        store,
        reports,
        auth: Auth::new(),
        metrics: Arc::new(Metrics::new()),
        load: Arc::new(Load::new(connections)),
        stop: console.shutdown.clone(),
    });
    tasks.spawn(keep_house(app.clone(), certificates));
    let accepting = Accepting {
        listener,
        tls: TlsAcceptor::from(tls),
        router: crate::api::router(app.clone()),
        load: app.load.clone(),
        permits: Arc::new(Semaphore::new(connections)),
        stop: console.shutdown.clone(),
    };
    tasks.spawn(async move {
        accepting.run().await;
        drained.cancel();
    });
    tasks.close();
    let setup_url = setup_url(console, addr).await?;
    Ok(Server {
        addr,
        setup_url,
        ca_pem: identity.ca_pem(),
        challenges,
        tasks,
    })
}

/// Accepts connections.
struct Accepting {
    listener: TcpListener,
    tls: TlsAcceptor,
    router: Router,
    load: Arc<Load>,
    permits: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Accepting {
    /// Serves until the shutdown, then gives what is going on some time to end.
    async fn run(self) {
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => break,
                accepted = self.accept() => accepted,
            };
            let Some((stream, addr, permit)) = accepted else {
                continue;
            };
            let connection = Connection {
                tls: self.tls.clone(),
                router: self.router.clone(),
                stop: self.stop.clone(),
            };
            let (opened, cut) = (self.load.open(), cut.clone());
            connections.spawn(async move {
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = connection.serve(stream, addr) => {}
                }
                drop((opened, permit));
            });
        }
        drop(self.listener);
        connections.close();
        if tokio::time::timeout(DRAIN, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                connections = connections.len(),
                "connections did not end in time and are cut"
            );
            cut.cancel();
            connections.wait().await;
        }
    }

    /// The next connection, once there is room for it; none when accepting failed, after a pause.
    async fn accept(&self) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, addr)) => Some((stream, addr, permit)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
        }
    }
}

/// One connection.
struct Connection {
    tls: TlsAcceptor,
    router: Router,
    stop: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, addr: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let stream = match tokio::time::timeout(HANDSHAKE, self.tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return tracing::debug!(client.addr = %addr, %error, "a TLS handshake failed");
            }
            Err(_) => return tracing::debug!(client.addr = %addr, "a TLS handshake took too long"),
        };
        let peer = Peer {
            addr,
            identity: identity_of(&stream),
        };
        let router = self.router;
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let builder = http();
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let mut stopping = false;
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(client.addr = %addr, error = &*error as &dyn Error, "a connection ended badly");
        }
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(64)
        .max_header_list_size(16 << 10);
    builder
}

fn identity_of(stream: &TlsStream<TcpStream>) -> Option<PeerIdentity> {
    let (_, tls) = stream.get_ref();
    PeerIdentity::from_leaf(tls.peer_certificates()?.first()?)
}

fn certificates(
    console: &Console,
    identity: &Identity,
    listening: IpAddr,
) -> Result<ServerCertificates, IdentityError> {
    let mut names = usual_names();
    names.extend(console.config.public_names.iter().cloned());
    if !listening.is_unspecified() {
        names.push(listening.to_string());
    }
    let certificates = ServerCertificates::new(identity, &names)?;
    match (
        &console.config.tls_certificate_file,
        &console.config.tls_key_file,
    ) {
        (Some(chain), Some(key)) => certificates.with_operators(chain, key),
        (Some(chain), None) => certificates.with_operators(chain, chain),
        (None, _) => Ok(certificates),
    }
}

fn tls(
    identity: &Identity,
    certificates: Arc<ServerCertificates>,
    clock: &SharedClock,
) -> Result<ServerConfig, ServeError> {
    let clients = ClientAuth::Optional(identity.roots()?);
    let mut config =
        server_config(certificates, clients, &[b"h2", b"http/1.1"]).map_err(ServeError::Tls)?;
    config.time_provider = Arc::new(ClockTime(clock.clone()));
    Ok(config)
}

/// The Console's clock as rustls wants it.
#[derive(Debug)]
struct ClockTime(SharedClock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Connections that the limit on open files leaves room for.
fn allowed_connections() -> usize {
    let files = std::fs::read_to_string("/proc/self/limits")
        .ok()
        .and_then(|limits| {
            let line = limits
                .lines()
                .find(|line| line.starts_with("Max open files"))?;
            line.split_whitespace().nth(3)?.parse::<usize>().ok()
        });
    files.map_or(CONNECTIONS, |files| {
        files.saturating_sub(OTHER_FILES).clamp(16, CONNECTIONS)
    })
}

async fn setup_url(console: &Console, addr: SocketAddr) -> Result<Option<Secret<String>>, DbError> {
    let Some(token) = setup::new_token(&console.db).await? else {
        return Ok(None);
    };
    let url = format!(
        "https://{}:{}/setup#token={}",
        host(console, addr.ip()),
        addr.port(),
        token.expose()
    );
    Ok(Some(Secret::new(url)))
}

/// How people reach the Console: by the first public name that is not this machine's alone.
fn host(console: &Console, listening: IpAddr) -> String {
    let local =
        |name: &str| name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let public = console.config.public_names.iter().find(|name| !local(name));
    match (public, listening) {
        (Some(name), _) if !listening.is_loopback() => name.clone(),
        (_, ip) if ip.is_unspecified() => "localhost".to_owned(),
        (_, IpAddr::V6(ip)) => format!("[{ip}]"),
        (_, IpAddr::V4(ip)) => ip.to_string(),
    }
}

/// Renews the Console's certificate and forgets what is over.
async fn keep_house(app: App, certificates: Arc<ServerCertificates>) {
    let mut every = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = every.tick() => {}
        }
        let now = app.console.now();
        if let Err(error) = certificates.renew(&app.identity, now) {
            tracing::error!(
                error = &error as &dyn Error,
                "the Console's own TLS certificate could not be renewed"
            );
        }
        if let Err(error) = forget(&app, now).await {
            tracing::warn!(
                error = &error as &dyn Error,
                "old log-ins and tokens could not be forgotten"
            );
        }
    }
}

async fn forget(app: &App, now: Timestamp) -> Result<(), DbError> {
    let idle_since = now.checked_sub(session::IDLE).unwrap_or(Timestamp::MIN);
    app.console.db.remove_stale_sessions(idle_since).await?;
    let month_ago = now
        .checked_sub(jiff::SignedDuration::from_hours(24 * 30))
        .unwrap_or(Timestamp::MIN);
    app.console
        .db
        .remove_stale_enrollment_tokens(month_ago)
        .await?;
    Ok(())
}

fn io(doing: &str) -> impl FnOnce(std::io::Error) -> ServeError {
    let doing = doing.to_owned();
    move |source| ServeError::Io { doing, source }
}
