//! Account key rollover (RFC 8555 §7.3.5).

use serde_json::{Value, json};

use crate::support::client::{Client, Reply, Session};
use crate::support::key::Key;
use crate::support::world::World;

/// Sends a key change whose inner message is as given.
async fn change(session: &Session, inner: Value) -> Reply {
    let url = session.client.url("keyChange");
    session.post(&url, inner).await
}

fn inner(session: &Session, new: &Key, payload: &Value) -> Value {
    let url = session.client.url("keyChange");
    let header = json!({"alg": new.algorithm(), "jwk": new.jwk(), "url": url});
    new.jws(&header, &payload.to_string())
}

fn payload(session: &Session) -> Value {
    json!({"account": session.kid, "oldKey": session.key.jwk()})
}

#[tokio::test]
async fn the_new_key_works_and_the_old_no_longer() {
    let world = World::start().await;
    let session = world.session().await;
    let new = Key::es384();

    let reply = change(&session, inner(&session, &new, &payload(&session))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);

    let old = session.get(&session.kid).await;
    old.expect_problem(400, "badSignatureAlgorithm", "ES384");
    let session = Session {
        key: new,
        ..session
    };
    session.get(&session.kid).await.expect(200);
    world.issue(&session, &["a.example"]).await;
}

#[tokio::test]
async fn a_key_of_another_account_is_a_conflict_that_names_it() {
    let world = World::start().await;
    let session = world.session().await;
    let other = world.session().await;

    let reply = change(&session, inner(&session, &other.key, &payload(&session))).await;

    reply.expect_problem(409, "malformed", "another account");
    assert_eq!(reply.header("location"), other.kid);
}

#[tokio::test]
async fn inner_messages_that_do_not_fit_are_refused() {
    let world = World::start().await;
    let session = world.session().await;
    let stranger = Client::new(&world.ca).await.session(Key::es256()).await;
    let new = Key::es256();

    let mut wrong = payload(&session);
    wrong["account"] = json!(stranger.kid);
    let account = change(&session, inner(&session, &new, &wrong)).await;
    let mut wrong = payload(&session);
    wrong["oldKey"] = stranger.key.jwk();
    let old_key = change(&session, inner(&session, &new, &wrong)).await;
    let header = json!({"alg": "ES256", "jwk": new.jwk(), "url": "https://x/"});
    let url = new.jws(&header, &payload(&session).to_string());
    let url = change(&session, url).await;
    let mut forged = inner(&session, &new, &payload(&session));
    forged["signature"] = inner(&session, &stranger.key, &payload(&session))["signature"].take();
    let forged = change(&session, forged).await;
    let header =
        json!({"alg": "ES256", "kid": session.kid, "url": session.client.url("keyChange")});
    let kid = change(&session, new.jws(&header, "{}")).await;

    account.expect_problem(400, "malformed", "another account");
    old_key.expect_problem(400, "malformed", "oldKey");
    url.expect_problem(400, "malformed", "url");
    forged.expect_problem(400, "malformed", "signature");
    kid.expect_problem(400, "malformed", "jwk");
    session.get(&session.kid).await.expect(200);
}
