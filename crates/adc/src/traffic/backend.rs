//! Services behind a vserver: which one is next, and how to connect to it.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::lb::Health;
use super::lb::health::Verdict;
use super::pool::{
    Active, ActiveCount, Connection, Lease, Moment, Pool, PoolKey, PoolLimits, Sender,
};
use super::watched::{Watched, alert_of};
use crate::dc2g::forger::{Forger, Occasion};
use crate::dc2g::identity::VerifiedIdentity;
use crate::dc2g::refusal::Refusal;
use crate::dc2g::resolver::IdentityResolver;
use crate::error::Causes;

/// How long a service is passed over after it could not be connected to.
const DOWN_FOR: Duration = Duration::from_secs(2);

/// One service: an address and how to speak to it.
pub(crate) struct Service {
    pub(crate) name: Arc<str>,
    /// `host:port`.
    pub(crate) address: Box<str>,
    pub(crate) tls: Option<ServiceTls>,
    pub(crate) weight: usize,
    pub(crate) pool: Pool,
    pub(crate) active: ActiveCount,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    /// What its monitors found.
    pub(crate) health: Arc<Health>,
    /// `-maxClient`.
    most_clients: Option<usize>,
    /// Smoothed, in microseconds; 0 before the first answer.
    response: AtomicU64,
    /// Milliseconds after `born` until which it is passed over.
    down_until: AtomicU64,
    born: Instant,
}

/// TLS towards a service.
pub(crate) struct ServiceTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) server_name: ServerName<'static>,
    /// Whether HTTP/2 is offered.
    pub(crate) http2: Offer,
    /// Makes client certificates after the clients' (DC2G); the configuration's own certificate is not shown then.
    pub(crate) forger: Option<Arc<Forger>>,
}

/// Whether a protocol is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Http2,
    Http1,
}

/// Who wants a connection, and what for.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) identity: Option<Arc<VerifiedIdentity>>,
    pub(crate) vserver: Arc<str>,
    pub(crate) client: IpAddr,
    /// A WebSocket needs HTTP/1.1.
    pub(crate) protocol: Offer,
}

impl Asker {
    /// The appliance itself, on behalf of nobody.
    pub(crate) fn ourselves() -> Self {
        Self {
            identity: None,
            vserver: "-".into(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            protocol: Offer::Http1,
        }
    }
}

/// A stream to a service with what was agreed on it.
struct Connected {
    stream: Box<dyn Stream>,
    speaks_http2: bool,
    expires: Option<Timestamp>,
    alert: Arc<OnceLock<AlertDescription>>,
}

/// What a service is made of.
pub(crate) struct ServiceParts {
    pub(crate) name: Arc<str>,
    pub(crate) address: Box<str>,
    pub(crate) tls: Option<ServiceTls>,
    pub(crate) weight: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) pool: PoolLimits,
    pub(crate) health: Arc<Health>,
    /// Most exchanges at a time.
    pub(crate) most_clients: Option<usize>,
}

/// A byte stream to a service, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin> Stream for T {}

/// A service could not be connected to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("connecting to service {service} took too long")]
    Timeout { service: Arc<str> },
    #[error("connecting to service {service}")]
    Connect {
        service: Arc<str>,
        #[source]
        source: io::Error,
    },
    #[error("the TLS handshake with service {service}")]
    Tls {
        service: Arc<str>,
        #[source]
        source: io::Error,
    },
    #[error("the HTTP connection to service {service}")]
    Http {
        service: Arc<str>,
        #[source]
        source: hyper::Error,
    },
    /// On purpose: nothing is wrong with the service.
    #[error("service {service} asks for a client certificate: {refusal}")]
    NoCertificate { service: Arc<str>, refusal: Refusal },
    /// Nor here: it may well take another client.
    #[error("service {service} did not accept the client certificate made for it ({alert:?})")]
    NotAccepted {
        service: Arc<str>,
        alert: AlertDescription,
    },
}

impl ConnectError {
    /// Whether the service itself is at fault.
    const fn is_about_service(&self) -> bool {
        !matches!(self, Self::NoCertificate { .. } | Self::NotAccepted { .. })
    }
}

/// Where a lease may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// An idle connection, if there is one.
    Any,
    /// A new connection: an idle one was stale.
    New,
}

