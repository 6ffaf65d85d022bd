//! Authorizations: every switch, reuse, deactivation, expiry.

use std::time::Duration;

use evercert_acme::{AcmeError, AuthorizationStatus, ChallengeType, OrderStatus, ProblemKind};
use evercert_testkit::acme_stub::{AcmeStub, Authz, Failure, StubOptions, VENDOR_CHALLENGE};
use jiff::SignedDuration;

use crate::support::{
    authorize, issue, on_clock, order_for, problem, register, with_account, within,
};

fn no_txt() -> Failure {
    Failure {
        kind: "unauthorized".to_owned(),
        detail: "No TXT record found at _acme-challenge.a.example".to_owned(),
    }
}

#[tokio::test]
async fn authorizations_can_be_valid_from_the_start() {
    let (_stub, account) = with_account(|switches| switches.authz = Authz::Valid).await;

    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();

    assert_eq!(order.status, OrderStatus::Ready);
    let authorization = account
        .authorization(&order.authorizations[0])
        .await
        .unwrap();
    assert_eq!(authorization.status, AuthorizationStatus::Valid);
    assert!(authorization.to_solve(&ChallengeType::Dns01).is_none());
}

#[tokio::test]
async fn a_failed_validation_says_why_and_ends_the_order() {
    let (_stub, account) = with_account(|switches| switches.authz = Authz::Invalid(no_txt())).await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();

    let error = authorize(&account, &order).await.unwrap_err();

    assert!(
        matches!(error, AcmeError::AuthorizationInvalid(_)),
        "{error:?}"
    );
    let reason = error.problem().unwrap();
    assert_eq!(reason.kind(), ProblemKind::Unauthorized);
    assert_eq!(reason.detail, Some(no_txt().detail));
    let order = account.order(&order.url).await.unwrap();
    assert_eq!(order.status, OrderStatus::Invalid);
}

#[tokio::test]
async fn one_bad_name_does_not_touch_the_others() {
    let (stub, account) = with_account(|switches| {
        switches
            .failing_names
            .insert("bad.example".to_owned(), no_txt());
    })
    .await;

    assert!(
        issue(&account, &["a.example", "*.bad.example"])
            .await
            .is_err()
    );
    issue(&account, &["a.example"]).await.unwrap();

    assert_eq!(stub.control().issued(), 1);
}

#[tokio::test]
async fn a_vendors_own_challenge_stands_beside_the_others_or_alone() {
    let (stub, account) = with_account(|switches| switches.authz = Authz::VendorChallenge).await;
    let types = async || {
        let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
        let authorization = account
            .authorization(&order.authorizations[0])
            .await
            .unwrap();
        let kinds = authorization.challenges.iter();
        kinds
            .map(|challenge| challenge.kind.to_string())
            .collect::<Vec<_>>()
    };

    let beside = types().await;
    issue(&account, &["a.example"]).await.unwrap();
    stub.control()
        .switch(|switches| switches.authz = Authz::VendorChallengeOnly);
    let alone = types().await;

    assert_eq!(
        beside,
        [VENDOR_CHALLENGE, "http-01", "dns-01", "tls-alpn-01"]
    );
    assert_eq!(alone, [VENDOR_CHALLENGE]);
}

#[tokio::test]
async fn slow_validation_is_told_by_retry_after() {
    let (_stub, account) = with_account(|switches| {
        switches.authz = Authz::Slow {
            looks: 1,
            retry_after: Some(Duration::from_secs(1)),
        };
    })
    .await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let url = &order.authorizations[0];
    let authorization = account.authorization(url).await.unwrap();
    let challenge = authorization.to_solve(&ChallengeType::Dns01).unwrap();
    account.trigger_challenge(&challenge.url).await.unwrap();

    let waiting = account.authorization(url).await.unwrap();
    let done = account.poll_authorization(url, within(5)).await.unwrap();

    assert_eq!(waiting.status, AuthorizationStatus::Pending);
    assert_eq!(waiting.retry_after, Some(Duration::from_secs(1)));
    assert_eq!(done.status, AuthorizationStatus::Valid);
}

#[tokio::test]
async fn wildcards_are_validated_by_dns_alone_and_apart_from_their_base() {
    let (_stub, account) = with_account(|_| {}).await;
    let names = ["a.example", "*.a.example"];
    let order = account.new_order(&order_for(&names)).await.unwrap();

    let mut shown = Vec::new();
    for url in &order.authorizations {
        let authorization = account.authorization(url).await.unwrap();
        shown.push((authorization.wildcard, authorization.challenges.len()));
    }

    shown.sort_unstable();
    assert_eq!(shown, [(false, 3), (true, 1)]);
    issue(&account, &names).await.unwrap();
}

#[tokio::test]
async fn valid_authorizations_are_used_again_until_they_expire() {
    let (clock, mut options) = on_clock(StubOptions::default());
    options.switches.authz_reuse = Some(SignedDuration::from_hours(24));
    let stub = AcmeStub::start(options).await.unwrap();
    let account = register(&stub).await;
    issue(&account, &["a.example"]).await.unwrap();
    let status = async || {
        let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
        order.status
    };

    assert_eq!(status().await, OrderStatus::Ready);
    clock.advance(SignedDuration::from_hours(25));
    assert_eq!(status().await, OrderStatus::Pending);
}

#[tokio::test]
async fn deactivated_and_expired_authorizations_end_their_order() {
    let (clock, options) = on_clock(StubOptions::default());
    let stub = AcmeStub::start(options).await.unwrap();
    let account = register(&stub).await;
    let given_up = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let forgotten = account.new_order(&order_for(&["b.example"])).await.unwrap();

    account
        .deactivate_authorization(&given_up.authorizations[0])
        .await
        .unwrap();
    assert_eq!(
        account.order(&given_up.url).await.unwrap().status,
        OrderStatus::Invalid
    );
    assert_eq!(
        account.order(&forgotten.url).await.unwrap().status,
        OrderStatus::Pending
    );
    clock.advance(SignedDuration::from_hours(24 * 8));

    assert_eq!(
        account.order(&forgotten.url).await.unwrap().status,
        OrderStatus::Invalid
    );
    let stranger = register(&stub).await;
    assert_eq!(
        problem(stranger.order(&forgotten.url).await).status,
        Some(404)
    );
}
