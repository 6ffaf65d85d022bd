//! Idle connections to one service, and the loan of one for one exchange.
//!
//! Connections are kept by whom they act for ([`PoolKey`]): one that was opened with a certificate made for a client
//! carries that client's requests only, whatever its serial number or name. HTTP/2 connections are shared by requests
//! of the same client at the same time.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use evercert_types::Fingerprint;
use http::Request;
use http::Response;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use jiff::Timestamp;
use rustls::AlertDescription;

use super::backend::Service;
use super::body::RequestBody;
use super::headers::{as_http1, as_http2};
use crate::config::Limits;

/// How long a connection may take to be ready again after an exchange.
const SETTLE: Duration = Duration::from_secs(1);

/// Whom a connection acts for towards its service; compared as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PoolKey {
    /// The service's own certificate, or none: the same for all clients.
    Own,
    /// A client that showed no certificate, towards a service for which certificates are made.
    Nobody {
        /// Of the forger: another profile, another CA, other settings.
        generation: u64,
    },
    /// The client with this very certificate.
    Client {
        generation: u64,
        certificate: Fingerprint,
    },
}

/// How many connections are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolLimits {
    /// Of the service's own.
    pub(crate) own: usize,
    /// For each client with a certificate.
    pub(crate) each_client: usize,
    /// For all of them together; the least lately used go first.
    pub(crate) all_clients: usize,
    /// How long one is kept.
    pub(crate) max_age: Duration,
}

impl PoolLimits {
    /// Of an instance, with so many connections for each client with a certificate.
    pub(crate) const fn new(limits: &Limits, each_client: usize) -> Self {
        Self {
            own: limits.idle_connections,
            each_client,
            all_clients: limits.client_connections,
            max_age: limits.idle_connection_timeout,
        }
    }
}

/// What decides whether a client's connection may still be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    /// How often what is revoked has changed.
    pub(crate) revocations: u64,
}

/// A connection with what bounds its use.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) sender: Sender,
    /// When what was shown on it ends.
    pub(crate) expires: Option<Timestamp>,
    /// What had been revoked when it was opened.
    pub(crate) revocations: u64,
    /// The alert the service ended it with.
    pub(crate) alert: Arc<OnceLock<AlertDescription>>,
}

/// The sending half of a connection.
#[derive(Debug)]
pub(crate) enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

/// Idle connections.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
    limits: PoolLimits,
}

#[derive(Debug, Default)]
struct Idle {
    /// By whom they act for, the last used on top.
    held: HashMap<PoolKey, Vec<Held>>,
    /// Those of clients, by last use.
    order: BTreeMap<u64, PoolKey>,
    clock: u64,
}

#[derive(Debug)]
struct Held {
    connection: Connection,
    since: Instant,
    number: u64,
}

