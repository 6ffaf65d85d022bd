//! Nonces: refused, missing, shared by many tasks.

use evercert_acme::{AcmeError, Fault, NewAccount, ProblemKind, Until};

use crate::stub::{Canned, Rules, Stub};
use crate::support::{config, connect, key, order_for, register, with_account, within};

const ALIAS: &str =
    "Could not get nonce from the CA server. Please check the CA server configuration.";

#[tokio::test]
async fn forty_refusals_in_a_row_are_borne_without_asking_for_a_nonce_again() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.rules(|rules| rules.refuse_nonces = 40);

    account.new_order(&order_for(&["a.example"])).await.unwrap();

    assert_eq!(stub.seen("/new-order").len(), 41);
    assert_eq!(stub.seen("/nonce").len(), 1);
}

#[tokio::test]
async fn a_ca_that_refuses_every_nonce_is_out_of_order() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.rules(|rules| rules.refuse_nonces = u32::MAX);

    let error = account
        .new_order(&order_for(&["a.example"]))
        .await
        .unwrap_err();

    assert!(matches!(error, AcmeError::Nonce { .. }), "{error}");
    assert_eq!(error.problem().unwrap().kind(), ProblemKind::BadNonce);
    assert_eq!(error.fault(), Fault::Outage);
    assert_eq!(error.alias(), Some(ALIAS));
    assert_eq!(stub.seen("/new-order").len(), 64);
}

#[tokio::test]
async fn a_refusal_without_a_fresh_nonce_is_answered_by_asking_for_one() {
    let (stub, account) = with_account(Rules::default()).await;
    let bare = Canned::problem(400, "badNonce", "bad nonce").no_nonce();
    stub.script("/new-order", [bare.clone(), bare]);

    account.new_order(&order_for(&["a.example"])).await.unwrap();

    assert_eq!(stub.seen("/new-order").len(), 3);
    assert_eq!(stub.seen("/nonce").len(), 3);
}

#[tokio::test]
async fn a_ca_that_gives_no_nonce_is_named_as_such() {
    let stub = Stub::start(Rules::default()).await;
    let client = connect(&stub).await;
    let page = || Canned::html(200).no_nonce();
    stub.script("/nonce", [page(), page()]);

    let error = client
        .new_account(&key(), &NewAccount::agreed())
        .await
        .unwrap_err();

    assert!(
        error.to_string().contains("no usable Replay-Nonce"),
        "{error}"
    );
    assert_eq!(error.alias(), Some(ALIAS));
    assert!(error.remedy().contains("directory URL"));
    assert!(stub.seen("/new-account").is_empty());
}

#[tokio::test]
async fn get_serves_where_head_is_not_allowed() {
    let stub = Stub::start(Rules::default()).await;
    let client = connect(&stub).await;
    stub.script("/nonce", [Canned::new(405, "").no_nonce()]);

    client.probe().await.unwrap();

    let methods: Vec<_> = stub
        .seen("/nonce")
        .iter()
        .map(|s| s.method.to_string())
        .collect();
    assert_eq!(methods, ["HEAD", "GET"]);
}

#[tokio::test]
async fn an_outage_of_new_nonce_is_waited_out() {
    let stub = Stub::start(Rules::default()).await;
    let client = connect(&stub).await;
    let down = || Canned::html(503).no_nonce();
    stub.script("/nonce", [down(), down()]);

    let account = register(&client).await;

    assert!(account.url().contains("/account/"));
    assert_eq!(stub.seen("/nonce").len(), 3);
}

#[tokio::test]
async fn a_ca_that_went_away_is_an_outage() {
    let mut stub = Stub::start(Rules::default()).await;
    let mut settings = config(stub.directory_url());
    settings.retries = 1;
    let client = evercert_acme::Client::connect(settings).await.unwrap();
    stub.stop().await;

    let error = client.probe().await.unwrap_err();

    assert!(matches!(error, AcmeError::Nonce { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.ends_with("/nonce: the connection was refused"),
        "{text}"
    );
    assert_eq!(text.matches("http").count(), 1, "{text}");
    assert!(std::error::Error::source(&error).is_none());
    assert_eq!(error.fault(), Fault::Outage);
    assert!(error.is_retryable());
}

#[tokio::test]
async fn sixteen_tasks_share_the_nonces_and_none_is_used_twice() {
    let (stub, account) = with_account(Rules::default()).await;

    let tasks = (0..16).map(|n| {
        let account = account.clone();
        tokio::spawn(async move {
            let name = format!("n{n}.example");
            let order = account.new_order(&order_for(&[&name])).await.unwrap();
            let url = &order.authorizations[0];
            let authorization = account.authorization(url).await.unwrap();
            let challenge = &authorization.challenges[1].url;
            account.trigger_challenge(challenge).await.unwrap();
            account
                .poll_order(&order.url, Until::Ready, within(10))
                .await
                .unwrap()
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }

    // Nobody was refused: each request of the sixteen came once.
    assert_eq!(stub.seen("/new-order").len(), 16);
    assert!(stub.seen("/nonce").len() <= 17);
}
