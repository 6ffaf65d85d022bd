//! Records for the tests of this crate's own modules.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use evercert_api::sync::ItemId;
use evercert_types::{CertificateId, DomainName, KeyAlgorithm};
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::{Certificate, KeyPair};
use jiff::{SignedDuration, Timestamp};

use super::intern::Interner;
use super::record::{Record, RecordParts};

/// The instant the samples are valid at.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// Mints records; keys and leaves are used again, because RSA keys are slow to make.
pub(crate) struct Sampler {
    ca: Authority,
    keys: RefCell<HashMap<KeyAlgorithm, KeyPair>>,
    interner: RefCell<Interner>,
}

/// A record to be made.
pub(crate) struct Spec<'a> {
    sampler: &'a Sampler,
    names: Vec<DomainName>,
    item: ItemId,
    generation: i64,
    days: i64,
}

impl Sampler {
    pub(crate) fn new() -> Self {
        let year = SignedDuration::from_hours(24 * 3650);
        Self {
            ca: Authority::self_signed("Sample Root", KeyAlgorithm::EcdsaP256, year, now())
                .unwrap(),
            keys: RefCell::default(),
            interner: RefCell::default(),
        }
    }

    pub(crate) fn record(&self, name: &str) -> Arc<Record> {
        self.spec(name).build()
    }

    /// A record for names, separated by blanks.
    pub(crate) fn spec(&self, names: &str) -> Spec<'_> {
        let mut names: Vec<DomainName> = names
            .split_whitespace()
            .map(|name| DomainName::new(name).unwrap())
            .collect();
        names.sort();
        Spec {
            sampler: self,
            names,
            item: ItemId {
                certificate: CertificateId::new(),
                algorithm: KeyAlgorithm::EcdsaP256,
            },
            generation: 1,
            days: 90,
        }
    }

    fn key(&self, algorithm: KeyAlgorithm) -> KeyPair {
        self.keys
            .borrow_mut()
            .entry(algorithm)
            .or_insert_with(|| KeyPair::generate(algorithm).unwrap())
            .clone()
    }

    fn leaf(&self, names: &[DomainName], key: &KeyPair, days: i64) -> Certificate {
        let validity = SignedDuration::from_hours(24 * days);
        self.ca
            .issue(&LeafRequest::for_key(key, names, validity, now()))
            .unwrap()
    }
}

impl Spec<'_> {
    pub(crate) fn certificate(mut self, id: CertificateId) -> Self {
        self.item.certificate = id;
        self
    }

    pub(crate) fn algorithm(mut self, algorithm: KeyAlgorithm) -> Self {
        self.item.algorithm = algorithm;
        self
    }

    pub(crate) const fn generation(mut self, generation: i64) -> Self {
        self.generation = generation;
        self
    }

    pub(crate) const fn days(mut self, days: i64) -> Self {
        self.days = days;
        self
    }

    pub(crate) fn build(self) -> Arc<Record> {
        let key = self.sampler.key(self.item.algorithm);
        let leaf = self.sampler.leaf(&self.names, &key, self.days);
        let parts = RecordParts {
            item: self.item,
            generation: self.generation,
            name: "sample".into(),
            names: self.names.into(),
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
            fingerprint: leaf.fingerprint(),
            committed_at_ms: 0,
            chain: self.sampler.interner.borrow_mut().intern(Vec::new()),
        };
        Arc::new(Record::new(parts, leaf.der(), key.to_pkcs8_der().expose()))
    }
}
