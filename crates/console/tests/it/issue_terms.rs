//! Issuing by terms: own keys, CSRs with and without key, subjects, addresses, lifetimes, profiles, chains.

use evercert_api::ProblemCode;
use evercert_api::certificates::{ExportRequest, IssueRequest};
use evercert_api::operations::{Operation, OperationState};
use evercert_console::lifecycle::certificates;
use evercert_testkit::acme_stub::{Dates, Endpoint, StubOptions};
use evercert_types::{
    ChallengeChoice, DomainName, KeyAlgorithm, KeyCustody, ProfileMode, Secret, StoreKind,
    SubjectTerms,
};
use evercert_x509::{Certificate, Chain, Csr, CsrParams, KeyPair, verify_key_matches};
use jiff::SignedDuration;

use crate::stub_world::StubWorld;
use crate::world::wanted;

fn names(texts: &[&str]) -> Vec<DomainName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn csr(key: &KeyPair, texts: &[&str]) -> Csr {
    let params = CsrParams {
        names: names(texts),
        ..CsrParams::default()
    };
    Csr::build(&params, key).unwrap()
}

/// A request for the certificate store that leaves the names to a CSR.
fn with_csr(name: &str, pem: String) -> IssueRequest {
    IssueRequest {
        csr_pem: Some(pem),
        ..IssueRequest::new(name, Vec::new(), "local", StoreKind::Certificate)
    }
}

fn pem(key: &KeyPair) -> Secret<String> {
    Secret::new(key.to_pkcs8_pem().expose().clone())
}

fn warnings(operation: &Operation) -> Vec<&str> {
    let steps = operation.steps.iter();
    steps
        .filter(|step| step.level == "warn")
        .map(|step| step.message.as_str())
        .collect()
}

fn succeeded(operation: &Operation) {
    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
}

async fn exported(world: &StubWorld, name: &str, with_key: bool) -> (Certificate, Option<KeyPair>) {
    let request = ExportRequest {
        with_key,
        ..ExportRequest::default()
    };
    let export = certificates::export(&world.console, name, &request)
        .await
        .unwrap();
    let chain = Chain::from_pem(&export.chain_pem).unwrap();
    let key = export.key_pem.map(|pem| KeyPair::from_pem(&pem).unwrap());
    (chain.leaf().clone(), key)
}

