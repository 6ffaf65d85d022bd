//! Certificates made before, by the SHA-256 of the client's: bounded, the least lately used leaves first.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evercert_types::Fingerprint;
use jiff::Timestamp;
use rustls::sign::CertifiedKey;

/// Independent parts, so that connections seldom wait for each other.
const SHARDS: usize = 16;

/// A made certificate, ready for handshakes.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) certified: Arc<CertifiedKey>,
    /// When it ends.
    pub(crate) not_after: Timestamp,
    /// When it is not used for new connections any more.
    pub(crate) keep_until: Timestamp,
    /// What had been revoked when it was made.
    pub(crate) revocations: u64,
    /// Its serial number in hexadecimal.
    pub(crate) serial: String,
    uses: AtomicU64,
}

impl Issued {
    /// One that nobody used yet.
    pub(crate) const fn new(
        certified: Arc<CertifiedKey>,
        not_after: Timestamp,
        keep_until: Timestamp,
        revocations: u64,
        serial: String,
    ) -> Self {
        Self {
            certified,
            not_after,
            keep_until,
            revocations,
            serial,
            uses: AtomicU64::new(0),
        }
    }

    /// How often it was found in the cache.
    pub(crate) fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }
}

/// The cache of one forger: one profile's settings, one forging CA. With another CA there is another forger, and no
/// certificate of the old one is found any more.
#[derive(Debug)]
pub(crate) struct Cache {
    shards: [Mutex<Shard>; SHARDS],
    capacity: usize,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Fingerprint, Entry>,
    /// By last use.
    order: BTreeMap<u64, Fingerprint>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    issued: Arc<Issued>,
    used: u64,
}

impl Cache {
    /// Keeps about `capacity` certificates; none at all for zero.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            capacity,
        }
    }

    /// What was made for a client, if it may still be used.
    pub(crate) fn find(
        &self,
        client: &Fingerprint,
        now: Timestamp,
        revocations: u64,
    ) -> Option<Arc<Issued>> {
        let mut shard = self.shard(client);
        let issued = shard.touch(client)?;
        if now >= issued.keep_until || issued.revocations != revocations {
            return None;
        }
        issued.uses.fetch_add(1, Ordering::Relaxed);
        Some(issued)
    }

    /// Keeps a certificate; the ones that had to go for it are returned.
    pub(crate) fn insert(&self, client: Fingerprint, issued: Arc<Issued>) -> Vec<Arc<Issued>> {
        if self.capacity == 0 {
            return vec![issued];
        }
        let capacity = self.capacity.div_ceil(SHARDS);
        let mut shard = self.shard(&client);
        let mut gone: Vec<_> = shard.put(client, issued).into_iter().collect();
        while shard.entries.len() > capacity {
            gone.extend(shard.pop());
        }
        gone
    }

    /// Empties it.
    pub(crate) fn flush(&self) -> Vec<Arc<Issued>> {
        let mut gone = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let entries = std::mem::take(&mut *shard).entries;
            gone.extend(entries.into_values().map(|entry| entry.issued));
        }
        gone
    }

    /// Takes out what will not be used any more.
    pub(crate) fn sweep(&self, now: Timestamp, revocations: u64) -> Vec<Arc<Issued>> {
        let mut gone = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let stale: Vec<(Fingerprint, u64)> = (shard.entries.iter())
                .filter(|(_, entry)| {
                    now >= entry.issued.keep_until || entry.issued.revocations != revocations
                })
                .map(|(client, entry)| (*client, entry.used))
                .collect();
            for (client, used) in stale {
                shard.order.remove(&used);
                gone.extend(shard.entries.remove(&client).map(|entry| entry.issued));
            }
        }
        gone
    }

    /// How many it keeps.
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).entries.len())
            .sum()
    }

    fn shard(&self, client: &Fingerprint) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(client.0[0]) % SHARDS])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn touch(&mut self, client: &Fingerprint) -> Option<Arc<Issued>> {
        let entry = self.entries.get_mut(client)?;
        self.clock += 1;
        self.order.remove(&entry.used);
        entry.used = self.clock;
        self.order.insert(self.clock, *client);
        Some(entry.issued.clone())
    }

    fn put(&mut self, client: Fingerprint, issued: Arc<Issued>) -> Option<Arc<Issued>> {
        self.clock += 1;
        self.order.insert(self.clock, client);
        let used = self.clock;
        let before = self.entries.insert(client, Entry { issued, used })?;
        self.order.remove(&before.used);
        Some(before.issued)
    }

    fn pop(&mut self) -> Option<Arc<Issued>> {
        let (_, client) = self.order.pop_first()?;
        self.entries.remove(&client).map(|entry| entry.issued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dc2g::resolver::refusing_key;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn issued(until: i64) -> Arc<Issued> {
        Arc::new(Issued::new(
            refusing_key(),
            at(until),
            at(until),
            7,
            String::new(),
        ))
    }

    /// Of one shard.
    fn client(number: u8) -> Fingerprint {
        let mut octets = [0; 32];
        octets[1] = number;
        Fingerprint(octets)
    }

    #[test]
    fn the_least_lately_used_leaves_first() {
        let cache = Cache::new(3 * SHARDS);
        for number in 1..=3 {
            assert!(cache.insert(client(number), issued(100)).is_empty());
        }
        assert!(cache.find(&client(1), at(0), 7).is_some());

        let gone = cache.insert(client(4), issued(100));

        assert_eq!((gone.len(), cache.len()), (1, 3));
        assert!(cache.find(&client(2), at(0), 7).is_none());
        let found = cache.find(&client(1), at(0), 7).unwrap();
        assert_eq!(found.uses(), 2);
    }

    #[test]
    fn what_is_over_or_from_before_a_revocation_is_not_found() {
        let cache = Cache::new(100);
        cache.insert(client(1), issued(100));
        assert!(cache.find(&client(1), at(99), 7).is_some());
        assert!(cache.find(&client(1), at(100), 7).is_none());
        assert!(cache.find(&client(1), at(99), 8).is_none());

        assert_eq!(cache.sweep(at(99), 7).len(), 0);
        assert_eq!(cache.sweep(at(100), 7).len(), 1);
        cache.insert(client(2), issued(100));
        assert_eq!(cache.flush().len(), 1);
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing() {
        let cache = Cache::new(0);
        assert_eq!(cache.insert(client(1), issued(100)).len(), 1);
        assert_eq!(cache.len(), 0);
    }
}
