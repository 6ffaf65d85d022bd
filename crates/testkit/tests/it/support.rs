//! What the tests share: quick settings, an account, whole issuances.

use std::sync::Arc;
use std::time::Duration;

use evercert_acme::{
    Account, AccountKey, AcmeError, ChallengeType, Client, ClientConfig, Downloaded, Eab,
    Identifier, NewAccount, NewOrder, Order, Problem, SignatureAlgorithm, Until,
};
use evercert_testkit::acme_stub::{AcmeStub, StubOptions, Switches};
use evercert_types::{KeyAlgorithm, ManualClock};
use evercert_x509::{Certificate, Chain, Csr, CsrParams, KeyPair};
use jiff::Timestamp;
use tokio::time::Instant;

/// Short limits, so that a test of a hang is quick.
pub(crate) fn config(stub: &AcmeStub) -> ClientConfig {
    ClientConfig {
        ca_bundle_pem: Some(stub.ca_bundle_pem().to_owned()),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(1),
        operation_timeout: Duration::from_secs(10),
        retries: 0,
        ..ClientConfig::new(stub.directory_url())
    }
}

pub(crate) async fn connect(stub: &AcmeStub) -> Client {
    Client::connect(config(stub)).await.unwrap()
}

pub(crate) fn key() -> AccountKey {
    AccountKey::generate(SignatureAlgorithm::Es256).unwrap()
}

pub(crate) fn bound(kid: &str, hmac: &[u8]) -> NewAccount {
    NewAccount {
        eab: Some(Eab {
            kid: kid.to_owned(),
            hmac: hmac.to_vec().into(),
        }),
        ..NewAccount::agreed()
    }
}

pub(crate) async fn register(stub: &AcmeStub) -> Account {
    let client = connect(stub).await;
    let account = client.new_account(&key(), &NewAccount::agreed()).await;
    account.unwrap()
}

/// A stub with an account at it.
pub(crate) async fn with_account(change: impl FnOnce(&mut Switches)) -> (AcmeStub, Account) {
    let mut options = StubOptions::default();
    change(&mut options.switches);
    let stub = AcmeStub::start(options).await.unwrap();
    let account = register(&stub).await;
    (stub, account)
}

/// A clock of January 2027, and the options that go by it.
pub(crate) fn on_clock(options: StubOptions) -> (Arc<ManualClock>, StubOptions) {
    let start: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    (clock.clone(), options.with_clock(clock))
}

pub(crate) fn order_for(names: &[&str]) -> NewOrder {
    let identifier = |name: &&str| Identifier::dns(&name.parse().unwrap());
    NewOrder::new(names.iter().map(identifier))
}

pub(crate) fn replacing(names: &[&str], id: &str) -> NewOrder {
    NewOrder {
        replaces: Some(id.to_owned()),
        ..order_for(names)
    }
}

pub(crate) fn csr(names: &[&str], key: &KeyPair) -> Vec<u8> {
    let params = CsrParams {
        names: names.iter().map(|name| name.parse().unwrap()).collect(),
        ..CsrParams::default()
    };
    Csr::build(&params, key).unwrap().der().to_vec()
}

pub(crate) fn pair() -> KeyPair {
    KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

pub(crate) fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// Answers all pending challenges and waits for the order to be ready.
pub(crate) async fn authorize(account: &Account, order: &Order) -> Result<Order, AcmeError> {
    for url in &order.authorizations {
        let authorization = account.authorization(url).await?;
        if let Some(challenge) = authorization.to_solve(&ChallengeType::Dns01) {
            account.trigger_challenge(&challenge.url).await?;
            account.poll_authorization(url, within(5)).await?;
        }
    }
    account
        .poll_order(&order.url, Until::Ready, within(5))
        .await
}

/// From a new order to the download.
pub(crate) async fn issue_order(
    account: &Account,
    wanted: &NewOrder,
    key: &KeyPair,
) -> Result<Downloaded, AcmeError> {
    let order = account.new_order(wanted).await?;
    let order = authorize(account, &order).await?;
    let names: Vec<&str> = wanted
        .identifiers
        .iter()
        .map(|id| id.value.as_str())
        .collect();
    account.finalize(&order, &csr(&names, key)).await?;
    let order = account
        .poll_order(&order.url, Until::Valid, within(5))
        .await?;
    account.download(order.certificate_url()?).await
}

pub(crate) async fn issue(account: &Account, names: &[&str]) -> Result<Downloaded, AcmeError> {
    issue_order(account, &order_for(names), &pair()).await
}

pub(crate) async fn issue_leaf(account: &Account, names: &[&str]) -> Certificate {
    let downloaded = issue(account, names).await.unwrap();
    Chain::from_pem(&downloaded.pem).unwrap().leaf().clone()
}

/// The problem of a refusal.
pub(crate) fn problem<T: std::fmt::Debug>(result: Result<T, AcmeError>) -> Problem {
    let error = result.unwrap_err();
    let problem = error.problem().unwrap_or_else(|| panic!("{error:?}"));
    problem.clone()
}

pub(crate) fn detail<T: std::fmt::Debug>(result: Result<T, AcmeError>) -> String {
    problem(result).detail.unwrap_or_default()
}

/// A client that does nothing by itself.
pub(crate) fn http(stub: &AcmeStub) -> reqwest::Client {
    let anchor = reqwest::Certificate::from_pem(stub.ca_bundle_pem().as_bytes()).unwrap();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([anchor])
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}

pub(crate) async fn nonce(stub: &AcmeStub) -> String {
    let url = format!("https://{}/new-nonce", stub.addr());
    let answer = http(stub).head(url).send().await.unwrap();
    answer.headers()["replay-nonce"]
        .to_str()
        .unwrap()
        .to_owned()
}

/// Sends a body as a signed request; gives status, media type and body.
pub(crate) async fn send(stub: &AcmeStub, url: &str, body: Vec<u8>) -> (u16, String, Vec<u8>) {
    let request = http(stub).post(url).body(body);
    let request = request.header("content-type", "application/jose+json");
    let answer = request.send().await.unwrap();
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let status = answer.status().as_u16();
    (status, kind, answer.bytes().await.unwrap().to_vec())
}

/// POST-as-GET, word for word as the stub answers.
pub(crate) async fn fetch(stub: &AcmeStub, account: &Account, url: &str) -> (u16, String, Vec<u8>) {
    let nonce = nonce(stub).await;
    let body = account.key().sign_request(account.url(), &nonce, url, b"");
    send(stub, url, body.unwrap()).await
}
