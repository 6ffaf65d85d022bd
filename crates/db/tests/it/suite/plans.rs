//! Plans of renewals: what is taken in which hour, who comes first, pages of a calendar.

use evercert_db::plans::{Plan, RenewalFilter};
use evercert_db::slots::{Backlog, Due};
use evercert_types::{CertificateId, KeyAlgorithm, VendorId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Scene;
use super::certificates::{add_version, certificate, insert, vendor};

const KEY: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

async fn planned(scene: &Scene, vendor: VendorId, name: &str, at: Timestamp) -> CertificateId {
    let mut certificate = certificate(scene, name, &["a.example"]);
    certificate.vendor_id = Some(vendor);
    insert(scene, &certificate).await;
    plan(scene, certificate.id, vendor, at).await;
    certificate.id
}

async fn plan(scene: &Scene, id: CertificateId, vendor: VendorId, at: Timestamp) {
    let due = Due {
        at,
        reason: "renew_before".to_owned(),
    };
    let detail = json!({"reason": "renew_before"});
    let plan = Plan {
        due: Some(&due),
        vendor: Some(vendor),
        every: Some(SignedDuration::from_hours(80)),
        detail: &detail,
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.set_plan(id, KEY, &plan).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn planned_hours_are_counted_for_each_vendor(scene: &Scene) {
    let (one, two) = (vendor(scene, "one").await, vendor(scene, "two").await);
    let hour = scene.seconds().as_second().div_euclid(3_600) + 5;
    let at = |minute: i64| Timestamp::from_second(hour * 3_600 + minute * 60).unwrap();
    let first = planned(scene, one.id, "a", at(0)).await;
    planned(scene, one.id, "b", at(59)).await;
    planned(scene, one.id, "c", at(60)).await;
    planned(scene, two.id, "d", at(1)).await;

    let mut tx = scene.db.begin_write().await.unwrap();
    let span = (at(10), at(70));
    let nobody = (CertificateId::new(), KEY);
    let counts = tx.planned_by_hour(one.id, span, nobody).await.unwrap();
    assert_eq!(counts, [(hour, 2), (hour + 1, 1)].into());
    let others = tx
        .planned_by_hour(one.id, span, (first, KEY))
        .await
        .unwrap();
    assert_eq!(others, [(hour, 1), (hour + 1, 1)].into());
    // Three every 80 hours.
    assert_eq!(tx.planned_load(one.id).await.unwrap(), (37_500, 3));
    drop(tx);
    let filter = RenewalFilter {
        vendor: Some(one.id),
        ..RenewalFilter::default()
    };
    let hours = scene.db.planned_by(&filter, SignedDuration::from_hours(1));
    assert_eq!(hours.await.unwrap(), [(at(0), 2), (at(60), 1)].into());
    let names = scene
        .db
        .planned_names(&filter, SignedDuration::from_hours(1), 1)
        .await
        .unwrap();
    let expected = [
        (at(0), vec!["a".to_owned()]),
        (at(60), vec!["c".to_owned()]),
    ];
    assert_eq!(names, expected.into());
    assert_eq!(scene.db.planned_load(Some(one.id)).await.unwrap(), 37_500);
    assert_eq!(scene.db.planned_load(None).await.unwrap(), 50_000);
    assert_eq!(scene.db.next_event().await.unwrap(), Some(at(0)));
}

pub(crate) async fn planned_renewals_come_in_pages_that_fit_together(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let at = scene.seconds();
    for name in ["a", "b", "c", "d", "e"] {
        planned(scene, vendor.id, name, at).await;
    }
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let filter = RenewalFilter {
            after: after.as_deref(),
            limit: 2,
            ..RenewalFilter::default()
        };
        let page = scene.db.planned_renewals(&filter).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.place.clone());
        assert_eq!(last.vendor.as_deref(), Some("ca"));
        seen.extend(page.into_iter().map(|renewal| renewal.certificate));
    }
    assert_eq!(seen.len(), 5);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
}

pub(crate) async fn what_expires_first_is_ordered_first(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let now = scene.seconds();
    let mut expected = Vec::new();
    for (name, life) in [("late", 900_000), ("soon", 1_000), ("middle", 200_000)] {
        let id = planned(scene, vendor.id, name, now).await;
        let version = add_version(scene, id, life).await;
        let mut tx = scene.db.begin_write().await.unwrap();
        tx.activate_version(id, KEY, version.id).await.unwrap();
        tx.commit().await.unwrap();
        plan(scene, id, vendor.id, now).await;
        expected.push((life, id));
    }
    expected.sort();

    let due = scene.db.due_slots(vendor.id, 9).await.unwrap();

    let order: Vec<_> = due.iter().map(|slot| slot.certificate_id).collect();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(order, expected);
    let backlogs = scene
        .db
        .backlogs(now + SignedDuration::from_hours(24))
        .await;
    let wanted = Backlog {
        vendor_id: vendor.id,
        due: 3,
        urgent: 1,
    };
    assert_eq!(backlogs.unwrap(), [wanted]);
}

pub(crate) async fn a_change_asks_for_a_new_plan(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let now = scene.seconds();
    let id = planned(scene, vendor.id, "www", now).await;
    let unplanned = async || scene.db.slots_to_plan(9).await.unwrap().len();
    assert_eq!(unplanned().await, 0);

    let held = scene.db.certificate(id).await.unwrap().unwrap();
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.update_certificate(&held).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(unplanned().await, 1);

    plan(scene, id, vendor.id, now).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.update_vendor(&vendor, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(unplanned().await, 1);

    plan(scene, id, vendor.id, now).await;
    let slot = scene.db.slot(id, KEY).await.unwrap().unwrap();
    assert_eq!(slot.plan, Some(json!({"reason": "renew_before"})));
    let version = add_version(scene, id, 1_000).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.activate_version(id, KEY, version.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(unplanned().await, 1);

    plan(scene, id, vendor.id, now).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    let revoked = evercert_types::VersionState::Revoked;
    tx.set_version_state(version.id, revoked).await.unwrap();
    assert_eq!(tx.plan_all_anew().await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(unplanned().await, 1);
}

pub(crate) async fn useless_answers_about_renewal_are_counted(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let now = scene.seconds();
    let id = planned(scene, vendor.id, "www", now).await;
    for expected in 1..=2 {
        let mut tx = scene.db.begin_write().await.unwrap();
        tx.set_ari_failure(id, KEY, now).await.unwrap();
        tx.commit().await.unwrap();
        let slot = scene.db.slot(id, KEY).await.unwrap().unwrap();
        assert_eq!((slot.ari_failures, slot.ari_poll_at), (expected, Some(now)));
    }
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.set_ari(id, KEY, None, None).await.unwrap();
    tx.commit().await.unwrap();
    let slot = scene.db.slot(id, KEY).await.unwrap().unwrap();
    assert_eq!((slot.ari_failures, slot.ari_poll_at), (0, None));
}
