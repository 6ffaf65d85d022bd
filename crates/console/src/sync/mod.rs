//! The server's side of ZTS/1: who has what, who lacks what, and waking those who wait.
//!
//! The wire contract is [`evercert_api::sync`]. [`index`] and [`registry`] hold in memory what is needed
//! to say "nothing new" without a database; [`watch`] keeps them current; [`contents`] reads what is
//! delivered; [`reports`] writes down what instances say; [`enroll`] makes instances.

mod challenges;
pub(crate) mod contents;
pub(crate) mod deployment;
pub(crate) mod enroll;
pub(crate) mod handlers;
pub(crate) mod index;
pub(crate) mod peer;
pub(crate) mod registry;
pub(crate) mod reports;
pub(crate) mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use evercert_api::digest::SetDigest;
use evercert_api::sync::{
    BucketsResponse, Change, Cursor, ItemId, ItemsResponse, Manifest, SyncResponse,
};
use evercert_db::store_items::{StoreItem, StoreStates};
use evercert_db::{Db, DbError};
use evercert_types::{Fingerprint, Labels, SharedClock, VersionId};
use jiff::Timestamp;
use tokio::sync::watch as signal;

use challenges::Responses;
use contents::{Content, Contents};
use index::{Figures, Index, Page, Plan, PlannedChange};
use registry::{Member, Registry};

/// The zero-touch store and its instances, as this process knows them.
#[derive(Debug)]
pub(crate) struct Store {
    db: Db,
    clock: SharedClock,
    index: RwLock<Index>,
    /// The enrolled instances.
    pub(crate) registry: Registry,
    contents: Contents,
    /// What instances show to CAs.
    responses: RwLock<Responses>,
    /// Counts up whenever the index changed.
    changed: signal::Sender<u64>,
    /// Where the counters stood at the last refresh; held while one is going on.
    seen: tokio::sync::Mutex<StoreStates>,
    epoch_begun: std::sync::Mutex<Option<Timestamp>>,
}

