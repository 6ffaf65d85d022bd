//! Renewing: in time, by the rule that people see, in the same store.

use evercert_api::certificates::CertificateChange;
use evercert_api::operations::OperationState;
use evercert_console::lifecycle::request::Renewal;
use evercert_console::lifecycle::{certificates, request};
use evercert_testkit::eventually;
use evercert_types::RenewalMode;
use evercert_x509::{Chain, KeyPair, ari_certificate_id};
use jiff::SignedDuration;

use crate::world::{LIMIT, World, actor, wanted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_due_certificate_gets_a_new_generation_by_itself() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    let id = world.show("www").await.id;
    // What the CA says may move the plan.
    let first = eventually("the CA was asked", LIMIT, async || {
        let key = world.generation("www", 1).await;
        let slot = world.console.db.slot(id, key.algorithm).await.unwrap();
        slot.unwrap().ari.map(|_| ())?;
        Some(world.first_key("www").await)
    })
    .await;
    let due = first.due_at.unwrap();
    assert!(due < first.active.as_ref().unwrap().not_after);

    world
        .clock
        .advance(world.console.now().duration_until(due) + SignedDuration::from_mins(1));
    world.console.wake_tasks();

    let second = world.generation("www", 2).await;
    assert_ne!(
        first.active.unwrap().fingerprint,
        second.active.as_ref().unwrap().fingerprint
    );
    assert_eq!(
        certificates::versions(&world.console, "www")
            .await
            .unwrap()
            .len(),
        2
    );
    let revision = world
        .console
        .db
        .store_states()
        .await
        .unwrap()
        .zero_touch
        .revision;
    assert_eq!(revision, 2);
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ca_can_call_for_a_renewal() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    let certificate = world.show("www").await;
    eventually("the CA was asked", LIMIT, async || {
        let db = &world.console.db;
        let slot = db
            .slot(certificate.id, certificate.keys[0].algorithm)
            .await
            .unwrap();
        slot.unwrap().ari.map(|_| ())
    })
    .await;
    let active = world.first_key("www").await.active.unwrap();
    let pem = world
        .console
        .db
        .version_chain(active.id)
        .await
        .unwrap()
        .unwrap();
    let id = ari_certificate_id(Chain::from_pem(&pem).unwrap().leaf()).unwrap();
    let now = world.console.now();
    let hour = SignedDuration::from_hours(1);
    assert!(world.ca.suggest_renewal(&id, now - hour * 2, now - hour));

    world.clock.advance(SignedDuration::from_hours(25));
    world.console.wake_tasks();

    world.generation("www", 2).await;
    let log = certificates::log(&world.console, "www", None, 100)
        .await
        .unwrap();
    let reason = log
        .items
        .iter()
        .find(|entry| entry.kind == "order.requested")
        .unwrap();
    assert_eq!(reason.detail["reason"], "renewal_info");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_renews_what_is_due_or_insists() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    world.generation("www", 1).await;

    let refused = request::renew(&world.console, &actor(), "www", Renewal::IfDue).await;
    let problem = refused.unwrap_err().to_problem();
    assert!(problem.detail.contains("not due"), "{problem:?}");

    let id = request::renew(&world.console, &actor(), "www", Renewal::Forced)
        .await
        .unwrap();
    assert_eq!(world.ended(id).await.state, OperationState::Succeeded);
    world.generation("www", 2).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_order_keeps_a_second_away() {
    let world = World::with_ca(|config| evercert_ca::CaConfig {
        issuance_delay: std::time::Duration::from_secs(2),
        ..config
    })
    .await;
    let wanted = wanted("www", &["www.example.test"]);
    let id = request::request_issue(&world.console, &actor(), wanted)
        .await
        .unwrap();

    let second = request::renew(&world.console, &actor(), "www", Renewal::Forced).await;

    assert_eq!(second.unwrap_err().to_problem().code, "certificate.busy");
    assert_eq!(world.ended(id).await.state, OperationState::Succeeded);
    assert_eq!(world.ca.issued(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manual_certificate_waits_for_its_operator() {
    let world = World::start().await;
    let mut request = wanted("www", &["www.example.test"]);
    request.auto_renew = false;
    world.issue(request).await;
    assert_eq!(world.generation("www", 1).await.due_at, None);

    let change = CertificateChange {
        renewal_mode: Some(RenewalMode::Automatic),
        ..CertificateChange::default()
    };
    let changed = certificates::change(&world.console, &actor(), "www", change)
        .await
        .unwrap();

    assert!(changed.keys[0].due_at.is_some());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_kept_where_that_is_wanted() {
    let world = World::start().await;
    let mut kept = wanted("kept", &["kept.example.test"]);
    kept.reuse_key = true;
    world.issue(kept).await;
    world.issue(wanted("fresh", &["fresh.example.test"])).await;

    for (name, same) in [("kept", true), ("fresh", false)] {
        let first = key(&world, name).await;
        let id = request::renew(&world.console, &actor(), name, Renewal::Forced)
            .await
            .unwrap();
        world.ended(id).await;
        world.generation(name, 2).await;
        assert_eq!(first == key(&world, name).await, same, "{name}");
    }
    world.stop().await;
}

async fn key(world: &World, name: &str) -> Vec<u8> {
    let active = world.first_key(name).await.active.unwrap();
    let der = world
        .console
        .db
        .version_key(active.id)
        .await
        .unwrap()
        .unwrap();
    KeyPair::from_pkcs8_der(der.expose())
        .unwrap()
        .spki_der()
        .to_vec()
}
