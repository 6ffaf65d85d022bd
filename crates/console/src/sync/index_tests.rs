//! Random histories: what pages lead to is what the set is.

use std::collections::BTreeMap;

use evercert_types::{CertificateId, Fingerprint, KeyAlgorithm, Selector};
use proptest::prelude::*;

use super::*;

const SCOPES: [&str; 4] = ["", "site=fra", "site=ber", "site=fra,tier=edge"];
const SELECTORS: [&str; 4] = ["all", "site=fra", "tier=edge", "site=ber"];

/// An instance as the protocol makes it: a cursor and what it holds.
#[derive(Clone, Debug, Default)]
struct Replica {
    cursor: Cursor,
    held: BTreeMap<ItemId, VersionId>,
}

/// A step of a history: what happens to one of a few items.
#[derive(Clone, Debug)]
enum Step {
    Put { item: usize, selector: usize },
    Remove { item: usize },
    Sync { scope: usize },
}

/// The store as the database keeps it.
#[derive(Default)]
struct Table {
    ids: Vec<CertificateId>,
    rows: BTreeMap<usize, StoreItem>,
    revision: i64,
}

impl Table {
    fn id(&mut self, item: usize) -> CertificateId {
        while self.ids.len() <= item {
            self.ids.push(CertificateId::new());
        }
        self.ids[item]
    }

    fn put(&mut self, item: usize, selector: &str) -> StoreItem {
        self.revision += 1;
        let selector: Selector = selector.parse().unwrap();
        let old = self.rows.get(&item);
        let mut former = old
            .map(|old| old.former_selectors.clone())
            .unwrap_or_default();
        former.extend(old.map(|old| old.selector.clone()));
        former.retain(|one| *one != selector);
        let row = StoreItem {
            certificate_id: self.id(item),
            algorithm: KeyAlgorithm::EcdsaP256,
            version_id: Some(VersionId::new()),
            generation: self.revision,
            revision: self.revision,
            selector,
            former_selectors: former,
            fingerprint: Fingerprint([u8::try_from(self.revision % 251).unwrap(); 32]),
            changed_at: Timestamp::UNIX_EPOCH,
        };
        self.rows.insert(item, row.clone());
        row
    }

    fn remove(&mut self, item: usize) -> Option<StoreItem> {
        let row = self.rows.get_mut(&item).filter(|row| !row.is_removed())?;
        self.revision += 1;
        row.revision = self.revision;
        row.version_id = None;
        Some(row.clone())
    }

    fn set(&self, labels: &Labels) -> BTreeMap<ItemId, VersionId> {
        let rows = self.rows.values().filter(|row| row.is_for(labels));
        rows.map(|row| (item_id(row), row.version_id.unwrap()))
            .collect()
    }
}

impl Replica {
    /// Asks until there is nothing more; returns how many changes came.
    fn sync(&mut self, index: &Index, scope: &str, limit: usize) -> usize {
        let mut taken = 0;
        for _ in 0..1000 {
            let Plan::Send(page) = index
                .plan(scope, &self.cursor, limit, Timestamp::UNIX_EPOCH)
                .unwrap()
            else {
                return taken;
            };
            assert!(page.changes.len() <= limit);
            if page.snapshot {
                self.held.clear();
            }
            taken += page.changes.len();
            for change in page.changes {
                match change {
                    PlannedChange::Put(id, version) => drop(self.held.insert(id, version)),
                    PlannedChange::Remove(id) => drop(self.held.remove(&id)),
                }
            }
            assert!(
                page.to >= self.cursor.revision || page.snapshot,
                "a revision never goes back"
            );
            self.cursor = Cursor {
                scope: scope.to_owned(),
                epoch: page.manifest.epoch,
                revision: page.to,
                digest: self.digest(index),
            };
            if !page.more {
                assert_eq!(self.cursor.digest, page.manifest.digest);
                assert_eq!(self.held.len() as u64, page.manifest.count);
            }
        }
        panic!("it never ends");
    }

