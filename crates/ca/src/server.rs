//! The running CA: starts, accepts connections, stops cleanly.

use std::fs::{File, TryLockError};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use evercert_x509::tls::{ClientAuth, TlsError, server_config};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use jiff::{SignedDuration, Timestamp};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::config::CaConfig;
use crate::issuer::{Hierarchy, HierarchyError};
use crate::journal::{Journal, JournalError};
use crate::shared::Shared;
use crate::store::{Record, Store};
use crate::tls::{OwnCertificate, OwnError};
use crate::validate::{self, Validator};
use crate::{finalize, routes};

/// How long a client may take for its TLS handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may wait for a request's head: longer than clients keep idle connections,
/// so that it is they who close them and no request crosses the closing.
const IDLE: Duration = Duration::from_secs(120);
/// How many connections are served at a time.
const MAX_CONNECTIONS: usize = 1024;
/// How long a shutdown waits for requests and validations under way.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a start waits for the former CA to let go of the directory.
const HANDOVER: Duration = Duration::from_secs(1);
/// How often what was written is flushed to the disk.
const FLUSH: Duration = Duration::from_secs(1);
/// How long after its end an order or authorization is remembered.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// A Local CA that runs until it is shut down or dropped.
#[derive(Debug)]
pub struct LocalCa {
    shared: Arc<Shared>,
    addr: SocketAddr,
}

/// A Local CA could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaError {
    /// The address cannot be listened on.
    #[error("the Local CA cannot listen on {addr}; choose another address or port")]
    Listen {
        /// Which.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another Local CA uses the state directory.
    #[error(
        "another Local CA runs with the state directory {0}; stop it or give another directory"
    )]
    InUse(PathBuf),
    /// A file of the state directory cannot be read or written.
    #[error("the Local CA's state cannot be used; check the directory's permissions and space")]
    State(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The hierarchy could not be made or read.
    #[error("the Local CA's own certificates cannot be had")]
    Hierarchy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A name for the HTTPS certificate is wrong, or TLS refused it.
    #[error("the Local CA's HTTPS cannot be set up")]
    Https(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system's name servers cannot be read.
    #[error("the name servers for validation cannot be found; name one explicitly")]
    Resolver(#[source] std::io::Error),
}

impl LocalCa {
    /// Starts a CA: makes or reads its keys, listens, and takes up what a former run left unfinished.
    ///
    /// # Errors
    /// See [`CaError`].
    pub async fn start(config: CaConfig) -> Result<Self, CaError> {
        let lock = lock_directory(&config).await?;
        let hierarchy = Hierarchy::open(&config, config.state_dir.as_deref())?;
        let store = open_store(&config)?;
        let validator = Validator::new(&config).map_err(CaError::Resolver)?;
        let wanted = config.listen;
        let failed = |source| CaError::Listen {
            addr: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let base = base_url(&config, addr);
        let own = Arc::new(OwnCertificate::new(
            hierarchy.root(),
            &own_names(&config, addr, &base),
        )?);
        let tls = server_config(own.clone(), ClientAuth::None, &[b"h2", b"http/1.1"])?;
        let shared = Shared::new(config, base, hierarchy, validator, store, lock);
        resume(&shared);
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        shared
            .tasks
            .spawn(accept(listener, acceptor, shared.clone()));
        shared.tasks.spawn(keep_house(shared.clone(), own));
        tracing::info!(addr = %addr, directory = %shared.url("/directory"), "Local CA started");
        Ok(Self { shared, addr })
    }

    /// The URL an ACME client is given.
    pub fn directory_url(&self) -> String {
        self.shared.url("/directory")
    }

    /// The root certificate (PEM) that issued certificates chain to.
    pub fn root_pem(&self) -> String {
        self.shared.hierarchy.root().certificate().to_pem()
    }

    /// The root certificate (PEM) that its HTTPS certificate chains to: the same root.
    pub fn tls_root_pem(&self) -> String {
        self.root_pem()
    }

    /// The alternate root (PEM), when there is one.
    pub fn alternate_root_pem(&self) -> Option<String> {
        self.shared
            .hierarchy
            .alternate_root()
            .map(evercert_x509::Certificate::to_pem)
    }

    /// The address it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many certificates it has issued, former runs included.
    pub fn issued(&self) -> usize {
        self.shared.store().certificates().count()
    }

    /// Whether and why the certificate with this fingerprint was revoked: the reason code.
    pub fn revocation_reason(&self, fingerprint: evercert_types::Fingerprint) -> Option<u8> {
        self.shared
            .store()
            .certificate_of_fingerprint(&fingerprint.to_string())
            .and_then(|issued| issued.revoked)
            .map(|revocation| revocation.reason)
    }

    /// Sets what renewal information says about a certificate (RFC 9773 identifier), as a CA does
    /// when it must replace it early; false when there is no such certificate.
    pub fn suggest_renewal(&self, ari: &str, start: Timestamp, end: Timestamp) -> bool {
        let mut store = self.shared.store();
        let Some(mut issued) = store.certificate_of_ari(ari).cloned() else {
            return false;
        };
        issued.window = Some((start, end));
        self.shared
            .commit(&mut store, vec![Record::Certificate(issued)])
            .is_ok()
    }

    /// Stops accepting, lets requests under way finish, and flushes the state.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(DRAIN, self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("Local CA stopped with requests under way");
        }
        flush(&self.shared).await;
    }
}

impl Drop for LocalCa {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// Takes the directory for this CA; one that is just being stopped may need a moment to let go.
async fn lock_directory(config: &CaConfig) -> Result<Option<File>, CaError> {
    let Some(directory) = &config.state_dir else {
        return Ok(None);
    };
    let state_error = |error: std::io::Error| CaError::State(error.into());
    std::fs::create_dir_all(directory).map_err(state_error)?;
    let file = File::create(directory.join("lock")).map_err(state_error)?;
    let deadline = Instant::now() + HANDOVER;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(TryLockError::WouldBlock) => return Err(CaError::InUse(directory.clone())),
            Err(TryLockError::Error(error)) => return Err(state_error(error)),
        }
    }
}