/// The CSR that was handed in last.
fn handed_in(world: &StubWorld) -> Csr {
    use base64::Engine as _;
    let requests = world.ca().requests_to(Endpoint::Finalize);
    let text = requests.last().unwrap().payload["csr"].as_str().unwrap();
    let der = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text);
    Csr::from_der(der.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_algorithm_can_be_asked_for() {
    let world = StubWorld::start(StubOptions::default()).await;
    for algorithm in KeyAlgorithm::ALL {
        let name = format!("{algorithm}.example.test");
        let mut request = wanted(algorithm.as_str(), &[&name]);
        request.keys = vec![algorithm];

        succeeded(&world.issue(request).await);

        let (leaf, key) = exported(&world, algorithm.as_str(), true).await;
        assert_eq!(leaf.key_algorithm(), Some(algorithm));
        verify_key_matches(&leaf, &key.unwrap()).unwrap();
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_asks_in_the_one_shape_that_every_ca_takes() {
    let world = StubWorld::start(StubOptions::default()).await;
    let request = wanted(
        "plain",
        &["b.example.test", "*.example.test", "bücher.example.test"],
    );

    succeeded(&world.issue(request).await);

    let csr = handed_in(&world);
    assert_eq!(
        csr.names(),
        names(&[
            "b.example.test",
            "*.example.test",
            "xn--bcher-kva.example.test"
        ])
    );
    assert_eq!((csr.subject(), csr.common_name()), ("", None));
    assert_eq!(csr.requested(), &evercert_x509::Requested::default());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_key_is_used_for_the_first_order_and_later_when_it_is_kept() {
    let world = StubWorld::start(StubOptions::default()).await;
    let own = KeyPair::generate(KeyAlgorithm::EcdsaP384).unwrap();
    for (name, reuse_key) in [("kept", true), ("once", false)] {
        let mut request = wanted(name, &[&format!("{name}.example.test")]);
        request.key_pem = Some(pem(&own));
        request.reuse_key = reuse_key;

        succeeded(&world.issue(request).await);

        let (leaf, key) = exported(&world, name, true).await;
        assert_eq!(leaf.spki_der(), own.spki_der());
        assert_eq!(key.unwrap().spki_der(), own.spki_der());
        let renewed = world.renew(name).await;
        succeeded(&renewed);
        let (leaf, _) = exported(&world, name, true).await;
        assert_eq!(leaf.spki_der() == own.spki_der(), reuse_key, "{name}");
        assert_eq!(leaf.key_algorithm(), Some(KeyAlgorithm::EcdsaP384));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_csr_with_its_key_is_sent_as_it_is() {
    let world = StubWorld::start(StubOptions::default()).await;
    let own = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let csr = csr(&own, &["one.example.test", "two.example.test"]);
    let mut request = with_csr("both", csr.to_pem());
    request.store = StoreKind::ZeroTouch;
    request.key_pem = Some(pem(&own));

    succeeded(&world.issue(request).await);

    assert_eq!(handed_in(&world).der(), csr.der());
    let certificate = world.show("both").await;
    assert_eq!(
        certificate.domains,
        names(&["one.example.test", "two.example.test"])
    );
    assert_eq!(certificate.terms.custody, KeyCustody::Console);
    let (leaf, key) = exported(&world, "both", true).await;
    verify_key_matches(&leaf, &key.unwrap()).unwrap();
    // The next order uses the same CSR, with the key of the version in force.
    succeeded(&world.renew("both").await);
    assert_eq!(handed_in(&world).der(), csr.der());
    assert!(exported(&world, "both", true).await.1.is_some());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_csr_alone_is_issued_for_and_renewed_without_a_key() {
    let world = StubWorld::start(StubOptions::default()).await;
    let own = KeyPair::generate(KeyAlgorithm::Rsa2048).unwrap();
    let csr = csr(&own, &["alone.example.test"]);
    let mut request = with_csr("alone", csr.to_pem());
    request.auto_renew = true;

    let operation = world.issue(request).await;

    succeeded(&operation);
    assert!(
        warnings(&operation)[0].contains("same CSR"),
        "{operation:#?}"
    );
    let (leaf, _) = exported(&world, "alone", false).await;
    verify_key_matches(&leaf, &own).unwrap();
    let certificate = world.show("alone").await;
    assert_eq!(certificate.terms.custody, KeyCustody::External);
    assert_eq!(certificate.keys[0].algorithm, KeyAlgorithm::Rsa2048);
    let request = ExportRequest {
        with_key: true,
        ..ExportRequest::default()
    };
    let error = certificates::export(&world.console, "alone", &request).await;
    let Err(error) = error else {
        panic!("a key was exported")
    };
    assert!(error.to_problem().is(ProblemCode::CertificateNoKey));

    succeeded(&world.renew("alone").await);
    let (again, _) = exported(&world, "alone", false).await;
    assert_ne!(again.fingerprint(), leaf.fingerprint());
    verify_key_matches(&again, &own).unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_csr_that_cannot_be_used_is_refused_in_words() {
    let world = StubWorld::start(StubOptions::default()).await;
    let own = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let other = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let good = csr(&own, &["good.example.test"]);
    let weak = include_str!("../../../x509/tests/fixtures/rsa-1024.csr");
    let mut tampered = good.der().to_vec();
    let at = tampered
        .windows(4)
        .position(|four| four == b"good")
        .unwrap();
    tampered[at] = b'f';
    let tampered = Csr::from_der(tampered).unwrap();
    let change = |change: fn(&mut IssueRequest)| {
        let mut request = with_csr("bad", good.to_pem());
        change(&mut request);
        request
    };
    let mut mismatched = with_csr("bad", good.to_pem());
    mismatched.key_pem = Some(pem(&other));
    let cases = [
        (mismatched, "/key_pem", "is not the one that the CSR"),
        (
            with_csr("bad", weak.to_owned()),
            "/csr_pem",
            "RSA 1024 bits",
        ),
        (with_csr("bad", tampered.to_pem()), "/csr_pem", "signature"),
        (
            with_csr("bad", "text".to_owned()),
            "/csr_pem",
            "could not be read",
        ),
        (
            change(|request| request.store = StoreKind::ZeroTouch),
            "/store",
            "private keys",
        ),
        (
            change(|request| request.domains = names(&["other.example.test"])),
            "/domains",
            "the CSR asks for good.example.test",
        ),
        (
            change(|request| request.keys = vec![KeyAlgorithm::Rsa2048]),
            "/keys",
            "ecdsa-p256",
        ),
        (
            change(|request| request.subject.organization = Some("X".to_owned())),
            "/subject",
            "in the CSR",
        ),
    ];
    for (request, pointer, words) in cases {
        let problem = world.refused(request).await;
        assert_eq!(problem.pointer.as_deref(), Some(pointer), "{problem:?}");
        assert!(problem.detail.contains(words), "{problem:?}");
    }
    assert_eq!(world.new_orders().len(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_is_asked_for_whole_and_checked() {
    let world = StubWorld::start(StubOptions::default()).await;
    let mut request = wanted("subject", &["subject.example.test"]);
    let text = "CN=Subject.example.test,O=Example\\, Ltd,OU=IT,L=Zürich,ST=ZH,C=ch,emailAddress=it@example.test";
    request.subject = text.parse().unwrap();

    succeeded(&world.issue(request).await);

    let csr = handed_in(&world);
    assert_eq!(csr.common_name().as_deref(), Some("subject.example.test"));
    for part in [
        "O=Example\\, Ltd",
        "OU=IT",
        "L=Zürich",
        "ST=ZH",
        "C=CH",
        "emailAddress=it@example.test",
    ] {
        assert!(csr.subject().contains(part), "{part} in {}", csr.subject());
    }
    let subject = |change: fn(&mut SubjectTerms)| {
        let mut request = wanted("bad", &["bad.example.test"]);
        change(&mut request.subject);
        request
    };
    for (request, pointer) in [
        (
            subject(|s| s.common_name = Some("else.example.test".into())),
            "/subject/common_name",
        ),
        (
            subject(|s| s.country = Some("CHE".into())),
            "/subject/country",
        ),
        (
            subject(|s| s.organization = Some("x".repeat(65))),
            "/subject/organization",
        ),
        (
            subject(|s| s.email = Some("nobody".into())),
            "/subject/email",
        ),
    ] {
        let problem = world.refused(request).await;
        assert_eq!(problem.pointer.as_deref(), Some(pointer), "{problem:?}");
    }
    let long = format!("{}.{}.example.test", "a".repeat(60), "b".repeat(20));
    let mut request = wanted("long", &[&long]);
    request.subject.common_name = Some(long);
    let problem = world.refused(request).await;
    assert!(problem.detail.contains("64"), "{problem:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lifetime_is_asked_for_where_it_is_honoured() {
    let mut options = StubOptions::default();
    options.switches.dates = Dates::Honoured;
    let world = StubWorld::start(options).await;
    let mut request = wanted("short", &["short.example.test"]);
    request.lifetime = Some("30d".to_owned());

    succeeded(&world.issue(request).await);

    let (leaf, _) = exported(&world, "short", false).await;
    let life = leaf.not_before().duration_until(leaf.not_after());
    let month = SignedDuration::from_hours(24 * 30);
    assert!(
        (life - month).abs() < SignedDuration::from_hours(2),
        "{life}"
    );
    assert_eq!(
        world.show("short").await.terms.lifetime.as_deref(),
        Some("30d")
    );
    let mut request = wanted("odd", &["odd.example.test"]);
    request.lifetime = Some("soon".to_owned());
    assert_eq!(
        world.refused(request).await.pointer.as_deref(),
        Some("/lifetime")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preferred_profile_that_vanished_is_dropped_and_a_required_one_fails() {
    let mut options = StubOptions::default();
    options.switches.profiles = StubOptions::lets_encrypt().switches.profiles;
    let world = StubWorld::start(options).await;
    let with_profile = |name: &str, mode| {
        let mut request = wanted(name, &[&format!("{name}.example.test")]);
        request.profile = Some("tlsserver".to_owned());
        request.profile_mode = mode;
        request
    };
    succeeded(
        &world
            .issue(with_profile("known", ProfileMode::Required))
            .await,
    );
    assert_eq!(world.new_orders()[0]["profile"], "tlsserver");

    // The connected client still has the old directory: it learns of it from the refusal.
    world.ca().switch(|switches| switches.profiles.clear());
    let preferred = world
        .issue(with_profile("preferred", ProfileMode::Preferred))
        .await;
    let required = world
        .issue(with_profile("required", ProfileMode::Required))
        .await;

    succeeded(&preferred);
    assert!(
        warnings(&preferred)[0].contains("without the profile \"tlsserver\""),
        "{preferred:#?}"
    );
    assert_eq!(required.state, OperationState::Failed);
    let mut request = wanted("unknown", &["unknown.example.test"]);
    request.profile = Some("gold".to_owned());
    assert_eq!(
        world.refused(request).await.pointer.as_deref(),
        Some("/profile")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_of_a_certificate_is_the_preferred_one_or_the_default_with_a_warning() {
    let mut options = StubOptions::default();
    options.switches.chain.alternates = 2;
    let world = StubWorld::start(options).await;
    let root = world.stub.alternate_root_pem(1).unwrap();
    let root = Certificate::from_pem(root).unwrap();
    for (name, preferred, warns) in [
        ("alternate", root.common_name().unwrap(), false),
        ("nowhere", "No Such Root".to_owned(), true),
    ] {
        let mut request = wanted(name, &[&format!("{name}.example.test")]);
        request.preferred_chain = Some(preferred);

        let operation = world.issue(request).await;

        succeeded(&operation);
        assert_eq!(!warnings(&operation).is_empty(), warns, "{operation:#?}");
        let export = certificates::export(&world.console, name, &ExportRequest::default())
            .await
            .unwrap();
        let chain = Chain::from_pem(&export.chain_pem).unwrap();
        let ends_there = chain.top_issuer() == root.subject();
        assert_eq!(ends_there, !warns, "{name} ends at {}", chain.top_issuer());
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_key_usage_is_told() {
    let world = StubWorld::start(StubOptions::default()).await;
    world
        .ca()
        .switch(|switches| switches.eku = evercert_x509::mint::Usage::Both);
    succeeded(&world.issue(wanted("eku", &["eku.example.test"])).await);
    world
        .ca()
        .switch(|switches| switches.eku = evercert_x509::mint::Usage::Server);

    let operation = world.renew("eku").await;

    succeeded(&operation);
    let step = operation
        .steps
        .iter()
        .find(|step| step.kind == "version.eku_changed")
        .unwrap();
    assert!(step.message.contains("clientAuth"), "{}", step.message);
    assert!(
        step.detail["remedy"]
            .as_str()
            .unwrap()
            .contains("private CA")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chosen_provider_replaces_the_mapping_and_must_be_there() {
    let world = StubWorld::start(StubOptions::default()).await;
    let mapped = &evercert_console::lifecycle::dns::unmap_domain;
    mapped(
        &world.console,
        &crate::world::actor(),
        &crate::world::ZONE.parse().unwrap(),
    )
    .await
    .unwrap();
    let mut request = wanted("chosen", &["chosen.example.test"]);
    request.dns_provider = Some("dns".to_owned());

    succeeded(&world.issue(request).await);

    assert_eq!(
        world.show("chosen").await.terms.dns_provider.as_deref(),
        Some("dns")
    );
    let mut request = wanted("else", &["else.example.test"]);
    request.dns_provider = Some("TestDNS".to_owned());
    let problem = world.refused(request).await;
    assert_eq!(
        problem.known_as.as_deref(),
        Some("DNS Provider - TestDNS does not exist or is not active.")
    );
    assert_eq!(problem.pointer.as_deref(), Some("/dns_provider"));
    let problem = world
        .refused(wanted("unmapped", &["unmapped.example.test"]))
        .await;
    assert!(problem.is(ProblemCode::DomainUnmapped), "{problem:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_again_is_refused_until_it_is_due_or_forced() {
    let world = StubWorld::start(StubOptions::default()).await;
    succeeded(
        &world
            .issue(wanted("first", &["a.example.test", "b.example.test"]))
            .await,
    );
    let again = wanted("second", &["b.example.test", "a.example.test"]);

    let problem = world.refused(again.clone()).await;

    assert!(problem.is(ProblemCode::CertificateExists), "{problem:?}");
    assert_eq!(
        problem.title,
        "Domains not changed. Certificate with same configuration already exists."
    );
    assert!(problem.detail.contains("\"first\""), "{problem:?}");
    assert!(problem.remedy.unwrap().contains("--force"));
    let forced = IssueRequest {
        force: true,
        ..again.clone()
    };
    succeeded(&world.issue(forced).await);
    assert_eq!(world.ca().issued(), 2);
    let mut other = again;
    other.name = "third".to_owned();
    other.keys = vec![KeyAlgorithm::Rsa2048];
    succeeded(&world.issue(other).await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_due_says_when_in_words() {
    let world = StubWorld::start(StubOptions::default()).await;
    succeeded(&world.issue(wanted("fresh", &["fresh.example.test"])).await);

    let problem = world.not_renewed("fresh").await;

    assert!(problem.is(ProblemCode::CertificateExists), "{problem:?}");
    assert!(
        problem.detail.contains("enough of its lifetime has passed"),
        "{problem:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_are_checked_against_how_they_can_be_proved() {
    let world = StubWorld::start(StubOptions::default()).await;
    let address = |challenge| {
        let mut request = IssueRequest::new("ip", Vec::new(), "local", StoreKind::Certificate);
        request.ips = vec!["203.0.113.7".parse().unwrap()];
        request.challenge = challenge;
        request
    };

    let by_dns = world.refused(address(Some(ChallengeChoice::Dns01))).await;
    let mut wildcard = address(Some(ChallengeChoice::Http01));
    wildcard.domains = names(&["a.example.test", "*.example.test"]);
    let wildcard = world.refused(wildcard).await;
    let nothing = world
        .refused(IssueRequest::new(
            "none",
            Vec::new(),
            "local",
            StoreKind::Certificate,
        ))
        .await;

    assert_eq!(by_dns.pointer.as_deref(), Some("/challenge"), "{by_dns:?}");
    assert_eq!(
        wildcard.pointer.as_deref(),
        Some("/domains/1"),
        "{wildcard:?}"
    );
    assert_eq!(nothing.pointer.as_deref(), Some("/domains"), "{nothing:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_is_not_there_has_the_seeds_words() {
    let world = StubWorld::start(StubOptions::default()).await;
    for vendor in ["", "nobody"] {
        let mut request = wanted("lost", &["lost.example.test"]);
        request.vendor = vendor.to_owned();

        let problem = world.refused(request).await;

        assert_eq!(problem.title, "Config CA ID is empty/does not exist.");
        assert_eq!(problem.pointer.as_deref(), Some("/vendor"));
    }
    let mut request = wanted("lost", &["lost.example.test"]);
    request.failover = Some("nobody".to_owned());
    let problem = world.refused(request).await;
    assert_eq!(problem.pointer.as_deref(), Some("/failover"));
    world.stop().await;
}

#[test]
fn a_request_never_shows_the_key_it_carries() {
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let mut request = wanted("secret", &["secret.example.test"]);
    request.key_pem = Some(pem(&key));

    let (debug, json) = (
        format!("{request:?}"),
        serde_json::to_string(&request).unwrap(),
    );

    assert!(!debug.contains("PRIVATE KEY") && !json.contains("PRIVATE KEY"));
}