    fn digest(&self, index: &Index) -> SetDigest {
        let mut digest = SetDigest::default();
        for id in self.held.keys() {
            // A replica that is behind may hold what is gone: its digest is then of no account.
            if let Some(item) = index.item(id) {
                digest.add(&digest_of(id, item));
            }
        }
        digest
    }
}

fn labels(text: &str) -> Labels {
    text.parse::<Selector>().unwrap().0
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6usize, 0..SELECTORS.len()).prop_map(|(item, selector)| Step::Put { item, selector }),
        2 => (0..6usize).prop_map(|item| Step::Remove { item }),
        2 => (0..SCOPES.len()).prop_map(|scope| Step::Sync { scope }),
    ];
    prop::collection::vec(step, 0..60)
}

fn index_of(table: &Table) -> Index {
    let mut index = Index::new(StoreState {
        epoch: 9,
        revision: 0,
    });
    let mut rows: Vec<_> = table.rows.values().cloned().collect();
    rows.sort_by_key(|row| row.revision);
    rows.into_iter().for_each(|row| index.apply(row));
    index
}

fn add_scopes(index: &mut Index) -> Vec<Arc<str>> {
    let names: Vec<Arc<str>> = SCOPES
        .iter()
        .map(|scope| scope_name(&labels(scope)))
        .collect();
    for (name, scope) in names.iter().zip(SCOPES) {
        index.add_scope(name.clone(), labels(scope));
    }
    names
}

proptest! {
    #[test]
    fn deltas_lead_to_what_the_set_is(steps in steps(), limit in 1usize..5) {
        let mut table = Table::default();
        let mut index = Index::new(StoreState { epoch: 9, revision: 0 });
        let names = add_scopes(&mut index);
        let mut replicas = vec![Replica::default(); SCOPES.len()];
        for step in steps {
            match step {
                Step::Put { item, selector } => index.apply(table.put(item, SELECTORS[selector])),
                Step::Remove { item } => {
                    if let Some(row) = table.remove(item) {
                        index.apply(row);
                    }
                }
                Step::Sync { scope } => {
                    replicas[scope].sync(&index, &names[scope], limit);
                    prop_assert_eq!(&replicas[scope].held, &table.set(&labels(SCOPES[scope])));
                }
            }
        }
        for ((replica, name), scope) in replicas.iter_mut().zip(&names).zip(SCOPES) {
            replica.sync(&index, name, limit);
            let mut fresh = Replica::default();
            fresh.sync(&index, name, limit);
            prop_assert_eq!(&replica.held, &table.set(&labels(scope)));
            prop_assert_eq!(&fresh.held, &replica.held);
            prop_assert_eq!(replica.sync(&index, name, limit), 0);
        }
    }

    #[test]
    fn an_index_read_anew_says_the_same(steps in steps()) {
        let mut table = Table::default();
        let mut kept = Index::new(StoreState { epoch: 9, revision: 0 });
        let names = add_scopes(&mut kept);
        for step in steps {
            match step {
                Step::Put { item, selector } => kept.apply(table.put(item, SELECTORS[selector])),
                Step::Remove { item } => {
                    if let Some(row) = table.remove(item) {
                        kept.apply(row);
                    }
                }
                Step::Sync { .. } => {}
            }
        }
        let mut anew = index_of(&table);
        add_scopes(&mut anew);

        for name in &names {
            let now = Timestamp::UNIX_EPOCH;
            prop_assert_eq!(kept.manifest(name, now), anew.manifest(name, now));
        }
    }

    #[test]
    fn buckets_repair_any_divergence(steps in steps(), lost in prop::collection::vec(0..6usize, 0..4)) {
        let mut table = Table::default();
        for step in steps {
            if let Step::Put { item, .. } = step {
                table.put(item, "all");
            }
        }
        let mut index = index_of(&table);
        let names = add_scopes(&mut index);
        let mut replica = Replica::default();
        replica.sync(&index, &names[0], 100);
        let whole = replica.held.clone();
        for item in lost {
            let id = ItemId { certificate: table.id(item), algorithm: KeyAlgorithm::EcdsaP256 };
            replica.held.remove(&id);
        }

        let mut theirs = vec![SetDigest::default(); BUCKETS];
        for id in replica.held.keys() {
            let digest = digest_of(id, index.item(id).unwrap());
            theirs[usize::from(digest.bucket())].add(&digest);
        }
        for refs in index.differing_buckets(&names[0], &theirs).into_values() {
            let ids: Vec<ItemId> = refs.iter().map(|item| item.id).collect();
            replica.held.extend(index.versions_in_scope(&names[0], &ids));
        }

        prop_assert_eq!(replica.held, whole);
    }
}