impl Service {
    /// A service with no connections yet.
    pub(crate) fn new(parts: ServiceParts) -> Self {
        Self {
            name: parts.name,
            address: parts.address,
            tls: parts.tls,
            weight: parts.weight.max(1),
            pool: Pool::new(parts.pool),
            active: AtomicUsize::new(0),
            connect_timeout: parts.connect_timeout,
            response_timeout: parts.response_timeout,
            health: parts.health,
            most_clients: parts.most_clients,
            response: AtomicU64::new(0),
            down_until: AtomicU64::new(0),
            born: Instant::now(),
        }
    }

    /// Makes client certificates, if it does.
    pub(crate) fn forger(&self) -> Option<&Arc<Forger>> {
        self.tls.as_ref()?.forger.as_ref()
    }

    /// An HTTP connection for one exchange.
    ///
    /// # Errors
    /// See [`ConnectError`]; the service is passed over for a while then, if the fault is its own.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        freshness: Freshness,
        asker: &Asker,
    ) -> Result<Lease, ConnectError> {
        let active = Active::new(self.clone());
        let key = self.pool_key(asker);
        let moment = self.forger().map(|forger| Moment {
            now: forger.now(),
            revocations: forger.revocations(),
        });
        if freshness == Freshness::Any
            && asker.protocol == Offer::Http2
            && let Some(connection) = self.pool.take(&key, moment)
        {
            return Ok(Lease::new(connection, key, true, active));
        }
        let connection = self.connect_http(asker).await?;
        if let Some(shared) = connection.share() {
            self.pool.put(key, shared);
        }
        Ok(Lease::new(connection, key, false, active))
    }

    /// Whom a connection for this asker acts for.
    fn pool_key(&self, asker: &Asker) -> PoolKey {
        let Some(forger) = self.forger() else {
            return PoolKey::Own;
        };
        let generation = forger.generation();
        match &asker.identity {
            None => PoolKey::Nobody { generation },
            Some(identity) => PoolKey::Client {
                generation,
                certificate: identity.fingerprint(),
            },
        }
    }

    async fn connect_http(&self, asker: &Asker) -> Result<Connection, ConnectError> {
        // Read first: what is revoked while connecting makes the connection stale at once.
        let revocations = self.forger().map_or(0, |forger| forger.revocations());
        let connected = self.connected(asker).await?;
        let io = TokioIo::new(connected.stream);
        let failed = |source| ConnectError::Http {
            service: self.name.clone(),
            source,
        };
        let sender = if connected.speaks_http2 {
            let builder = http2::Builder::new(TokioExecutor::new());
            let (sender, connection) = builder.handshake(io).await.map_err(failed)?;
            self.drive(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::Builder::new().handshake(io).await.map_err(failed)?;
            self.drive(connection.with_upgrades());
            Sender::Http1(sender)
        };
        Ok(Connection {
            sender,
            expires: connected.expires,
            revocations,
            alert: connected.alert,
        })
    }

    /// Ends when the sender is dropped or the service closes.
    fn drive(&self, connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
        let service = self.name.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(service.name = %service, %error, "connection to service ended");
            }
        });
    }

    /// A raw connection, with TLS where the service has it.
    ///
    /// # Errors
    /// See [`ConnectError`]; the service is passed over for a while then, if the fault is its own.
    pub(crate) async fn connect(&self, asker: &Asker) -> Result<Box<dyn Stream>, ConnectError> {
        self.connected(asker)
            .await
            .map(|connected| connected.stream)
    }

    async fn connected(&self, asker: &Asker) -> Result<Connected, ConnectError> {
        let outcome = match timeout(self.connect_timeout, self.connect_stream(asker)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConnectError::Timeout {
                service: self.name.clone(),
            }),
        };
        match &outcome {
            Ok(_) => self.down_until.store(0, Ordering::Relaxed),
            Err(error) if error.is_about_service() => {
                self.pass_over();
                tracing::warn!(service.name = %self.name, error = %Causes(error), "service is down");
            }
            Err(error) => {
                tracing::info!(service.name = %self.name, client = %asker.client, %error, "no connection");
            }
        }
        outcome
    }

    async fn connect_stream(&self, asker: &Asker) -> Result<Connected, ConnectError> {
        let connected = TcpStream::connect(&*self.address).await;
        let tcp = connected
            .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp))
            .map_err(|source| ConnectError::Connect {
                service: self.name.clone(),
                source,
            })?;
        let Some(tls) = &self.tls else {
            return Ok(Connected::plain(Box::new(tcp)));
        };
        match &tls.forger {
            Some(forger) => self.connect_as_client(tls, forger, asker, tcp).await,
            None => {
                let config = match (tls.http2, asker.protocol) {
                    (Offer::Http2, Offer::Http1) => Arc::new(tls.template(Offer::Http1)),
                    _ => tls.config.clone(),
                };
                let stream = TlsConnector::from(config)
                    .connect(tls.server_name.clone(), tcp)
                    .await
                    .map_err(|source| self.handshake_failed(source))?;
                let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Ok(Connected {
                    speaks_http2,
                    ..Connected::plain(Box::new(stream))
                })
            }
        }
    }

    /// A connection on which the client shows a certificate made after its own, if the service asks for one.
    async fn connect_as_client(
        &self,
        tls: &ServiceTls,
        forger: &Arc<Forger>,
        asker: &Asker,
        tcp: TcpStream,
    ) -> Result<Connected, ConnectError> {
        let occasion = Occasion {
            vserver: asker.vserver.clone(),
            service: self.name.clone(),
            client: asker.client,
        };
        let resolver = IdentityResolver::new(forger.clone(), asker.identity.clone(), occasion);
        let resolver = Arc::new(resolver);
        let mut config = tls.template(asker.protocol);
        config.client_auth_cert_resolver = resolver.clone();
        let handshake = TlsConnector::from(Arc::new(config))
            .connect(tls.server_name.clone(), tcp)
            .await;
        let service = self.name.clone();
        if let Some(refusal) = resolver.refusal() {
            let refusal = refusal.clone();
            return Err(ConnectError::NoCertificate { service, refusal });
        }
        let stream = match handshake {
            Ok(stream) => stream,
            Err(source) => {
                let was_asked = resolver.was_asked();
                return Err(match alert_of(&source).filter(|_| was_asked) {
                    Some(alert) => ConnectError::NotAccepted { service, alert },
                    None => self.handshake_failed(source),
                });
            }
        };
        let shown = resolver.shown();
        let alert = Arc::default();
        Ok(Connected {
            speaks_http2: stream.get_ref().1.alpn_protocol() == Some(b"h2"),
            expires: resolver.expires(shown),
            stream: Box::new(Watched {
                inner: stream,
                alert: Arc::clone(&alert),
            }),
            alert,
        })
    }

    fn handshake_failed(&self, source: io::Error) -> ConnectError {
        ConnectError::Tls {
            service: self.name.clone(),
            source,
        }
    }

    /// Whether its monitors did not find it down, and it is not passed over now.
    pub(crate) fn is_up(&self) -> bool {
        !self.is_down() && self.age() >= self.down_until.load(Ordering::Relaxed)
    }

    /// Whether its monitors found it down.
    pub(crate) fn is_down(&self) -> bool {
        self.health.verdict() == Verdict::Down
    }

    /// Whether it has as many exchanges as it may have.
    pub(crate) fn is_full(&self) -> bool {
        self.most_clients
            .is_some_and(|most| self.active.load(Ordering::Relaxed) >= most)
    }

    /// It answered after so long; the newest answers count most.
    pub(crate) fn answered_in(&self, time: Duration) {
        let now = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        let before = self.response.load(Ordering::Relaxed);
        let smoothed = match before {
            0 => now,
            before => before - before / 8 + now / 8,
        };
        self.response.store(smoothed.max(1), Ordering::Relaxed);
    }

    /// How long it takes to answer, in microseconds; 0 before its first answer.
    pub(crate) fn response_micros(&self) -> u64 {
        self.response.load(Ordering::Relaxed)
    }

    /// It could not be connected to: others are better for a while.
    pub(crate) fn pass_over(&self) {
        let millis = u64::try_from(DOWN_FOR.as_millis()).unwrap_or(0);
        self.down_until
            .store(self.age() + millis, Ordering::Relaxed);
    }

    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl ServiceTls {
    /// The configuration of one connection, which may be changed. What it offers is never more than the service's.
    fn template(&self, protocol: Offer) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        if self.http2 == Offer::Http2 && protocol == Offer::Http1 {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        config
    }
}

impl Connected {
    fn plain(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            speaks_http2: false,
            expires: None,
            alert: Arc::default(),
        }
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.name, self.address)
    }
}
