//! Against Pebble, Let's Encrypt's test server.

use std::time::Duration;

use evercert_acme::challenge::dns01;
use evercert_acme::{
    Account, AccountKey, AcmeError, ChallengeType, Client, ClientConfig, Downloaded, Eab, Fault,
    NewAccount, NewOrder, Order, ProblemKind, RevocationReason, SignatureAlgorithm, Until,
    dns01_value, select_chain,
};
use evercert_testkit::{Challtestsrv, Pebble, PebbleOptions, start_or_skip};
use evercert_x509::{
    Chain, Csr, CsrParams, KeyPair, verify_chain_links, verify_key_matches, verify_names,
};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{config, csr, key, order_for, register, within};

async fn connect(pebble: &Pebble) -> Client {
    let settings = ClientConfig {
        ca_bundle_pem: Some(pebble.ca_bundle_pem().to_owned()),
        ..config(pebble.directory_url())
    };
    Client::connect(settings).await.unwrap()
}

fn always_valid() -> PebbleOptions {
    PebbleOptions {
        always_valid: true,
        ..PebbleOptions::default()
    }
}

/// Tells challtestsrv the TXT records of an order.
async fn publish(dns: &Challtestsrv, account: &Account, order: &Order) {
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    for url in &order.authorizations {
        let authorization = account.authorization(url).await.unwrap();
        let challenge = authorization.to_solve(&ChallengeType::Dns01).unwrap();
        let host = format!("{}.", dns01::record_name(&authorization));
        let value = dns01_value(challenge.token(), account.key());
        http.post(format!("{}/set-txt", dns.management_url()))
            .json(&json!({ "host": host, "value": value }))
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap();
    }
}

/// Triggers every challenge and waits until the order can be finalized.
async fn validate(account: &Account, order: &Order) -> Result<Order, AcmeError> {
    for url in &order.authorizations {
        let authorization = account.authorization(url).await?;
        if let Some(challenge) = authorization.to_solve(&ChallengeType::Dns01) {
            account.trigger_challenge(&challenge.url).await?;
        }
    }
    for url in &order.authorizations {
        account.poll_authorization(url, within(30)).await?;
    }
    account
        .poll_order(&order.url, Until::Ready, within(30))
        .await
}

/// From a validated order to its chain.
async fn complete(account: &Account, order: &Order, names: &[&str]) -> (Downloaded, Order) {
    let (request, key) = csr(names);
    account.finalize(order, &request).await.unwrap();
    let order = account
        .poll_order(&order.url, Until::Valid, within(30))
        .await
        .unwrap();
    let downloaded = account
        .download(order.certificate_url().unwrap())
        .await
        .unwrap();
    let chain = Chain::from_pem(&downloaded.pem).unwrap();
    verify_key_matches(chain.leaf(), &key).unwrap();
    verify_chain_links(&chain).unwrap();
    let wanted: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    verify_names(chain.leaf(), &wanted).unwrap();
    (downloaded, order)
}

async fn issue(account: &Account, names: &[&str]) -> (Downloaded, Order) {
    let order = account.new_order(&order_for(names)).await.unwrap();
    let order = validate(account, &order).await.unwrap();
    complete(account, &order, names).await
}

#[tokio::test]
async fn keys_of_every_algorithm_order_certificates() {
    let pebble = start_or_skip!(Pebble::start(always_valid()).await);
    let client = connect(&pebble).await;

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
        let found = client
            .new_account(&key, &NewAccount::agreed())
            .await
            .unwrap();
        assert_eq!(account.url(), found.url());
        issue(&account, &["a.example"]).await;
    }
}

