//! What every request works with.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{CaConfig, Profile};
use crate::issuer::Hierarchy;
use crate::nonce::Nonces;
use crate::problem::Problem;
use crate::store::{Record, Store};
use crate::validate::Validator;

/// The CA's parts.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: CaConfig,
    /// What every URL begins with; no final slash.
    pub(crate) base: String,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) nonces: Nonces,
    pub(crate) hierarchy: Hierarchy,
    pub(crate) validator: Validator,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    store: Mutex<Store>,
    /// Counts changes, so that held polls look again.
    changes: watch::Sender<u64>,
    /// Held while anything works on the state, so that no second CA uses the directory.
    _lock: Option<File>,
}

impl Shared {
    pub(crate) fn new(
        config: CaConfig,
        base: String,
        hierarchy: Hierarchy,
        validator: Validator,
        store: Store,
        lock: Option<File>,
    ) -> Arc<Self> {
        Arc::new(Self {
            profiles: config.all_profiles(),
            config,
            base,
            nonces: Nonces::default(),
            hierarchy,
            validator,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            store: Mutex::new(store),
            changes: watch::Sender::new(0),
            _lock: lock,
        })
    }

    /// Now, in whole seconds, as ACME objects carry it.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.config.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// The absolute URL of a path that begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The store, locked; never held across an await.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change and wakes those who wait for one.
    ///
    /// # Errors
    /// `serverInternal` when it cannot be saved.
    pub(crate) fn commit(&self, store: &mut Store, change: Vec<Record>) -> Result<(), Problem> {
        store.commit(change)?;
        self.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Waits while `busy` says so, at most as long as polls are held.
    pub(crate) async fn hold_while(&self, busy: impl Fn(&Store) -> bool) {
        let mut changes = self.changes.subscribe();
        let deadline = Instant::now() + self.config.poll_hold;
        while busy(&self.store()) {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(deadline) => return,
                () = self.stop.cancelled() => return,
            }
        }
    }
}
