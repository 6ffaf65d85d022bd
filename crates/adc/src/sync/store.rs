//! The zero-touch certificates of this instance: ledger and table, changed together.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evercert_api::digest::SetDigest;
use evercert_api::sync::{Cursor, Item, ItemId, ItemProblem};
use evercert_types::{CertificateId, SharedClock};
use tokio::sync::Notify;

use super::ledger::{Counts, Held, HeldState, Ledger};
use super::report::Observations;
use super::verify::{Chains, Rejection, Verified, is_same, verify};
use crate::tls::hot::HotKeys;
use crate::tls::intern::Interner;
use crate::tls::record::Record;
use crate::tls::table::{Table, TableWriter};

/// How many items are verified and put into service together.
pub(crate) const BATCH: usize = 64;

/// Changed by the agent's thread, read by status; handshakes read the table alone.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) table: Arc<Table>,
    pub(crate) hot: Arc<HotKeys>,
    pub(crate) observations: Arc<Observations>,
    clock: SharedClock,
    state: Mutex<State>,
    interner: Mutex<Interner>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    writer: TableWriter,
}

/// Everything worth keeping over a restart.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) cursor: Cursor,
    pub(crate) items: Vec<(ItemId, Held)>,
}

impl Store {
    /// An empty store over an empty table.
    pub(crate) fn new(hot: Arc<HotKeys>, clock: SharedClock) -> Arc<Self> {
        let table = Arc::new(Table::default());
        Arc::new(Self {
            hot,
            observations: Observations::new(),
            clock,
            state: Mutex::new(State {
                ledger: Ledger::default(),
                writer: TableWriter::new(table.clone()),
            }),
            table,
            interner: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Verifies items and serves those that are good; a bad one is noted and hinders no other. Best called with at
    /// most [`BATCH`] at a time, so that others get their turn.
    pub(crate) fn put(&self, items: &[Item], chains: &Chains) {
        let now = self.clock.now();
        let outcomes: Vec<_> = items
            .iter()
            .filter_map(|item| Some((item, self.examine(item, chains)?)))
            .collect();
        let mut state = self.lock();
        let mut touched = BTreeSet::new();
        for (item, outcome) in outcomes {
            touched.insert(item.id.certificate);
            match outcome {
                Ok(Verified { record, certified }) => {
                    let generation = item.generation;
                    tracing::debug!(item = %item.id, certificate.name = item.name, generation, "item verified");
                    if let Some(certified) = certified {
                        self.hot.offer(&record, certified);
                    }
                    state.ledger.stage(item.id, record, now);
                }
                Err(rejection) => {
                    let Rejection { code, detail } = &rejection;
                    tracing::warn!(item = %item.id, certificate.name = item.name, code, detail, "item rejected");
                    state.ledger.reject(
                        item.id,
                        item.generation,
                        item.fingerprint,
                        &item.name,
                        rejection,
                    );
                }
            }
        }
        state.serve(touched);
        drop(state);
        self.changed.notify_one();
    }

    /// `None` when the delivery is what is held already.
    fn examine(&self, item: &Item, chains: &Chains) -> Option<Result<Verified, Rejection>> {
        let held = self.lock().ledger.get(&item.id).cloned();
        let record = held
            .as_ref()
            .and_then(|held| held.record().or(held.serving()));
        if let Some(held) = &held
            && let Some(record) = held.record()
            && is_same(record, item, chains)
        {
            return None;
        }
        let mut interner = self.interner.lock().unwrap_or_else(PoisonError::into_inner);
        let record = record.map(|record| &**record);
        Some(verify(
            item,
            chains,
            record,
            self.clock.now(),
            &mut interner,
        ))
    }

    /// Removes items: their names first.
    pub(crate) fn remove(&self, ids: &[ItemId]) {
        let mut state = self.lock();
        let mut touched = BTreeSet::new();
        for id in ids {
            if state.ledger.remove(id).is_some() {
                touched.insert(id.certificate);
            }
        }
        state.serve(touched);
        drop(state);
        self.changed.notify_one();
    }

    /// Everything up to this revision was taken over.
    pub(crate) fn advance_to(&self, scope: &str, epoch: i64, revision: i64) {
        let mut state = self.lock();
        let before = state.ledger.cursor();
        state.ledger.advance_to(scope, epoch, revision);
        let moved = before != state.ledger.cursor();
        drop(state);
        if moved {
            self.changed.notify_one();
        }
    }

    /// Activates what became valid and drops what expired; whether anything changed.
    pub(crate) fn pass_time(&self) -> bool {
        let mut state = self.lock();
        let changed = state.ledger.pass(self.clock.now());
        for id in &changed {
            let now_is = state.ledger.get(id).map(|held| match held.state {
                HeldState::Active(_) => "served from now on",
                HeldState::Expired(_) => "expired",
                _ => "waiting",
            });
            tracing::info!(item = %id, state = now_is, "an item's validity changed");
        }
        state.serve(changed.iter().map(|id| id.certificate).collect());
        drop(state);
        if !changed.is_empty() {
            self.changed.notify_one();
        }
        !changed.is_empty()
    }

    /// Takes over what was kept, without verifying it again: it was, and its seal says that it is unchanged.
    pub(crate) fn restore(&self, contents: Contents) {
        let mut state = self.lock();
        let mut touched = BTreeSet::new();
        for (id, held) in contents.items {
            touched.insert(id.certificate);
            state.ledger.put(id, held);
        }
        let Cursor {
            scope,
            epoch,
            revision,
            ..
        } = contents.cursor;
        state.ledger.advance_to(&scope, epoch, revision);
        state.ledger.pass(self.clock.now());
        state.serve(touched);
    }

    /// A copy of everything worth keeping; the certificates themselves are shared.
    pub(crate) fn contents(&self) -> Contents {
        let state = self.lock();
        Contents {
            cursor: state.ledger.cursor(),
            items: (state.ledger.iter())
                .map(|(id, held)| (*id, held.clone()))
                .collect(),
        }
    }

    /// Waits for the next change worth keeping.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The time now.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// Where this instance stands.
    pub(crate) fn cursor(&self) -> Cursor {
        self.lock().ledger.cursor()
    }

    /// Digests over the parts of the set.
    pub(crate) fn buckets(&self) -> Vec<SetDigest> {
        self.lock().ledger.buckets().to_vec()
    }

    /// How many items are held.
    pub(crate) fn len(&self) -> usize {
        self.lock().ledger.len()
    }

    /// How many items are in which state.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().ledger.counts()
    }

    /// At most `limit` items that are not simply active.
    pub(crate) fn problems(&self, limit: usize) -> Vec<ItemProblem> {
        self.lock().ledger.problems(limit)
    }

    /// Looks at every item, under the lock: nothing long may happen in it.
    pub(crate) fn look<T>(&self, view: impl FnOnce(&Ledger) -> T) -> T {
        view(&self.lock().ledger)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes the table say what the ledger says of these certificates.
    fn serve(&mut self, touched: BTreeSet<CertificateId>) {
        for certificate in touched {
            let records: Vec<Arc<Record>> = self.ledger.serving(certificate);
            self.writer.set(certificate, records);
        }
    }
}
