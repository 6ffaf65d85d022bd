//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evercert_types::SharedClock;
use tokio_util::sync::CancellationToken;

use crate::Console;
use crate::auth::Auth;
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::sync::Store;
use crate::sync::reports::Reports;

/// The state of the server; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Parts>);

/// The parts of [`App`].
#[derive(Debug)]
pub(crate) struct Parts {
    /// Database, clock, configuration, lifecycle.
    pub(crate) console: Console,
    /// The CA of instances.
    pub(crate) identity: Arc<Identity>,
    /// The zero-touch store and its instances.
    pub(crate) store: Arc<Store>,
    /// Takes what instances report.
    pub(crate) reports: Reports,
    /// Passwords and failed attempts.
    pub(crate) auth: Auth,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// How many connections there are.
    pub(crate) load: Arc<Load>,
    /// Ends every wait.
    pub(crate) stop: CancellationToken,
}

/// Connections, out of those allowed.
#[derive(Debug)]
pub(crate) struct Load {
    open: AtomicUsize,
    allowed: usize,
}

impl App {
    /// Puts the parts together.
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The clock.
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.console.clock
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Load {
    /// None open, so many allowed.
    pub(crate) const fn new(allowed: usize) -> Self {
        Self {
            open: AtomicUsize::new(0),
            allowed,
        }
    }

    /// A connection was opened; it counts until the answer is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> Opened {
        self.open.fetch_add(1, Ordering::Relaxed);
        Opened(self.clone())
    }

    /// How many are open.
    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// By how much instances shall poll more slowly: not at all up to half of the connections allowed, four
    /// times at all of them.
    pub(crate) fn stretch(&self) -> f64 {
        let used = self.connections() as f64 / self.allowed.max(1) as f64;
        1.0 + 6.0 * (used - 0.5).clamp(0.0, 0.5)
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Opened(Arc<Load>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_stretched_when_connections_grow_scarce() {
        let load = Arc::new(Load::new(4));
        let opened: Vec<_> = (0..2).map(|_| load.open()).collect();
        assert!((load.stretch() - 1.0).abs() < 1e-9);

        let more: Vec<_> = (0..2).map(|_| load.open()).collect();

        assert!((load.stretch() - 4.0).abs() < 1e-9);
        drop((opened, more));
        assert_eq!(load.connections(), 0);
    }
}
