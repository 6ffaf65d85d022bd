//! What the tests share: quick settings, an account, a CSR, a deadline.

use std::time::Duration;

use evercert_acme::{
    Account, AccountKey, Client, ClientConfig, Identifier, NewAccount, NewOrder, SignatureAlgorithm,
};
use evercert_types::KeyAlgorithm;
use evercert_x509::{Csr, CsrParams, KeyPair};
use tokio::time::Instant;

use crate::stub::{Rules, Stub};

/// Short limits, so that a test of a hang is quick.
pub(crate) fn config(directory_url: impl Into<String>) -> ClientConfig {
    ClientConfig {
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(20),
        ..ClientConfig::new(directory_url)
    }
}

pub(crate) async fn connect(stub: &Stub) -> Client {
    Client::connect(config(stub.directory_url())).await.unwrap()
}

pub(crate) fn key() -> AccountKey {
    AccountKey::generate(SignatureAlgorithm::Es256).unwrap()
}

pub(crate) async fn register(client: &Client) -> Account {
    client
        .new_account(&key(), &NewAccount::agreed())
        .await
        .unwrap()
}

/// A stub with an account at it.
pub(crate) async fn with_account(rules: Rules) -> (Stub, Account) {
    let stub = Stub::start(rules).await;
    let account = register(&connect(&stub).await).await;
    (stub, account)
}

pub(crate) fn order_for(names: &[&str]) -> NewOrder {
    let identifier = |name: &&str| Identifier::dns(&name.parse().unwrap());
    NewOrder::new(names.iter().map(identifier))
}

pub(crate) fn csr(names: &[&str]) -> (Vec<u8>, KeyPair) {
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let params = CsrParams {
        names: names.iter().map(|name| name.parse().unwrap()).collect(),
        ..CsrParams::default()
    };
    (Csr::build(&params, &key).unwrap().der().to_vec(), key)
}

pub(crate) fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}
