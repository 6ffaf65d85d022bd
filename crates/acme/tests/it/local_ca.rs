//! Against our Local CA: what Pebble lacks, and the three challenges proved for real.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use evercert_acme::challenge::{dns01, http01, tls_alpn01};
use evercert_acme::{
    Account, AccountKey, AcmeError, Challenge, ChallengeType, Client, ClientConfig, Eab,
    NewAccount, NewOrder, Order, OrderStatus, ProblemKind, Until, select_chain,
};
use evercert_ca::{CaConfig, ExternalAccounts, LocalCa, ValidationDns};
use evercert_dns::server::{AuthServer, RecordData, ServerConfig, ZoneConfig};
use evercert_types::{Clock, Secret, SystemClock};
use evercert_x509::{Certificate, Chain, ari_certificate_id, tls, verify_chain_links};
use jiff::SignedDuration;
use rustls::sign::CertifiedKey;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::{config, csr, key, order_for, register, within};

/// Every name has the address 127.0.0.1.
async fn dns() -> AuthServer {
    AuthServer::start(ServerConfig {
        zones: vec![ZoneConfig::new("example")],
        default_a: Some(Ipv4Addr::LOCALHOST),
        ..ServerConfig::default()
    })
    .await
    .unwrap()
}

async fn start(dns: &AuthServer, settings: CaConfig) -> (LocalCa, Client) {
    let ca = LocalCa::start(CaConfig {
        resolver: ValidationDns::Server(dns.local_addr()),
        ..settings
    })
    .await
    .unwrap();
    let client = Client::connect(ClientConfig {
        ca_bundle_pem: Some(ca.tls_root_pem()),
        ..config(ca.directory_url())
    })
    .await
    .unwrap();
    (ca, client)
}

/// Proves every name of an order by dns-01.
async fn prove(dns: &AuthServer, account: &Account, order: &Order) -> Result<Order, AcmeError> {
    let mut authorizations = Vec::new();
    for url in &order.authorizations {
        authorizations.push(account.authorization(url).await?);
    }
    let targets = dns01::targets(&authorizations, account.key(), str::to_owned);
    for target in targets.values().flatten() {
        dns.add(&target.fqdn, &RecordData::Txt(target.value.clone()))
            .unwrap();
    }
    for authorization in &authorizations {
        if let Some(challenge) = authorization.to_solve(&ChallengeType::Dns01) {
            account.trigger_challenge(&challenge.url).await?;
        }
    }
    account
        .poll_order(&order.url, Until::Ready, within(30))
        .await
}

async fn issue(dns: &AuthServer, account: &Account, new: &NewOrder, names: &[&str]) -> Chain {
    let order = account.new_order(new).await.unwrap();
    let order = prove(dns, account, &order).await.unwrap();
    account.finalize(&order, &csr(names).0).await.unwrap();
    let order = account
        .poll_order(&order.url, Until::Valid, within(30))
        .await
        .unwrap();
    let downloaded = account
        .download(order.certificate_url().unwrap())
        .await
        .unwrap();
    let chain = Chain::from_pem(&downloaded.pem).unwrap();
    verify_chain_links(&chain).unwrap();
    chain
}

/// Orders `names`, answers one challenge a name with `answer`, and expects it to be believed.
async fn solve_one(account: &Account, kind: &ChallengeType) -> (Order, Challenge) {
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let authorization = account
        .authorization(&order.authorizations[0])
        .await
        .unwrap();
    let challenge = authorization.to_solve(kind).unwrap().clone();
    (order, challenge)
}

async fn believed(account: &Account, order: &Order, challenge: &Challenge) {
    account.trigger_challenge(&challenge.url).await.unwrap();
    let url = &order.authorizations[0];
    account.poll_authorization(url, within(20)).await.unwrap();
}

