//! Downloads in every shape, usage, lifetime, revocation.

use evercert_acme::{RevocationReason, select_chain};
use evercert_testkit::acme_stub::{
    AlternateLinks, Authz, ChainFormat, ChainOrder, ChainShape, Endpoint, LineEnds, RootInChain,
};
use evercert_types::DomainName;
use evercert_x509::mint::Usage;
use evercert_x509::{Chain, verify_chain_links, verify_key_matches, verify_names};
use jiff::SignedDuration;

use crate::support::{
    detail, fetch, issue, issue_leaf, issue_order, order_for, pair, problem, with_account,
};

fn blocks(pem: &str) -> usize {
    pem.matches("BEGIN CERTIFICATE").count()
}

#[tokio::test]
async fn the_certificate_is_really_signed_for_the_key_and_names() {
    let (stub, account) = with_account(|switches| {
        switches.lifetime = SignedDuration::from_hours(48);
        switches.eku = Usage::Both;
    })
    .await;
    let key = pair();
    let names = ["*.a.example", "a.example"];

    let pem = issue_order(&account, &order_for(&names), &key)
        .await
        .unwrap()
        .pem;

    let chain = Chain::from_pem(&pem).unwrap();
    verify_chain_links(&chain).unwrap();
    verify_key_matches(chain.leaf(), &key).unwrap();
    let names: Vec<DomainName> = names.iter().map(|name| name.parse().unwrap()).collect();
    verify_names(chain.leaf(), &names).unwrap();
    let root = evercert_x509::Certificate::from_pem(stub.root_pem()).unwrap();
    assert!(chain.certificates().last().unwrap().is_signed_by(&root));
    let client_auth: [u8; 10] = [6, 8, 43, 6, 1, 5, 5, 7, 3, 2];
    let der = chain.leaf().der();
    assert!(der.windows(10).any(|part| part == client_auth));
}

#[tokio::test]
async fn chains_come_in_every_order() {
    let (stub, account) = with_account(|switches| {
        switches.chain.intermediates = 2;
        switches.chain.root = RootInChain::Included;
    })
    .await;
    for (order, count, position) in [
        (ChainOrder::LeafFirst, 4, 0),
        (ChainOrder::TopDown, 4, 0),
        (ChainOrder::Reversed, 4, 3),
        (ChainOrder::LeafOnly, 1, 0),
    ] {
        stub.control()
            .switch(|switches| switches.chain.order = order);

        let pem = issue(&account, &["a.example"]).await.unwrap().pem;

        assert_eq!(blocks(&pem), count, "{order:?}");
        let all = evercert_x509::Certificate::all_from_pem(&pem).unwrap();
        assert!(!all[position].is_ca(), "{order:?}");
        verify_chain_links(&Chain::from_pem(&pem).unwrap()).unwrap();
    }
}

/// Independent judgement: a TLS client that trusts only this root accepts the chain.
fn rustls_accepts(pem: &str, root_pem: &str) -> bool {
    use rustls::client::danger::ServerCertVerifier as _;
    let roots = evercert_x509::tls::root_store(root_pem).unwrap();
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        roots.into(),
        evercert_x509::tls::crypto_provider(),
    );
    let ders = evercert_x509::Certificate::all_from_pem(pem).unwrap();
    let ders: Vec<_> = ders.iter().map(|one| one.der().to_vec().into()).collect();
    let name = "a.example".try_into().unwrap();
    let now = rustls::pki_types::UnixTime::now();
    let verdict =
        verifier
            .build()
            .unwrap()
            .verify_server_cert(&ders[0], &ders[1..], &name, &[], now);
    verdict.is_ok()
}

