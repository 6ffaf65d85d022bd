//! Renewal information and replacing orders (RFC 9773).

use evercert_x509::ari_certificate_id;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::client::Session;
use crate::support::key::b64;
use crate::support::world::{Issued, World, urls};

fn ari(issued: &Issued) -> String {
    ari_certificate_id(issued.chain.leaf()).unwrap()
}

async fn information(session: &Session, id: &str) -> (reqwest::StatusCode, Option<String>, Value) {
    let url = format!("{}/{id}", session.client.url("renewalInfo"));
    let response = session.client.http.get(&url).send().await.unwrap();
    let retry = response.headers().get("retry-after");
    let retry = retry.map(|value| value.to_str().unwrap().to_owned());
    (response.status(), retry, response.json().await.unwrap())
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn anybody_learns_when_to_renew() {
    let world = World::start().await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let leaf = issued.chain.leaf();

    let (status, retry, object) = information(&session, &ari(&issued)).await;
    let (unknown, _, problem) = information(&session, "AAAA.AAAA").await;

    assert_eq!((status.as_u16(), retry.as_deref()), (200, Some("21600")));
    let window = &object["suggestedWindow"];
    let (start, end) = (moment(&window["start"]), moment(&window["end"]));
    assert!(leaf.not_before() < start && start < end && end < leaf.not_after());
    assert_eq!(unknown, 404);
    assert_eq!(problem["type"], "urn:ietf:params:acme:error:malformed");
}

#[tokio::test]
async fn a_revoked_certificate_is_to_be_renewed_at_once() {
    let world = World::start().await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let payload = json!({"certificate": b64(issued.chain.leaf().der())});
    session
        .post(&session.client.url("revokeCert"), payload)
        .await;

    let (_, _, object) = information(&session, &ari(&issued)).await;

    let (_, _, fresh) = {
        let other = world.issue(&session, &["b.example"]).await;
        information(&session, &ari(&other)).await
    };
    assert!(
        moment(&object["suggestedWindow"]["end"]) < moment(&fresh["suggestedWindow"]["start"]),
        "{object} {fresh}"
    );
}

#[tokio::test]
async fn the_window_can_be_set_from_outside() {
    let world = World::start().await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let end = start + SignedDuration::from_hours(1);

    assert!(world.ca.suggest_renewal(&ari(&issued), start, end));
    assert!(!world.ca.suggest_renewal("AAAA.AAAA", start, end));

    let (_, _, object) = information(&session, &ari(&issued)).await;
    assert_eq!(moment(&object["suggestedWindow"]["start"]), start);
    assert_eq!(moment(&object["suggestedWindow"]["end"]), end);
}

#[tokio::test]
async fn a_certificate_is_replaced_by_one_order_only() {
    let world = World::start().await;
    let session = world.session().await;
    let stranger = world.session().await;
    let issued = world.issue(&session, &["a.example", "b.example"]).await;
    let more = json!({"replaces": ari(&issued)});

    let unknown = json!({"replaces": "AAAA.AAAA"});
    let unknown = session.new_order_with(&["a.example"], unknown).await;
    let foreign = stranger.new_order_with(&["a.example"], more.clone()).await;
    let apart = session.new_order_with(&["c.example"], more.clone()).await;
    let first = session.new_order_with(&["a.example"], more.clone()).await;
    let second = session.new_order_with(&["a.example"], more.clone()).await;

    unknown.expect_problem(404, "malformed", "replace");
    foreign.expect_problem(403, "unauthorized", "another account");
    apart.expect_problem(400, "malformed", "no identifier");
    assert_eq!(first.expect(201)["replaces"], more["replaces"]);
    second.expect_problem(409, "alreadyReplaced", "another order");
}

#[tokio::test]
async fn an_order_that_became_invalid_replaces_nothing() {
    let world = World::with(|config| config.reuse_authorizations = false).await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let more = json!({"replaces": ari(&issued)});
    let first = session.new_order_with(&["a.example"], more.clone()).await;
    let authorization = urls(&first.expect(201)["authorizations"]).remove(0);
    session
        .post(&authorization, json!({"status": "deactivated"}))
        .await
        .expect(200);

    let second = session.new_order_with(&["a.example"], more).await;

    second.expect(201);
}