impl Pool {
    /// Empty.
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Self {
            idle: Mutex::default(),
            limits,
        }
    }

    /// A connection that seems alive.
    pub(crate) fn take(&self, key: &PoolKey, moment: Option<Moment>) -> Option<Connection> {
        let mut idle = self.lock();
        let max_age = self.limits.max_age;
        while let Some(held) = idle.pop(key) {
            let is_young = held.since.elapsed() <= max_age;
            if !is_young || !held.connection.may_be_used(moment) {
                continue;
            }
            match held.connection.share() {
                Some(shared) => {
                    idle.push(*key, held.connection);
                    return Some(shared);
                }
                None if held.connection.sender.is_ready() => return Some(held.connection),
                None => {}
            }
        }
        None
    }

    /// Keeps a connection: one that is idle, or one that can be shared as soon as it is open.
    pub(crate) fn put(&self, key: PoolKey, connection: Connection) {
        let mut idle = self.lock();
        idle.prune(self.limits.max_age);
        let most = match key {
            PoolKey::Own => self.limits.own,
            PoolKey::Nobody { .. } | PoolKey::Client { .. } => self.limits.each_client,
        };
        if idle.count(&key) >= most {
            return;
        }
        idle.push(key, connection);
        while idle.order.len() > self.limits.all_clients {
            idle.drop_least_used();
        }
    }

    /// Drops what was idle for too long.
    pub(crate) fn sweep(&self) {
        self.lock().prune(self.limits.max_age);
    }

    /// How many connections are kept.
    pub(crate) fn len(&self) -> usize {
        self.lock().held.values().map(Vec::len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn count(&self, key: &PoolKey) -> usize {
        self.held.get(key).map_or(0, Vec::len)
    }

    fn push(&mut self, key: PoolKey, connection: Connection) {
        self.clock += 1;
        let number = self.clock;
        if key != PoolKey::Own {
            self.order.insert(number, key);
        }
        self.held.entry(key).or_default().push(Held {
            connection,
            since: Instant::now(),
            number,
        });
    }

    fn pop(&mut self, key: &PoolKey) -> Option<Held> {
        let stack = self.held.get_mut(key)?;
        let held = stack.pop();
        if stack.is_empty() {
            self.held.remove(key);
        }
        if let Some(held) = &held {
            self.order.remove(&held.number);
        }
        held
    }

    fn prune(&mut self, max_age: Duration) {
        let order = &mut self.order;
        self.held.retain(|_, stack| {
            stack.retain(|held| {
                let stays = !held.connection.sender.is_closed() && held.since.elapsed() <= max_age;
                if !stays {
                    order.remove(&held.number);
                }
                stays
            });
            !stack.is_empty()
        });
    }

    fn drop_least_used(&mut self) {
        let Some((number, key)) = self.order.pop_first() else {
            return;
        };
        if let Some(stack) = self.held.get_mut(&key) {
            stack.retain(|held| held.number != number);
            if stack.is_empty() {
                self.held.remove(&key);
            }
        }
    }
}

impl Connection {
    fn may_be_used(&self, moment: Option<Moment>) -> bool {
        moment.is_none_or(|moment| {
            self.revocations == moment.revocations
                && self.expires.is_none_or(|expires| moment.now < expires)
        })
    }

    /// The same connection for another request at the same time, where its protocol has that.
    pub(crate) fn share(&self) -> Option<Self> {
        let Sender::Http2(sender) = &self.sender else {
            return None;
        };
        (!sender.is_closed()).then(|| Self {
            sender: Sender::Http2(sender.clone()),
            expires: self.expires,
            revocations: self.revocations,
            alert: self.alert.clone(),
        })
    }
}

impl Sender {
    fn is_ready(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_ready(),
            Self::Http2(sender) => sender.is_ready(),
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        match self {
            Self::Http1(sender) => sender.try_send_request(as_http1(request)).await,
            Self::Http2(sender) => sender.try_send_request(as_http2(request)).await,
        }
    }
}

/// A service's connection while an exchange uses it.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Connection,
    key: PoolKey,
    pub(crate) is_reused: bool,
    active: Active,
}

/// Counts as one of a service's exchanges until dropped.
#[derive(Debug)]
pub(crate) struct Active(Arc<Service>);

impl Active {
    /// Counts one more.
    pub(crate) fn new(service: Arc<Service>) -> Self {
        service.active.fetch_add(1, Ordering::Relaxed);
        Self(service)
    }

    /// The service.
    pub(crate) const fn service(&self) -> &Arc<Service> {
        &self.0
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lease {
    /// Uses a connection for one exchange.
    pub(crate) const fn new(
        connection: Connection,
        key: PoolKey,
        is_reused: bool,
        active: Active,
    ) -> Self {
        Self {
            connection,
            key,
            is_reused,
            active,
        }
    }

    /// Sends the request.
    ///
    /// # Errors
    /// With the request in it, when nothing of it was sent.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        self.connection.sender.send(request).await
    }

    /// The alert the service ended the connection with, if it did.
    pub(crate) fn alert(&self) -> Option<AlertDescription> {
        self.connection.alert.get().copied()
    }

    /// Ends the exchange; the connection goes back to the pool as soon as it is ready for another.
    pub(crate) fn give_back(self) {
        let Self {
            mut connection,
            key,
            active,
            ..
        } = self;
        let service = active.service().clone();
        drop(active);
        if connection.sender.is_closed() {
            return;
        }
        let Sender::Http1(sender) = &mut connection.sender else {
            // It is in the pool all the time.
            return;
        };
        if sender.is_ready() {
            service.pool.put(key, connection);
            return;
        }
        tokio::spawn(async move {
            let Sender::Http1(sender) = &mut connection.sender else {
                return;
            };
            if let Ok(Ok(())) = tokio::time::timeout(SETTLE, sender.ready()).await {
                service.pool.put(key, connection);
            }
        });
    }
}

/// The count of exchanges under way.
pub(crate) type ActiveCount = AtomicUsize;
