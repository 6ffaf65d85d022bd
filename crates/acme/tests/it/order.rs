//! Placing orders, and what CAs may answer.

use std::time::Duration;

use evercert_acme::{AcmeError, ChallengeStatus, ChallengeType, Client, ClientConfig, Fault};
use evercert_acme::{NewOrder, OrderStatus};
use evercert_acme::{ProblemKind, Until, dns01_value};
use serde_json::json;
use tokio::time::Instant;

use crate::stub::{Canned, Rules, Stub};
use crate::support::{config, csr, order_for, register, with_account, within};

#[tokio::test]
async fn an_order_goes_all_the_way() {
    let (_stub, account) = with_account(Rules::default()).await;
    let names = ["example.com", "*.example.com"];

    let order = account.new_order(&order_for(&names)).await.unwrap();
    let mut values = Vec::new();
    for url in &order.authorizations {
        let authorization = account.authorization(url).await.unwrap();
        let challenge = authorization.to_solve(&ChallengeType::Dns01).unwrap();
        values.push((
            authorization.name(),
            dns01_value(challenge.token(), account.key()),
        ));
        account.trigger_challenge(&challenge.url).await.unwrap();
        account.poll_authorization(url, within(10)).await.unwrap();
    }
    let ready = account
        .poll_order(&order.url, Until::Ready, within(10))
        .await
        .unwrap();
    let (request, key) = csr(&names);
    account.finalize(&ready, &request).await.unwrap();
    let valid = account
        .poll_order(&order.url, Until::Valid, within(10))
        .await
        .unwrap();
    let downloaded = account
        .download(valid.certificate_url().unwrap())
        .await
        .unwrap();

    assert_eq!(
        values
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        names
    );
    assert_ne!(values[0].1, values[1].1);
    assert_eq!(ready.status, OrderStatus::Ready);
    let chain = evercert_x509::Chain::from_pem(&downloaded.pem).unwrap();
    evercert_x509::verify_key_matches(chain.leaf(), &key).unwrap();
}

