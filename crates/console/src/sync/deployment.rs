//! How far an item got on an instance, out of watermark, exceptions and observations.

use evercert_db::instance_items::InstanceItem;
use evercert_db::instances::Watermark;
use evercert_db::store_items::{StoreItem, StoreState};
use evercert_types::ItemState;

/// How far this item, in its present generation, got on the instance.
///
/// `reported` is the row of exceptions and observations, if there is one; it may speak of an older
/// generation, and then says nothing about this one.
pub(crate) fn item_state(
    item: &StoreItem,
    store: StoreState,
    watermark: &Watermark,
    reported: Option<&InstanceItem>,
) -> ItemState {
    let current = reported.filter(|row| row.generation == item.generation);
    match current {
        Some(row) if matches!(row.state, ItemState::Staged | ItemState::Rejected) => row.state,
        Some(row) if row.handshakes > 0 => ItemState::Observed,
        _ if watermark.epoch == store.epoch && watermark.revision >= item.revision => {
            ItemState::Active
        }
        _ => ItemState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use evercert_types::{
        CertificateId, Fingerprint, InstanceId, KeyAlgorithm, Selector, VersionId,
    };
    use jiff::Timestamp;

    use super::*;

    const STORE: StoreState = StoreState {
        epoch: 7,
        revision: 20,
    };

    fn item() -> StoreItem {
        StoreItem {
            certificate_id: CertificateId::new(),
            algorithm: KeyAlgorithm::EcdsaP256,
            version_id: Some(VersionId::new()),
            generation: 3,
            revision: 10,
            selector: Selector::default(),
            former_selectors: Vec::new(),
            fingerprint: Fingerprint([1; 32]),
            changed_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn row(generation: i64, state: ItemState, handshakes: i64) -> InstanceItem {
        InstanceItem {
            instance_id: InstanceId::new(),
            item_id: String::new(),
            generation,
            state,
            code: None,
            detail: None,
            handshakes,
            first_observed_at: None,
        }
    }

    fn at(epoch: i64, revision: i64) -> Watermark {
        Watermark {
            epoch,
            revision,
            ..Watermark::default()
        }
    }

    #[test]
    fn the_watermark_makes_an_item_active() {
        assert_eq!(
            item_state(&item(), STORE, &at(7, 9), None),
            ItemState::Pending
        );
        assert_eq!(
            item_state(&item(), STORE, &at(7, 10), None),
            ItemState::Active
        );
    }

    #[test]
    fn a_watermark_of_another_epoch_says_nothing() {
        assert_eq!(
            item_state(&item(), STORE, &at(6, 99), None),
            ItemState::Pending
        );
    }

    #[test]
    fn an_exception_or_observation_of_this_generation_decides() {
        let rejected = row(3, ItemState::Rejected, 0);
        let observed = row(3, ItemState::Observed, 5);

        assert_eq!(
            item_state(&item(), STORE, &at(7, 20), Some(&rejected)),
            ItemState::Rejected
        );
        assert_eq!(
            item_state(&item(), STORE, &at(7, 20), Some(&observed)),
            ItemState::Observed
        );
    }

    #[test]
    fn what_was_said_of_an_older_generation_is_passed_over() {
        let observed = row(2, ItemState::Observed, 5);

        assert_eq!(
            item_state(&item(), STORE, &at(7, 9), Some(&observed)),
            ItemState::Pending
        );
        assert_eq!(
            item_state(&item(), STORE, &at(7, 20), Some(&observed)),
            ItemState::Active
        );
    }
}
