//! Items as a Console sends them, for the tests of this crate's own modules.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::sync::{Item, ItemId, ItemKey};
use evercert_types::{CertificateId, DomainName, KeyAlgorithm, Secret};
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::{KeyPair, sha256};
use jiff::SignedDuration;

use super::verify::Chains;
use crate::tls::samples::now;

const DAY: i64 = 24;

/// A root, an intermediate that issues, and another CA.
pub(crate) struct Store {
    issuing: Authority,
    foreign: Authority,
}

impl Store {
    pub(crate) fn new() -> Self {
        let years = SignedDuration::from_hours(DAY * 3650);
        let algorithm = KeyAlgorithm::EcdsaP256;
        let start = now() - SignedDuration::from_hours(DAY * 300);
        let root = Authority::self_signed("Root", algorithm, years, start).unwrap();
        Self {
            issuing: root
                .intermediate("Issuing", algorithm, years, start)
                .unwrap(),
            foreign: Authority::self_signed("Foreign", algorithm, years, start).unwrap(),
        }
    }

    /// An item valid for 90 days.
    pub(crate) fn item(&self, names: &str) -> Item {
        self.item_of(CertificateId::new(), names, 1, 0, 90)
    }

    pub(crate) fn expired_item(&self, names: &str) -> Item {
        self.item_of(CertificateId::new(), names, 1, -100, -1)
    }

    pub(crate) fn item_with_foreign_chain(&self, names: &str) -> Item {
        let mut item = self.item(names);
        item.chain = Some(sha256(self.foreign.certificate().der()));
        item
    }

    pub(crate) fn foreign_chains(&self) -> Chains {
        let der = self.foreign.certificate().der();
        Chains::from([(sha256(der), vec![STANDARD.encode(der)])])
    }

    /// An item of a certificate, valid between two days from now.
    pub(crate) fn item_of(
        &self,
        certificate: CertificateId,
        names: &str,
        generation: i64,
        from_day: i64,
        to_day: i64,
    ) -> Item {
        let names: Vec<DomainName> = names
            .split_whitespace()
            .map(|name| DomainName::new(name).unwrap())
            .collect();
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let day = |day: i64| now() + SignedDuration::from_hours(DAY * day);
        let mut request = LeafRequest::new(key.spki_der(), day(from_day), day(to_day));
        request.names.clone_from(&names);
        let leaf = self.issuing.issue(&request).unwrap();
        Item {
            id: ItemId {
                certificate,
                algorithm: KeyAlgorithm::EcdsaP256,
            },
            generation,
            name: names[0].to_string(),
            names,
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
            leaf: STANDARD.encode(leaf.der()),
            fingerprint: leaf.fingerprint(),
            chain: Some(self.chain_id()),
            key: ItemKey::Transport {
                data: Secret::new(STANDARD.encode(key.to_pkcs8_der().expose())),
            },
            committed_at_ms: 0,
        }
    }

    fn chain_id(&self) -> evercert_types::Fingerprint {
        sha256(self.issuing.certificate().der())
    }
}

/// The chain that the store's items name.
pub(crate) fn chains(store: &Store) -> Chains {
    let der = store.issuing.certificate().der();
    Chains::from([(store.chain_id(), vec![STANDARD.encode(der)])])
}
