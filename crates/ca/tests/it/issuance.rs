//! From a ready order to a certificate (RFC 8555 §7.4).

use evercert_types::KeyAlgorithm;
use evercert_x509::tls::{certified_key, self_handshake};
use evercert_x509::{
    Certificate, Chain, Csr, CsrParams, KeyPair, Subject, verify_chain_links, verify_key_matches,
    verify_names,
};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, IsCa};
use serde_json::{Value, json};

use crate::support::client::Session;
use crate::support::key::b64;
use crate::support::world::{World, csr, finalize};

#[tokio::test]
async fn a_certificate_has_the_orders_names_and_chains_to_the_root() {
    let world = World::start().await;
    let session = world.session().await;
    let names = ["*.a.example", "a.example", "b.example"];

    let issued = world.issue(&session, &names).await;

    let leaf = issued.chain.leaf();
    let wanted: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    verify_names(leaf, &wanted).unwrap();
    verify_key_matches(leaf, &issued.key).unwrap();
    verify_chain_links(&issued.chain).unwrap();
    let root = Certificate::from_pem(&world.ca.root_pem()).unwrap();
    assert_eq!(issued.chain.certificates().len(), 2);
    assert!(issued.chain.intermediates()[0].is_signed_by(&root));
    assert_eq!(leaf.subject(), "", "no common name was asked for");
    let life = leaf.not_after().duration_since(leaf.not_before());
    assert_eq!(life.as_hours(), 90 * 24);
    let certified = certified_key(&issued.chain, &issued.key).unwrap();
    self_handshake(&certified, "x.a.example").unwrap();
}

#[tokio::test]
async fn profiles_differ_in_lifetime_and_subject() {
    let world = World::start().await;
    let session = world.session().await;
    let names = ["a.example"];
    let mut certificates = Vec::new();
    for profile in ["classic", "shortlived"] {
        let more = json!({"profile": profile});
        let (_, order) = world.ready_with(&session, &names, more).await;
        assert_eq!(order["profile"], profile);
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP384).unwrap();
        let order = finalize(&session, &order, &named_csr(&key, "a.example"))
            .await
            .expect(200);
        let pem = session
            .get(order["certificate"].as_str().unwrap())
            .await
            .text;
        certificates.push(Certificate::from_pem(&pem).unwrap());
    }

    let [classic, short] = certificates.as_slice() else {
        panic!()
    };
    assert_eq!(classic.subject(), "CN=a.example");
    assert_eq!(short.subject(), "");
    let life = |leaf: &Certificate| {
        leaf.not_after()
            .duration_since(leaf.not_before())
            .as_hours()
    };
    assert_eq!((life(classic), life(short)), (90 * 24, 160));
}

#[tokio::test]
async fn dates_of_the_order_are_the_certificates() {
    let world = World::start().await;
    let session = world.session().await;
    let start = jiff::Timestamp::from_second(1_900_000_000).unwrap();
    let end = jiff::Timestamp::from_second(1_900_100_000).unwrap();

    let more = json!({"notBefore": start.to_string(), "notAfter": end.to_string()});
    let issued = world.issue_with(&session, &["a.example"], more).await;

    let leaf = issued.chain.leaf();
    assert_eq!((leaf.not_before(), leaf.not_after()), (start, end));
    assert_eq!(issued.order["notAfter"], end.to_string());
}

#[tokio::test]
async fn keys_of_every_algorithm_are_certified() {
    let world = World::start().await;
    let session = world.session().await;
    for algorithm in [
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Rsa3072,
    ] {
        let (_, order) = world.ready(&session, &["a.example"]).await;
        let key = KeyPair::generate(algorithm).unwrap();

        let order = finalize(&session, &order, &csr(&["a.example"], &key))
            .await
            .expect(200);

        let pem = session
            .get(order["certificate"].as_str().unwrap())
            .await
            .text;
        let chain = Chain::from_pem(&pem).unwrap();
        assert_eq!(chain.leaf().key_algorithm(), Some(algorithm));
        self_handshake(&certified_key(&chain, &key).unwrap(), "a.example").unwrap();
    }
}

fn named_csr(key: &KeyPair, common_name: &str) -> Csr {
    let params = CsrParams {
        names: vec!["a.example".parse().unwrap()],
        subject: Subject {
            common_name: Some(common_name.into()),
            ..Subject::default()
        },
        ..CsrParams::default()
    };
    Csr::build(&params, key).unwrap()
}

