//! What a Console's answer means for the set held: pure, and guarded against answers that would do harm.

use std::collections::{BTreeMap, HashSet};

use evercert_api::sync::{Change, Cursor, Item, ItemId, Manifest, SyncResponse};

use super::ledger::Ledger;

/// Removing fewer items than this is never guarded against.
pub(crate) const GUARD_ITEMS: usize = 10;
/// Removing at most this part of the set, in per cent, is never guarded against.
pub(crate) const GUARD_PERCENT: usize = 20;

/// An answer is not acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error(
        "the Console answered with changes for scope {got_scope}, epoch {got_epoch}, and this instance is at scope {scope}, epoch {epoch}"
    )]
    OtherHistory {
        scope: String,
        epoch: i64,
        got_scope: String,
        got_epoch: i64,
    },
    #[error("the Console went back from epoch {epoch} to {got}")]
    EpochWentBack { epoch: i64, got: i64 },
    #[error("the Console went back from revision {revision} to {got} within epoch {epoch}")]
    RevisionWentBack { epoch: i64, revision: i64, got: i64 },
    #[error("the Console wants to remove {removed} of {held} items at once")]
    MassDeletion { removed: usize, held: usize },
    #[error("the Console's pages do not lead on from revision {0}")]
    NoProgress(i64),
}

impl Refused {
    /// What to do about it.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::OtherHistory { .. } | Self::NoProgress(_) => {
                "This instance asks for the whole set next; if it persists, look at the Console's log."
            }
            Self::EpochWentBack { .. } | Self::RevisionWentBack { .. } => {
                "If the Console was meant to be set back, stop this instance, remove zerotouch.cache from its state directory, and start it again."
            }
            Self::MassDeletion { .. } => {
                "If the deletion is meant, run `evercert zero-touch-store intend-purge`; nothing was removed here."
            }
        }
    }
}

/// Pages on their way to one set.
#[derive(Debug)]
pub(crate) struct Paging {
    scope: String,
    epoch: i64,
    /// The revision the pages so far lead to.
    to: i64,
    /// The ids named since a snapshot began; `None` for a delta.
    named: Option<HashSet<ItemId>>,
    removes: HashSet<ItemId>,
    /// How often the pages began anew before they ended.
    restarts: u32,
}

/// How often pages may begin anew before they are given up.
const MAX_RESTARTS: u32 = 3;

/// What one page asks for at once.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Items to be put, the last change of each.
    pub(crate) puts: Vec<Item>,
    /// What to do after the puts, when this was the last page.
    pub(crate) last: Option<Last>,
}

/// The end of the pages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Last {
    /// What of the set goes.
    pub(crate) leaving: Leaving,
    /// The set as it should be now.
    pub(crate) manifest: Manifest,
}

/// What of the set goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// What a delta named.
    These(HashSet<ItemId>),
    /// What a snapshot did not name.
    AllBut(HashSet<ItemId>),
}

impl Leaving {
    /// The items of the ledger that go; the whole of it is gone through for a snapshot only.
    pub(crate) fn of(&self, ledger: &Ledger) -> Vec<ItemId> {
        match self {
            Self::These(ids) => {
                let held = ids.iter().filter(|id| ledger.get(id).is_some());
                held.copied().collect()
            }
            Self::AllBut(kept) => {
                let gone = ledger.iter().map(|(id, _)| id);
                gone.filter(|id| !kept.contains(id)).copied().collect()
            }
        }
    }
}

/// Checks that an answer continues the history that this instance knows: `have` is what it holds, `at` how far its
/// pages got.
///
/// # Errors
/// See [`Refused`].
pub(crate) fn check_history(
    have: &Cursor,
    at: &Cursor,
    response: &SyncResponse,
) -> Result<(), Refused> {
    let manifest = &response.manifest;
    let knows_nothing = have.scope.is_empty();
    let same = have.scope == manifest.scope && have.epoch == manifest.epoch;
    let continues = at.scope == manifest.scope && at.epoch == manifest.epoch;
    if !response.snapshot && !continues {
        return Err(Refused::OtherHistory {
            scope: at.scope.clone(),
            epoch: at.epoch,
            got_scope: manifest.scope.clone(),
            got_epoch: manifest.epoch,
        });
    }
    if !knows_nothing && manifest.epoch < have.epoch {
        return Err(Refused::EpochWentBack {
            epoch: have.epoch,
            got: manifest.epoch,
        });
    }
    if same && manifest.revision.min(response.to) < have.revision && !response.more {
        return Err(Refused::RevisionWentBack {
            epoch: have.epoch,
            revision: have.revision,
            got: manifest.revision.min(response.to),
        });
    }
    Ok(())
}

