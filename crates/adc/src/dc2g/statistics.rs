//! Counts of made certificates: of one profile, and of the whole instance.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::refusal::Refusal;
use crate::metrics::Dc2gMetrics;

/// What one profile's forger counts; the instance's metrics count along.
#[derive(Debug)]
pub(crate) struct Counters {
    forged: AtomicU64,
    hits: AtomicU64,
    not_asked: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    metrics: Dc2gMetrics,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// Certificates made.
    pub(crate) forged: u64,
    /// Connections that used one made before.
    pub(crate) hits: u64,
    /// Connections whose server asked for none.
    pub(crate) not_asked: u64,
    /// Connections that failed on purpose, by reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// Certificates kept now.
    pub(crate) cached: u64,
}

impl Counters {
    /// All zero.
    pub(crate) fn new(metrics: Dc2gMetrics) -> Self {
        Self {
            forged: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            not_asked: AtomicU64::new(0),
            refused: Mutex::default(),
            metrics,
        }
    }

    pub(crate) fn forged(&self) {
        self.forged.fetch_add(1, Ordering::Relaxed);
        self.metrics.forged.inc();
    }

    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.metrics.cache_hit.inc();
    }

    pub(crate) fn not_asked(&self) {
        self.not_asked.fetch_add(1, Ordering::Relaxed);
        self.metrics.not_asked.inc();
    }

    pub(crate) fn refused(&self, refusal: &Refusal) {
        let word = refusal.word();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(word).or_default() += 1;
        self.metrics.refused(word);
    }

    pub(crate) fn read(&self, cached: usize) -> Statistics {
        Statistics {
            forged: self.forged.load(Ordering::Relaxed),
            hits: self.hits.load(Ordering::Relaxed),
            not_asked: self.not_asked.load(Ordering::Relaxed),
            refused: (self.refused.lock())
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            cached: u64::try_from(cached).unwrap_or(u64::MAX),
        }
    }
}

impl Statistics {
    /// Adds another profile's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.forged += other.forged;
        self.hits += other.hits;
        self.not_asked += other.not_asked;
        self.cached += other.cached;
        for (word, count) in &other.refused {
            *self.refused.entry(word).or_default() += count;
        }
    }
}