#[test]
fn an_item_that_leaves_a_scope_is_removed_there_and_nowhere_else() {
    let mut table = Table::default();
    let mut index = Index::new(StoreState {
        epoch: 9,
        revision: 0,
    });
    let names = add_scopes(&mut index);
    index.apply(table.put(0, "site=fra"));
    let (mut fra, mut ber) = (Replica::default(), Replica::default());
    fra.sync(&index, &names[1], 10);
    ber.sync(&index, &names[2], 10);
    assert_eq!((fra.held.len(), ber.held.len()), (1, 0));

    index.apply(table.put(0, "tier=edge"));

    assert_eq!(fra.sync(&index, &names[1], 10), 1);
    assert_eq!(
        ber.sync(&index, &names[2], 10),
        0,
        "who never had it is not told of it"
    );
    assert!(fra.held.is_empty());
}

#[test]
fn another_epoch_or_scope_brings_a_snapshot() {
    let mut table = Table::default();
    let mut index = Index::new(StoreState {
        epoch: 9,
        revision: 0,
    });
    let names = add_scopes(&mut index);
    index.apply(table.put(0, "all"));
    let mut replica = Replica::default();
    replica.sync(&index, &names[0], 10);
    let plan = |index: &Index, cursor: &Cursor, scope: &str| {
        index
            .plan(scope, cursor, 10, Timestamp::UNIX_EPOCH)
            .unwrap()
    };
    assert_eq!(plan(&index, &replica.cursor, &names[0]), Plan::Unchanged);

    index.set_epoch(10);

    assert!(matches!(plan(&index, &replica.cursor, &names[0]), Plan::Send(page) if page.snapshot));
    assert!(matches!(plan(&index, &replica.cursor, &names[1]), Plan::Send(page) if page.snapshot));
}

#[test]
fn a_revision_from_the_future_is_recognised() {
    let mut index = Index::new(StoreState {
        epoch: 9,
        revision: 0,
    });
    let names = add_scopes(&mut index);
    let cursor = Cursor {
        scope: names[0].to_string(),
        epoch: 9,
        revision: 5,
        digest: SetDigest::default(),
    };

    assert_eq!(
        index.plan(&names[0], &cursor, 10, Timestamp::UNIX_EPOCH),
        Some(Plan::Ahead)
    );
}

#[test]
fn a_wrong_digest_at_the_right_revision_is_told() {
    let mut table = Table::default();
    let mut index = Index::new(StoreState {
        epoch: 9,
        revision: 0,
    });
    let names = add_scopes(&mut index);
    index.apply(table.put(0, "all"));
    let cursor = Cursor {
        scope: names[0].to_string(),
        epoch: 9,
        revision: 1,
        digest: SetDigest::default(),
    };

    let plan = index
        .plan(&names[0], &cursor, 10, Timestamp::UNIX_EPOCH)
        .unwrap();

    assert!(
        matches!(plan, Plan::Send(page) if !page.snapshot && page.changes.is_empty() && page.manifest.count == 1)
    );
}

#[test]
fn scopes_are_named_by_their_labels_alone() {
    let one = labels("a=b,c=d");
    assert_eq!(scope_name(&one), scope_name(&labels("c=d,a=b")));
    assert_ne!(scope_name(&one), scope_name(&labels("a=b")));
    assert_ne!(scope_name(&labels("a=bc")), scope_name(&labels("ab=c")));
    assert_eq!(scope_name(&one).len(), 16);
}
