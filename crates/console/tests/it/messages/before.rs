//! What the Console says by itself: names in what is stored, nothing to do, no vendor.

use evercert_console::lifecycle::{change, import, request};
use evercert_types::KeyAlgorithm;
use evercert_x509::KeyPair;
use evercert_x509::mint::{Authority, LeafRequest};
use jiff::SignedDuration;
use serde_json::json;

use super::{Stage, assert_answered, assert_said, problem, words};
use crate::world::{actor, wanted};

/// Puts a certificate of another CA into the certificate store, valid for 90 days.
async fn import_for(stage: &Stage, name: &str, domain: &str, auto_renew: bool) {
    let now = stage.console.now();
    let life = SignedDuration::from_hours(24 * 90);
    let ca = Authority::self_signed("Old CA", KeyAlgorithm::EcdsaP256, life, now).unwrap();
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let leaf = LeafRequest::for_key(&key, &[domain.parse().unwrap()], life, now);
    let chain = ca.issue_chain(&leaf).unwrap();
    let request = json!({
        "name": name, "store": "certificate", "chain_pem": chain.to_pem(), "auto_renew": auto_renew,
        "vendor": "local", "key_pem": key.to_pkcs8_pem().expose(),
    });
    let request = serde_json::from_value(request).unwrap();
    import::import(&stage.console, &actor(), request)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_01_certificate_has_invalid_domain() {
    let stage = Stage::set().await;
    stage.map("adcd", "dns").await;
    import_for(&stage, "default", "adcd", true).await;
    import_for(&stage, "other", "adcd", false).await;
    stage.go_public().await;

    // Asked for: renew now, and migrate to automatic renewal.
    let renewed = request::renew(
        &stage.console,
        &actor(),
        "default",
        request::Renewal::Forced,
    )
    .await;
    let renewed = problem(renewed);
    assert_answered(&renewed, words(1));
    assert_eq!(
        (renewed.code.as_str(), renewed.status),
        ("certificate.invalid_domain", 422)
    );
    let named = "Cannot issue for \"adcd\": Domain name needs at least one dot";
    assert!(renewed.detail.contains(named), "{renewed:#?}");
    let automatic = serde_json::from_value(json!({"renewal_mode": "automatic"})).unwrap();
    let changed = change::change(&stage.console, &actor(), "other", automatic).await;
    assert_answered(&problem(changed), words(1));

    // Due: the renewal fails with the same words, before the CA is asked.
    stage.pass(SignedDuration::from_hours(24 * 80));
    let error = stage.renewal_fails("default").await;
    assert_said(&error, words(1));
    assert_eq!(
        (
            error.stage.as_str(),
            error.class.as_str(),
            error.code.as_str()
        ),
        ("preflight", "configuration", "certificate.invalid_domain")
    );
    assert!(error.message.contains(named), "{error:#?}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_06_domains_not_changed() {
    let stage = Stage::set().await;
    stage.issue("www", &["www.example.test"]).await;

    let again = request::renew(&stage.console, &actor(), "www", request::Renewal::IfDue).await;

    let again = problem(again);
    assert_answered(&again, words(6));
    assert!(again.detail.contains("not due before"), "{again:#?}");
    assert!(again.remedy.unwrap().contains("--force"));
    let wanted = wanted("www", &["www.example.test"]);
    let same = request::request_issue(&stage.console, &actor(), wanted).await;
    assert_answered(&problem(same), words(6));
    assert_eq!(stage.stub.control().issued(), 1);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_14_config_ca_id_does_not_exist() {
    let stage = Stage::set().await;

    for vendor in ["", "nowhere"] {
        let mut wanted = wanted("new", &["new.example.test"]);
        wanted.vendor = vendor.to_owned();
        let refused = request::request_issue(&stage.console, &actor(), wanted).await;
        let refused = problem(refused);
        assert_answered(&refused, words(14));
        assert_eq!(
            (refused.code.as_str(), refused.status),
            ("ca_vendor.not_found", 422)
        );
        assert_eq!(refused.pointer.as_deref(), Some("/vendor"));
        assert!(refused.remedy.unwrap().contains("evercert ca-vendor list"));
    }
    stage.strike().await;
}
