//! The set this instance holds, item by item, with the digests that prove it equal to the Console's.
//!
//! An item stays in the ledger even when it is not served (staged, rejected, expired): the ledger says what was
//! delivered. While a delivery cannot be served, the generation before it is, as long as it is valid.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use evercert_api::digest::{BUCKETS, ItemDigest, SetDigest};
use evercert_api::sync::{Cursor, ItemId, ItemProblem};
use evercert_types::{Fingerprint, ItemState, KeyAlgorithm};
use jiff::Timestamp;

use super::verify::Rejection;
use crate::tls::record::Record;

/// One delivered item.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) generation: i64,
    pub(crate) fingerprint: Fingerprint,
    /// The certificate's name, for people.
    pub(crate) name: Arc<str>,
    pub(crate) state: HeldState,
    /// An earlier generation, served while this one is not.
    pub(crate) previous: Option<Arc<Record>>,
}

/// What became of a delivery.
#[derive(Clone, Debug)]
pub(crate) enum HeldState {
    /// Verified; its validity lies ahead.
    Staged(Arc<Record>),
    /// Served.
    Active(Arc<Record>),
    /// Was served until it expired.
    Expired(Timestamp),
    /// Refused.
    Rejected(Rejection),
}

impl Held {
    /// What is served of the item now.
    pub(crate) const fn serving(&self) -> Option<&Arc<Record>> {
        match &self.state {
            HeldState::Active(record) => Some(record),
            _ => self.previous.as_ref(),
        }
    }

    /// The record of this delivery, if it was verified and has not expired.
    pub(crate) const fn record(&self) -> Option<&Arc<Record>> {
        match &self.state {
            HeldState::Active(record) | HeldState::Staged(record) => Some(record),
            HeldState::Expired(_) | HeldState::Rejected(_) => None,
        }
    }

    fn digest(&self, id: &ItemId) -> ItemDigest {
        ItemDigest::of(id, self.generation, &self.fingerprint)
    }

    /// When its state will change by itself.
    fn deadlines(&self) -> impl Iterator<Item = Timestamp> {
        let own = match &self.state {
            HeldState::Staged(record) => Some(record.parts().not_before),
            HeldState::Active(record) => Some(record.parts().not_after),
            HeldState::Expired(_) | HeldState::Rejected(_) => None,
        };
        let previous = self
            .previous
            .as_ref()
            .map(|record| record.parts().not_after);
        own.into_iter().chain(previous)
    }
}

/// The set held.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Scope, epoch and revision applied; the digest in it is not used.
    position: Cursor,
    held: HashMap<ItemId, Held>,
    total: SetDigest,
    buckets: Box<[SetDigest]>,
    deadlines: BTreeSet<(Timestamp, ItemId)>,
    exceptions: BTreeSet<ItemId>,
}

/// How many items are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) held: usize,
    pub(crate) active: usize,
    pub(crate) staged: usize,
    pub(crate) rejected: usize,
    pub(crate) expired: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            position: Cursor::default(),
            held: HashMap::new(),
            total: SetDigest::default(),
            buckets: vec![SetDigest::default(); BUCKETS].into(),
            deadlines: BTreeSet::new(),
            exceptions: BTreeSet::new(),
        }
    }
}

