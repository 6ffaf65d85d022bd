//! Enrolment, the register of instances, and what they report.

use evercert_db::DbErrorKind;
use evercert_db::instance_items::ItemException;
use evercert_db::instances::{Instance, InstanceReport, NewInstance, Watermark};
use evercert_types::{Fingerprint, InstanceId, ItemState, Labels};
use jiff::{SignedDuration, Timestamp};

use super::Scene;

const ITEM: &str = "crt_0190a3b2c4d57e8f9a0b1c2d3e4f5061/ecdsa-p256";

async fn enrol(scene: &Scene, name: &str) -> InstanceId {
    let id = InstanceId::new();
    let mut tx = scene.db.begin_write().await.unwrap();
    let name = tx.free_instance_name(name).await.unwrap();
    tx.insert_instance(&NewInstance {
        id,
        name: &name,
        kind: "adc",
        labels: &Labels::from([("site".to_owned(), "fra".to_owned())]),
        agent_version: "1",
        identity_fingerprint: Fingerprint([3; 32]),
        identity_not_after: Timestamp::from_second(1_800_000_000).unwrap(),
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn except(scene: &Scene, id: InstanceId, exceptions: &[ItemException<'_>]) {
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.replace_item_exceptions(id, exceptions).await.unwrap();
    tx.commit().await.unwrap();
}

async fn observe(scene: &Scene, id: InstanceId, generation: i64, handshakes: i64) {
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.add_item_handshakes(id, ITEM, generation, handshakes)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn exception(generation: i64, state: ItemState) -> ItemException<'static> {
    ItemException {
        item_id: ITEM,
        generation,
        state,
        code: "key_mismatch",
        detail: "it is another's",
    }
}

async fn instances(scene: &Scene) -> Vec<Instance> {
    scene.db.instances().await.unwrap()
}

pub(crate) async fn names_are_made_unique(scene: &Scene) {
    for _ in 0..3 {
        enrol(scene, "edge").await;
    }

    let names: Vec<_> = instances(scene).await.into_iter().map(|i| i.name).collect();

    assert_eq!(names, ["edge", "edge-2", "edge-3"]);
}

pub(crate) async fn a_name_taken_meanwhile_is_a_conflict(scene: &Scene) {
    enrol(scene, "edge").await;
    let mut tx = scene.db.begin_write().await.unwrap();

    let error = tx
        .insert_instance(&NewInstance {
            id: InstanceId::new(),
            name: "edge",
            kind: "adc",
            labels: &Labels::new(),
            agent_version: "1",
            identity_fingerprint: Fingerprint([3; 32]),
            identity_not_after: Timestamp::UNIX_EPOCH,
        })
        .await
        .unwrap_err();

    assert_eq!(error.kind(), DbErrorKind::Conflict);
}

pub(crate) async fn every_change_of_the_register_is_counted(scene: &Scene) {
    let revision = async || scene.db.store_states().await.unwrap().instances.revision;
    let id = enrol(scene, "edge").await;
    assert_eq!(revision().await, 1);

    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(tx.remove_instance(id).await.unwrap());
    assert!(!tx.remove_instance(id).await.unwrap());
    tx.commit().await.unwrap();

    assert_eq!(revision().await, 2);
    assert!(instances(scene).await.is_empty());
}

pub(crate) async fn a_report_is_read_back(scene: &Scene) {
    let id = enrol(scene, "edge").await;
    let watermark = Watermark {
        epoch: 7,
        revision: 42,
        digest: Some("ab".to_owned()),
        challenge_revision: Some(7),
        contact_secs: Some(85),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    let report = InstanceReport {
        agent_version: "2",
        boot: "b1",
        watermark: &watermark,
    };

    assert!(tx.record_instance(id, &report).await.unwrap());
    assert!(
        !tx.record_instance(InstanceId::new(), &report)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();

    let found = scene.db.instance_by_name("edge").await.unwrap().unwrap();
    assert_eq!(found.watermark, watermark);
    assert_eq!(
        (found.agent_version.as_str(), found.boot.as_deref()),
        ("2", Some("b1"))
    );
    assert_eq!(found.last_seen_at, Some(scene.db.now()));
    assert_eq!(found.labels["site"], "fra");
    assert_eq!(scene.db.instance_by_name("nobody").await.unwrap(), None);
}

pub(crate) async fn being_heard_of_never_goes_back(scene: &Scene) {
    let id = enrol(scene, "edge").await;
    let now = scene.db.now();
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.touch_instance(id, now).await.unwrap();
    tx.touch_instance(id, now - SignedDuration::from_secs(9))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert_eq!(instances(scene).await[0].last_seen_at, Some(now));
}

pub(crate) async fn exceptions_are_replaced_as_a_whole(scene: &Scene) {
    let id = enrol(scene, "edge").await;
    except(scene, id, &[exception(3, ItemState::Rejected)]).await;
    let items = scene.db.items_of_instance(id).await.unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].state, ItemState::Rejected);
    assert_eq!(items[0].code.as_deref(), Some("key_mismatch"));

    except(scene, id, &[]).await;

    assert!(scene.db.items_of_instance(id).await.unwrap().is_empty());
}

pub(crate) async fn handshakes_add_up_within_a_generation(scene: &Scene) {
    let id = enrol(scene, "edge").await;
    observe(scene, id, 3, 5).await;
    let first = scene.db.now();
    scene.clock.advance(SignedDuration::from_secs(60));
    observe(scene, id, 3, 2).await;
    let items = scene.db.instances_of_item(ITEM).await.unwrap();
    assert_eq!(
        (items[0].handshakes, items[0].first_observed_at),
        (7, Some(first))
    );

    observe(scene, id, 4, 1).await;
    observe(scene, id, 3, 100).await;

    let items = scene.db.instances_of_item(ITEM).await.unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!((items[0].generation, items[0].handshakes), (4, 1));
    assert_eq!(items[0].first_observed_at, Some(scene.db.now()));
    assert_eq!(items[0].state, ItemState::Observed);
}

pub(crate) async fn an_exception_of_the_next_generation_starts_its_count_anew(scene: &Scene) {
    let id = enrol(scene, "edge").await;
    observe(scene, id, 3, 5).await;

    except(scene, id, &[exception(4, ItemState::Rejected)]).await;
    observe(scene, id, 3, 9).await;
    let items = scene.db.items_of_instance(id).await.unwrap();
    assert_eq!(
        (items[0].generation, items[0].state, items[0].handshakes),
        (4, ItemState::Rejected, 0)
    );

    observe(scene, id, 4, 2).await;
    except(scene, id, &[]).await;

    let items = scene.db.items_of_instance(id).await.unwrap();
    assert_eq!(
        (items[0].state, items[0].handshakes, &items[0].code),
        (ItemState::Observed, 2, &None)
    );
}

pub(crate) async fn what_a_removed_instance_said_goes_with_it(scene: &Scene) {
    let id = enrol(scene, "edge").await;
    observe(scene, id, 1, 1).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.remove_instance(id).await.unwrap();
    tx.commit().await.unwrap();

    assert!(scene.db.instances_of_item(ITEM).await.unwrap().is_empty());
}

pub(crate) async fn an_enrolment_token_is_used_once(scene: &Scene) {
    let labels = Labels::from([("site".to_owned(), "fra".to_owned())]);
    let ends = scene.db.now() + SignedDuration::from_hours(1);
    let mut tx = scene.db.begin_write().await.unwrap();
    let token = tx
        .insert_enrollment_token("hash", &labels, "user:a", ends)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.db.open_enrollment_tokens().await.unwrap().len(), 1);

    let users = (0..8).map(|_| {
        let db = scene.db.clone();
        tokio::spawn(async move {
            let mut tx = db.begin_write().await.unwrap();
            let used = tx
                .use_enrollment_token("hash", InstanceId::new())
                .await
                .unwrap();
            tx.commit().await.unwrap();
            used
        })
    });
    let mut used = Vec::new();
    for user in users.collect::<Vec<_>>() {
        used.extend(user.await.unwrap());
    }

    assert_eq!(used.len(), 1);
    assert_eq!((used[0].id, &used[0].labels), (token, &labels));
    assert!(scene.db.open_enrollment_tokens().await.unwrap().is_empty());
}

pub(crate) async fn an_enrolment_token_ends(scene: &Scene) {
    let ends = scene.db.now() + SignedDuration::from_hours(1);
    let mut tx = scene.db.begin_write().await.unwrap();
    let token = tx
        .insert_enrollment_token("hash", &Labels::new(), "user:a", ends)
        .await
        .unwrap();
    scene.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(
        tx.use_enrollment_token("hash", InstanceId::new())
            .await
            .unwrap(),
        None
    );
    assert!(tx.remove_enrollment_token(token).await.unwrap());
    assert!(!tx.remove_enrollment_token(token).await.unwrap());
    tx.commit().await.unwrap();
}
