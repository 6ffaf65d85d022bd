//! Handing in the CSR, also twice, and with lost answers.

use evercert_acme::{Account, Order, OrderStatus, ProblemKind};

use crate::stub::{Canned, Rules, Stub};
use crate::support::{csr, order_for, with_account};

async fn ready_order(processing_looks: u32) -> (Stub, Account, Order) {
    let (stub, account) = with_account(Rules {
        prevalidated: true,
        processing_looks,
        ..Rules::default()
    })
    .await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    (stub, account, order)
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_in_the_order() {
    let (stub, account, order) = ready_order(5).await;
    stub.script(
        "/order/0/finalize",
        [Canned::new(200, "{").cut().after_effect()],
    );

    let order = account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();

    assert_eq!(order.status, OrderStatus::Processing);
    assert_eq!(stub.seen("/order/0/finalize").len(), 1);
}

#[tokio::test]
async fn a_csr_that_did_not_arrive_is_handed_in_again() {
    let (stub, account, order) = ready_order(0).await;
    stub.script("/order/0/finalize", [Canned::html(500), Canned::html(503)]);

    let order = account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();

    assert_eq!(order.status, OrderStatus::Valid);
    assert_eq!(order.url, stub.url("/order/0"));
    assert_eq!(stub.seen("/order/0/finalize").len(), 3);
}

#[tokio::test]
async fn finalizing_again_after_a_restart_is_no_error() {
    let (_stub, account, order) = ready_order(0).await;
    let (request, _) = csr(&["a.example"]);

    account.finalize(&order, &request).await.unwrap();
    let again = account.finalize(&order, &request).await.unwrap();

    assert_eq!(again.status, OrderStatus::Valid);
}

#[tokio::test]
async fn an_order_that_is_not_ready_is_told_as_the_ca_says_it() {
    let (stub, account) = with_account(Rules::default()).await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();

    let error = account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap_err();

    assert_eq!(error.problem().unwrap().kind(), ProblemKind::OrderNotReady);
    assert_eq!(stub.seen("/order/0/finalize").len(), 1);
}

#[tokio::test]
async fn a_url_that_cannot_be_asked_is_told_at_once() {
    let (_stub, account, mut order) = ready_order(0).await;
    order.finalize = "finalize me".to_owned();

    let error = account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap_err();

    assert!(
        error.to_string().contains("a URL that cannot be asked"),
        "{error}"
    );
}

#[tokio::test]
async fn a_bad_csr_is_not_handed_in_again() {
    let (stub, account, order) = ready_order(0).await;

    let error = account.finalize(&order, b"no CSR").await.unwrap_err();

    assert_eq!(error.problem().unwrap().kind(), ProblemKind::BadCsr);
    assert!(!error.is_retryable());
    assert_eq!(stub.seen("/order/0/finalize").len(), 1);
}