impl Ledger {
    /// Where this instance stands.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor {
            digest: self.total,
            ..self.position.clone()
        }
    }

    /// Everything up to this revision was taken over.
    pub(crate) fn advance_to(&mut self, scope: &str, epoch: i64, revision: i64) {
        scope.clone_into(&mut self.position.scope);
        self.position.epoch = epoch;
        self.position.revision = revision;
    }

    /// Digest over the whole set.
    #[cfg(test)]
    pub(crate) const fn digest(&self) -> SetDigest {
        self.total
    }

    /// Digests over the parts of the set.
    pub(crate) const fn buckets(&self) -> &[SetDigest] {
        &self.buckets
    }

    /// The item.
    pub(crate) fn get(&self, id: &ItemId) -> Option<&Held> {
        self.held.get(id)
    }

    /// All items, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ItemId, &Held)> {
        self.held.iter()
    }

    /// How many items are held.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Takes a verified delivery; what was served before goes on being served until this one is valid.
    pub(crate) fn stage(&mut self, id: ItemId, record: Arc<Record>, now: Timestamp) {
        let parts = record.parts();
        let (generation, fingerprint, name) =
            (parts.generation, parts.fingerprint, parts.name.clone());
        let (state, previous) = if parts.not_before > now {
            let previous = self.get(&id).and_then(Held::serving).cloned();
            (HeldState::Staged(record), previous)
        } else {
            (HeldState::Active(record), None)
        };
        self.put(
            id,
            Held {
                generation,
                fingerprint,
                name,
                state,
                previous,
            },
        );
    }

    /// Notes a delivery that cannot be served; what was served before goes on being served.
    pub(crate) fn reject(
        &mut self,
        id: ItemId,
        generation: i64,
        fingerprint: Fingerprint,
        name: &str,
        rejection: Rejection,
    ) {
        let previous = self.get(&id).and_then(Held::serving).cloned();
        self.put(
            id,
            Held {
                generation,
                fingerprint,
                name: name.into(),
                state: HeldState::Rejected(rejection),
                previous,
            },
        );
    }

    /// Puts an item as it is, replacing what was held.
    pub(crate) fn put(&mut self, id: ItemId, held: Held) {
        self.remove(&id);
        let digest = held.digest(&id);
        self.total.add(&digest);
        self.buckets[usize::from(digest.bucket())].add(&digest);
        self.deadlines
            .extend(held.deadlines().map(|deadline| (deadline, id)));
        if !matches!(held.state, HeldState::Active(_)) {
            self.exceptions.insert(id);
        }
        self.held.insert(id, held);
    }

    /// Takes an item away.
    pub(crate) fn remove(&mut self, id: &ItemId) -> Option<Held> {
        let held = self.held.remove(id)?;
        let digest = held.digest(id);
        self.total.remove(&digest);
        self.buckets[usize::from(digest.bucket())].remove(&digest);
        for deadline in held.deadlines() {
            self.deadlines.remove(&(deadline, *id));
        }
        self.exceptions.remove(id);
        Some(held)
    }

    /// Lets time pass: what becomes valid is activated, what expired is dropped. Returns the items that changed.
    pub(crate) fn pass(&mut self, now: Timestamp) -> Vec<ItemId> {
        let mut changed = Vec::new();
        while let Some((deadline, id)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.deadlines.pop_first();
            if let Some(held) = self.held.get(&id).cloned() {
                self.put(id, aged(held, now));
                changed.push(id);
            }
        }
        changed
    }

    /// The records of a certificate that are served now.
    pub(crate) fn serving(&self, certificate: evercert_types::CertificateId) -> Vec<Arc<Record>> {
        KeyAlgorithm::ALL
            .into_iter()
            .filter_map(|algorithm| {
                let id = ItemId {
                    certificate,
                    algorithm,
                };
                self.get(&id)?.serving().cloned()
            })
            .collect()
    }

    /// At most `limit` items that are not simply active.
    pub(crate) fn problems(&self, limit: usize) -> Vec<ItemProblem> {
        self.exceptions
            .iter()
            .filter_map(|id| self.problem(id))
            .take(limit)
            .collect()
    }

    fn problem(&self, id: &ItemId) -> Option<ItemProblem> {
        let held = self.get(id)?;
        let (state, code, detail) = match &held.state {
            HeldState::Active(_) => return None,
            HeldState::Staged(record) => {
                let detail = format!("it is served from {}", record.parts().not_before);
                (ItemState::Staged, "not_yet_valid".to_owned(), detail)
            }
            HeldState::Expired(at) => {
                let detail = format!("it expired at {at}");
                (ItemState::Rejected, "expired".to_owned(), detail)
            }
            HeldState::Rejected(rejection) => (
                ItemState::Rejected,
                rejection.code.clone(),
                rejection.detail.clone(),
            ),
        };
        Some(ItemProblem {
            id: *id,
            generation: held.generation,
            state,
            code,
            detail,
        })
    }

    /// How many items are in which state.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts {
            held: self.held.len(),
            active: self.held.len() - self.exceptions.len(),
            ..Counts::default()
        };
        for held in self.exceptions.iter().filter_map(|id| self.held.get(id)) {
            match held.state {
                HeldState::Staged(_) => counts.staged += 1,
                HeldState::Rejected(_) => counts.rejected += 1,
                HeldState::Expired(_) => counts.expired += 1,
                HeldState::Active(_) => {}
            }
        }
        counts
    }
}

