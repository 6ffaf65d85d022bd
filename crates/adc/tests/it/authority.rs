//! Certificates for the tests: a root, an issuing CA, and items as a Console stores them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::sync::{Item, ItemId, ItemKey};
use evercert_types::{
    CertificateId, Clock, DomainName, Fingerprint, KeyAlgorithm, Secret, SystemClock,
};
use evercert_x509::mint::{Authority, LeafRequest, Usage};
use evercert_x509::{Certificate, Chain, Csr, KeyPair, sha256};
use jiff::{SignedDuration, Timestamp};

/// Issues everything the tests serve.
pub(crate) struct TestCa {
    pub(crate) root: Authority,
    pub(crate) issuing: Authority,
}

/// What an item is to be; valid from an hour ago for 90 days unless told otherwise.
#[derive(Clone)]
pub(crate) struct ItemSpec {
    pub(crate) certificate: CertificateId,
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) generation: i64,
    pub(crate) names: Vec<DomainName>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) ocsp_url: Option<String>,
    pub(crate) usage: Usage,
}

pub(crate) fn now() -> Timestamp {
    // Whole seconds, as certificates have them.
    Timestamp::from_second(SystemClock.now().as_second()).unwrap()
}

pub(crate) fn names(text: &str) -> Vec<DomainName> {
    text.split_whitespace()
        .map(|name| name.parse().unwrap())
        .collect()
}

impl ItemSpec {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            certificate: CertificateId::new(),
            algorithm: KeyAlgorithm::EcdsaP256,
            generation: 1,
            names: names(text),
            not_before: now() - SignedDuration::from_hours(1),
            not_after: now() + SignedDuration::from_hours(24 * 90),
            ocsp_url: None,
            usage: Usage::Server,
        }
    }

    pub(crate) fn rsa(mut self) -> Self {
        self.algorithm = KeyAlgorithm::Rsa2048;
        self
    }

    pub(crate) fn next(&self) -> Self {
        Self {
            generation: self.generation + 1,
            ..self.clone()
        }
    }

    pub(crate) fn valid(mut self, not_before: Timestamp, not_after: Timestamp) -> Self {
        (self.not_before, self.not_after) = (not_before, not_after);
        self
    }
}

impl TestCa {
    pub(crate) fn new() -> Self {
        let years = SignedDuration::from_hours(24 * 3650);
        let start = now() - SignedDuration::from_hours(24 * 365);
        let algorithm = KeyAlgorithm::EcdsaP256;
        let root = Authority::self_signed("Test Root", algorithm, years, start).unwrap();
        let issuing = root
            .intermediate("Test Issuing", algorithm, years, start)
            .unwrap();
        Self { root, issuing }
    }

    pub(crate) fn item(&self, spec: &ItemSpec) -> Item {
        let key = key(spec.algorithm);
        let mut request = LeafRequest::new(key.spki_der(), spec.not_before, spec.not_after);
        request.names.clone_from(&spec.names);
        request.ocsp_url.clone_from(&spec.ocsp_url);
        request.usage = spec.usage;
        let leaf = self.issuing.issue(&request).unwrap();
        Item {
            id: ItemId {
                certificate: spec.certificate,
                algorithm: spec.algorithm,
            },
            generation: spec.generation,
            name: spec.names[0].to_string(),
            names: spec.names.clone(),
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
            leaf: STANDARD.encode(leaf.der()),
            fingerprint: leaf.fingerprint(),
            chain: Some(self.chain_id()),
            key: ItemKey::Transport {
                data: Secret::new(STANDARD.encode(key.to_pkcs8_der().expose())),
            },
            committed_at_ms: now().as_millisecond(),
        }
    }

    pub(crate) fn chains(&self) -> BTreeMap<Fingerprint, Vec<String>> {
        let der = self.issuing.certificate().der();
        BTreeMap::from([(self.chain_id(), vec![STANDARD.encode(der)])])
    }

    fn chain_id(&self) -> Fingerprint {
        sha256(self.issuing.certificate().der())
    }

    /// A server's chain (leaf and issuing CA) with its key, valid for 90 days.
    pub(crate) fn issue(&self, domains: &str, algorithm: KeyAlgorithm) -> (Chain, KeyPair) {
        let key = key(algorithm);
        let validity = SignedDuration::from_hours(24 * 90);
        let mut request = LeafRequest::for_key(&key, &names(domains), validity, now());
        request.common_name = domains.split_whitespace().next().map(str::to_owned);
        (self.issuing.issue_chain(&request).unwrap(), key)
    }

    /// The certificate of a request.
    pub(crate) fn sign(&self, request: &Csr) -> Chain {
        let validity = SignedDuration::from_hours(24 * 90);
        let request = LeafRequest::for_csr(request, validity, now());
        self.issuing.issue_chain(&request).unwrap()
    }

    /// Writes `<name>.pem` (chain) and `<name>.key`, and returns the leaf.
    pub(crate) fn files(
        &self,
        dir: &Path,
        name: &str,
        domains: &str,
        algorithm: KeyAlgorithm,
    ) -> Certificate {
        let (chain, key) = self.issue(domains, algorithm);
        std::fs::write(dir.join(format!("{name}.pem")), chain.to_pem()).unwrap();
        std::fs::write(dir.join(format!("{name}.key")), key.to_pkcs8_pem().expose()).unwrap();
        chain.leaf().clone()
    }

    /// A certificate for a server, with its key.
    pub(crate) fn server(&self, name: &str) -> (Vec<Certificate>, KeyPair) {
        let key = key(KeyAlgorithm::EcdsaP256);
        let validity = SignedDuration::from_hours(24);
        let request = LeafRequest::for_key(&key, &names(name), validity, now());
        let chain = self.issuing.issue_chain(&request).unwrap();
        (chain.certificates().to_vec(), key)
    }

    /// A certificate for a client, with its key.
    pub(crate) fn client(&self, common_name: &str) -> (Vec<Certificate>, KeyPair) {
        let key = key(KeyAlgorithm::EcdsaP256);
        let validity = SignedDuration::from_hours(24);
        let mut request = LeafRequest::for_key(&key, &[], validity, now());
        request.common_name = Some(common_name.to_owned());
        request.usage = Usage::Client;
        let chain = self.issuing.issue_chain(&request).unwrap();
        (chain.certificates().to_vec(), key)
    }
}

/// A new ECDSA key; the one RSA key, because they are slow to make.
fn key(algorithm: KeyAlgorithm) -> KeyPair {
    static RSA: OnceLock<KeyPair> = OnceLock::new();
    match algorithm {
        KeyAlgorithm::Rsa2048 => RSA
            .get_or_init(|| KeyPair::generate(algorithm).unwrap())
            .clone(),
        _ => KeyPair::generate(algorithm).unwrap(),
    }
}