#[tokio::test]
async fn a_name_and_its_wildcard_are_proved_by_dns() {
    let dns = start_or_skip!(Challtestsrv::start().await);
    let options = PebbleOptions {
        dns_server: Some(dns.addr()),
        ..PebbleOptions::default()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let account = register(&connect(&pebble).await).await;
    let names = ["example.org", "*.example.org", "www.example.net"];
    let order = account.new_order(&order_for(&names)).await.unwrap();

    publish(&dns, &account, &order).await;
    let ready = validate(&account, &order).await.unwrap();

    complete(&account, &ready, &names).await;
}

#[tokio::test]
async fn a_missing_record_is_the_name_s_fault_in_the_ca_s_words() {
    let dns = start_or_skip!(Challtestsrv::start().await);
    let options = PebbleOptions {
        dns_server: Some(dns.addr()),
        ..PebbleOptions::default()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let account = register(&connect(&pebble).await).await;
    let order = account
        .new_order(&order_for(&["bare.example"]))
        .await
        .unwrap();

    let error = validate(&account, &order).await.unwrap_err();
    let lost = account
        .poll_order(&order.url, Until::Ready, within(10))
        .await
        .unwrap_err();

    assert!(
        matches!(error, AcmeError::AuthorizationInvalid(_)),
        "{error}"
    );
    assert_eq!(error.problem().unwrap().kind(), ProblemKind::Unauthorized);
    assert!(error.to_string().contains("bare.example"), "{error}");
    assert_eq!(error.fault(), Fault::Validation);
    assert!(matches!(lost, AcmeError::OrderInvalid { .. }), "{lost}");
}

#[tokio::test]
async fn half_of_all_nonces_refused_costs_no_order() {
    let options = PebbleOptions {
        nonce_reject_percent: 50,
        ..always_valid()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let account = register(&connect(&pebble).await).await;

    let tasks = (0..20).map(|n| {
        let account = account.clone();
        tokio::spawn(async move {
            let names = [format!("a{n}.example"), format!("b{n}.example")];
            issue(&account, &[&names[0], &names[1]]).await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn external_bindings_are_needed_and_checked() {
    let options = PebbleOptions {
        eab_keys: vec![(
            "kid-1".to_owned(),
            "c2VjcmV0LWtleS1vZi0zMi1ieXRlcy1mb3ItZWFi".to_owned(),
        )],
        ..always_valid()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let client = connect(&pebble).await;
    let bound = |kid: &str, hmac: &str| NewAccount {
        eab: Some(Eab::from_text(kid, hmac).unwrap()),
        ..NewAccount::agreed()
    };

    let without = client
        .new_account(&key(), &NewAccount::agreed())
        .await
        .unwrap_err();
    let wrong = client
        .new_account(&key(), &bound("kid-1", "d3Jvbmc"))
        .await
        .unwrap_err();
    let unknown = client
        .new_account(&key(), &bound("kid-2", "d3Jvbmc"))
        .await
        .unwrap_err();
    let right = bound("kid-1", "c2VjcmV0LWtleS1vZi0zMi1ieXRlcy1mb3ItZWFi");
    let account = client.new_account(&key(), &right).await.unwrap();

    assert!(client.directory().meta.eab_required);
    assert_eq!(
        without.problem().unwrap().kind(),
        ProblemKind::ExternalAccountRequired
    );
    for error in [without, wrong, unknown] {
        assert_eq!(error.fault(), Fault::Configuration, "{error}");
        assert!(!error.is_retryable());
    }
    issue(&account, &["a.example"]).await;
}

#[tokio::test]
async fn alternate_chains_end_at_other_roots() {
    let options = PebbleOptions {
        alternate_roots: 2,
        chain_length: 2,
        ..always_valid()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let account = register(&connect(&pebble).await).await;

    let (default, _) = issue(&account, &["a.example"]).await;
    let others = account.download_alternates(&default).await;

    let chain = |downloaded: &Downloaded| Chain::from_pem(&downloaded.pem).unwrap();
    let alternates: Vec<Chain> = others.iter().map(chain).collect();
    assert_eq!(alternates.len(), 2);
    for wanted in &alternates {
        let issuer = wanted.top_issuer();
        let chosen = select_chain(chain(&default), alternates.clone(), Some(&issuer));
        assert_eq!(chosen.to_pem(), wanted.to_pem());
        assert_eq!(chosen.intermediates().len(), 2);
    }
}

#[tokio::test]
async fn revoking_by_account_and_by_key_and_again() {
    let pebble = start_or_skip!(Pebble::start(always_valid()).await);
    let account = register(&connect(&pebble).await).await;
    let leaf = |downloaded: &Downloaded| Chain::from_pem(&downloaded.pem).unwrap().leaf().clone();
    let (first, _) = issue(&account, &["a.example"]).await;
    let first = leaf(&first);
    let order = account.new_order(&order_for(&["b.example"])).await.unwrap();
    let order = validate(&account, &order).await.unwrap();
    let (request, key) = csr(&["b.example"]);
    account.finalize(&order, &request).await.unwrap();
    let order = account
        .poll_order(&order.url, Until::Valid, within(30))
        .await
        .unwrap();
    let second = account
        .download(order.certificate_url().unwrap())
        .await
        .unwrap();

    account
        .revoke(first.der(), RevocationReason::Superseded)
        .await
        .unwrap();
    account
        .revoke(first.der(), RevocationReason::Superseded)
        .await
        .unwrap();
    account
        .client()
        .revoke_with_key(leaf(&second).der(), &key, RevocationReason::KeyCompromise)
        .await
        .unwrap();

    let status = pebble.http_client().unwrap();
    for certificate in [&first, &leaf(&second)] {
        let serial = certificate.serial_hex().replace(':', "");
        let url = format!("{}/cert-status-by-serial/{serial}", pebble.management_url());
        let text = status.get(url).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("Revoked"), "{text}");
    }
}

#[tokio::test]
async fn an_account_changes_its_key_and_closes() {
    let pebble = start_or_skip!(Pebble::start(always_valid()).await);
    let account = register(&connect(&pebble).await).await;
    let new_key = AccountKey::generate(SignatureAlgorithm::Es384).unwrap();

    let changed = account.key_change(&new_key).await.unwrap();
    issue(&changed, &["a.example"]).await;
    let old = account
        .new_order(&order_for(&["b.example"]))
        .await
        .unwrap_err();
    let resumed = account.key_change(&new_key).await.unwrap();
    let contacts = changed
        .update_contacts(&["ops@example.com".to_owned()])
        .await
        .unwrap();
    changed.deactivate().await.unwrap();
    let closed = changed
        .new_order(&order_for(&["b.example"]))
        .await
        .unwrap_err();

    assert_eq!(resumed.url(), account.url());
    assert_eq!(contacts.contact, ["mailto:ops@example.com"]);
    assert!(matches!(old, AcmeError::Problem(_)), "{old}");
    assert_eq!(
        closed.problem().unwrap().kind(),
        ProblemKind::Unauthorized,
        "{closed}"
    );
}

#[tokio::test]
async fn an_abandoned_order_is_lost_under_whatever_name() {
    let pebble = start_or_skip!(Pebble::start(always_valid()).await);
    let account = register(&connect(&pebble).await).await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();

    let given_up = account
        .deactivate_authorization(&order.authorizations[0])
        .await
        .unwrap();
    let order = account.order(&order.url).await.unwrap();

    assert_eq!(given_up.status.as_str(), "deactivated");
    assert!(order.is_lost(), "{}", order.status);
}

#[tokio::test]
async fn an_order_that_is_processed_for_ever_ends_at_our_deadline() {
    let pebble = start_or_skip!(Pebble::start(always_valid()).await);
    let account = register(&connect(&pebble).await).await;
    let new = NewOrder {
        // Before the year 0: valid for us, no RFC 3339 for Pebble.
        not_after: Some(Timestamp::MIN),
        ..order_for(&["a.example"])
    };
    let order = account.new_order(&new).await.unwrap();
    let order = validate(&account, &order).await.unwrap();
    account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();
    let start = Instant::now();

    let error = account
        .poll_order(&order.url, Until::Valid, start + Duration::from_secs(2))
        .await
        .unwrap_err();

    assert!(
        matches!(&error, AcmeError::Timeout { last, .. } if last == "processing"),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(4));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn re_used_authorizations_make_an_order_ready_at_once() {
    let options = PebbleOptions {
        authz_reuse_percent: 100,
        ..always_valid()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let account = register(&connect(&pebble).await).await;
    issue(&account, &["a.example"]).await;

    let second = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let ready = account
        .poll_order(&second.url, Until::Ready, within(10))
        .await
        .unwrap();

    complete(&account, &ready, &["a.example"]).await;
}

#[tokio::test]
async fn a_ca_that_forgot_the_account_says_so() {
    let pebble = start_or_skip!(Pebble::start(always_valid()).await);
    let account = register(&connect(&pebble).await).await;
    let stranger = account
        .client()
        .account(account.key(), format!("{}99", account.url()));

    let error = stranger
        .new_order(&order_for(&["a.example"]))
        .await
        .unwrap_err();

    assert_eq!(
        error.problem().unwrap().kind(),
        ProblemKind::AccountDoesNotExist,
        "{error}"
    );
    assert!(error.remedy().contains("register again"));
}

#[tokio::test]
async fn blocked_and_foreign_names_and_the_account_s_own_key_are_refused() {
    let options = PebbleOptions {
        blocked_domains: vec!["blocked.example".to_owned()],
        ..always_valid()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let account = register(&connect(&pebble).await).await;
    let own_key = KeyPair::from_pkcs8_der(account.key().to_pkcs8_der().expose()).unwrap();
    let params = CsrParams {
        names: vec!["a.example".parse().unwrap()],
        ..CsrParams::default()
    };
    let own = Csr::build(&params, &own_key).unwrap();

    let blocked = account
        .new_order(&order_for(&["blocked.example"]))
        .await
        .unwrap_err();
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let order = validate(&account, &order).await.unwrap();
    let foreign = account
        .finalize(&order, &csr(&["b.example"]).0)
        .await
        .unwrap_err();
    let own = account.finalize(&order, own.der()).await.unwrap_err();

    assert_eq!(
        blocked.problem().unwrap().kind(),
        ProblemKind::RejectedIdentifier
    );
    assert_eq!(foreign.fault(), Fault::Configuration, "{foreign}");
    assert_eq!(own.problem().unwrap().kind(), ProblemKind::BadCsr, "{own}");
    assert!(own.remedy().contains("must differ from the account's"));
}

#[tokio::test]
async fn the_account_s_orders_are_listed_page_by_page() {
    let pebble = start_or_skip!(Pebble::start(always_valid()).await);
    let account = register(&connect(&pebble).await).await;
    for n in 0..7 {
        account
            .new_order(&order_for(&[&format!("n{n}.example")]))
            .await
            .unwrap();
    }

    let orders = account.orders().await.unwrap();

    assert_eq!(orders.len(), 7);
    assert!(account.order(&orders[6]).await.is_ok());
}

#[tokio::test]
async fn without_its_bundle_the_server_is_not_trusted() {
    let pebble = start_or_skip!(Pebble::start(always_valid()).await);
    let start = Instant::now();

    let error = Client::connect(config(pebble.directory_url()))
        .await
        .unwrap_err();

    let AcmeError::Directory {
        cause: Some(source),
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert!(
        source.to_string().contains("the TLS connection failed"),
        "{source}"
    );
    assert!(error.remedy().contains("CA bundle"));
    assert_eq!(error.fault(), Fault::Configuration);
    assert!(start.elapsed() < Duration::from_secs(5));
}