#[tokio::test]
async fn names_validated_before_need_no_challenge() {
    let (_stub, account) = with_account(Rules {
        prevalidated: true,
        ..Rules::default()
    })
    .await;

    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let authorization = account
        .poll_authorization(&order.authorizations[0], within(5))
        .await;

    assert_eq!(order.status, OrderStatus::Ready);
    assert!(
        authorization
            .unwrap()
            .to_solve(&ChallengeType::Dns01)
            .is_none()
    );
    assert!(
        account
            .poll_order(&order.url, Until::Ready, within(5))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn profile_and_predecessor_are_sent_and_come_back() {
    let (stub, account) = with_account(Rules::default()).await;
    let new = NewOrder {
        profile: Some("classic".to_owned()),
        replaces: Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE".to_owned()),
        ..order_for(&["a.example"])
    };

    let order = account.new_order(&new).await.unwrap();

    assert_eq!(stub.seen("/new-order")[0].payload["profile"], "classic");
    assert_eq!((order.profile, order.replaces), (new.profile, new.replaces));
}

#[tokio::test]
async fn a_refused_predecessor_is_told_from_other_refusals() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.script(
        "/new-order",
        [
            Canned::problem(409, "alreadyReplaced", "already replaced by another order"),
            Canned::problem(403, "unauthorized", "certificate of another account"),
            Canned::problem(404, "malformed", "no such certificate"),
            Canned::problem(429, "rateLimited", "too many orders").with("retry-after", "36"),
        ],
    );

    let mut errors = Vec::new();
    for _ in 0..4 {
        errors.push(
            account
                .new_order(&order_for(&["a.example"]))
                .await
                .unwrap_err(),
        );
    }

    assert_eq!(
        errors[0].problem().unwrap().kind(),
        ProblemKind::AlreadyReplaced
    );
    assert!(errors[..3].iter().all(AcmeError::may_be_due_to_replaces));
    assert!(!errors[3].may_be_due_to_replaces());
    assert_eq!(errors[3].fault(), Fault::RateLimited);
    assert_eq!(errors[3].retry_after(), Some(Duration::from_secs(36)));
    assert_eq!(errors[3].problem().unwrap().status, Some(429));
}

#[tokio::test]
async fn an_order_is_not_placed_twice_by_itself() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.script("/new-order", [Canned::html(500).after_effect()]);

    let error = account
        .new_order(&order_for(&["a.example"]))
        .await
        .unwrap_err();

    assert_eq!(error.fault(), Fault::Outage);
    assert_eq!(stub.seen("/new-order").len(), 1);
    assert_eq!(account.orders().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_order_that_surely_did_not_arrive_is_placed_again() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.script("/new-order", [Canned::html(503), Canned::html(503)]);

    account.new_order(&order_for(&["a.example"])).await.unwrap();

    assert_eq!(stub.seen("/new-order").len(), 3);
}

#[tokio::test]
async fn requests_take_turns_where_the_ca_bears_only_one() {
    // The directory of a Pebble.
    let stub = Stub::start(Rules {
        directory: vec![("newOrder", json!("{base}/order-plz"))],
        ..Rules::default()
    })
    .await;
    let settings = ClientConfig {
        request_timeout: Duration::from_secs(1),
        ..config(stub.directory_url())
    };
    let account = register(&Client::connect(settings).await.unwrap()).await;
    stub.script("/order-plz", [Canned::hang()]);
    let new = order_for(&["a.example"]);
    let start = Instant::now();

    let (first, second) = tokio::join!(account.new_order(&new), account.fetch_details());

    assert!(
        matches!(first, Err(AcmeError::Transport { .. })),
        "{first:?}"
    );
    assert!(second.is_ok(), "{second:?}");
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn sub_problems_name_the_names() {
    let (stub, account) = with_account(Rules::default()).await;
    let detail = "Cannot issue for \"testdomain\": Domain name needs at least one dot";
    let body = json!({
        "type": "urn:ietf:params:acme:error:rejectedIdentifier", "status": 400,
        "detail": "Invalid identifiers requested",
        "subproblems": [{ "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                          "detail": detail,
                          "identifier": { "type": "dns", "value": "testdomain" } }]
    });
    stub.script("/new-order", [Canned::json(400, &body)]);

    let error = account
        .new_order(&order_for(&["testdomain"]))
        .await
        .unwrap_err();

    let problem = error.problem().unwrap();
    assert_eq!(
        problem.subproblems[0].identifier.as_ref().unwrap().value,
        "testdomain"
    );
    assert!(error.to_string().contains(detail), "{error}");
    assert_eq!(problem.verbatim, body.to_string());
    assert_eq!(error.fault(), Fault::Configuration);
}

#[tokio::test]
async fn a_challenge_triggered_twice_is_no_error() {
    let (stub, account) = with_account(Rules::default()).await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let authorization = account
        .authorization(&order.authorizations[0])
        .await
        .unwrap();
    let url = &authorization.to_solve(&ChallengeType::Dns01).unwrap().url;

    account.trigger_challenge(url).await.unwrap();
    let again = account.trigger_challenge(url).await.unwrap();

    assert_eq!(again.status, ChallengeStatus::Valid);
    assert_eq!(stub.seen("/chall/0/0")[0].payload, json!({}));
}

#[tokio::test]
async fn a_pending_authorization_can_be_given_up() {
    let (stub, account) = with_account(Rules::default()).await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let answer = json!({ "status": "deactivated",
                         "identifier": { "type": "dns", "value": "a.example" } });
    stub.script("/authz/0/0", [Canned::json(200, &answer)]);

    let given_up = account
        .deactivate_authorization(&order.authorizations[0])
        .await
        .unwrap();

    assert_eq!(given_up.status.as_str(), "deactivated");
    assert_eq!(
        stub.seen("/authz/0/0")[0].payload,
        json!({ "status": "deactivated" })
    );
}