impl Store {
    /// Reads the store and the register of instances.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn load(db: Db, clock: SharedClock) -> Result<Self, DbError> {
        let states = db.ensure_store_states().await?;
        let store = Self {
            index: RwLock::new(Index::new(states.zero_touch)),
            registry: Registry::default(),
            contents: Contents::default(),
            responses: RwLock::default(),
            changed: signal::Sender::new(0),
            seen: tokio::sync::Mutex::new(StoreStates::default()),
            epoch_begun: std::sync::Mutex::new(None),
            db,
            clock,
        };
        store.refresh().await?;
        Ok(store)
    }

    /// Signals every change of the store.
    pub(crate) fn subscribe(&self) -> signal::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What to answer to an instance's cursor.
    pub(crate) fn plan(&self, member: &Member, have: &Cursor, limit: usize) -> Plan {
        let now = self.clock.now();
        self.with_scope(member, |index| index.plan(&member.scope, have, limit, now))
            .unwrap_or(Plan::Unchanged)
    }

    /// The whole set of an instance.
    pub(crate) fn snapshot(&self, member: &Member, limit: usize) -> Option<Page> {
        let now = self.clock.now();
        self.with_scope(member, |index| index.snapshot(&member.scope, limit, now))
    }

    /// What the instance's set is.
    pub(crate) fn manifest(&self, member: &Member) -> Option<Manifest> {
        let now = self.clock.now();
        self.with_scope(member, |index| index.manifest(&member.scope, now))
    }

    /// The item as the index knows it; none when it is not in the store.
    pub(crate) fn item(&self, id: &ItemId) -> Option<Arc<StoreItem>> {
        self.read(|index| index.item(id).cloned())
    }

    /// The items that instances with these labels get.
    pub(crate) fn items_for(&self, labels: &Labels) -> Vec<Arc<StoreItem>> {
        self.read(|index| index.items_for(labels))
    }

    /// Where the store stands.
    pub(crate) fn figures(&self) -> Figures {
        self.read(Index::figures)
    }

    /// Until when instances are told that removing most of their set is meant.
    pub(crate) fn purge_intended_until(&self) -> Option<Timestamp> {
        self.read(Index::purge_until)
            .filter(|until| self.clock.now() < *until)
    }

    /// The response that carries a page; none when some of it is gone already and it must be planned anew.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn deliver(
        &self,
        page: Page,
        poll_after_secs: u32,
    ) -> Result<Option<SyncResponse>, DbError> {
        let versions: Vec<VersionId> = page
            .changes
            .iter()
            .filter_map(PlannedChange::version)
            .collect();
        let contents = self.contents.load(&self.db, &versions).await?;
        if contents.len() < versions.len() {
            return Ok(None);
        }
        let mut chains = BTreeMap::new();
        let changes = page.changes.iter().filter_map(|change| match change {
            PlannedChange::Put(_, version) => {
                let content = contents.get(version)?;
                add_chain(&mut chains, content);
                Some(Change::Put {
                    item: Box::new(content.item.clone()),
                })
            }
            PlannedChange::Remove(id) => Some(Change::Remove { id: *id }),
        });
        let changes = changes.collect();
        Ok(Some(SyncResponse {
            manifest: page.manifest,
            snapshot: page.snapshot,
            to: page.to,
            more: page.more,
            changes,
            chains,
            poll_after_secs,
            challenges: None,
        }))
    }

    /// The page without the changes whose content is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn without_lost(&self, mut page: Page) -> Result<Page, DbError> {
        let versions: Vec<VersionId> = page
            .changes
            .iter()
            .filter_map(PlannedChange::version)
            .collect();
        let contents = self.contents.load(&self.db, &versions).await?;
        page.changes.retain(|change| {
            change
                .version()
                .is_none_or(|version| contents.contains_key(&version))
        });
        Ok(page)
    }

    /// Items by id, as far as they are in the instance's scope.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn items(
        &self,
        member: &Member,
        ids: &[ItemId],
    ) -> Result<ItemsResponse, DbError> {
        let wanted = self
            .with_scope(member, |index| {
                Some(index.versions_in_scope(&member.scope, ids))
            })
            .unwrap_or_default();
        let versions: Vec<VersionId> = wanted.iter().map(|(_, version)| *version).collect();
        let contents = self.contents.load(&self.db, &versions).await?;
        let mut chains = BTreeMap::new();
        let items = versions.iter().filter_map(|version| {
            let content = contents.get(version)?;
            add_chain(&mut chains, content);
            Some(content.item.clone())
        });
        Ok(ItemsResponse {
            items: items.collect(),
            chains,
        })
    }

    /// What stands in the buckets in which the instance's set differs.
    pub(crate) fn buckets(&self, member: &Member, theirs: &[SetDigest]) -> Option<BucketsResponse> {
        let now = self.clock.now();
        self.with_scope(member, |index| {
            Some(BucketsResponse {
                manifest: index.manifest(&member.scope, now)?,
                differ: index.differing_buckets(&member.scope, theirs),
            })
        })
    }

    /// Reads with the instance's scope kept in the index.
    fn with_scope<T>(&self, member: &Member, ask: impl Fn(&Index) -> Option<T>) -> Option<T> {
        if !self.read(|index| index.has_scope(&member.scope)) {
            self.write(|index| index.add_scope(member.scope.clone(), member.labels.clone()));
        }
        self.read(ask)
    }

    fn read<T>(&self, ask: impl FnOnce(&Index) -> T) -> T {
        ask(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Index) -> T) -> T {
        change(&mut self.index.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PlannedChange {
    /// The version that has to be delivered.
    const fn version(&self) -> Option<VersionId> {
        match self {
            Self::Put(_, version) => Some(*version),
            Self::Remove(_) => None,
        }
    }
}

fn add_chain(chains: &mut BTreeMap<Fingerprint, Vec<String>>, content: &Content) {
    if let Some((digest, ders)) = &content.chain {
        chains.entry(*digest).or_insert_with(|| ders.clone());
    }
}