#[tokio::test]
async fn a_hundred_orders_survive_half_of_all_nonces_refused() {
    let dns = dns().await;
    let settings = CaConfig {
        nonce_reject_percent: 50,
        ..CaConfig::default()
    };
    let (ca, client) = start(&dns, settings).await;
    let account = register(&client).await;
    let dns = Arc::new(dns);

    let tasks = (0..16).map(|task| {
        let (account, dns) = (account.clone(), dns.clone());
        tokio::spawn(async move {
            for n in (task..100).step_by(16) {
                let names = [format!("n{n}.example"), format!("*.n{n}.example")];
                let names = [names[0].as_str(), names[1].as_str()];
                issue(&dns, &account, &order_for(&names), &names).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }

    assert_eq!(ca.issued(), 100);
}

#[tokio::test]
async fn a_certificate_is_issued_in_milliseconds() {
    let dns = dns().await;
    let (_ca, client) = start(&dns, CaConfig::default()).await;
    let account = register(&client).await;
    let start = Instant::now();

    issue(&dns, &account, &order_for(&["a.example"]), &["a.example"]).await;

    // Some 50 ms on an idle machine; the limit is for a busy one.
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn profiles_are_listed_and_obeyed() {
    let dns = dns().await;
    let (_ca, client) = start(&dns, CaConfig::default()).await;
    let account = register(&client).await;
    let short = NewOrder {
        profile: Some("shortlived".to_owned()),
        ..order_for(&["a.example"])
    };
    let unknown = NewOrder {
        profile: Some("eternal".to_owned()),
        ..order_for(&["a.example"])
    };

    let chain = issue(&dns, &account, &short, &["a.example"]).await;
    let refused = account.new_order(&unknown).await.unwrap_err();

    assert!(client.directory().meta.profiles.contains_key("shortlived"));
    let leaf = chain.leaf();
    let life = leaf.not_after().duration_since(leaf.not_before());
    assert!(life < SignedDuration::from_hours(7 * 24), "{life}");
    assert_eq!(
        refused.problem().unwrap().kind(),
        ProblemKind::InvalidProfile
    );
    assert!(!refused.is_retryable());
}

#[tokio::test]
async fn the_ca_s_window_is_heard_and_its_predecessor_named_once() {
    let dns = dns().await;
    let (ca, client) = start(&dns, CaConfig::default()).await;
    let account = register(&client).await;
    let plain = order_for(&["a.example"]);
    let first = issue(&dns, &account, &plain, &["a.example"]).await;
    let id = ari_certificate_id(first.leaf()).unwrap();
    let (now, day) = (SystemClock.now(), SignedDuration::from_hours(24));

    let usual = client.renewal_info(first.leaf()).await.unwrap();
    assert!(ca.suggest_renewal(&id, now - day * 2, now - day));
    let incident = client.renewal_info(first.leaf()).await.unwrap();
    let successor = NewOrder {
        replaces: Some(id.clone()),
        ..plain.clone()
    };
    let order = account.new_order(&successor).await.unwrap();
    let order = prove(&dns, &account, &order).await.unwrap();
    account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();
    let again = account.new_order(&successor).await.unwrap_err();
    let without = account.new_order(&plain).await;

    assert!(usual.start > now && usual.poll_after() >= Duration::from_secs(60));
    assert!(incident.end < now);
    assert_eq!(order.replaces, Some(id));
    assert_eq!(
        again.problem().unwrap().kind(),
        ProblemKind::AlreadyReplaced
    );
    assert!(again.may_be_due_to_replaces());
    assert!(without.is_ok());
}

#[tokio::test]
async fn the_alternate_root_can_be_preferred() {
    let dns = dns().await;
    let settings = CaConfig {
        alternate_root: true,
        ..CaConfig::default()
    };
    let (ca, client) = start(&dns, settings).await;
    let account = register(&client).await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let order = prove(&dns, &account, &order).await.unwrap();
    let order = account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();
    let default = account
        .download(order.certificate_url().unwrap())
        .await
        .unwrap();

    let others = account.download_alternates(&default).await;

    let pem = ca.alternate_root_pem().unwrap();
    let wanted = Certificate::from_pem(&pem).unwrap().subject();
    let chain = |pem: &str| Chain::from_pem(pem).unwrap();
    let alternates = others.iter().map(|other| chain(&other.pem)).collect();
    let chosen = select_chain(chain(&default.pem), alternates, Some(&wanted));
    assert_eq!(order.status, OrderStatus::Valid);
    assert_eq!(chosen.top_issuer(), wanted);
    assert_ne!(chain(&default.pem).top_issuer(), wanted);
}

#[tokio::test]
async fn a_bound_account_is_registered() {
    let dns = dns().await;
    let keys = BTreeMap::from([("kid-1".to_owned(), Secret::new(b"an hmac key".to_vec()))]);
    let settings = CaConfig {
        external_accounts: ExternalAccounts::Required(keys),
        ..CaConfig::default()
    };
    let (_ca, client) = start(&dns, settings).await;
    let bound = |hmac: &str| NewAccount {
        eab: Some(Eab::from_text("kid-1", hmac).unwrap()),
        ..NewAccount::agreed()
    };

    let without = client
        .new_account(&key(), &NewAccount::agreed())
        .await
        .unwrap_err();
    let wrong = client
        .new_account(&key(), &bound("b3RoZXI"))
        .await
        .unwrap_err();
    let right = client.new_account(&key(), &bound("YW4gaG1hYyBrZXk=")).await;

    assert_eq!(
        without.problem().unwrap().kind(),
        ProblemKind::ExternalAccountRequired
    );
    assert_eq!(wrong.problem().unwrap().kind(), ProblemKind::Unauthorized);
    assert!(right.is_ok());
}

#[tokio::test]
async fn a_file_on_the_web_server_proves_a_name() {
    let dns = dns().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = CaConfig {
        http01_port: listener.local_addr().unwrap().port(),
        ..CaConfig::default()
    };
    let (_ca, client) = start(&dns, settings).await;
    let account = register(&client).await;
    let (order, challenge) = solve_one(&account, &ChallengeType::Http01).await;
    let body = http01::body(challenge.token(), account.key());
    let app = Router::new().route(&http01::path(challenge.token()), get(|| async { body }));
    let web = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    believed(&account, &order, &challenge).await;

    web.abort();
}

/// A certificate as tls-alpn-01 asks for, and its key.
fn alpn_certificate(challenge: &Challenge, key: &AccountKey) -> Arc<rustls::ServerConfig> {
    let value = tls_alpn01::extension_value(challenge.token(), key);
    let mut extension = rcgen::CustomExtension::from_oid_content(&tls_alpn01::EXTENSION_OID, value);
    extension.set_criticality(true);
    let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
    params.custom_extensions = vec![extension];
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let pkcs8 = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = tls::crypto_provider();
    let signing = provider
        .key_provider
        .load_private_key(pkcs8.into())
        .unwrap();
    // Not `from_der`: its check refuses the critical extension, which it does not know.
    let certified = CertifiedKey::new(vec![certificate.der().clone()], signing);
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(tls::single_certificate(Arc::new(certified)));
    config.alpn_protocols = vec![tls_alpn01::ALPN.to_vec()];
    Arc::new(config)
}

#[tokio::test]
async fn a_handshake_proves_a_name() {
    let dns = dns().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = CaConfig {
        tls_alpn01_port: listener.local_addr().unwrap().port(),
        ..CaConfig::default()
    };
    let (_ca, client) = start(&dns, settings).await;
    let account = register(&client).await;
    let (order, challenge) = solve_one(&account, &ChallengeType::TlsAlpn01).await;
    let acceptor = tokio_rustls::TlsAcceptor::from(alpn_certificate(&challenge, account.key()));
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut tls) = acceptor.accept(stream).await {
                // Until the CA has seen enough and hangs up.
                while matches!(tls.read(&mut [0; 16]).await, Ok(1..)) {}
            }
        }
    });

    believed(&account, &order, &challenge).await;

    server.abort();
}

#[tokio::test]
async fn issuing_that_takes_a_while_is_waited_for() {
    let dns = dns().await;
    let settings = CaConfig {
        issuance_delay: Duration::from_millis(300),
        poll_hold: Duration::ZERO,
        ..CaConfig::default()
    };
    let (_ca, client) = start(&dns, settings).await;
    let account = register(&client).await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let order = prove(&dns, &account, &order).await.unwrap();

    let handed_in = account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();
    let valid = account
        .poll_order(&order.url, Until::Valid, within(20))
        .await
        .unwrap();

    assert_eq!(handed_in.status, OrderStatus::Processing);
    assert!(valid.certificate.is_some());
}
