//! How often policies and actions were used; counts survive changes of the configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one policy, action or virtual server's policies.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    hits: AtomicU64,
    undefined: AtomicU64,
}

impl Counted {
    /// How often its rule was true, or it was carried out.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// How often its expression had no value.
    pub(crate) fn undefined(&self) -> u64 {
        self.undefined.load(Ordering::Relaxed)
    }

    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_no_value(&self) {
        self.undefined.fetch_add(1, Ordering::Relaxed);
    }
}

/// All counts of a snapshot, by resource type and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(HashMap<(&'static str, String), Arc<Counted>>);

impl Counts {
    /// The counts of an object, e.g. of the `responder policy` of that name; any case.
    pub(crate) fn of(&self, kind: &'static str, name: &str) -> Option<&Counted> {
        self.0
            .get(&(kind, name.to_ascii_lowercase()))
            .map(AsRef::as_ref)
    }

    /// The counter of an object, carried over from before if it was there.
    pub(super) fn counter(
        &mut self,
        before: &Self,
        kind: &'static str,
        name: &str,
    ) -> Arc<Counted> {
        let key = (kind, name.to_ascii_lowercase());
        let known = before.0.get(&key).cloned();
        let counter = self.0.entry(key);
        counter.or_insert_with(|| known.unwrap_or_default()).clone()
    }
}