fn der_with(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    change(&mut params);
    params.serialize_request(&key).unwrap().der().to_vec()
}

async fn expect_refused(session: &Session, order: &Value, der: &[u8], word: &str) {
    let url = order["finalize"].as_str().unwrap();
    let reply = session.post(url, json!({"csr": b64(der)})).await;
    reply.expect_problem(400, "badCSR", word);
}

#[tokio::test]
async fn csrs_that_do_not_fit_are_refused_and_the_order_stays_ready() {
    let world = World::start().await;
    let session = world.session().await;
    let (url, order) = world.ready(&session, &["a.example"]).await;
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let refuse = async |der: &[u8], word: &str| expect_refused(&session, &order, der, word).await;

    refuse(b"garbage", "PKCS#10").await;
    refuse(csr(&["b.example"], &key).der(), "asks for b.example").await;
    refuse(
        csr(&["a.example", "b.example"], &key).der(),
        "order is for a.example",
    )
    .await;
    refuse(csr(&["a.example", "127.0.0.1"], &key).der(), "127.0.0.1").await;
    refuse(named_csr(&key, "b.example").der(), "b.example").await;
    refuse(named_csr(&key, "Not A Name").der(), "common name").await;
    let mut changed = csr(&["a.example"], &key).der().to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    refuse(&changed, "signature").await;
    let ca = der_with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    refuse(&ca, "CA certificate").await;
    let email = der_with(|params| {
        let address = rcgen::SanType::Rfc822Name("a@b.example".try_into().unwrap());
        params.subject_alt_names.push(address);
    });
    refuse(&email, "e-mail").await;
    let own = KeyPair::from_pkcs8_der(&session.key.pkcs8()).unwrap();
    refuse(csr(&["a.example"], &own).der(), "another key").await;
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    let ed25519 = params.serialize_request(&ed25519).unwrap();
    refuse(ed25519.der(), "P-256").await;
    refuse(include_bytes!("../fixtures/rsa-1024.csr.der"), "1024 bits").await;
    let bad = json!({"csr": "not base64url!"});
    let bad = session.post(order["finalize"].as_str().unwrap(), bad).await;
    bad.expect_problem(400, "badCSR", "base64url");

    assert_eq!(session.get(&url).await.json()["status"], "ready");
    let done = finalize(&session, &order, &csr(&["a.example"], &key)).await;
    assert_eq!(done.expect(200)["status"], "valid");
    let again = finalize(&session, &order, &csr(&["a.example"], &key)).await;
    again.expect_problem(403, "orderNotReady", "finalized already");
}

#[tokio::test]
async fn an_order_that_is_not_ready_is_not_finalized() {
    let world = World::start().await;
    let session = world.session().await;
    let order = session.new_order(&["a.example"]).await.json();
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();

    let reply = finalize(&session, &order, &csr(&["a.example"], &key)).await;

    reply.expect_problem(403, "orderNotReady", "not all valid");
}

#[tokio::test]
async fn the_alternate_chain_ends_at_the_other_root() {
    let world = World::with(|config| config.alternate_root = true).await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;

    let default = session.get(&issued.url).await;
    let links = default.links("alternate");
    assert_eq!(links.len(), 1);
    let alternate = session.get(&links[0]).await;
    let missing = session
        .get(&links[0].replace("/alternate/1", "/alternate/2"))
        .await;

    let chain = Chain::from_pem(&alternate.text).unwrap();
    verify_chain_links(&chain).unwrap();
    assert_eq!(chain.leaf(), issued.chain.leaf());
    assert_ne!(chain.top_issuer(), issued.chain.top_issuer());
    let root = Certificate::from_pem(&world.ca.alternate_root_pem().unwrap()).unwrap();
    assert!(chain.intermediates()[0].is_signed_by(&root));
    assert_eq!(alternate.links("alternate"), [issued.url]);
    missing.expect_problem(404, "malformed", "alternate");
}

#[tokio::test]
async fn a_certificate_is_downloaded_by_post_as_get_only() {
    let world = World::start().await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;

    let get = session.client.http.get(&issued.url).send().await.unwrap();
    let post = session.post(&issued.url, json!({})).await;

    assert_eq!(get.status(), 405);
    post.expect_problem(400, "malformed", "POST-as-GET");
    assert_eq!(world.ca.issued(), 1);
}
