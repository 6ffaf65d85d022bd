//! Idle connections to one service, and the loan of one for one exchange.
//!
//! A service's connections all carry the same client identity towards it (its own, or none), so one pool a service
//! is one pool an identity.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::SendRequest;

use super::backend::Service;
use super::body::RequestBody;

/// How long a connection may take to be ready again after an exchange.
const SETTLE: Duration = Duration::from_secs(1);

/// Idle connections, the last used on top.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
    capacity: usize,
    max_age: Duration,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

impl Pool {
    /// Keeps at most `capacity` connections, each at most `max_age` idle.
    pub(crate) const fn new(capacity: usize, max_age: Duration) -> Self {
        Self {
            idle: Mutex::new(Vec::new()),
            capacity,
            max_age,
        }
    }

    /// A connection that seems alive.
    pub(crate) fn take(&self) -> Option<SendRequest<RequestBody>> {
        let mut idle = self.lock();
        while let Some(candidate) = idle.pop() {
            if candidate.since.elapsed() > self.max_age {
                // What lies below is older still.
                idle.clear();
                return None;
            }
            if candidate.sender.is_ready() {
                return Some(candidate.sender);
            }
        }
        None
    }

    fn put(&self, sender: SendRequest<RequestBody>) {
        let mut idle = self.lock();
        idle.retain(|held| !held.sender.is_closed() && held.since.elapsed() <= self.max_age);
        if idle.len() < self.capacity {
            idle.push(Idle {
                sender,
                since: Instant::now(),
            });
        }
    }

    /// How many connections are idle.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A service's connection while an exchange uses it.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<RequestBody>,
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
        sender: SendRequest<RequestBody>,
        is_reused: bool,
        active: Active,
    ) -> Self {
        Self {
            sender,
            is_reused,
            active,
        }
    }

    /// Ends the exchange; the connection goes back to the pool as soon as it is ready for another.
    pub(crate) fn give_back(self) {
        let Self {
            mut sender, active, ..
        } = self;
        let service = active.service().clone();
        drop(active);
        if sender.is_closed() {
            return;
        }
        if sender.is_ready() {
            service.pool.put(sender);
            return;
        }
        tokio::spawn(async move {
            if let Ok(Ok(())) = tokio::time::timeout(SETTLE, sender.ready()).await {
                service.pool.put(sender);
            }
        });
    }
}

/// The count of exchanges under way.
pub(crate) type ActiveCount = AtomicUsize;