fn aged(mut held: Held, now: Timestamp) -> Held {
    held.previous = held.previous.filter(|record| record.is_valid_at(now));
    held.state = match held.state {
        HeldState::Staged(record) | HeldState::Active(record)
            if record.parts().not_after <= now =>
        {
            HeldState::Expired(record.parts().not_after)
        }
        HeldState::Staged(record) if record.parts().not_before <= now => {
            held.previous = None;
            HeldState::Active(record)
        }
        state => state,
    };
    held
}

#[cfg(test)]
mod tests {
    use evercert_types::CertificateId;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::super::samples::{Store, chains};
    use super::super::verify::verify;
    use super::*;
    use crate::tls::intern::Interner;
    use crate::tls::samples::now;

    fn day(day: i64) -> Timestamp {
        now() + SignedDuration::from_hours(24 * day)
    }

    fn record(
        store: &Store,
        certificate: CertificateId,
        generation: i64,
        from: i64,
        to: i64,
    ) -> Arc<Record> {
        let item = store.item_of(certificate, "a.example", generation, from, to);
        let verified = verify(&item, &chains(store), None, now(), &mut Interner::default());
        verified.unwrap().record
    }

    #[test]
    fn the_old_generation_is_served_until_the_new_one_is_valid_and_expiry_drops_it() {
        let store = Store::new();
        let id = CertificateId::new();
        let [old, new] =
            [(1, 0, 10), (2, 5, 20)].map(|(g, from, to)| record(&store, id, g, from, to));
        let item = old.parts().item;
        let mut ledger = Ledger::default();
        ledger.stage(item, old.clone(), now());
        ledger.stage(item, new.clone(), now());
        assert!(Arc::ptr_eq(&ledger.serving(id)[0], &old));
        assert_eq!(ledger.problems(9)[0].code, "not_yet_valid");

        assert_eq!(ledger.pass(day(4)), []);
        assert_eq!(ledger.pass(day(5)), [item]);
        assert!(Arc::ptr_eq(&ledger.serving(id)[0], &new));
        assert!(ledger.problems(9).is_empty());

        assert_eq!(ledger.pass(day(20)), [item]);
        assert!(ledger.serving(id).is_empty());
        assert_eq!(ledger.counts().expired, 1);
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn a_rejected_delivery_leaves_the_earlier_one_in_service() {
        let store = Store::new();
        let id = CertificateId::new();
        let good = record(&store, id, 1, 0, 10);
        let item = good.parts().item;
        let mut ledger = Ledger::default();
        ledger.stage(item, good.clone(), now());

        let rejection = Rejection::new("key_mismatch", "no");
        ledger.reject(item, 2, Fingerprint([7; 32]), "a", rejection);

        assert!(Arc::ptr_eq(&ledger.serving(id)[0], &good));
        assert_eq!(ledger.problems(9)[0].state, ItemState::Rejected);
        assert_eq!(ledger.pass(day(10)), [item]);
        assert!(ledger.serving(id).is_empty());
    }

    proptest! {
        #[test]
        fn digests_depend_on_the_set_alone(
            changes in prop::collection::vec((0usize..6, prop::option::of(1i64..4)), 0..30),
        ) {
            let ids: Vec<ItemId> = (0..6).map(|_| ItemId {
                certificate: CertificateId::new(),
                algorithm: KeyAlgorithm::EcdsaP256,
            }).collect();
            let mut ledger = Ledger::default();
            let mut model = HashMap::new();
            for (at, generation) in changes {
                match generation {
                    None => { ledger.remove(&ids[at]); model.remove(&ids[at]); }
                    Some(g) => {
                        ledger.reject(ids[at], g, Fingerprint([3; 32]), "n", Rejection::new("x", "y"));
                        model.insert(ids[at], g);
                    }
                }
            }

            let mut fresh = Ledger::default();
            for (id, g) in model {
                fresh.reject(id, g, Fingerprint([3; 32]), "n", Rejection::new("x", "y"));
            }
            prop_assert_eq!(ledger.digest(), fresh.digest());
            prop_assert_eq!(ledger.buckets(), fresh.buckets());
            prop_assert_eq!(ledger.counts(), fresh.counts());
        }
    }
}
