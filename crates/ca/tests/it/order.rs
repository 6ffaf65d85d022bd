//! Orders and authorizations (RFC 8555 §7.4, §7.5).

use std::sync::Arc;
use std::time::Duration;

use evercert_types::{KeyAlgorithm, ManualClock};
use evercert_x509::KeyPair;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::client::{Session, identifier};
use crate::support::world::{World, challenge, csr, finalize, urls};

#[tokio::test]
async fn a_new_order_waits_for_an_authorization_of_each_identifier() {
    let world = World::start().await;
    let session = world.session().await;

    let reply = session
        .new_order(&["a.example", "*.a.example", "192.0.2.1"])
        .await;

    let order = reply.expect(201);
    assert_eq!(order["status"], "pending");
    assert_eq!(order["identifiers"][1], identifier("*.a.example"));
    let mut offered = Vec::new();
    for url in urls(&order["authorizations"]) {
        let authorization = session.get(&url).await.expect(200);
        let kinds: Vec<String> = authorization["challenges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|challenge| challenge["type"].as_str().unwrap().to_owned())
            .collect();
        let wildcard = authorization["wildcard"] == true;
        offered.push((
            authorization["identifier"].clone(),
            wildcard,
            kinds.join(" "),
        ));
    }
    assert_eq!(
        offered,
        [
            (
                identifier("a.example"),
                false,
                "dns-01 http-01 tls-alpn-01".to_owned()
            ),
            (identifier("a.example"), true, "dns-01".to_owned()),
            (
                identifier("192.0.2.1"),
                false,
                "http-01 tls-alpn-01".to_owned()
            ),
        ]
    );
    let read = session.get(&reply.header("location")).await.expect(200);
    assert_eq!(read, order);
}

#[tokio::test]
async fn orders_that_cannot_be_are_refused_with_the_right_word() {
    let world = World::with(|config| {
        config.rejected_domains = vec!["bank.example".parse().unwrap()];
    })
    .await;
    let session = world.session().await;
    let url = session.client.url("newOrder");
    let many: Vec<String> = (0..101).map(|i| format!("n{i}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let names = ["a.example"];

    session
        .new_order(&[])
        .await
        .expect_problem(400, "malformed", "at least one");
    session
        .new_order(&many)
        .await
        .expect_problem(400, "malformed", "100");
    session
        .new_order(&["a..example"])
        .await
        .expect_problem(400, "malformed", "empty");
    session
        .new_order(&["a.*.example"])
        .await
        .expect_problem(400, "malformed", "wildcard");
    let rejected = session.new_order(&["ok.example", "x.bank.example"]).await;
    rejected.expect_problem(403, "rejectedIdentifier", "bank.example");
    assert_eq!(
        rejected.json()["subproblems"][0]["identifier"],
        identifier("x.bank.example")
    );
    let email = json!({"identifiers": [{"type": "email", "value": "a@b.example"}]});
    session
        .post(&url, email)
        .await
        .expect_problem(400, "unsupportedIdentifier", "email");
    let profile = session
        .new_order_with(&names, json!({"profile": "gold"}))
        .await;
    profile.expect_problem(400, "invalidProfile", "classic, shortlived");
    let date = session
        .new_order_with(&names, json!({"notAfter": "tomorrow"}))
        .await;
    date.expect_problem(400, "malformed", "RFC 3339");
    let past = session
        .new_order_with(&names, json!({"notAfter": "2001-01-01T00:00:00Z"}))
        .await;
    past.expect_problem(400, "malformed", "ahead");
    let long = session
        .new_order_with(&names, json!({"notAfter": "2999-01-01T00:00:00Z"}))
        .await;
    long.expect_problem(400, "malformed", "at most 90d");
    let known = session.new_order(&names).await.header("location");
    let unknown = session.get(&format!("{known}x")).await;
    unknown.expect_problem(404, "malformed", "no such order");
}

#[tokio::test]
async fn a_deactivated_authorization_ends_its_order() {
    let world = World::start().await;
    let session = world.session().await;
    let reply = session.new_order(&["a.example"]).await;
    let url = urls(&reply.json()["authorizations"]).remove(0);

    let wrong = session.post(&url, json!({"status": "valid"})).await;
    let gone = session.post(&url, json!({"status": "deactivated"})).await;
    let order = session.get(&reply.header("location")).await.expect(200);

    wrong.expect_problem(400, "malformed", "deactivated");
    assert_eq!(gone.expect(200)["status"], "deactivated");
    assert_eq!(order["status"], "invalid");
    assert!(
        order["error"]["detail"]
            .as_str()
            .unwrap()
            .contains("deactivated")
    );
}

#[tokio::test]
async fn a_valid_authorization_serves_the_next_order_of_the_same_account_only() {
    let world = World::start().await;
    let session = world.session().await;
    let other = world.session().await;
    let first = world.issue(&session, &["a.example", "*.a.example"]).await;

    let second = session
        .new_order(&["*.a.example", "a.example"])
        .await
        .expect(201);
    let foreign = other.new_order(&["a.example"]).await.expect(201);

    assert_eq!(second["status"], "ready");
    let mut before = urls(&first.order["authorizations"]);
    before.reverse();
    assert_eq!(urls(&second["authorizations"]), before);
    assert_eq!(foreign["status"], "pending");
}

#[tokio::test]
async fn without_reuse_every_order_is_validated_anew() {
    let world = World::with(|config| config.reuse_authorizations = false).await;
    let session = world.session().await;
    world.issue(&session, &["a.example"]).await;

    let second = session.new_order(&["a.example"]).await.expect(201);

    assert_eq!(second["status"], "pending");
}

#[tokio::test]
async fn time_ends_orders_and_authorizations() {
    // Years ago: HTTPS must work all the same, for its clients go by the system's clock.
    let start = Timestamp::from_second(1_600_000_000).unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let world = World::with(|config| config.clock = clock.clone()).await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let waiting = session.new_order(&["b.example"]).await;

    clock.advance(SignedDuration::from_hours(25));
    let expired = session.get(&waiting.header("location")).await.expect(200);
    let authorization = urls(&expired["authorizations"]).remove(0);
    let authorization = session.get(&authorization).await.expect(200);
    let reused = session.new_order(&["a.example"]).await.expect(201);
    clock.advance(SignedDuration::from_hours(30 * 24));
    let anew = session.new_order(&["a.example"]).await.expect(201);

    assert!(issued.chain.leaf().is_valid_at(start));
    assert_eq!(expired["status"], "invalid");
    assert_eq!(authorization["status"], "invalid");
    assert_eq!(
        (&reused["status"], &anew["status"]),
        (&json!("ready"), &json!("pending"))
    );
}

#[tokio::test]
async fn a_poll_of_something_in_processing_is_held_until_it_ends() {
    let world = World::with(|config| config.poll_hold = Duration::from_secs(15)).await;
    let session = world.session().await;
    let order = session.new_order(&["a.example"]).await.json();
    world.publish(&session, &order).await;
    let url = urls(&order["authorizations"]).remove(0);
    let authorization = session.get(&url).await.json();
    let challenge = challenge(&authorization, "dns-01");

    let triggered = session
        .post(challenge["url"].as_str().unwrap(), json!({}))
        .await;
    let polled = session.get(&url).await;

    assert_eq!(triggered.links("up"), [url]);
    assert_eq!(polled.expect(200)["status"], "valid");
    assert!(!polled.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn without_holding_the_answer_says_when_to_come_again() {
    let world = World::with(|config| {
        config.poll_hold = Duration::ZERO;
        config.issuance_delay = Duration::from_millis(300);
    })
    .await;
    let session = world.session().await;
    let order = session.new_order(&["a.example"]).await;
    let url = order.header("location");
    world.publish(&session, &order.json()).await;
    crate::support::world::trigger_all(&session, &order.json(), "dns-01").await;
    let ready = poll(&session, &url, "ready").await;
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();

    let finalized = finalize(&session, &ready, &csr(&["a.example"], &key)).await;

    assert_eq!(finalized.expect(200)["status"], "processing");
    assert_eq!(finalized.header("retry-after"), "1");
    assert_eq!(finalized.header("location"), url);
    let again = finalize(&session, &ready, &csr(&["a.example"], &key)).await;
    again.expect_problem(403, "orderNotReady", "processed already");
    let valid = poll(&session, &url, "valid").await;
    assert!(valid["certificate"].is_string());
}

/// Asks until the order has this status, for at most ten seconds.
async fn poll(session: &Session, url: &str, status: &str) -> serde_json::Value {
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let order = session.get(url).await.expect(200);
        if order["status"] == status {
            return order;
        }
        assert!(tokio::time::Instant::now() < end, "{order}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
