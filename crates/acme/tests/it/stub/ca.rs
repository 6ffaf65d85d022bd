//! The stub's issuing: one issuing key below one or more roots.

use evercert_types::{Clock, KeyAlgorithm, SystemClock};
use evercert_x509::mint::{Authority, LeafRequest, Usage};
use evercert_x509::{Csr, KeyPair};
use jiff::SignedDuration;

pub(crate) struct TestCa(Vec<Authority>);

impl TestCa {
    /// With the default root `Root 0` and so many others.
    pub(crate) fn new(alternates: usize) -> Self {
        let (now, life) = (SystemClock.now(), SignedDuration::from_hours(24));
        let algorithm = KeyAlgorithm::EcdsaP256;
        let key = KeyPair::generate(algorithm).unwrap();
        let issuing = (0..=alternates).map(|n| {
            let root = Authority::self_signed(&format!("Root {n}"), algorithm, life, now).unwrap();
            root.cross_sign("Issuing", &key, life, now).unwrap()
        });
        Self(issuing.collect())
    }

    /// A chain for the CSR that ends at the root of this number.
    pub(crate) fn issue(&self, csr_der: &[u8], root: usize) -> Option<String> {
        let csr = Csr::from_der(csr_der).ok()?;
        let now = SystemClock.now();
        let request = LeafRequest {
            spki: csr.spki_der().to_vec(),
            names: csr.names(),
            ips: csr.ips(),
            uris: Vec::new(),
            common_name: None,
            not_before: now,
            not_after: now + SignedDuration::from_hours(12),
            usage: Usage::Server,
            ocsp_url: None,
        };
        let issuing = self.0.get(root)?;
        let leaf = issuing.issue(&request).ok()?;
        Some(format!("{}{}", leaf.to_pem(), issuing.chain_pem()))
    }
}
