//! The presets resemble their CAs where it matters.

use evercert_acme::{AccountDetails, NewAccount, NewOrder, OrderStatus, ProblemKind};
use evercert_testkit::acme_stub::{AcmeStub, StubOptions};
use evercert_x509::Chain;
use jiff::SignedDuration;

use crate::support::{
    bound, connect, issue, issue_leaf, issue_order, key, order_for, pair, problem, register,
};

async fn registered(options: StubOptions, kid: &str) -> (AcmeStub, evercert_acme::Account) {
    let stub = AcmeStub::start(options).await.unwrap();
    let client = connect(&stub).await;
    let account = client
        .new_account(&key(), &bound(kid, StubOptions::EAB_HMAC))
        .await;
    (stub, account.unwrap())
}

#[tokio::test]
async fn lets_encrypt_has_profiles_renewal_information_and_a_long_chain() {
    let stub = AcmeStub::start(StubOptions::lets_encrypt()).await.unwrap();
    let client = connect(&stub).await;
    let contact = NewAccount {
        contact: vec!["mailto:ops@a.example".to_owned()],
        ..NewAccount::agreed()
    };
    let account = client.new_account(&key(), &contact).await.unwrap();

    let downloaded = issue(&account, &["a.example"]).await.unwrap();
    let short = NewOrder {
        profile: Some("shortlived".to_owned()),
        ..order_for(&["b.example"])
    };
    let short = issue_order(&account, &short, &pair()).await.unwrap();

    assert!(client.has_ari());
    let profiles: Vec<_> = client.directory().meta.profiles.keys().cloned().collect();
    assert_eq!(profiles, ["classic", "shortlived", "tlsserver"]);
    assert_eq!(
        account
            .details()
            .map(|AccountDetails { contact, .. }| contact.len()),
        Some(0)
    );
    let chain = Chain::from_pem(&downloaded.pem).unwrap();
    assert_eq!(chain.intermediates().len(), 2);
    assert_eq!(chain.leaf().common_name().as_deref(), Some("a.example"));
    assert_eq!(downloaded.alternates.len(), 2);
    let leaf = Chain::from_pem(&short.pem).unwrap().leaf().clone();
    assert_eq!(leaf.common_name(), None);
    let life = leaf.not_after().duration_since(leaf.not_before());
    assert_eq!(life.as_hours(), 160);
    let again = account.new_order(&order_for(&["a.example"])).await.unwrap();
    assert_eq!(again.status, OrderStatus::Ready);
}

#[tokio::test]
async fn digicert_needs_a_binding_and_has_nothing_left_to_prove() {
    let (stub, account) = registered(StubOptions::digicert(), "digicert").await;
    let client = connect(&stub).await;

    let refused = problem(client.new_account(&key(), &NewAccount::agreed()).await);
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();

    assert_eq!(refused.kind(), ProblemKind::ExternalAccountRequired);
    assert_eq!(order.status, OrderStatus::Ready);
}

#[tokio::test]
async fn google_issues_as_short_as_asked() {
    let (_stub, account) = registered(StubOptions::google(), "google").await;
    let now = issue_leaf(&account, &["a.example"]).await.not_before();
    let end = now + SignedDuration::from_hours(72);
    let order = NewOrder {
        not_after: Some(end),
        ..order_for(&["a.example"])
    };

    let pem = issue_order(&account, &order, &pair()).await.unwrap().pem;

    assert_eq!(Chain::from_pem(&pem).unwrap().leaf().not_after(), end);
}

#[tokio::test]
async fn zerossl_is_slow_and_has_no_renewal_information_and_no_key_change() {
    let (stub, account) = registered(StubOptions::zerossl(), "zerossl").await;
    let client = connect(&stub).await;

    issue(&account, &["a.example"]).await.unwrap();

    assert!(!client.has_ari());
    assert_eq!(client.directory().key_change, None);
    assert!(account.key_change(&key()).await.is_err());
}

#[tokio::test]
async fn every_stub_has_keys_of_its_own() {
    let first = AcmeStub::start(StubOptions::default()).await.unwrap();
    let second = AcmeStub::start(StubOptions::default()).await.unwrap();
    register(&first).await;

    assert_ne!(first.root_pem(), second.root_pem());
    assert_ne!(first.ca_bundle_pem(), first.root_pem());
    assert_eq!(first.alternate_root_pem(0), Some(first.root_pem()));
    assert_eq!(first.alternate_root_pem(4), None);
}
