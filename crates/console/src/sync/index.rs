//! The zero-touch store in memory, without content: what is in which scope, and what changed since when.
//!
//! Pure: no clock, no database. A scope is a set of labels; instances with the same labels share one.
//! Its digest, count and revision are kept current with every change, so that the question that is
//! asked most often, "anything new?", is a comparison of four numbers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use evercert_api::digest::{BUCKETS, ItemDigest, SetDigest};
use evercert_api::sync::{Cursor, ItemId, ItemRef, Manifest};
use evercert_db::store_items::{StoreItem, StoreState};
use evercert_types::{Labels, VersionId};
use jiff::Timestamp;

/// The store's items, and the scopes that instances asked for.
#[derive(Debug, Default)]
pub(crate) struct Index {
    epoch: i64,
    revision: i64,
    items: HashMap<ItemId, Arc<StoreItem>>,
    /// How many of them are not removed.
    present: usize,
    by_revision: BTreeMap<i64, ItemId>,
    scopes: HashMap<Arc<str>, Scope>,
    /// Until then removing most of a set is meant.
    purge_until: Option<Timestamp>,
}

/// Where the store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Its epoch.
    pub(crate) epoch: i64,
    /// The last revision applied.
    pub(crate) revision: i64,
    /// How many items it holds.
    pub(crate) items: usize,
}

/// What one set of labels selects.
#[derive(Debug)]
struct Scope {
    labels: Labels,
    count: u64,
    digest: SetDigest,
    /// The last revision that changed what an instance of this scope has, or may have.
    revision: i64,
}

/// What to answer to a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The instance has everything.
    Unchanged,
    /// The instance knows a revision that the store has not reached: it speaks of another history.
    Ahead,
    /// What to send.
    Send(Page),
}

/// Changes to be sent, and what they lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The set after the last page.
    pub(crate) manifest: Manifest,
    /// Whether the pages from here on are the whole set.
    pub(crate) snapshot: bool,
    /// The revision that this page leads to.
    pub(crate) to: i64,
    /// Whether there is another page.
    pub(crate) more: bool,
    /// The changes, in order of revision.
    pub(crate) changes: Vec<PlannedChange>,
}

/// A change without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlannedChange {
    /// The item with this version is in the set.
    Put(ItemId, VersionId),
    /// The item is not in the set.
    Remove(ItemId),
}

impl Index {
    /// An empty index of a store.
    pub(crate) fn new(state: StoreState) -> Self {
        Self {
            epoch: state.epoch,
            ..Self::default()
        }
    }

    /// Epoch, revision, number of items.
    pub(crate) const fn figures(&self) -> Figures {
        Figures {
            epoch: self.epoch,
            revision: self.revision,
            items: self.present,
        }
    }

    /// Until when removing most of a set is meant.
    pub(crate) const fn purge_until(&self) -> Option<Timestamp> {
        self.purge_until
    }

    /// Takes over until when removing most of a set is meant; whether that is new.
    pub(crate) fn set_purge_until(&mut self, until: Option<Timestamp>) -> bool {
        std::mem::replace(&mut self.purge_until, until) != until
    }

    /// The last revision applied.
    pub(crate) const fn revision(&self) -> i64 {
        self.revision
    }

    /// Takes over a new epoch; the items stay.
    pub(crate) const fn set_epoch(&mut self, epoch: i64) {
        self.epoch = epoch;
    }

    /// Applies the last change of an item; one that is known already changes nothing.
    pub(crate) fn apply(&mut self, item: StoreItem) {
        let id = item_id(&item);
        let old = self.items.get(&id).cloned();
        if old
            .as_ref()
            .is_some_and(|old| old.revision >= item.revision)
        {
            return;
        }
        for scope in self.scopes.values_mut() {
            scope.apply(old.as_deref(), &item);
        }
        if let Some(old) = old {
            self.by_revision.remove(&old.revision);
            self.present -= usize::from(!old.is_removed());
        }
        self.present += usize::from(!item.is_removed());
        self.by_revision.insert(item.revision, id);
        self.revision = self.revision.max(item.revision);
        self.items.insert(id, Arc::new(item));
    }

    /// Whether a scope of this name is kept.
    pub(crate) fn has_scope(&self, name: &str) -> bool {
        self.scopes.contains_key(name)
    }

    /// Keeps a scope from now on.
    pub(crate) fn add_scope(&mut self, name: Arc<str>, labels: Labels) {
        if self.has_scope(&name) {
            return;
        }
        let mut scope = Scope {
            labels,
            count: 0,
            digest: SetDigest::default(),
            revision: 0,
        };
        for id in self.by_revision.values() {
            if let Some(item) = self.items.get(id) {
                scope.apply(None, item);
            }
        }
        self.scopes.insert(name, scope);
    }

    /// Forgets the scopes that are not wanted any more.
    pub(crate) fn retain_scopes(&mut self, wanted: impl Fn(&str) -> bool) {
        self.scopes.retain(|name, _| wanted(name));
    }

    /// The item, if it is in the store.
    pub(crate) fn item(&self, id: &ItemId) -> Option<&Arc<StoreItem>> {
        self.items.get(id).filter(|item| !item.is_removed())
    }

    /// The items that instances with these labels get, in no order.
    pub(crate) fn items_for(&self, labels: &Labels) -> Vec<Arc<StoreItem>> {
        self.items
            .values()
            .filter(|item| item.is_for(labels))
            .cloned()
            .collect()
    }

    /// What the whole set of a scope is; none when the scope is not kept.
    pub(crate) fn manifest(&self, scope: &str, now: Timestamp) -> Option<Manifest> {
        let kept = self.scopes.get(scope)?;
        Some(Manifest {
            scope: scope.to_owned(),
            epoch: self.epoch,
            revision: kept.revision,
            count: kept.count,
            digest: kept.digest,
            issued_at: now,
            purge_intended: self.purge_until.is_some_and(|until| now < until),
        })
    }

