//! Registering, binding, changing and closing accounts.

use evercert_acme::{
    AccountKey, AccountStatus, AcmeError, Eab, Fault, NewAccount, ProblemKind, SignatureAlgorithm,
};
use evercert_types::Secret;
use serde_json::json;

use crate::stub::{Canned, Rules, Stub};
use crate::support::{connect, key, order_for, register, with_account};

fn bound(kid: &str, hmac: &[u8]) -> NewAccount {
    NewAccount {
        eab: Some(Eab {
            kid: kid.to_owned(),
            hmac: Secret::new(hmac.to_vec()),
        }),
        ..NewAccount::agreed()
    }
}

fn kind(error: &AcmeError) -> Option<ProblemKind> {
    error.problem().map(evercert_acme::Problem::kind)
}

#[tokio::test]
async fn keys_of_every_algorithm_register_and_are_found_again() {
    let stub = Stub::start(Rules::default()).await;
    let client = connect(&stub).await;

    for algorithm in [
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::Es384,
        SignatureAlgorithm::Rs256,
    ] {
        let key = AccountKey::generate(algorithm).unwrap();
        let new = client
            .new_account(&key, &NewAccount::agreed())
            .await
            .unwrap();
        let again = client
            .new_account(&key, &NewAccount::agreed())
            .await
            .unwrap();
        assert_eq!(new.url(), again.url());
        assert_eq!(new.details().unwrap().status, AccountStatus::Valid);
    }
}

#[tokio::test]
async fn an_unknown_key_is_not_registered_by_looking_for_it() {
    let stub = Stub::start(Rules::default()).await;
    let find = NewAccount {
        only_return_existing: true,
        ..NewAccount::default()
    };

    let error = connect(&stub)
        .await
        .new_account(&key(), &find)
        .await
        .unwrap_err();

    assert_eq!(kind(&error), Some(ProblemKind::AccountDoesNotExist));
    assert_eq!(error.fault(), Fault::Configuration);
}

#[tokio::test]
async fn an_external_binding_opens_the_door_and_a_wrong_one_does_not() {
    let stub = Stub::start(Rules {
        eab: Some(("kid-1".to_owned(), b"hmac key".to_vec())),
        ..Rules::default()
    })
    .await;
    let client = connect(&stub).await;

    let without = client
        .new_account(&key(), &NewAccount::agreed())
        .await
        .unwrap_err();
    let wrong_key = client
        .new_account(&key(), &bound("kid-1", b"other"))
        .await
        .unwrap_err();
    let wrong_id = client
        .new_account(&key(), &bound("kid-2", b"hmac key"))
        .await
        .unwrap_err();
    let right = client
        .new_account(&key(), &bound("kid-1", b"hmac key"))
        .await;

    assert!(client.directory().meta.eab_required);
    assert_eq!(kind(&without), Some(ProblemKind::ExternalAccountRequired));
    assert!(without.remedy().contains("EAB"));
    for error in [wrong_key, wrong_id] {
        assert_eq!(kind(&error), Some(ProblemKind::Unauthorized));
        assert_eq!(error.fault(), Fault::Configuration);
    }
    assert!(right.is_ok());
}

#[tokio::test]
async fn registering_survives_a_lost_answer() {
    let stub = Stub::start(Rules::default()).await;
    let client = connect(&stub).await;
    stub.script(
        "/new-account",
        [Canned::new(201, "{\"sta").cut().after_effect()],
    );

    let account = register(&client).await;

    assert_eq!(stub.seen("/new-account").len(), 2);
    assert!(account.fetch_details().await.is_ok());
}

#[tokio::test]
async fn an_answer_without_location_is_malformed() {
    let stub = Stub::start(Rules::default()).await;
    let client = connect(&stub).await;
    stub.script(
        "/new-account",
        [Canned::json(201, &json!({ "status": "valid" }))],
    );

    let error = client
        .new_account(&key(), &NewAccount::agreed())
        .await
        .unwrap_err();

    assert!(error.to_string().contains("no Location header"), "{error}");
}

#[tokio::test]
async fn terms_that_changed_are_shown_with_their_page() {
    let (stub, account) = with_account(Rules::default()).await;
    let body = json!({
        "type": "urn:ietf:params:acme:error:userActionRequired",
        "detail": "Terms of service have changed", "instance": "https://ca.test/agreement?id=1"
    });
    stub.script("/new-order", [Canned::json(403, &body)]);

    let error = account
        .new_order(&order_for(&["a.example"]))
        .await
        .unwrap_err();

    assert!(error.remedy().contains("https://ca.test/agreement?id=1"));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn contacts_change_and_the_account_closes() {
    let (_stub, account) = with_account(Rules::default()).await;

    let details = account
        .update_contacts(&["ops@example.com".to_owned()])
        .await
        .unwrap();
    account.deactivate().await.unwrap();
    let after = account.fetch_details().await.unwrap_err();

    assert_eq!(details.contact, ["mailto:ops@example.com"]);
    assert_eq!(kind(&after), Some(ProblemKind::AccountDoesNotExist));
}

#[tokio::test]
async fn every_page_of_the_orders_is_read() {
    let (stub, account) = with_account(Rules::default()).await;
    for n in 0..5 {
        let name = format!("n{n}.example");
        account.new_order(&order_for(&[&name])).await.unwrap();
    }

    let orders = account.orders().await.unwrap();

    assert_eq!(orders.len(), 5);
    assert_eq!(orders[4], stub.url("/order/4"));
    assert_eq!(stub.seen("/orders/2").len(), 1);
}

#[tokio::test]
async fn a_ca_without_a_list_of_orders_has_none() {
    let (stub, account) = with_account(Rules::default()).await;
    let account = account.client().account(account.key(), account.url());
    let path = account.url().replace(&stub.url(""), "");
    stub.script(&path, [Canned::json(200, &json!({ "status": "valid" }))]);

    assert!(account.orders().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_key_takes_over_and_the_old_one_is_out() {
    let (_stub, account) = with_account(Rules::default()).await;
    let new_key = AccountKey::generate(SignatureAlgorithm::Rs256).unwrap();

    let changed = account.key_change(&new_key).await.unwrap();

    assert_eq!(changed.url(), account.url());
    assert!(changed.fetch_details().await.is_ok());
    assert!(account.fetch_details().await.is_err());
}

#[tokio::test]
async fn a_key_change_whose_answer_was_lost_is_found_out() {
    let (stub, account) = with_account(Rules::default()).await;
    let new_key = key();
    stub.script("/key-change", [Canned::html(502).after_effect()]);

    let changed = account.key_change(&new_key).await.unwrap();

    assert!(changed.fetch_details().await.is_ok());
}

#[tokio::test]
async fn a_ca_without_key_change_says_so() {
    let stub = Stub::start(Rules {
        directory: vec![("keyChange", serde_json::Value::Null)],
        ..Rules::default()
    })
    .await;
    let account = register(&connect(&stub).await).await;

    let error = account.key_change(&key()).await.unwrap_err();

    assert!(
        matches!(
            error,
            AcmeError::NotOffered {
                member: "keyChange",
                ..
            }
        ),
        "{error}"
    );
}
