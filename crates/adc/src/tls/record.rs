//! One certificate with its key as the table holds it: compact bytes, parsed when first asked for.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use evercert_api::sync::ItemId;
use evercert_types::{DomainName, Fingerprint, KeyAlgorithm, KeyFamily};
use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::{RsaSigningKey, any_ecdsa_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use zeroize::Zeroize;

use super::intern::Intermediates;
use crate::ocsp::{Source, Staple};

/// What a record is made of.
pub(crate) struct RecordParts {
    pub(crate) item: ItemId,
    pub(crate) generation: i64,
    /// The certificate's name, for people.
    pub(crate) name: Arc<str>,
    /// The names it is served for, sorted.
    pub(crate) names: Arc<[DomainName]>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) committed_at_ms: i64,
    pub(crate) chain: Arc<Intermediates>,
}

/// An item of the zero-touch store, ready to be served.
///
/// Leaf and key lie in one allocation; the parsed form is kept by [`super::hot::HotKeys`] while it is used.
pub(crate) struct Record {
    parts: RecordParts,
    blob: Box<[u8]>,
    leaf_len: usize,
    /// The parsed form while it is hot.
    pub(super) hot: ArcSwapOption<CertifiedKey>,
    /// Whether it was used since the clock hand last passed.
    pub(super) referenced: AtomicBool,
    counts: Counts,
    source: OnceLock<Option<Box<Source>>>,
    /// What its OCSP responder said last.
    pub(crate) staple: ArcSwapOption<Staple>,
    /// Whether its responder is being asked.
    pub(crate) staple_asked: AtomicBool,
    /// The last handshake that a response could be stapled to, in seconds since 1970.
    pub(crate) staple_used: AtomicI64,
}

/// Completed handshakes.
#[derive(Default)]
struct Counts {
    unreported: AtomicU64,
    total: AtomicU64,
}

/// What counting one more handshake means for reporting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// The first of this generation on this instance.
    First,
    /// The first since the last report.
    FirstUnreported,
    /// Others wait to be reported already.
    Further,
}

impl Record {
    /// Joins leaf and PKCS#8 key (both DER) with what is known about them.
    pub(crate) fn new(parts: RecordParts, leaf: &[u8], pkcs8: &[u8]) -> Self {
        let mut blob = Vec::with_capacity(leaf.len() + pkcs8.len());
        blob.extend_from_slice(leaf);
        blob.extend_from_slice(pkcs8);
        Self {
            parts,
            blob: blob.into_boxed_slice(),
            leaf_len: leaf.len(),
            hot: ArcSwapOption::empty(),
            referenced: AtomicBool::new(false),
            counts: Counts::default(),
            source: OnceLock::new(),
            staple: ArcSwapOption::empty(),
            staple_asked: AtomicBool::new(false),
            staple_used: AtomicI64::new(0),
        }
    }

    /// What is known about it.
    pub(crate) const fn parts(&self) -> &RecordParts {
        &self.parts
    }

    /// The leaf as DER.
    pub(crate) fn leaf(&self) -> &[u8] {
        &self.blob[..self.leaf_len]
    }

    /// The key as PKCS#8 DER.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.blob[self.leaf_len..]
    }

    /// The key's algorithm.
    pub(crate) const fn algorithm(&self) -> KeyAlgorithm {
        self.parts.item.algorithm
    }

    /// Whether it is served for this very name (wildcards as text).
    pub(crate) fn claims(&self, name: &str) -> bool {
        self.parts
            .names
            .binary_search_by(|held| held.as_str().cmp(name))
            .is_ok()
    }

    /// Whether its validity has begun and not ended.
    pub(crate) fn is_valid_at(&self, now: Timestamp) -> bool {
        self.parts.not_before <= now && now < self.parts.not_after
    }

    /// Parses key and chain for rustls.
    ///
    /// # Errors
    /// When rustls does not take the key.
    pub(crate) fn parse(&self) -> Result<Arc<CertifiedKey>, rustls::Error> {
        let key = signing_key(self.algorithm(), self.pkcs8())?;
        let mut chain = Vec::with_capacity(1 + self.parts.chain.len());
        chain.push(CertificateDer::from(self.leaf().to_vec()));
        chain.extend(
            self.parts
                .chain
                .iter()
                .map(|der| CertificateDer::from(der.to_vec())),
        );
        Ok(Arc::new(CertifiedKey::new(chain, key)))
    }

    /// Who can tell whether it is revoked; read from the certificate when it is first wanted.
    pub(crate) fn source(&self) -> Option<&Source> {
        self.source
            .get_or_init(|| Source::of(self).map(Box::new))
            .as_deref()
    }

    /// Forgets the parsed key.
    pub(super) fn cool(&self) {
        self.hot.store(None);
        if let Some(staple) = &*self.staple.load() {
            staple.certified.store(None);
        }
    }

    /// Counts one completed handshake.
    pub(crate) fn count_handshake(&self) -> Counted {
        let earlier = self.counts.total.fetch_add(1, Ordering::Relaxed);
        let waiting = self.counts.unreported.fetch_add(1, Ordering::AcqRel);
        match (earlier, waiting) {
            (0, _) => Counted::First,
            (_, 0) => Counted::FirstUnreported,
            _ => Counted::Further,
        }
    }

    /// Takes the handshakes not yet reported.
    pub(crate) fn take_unreported(&self) -> u64 {
        self.counts.unreported.swap(0, Ordering::AcqRel)
    }

    /// Puts back handshakes whose report did not arrive; whether none were waiting meanwhile.
    pub(crate) fn restore_unreported(&self, handshakes: u64) -> bool {
        self.counts
            .unreported
            .fetch_add(handshakes, Ordering::AcqRel)
            == 0
    }

    /// All handshakes completed with it on this instance.
    pub(crate) fn handshakes(&self) -> u64 {
        self.counts.total.load(Ordering::Relaxed)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.blob.zeroize();
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.parts.item, self.parts.generation)
    }
}

/// Reads a PKCS#8 key by its known algorithm, which is twice as fast as trying them all.
fn signing_key(
    algorithm: KeyAlgorithm,
    pkcs8: &[u8],
) -> Result<Arc<dyn SigningKey>, rustls::Error> {
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
    match algorithm.family() {
        KeyFamily::Ecdsa => any_ecdsa_type(&der),
        KeyFamily::Rsa => Ok(Arc::new(RsaSigningKey::new(&der)?)),
    }
}

/// Whether a client that offers these schemes can verify signatures of this algorithm's keys.
pub(crate) fn is_usable(algorithm: KeyAlgorithm, offered: &[SignatureScheme]) -> bool {
    use SignatureScheme as S;
    let wanted: &[S] = match algorithm {
        KeyAlgorithm::EcdsaP256 => &[S::ECDSA_NISTP256_SHA256],
        KeyAlgorithm::EcdsaP384 => &[S::ECDSA_NISTP384_SHA384],
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => &[
            S::RSA_PSS_SHA256,
            S::RSA_PSS_SHA384,
            S::RSA_PSS_SHA512,
            S::RSA_PKCS1_SHA256,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA512,
        ],
    };
    wanted.iter().any(|scheme| offered.contains(scheme))
}