#[tokio::test]
async fn every_hierarchy_is_trusted_through_its_own_root_only() {
    for intermediates in [1, 2] {
        let (stub, account) = with_account(|switches| {
            switches.chain.intermediates = intermediates;
            switches.chain.alternates = 2;
        })
        .await;
        let downloaded = issue(&account, &["a.example"]).await.unwrap();
        let alternates = account.download_alternates(&downloaded).await;
        let mut pems = vec![downloaded.pem];
        pems.extend(alternates.into_iter().map(|other| other.pem));
        assert_eq!(pems.len(), 3);

        for (number, pem) in pems.iter().enumerate() {
            assert_eq!(blocks(pem), usize::from(intermediates) + 1);
            for root in 0..3 {
                let trusted = rustls_accepts(pem, stub.alternate_root_pem(root).unwrap());
                assert_eq!(trusted, root == number, "chain {number}, root {root}");
            }
        }
        let chains: Vec<Chain> = pems
            .iter()
            .map(|pem| Chain::from_pem(pem).unwrap())
            .collect();
        let wanted = select_chain(chains[0].clone(), chains[1..].to_vec(), Some("Stub Root 2"));
        assert!(wanted.top_issuer().contains("Stub Root 2"));
    }
}

#[tokio::test]
async fn alternates_can_be_dead_links() {
    let (_stub, account) = with_account(|switches| {
        switches.chain.alternates = 1;
        switches.chain.alternate_links = AlternateLinks::Dead;
    })
    .await;

    let downloaded = issue(&account, &["a.example"]).await.unwrap();

    assert_eq!(downloaded.alternates.len(), 1);
    let dead = account.download(&downloaded.alternates[0]).await;
    assert_eq!(problem(dead).status, Some(404));
}

#[tokio::test]
async fn downloads_can_have_crlf_or_be_der() {
    let (stub, account) = with_account(|switches| switches.authz = Authz::Valid).await;
    issue(&account, &["a.example"]).await.unwrap();
    let url = format!("https://{}/cert/1", stub.addr());
    let shape = |change: fn(&mut ChainShape)| {
        stub.control()
            .switch(|switches| change(&mut switches.chain));
    };

    shape(|chain| chain.line_ends = LineEnds::Crlf);
    let crlf = fetch(&stub, &account, &url).await;
    shape(|chain| chain.format = ChainFormat::Der);
    let der = fetch(&stub, &account, &url).await;

    let text = String::from_utf8(crlf.2).unwrap();
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_eq!(crlf.1, "application/pem-certificate-chain");
    assert_eq!(der.1, "application/pkix-cert");
    let leaf = Chain::from_pem(&text).unwrap().leaf().clone();
    assert_eq!(der.2, leaf.der());
}

#[tokio::test]
async fn certificates_are_revoked_by_account_or_key_and_once() {
    let (stub, account) = with_account(|_| {}).await;
    let leaf = issue_leaf(&account, &["a.example"]).await;
    let key = pair();
    let pem = issue_order(&account, &order_for(&["b.example"]), &key)
        .await
        .unwrap()
        .pem;
    let other = Chain::from_pem(&pem).unwrap().leaf().clone();

    let superseded = RevocationReason::Superseded;
    account.revoke(leaf.der(), superseded).await.unwrap();
    let client = crate::support::connect(&stub).await;
    let stranger = client
        .revoke_with_key(other.der(), &pair(), superseded)
        .await;
    assert!(detail(stranger).contains("verification"));
    client
        .revoke_with_key(other.der(), &key, RevocationReason::Unspecified)
        .await
        .unwrap();

    let certificates = stub.control().certificates();
    let reasons: Vec<_> = certificates.iter().map(|one| one.revoked).collect();
    assert_eq!(reasons, [Some(4), Some(0)]);
    let id = &certificates[0].ari_id;
    assert!(stub.control().revoke(id, 1) && !stub.control().revoke("unknown", 1));
    account.revoke(leaf.der(), superseded).await.unwrap();
    let statuses = stub.control().requests_to(Endpoint::RevokeCert);
    let last = statuses.last().unwrap();
    // Our client takes `alreadyRevoked` for success.
    assert_eq!(last.status, 400);
}
