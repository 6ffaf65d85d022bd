//! Services behind a vserver: which one is next, and how to connect to it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::body::RequestBody;
use super::lb::Health;
use super::lb::health::Verdict;
use super::pool::{Active, ActiveCount, Lease, Pool};
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
}

/// What a service is made of.
pub(crate) struct ServiceParts {
    pub(crate) name: Arc<str>,
    pub(crate) address: Box<str>,
    pub(crate) tls: Option<ServiceTls>,
    pub(crate) weight: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) idle_connections: usize,
    pub(crate) idle_timeout: Duration,
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
            pool: Pool::new(parts.idle_connections, parts.idle_timeout),
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

    /// An HTTP connection for one exchange.
    ///
    /// # Errors
    /// See [`ConnectError`]; the service is passed over for a while then.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        freshness: Freshness,
    ) -> Result<Lease, ConnectError> {
        let active = Active::new(self.clone());
        if freshness == Freshness::Any
            && let Some(sender) = self.pool.take()
        {
            return Ok(Lease::new(sender, true, active));
        }
        let sender = self.connect_http().await?;
        Ok(Lease::new(sender, false, active))
    }

    async fn connect_http(&self) -> Result<SendRequest<RequestBody>, ConnectError> {
        let stream = self.connect().await?;
        let (sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|source| ConnectError::Http {
                service: self.name.clone(),
                source,
            })?;
        let service = self.name.clone();
        // Ends when the sender is dropped or the service closes.
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(service.name = %service, %error, "connection to service ended");
            }
        });
        Ok(sender)
    }

    /// A raw connection, with TLS where the service has it.
    ///
    /// # Errors
    /// See [`ConnectError`]; the service is passed over for a while then.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, ConnectError> {
        let outcome = match timeout(self.connect_timeout, self.connect_stream()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConnectError::Timeout {
                service: self.name.clone(),
            }),
        };
        match &outcome {
            Ok(_) => self.down_until.store(0, Ordering::Relaxed),
            Err(error) => {
                self.pass_over();
                tracing::warn!(service.name = %self.name, error = %Causes(error), "service is down");
            }
        }
        outcome
    }

    async fn connect_stream(&self) -> Result<Box<dyn Stream>, ConnectError> {
        let connected = TcpStream::connect(&*self.address).await;
        let tcp = connected
            .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp))
            .map_err(|source| ConnectError::Connect {
                service: self.name.clone(),
                source,
            })?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let stream = TlsConnector::from(tls.config.clone())
            .connect(tls.server_name.clone(), tcp)
            .await
            .map_err(|source| ConnectError::Tls {
                service: self.name.clone(),
                source,
            })?;
        Ok(Box::new(stream))
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

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.name, self.address)
    }
}