    /// What to answer to an instance of this scope that has this; at most `limit` changes.
    pub(crate) fn plan(
        &self,
        scope: &str,
        have: &Cursor,
        limit: usize,
        now: Timestamp,
    ) -> Option<Plan> {
        let kept = self.scopes.get(scope)?;
        let same_history = have.scope == scope && have.epoch == self.epoch;
        if same_history && have.revision > self.revision {
            return Some(Plan::Ahead);
        }
        if same_history && have.revision >= kept.revision && have.digest == kept.digest {
            return Some(Plan::Unchanged);
        }
        let manifest = self.manifest(scope, now)?;
        let page = if same_history {
            self.page(kept, manifest, Some(have.revision), limit)
        } else {
            self.page(kept, manifest, None, limit)
        };
        Some(Plan::Send(page))
    }

    /// The whole set of a scope, as [`Index::plan`] sends it to an instance that has nothing.
    pub(crate) fn snapshot(&self, scope: &str, limit: usize, now: Timestamp) -> Option<Page> {
        let kept = self.scopes.get(scope)?;
        Some(self.page(kept, self.manifest(scope, now)?, None, limit))
    }

    fn page(&self, scope: &Scope, manifest: Manifest, after: Option<i64>, limit: usize) -> Page {
        let mut to = manifest.revision;
        let mut changes = Vec::new();
        let mut more = false;
        let mut last = 0;
        for (revision, id) in self.by_revision.range(after.unwrap_or(0) + 1..) {
            let Some(change) = self.change(scope, id, after.is_none()) else {
                continue;
            };
            if changes.len() >= limit.max(1) {
                (to, more) = (last, true);
                break;
            }
            last = *revision;
            changes.push(change);
        }
        Page {
            manifest,
            snapshot: after.is_none(),
            to,
            more,
            changes,
        }
    }

    /// How an item's last change looks from a scope; a snapshot needs no removals.
    fn change(&self, scope: &Scope, id: &ItemId, snapshot: bool) -> Option<PlannedChange> {
        let item = self.items.get(id)?;
        match item.version_id {
            Some(version) if item.is_for(&scope.labels) => Some(PlannedChange::Put(*id, version)),
            _ if !snapshot && item.may_be_held(&scope.labels) => Some(PlannedChange::Remove(*id)),
            _ => None,
        }
    }

    /// The versions of those items that are in the scope.
    pub(crate) fn versions_in_scope(
        &self,
        scope: &str,
        ids: &[ItemId],
    ) -> Vec<(ItemId, VersionId)> {
        let Some(scope) = self.scopes.get(scope) else {
            return Vec::new();
        };
        ids.iter()
            .filter_map(|id| {
                let item = self
                    .items
                    .get(id)
                    .filter(|item| item.is_for(&scope.labels))?;
                Some((*id, item.version_id?))
            })
            .collect()
    }

    /// For each bucket in which the instance's digest differs, what belongs there.
    pub(crate) fn differing_buckets(
        &self,
        scope: &str,
        theirs: &[SetDigest],
    ) -> BTreeMap<u8, Vec<ItemRef>> {
        let Some(scope) = self.scopes.get(scope) else {
            return BTreeMap::new();
        };
        let mut ours = vec![SetDigest::default(); BUCKETS];
        let mut refs: Vec<Vec<ItemRef>> = vec![Vec::new(); BUCKETS];
        for (id, item) in self
            .items
            .iter()
            .filter(|(_, item)| item.is_for(&scope.labels))
        {
            let digest = digest_of(id, item);
            let bucket = usize::from(digest.bucket());
            ours[bucket].add(&digest);
            refs[bucket].push(ItemRef {
                id: *id,
                generation: item.generation,
                fingerprint: item.fingerprint,
            });
        }
        (0u8..=u8::MAX)
            .zip(ours.iter().zip(refs))
            .filter(|(bucket, (ours, _))| theirs.get(usize::from(*bucket)) != Some(ours))
            .map(|(bucket, (_, mut refs))| {
                refs.sort_by_key(|item| item.id);
                (bucket, refs)
            })
            .collect()
    }
}

impl Scope {
    fn apply(&mut self, old: Option<&StoreItem>, new: &StoreItem) {
        if let Some(old) = old.filter(|old| old.is_for(&self.labels)) {
            self.digest.remove(&digest_of(&item_id(old), old));
            self.count -= 1;
        }
        if new.is_for(&self.labels) {
            self.digest.add(&digest_of(&item_id(new), new));
            self.count += 1;
        }
        if new.may_be_held(&self.labels) {
            self.revision = self.revision.max(new.revision);
        }
    }
}

/// The name of the scope of a set of labels: 16 hexadecimal digits of a hash of its canonical form.
pub(crate) fn scope_name(labels: &Labels) -> Arc<str> {
    let mut canonical = Vec::new();
    for text in labels.iter().flat_map(|(key, value)| [key, value]) {
        canonical.extend((text.len() as u64).to_be_bytes());
        canonical.extend(text.as_bytes());
    }
    let hash = digest(&SHA256, &canonical);
    let name: String = hash.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    name.into()
}

/// The item's id as it is on the wire.
pub(crate) const fn item_id(item: &StoreItem) -> ItemId {
    ItemId {
        certificate: item.certificate_id,
        algorithm: item.algorithm,
    }
}

fn digest_of(id: &ItemId, item: &StoreItem) -> ItemDigest {
    ItemDigest::of(id, item.generation, &item.fingerprint)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
