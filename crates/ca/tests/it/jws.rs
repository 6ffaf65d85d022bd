//! What a request must fulfil before anybody looks at its contents (RFC 8555 §6).

use serde_json::{Value, json};

use crate::support::client::{Client, Reply, Session};
use crate::support::key::{Key, b64};
use crate::support::world::World;

/// Sends newOrder with a header that differs in one thing.
async fn with_header(session: &Session, change: impl FnOnce(&mut Value)) -> Reply {
    let url = session.client.url("newOrder");
    let mut header = session
        .client
        .header(&url, &session.key, Some(&session.kid))
        .await;
    change(&mut header);
    let body = session.key.jws(&header, "{}").to_string();
    session.client.send(&url, body).await
}

#[tokio::test]
async fn every_rule_of_the_header_is_enforced() {
    let world = World::start().await;
    let session = world.session().await;

    let reply = with_header(&session, |header| header["url"] = json!("https://other/")).await;
    reply.expect_problem(403, "unauthorized", "url");
    let reply = with_header(&session, |header| drop(header["url"].take())).await;
    reply.expect_problem(403, "unauthorized", "(none)");
    let reply = with_header(&session, |header| drop(header["nonce"].take())).await;
    reply.expect_problem(400, "badNonce", "no nonce");
    let reply = with_header(&session, |header| header["nonce"] = json!("AAAA")).await;
    reply.expect_problem(400, "badNonce", "not from here");
    let jwk = session.key.jwk();
    let reply = with_header(&session, |header| header["jwk"] = jwk).await;
    reply.expect_problem(400, "malformed", "exactly one");
    let reply = with_header(&session, |header| drop(header["kid"].take())).await;
    reply.expect_problem(400, "malformed", "exactly one");
    let reply = with_header(&session, |header| header["crit"] = json!(["exp"])).await;
    reply.expect_problem(400, "malformed", "critical");
    let reply = with_header(&session, |header| {
        header["kid"] = json!("https://x/account/1")
    })
    .await;
    reply.expect_problem(400, "accountDoesNotExist", "https://x/account/1");
    let other = format!("{}x", session.kid);
    let reply = with_header(&session, |header| header["kid"] = json!(other)).await;
    reply.expect_problem(400, "accountDoesNotExist", "no account");
    for algorithm in ["none", "HS256", "EdDSA", "ES384"] {
        let reply = with_header(&session, |header| header["alg"] = json!(algorithm)).await;
        reply.expect_problem(400, "badSignatureAlgorithm", algorithm);
        assert_eq!(
            reply.json()["algorithms"],
            json!(["ES256", "ES384", "RS256"])
        );
    }
    let reply = with_header(&session, |_| {}).await;
    reply.expect_problem(400, "malformed", "identifiers");
}

#[tokio::test]
async fn resources_insist_on_their_kind_of_signer() {
    let world = World::start().await;
    let session = world.session().await;
    let client = &session.client;
    let (order, account) = (client.url("newOrder"), client.url("newAccount"));

    let by_key = client.post(&order, "{}", &session.key, None).await;
    let by_account = client
        .post(&account, "{}", &session.key, Some(&session.kid))
        .await;

    by_key.expect_problem(400, "malformed", "kid");
    by_account.expect_problem(400, "malformed", "jwk");
}

#[tokio::test]
async fn a_nonce_is_good_once() {
    let world = World::start().await;
    let session = world.session().await;
    let url = session.kid.clone();
    let header = session
        .client
        .header(&url, &session.key, Some(&session.kid))
        .await;
    let body = session.key.jws(&header, "").to_string();

    let first = session.client.send(&url, body.clone()).await;
    let replayed = session.client.send(&url, body).await;

    first.expect(200);
    replayed.expect_problem(400, "badNonce", "used before");
    assert!(replayed.headers.contains_key("replay-nonce"));
}

#[tokio::test]
async fn a_signature_by_another_key_or_over_another_payload_is_refused() {
    let world = World::start().await;
    let session = world.session().await;
    let url = session.client.url("newOrder");
    let client = &session.client;

    let header = client.header(&url, &session.key, Some(&session.kid)).await;
    let forged = client
        .send(&url, Key::es256().jws(&header, "{}").to_string())
        .await;
    let header = client.header(&url, &session.key, Some(&session.kid)).await;
    let mut changed = session.key.jws(&header, "{}");
    changed["payload"] = json!(b64(b"{\"a\":1}"));
    let changed = client.send(&url, changed.to_string()).await;

    forged.expect_problem(400, "malformed", "signature");
    changed.expect_problem(400, "malformed", "signature");
}

#[tokio::test]
async fn content_type_and_size_are_checked() {
    let world = World::start().await;
    let client = Client::new(&world.ca).await;
    let url = client.url("newAccount");

    let plain = client
        .http
        .post(&url)
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    let huge = client.send(&url, " ".repeat(200_000)).await;
    let garbage = client.send(&url, "[[[[".to_owned()).await;

    assert_eq!(plain.status(), 415);
    huge.expect_problem(413, "malformed", "longer");
    garbage.expect_problem(400, "malformed", "flattened");
}

#[tokio::test]
async fn accounts_of_every_key_type_work() {
    let world = World::start().await;
    for key in [Key::es256(), Key::es384(), Key::rs256()] {
        let session = Client::new(&world.ca).await.session(key).await;

        let issued = world.issue(&session, &["a.example"]).await;

        assert_eq!(issued.chain.leaf().dns_names().len(), 1);
    }
}

#[tokio::test]
async fn unfit_keys_get_no_account() {
    let world = World::start().await;
    let client = Client::new(&world.ca).await;
    let url = client.url("newAccount");
    let key = Key::es256();
    let mut header = client.header(&url, &key, None).await;
    header["jwk"]["x"] = header["jwk"]["y"].clone();

    let reply = client.send(&url, key.jws(&header, "{}").to_string()).await;

    reply.expect_problem(400, "badPublicKey", "curve");
}

#[tokio::test]
async fn a_half_of_the_nonces_refused_stops_nobody() {
    let world = World::with(|config| config.nonce_reject_percent = 50).await;
    let session = world.session().await;

    let mut refused = 0;
    for _ in 0..40 {
        let reply = with_header(&session, |_| {}).await;
        refused += u32::from(reply.is("badNonce"));
    }
    world.issue(&session, &["a.example", "*.a.example"]).await;

    assert!((5..36).contains(&refused), "{refused} of 40");
}
