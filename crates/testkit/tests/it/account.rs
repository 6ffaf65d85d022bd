//! Accounts: algorithms, bindings, terms, contacts, loss.

use evercert_acme::{
    AccountKey, AccountStatus, AcmeError, Client, NewAccount, ProblemKind, SignatureAlgorithm,
};
use evercert_testkit::acme_stub::{AcmeStub, Contacts, Eab, Endpoint, OrderLists, StubOptions};

use crate::support::{
    bound, config, connect, detail, issue, key, order_for, problem, register, with_account,
};

#[tokio::test]
async fn every_algorithm_registers_and_signs() {
    let stub = AcmeStub::start(StubOptions::default()).await.unwrap();
    let client = connect(&stub).await;
    for algorithm in [
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::Es384,
        SignatureAlgorithm::Rs256,
    ] {
        let key = AccountKey::generate(algorithm).unwrap();
        let account = client
            .new_account(&key, &NewAccount::agreed())
            .await
            .unwrap();

        issue(&account, &["a.example"]).await.unwrap();
        let again = client
            .new_account(&key, &NewAccount::agreed())
            .await
            .unwrap();

        assert_eq!(again.url(), account.url());
    }
}

#[tokio::test]
async fn another_key_cannot_speak_for_an_account() {
    let (stub, account) = with_account(|_| {}).await;
    let client = connect(&stub).await;

    let stranger = client.account(&key(), account.url());

    let refusal = detail(stranger.new_order(&order_for(&["a.example"])).await);
    assert_eq!(refusal, "JWS verification error");
}

