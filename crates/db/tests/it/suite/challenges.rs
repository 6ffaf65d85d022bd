//! Responses to challenges, and what the operator confirms.

use evercert_db::authorizations::Authorization;
use evercert_db::challenge_responses::NewChallengeResponse;
use evercert_db::orders::Order;
use evercert_types::{OrderId, OrderState, Selector};
use jiff::SignedDuration;

use super::Scene;
use super::orders::{insert_order, order, subject};

async fn running(scene: &Scene) -> Order {
    let order = order(scene, &subject(scene).await);
    insert_order(scene, &order).await;
    order
}

async fn publish(scene: &Scene, order_id: OrderId, kind: &str, token: &str) {
    let selector = Selector::default();
    let new = NewChallengeResponse {
        order_id,
        kind,
        identifier: "a.example",
        token,
        key_authorization: &format!("{token}.thumb"),
        selector: &selector,
        expires_at: scene.seconds() + SignedDuration::from_hours(1),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.publish_challenge(&new).await.unwrap();
    tx.commit().await.unwrap();
}

async fn revision(scene: &Scene) -> i64 {
    scene.db.store_states().await.unwrap().challenges.revision
}

pub(crate) async fn responses_take_revisions_and_are_found_by_what_a_ca_asks_for(scene: &Scene) {
    let order = running(scene).await;
    publish(scene, order.id, "http-01", "tok").await;
    publish(scene, order.id, "tls-alpn-01", "tls").await;

    let all = scene.db.challenge_responses().await.unwrap();

    assert_eq!(scene.db.challenges_of(order.id).await.unwrap(), all);
    assert!(all[0].revision < all[1].revision && all[1].revision == revision(scene).await);
    let found = scene.db.challenges_with_token("tok").await.unwrap();
    assert_eq!(found, all[..1]);
    assert!(
        scene
            .db
            .challenges_with_token("tls")
            .await
            .unwrap()
            .is_empty()
    );
    let found = scene.db.challenges_for_handshake("a.example").await;
    assert_eq!(found.unwrap(), all[1..]);
    scene.clock.advance(SignedDuration::from_hours(1));
    let found = scene.db.challenges_with_token("tok").await.unwrap();
    assert!(found.is_empty(), "expired ones are not shown");
}

pub(crate) async fn a_response_that_is_published_again_stays_as_it_is(scene: &Scene) {
    let order = running(scene).await;
    publish(scene, order.id, "http-01", "tok").await;
    let before = scene.db.challenge_responses().await.unwrap();

    publish(scene, order.id, "http-01", "tok").await;
    assert_eq!(scene.db.challenge_responses().await.unwrap(), before);
    publish(scene, order.id, "http-01", "other").await;

    let after = scene.db.challenge_responses().await.unwrap();
    assert_eq!((after.len(), after[0].token.as_str()), (1, "other"));
    assert!(after[0].revision > before[0].revision);
}

pub(crate) async fn responses_of_no_running_order_are_swept(scene: &Scene) {
    let order = running(scene).await;
    publish(scene, order.id, "http-01", "tok").await;
    publish(scene, OrderId::new(), "http-01", "gone").await;
    let before = revision(scene).await;

    let mut tx = scene.db.begin_write().await.unwrap();
    assert_eq!(tx.sweep_challenges().await.unwrap(), 1);
    assert_eq!(tx.sweep_challenges().await.unwrap(), 0);
    tx.commit().await.unwrap();

    assert!(revision(scene).await > before, "instances are told");
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.finish_order(order.id, OrderState::Pending, OrderState::Failed, None)
        .await
        .unwrap();
    assert_eq!(tx.sweep_challenges().await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert!(scene.db.challenge_responses().await.unwrap().is_empty());
}

pub(crate) async fn the_revision_never_falls_behind_the_clock(scene: &Scene) {
    let order = running(scene).await;

    publish(scene, order.id, "http-01", "tok").await;

    assert!(revision(scene).await >= scene.db.now().as_millisecond());
    let mut tx = scene.db.begin_write().await.unwrap();
    assert_eq!(tx.withdraw_challenges(order.id).await.unwrap(), 1);
    assert_eq!(tx.withdraw_challenges(order.id).await.unwrap(), 0);
    tx.commit().await.unwrap();
}

pub(crate) async fn manual_challenges_are_confirmed_once_asked_for(scene: &Scene) {
    let order = running(scene).await;
    let manual = Authorization {
        url: "https://ca/a/1".to_owned(),
        identifier: "a.example".to_owned(),
        wildcard: false,
        status: "pending".to_owned(),
        challenge_type: "dns-01-manual".to_owned(),
        challenge_url: "https://ca/c/1".to_owned(),
        token: "t".to_owned(),
        provider_id: None,
        effective_name: Some("_acme-challenge.a.example".to_owned()),
        txt_value: Some("v".to_owned()),
        confirmed_at: None,
    };
    let other = Authorization {
        url: "https://ca/a/2".to_owned(),
        challenge_type: "dns-01".to_owned(),
        ..manual.clone()
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    for one in [&manual, &other] {
        tx.put_authorization(order.id, one).await.unwrap();
    }
    assert_eq!(tx.confirm_manual_challenges(order.id).await.unwrap(), 1);
    tx.commit().await.unwrap();

    let read = scene.db.authorizations(order.id).await.unwrap();
    let confirmed: Vec<_> = read.iter().map(|one| one.confirmed_at).collect();
    assert_eq!(confirmed.iter().flatten().count(), 1);
}
