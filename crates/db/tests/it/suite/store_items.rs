//! The zero-touch store: revisions, scopes, tombstones, epochs.

use evercert_db::store_items::{StoreItem, StorePut};
use evercert_types::{CertificateId, Fingerprint, KeyAlgorithm, Labels, Selector, VersionId};
use jiff::SignedDuration;

use super::Scene;

fn selector(text: &str) -> Selector {
    text.parse().unwrap()
}

async fn put(db: &evercert_db::Db, id: CertificateId, generation: i64, scope: &Selector) -> i64 {
    let mut tx = db.begin_write().await.unwrap();
    let revision = tx
        .put_store_item(&StorePut {
            certificate_id: id,
            algorithm: KeyAlgorithm::EcdsaP256,
            version_id: VersionId::new(),
            generation,
            selector: scope,
            fingerprint: Fingerprint([u8::try_from(generation % 256).unwrap(); 32]),
        })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    revision
}

async fn remove(scene: &Scene, id: CertificateId) -> Option<i64> {
    let mut tx = scene.db.begin_write().await.unwrap();
    let revision = tx
        .remove_store_item(id, KeyAlgorithm::EcdsaP256)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    revision
}

async fn all(scene: &Scene) -> Vec<StoreItem> {
    scene.db.store_items_after(0, 1000).await.unwrap()
}

pub(crate) async fn revisions_have_no_gaps_under_contention(scene: &Scene) {
    let other = scene.again().await;
    let writers = (0..4).map(|i| {
        let db = if i % 2 == 0 {
            scene.db.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for generation in 0..15 {
                taken.push(put(&db, CertificateId::new(), generation, &Selector::default()).await);
            }
            taken
        })
    });

    let mut taken = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        let mine = writer.await.unwrap();
        assert!(mine.is_sorted(), "a writer's own revisions grow: {mine:?}");
        taken.extend(mine);
    }

    taken.sort_unstable();
    assert_eq!(taken, (1..=60).collect::<Vec<i64>>());
}

pub(crate) async fn a_change_rolled_back_takes_no_revision(scene: &Scene) {
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.put_store_item(&StorePut {
        certificate_id: CertificateId::new(),
        algorithm: KeyAlgorithm::Rsa2048,
        version_id: VersionId::new(),
        generation: 1,
        selector: &Selector::default(),
        fingerprint: Fingerprint([1; 32]),
    })
    .await
    .unwrap();
    drop(tx);

    let revision = put(&scene.db, CertificateId::new(), 1, &Selector::default()).await;

    assert_eq!(revision, 1);
    assert_eq!(all(scene).await.len(), 1);
}

pub(crate) async fn a_removed_item_stays_as_a_tombstone(scene: &Scene) {
    let id = CertificateId::new();
    put(&scene.db, id, 1, &selector("site=fra")).await;

    assert_eq!(remove(scene, id).await, Some(2));

    let items = all(scene).await;
    assert_eq!(items.len(), 1);
    let labels = Labels::from([("site".to_owned(), "fra".to_owned())]);
    assert!(items[0].is_removed() && !items[0].is_for(&labels));
    assert!(items[0].may_be_held(&labels));
    assert_eq!(remove(scene, id).await, None);
    assert_eq!(remove(scene, CertificateId::new()).await, None);
}

pub(crate) async fn an_item_remembers_the_scopes_it_had(scene: &Scene) {
    let id = CertificateId::new();
    for scope in ["site=fra", "site=ber", "site=fra", "tier=edge"] {
        put(&scene.db, id, 1, &selector(scope)).await;
    }

    let items = all(scene).await;

    assert_eq!(items.len(), 1);
    assert_eq!(items[0].selector, selector("tier=edge"));
    assert_eq!(
        items[0].former_selectors,
        [selector("site=ber"), selector("site=fra")]
    );
    assert_eq!(items[0].revision, 4);
}

pub(crate) async fn changes_come_in_order_and_in_pieces(scene: &Scene) {
    let ids: Vec<_> = (0..5).map(|_| CertificateId::new()).collect();
    for id in &ids {
        put(&scene.db, *id, 1, &Selector::default()).await;
    }
    put(&scene.db, ids[0], 2, &Selector::default()).await;

    let first = scene.db.store_items_after(0, 2).await.unwrap();
    let rest = scene.db.store_items_after(3, 100).await.unwrap();

    let revisions = |items: &[StoreItem]| items.iter().map(|i| i.revision).collect::<Vec<_>>();
    assert_eq!(revisions(&first), [2, 3]);
    assert_eq!(revisions(&rest), [4, 5, 6]);
    assert_eq!(rest[2].certificate_id, ids[0]);
    assert_eq!(rest[2].generation, 2);
}

pub(crate) async fn a_new_epoch_is_begun_once_and_is_larger(scene: &Scene) {
    let before = scene.db.ensure_store_states().await.unwrap().zero_touch;
    assert_eq!(before.epoch, scene.db.now().as_second());
    put(&scene.db, CertificateId::new(), 1, &Selector::default()).await;

    let begun = scene.db.begin_store_epoch(before.epoch).await.unwrap();
    scene.clock.advance(SignedDuration::from_hours(1));
    let again = scene.db.begin_store_epoch(before.epoch).await.unwrap();

    assert!(begun.zero_touch.epoch > before.epoch);
    assert_eq!(begun.zero_touch.revision, 1);
    assert_eq!(again, begun, "the second Console finds it done");
}