#[tokio::test]
async fn a_key_can_be_changed_and_an_account_closed() {
    let (stub, account) = with_account(|_| {}).await;
    let new_key = key();

    let account = account.key_change(&new_key).await.unwrap();
    issue(&account, &["a.example"]).await.unwrap();
    account.deactivate().await.unwrap();

    let refusal = problem(account.new_order(&order_for(&["a.example"])).await);
    assert_eq!(refusal.kind(), ProblemKind::Unauthorized);
    let client = connect(&stub).await;
    assert!(
        client
            .new_account(&new_key, &NewAccount::agreed())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn bindings_are_wanted_checked_and_used_up() {
    let options = StubOptions::default().with_eab("kid-1", Eab::RequiredOnce);
    let stub = AcmeStub::start(options).await.unwrap();
    let client = connect(&stub).await;
    assert!(client.directory().meta.eab_required);

    let without = problem(client.new_account(&key(), &NewAccount::agreed()).await);
    let wrong = problem(client.new_account(&key(), &bound("kid-1", b"wrong")).await);
    let hmac = StubOptions::EAB_HMAC;
    let unknown = problem(client.new_account(&key(), &bound("kid-9", hmac)).await);
    let first = client.new_account(&key(), &bound("kid-1", hmac)).await;
    let second = problem(client.new_account(&key(), &bound("kid-1", hmac)).await);

    assert_eq!(without.kind(), ProblemKind::ExternalAccountRequired);
    assert_eq!(wrong.kind(), ProblemKind::Unauthorized);
    assert_eq!(unknown.kind(), ProblemKind::Unauthorized);
    assert_ne!(wrong.detail, unknown.detail);
    first.unwrap();
    assert!(
        second
            .detail
            .unwrap()
            .contains("not awaiting external account binding")
    );
}

#[tokio::test]
async fn a_single_use_binding_is_burnt_by_a_request_that_fails_later() {
    let stub = AcmeStub::start(StubOptions::google()).await.unwrap();
    let client = connect(&stub).await;
    let good = bound("google", StubOptions::EAB_HMAC);
    let bad = NewAccount {
        contact: vec!["nobody".to_owned()],
        ..good.clone()
    };

    let first = problem(client.new_account(&key(), &bad).await);
    let second = detail(client.new_account(&key(), &good).await);

    assert_eq!(first.kind(), ProblemKind::InvalidContact);
    assert!(second.contains("not awaiting"), "{second}");
}

#[tokio::test]
async fn a_reusable_binding_serves_two_accounts() {
    let stub = AcmeStub::start(StubOptions::digicert()).await.unwrap();
    let client = connect(&stub).await;
    for _ in 0..2 {
        let binding = bound("digicert", StubOptions::EAB_HMAC);
        client.new_account(&key(), &binding).await.unwrap();
    }
}

#[tokio::test]
async fn terms_must_be_agreed_to_and_again_when_changed() {
    let (stub, account) = with_account(|_| {}).await;
    let client = connect(&stub).await;

    let refused = detail(client.new_account(&key(), &NewAccount::default()).await);
    let new_terms = "https://stub.example/terms/v2";
    stub.control()
        .switch(|switches| switches.terms.changed = Some(new_terms.to_owned()));
    let changed = problem(account.new_order(&order_for(&["a.example"])).await);
    stub.control()
        .switch(|switches| switches.terms.changed = None);

    assert_eq!(refused, "must agree to terms of service");
    assert_eq!(changed.kind(), ProblemKind::UserActionRequired);
    assert_eq!(changed.instance.as_deref(), Some(new_terms));
    account.new_order(&order_for(&["a.example"])).await.unwrap();
}

#[tokio::test]
async fn contacts_are_refused_with_boulders_words() {
    let stub = AcmeStub::start(StubOptions::default()).await.unwrap();
    let client = connect(&stub).await;
    let with = |contact: &str| NewAccount {
        contact: vec![contact.to_owned()],
        ..NewAccount::agreed()
    };

    let bad = problem(client.new_account(&key(), &with("mailto:bad")).await);

    assert_eq!(bad.kind(), ProblemKind::InvalidContact);
    assert_eq!(
        bad.detail.unwrap(),
        "Error validating contact(s) :: unable to parse email address"
    );
    stub.control()
        .switch(|switches| switches.contacts = Contacts::Required);
    assert!(
        client
            .new_account(&key(), &NewAccount::agreed())
            .await
            .is_err()
    );
    let kept = client
        .new_account(&key(), &with("mailto:ops@a.example"))
        .await;
    assert_eq!(
        kept.unwrap().details().unwrap().contact,
        ["mailto:ops@a.example"]
    );
}

#[tokio::test]
async fn contacts_can_be_dropped_and_order_lists_absent() {
    let (stub, account) = with_account(|_| {}).await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    assert_eq!(account.orders().await.unwrap(), [order.url]);

    stub.control().switch(|switches| {
        switches.contacts = Contacts::Dropped;
        switches.order_lists = OrderLists::Absent;
    });
    let details = register(&stub).await;
    let details = details.details().unwrap();

    assert_eq!(details.status, AccountStatus::Valid);
    assert_eq!(details.orders, None);
}

#[tokio::test]
async fn lost_accounts_do_not_exist_and_may_register_again() {
    let stub = AcmeStub::start(StubOptions::default()).await.unwrap();
    let client = connect(&stub).await;
    let key = key();
    let account = client
        .new_account(&key, &NewAccount::agreed())
        .await
        .unwrap();

    stub.control().forget_accounts();

    let refusal = problem(account.new_order(&order_for(&["a.example"])).await);
    assert_eq!(refusal.kind(), ProblemKind::AccountDoesNotExist);
    let again = client
        .new_account(&key, &NewAccount::agreed())
        .await
        .unwrap();
    assert_ne!(again.url(), account.url());
}

#[tokio::test]
async fn https_is_trusted_through_the_bundle_only() {
    let mut stub = AcmeStub::start(StubOptions::default()).await.unwrap();
    let mut strange = config(&stub);
    strange.ca_bundle_pem = Some(stub.root_pem().to_owned());

    let refused = Client::connect(strange).await.unwrap_err();

    assert!(
        matches!(refused, AcmeError::Directory { .. }),
        "{refused:?}"
    );
    assert!(stub.control().requests_to(Endpoint::Directory).is_empty());
    stub.stop().await;
    stub.stop().await;
    assert!(Client::connect(config(&stub)).await.is_err());
}
