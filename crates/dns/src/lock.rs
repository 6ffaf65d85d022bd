//! Locks that keep two writers of one zone or name apart.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::name;

/// One lock per provider entry and zone (or name), made on demand; clones share the locks.
///
/// Hold a lock around one read-modify-write, never while waiting for propagation.
#[derive(Clone, Debug, Default)]
pub struct NameLocks(Arc<Mutex<HashMap<Key, Weak<AsyncMutex<()>>>>>);

type Key = (String, String);

/// Holds the lock until dropped.
#[derive(Debug)]
pub struct NameGuard(#[expect(dead_code, reason = "held for its drop")] OwnedMutexGuard<()>);

impl NameLocks {
    /// A set of locks of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The locks that all providers of this process share unless told otherwise.
    ///
    /// The one global of this crate: two providers built for the same account must not overlap.
    pub fn of_process() -> Self {
        static LOCKS: LazyLock<NameLocks> = LazyLock::new(NameLocks::default);
        LOCKS.clone()
    }

    /// Waits for the lock of that provider entry and zone or name (in any case, with or without dot).
    pub async fn lock(&self, provider_key: &str, zone_or_name: &str) -> NameGuard {
        let lock = self.entry((provider_key.to_owned(), name::canonical(zone_or_name)));
        NameGuard(lock.lock_owned().await)
    }

    fn entry(&self, key: Key) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(AsyncMutex::new(()));
        locks.insert(key, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_free(locks: &NameLocks, provider: &str, zone: &str) -> bool {
        tokio::time::timeout(Duration::from_millis(20), locks.lock(provider, zone))
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn one_holder_per_provider_and_zone() {
        let locks = NameLocks::new();
        let held = locks.lock("pdns", "example.org").await;

        assert!(!is_free(&locks, "pdns", "Example.Org.").await);
        assert!(is_free(&locks, "pdns", "example.net").await);
        assert!(is_free(&locks, "other", "example.org").await);

        drop(held);
        assert!(is_free(&locks, "pdns", "example.org").await);
    }

    #[tokio::test]
    async fn locks_nobody_holds_are_forgotten() {
        let locks = NameLocks::new();
        for number in 0..100 {
            drop(locks.lock("pdns", &format!("zone{number}.test")).await);
        }

        assert!(locks.0.lock().unwrap().len() <= 1);
    }
}
