//! Responses to challenges reach instances that answer CAs, at once, and the Console learns that they are shown.

use std::time::{Duration, Instant};

use evercert_api::sync::{ChallengesHeld, SyncRequest, SyncResponse};
use evercert_db::challenge_responses::NewChallengeResponse;
use evercert_db::orders::Order;
use evercert_testkit::eventually;
use evercert_types::{KeyAlgorithm, Labels, OperationId, OrderId, OrderState, Selector, VendorId};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::json;

use super::agent::Agent;
use super::scene::{Scene, read};

/// An order under way, so that the sweep leaves its responses alone; nobody drives it.
async fn running_order(scene: &Scene) -> OrderId {
    let db = &scene.handle.console.db;
    let certificate = db.certificate_by_name("first").await.unwrap().unwrap();
    let now = db.now();
    let order = Order {
        id: OrderId::new(),
        operation_id: OperationId::new(),
        certificate_id: certificate.id,
        algorithm: KeyAlgorithm::Rsa3072,
        vendor_id: VendorId::new(),
        reason: "missing".to_owned(),
        state: OrderState::Published,
        names: certificate.names,
        profile: None,
        replaces: None,
        terms: Default::default(),
        order_url: None,
        finalize_url: None,
        certificate_url: None,
        expires_at: None,
        csr: None,
        chain_pem: None,
        attempt: 0,
        error: None,
        created_at: now,
        updated_at: now,
        finished_at: None,
    };
    let mut tx = db.begin_write().await.unwrap();
    tx.insert_order(&order).await.unwrap();
    tx.commit().await.unwrap();
    order.id
}

async fn publish(scene: &Scene, order: OrderId, site: Option<&str>) {
    let labels = site.map(|site| Labels::from([("site".to_owned(), site.to_owned())]));
    let selector = Selector(labels.unwrap_or_default());
    let db = &scene.handle.console.db;
    let mut tx = db.begin_write().await.unwrap();
    tx.publish_challenge(&NewChallengeResponse {
        order_id: order,
        kind: "http-01",
        identifier: "a.example",
        token: "tok",
        key_authorization: "tok.thumb",
        selector: &selector,
        expires_at: tx.now() + SignedDuration::from_hours(1),
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

fn request(agent: &Agent, wait_secs: u32, held: Option<ChallengesHeld>) -> SyncRequest {
    SyncRequest {
        challenges: held,
        ..agent.request(wait_secs)
    }
}

fn held(revision: i64, count: u64) -> Option<ChallengesHeld> {
    Some(ChallengesHeld {
        revision,
        count,
        contact_secs: 85,
    })
}

/// An instance of a site that has the store's first state.
async fn settled(scene: &Scene, site: &str) -> Agent {
    scene.import("first", json!({})).await;
    let mut agent = Agent::enrolled(scene, &format!("edge-{site}"), &[("site", site)]).await;
    agent.sync(0).await;
    agent
}

#[tokio::test]
async fn a_waiting_instance_is_sent_a_response_and_its_word_is_kept() {
    let scene = Scene::sqlite().await;
    let agent = settled(&scene, "fra").await;
    let order = running_order(&scene).await;
    let began = Instant::now();

    let call = request(&agent, 30, held(0, 0));
    let (answer, ()) = tokio::join!(agent.call("sync", &call), async {
        publish(&scene, order, Some("fra")).await;
        // Another Console would notice by itself; this one is told by who publishes.
        scene.import("second", json!({"site": "ber"})).await;
    });

    let answer: SyncResponse = read(answer, StatusCode::OK).await;
    let set = answer.challenges.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(set.responses[0].key_authorization, "tok.thumb");
    let shown = request(&agent, 0, held(set.revision, 1));
    let answer = agent.call("sync", &shown).await;
    // The store may have changed; what is shown has not.
    if answer.status() == StatusCode::OK {
        let answer: SyncResponse = read(answer, StatusCode::OK).await;
        assert_eq!(answer.challenges, None, "{:?}", answer.manifest);
    }
    let db = &scene.handle.console.db;
    let kept = eventually("the instance's word", Duration::from_secs(20), async || {
        let all = db.instances().await.unwrap();
        let mark = all[0].watermark.clone();
        (mark.challenge_revision == Some(set.revision)).then_some(mark)
    })
    .await;
    assert_eq!(kept.contact_secs, Some(85));
}

#[tokio::test]
async fn instances_out_of_scope_and_those_that_do_not_answer_cas_are_sent_none() {
    let scene = Scene::sqlite().await;
    let elsewhere = settled(&scene, "ber").await;
    publish(&scene, OrderId::new(), Some("fra")).await;
    scene.import("second", json!({"site": "muc"})).await;

    let answer = elsewhere
        .call("sync", &request(&elsewhere, 0, held(0, 0)))
        .await;
    assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);

    let old = Agent::enrolled(&scene, "old", &[("site", "fra")]).await;
    let answer = old.call("sync", &request(&old, 0, None)).await;
    let answer: SyncResponse = read(answer, StatusCode::OK).await;
    assert_eq!(answer.challenges, None);
}

#[tokio::test]
async fn what_is_withdrawn_leaves_an_instance_that_shows_it() {
    let scene = Scene::sqlite().await;
    let agent = settled(&scene, "fra").await;

    let answer = agent.call("sync", &request(&agent, 0, held(5, 1))).await;

    let answer: SyncResponse = read(answer, StatusCode::OK).await;
    assert!(answer.changes.is_empty() && !answer.snapshot);
    assert_eq!(answer.challenges.unwrap().responses, []);
}
