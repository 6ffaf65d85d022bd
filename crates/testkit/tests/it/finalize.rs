//! Finalizing: the CSR's judgement and every switch.

use std::time::Duration;

use evercert_acme::{AccountKey, AcmeError, NewAccount, OrderStatus, ProblemKind, Until};
use evercert_testkit::acme_stub::{AcmeStub, Authz, Failure, Finalize, StubOptions};
use evercert_types::KeyAlgorithm;
use evercert_x509::KeyPair;

use crate::support::{connect, csr, issue_order, order_for, pair, problem, with_account, within};

const NAMES: [&str; 1] = ["a.example"];

#[tokio::test]
async fn an_order_may_be_processing_for_a_while() {
    let (_stub, account) = with_account(|switches| {
        switches.authz = Authz::Valid;
        switches.finalize = Finalize::Processing {
            looks: 1,
            retry_after: Some(Duration::from_secs(1)),
        };
    })
    .await;
    let order = account.new_order(&order_for(&NAMES)).await.unwrap();

    let order = account
        .finalize(&order, &csr(&NAMES, &pair()))
        .await
        .unwrap();
    assert_eq!(order.status, OrderStatus::Processing);
    assert_eq!(order.retry_after, Some(Duration::from_secs(1)));
    let look = account.order(&order.url).await.unwrap();
    assert_eq!(look.status, OrderStatus::Processing);
    let done = account
        .poll_order(&order.url, Until::Valid, within(5))
        .await
        .unwrap();

    account
        .download(done.certificate_url().unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_order_may_be_processing_without_end_or_end_invalid() {
    let (stub, account) = with_account(|switches| {
        switches.authz = Authz::Valid;
        switches.finalize = Finalize::Endless;
    })
    .await;
    let endless = account.new_order(&order_for(&NAMES)).await.unwrap();
    account
        .finalize(&endless, &csr(&NAMES, &pair()))
        .await
        .unwrap();
    for _ in 0..5 {
        let look = account.order(&endless.url).await.unwrap();
        assert_eq!(look.status, OrderStatus::Processing);
    }
    let failure = Failure {
        kind: "caa".to_owned(),
        detail: "CAA record for a.example prevents issuance".to_owned(),
    };
    let rule = Finalize::Invalid(failure.clone());
    stub.control().switch(|switches| switches.finalize = rule);
    let lost = account.new_order(&order_for(&NAMES)).await.unwrap();
    account
        .finalize(&lost, &csr(&NAMES, &pair()))
        .await
        .unwrap();

    let error = account
        .poll_order(&lost.url, Until::Valid, within(5))
        .await
        .unwrap_err();

    assert_eq!(error.problem().unwrap().detail, Some(failure.detail));
    assert_eq!(stub.control().issued(), 0);
}

#[tokio::test]
async fn finalize_may_be_refused_fail_or_hang_and_leaves_the_order_ready() {
    let (stub, account) = with_account(|switches| switches.authz = Authz::Valid).await;
    let order = account.new_order(&order_for(&NAMES)).await.unwrap();
    let failure = Failure {
        kind: "unauthorized".to_owned(),
        detail: "organisation not validated".to_owned(),
    };
    for rule in [
        Finalize::ServerError,
        Finalize::Hang,
        Finalize::Refuse(403, failure),
    ] {
        stub.control()
            .switch(|switches| switches.finalize = rule.clone());

        let request = csr(&NAMES, &pair());
        let attempt = account.finalize(&order, &request);
        let result = tokio::time::timeout(Duration::from_secs(3), attempt).await;

        assert!(!matches!(result, Ok(Ok(_))), "{rule:?}: {result:?}");
        if let (Finalize::Refuse(..), Ok(Err(error))) = (&rule, &result) {
            assert!(matches!(error, AcmeError::Problem(_)), "{error:?}");
        }
        assert_eq!(
            account.order(&order.url).await.unwrap().status,
            OrderStatus::Ready
        );
    }
    stub.control()
        .switch(|switches| switches.finalize = Finalize::Issue);
    account
        .finalize(&order, &csr(&NAMES, &pair()))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_csr_must_fit_the_order() {
    let stub = AcmeStub::start(StubOptions::default()).await.unwrap();
    let client = connect(&stub).await;
    let both = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let key = AccountKey::from_pkcs8_der(both.to_pkcs8_der().expose()).unwrap();
    let account = client
        .new_account(&key, &NewAccount::agreed())
        .await
        .unwrap();
    let early = account.new_order(&order_for(&NAMES)).await.unwrap();

    let not_ready = problem(account.finalize(&early, &csr(&NAMES, &pair())).await);
    stub.control()
        .switch(|switches| switches.authz = Authz::Valid);
    let reused = problem(issue_order(&account, &order_for(&NAMES), &both).await);
    let order = account.new_order(&order_for(&NAMES)).await.unwrap();
    let other = problem(
        account
            .finalize(&order, &csr(&["b.example"], &pair()))
            .await,
    );
    let garbage = problem(account.finalize(&order, b"no CSR").await);

    assert_eq!(not_ready.kind(), ProblemKind::OrderNotReady);
    assert_eq!(reused.kind(), ProblemKind::BadCsr);
    assert_eq!(other.kind(), ProblemKind::Unauthorized);
    assert_eq!(garbage.kind(), ProblemKind::BadCsr);
}
