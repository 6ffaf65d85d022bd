//! Nonces in stock: each answer brings one, each request spends one (RFC 8555 §6.5).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often a request is signed again with the nonce of its refusal.
///
/// A CA that refuses every second nonce (Pebble's `PEBBLE_WFE_NONCEREJECT=50`) defeats a request
/// once in 2^64; one that refuses all is out of order.
pub(crate) const TRIES: u32 = 64;

/// More than this is not kept: each would be refused for its age before it was used.
const CAPACITY: usize = 64;

/// CAs forget nonces after minutes to an hour.
const MAX_AGE: Duration = Duration::from_secs(300);

/// The nonces that are left over, newest last; shared by every task of a client.
#[derive(Debug, Default)]
pub(crate) struct NoncePool(Mutex<Vec<(Instant, String)>>);

impl NoncePool {
    /// Takes the newest nonce, if one is fresh enough.
    pub(crate) fn take(&self, now: Instant) -> Option<String> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, nonce) = held.pop()?;
        if now.saturating_duration_since(since) <= MAX_AGE {
            return Some(nonce);
        }
        held.clear();
        None
    }

    /// Keeps a nonce for the next request.
    pub(crate) fn put(&self, nonce: String, now: Instant) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.remove(0);
        }
        held.push((now, nonce));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_nonce_is_spent_first_and_old_ones_never() {
        let pool = NoncePool::default();
        let start = Instant::now();
        let later = start + MAX_AGE + Duration::from_secs(1);
        pool.put("old".to_owned(), start);
        pool.put("a".to_owned(), later);
        pool.put("b".to_owned(), later);

        assert_eq!(pool.take(later).as_deref(), Some("b"));
        assert_eq!(pool.take(later).as_deref(), Some("a"));
        assert_eq!(pool.take(later), None);
    }

    #[tokio::test]
    async fn sixteen_tasks_never_get_the_same_nonce() {
        let pool = std::sync::Arc::new(NoncePool::default());
        let tasks = (0..16).map(|task| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for turn in 0..100 {
                    pool.put(format!("{task}-{turn}"), Instant::now());
                    tokio::task::yield_now().await;
                    taken.extend(pool.take(Instant::now()));
                }
                taken
            })
        });

        let mut all = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            all.extend(task.await.unwrap());
        }

        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(count > 100);
    }

    #[test]
    fn the_stock_is_bounded() {
        let pool = NoncePool::default();
        let now = Instant::now();
        for n in 0..CAPACITY * 3 {
            pool.put(n.to_string(), now);
        }

        let drawn = std::iter::from_fn(|| pool.take(now)).count();

        assert_eq!(drawn, CAPACITY);
    }
}
