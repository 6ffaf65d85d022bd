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

    /// Whether it is not passed over now.
    pub(crate) fn is_up(&self) -> bool {
        self.age() >= self.down_until.load(Ordering::Relaxed)
    }

    fn pass_over(&self) {
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

/// How the next service is chosen (`-lbMethod`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    RoundRobin,
    LeastConnection,
}

/// The services bound to a vserver.
#[derive(Debug)]
pub(crate) struct Balancer {
    services: Vec<Arc<Service>>,
    method: Method,
    /// Indices in the order of weighted round robin.
    order: Vec<usize>,
    cursor: AtomicUsize,
}

impl Balancer {
    /// Balances over services, weighted.
    pub(crate) fn new(services: Vec<Arc<Service>>, method: Method) -> Self {
        let weights: Vec<usize> = services.iter().map(|service| service.weight).collect();
        Self {
            order: smooth_order(&weights),
            services,
            method,
            cursor: AtomicUsize::new(0),
        }
    }

    /// The next service, other than those tried already; those passed over only when no other is left.
    pub(crate) fn pick(&self, tried: &[Arc<Service>]) -> Option<Arc<Service>> {
        let fresh = |service: &&Arc<Service>| !tried.iter().any(|t| Arc::ptr_eq(t, service));
        self.choose(|service| fresh(&service) && service.is_up())
            .or_else(|| self.choose(|service| fresh(&service)))
            .cloned()
    }

    /// The services, in the order of their binding.
    pub(crate) fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    fn choose(&self, eligible: impl Fn(&Arc<Service>) -> bool) -> Option<&Arc<Service>> {
        let start = self.cursor.fetch_add(1, Ordering::Relaxed);
        let around = |count: usize| (0..count).map(move |i| start.wrapping_add(i) % count);
        match self.method {
            Method::RoundRobin => around(self.order.len())
                .map(|i| &self.services[self.order[i]])
                .find(|service| eligible(service)),
            // Equals take turns.
            Method::LeastConnection => around(self.services.len())
                .map(|i| &self.services[i])
                .filter(|service| eligible(service))
                .min_by(|a, b| {
                    let load = |s: &Service| s.active.load(Ordering::Relaxed);
                    (load(a) * b.weight).cmp(&(load(b) * a.weight))
                }),
        }
    }
}

/// Smooth weighted round robin: each index as often as its weight says, spread out.
fn smooth_order(weights: &[usize]) -> Vec<usize> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let weights: Vec<usize> = weights.iter().map(|weight| weight / divisor).collect();
    let total: usize = weights.iter().sum();
    let mut credit = vec![0isize; weights.len()];
    (0..total)
        .filter_map(|_| {
            for (credit, weight) in credit.iter_mut().zip(&weights) {
                *credit += weight.cast_signed();
            }
            let best = (0..credit.len()).max_by_key(|i| (credit[*i], std::cmp::Reverse(*i)))?;
            credit[best] -= total.cast_signed();
            Some(best)
        })
        .collect()
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, weight: usize) -> Arc<Service> {
        Arc::new(Service::new(ServiceParts {
            name: name.into(),
            address: "127.0.0.1:1".into(),
            tls: None,
            weight,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(1),
            idle_connections: 1,
            idle_timeout: Duration::from_secs(1),
        }))
    }

    fn picks(balancer: &Balancer, count: usize) -> String {
        (0..count)
            .map(|_| balancer.pick(&[]).unwrap().name.to_string())
            .collect()
    }

    #[test]
    fn round_robin_goes_around_by_weight() {
        let even = Balancer::new(vec![service("a", 10), service("b", 10)], Method::RoundRobin);
        let uneven = Balancer::new(vec![service("a", 30), service("b", 10)], Method::RoundRobin);

        assert_eq!(picks(&even, 4), "abab");
        assert_eq!(picks(&uneven, 8), "aabaaaba");
    }

    #[test]
    fn least_connection_takes_the_least_loaded_and_turns_among_equals() {
        let (a, b) = (service("a", 1), service("b", 1));
        let balancer = Balancer::new(vec![a.clone(), b], Method::LeastConnection);
        let busy = Active::new(a);
        assert_eq!(picks(&balancer, 2), "bb");

        drop(busy);

        let next = picks(&balancer, 2);
        assert!(next == "ab" || next == "ba", "{next}");
    }

    #[test]
    fn a_service_that_is_down_is_passed_over_until_no_other_is_left() {
        let (a, b) = (service("a", 1), service("b", 1));
        let balancer = Balancer::new(vec![a.clone(), b.clone()], Method::RoundRobin);
        a.pass_over();

        assert_eq!(picks(&balancer, 3), "bbb");
        assert_eq!(&*balancer.pick(std::slice::from_ref(&b)).unwrap().name, "a");
        assert!(balancer.pick(&[a, b]).is_none());
    }
}
