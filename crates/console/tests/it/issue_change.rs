//! Changing how a certificate is issued: names, keys, CSR and the rest, each from the next order on.

use evercert_api::certificates::{Certificate, CertificateChange};
use evercert_api::{Problem, ProblemCode};
use evercert_console::lifecycle::certificates;
use evercert_testkit::acme_stub::StubOptions;
use evercert_testkit::eventually;
use evercert_types::{DomainName, KeyAlgorithm, KeyCustody, Secret, StoreKind};
use evercert_x509::{Csr, CsrParams, KeyPair};

use crate::stub_world::StubWorld;
use crate::world::{LIMIT, actor, wanted};

fn names(texts: &[&str]) -> Vec<DomainName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn csr(key: &KeyPair, texts: &[&str]) -> String {
    let params = CsrParams {
        names: names(texts),
        ..CsrParams::default()
    };
    Csr::build(&params, key).unwrap().to_pem()
}

fn secret(key: &KeyPair) -> Option<Secret<String>> {
    Some(Secret::new(key.to_pkcs8_pem().expose().clone()))
}

async fn change(world: &StubWorld, name: &str, change: CertificateChange) -> Certificate {
    certificates::change(&world.console, &actor(), name, change)
        .await
        .unwrap()
}

async fn refused(world: &StubWorld, name: &str, change: CertificateChange) -> Problem {
    let answer = certificates::change(&world.console, &actor(), name, change).await;
    answer.unwrap_err().to_problem()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_names_are_in_the_next_order() {
    let world = StubWorld::start(StubOptions::default()).await;
    world.issue(wanted("names", &["one.example.test"])).await;
    let wish = CertificateChange {
        domains: Some(names(&["one.example.test", "two.example.test"])),
        ..CertificateChange::default()
    };

    let changed = change(&world, "names", wish).await;

    assert_eq!(changed.domains.len(), 2);
    // The plan finds that the version in force lacks a name, and orders at once.
    eventually("both names are in force", LIMIT, async || {
        let active = world.show("names").await.keys.remove(0).active;
        active.filter(|version| version.generation == 2)
    })
    .await;
    let last = world.ca().certificates().pop().unwrap();
    assert_eq!(last.names, ["one.example.test", "two.example.test"]);
    let wish = CertificateChange {
        domains: Some(names(&["elsewhere.invalid-zone.test"])),
        ..CertificateChange::default()
    };
    let problem = refused(&world, "names", wish).await;
    assert!(problem.is(ProblemCode::DomainUnmapped), "{problem:?}");
    assert_eq!(world.show("names").await.domains.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_algorithm_is_added_and_another_is_served_no_more() {
    let world = StubWorld::start(StubOptions::default()).await;
    world.issue(wanted("keys", &["keys.example.test"])).await;
    let wish = |keys: &[KeyAlgorithm]| CertificateChange {
        keys: Some(keys.to_vec()),
        ..CertificateChange::default()
    };

    change(
        &world,
        "keys",
        wish(&[KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa2048]),
    )
    .await;
    eventually("both keys are in force", LIMIT, async || {
        let keys = world.show("keys").await.keys;
        let both = keys.len() == 2 && keys.iter().all(|key| key.active.is_some());
        both.then_some(())
    })
    .await;
    // The order that brought the second key has to be done before its slot can go.
    world.tidy().await;
    let dropped = change(&world, "keys", wish(&[KeyAlgorithm::Rsa2048])).await;

    assert_eq!(dropped.keys.len(), 1);
    assert_eq!(dropped.keys[0].algorithm, KeyAlgorithm::Rsa2048);
    let revision = world.console.db.store_states().await.unwrap();
    assert_eq!(revision.zero_touch.revision, 3);
    let problem = refused(
        &world,
        "keys",
        wish(&[KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa4096]),
    )
    .await;
    assert_eq!(problem.pointer.as_deref(), Some("/keys"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_csr_brings_its_names_and_says_where_its_key_is() {
    let world = StubWorld::start(StubOptions::default()).await;
    let mut request = wanted("csr", &["csr.example.test"]);
    request.store = StoreKind::Certificate;
    request.auto_renew = false;
    world.issue(request).await;
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let pem = csr(&key, &["csr.example.test", "more.example.test"]);
    let wish = |key_pem| CertificateChange {
        csr_pem: Some(Some(pem.clone())),
        key_pem,
        ..CertificateChange::default()
    };

    let alone = change(&world, "csr", wish(None)).await;
    let with_key = change(&world, "csr", wish(secret(&key))).await;

    assert_eq!(alone.terms.custody, KeyCustody::External);
    assert_eq!(alone.domains.len(), 2);
    assert_eq!(with_key.terms.custody, KeyCustody::Console);
    world.renew("csr").await;
    let issued = world.ca().certificates().pop().unwrap().certificate;
    evercert_x509::verify_key_matches(&issued, &key).unwrap();
    let other = CertificateChange {
        domains: Some(names(&["csr.example.test"])),
        ..CertificateChange::default()
    };
    let problem = refused(&world, "csr", other).await;
    assert!(problem.detail.contains("the CSR asks for"), "{problem:?}");
    let back = CertificateChange {
        csr_pem: Some(None),
        ..CertificateChange::default()
    };
    let back = change(&world, "csr", back).await;
    assert_eq!(back.terms.csr_pem, None);
    world.renew("csr").await;
    let issued = world.ca().certificates().pop().unwrap().certificate;
    assert_ne!(issued.spki_der(), key.spki_der());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_are_set_and_taken_back() {
    let world = StubWorld::start(StubOptions::default()).await;
    world.issue(wanted("terms", &["terms.example.test"])).await;
    let wish = CertificateChange {
        lifetime: Some(Some("30d".to_owned())),
        preferred_chain: Some(Some("Root".to_owned())),
        dns_provider: Some(Some("dns".to_owned())),
        reuse_key: Some(true),
        share: Some(false),
        subject: Some("O=Example,C=CH".parse().unwrap()),
        ..CertificateChange::default()
    };

    let set = change(&world, "terms", wish).await.terms;
    let provider_in_use =
        evercert_console::lifecycle::dns::remove(&world.console, &actor(), "dns").await;
    let back = CertificateChange {
        lifetime: Some(None),
        preferred_chain: Some(Some(String::new())),
        dns_provider: Some(None),
        subject: Some(Default::default()),
        ..CertificateChange::default()
    };
    let back = change(&world, "terms", back).await.terms;

    assert_eq!(set.lifetime.as_deref(), Some("30d"));
    assert_eq!(set.dns_provider.as_deref(), Some("dns"));
    assert_eq!(set.subject.to_string(), "O=Example,C=CH");
    assert!(set.reuse_key && !set.share);
    let problem = provider_in_use.unwrap_err().to_problem();
    assert!(problem.detail.contains("terms"), "{problem:?}");
    assert_eq!((back.lifetime, back.preferred_chain), (None, None));
    assert_eq!(back.dns_provider, None);
    assert!(back.subject.is_empty() && back.reuse_key);
    let bad = CertificateChange {
        failover: Some(Some("nobody".to_owned())),
        ..CertificateChange::default()
    };
    let problem = refused(&world, "terms", bad).await;
    assert_eq!(problem.pointer.as_deref(), Some("/failover"));
    world.stop().await;
}
