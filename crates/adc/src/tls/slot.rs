//! What stands behind a name: the certificates to choose from, swapped as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use evercert_types::{CertificateId, KeyAlgorithm, KeyFamily};
use rustls::SignatureScheme;

use super::record::{Record, is_usable};

/// The place that names point to; a renewal is one pointer store, whatever the number of names.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Whose it is; `None` where several certificates claim the name.
    owner: Option<CertificateId>,
    current: ArcSwap<CertificateSet>,
}

/// At most one record per key algorithm, best first: ECDSA before RSA.
#[derive(Debug, Default)]
pub(crate) struct CertificateSet {
    served: Box<[Arc<Record>]>,
    losers: Box<[Arc<Record>]>,
}

impl Slot {
    /// A slot of one certificate, or of a name that several claim.
    pub(crate) fn new(owner: Option<CertificateId>, content: CertificateSet) -> Self {
        Self {
            owner,
            current: ArcSwap::from_pointee(content),
        }
    }

    /// Whose it is, unless several certificates claim the name.
    pub(crate) const fn owner(&self) -> Option<CertificateId> {
        self.owner
    }

    /// The present content; never blocks.
    pub(crate) fn load(&self) -> Guard<Arc<CertificateSet>> {
        self.current.load()
    }

    /// Replaces the content for every name at once; handshakes under way keep what they chose.
    pub(crate) fn store(&self, content: CertificateSet) {
        self.current.store(Arc::new(content));
    }
}

impl CertificateSet {
    /// Decides among all records that claim a name.
    ///
    /// Within a key family the certificate with the longest notAfter goes first, then the newest generation, then
    /// the lower id; within a certificate the cheaper algorithm. Each algorithm is held once. The caller passes
    /// records that are valid now.
    pub(crate) fn choose(candidates: Vec<Arc<Record>>) -> Self {
        let mut ranked = rank(candidates);
        let mut served: Vec<Arc<Record>> = Vec::new();
        ranked.retain(|record| {
            let wins = served.iter().all(|s| s.algorithm() != record.algorithm());
            if wins {
                served.push(record.clone());
            }
            !wins
        });
        Self {
            served: served.into(),
            losers: ranked.into(),
        }
    }

    /// The first record that a client with these signature schemes can verify.
    pub(crate) fn pick(&self, offered: &[SignatureScheme]) -> Option<&Arc<Record>> {
        self.served
            .iter()
            .find(|record| is_usable(record.algorithm(), offered))
    }

    /// The records in order of preference.
    pub(crate) fn served(&self) -> &[Arc<Record>] {
        &self.served
    }

    /// Records of other certificates that claim the name and lost.
    pub(crate) fn losers(&self) -> &[Arc<Record>] {
        &self.losers
    }
}

/// Orders candidates: ECDSA first, then by certificate, then by algorithm.
fn rank(mut candidates: Vec<Arc<Record>>) -> Vec<Arc<Record>> {
    if candidates.len() < 2 {
        return candidates;
    }
    let mut best: BTreeMap<(KeyFamily, CertificateId), (i64, i64)> = BTreeMap::new();
    for record in &candidates {
        let strength = (
            record.parts().not_after.as_second(),
            record.parts().generation,
        );
        let held = best.entry(group(record)).or_insert(strength);
        *held = (*held).max(strength);
    }
    candidates.sort_by_key(|record| {
        let (family, certificate) = group(record);
        let (not_after, generation) = best[&(family, certificate)];
        let algorithm: KeyAlgorithm = record.algorithm();
        (
            family,
            std::cmp::Reverse((not_after, generation)),
            certificate,
            algorithm,
        )
    });
    candidates
}

fn group(record: &Record) -> (KeyFamily, CertificateId) {
    (record.algorithm().family(), record.parts().item.certificate)
}

#[cfg(test)]
mod tests {
    use super::super::samples::Sampler;
    use super::*;

    const BOTH: &[SignatureScheme] = &[
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::ECDSA_NISTP256_SHA256,
    ];

    #[test]
    fn ecdsa_goes_first_and_rsa_serves_clients_without_it() {
        let sampler = Sampler::new();
        let certificate = CertificateId::new();
        let [rsa, ecdsa] = [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP256].map(|a| {
            sampler
                .spec("a.example")
                .certificate(certificate)
                .algorithm(a)
                .build()
        });

        let set = CertificateSet::choose(vec![rsa.clone(), ecdsa.clone()]);

        assert!(Arc::ptr_eq(set.pick(BOTH).unwrap(), &ecdsa));
        assert!(Arc::ptr_eq(set.pick(&BOTH[..1]).unwrap(), &rsa));
        assert!(set.pick(&[SignatureScheme::ED25519]).is_none());
    }

    #[test]
    fn the_longest_validity_wins_then_the_newest_generation() {
        let sampler = Sampler::new();
        let short = sampler.spec("a.example").days(10).generation(9).build();
        let long = sampler.spec("a.example").days(80).generation(1).build();
        let newer = sampler.spec("a.example").days(80).generation(2).build();

        let set = CertificateSet::choose(vec![short, newer.clone(), long]);

        assert!(Arc::ptr_eq(set.pick(BOTH).unwrap(), &newer));
        assert_eq!((set.served().len(), set.losers().len()), (1, 2));
    }
}