/// Takes one page, continuing `paging` where there is one.
///
/// Puts may be acted on at once: they only add. Removals wait for the last page.
///
/// # Errors
/// When the pages do not lead on.
pub(crate) fn take_page(
    paging: &mut Option<Paging>,
    response: SyncResponse,
) -> Result<Page, Refused> {
    let SyncResponse {
        manifest,
        snapshot,
        to,
        more,
        changes,
        ..
    } = response;
    let begins = snapshot
        || paging
            .as_ref()
            .is_none_or(|p| p.scope != manifest.scope || p.epoch != manifest.epoch);
    if begins {
        let restarts = paging.as_ref().map_or(0, |before| before.restarts + 1);
        if restarts > MAX_RESTARTS {
            *paging = None;
            return Err(Refused::NoProgress(to));
        }
        *paging = Some(Paging {
            scope: manifest.scope.clone(),
            epoch: manifest.epoch,
            to: i64::MIN,
            named: snapshot.then(HashSet::new),
            removes: HashSet::new(),
            restarts,
        });
    }
    let Some(state) = paging.as_mut() else {
        return Ok(Page::default());
    };
    if more && to <= state.to {
        let stuck = state.to;
        *paging = None;
        return Err(Refused::NoProgress(stuck));
    }
    state.to = to;
    let puts = state.collapse(changes);
    if more {
        return Ok(Page { puts, last: None });
    }
    let last = paging.take().map(|paging| Last {
        leaving: paging.leaving(),
        manifest,
    });
    Ok(Page { puts, last })
}

impl Paging {
    /// Where the next page is asked from; the digest is not compared while there are more.
    pub(crate) fn cursor(&self, have: &Cursor) -> Cursor {
        Cursor {
            scope: self.scope.clone(),
            epoch: self.epoch,
            revision: self.to,
            digest: have.digest,
        }
    }

    /// Keeps the last change of each item.
    fn collapse(&mut self, changes: Vec<Change>) -> Vec<Item> {
        let mut puts: BTreeMap<ItemId, Item> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Put { item } => {
                    self.removes.remove(&item.id);
                    if let Some(named) = &mut self.named {
                        named.insert(item.id);
                    }
                    puts.insert(item.id, *item);
                }
                Change::Remove { id } => {
                    puts.remove(&id);
                    self.removes.insert(id);
                    if let Some(named) = &mut self.named {
                        named.remove(&id);
                    }
                }
            }
        }
        puts.into_values().collect()
    }

    fn leaving(self) -> Leaving {
        match self.named {
            Some(named) => Leaving::AllBut(named),
            None => Leaving::These(self.removes),
        }
    }
}

