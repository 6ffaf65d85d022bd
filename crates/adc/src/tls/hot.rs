//! The parsed keys of certificates in use: bounded, without a lock or an allocation on a hit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustls::sign::CertifiedKey;

use super::record::Record;

/// A CLOCK cache: each record holds its own parsed key; the ring only decides whose is dropped.
pub(crate) struct HotKeys {
    ring: Mutex<Ring>,
    misses: AtomicU64,
}

struct Ring {
    slots: Vec<Weak<Record>>,
    capacity: usize,
    hand: usize,
}

impl HotKeys {
    /// A cache of at most `capacity` parsed keys, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            ring: Mutex::new(Ring {
                slots: Vec::new(),
                capacity: capacity.max(1),
                hand: 0,
            }),
            misses: AtomicU64::new(0),
        }
    }

    /// The record's parsed key: kept, or parsed now and kept from now on.
    ///
    /// # Errors
    /// When rustls does not take the key.
    pub(crate) fn certified(
        &self,
        record: &Arc<Record>,
    ) -> Result<Arc<CertifiedKey>, rustls::Error> {
        if let Some(hot) = record.hot.load_full() {
            if !record.referenced.load(Ordering::Relaxed) {
                record.referenced.store(true, Ordering::Relaxed);
            }
            return Ok(hot);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let parsed = record.parse()?;
        record.hot.store(Some(parsed.clone()));
        self.lock().admit(record);
        Ok(parsed)
    }

    /// Keeps a key that was parsed anyway, as long as there is room without dropping another.
    pub(crate) fn offer(&self, record: &Arc<Record>, parsed: Arc<CertifiedKey>) {
        let mut ring = self.lock();
        if ring.slots.len() < ring.capacity {
            record.hot.store(Some(parsed));
            ring.admit(record);
        }
    }

    /// How often a key had to be parsed.
    pub(crate) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// How many records may hold a parsed key now.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().slots.len()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for HotKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HotKeys").finish_non_exhaustive()
    }
}

impl Ring {
    fn admit(&mut self, record: &Arc<Record>) {
        if self.slots.len() < self.capacity {
            self.slots.push(Arc::downgrade(record));
            return;
        }
        // Two rounds suffice: the first clears every mark.
        for _ in 0..=2 * self.capacity {
            let at = self.hand;
            self.hand = (at + 1) % self.capacity;
            if self.evict(at) {
                self.slots[at] = Arc::downgrade(record);
                return;
            }
        }
    }

    /// Frees the place unless its record was used since the last round.
    fn evict(&self, at: usize) -> bool {
        let Some(held) = self.slots[at].upgrade() else {
            return true;
        };
        if held.referenced.swap(false, Ordering::Relaxed) {
            return false;
        }
        held.cool();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Sampler;
    use super::*;

    #[test]
    fn at_most_capacity_keys_stay_parsed_and_used_ones_stay_longer() {
        let sampler = Sampler::new();
        let cache = HotKeys::new(2);
        let [a, b, c] = ["a.example", "b.example", "c.example"].map(|n| sampler.record(n));
        for record in [&a, &b] {
            cache.certified(record).unwrap();
        }
        cache.certified(&a).unwrap();

        cache.certified(&c).unwrap();

        let hot = [&a, &b, &c].map(|record| record.hot.load().is_some());
        assert_eq!(hot, [true, false, true]);
        assert_eq!((cache.misses(), cache.len()), (3, 2));
    }

    #[test]
    fn a_removed_record_frees_its_place() {
        let sampler = Sampler::new();
        let cache = HotKeys::new(1);
        cache.certified(&sampler.record("gone.example")).unwrap();
        let next = sampler.record("next.example");

        cache.certified(&next).unwrap();
        cache.certified(&next).unwrap();

        assert_eq!(cache.misses(), 2);
    }

    #[test]
    fn an_offered_key_never_displaces_one_in_use() {
        let sampler = Sampler::new();
        let cache = HotKeys::new(1);
        let used = sampler.record("used.example");
        cache.certified(&used).unwrap();
        let new = sampler.record("new.example");

        cache.offer(&new, new.parse().unwrap());

        assert!(used.hot.load().is_some() && new.hot.load().is_none());
    }
}
