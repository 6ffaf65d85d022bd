//! Revocation (RFC 8555 §7.6).

use serde_json::json;

use crate::support::client::{Reply, Session};
use crate::support::key::{Key, b64};
use crate::support::world::{Issued, World};

async fn revoke(session: &Session, issued: &Issued, reason: Option<i64>) -> Reply {
    let mut payload = json!({"certificate": b64(issued.chain.leaf().der())});
    if let Some(reason) = reason {
        payload["reason"] = json!(reason);
    }
    session
        .post(&session.client.url("revokeCert"), payload)
        .await
}

#[tokio::test]
async fn the_account_that_ordered_revokes_once() {
    let world = World::start().await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let fingerprint = issued.chain.fingerprint();

    for reason in [2, 6, 7, 8, 10, 11, -1] {
        let refused = revoke(&session, &issued, Some(reason)).await;
        refused.expect_problem(400, "badRevocationReason", &reason.to_string());
    }
    assert_eq!(world.ca.revocation_reason(fingerprint), None);
    let first = revoke(&session, &issued, Some(4)).await;
    let second = revoke(&session, &issued, Some(4)).await;

    assert_eq!((first.status.as_u16(), first.text.as_str()), (200, ""));
    second.expect_problem(400, "alreadyRevoked", "already");
    assert_eq!(world.ca.revocation_reason(fingerprint), Some(4));
}

#[tokio::test]
async fn the_certificates_own_key_revokes_without_an_account() {
    let world = World::start().await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let url = session.client.url("revokeCert");
    let payload = json!({"certificate": b64(issued.chain.leaf().der()), "reason": 1}).to_string();

    let stranger = session
        .client
        .post(&url, &payload, &Key::es256(), None)
        .await;
    let key = Key::from_pkcs8(issued.key.to_pkcs8_der().expose());
    let own = session.client.post(&url, &payload, &key, None).await;

    stranger.expect_problem(403, "unauthorized", "neither");
    assert_eq!(own.status, 200, "{}", own.text);
    assert_eq!(
        world.ca.revocation_reason(issued.chain.fingerprint()),
        Some(1)
    );
}

#[tokio::test]
async fn another_account_revokes_only_with_authorizations_for_all_names() {
    let world = World::start().await;
    let owner = world.session().await;
    let other = world.session().await;
    let issued = world.issue(&owner, &["a.example", "*.a.example"]).await;

    let none = revoke(&other, &issued, None).await;
    world.ready(&other, &["a.example"]).await;
    let half = revoke(&other, &issued, None).await;
    world.ready(&other, &["*.a.example"]).await;
    let all = revoke(&other, &issued, None).await;

    none.expect_problem(403, "unauthorized", "neither");
    half.expect_problem(403, "unauthorized", "neither");
    assert_eq!(all.status, 200, "{}", all.text);
}

#[tokio::test]
async fn certificates_of_others_and_garbage_are_not_found() {
    let world = World::start().await;
    let session = world.session().await;
    let elsewhere = World::start().await;
    let foreign = elsewhere.session().await;
    let foreign = elsewhere.issue(&foreign, &["a.example"]).await;
    let url = session.client.url("revokeCert");

    revoke(&session, &foreign, None)
        .await
        .expect_problem(404, "malformed", "no such certificate");
    let garbage = json!({"certificate": b64(b"garbage")});
    session
        .post(&url, garbage)
        .await
        .expect_problem(400, "malformed", "X.509");
    let padded = json!({"certificate": "AA=="});
    session
        .post(&url, padded)
        .await
        .expect_problem(400, "malformed", "base64url");
}
