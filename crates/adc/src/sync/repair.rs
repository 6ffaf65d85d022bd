//! Making a set equal again that has diverged: by comparing digests of its parts, then the ids of those that differ.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use evercert_api::digest::ItemDigest;
use evercert_api::sync::{
    BucketsRequest, BucketsResponse, Cursor, ItemId, ItemRef, ItemsRequest, ItemsResponse,
};

use super::agent::AgentError;
use super::client::{Answer, ConsoleClient};
use super::diff::{Refused, guard};
use super::ledger::Ledger;
use super::store::{BATCH, Store};

/// How many items may be asked for at once.
const ITEMS_AT_ONCE: usize = 500;

/// What must happen for a part of the set to be as the Console says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Repair {
    fetch: Vec<ItemId>,
    remove: Vec<ItemId>,
}

/// Repairs the set held; whether it equals the Console's now.
///
/// # Errors
/// When a call fails, or the repair would remove too much.
pub(super) async fn repair(
    store: &Store,
    client: &ConsoleClient,
    have: Cursor,
) -> Result<bool, AgentError> {
    let epoch = have.epoch;
    let request = BucketsRequest {
        have,
        buckets: store.buckets(),
    };
    let answer: Answer<BucketsResponse> = client
        .post("/zts/v1/buckets", &request, Duration::ZERO)
        .await?;
    let Some(BucketsResponse { manifest, differ }) = answer.body else {
        return Ok(false);
    };
    if manifest.epoch < epoch {
        return Err(AgentError::Refused(Refused::EpochWentBack {
            epoch,
            got: manifest.epoch,
        }));
    }
    let held = store.len();
    let Repair { fetch, remove } = store.look(|ledger| compare(ledger, &differ));
    guard(remove.len(), held, &manifest)?;
    for ids in fetch.chunks(ITEMS_AT_ONCE) {
        let request = ItemsRequest { ids: ids.to_vec() };
        let answer: Answer<ItemsResponse> = client
            .post("/zts/v1/items", &request, Duration::ZERO)
            .await?;
        let Some(response) = answer.body else {
            return Ok(false);
        };
        for some in response.items.chunks(BATCH) {
            store.put(some, &response.chains);
            tokio::task::yield_now().await;
        }
    }
    store.remove(&remove);
    let equal = store.cursor().digest == manifest.digest;
    if equal {
        store.advance_to(&manifest.scope, manifest.epoch, manifest.revision);
        tracing::info!(
            fetched = fetch.len(),
            removed = remove.len(),
            "the set was repaired"
        );
    }
    Ok(equal)
}

fn compare(ledger: &Ledger, differ: &BTreeMap<u8, Vec<ItemRef>>) -> Repair {
    let wanted: HashMap<ItemId, &ItemRef> = differ
        .values()
        .flatten()
        .map(|item| (item.id, item))
        .collect();
    let mut repair = Repair::default();
    for (id, held) in ledger.iter() {
        let bucket = ItemDigest::of(id, held.generation, &held.fingerprint).bucket();
        if differ.contains_key(&bucket) && !wanted.contains_key(id) {
            repair.remove.push(*id);
        }
    }
    for (id, item) in wanted {
        let same = ledger.get(&id).is_some_and(|held| {
            held.generation == item.generation && held.fingerprint == item.fingerprint
        });
        if !same {
            repair.fetch.push(id);
        }
    }
    repair
}

#[cfg(test)]
mod tests {
    use evercert_types::{CertificateId, Fingerprint, KeyAlgorithm};
    use proptest::prelude::*;

    use super::super::verify::Rejection;
    use super::*;

    type Set = BTreeMap<usize, (i64, u8)>;

    fn ledger(ids: &[ItemId], set: &Set) -> Ledger {
        let mut ledger = Ledger::default();
        for (at, (generation, leaf)) in set {
            let why = Rejection::new("x", "y");
            ledger.reject(ids[*at], *generation, Fingerprint([*leaf; 32]), "n", why);
        }
        ledger
    }

    fn set() -> impl Strategy<Value = Set> {
        prop::collection::btree_map(0usize..40, (1i64..4, 0u8..3), 0..40)
    }

    proptest! {
        #[test]
        fn fetching_and_removing_what_differs_makes_the_sets_equal(ours in set(), theirs in set()) {
            let ids: Vec<ItemId> = (0..40).map(|_| ItemId {
                certificate: CertificateId::new(),
                algorithm: KeyAlgorithm::EcdsaP256,
            }).collect();
            let mut mine = ledger(&ids, &ours);
            let console = ledger(&ids, &theirs);
            let mut differ: BTreeMap<u8, Vec<ItemRef>> = BTreeMap::new();
            for bucket in 0..=255u8 {
                if mine.buckets()[usize::from(bucket)] != console.buckets()[usize::from(bucket)] {
                    differ.insert(bucket, Vec::new());
                }
            }
            for (id, held) in console.iter() {
                let bucket = ItemDigest::of(id, held.generation, &held.fingerprint).bucket();
                if let Some(refs) = differ.get_mut(&bucket) {
                    refs.push(ItemRef { id: *id, generation: held.generation, fingerprint: held.fingerprint });
                }
            }

            let repair = compare(&mine, &differ);
            for id in &repair.fetch {
                mine.put(*id, console.get(id).unwrap().clone());
            }
            for id in &repair.remove {
                mine.remove(id);
            }

            prop_assert_eq!(mine.digest(), console.digest());
        }
    }
}