fn open_store(config: &CaConfig) -> Result<Store, CaError> {
    let Some(directory) = &config.state_dir else {
        return Ok(Store::new(Vec::new(), None));
    };
    let path = directory.join("state.jsonl");
    let mut store = Store::new(Journal::read(&path)?, None);
    let horizon = config.clock.now().checked_sub(MEMORY);
    store.prune(horizon.unwrap_or(Timestamp::MIN));
    let records = store.records();
    let journal = Journal::rewrite(&path, records.clone())?;
    Ok(Store::new(records, Some(journal)))
}

/// What the URLs begin with.
fn base_url(config: &CaConfig, addr: SocketAddr) -> String {
    if let Some(url) = &config.external_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = match (config.names.first(), addr.ip()) {
        (Some(name), _) => match name.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => name.clone(),
        },
        (None, ip) if ip.is_unspecified() => "localhost".to_owned(),
        (None, IpAddr::V6(ip)) => format!("[{ip}]"),
        (None, IpAddr::V4(ip)) => ip.to_string(),
    };
    format!("https://{host}:{}", addr.port())
}

fn own_names(config: &CaConfig, addr: SocketAddr, base: &str) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    if !addr.ip().is_unspecified() {
        names.push(addr.ip().to_string());
    }
    let host = base.parse::<http::Uri>().ok().and_then(|uri| {
        uri.host()
            .map(|host| host.trim_matches(['[', ']']).to_owned())
    });
    names.extend(host);
    names.extend(config.names.iter().cloned());
    names
}

/// Takes up validations and issuances that a former run left in processing.
fn resume(shared: &Arc<Shared>) {
    let (challenges, orders) = {
        let store = shared.store();
        (store.unfinished_challenges(), store.unfinished_orders())
    };
    for (authorization, index) in challenges {
        validate::spawn(shared, authorization, index);
    }
    for order in orders {
        finalize::spawn(shared, order);
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let router = routes::router(shared.clone());
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: wait for some to be closed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = shared.stop.cancelled() => return,
        };
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return;
        };
        let (acceptor, router, connection) = (acceptor.clone(), router.clone(), shared.clone());
        shared.tasks.spawn(async move {
            serve(stream, acceptor, router, &connection).await;
            drop(slot);
        });
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, router: Router, shared: &Shared) {
    // Answers are small; without this each waits for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake took too long"),
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE);
    builder.http2().timer(TokioTimer::new());
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shared.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "connection ended");
    }
}

/// Flushes the state each second, forgets what is long over, renews the HTTPS certificate.
async fn keep_house(shared: Arc<Shared>, own: Arc<OwnCertificate>) {
    const HOUR: u32 = 3600;
    let mut tick = tokio::time::interval(FLUSH);
    for seconds in 1u32.. {
        tokio::select! {
            _ = tick.tick() => {}
            () = shared.stop.cancelled() => return,
        }
        flush(&shared).await;
        if seconds.is_multiple_of(HOUR) {
            let horizon = shared.now().checked_sub(MEMORY).unwrap_or(Timestamp::MIN);
            shared.store().prune(horizon);
        }
        if seconds.is_multiple_of(24 * HOUR)
            && let Err(error) = own.renew(shared.hierarchy.root())
        {
            tracing::error!(%error, "cannot renew the HTTPS certificate");
        }
    }
}

async fn flush(shared: &Shared) {
    let Some(file) = shared.store().unflushed() else {
        return;
    };
    match tokio::task::spawn_blocking(move || file.sync_data()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "cannot flush the state to disk"),
        Err(error) => tracing::error!(%error, "flushing the state was interrupted"),
    }
}

impl From<HierarchyError> for CaError {
    fn from(error: HierarchyError) -> Self {
        Self::Hierarchy(error.into())
    }
}

impl From<JournalError> for CaError {
    fn from(error: JournalError) -> Self {
        Self::State(error.into())
    }
}

impl From<OwnError> for CaError {
    fn from(error: OwnError) -> Self {
        Self::Https(error.into())
    }
}

impl From<TlsError> for CaError {
    fn from(error: TlsError) -> Self {
        Self::Https(error.into())
    }
}
