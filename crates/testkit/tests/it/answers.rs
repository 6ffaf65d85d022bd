//! Canned answers, nonces, the directory and the journal.

use std::time::Duration;

use evercert_acme::{AcmeError, Client, ProblemKind};
use evercert_testkit::acme_stub::{Answer, Endpoint, Nonce};
use serde_json::Value;

use crate::support::{
    config, connect, http, issue, nonce, order_for, problem, register, send, with_account,
};

#[tokio::test]
async fn canned_answers_are_given_once_each_and_in_order() {
    let (stub, account) = with_account(|_| {}).await;
    let control = stub.control();
    let busy = Answer::problem(503, "rateLimited", "busy").retry_after(Duration::from_secs(7));
    control.queue(Endpoint::NewOrder, busy);
    control.queue(Endpoint::NewOrder, Answer::html(502));
    control.queue(Endpoint::NewOrder, Answer::truncated_json(201));
    let order = async || account.new_order(&order_for(&["a.example"])).await;

    let first = order().await.unwrap_err();
    let second = order().await.unwrap_err();
    let third = order().await.unwrap_err();

    assert_eq!(first.retry_after(), Some(Duration::from_secs(7)));
    assert!(
        matches!(second, AcmeError::Status { status: 502, .. }),
        "{second:?}"
    );
    assert!(matches!(third, AcmeError::Malformed { .. }), "{third:?}");
    assert_eq!(control.queued(Endpoint::NewOrder), 0);
    order().await.unwrap();
}

#[tokio::test]
async fn hanging_closing_and_cutting_lose_the_answer() {
    let (stub, account) = with_account(|_| {}).await;
    let body = Answer::json(201, &Value::from("x".repeat(4000)));
    for answer in [Answer::hang(), Answer::close(), body.cut()] {
        stub.control().queue(Endpoint::NewOrder, answer.clone());

        let lost = account.new_order(&order_for(&["a.example"])).await;

        let lost = lost.expect_err("the answer was lost");
        let expected = matches!(
            lost,
            AcmeError::Transport { .. } | AcmeError::Timeout { .. }
        );
        assert!(expected, "{answer:?}: {lost:?}");
    }
    account.new_order(&order_for(&["a.example"])).await.unwrap();
}

#[tokio::test]
async fn an_answer_can_be_lost_after_its_effect() {
    let (stub, account) = with_account(|_| {}).await;
    let lost = Answer::close().after_effect();
    stub.control().queue(Endpoint::NewOrder, lost);

    assert!(account.new_order(&order_for(&["a.example"])).await.is_err());

    assert_eq!(account.orders().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_healed() {
    let (stub, account) = with_account(|_| {}).await;
    stub.control().always_everywhere(&Answer::html(503));

    for _ in 0..2 {
        assert!(account.new_order(&order_for(&["a.example"])).await.is_err());
    }
    assert!(Client::connect(config(&stub)).await.is_err());
    stub.control().heal();

    issue(&account, &["a.example"]).await.unwrap();
}

#[tokio::test]
async fn nonces_fail_as_switched() {
    let (stub, account) = with_account(|_| {}).await;
    let switch = |rule| stub.control().switch(|switches| switches.nonce = rule);

    switch(Nonce::Reject(3));
    issue(&account, &["a.example"]).await.unwrap();
    let refused = stub.control().requests();
    let refused = refused.iter().filter(|request| request.status == 400);
    assert_eq!(refused.count(), 3);

    for rule in [Nonce::Unavailable, Nonce::Missing] {
        switch(Nonce::Good);
        let fresh = connect(&stub).await;
        switch(rule);
        let key = crate::support::key();
        let agreed = evercert_acme::NewAccount::agreed();

        let error = fresh.new_account(&key, &agreed).await.unwrap_err();

        assert!(
            matches!(error, AcmeError::Nonce { .. }),
            "{rule:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_signed_request_is_good_once_and_at_its_url_only() {
    let (stub, account) = with_account(|_| {}).await;
    let url = format!("https://{}/new-order", stub.addr());
    let nonce = nonce(&stub).await;
    let payload = br#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#;
    let sign = |url: &str| {
        account
            .key()
            .sign_request(account.url(), &nonce, url, payload)
    };
    let body = sign(&url).unwrap();
    let as_json = http(&stub)
        .post(&url)
        .header("content-type", "application/json");

    let media = as_json.body(body.clone()).send().await.unwrap();
    let elsewhere = send(
        &stub,
        &format!("https://{}/revoke-cert", stub.addr()),
        body.clone(),
    )
    .await;
    let good = send(&stub, &url, body.clone()).await;
    let replayed = send(&stub, &url, body).await;

    assert_eq!(media.status().as_u16(), 415);
    assert_eq!(elsewhere.0, 403);
    assert_eq!(good.0, 201);
    assert!(String::from_utf8(replayed.2).unwrap().contains("badNonce"));
}

#[tokio::test]
async fn a_moved_directory_leaves_accounts_where_they_are() {
    let (stub, account) = with_account(|_| {}).await;
    let control = stub.control();
    control.switch(|switches| {
        switches.prefix = "/v3".to_owned();
        switches
            .directory
            .insert("keyChange".to_owned(), Value::Null);
    });

    let gone = problem(account.new_order(&order_for(&["a.example"])).await);
    let moved = connect(&stub).await;

    assert_eq!(gone.status, Some(404));
    assert_eq!(moved.directory().key_change, None);
    let fresh = register(&stub).await;
    issue(&fresh, &["a.example"]).await.unwrap();
    assert_eq!(account.orders().await.unwrap().len(), 0);
}

#[tokio::test]
async fn the_journal_tells_who_asked_for_what() {
    let (stub, account) = with_account(|_| {}).await;
    stub.control().forget_requests();
    account.new_order(&order_for(&["b.example"])).await.unwrap();

    let orders = stub.control().requests_to(Endpoint::NewOrder);

    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].account.as_deref(), Some(account.url()));
    assert_eq!(orders[0].payload["identifiers"][0]["value"], "b.example");
    assert_eq!(
        (orders[0].path.as_str(), orders[0].status),
        ("/new-order", 201)
    );
    let unknown = problem(
        account
            .order(&format!("https://{}/nothing", stub.addr()))
            .await,
    );
    assert_eq!(unknown.kind(), ProblemKind::Malformed);
}
