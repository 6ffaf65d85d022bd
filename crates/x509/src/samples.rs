//! Ready-made authorities, keys and chains for the tests of this crate.

use evercert_types::{DomainName, KeyAlgorithm};
use jiff::{SignedDuration, Timestamp};

use crate::mint::{Authority, LeafRequest};
use crate::{Chain, KeyPair};

/// A self-signed RSA root made by OpenSSL.
pub(crate) const FIXTURE_CA: &str = include_str!("../tests/fixtures/ca.pem");
/// A leaf of that root, for [`FIXTURE_RSA_KEY`], serial 0xF0, two names and two addresses.
pub(crate) const FIXTURE_LEAF: &str = include_str!("../tests/fixtures/leaf.pem");
/// An RSA key of 2048 bits as PKCS#1.
pub(crate) const FIXTURE_RSA_KEY: &str = include_str!("../tests/fixtures/rsa-pkcs1.pem");

/// 2026-01-01.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap()
}

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

pub(crate) fn names(texts: &[&str]) -> Vec<DomainName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A root, an intermediate below it.
pub(crate) fn authorities() -> (Authority, Authority) {
    let root =
        Authority::self_signed("Sample Root", KeyAlgorithm::EcdsaP256, days(3650), now()).unwrap();
    let intermediate = root
        .intermediate("Sample CA 1", KeyAlgorithm::EcdsaP256, days(1825), now())
        .unwrap();
    (root, intermediate)
}

/// A key with a chain of two for `a.example` and `*.a.example`, and its root.
pub(crate) fn chain() -> (KeyPair, Chain, Authority) {
    let (root, intermediate) = authorities();
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let request =
        LeafRequest::for_key(&key, &names(&["a.example", "*.a.example"]), days(90), now());
    (key, intermediate.issue_chain(&request).unwrap(), root)
}