/// Refuses removals that look like an accident: more than a fifth of the set and at least ten items.
///
/// # Errors
/// [`Refused::MassDeletion`].
pub(crate) const fn guard(removed: usize, held: usize, manifest: &Manifest) -> Result<(), Refused> {
    let many = removed >= GUARD_ITEMS && removed * 100 > held * GUARD_PERCENT;
    if many && !manifest.purge_intended {
        return Err(Refused::MassDeletion { removed, held });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use evercert_api::digest::SetDigest;
    use evercert_types::{CertificateId, Fingerprint, KeyAlgorithm};

    use super::super::samples::Store;
    use super::super::verify::Rejection;
    use super::*;
    use crate::tls::samples::now;

    fn manifest(epoch: i64, revision: i64) -> Manifest {
        Manifest {
            scope: "s".into(),
            epoch,
            revision,
            count: 0,
            digest: SetDigest::default(),
            issued_at: now(),
            purge_intended: false,
        }
    }

    fn response(snapshot: bool, to: i64, more: bool, changes: Vec<Change>) -> SyncResponse {
        SyncResponse {
            manifest: manifest(1, 9),
            snapshot,
            to,
            more,
            changes,
            chains: BTreeMap::new(),
            poll_after_secs: 600,
            challenges: None,
        }
    }

    fn id() -> ItemId {
        ItemId {
            certificate: CertificateId::new(),
            algorithm: KeyAlgorithm::EcdsaP256,
        }
    }

    fn have(epoch: i64, revision: i64) -> Cursor {
        Cursor {
            scope: "s".into(),
            epoch,
            revision,
            ..Cursor::default()
        }
    }

    #[test]
    fn what_a_paged_snapshot_does_not_name_goes_after_its_last_page() {
        let store = Store::new();
        let items: Vec<Item> = (0..3)
            .map(|i| store.item(&format!("{i}.example")))
            .collect();
        let put = |i: usize| Change::Put {
            item: Box::new(items[i].clone()),
        };
        let gone = id();
        let mut ledger = Ledger::default();
        for id in [items[0].id, items[2].id, gone] {
            ledger.reject(id, 1, Fingerprint([0; 32]), "n", Rejection::new("x", "y"));
        }
        let mut paging = None;

        let first = response(true, 3, true, vec![put(0), put(1), put(2)]);
        let page = take_page(&mut paging, first).unwrap();
        assert_eq!((page.puts.len(), page.last.is_none()), (3, true));
        assert_eq!(paging.as_ref().unwrap().cursor(&have(0, 0)).revision, 3);
        let changes = vec![Change::Remove { id: items[2].id }];
        let page = take_page(&mut paging, response(false, 9, false, changes)).unwrap();

        let mut removes = page.last.unwrap().leaving.of(&ledger);
        removes.sort();
        let mut expected = vec![items[2].id, gone];
        expected.sort();
        assert_eq!(removes, expected);
        assert!(paging.is_none());
    }

    #[test]
    fn the_last_change_of_an_item_counts() {
        let store = Store::new();
        let item = store.item("a.example");
        let put = Change::Put {
            item: Box::new(item.clone()),
        };
        let remove = Change::Remove { id: item.id };
        let take = |changes| take_page(&mut None, response(false, 9, false, changes)).unwrap();

        let put_last = take(vec![remove.clone(), put.clone()]);
        let removed_last = take(vec![put, remove]);

        let leaving = |page: Page| page.last.unwrap().leaving;
        assert_eq!((put_last.puts.len(), removed_last.puts.len()), (1, 0));
        assert_eq!(leaving(put_last), Leaving::These(HashSet::new()));
        assert_eq!(leaving(removed_last), Leaving::These([item.id].into()));
    }

    #[test]
    fn neither_epoch_nor_revision_goes_back_silently() {
        let delta = response(false, 9, false, Vec::new());
        let snapshot = response(true, 9, false, Vec::new());

        assert_eq!(check_history(&have(1, 9), &have(1, 9), &delta), Ok(()));
        assert_eq!(
            check_history(&Cursor::default(), &Cursor::default(), &snapshot),
            Ok(())
        );
        assert_eq!(check_history(&have(0, 50), &have(0, 50), &snapshot), Ok(()));
        // The second page of a snapshot of the next epoch.
        assert_eq!(check_history(&have(0, 50), &have(1, 3), &delta), Ok(()));
        let check = |have: &Cursor, response| check_history(have, have, response).unwrap_err();
        assert!(matches!(
            check(&have(0, 9), &delta),
            Refused::OtherHistory { .. }
        ));
        assert!(matches!(
            check(&have(2, 9), &snapshot),
            Refused::EpochWentBack { .. }
        ));
        assert!(matches!(
            check(&have(1, 10), &snapshot),
            Refused::RevisionWentBack { .. }
        ));
        assert!(matches!(
            check(&have(1, 10), &delta),
            Refused::RevisionWentBack { .. }
        ));
    }

    #[test]
    fn pages_that_do_not_lead_on_are_refused() {
        let mut paging = None;
        take_page(&mut paging, response(true, 3, true, Vec::new())).unwrap();

        let refused = take_page(&mut paging, response(false, 3, true, Vec::new()));

        assert_eq!(refused.unwrap_err(), Refused::NoProgress(3));
        let first_page_again =
            (0..9).find_map(|_| take_page(&mut paging, response(true, 3, true, Vec::new())).err());
        assert_eq!(first_page_again, Some(Refused::NoProgress(3)));
    }

    #[test]
    fn a_mass_deletion_is_refused_unless_it_is_meant() {
        let plain = manifest(1, 1);
        let meant = Manifest {
            purge_intended: true,
            ..manifest(1, 1)
        };

        assert!(guard(9, 9, &plain).is_ok());
        assert!(guard(20, 100, &plain).is_ok());
        assert!(guard(21, 100, &plain).is_err());
        assert!(guard(10, 10, &plain).is_err());
        assert!(guard(100, 100, &meant).is_ok());
    }
}
