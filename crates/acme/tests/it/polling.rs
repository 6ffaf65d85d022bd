//! Waiting for the CA: outages, strange states, its pace and our deadline.

use std::time::Duration;

use evercert_acme::{AcmeError, Client, ClientConfig, Fault, ProblemKind, Until};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::stub::{Canned, Rules, Stub};
use crate::support::{config, csr, order_for, register, with_account, within};

fn order_in(status: &str) -> Value {
    json!({ "status": status, "finalize": "https://ca.test/f", "authorizations": [] })
}

#[tokio::test]
async fn a_local_ca_is_done_in_milliseconds() {
    let (stub, account) = with_account(Rules {
        prevalidated: true,
        processing_looks: 3,
        ..Rules::default()
    })
    .await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();
    let start = Instant::now();

    account
        .poll_order(&order.url, Until::Valid, within(10))
        .await
        .unwrap();

    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(stub.seen("/order/0").len(), 3);
}

#[tokio::test]
async fn the_ca_s_own_pace_comes_first() {
    let (stub, account) = with_account(Rules::default()).await;
    let asking = |status| Canned::json(200, &order_in(status)).with("retry-after", "1");
    stub.script("/beyond", [asking("processing")]);
    stub.script(
        "/slow",
        [asking("pending"), Canned::json(200, &order_in("ready"))],
    );
    let start = Instant::now();

    account
        .poll_order(&stub.url("/beyond"), Until::Ready, within(10))
        .await
        .unwrap();
    let beyond_ready = start.elapsed();
    account
        .poll_order(&stub.url("/slow"), Until::Ready, within(10))
        .await
        .unwrap();

    assert!(beyond_ready < Duration::from_secs(1));
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn coming_back_after_the_deadline_is_the_caller_s_to_plan() {
    let (stub, account) = with_account(Rules::default()).await;
    let tomorrow = Canned::json(200, &order_in("processing")).with("retry-after", "86400");
    stub.script("/slow", [tomorrow]);
    let start = Instant::now();

    let error = account
        .poll_order(&stub.url("/slow"), Until::Valid, within(60))
        .await
        .unwrap_err();

    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(
        matches!(&error, AcmeError::Timeout { last, .. } if last == "processing"),
        "{error}"
    );
    assert_eq!(error.retry_after(), Some(Duration::from_secs(86_400)));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn proxies_pages_and_outages_in_between_are_waited_out() {
    let (stub, account) = with_account(Rules::default()).await;
    let in_json = Canned::problem(500, "serverInternal", "try again");
    stub.script(
        "/o",
        [
            Canned::html(503).with("retry-after", "1"),
            Canned::html(502),
            in_json,
            Canned::new(200, "{\"status\":").cut(),
            Canned::json(200, &order_in("ready")),
        ],
    );

    account
        .poll_order(&stub.url("/o"), Until::Ready, within(20))
        .await
        .unwrap();

    assert_eq!(stub.seen("/o").len(), 5);
}

#[tokio::test]
async fn an_outage_to_the_end_is_told_with_the_last_failure() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.script("/o", std::iter::repeat_with(|| Canned::html(502)).take(100));

    let error = account
        .poll_order(
            &stub.url("/o"),
            Until::Ready,
            Instant::now() + Duration::from_millis(600),
        )
        .await
        .unwrap_err();

    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(matches!(error, AcmeError::Timeout { .. }));
    assert!(
        cause.contains("HTTP 502") && cause.contains("Gateway trouble"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_hang_ends_at_the_deadline() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.script("/o", [Canned::hang()]);
    let start = Instant::now();

    let error = account
        .poll_order(
            &stub.url("/o"),
            Until::Ready,
            Instant::now() + Duration::from_millis(400),
        )
        .await
        .unwrap_err();

    assert!(matches!(error, AcmeError::Timeout { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_answer_that_never_comes_is_asked_for_again() {
    let stub = Stub::start(Rules::default()).await;
    let settings = ClientConfig {
        request_timeout: Duration::from_millis(300),
        ..config(stub.directory_url())
    };
    let account = register(&Client::connect(settings).await.unwrap()).await;
    let ready = || Canned::json(200, &order_in("ready"));
    stub.script("/o", [Canned::hang(), ready(), Canned::hang(), ready()]);

    let read = account.order(&stub.url("/o")).await;
    let polled = account
        .poll_order(&stub.url("/o"), Until::Ready, within(10))
        .await;

    assert!(read.is_ok() && polled.is_ok());
    assert_eq!(stub.seen("/o").len(), 4);
}

#[tokio::test]
async fn truncated_json_is_malformed_and_shown() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.script(
        "/o",
        [Canned::new(
            200,
            r#"{"status":"ready","finalize":"https://ca"#,
        )],
    );

    let error = account.order(&stub.url("/o")).await.unwrap_err();

    assert!(matches!(error, AcmeError::Malformed { .. }), "{error}");
    assert!(
        error.to_string().contains(r#"{"status":"ready""#),
        "{error}"
    );
    assert!(error.is_retryable());
}

#[tokio::test]
async fn words_nobody_knows_are_waited_out_and_deactivated_orders_are_lost() {
    let (stub, account) = with_account(Rules::default()).await;
    let odd = Canned::json(200, &order_in("hibernating"));
    stub.script("/o", [odd, Canned::json(200, &order_in("ready"))]);
    stub.script("/d", [Canned::json(200, &order_in("deactivated"))]);

    let woken = account
        .poll_order(&stub.url("/o"), Until::Ready, within(10))
        .await;
    let lost = account
        .poll_order(&stub.url("/d"), Until::Ready, within(10))
        .await;

    assert_eq!(woken.unwrap().status.as_str(), "ready");
    let lost = lost.unwrap_err();
    assert!(lost.to_string().ends_with("became deactivated"), "{lost}");
}

#[tokio::test]
async fn a_failed_order_tells_why_even_if_only_its_authorizations_know() {
    let (stub, account) = with_account(Rules::default()).await;
    let mut order = order_in("invalid");
    order["authorizations"] = json!([stub.url("/a/1"), stub.url("/a/2")]);
    stub.script("/o", [Canned::json(200, &order)]);
    let name = |value: &str| json!({ "type": "dns", "value": value });
    let good = json!({ "status": "valid", "identifier": name("a.example") });
    let challenge = json!({
        "type": "dns-01", "url": "c", "status": "invalid", "token": "t",
        "error": { "type": "urn:ietf:params:acme:error:unauthorized",
                   "detail": "No TXT record found", "status": 403 }
    });
    let bad = json!({ "status": "invalid", "identifier": name("b.example"),
                      "challenges": [challenge] });
    stub.script("/a/1", [Canned::json(200, &good)]);
    stub.script("/a/2", [Canned::json(200, &bad)]);

    let error = account
        .poll_order(&stub.url("/o"), Until::Ready, within(10))
        .await
        .unwrap_err();

    let text = error.to_string();
    assert!(
        text.contains("b.example is invalid: No TXT record found"),
        "{text}"
    );
    assert!(!text.contains("a.example"), "{text}");
    assert_eq!(error.problem().unwrap().kind(), ProblemKind::Unauthorized);
    assert_eq!(error.fault(), Fault::Validation);
}

#[tokio::test]
async fn a_failed_authorization_is_an_error_with_the_ca_s_words() {
    let (stub, account) = with_account(Rules::default()).await;
    let body = json!({
        "status": "invalid", "identifier": { "type": "dns", "value": "a.example" },
        "challenges": [{ "type": "dns-01", "url": "c", "status": "invalid",
                         "error": { "type": "urn:ietf:params:acme:error:caa",
                                    "detail": "CAA forbids" } }]
    });
    stub.script("/a", [Canned::json(200, &body)]);

    let error = account
        .poll_authorization(&stub.url("/a"), within(10))
        .await
        .unwrap_err();

    assert_eq!(error.problem().unwrap().kind(), ProblemKind::Caa);
    assert!(error.remedy().contains("CAA records"));
    assert!(!error.is_retryable());
}
