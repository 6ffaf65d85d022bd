//! Certificates bound by hand: the certkeys of ns.conf.

use std::collections::HashMap;
use std::sync::Arc;

use evercert_types::{DomainName, Fingerprint, KeyAlgorithm};
use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;

use super::record::is_usable;
use super::table::wildcard_base;

/// A certkey with its key, parsed.
#[derive(Debug)]
pub(crate) struct ManualCertificate {
    pub(crate) certkey: Arc<str>,
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) names: Vec<DomainName>,
    pub(crate) not_after: Timestamp,
    pub(crate) fingerprint: Fingerprint,
}

/// What is bound to a vserver by hand; as long as anything is, zero touch is off there.
#[derive(Debug, Default)]
pub(crate) struct ManualBindings {
    exact: HashMap<Box<str>, Vec<Arc<ManualCertificate>>>,
    /// By the name without `*.`.
    wild: HashMap<Box<str>, Vec<Arc<ManualCertificate>>>,
    fallback: Vec<Arc<ManualCertificate>>,
}

impl ManualBindings {
    /// Arranges bindings: those with `-SNICert`, and the others.
    pub(crate) fn new(
        sni: Vec<Arc<ManualCertificate>>,
        mut fallback: Vec<Arc<ManualCertificate>>,
    ) -> Self {
        let mut bindings = Self::default();
        for certificate in sni {
            for name in &certificate.names {
                let map = match name.is_wildcard() {
                    true => &mut bindings.wild,
                    false => &mut bindings.exact,
                };
                let held = map.entry(name.base().into()).or_default();
                held.push(certificate.clone());
                held.sort_by_key(|c| c.algorithm);
            }
        }
        fallback.sort_by_key(|c| c.algorithm);
        bindings.fallback = fallback;
        bindings
    }

    /// SNI bindings for this very name.
    pub(crate) fn exact(&self, name: &str) -> &[Arc<ManualCertificate>] {
        self.exact.get(name).map_or(&[], Vec::as_slice)
    }

    /// SNI bindings whose wildcard covers the name.
    pub(crate) fn wildcard(&self, name: &str) -> &[Arc<ManualCertificate>] {
        wildcard_base(name)
            .and_then(|base| self.wild.get(base))
            .map_or(&[], Vec::as_slice)
    }

    /// The bindings without `-SNICert`.
    pub(crate) fn fallback(&self) -> &[Arc<ManualCertificate>] {
        &self.fallback
    }
}

/// The first certificate, ECDSA before RSA, that a client with these signature schemes can verify.
pub(crate) fn pick<'a>(
    candidates: &'a [Arc<ManualCertificate>],
    offered: &[SignatureScheme],
) -> Option<&'a Arc<ManualCertificate>> {
    candidates
        .iter()
        .find(|candidate| is_usable(candidate.algorithm, offered))
}
