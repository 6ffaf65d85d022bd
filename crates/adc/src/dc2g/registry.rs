//! The forgers of an instance, one a profile, and what they share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use evercert_types::SharedClock;

use super::audit::AuditLog;
use super::forger::Forger;
use super::identity::{CrlStore, OcspChecker};
use super::settings::ForgerSettings;
use super::statistics::Statistics;
use crate::metrics::Dc2gMetrics;

/// Dynamic client certificates of one instance.
#[derive(Debug)]
pub(crate) struct Dc2g {
    common: Arc<Common>,
    crls: Arc<CrlStore>,
    ocsp: Arc<OcspChecker>,
    forgers: Mutex<Forgers>,
}

#[derive(Debug, Default)]
struct Forgers {
    by_profile: BTreeMap<String, Weak<Forger>>,
    generation: u64,
    /// Of forgers that are no more.
    past: Statistics,
}

/// What all forgers share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) audit: AuditLog,
    pub(crate) clock: SharedClock,
    pub(crate) metrics: Dc2gMetrics,
    /// Counts changes of what is revoked: nothing made before one is used after it.
    revocations: AtomicU64,
}

impl Common {
    /// How often what is revoked has changed.
    pub(crate) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::Acquire)
    }

    /// Says that it changed.
    pub(crate) fn revocations_changed(&self) {
        self.revocations.fetch_add(1, Ordering::AcqRel);
    }
}

impl Dc2g {
    /// None yet; the audit file lies in the state directory.
    pub(crate) fn new(state_dir: &Path, clock: SharedClock, metrics: Dc2gMetrics) -> Self {
        let common = Arc::new(Common {
            audit: AuditLog::new(state_dir),
            clock,
            metrics,
            revocations: AtomicU64::new(0),
        });
        Self {
            crls: Arc::new(CrlStore::new(common.clone())),
            ocsp: Arc::new(OcspChecker::new(common.clock.clone())),
            common,
            forgers: Mutex::default(),
        }
    }

    /// What the forgers share.
    pub(crate) const fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// The CRLs of the configuration.
    pub(crate) const fn crls(&self) -> &Arc<CrlStore> {
        &self.crls
    }

    /// Who asks about clients' certificates by OCSP.
    pub(crate) const fn ocsp(&self) -> &Arc<OcspChecker> {
        &self.ocsp
    }

    /// The forger of a profile: the one there is, with its cache and keys, as long as its settings stay the same.
    ///
    /// # Errors
    /// With what is wrong with the settings, or when no key can be made.
    pub(crate) fn forger(
        &self,
        profile: &str,
        settings: ForgerSettings,
    ) -> Result<Arc<Forger>, String> {
        let mut forgers = self.lock();
        let held = forgers.by_profile.get(profile).and_then(Weak::upgrade);
        if let Some(held) = held.filter(|held| held.settings().is_same(&settings)) {
            return Ok(held);
        }
        forgers.generation += 1;
        let generation = forgers.generation;
        let forger = Arc::new(Forger::new(profile, generation, settings, &self.common)?);
        let known = Arc::downgrade(&forger);
        if let Some(old) = forgers.by_profile.insert(profile.to_owned(), known)
            && let Some(old) = old.upgrade()
        {
            let past = Statistics {
                cached: 0,
                ..old.statistics()
            };
            forgers.past.add(&past);
        }
        Ok(forger)
    }

    /// Empties all caches (`flush ssl dynamicClientCertCache`); how many certificates that were.
    pub(crate) fn flush(&self) -> usize {
        self.live().iter().map(|forger| forger.flush()).sum()
    }

    /// Takes out of the caches what will not be used any more.
    pub(crate) fn sweep(&self) {
        for forger in self.live() {
            forger.sweep();
        }
    }

    /// The counts of all profiles together.
    pub(crate) fn statistics(&self) -> Statistics {
        let mut sum = self.lock().past.clone();
        for forger in self.live() {
            sum.add(&forger.statistics());
        }
        sum
    }

    /// The counts of each profile in use.
    pub(crate) fn by_profile(&self) -> Vec<(String, Statistics)> {
        let live = self.live();
        let named = live.iter();
        named
            .map(|forger| (forger.profile().to_owned(), forger.statistics()))
            .collect()
    }

    fn live(&self) -> Vec<Arc<Forger>> {
        let forgers = self.lock();
        forgers
            .by_profile
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Forgers> {
        self.forgers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
