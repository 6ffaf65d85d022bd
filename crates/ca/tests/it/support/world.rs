//! A CA with a DNS server beside it, and the whole way to a certificate.

use evercert_ca::{CaConfig, LocalCa, ValidationDns};
use evercert_types::KeyAlgorithm;
use evercert_x509::{Chain, Csr, CsrParams, KeyPair};
use serde_json::{Value, json};

use super::client::{Reply, Session};
use super::dns::TestDns;
use super::key::{b64, b64_digest};

/// A CA that validates at its own DNS server.
pub(crate) struct World {
    pub(crate) ca: LocalCa,
    pub(crate) dns: TestDns,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut CaConfig)) -> Self {
        let dns = TestDns::start().await;
        let mut config = CaConfig {
            resolver: ValidationDns::Server(dns.addr),
            ..CaConfig::default()
        };
        change(&mut config);
        let ca = LocalCa::start(config).await.unwrap();
        Self { ca, dns }
    }

    pub(crate) async fn session(&self) -> Session {
        Session::new(&self.ca).await
    }

    /// Publishes the TXT value for every pending authorization of an order, by dns-01.
    pub(crate) async fn publish(&self, session: &Session, order: &Value) {
        for url in urls(&order["authorizations"]) {
            let authorization = session.get(&url).await.expect(200);
            if authorization["status"] != "pending" {
                continue;
            }
            let challenge = challenge(&authorization, "dns-01");
            let value = b64_digest(&session.key_authorization(&challenge));
            let name = authorization["identifier"]["value"].as_str().unwrap();
            self.dns.add_txt(&format!("_acme-challenge.{name}"), &value);
        }
    }

    /// Orders and validates by dns-01: an order that is ready, with its URL.
    pub(crate) async fn ready(&self, session: &Session, names: &[&str]) -> (String, Value) {
        self.ready_with(session, names, json!({})).await
    }

    pub(crate) async fn ready_with(
        &self,
        session: &Session,
        names: &[&str],
        more: Value,
    ) -> (String, Value) {
        let reply = session.new_order_with(names, more).await;
        let order = reply.expect(201);
        self.publish(session, &order).await;
        trigger_all(session, &order, "dns-01").await;
        let url = reply.header("location");
        let order = session.get(&url).await.expect(200);
        assert_eq!(order["status"], "ready", "{order}");
        (url, order)
    }

    /// The whole way, with a new P-256 key and an empty subject.
    pub(crate) async fn issue(&self, session: &Session, names: &[&str]) -> Issued {
        self.issue_with(session, names, json!({})).await
    }

    pub(crate) async fn issue_with(
        &self,
        session: &Session,
        names: &[&str],
        more: Value,
    ) -> Issued {
        let (_, order) = self.ready_with(session, names, more).await;
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let order = finalize(session, &order, &csr(names, &key))
            .await
            .expect(200);
        assert_eq!(order["status"], "valid", "{order}");
        let url = order["certificate"].as_str().unwrap().to_owned();
        let reply = session.get(&url).await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("content-type"),
            "application/pem-certificate-chain"
        );
        Issued {
            chain: Chain::from_pem(&reply.text).unwrap(),
            key,
            url,
            order,
        }
    }
}

/// A certificate with what led to it.
pub(crate) struct Issued {
    pub(crate) chain: Chain,
    pub(crate) key: KeyPair,
    pub(crate) url: String,
    pub(crate) order: Value,
}

/// A request for these names or addresses.
pub(crate) fn csr(names: &[&str], key: &KeyPair) -> Csr {
    let mut params = CsrParams::default();
    for name in names {
        match name.parse() {
            Ok(ip) => params.ips.push(ip),
            Err(_) => params.names.push(name.parse().unwrap()),
        }
    }
    Csr::build(&params, key).unwrap()
}

pub(crate) async fn finalize(session: &Session, order: &Value, csr: &Csr) -> Reply {
    let url = order["finalize"].as_str().unwrap();
    session.post(url, json!({"csr": b64(csr.der())})).await
}

/// Says "the response is in place" for every pending authorization.
pub(crate) async fn trigger_all(session: &Session, order: &Value, kind: &str) {
    for url in urls(&order["authorizations"]) {
        let authorization = session.get(&url).await.expect(200);
        if authorization["status"] == "pending" {
            let challenge = challenge(&authorization, kind);
            session
                .post(challenge["url"].as_str().unwrap(), json!({}))
                .await
                .expect(200);
        }
    }
}

/// The challenge of this type.
#[track_caller]
pub(crate) fn challenge(authorization: &Value, kind: &str) -> Value {
    let all = authorization["challenges"].as_array().unwrap();
    let found = all.iter().find(|challenge| challenge["type"] == kind);
    found
        .unwrap_or_else(|| panic!("no {kind} in {authorization}"))
        .clone()
}

/// The strings of an array.
pub(crate) fn urls(array: &Value) -> Vec<String> {
    let all = array.as_array().unwrap();
    all.iter()
        .map(|url| url.as_str().unwrap().to_owned())
        .collect()
}
