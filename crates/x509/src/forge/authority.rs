//! The CA that signs, and the key that made certificates are for.

use std::sync::Arc;

use evercert_types::{Fingerprint, KeyAlgorithm};

use super::constraints::NameConstraints;
use super::key_identifier;
use super::names::AltNames;
use super::original::{AUTHORITY_KEY_ID, KEY_USAGE, NAME_CONSTRAINTS, Original, SUBJECT_KEY_ID};
use super::refusal::Refusal;
use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::der::{self, DerError, Reader};
use crate::key::{KeyError, KeyPair};
use crate::matching::{MatchError, verify_key_matches};

/// `ecdsa-with-SHA256`, `ecdsa-with-SHA384` and `sha256WithRSAEncryption` as `AlgorithmIdentifier`.
const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_SHA384: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const RSA_SHA256: &[u8] = &[
    0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0,
];
/// Bit 5 of keyUsage.
const KEY_CERT_SIGN: u8 = 0x04;

/// A CA whose key signs made certificates; cheap to clone.
#[derive(Clone, Debug)]
pub struct ForgingCa(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    chain: Chain,
    key: KeyPair,
    algorithm: &'static [u8],
    /// Its authorityKeyIdentifier extension for what it issues; empty when it has no subjectKeyIdentifier.
    authority_key_id: Vec<u8>,
    constraints: Vec<NameConstraints>,
    not_before: i64,
    not_after: i64,
}

/// A certificate and key cannot be used to forge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgingCaError {
    /// It is no CA's.
    #[error("{0} is not a CA certificate; give one with basicConstraints CA:TRUE")]
    NotACa(String),
    /// It is a CA's that may not sign certificates.
    #[error("the keyUsage of {0} leaves out keyCertSign; give a CA that may sign certificates")]
    MayNotSign(String),
    /// Certificate and key do not belong together.
    #[error("the forging CA's certificate and key do not belong together")]
    Mismatch(#[source] MatchError),
    /// An extension of it is malformed.
    #[error("the CA certificate {subject} is malformed")]
    Malformed {
        /// Its subject.
        subject: String,
        /// Why.
        #[source]
        source: DerError,
    },
    /// It has more octets or names than are read.
    #[error("the CA certificate {subject} cannot be used: {why}")]
    Unreadable {
        /// Its subject.
        subject: String,
        /// Why.
        why: String,
    },
}

impl ForgingCa {
    /// The CA at the beginning of a chain, with its key.
    ///
    /// # Errors
    /// See [`ForgingCaError`].
    pub fn new(chain: &Chain, key: KeyPair) -> Result<Self, ForgingCaError> {
        let certificate = chain.leaf();
        let subject = certificate.display_name();
        if !certificate.is_ca() {
            return Err(ForgingCaError::NotACa(subject));
        }
        verify_key_matches(certificate, &key).map_err(ForgingCaError::Mismatch)?;
        let own = pieces(certificate)?;
        if !may_sign(&own).map_err(|source| malformed(certificate, source))? {
            return Err(ForgingCaError::MayNotSign(subject));
        }
        let mut constraints = Vec::new();
        for certificate in chain.certificates() {
            if let Some(extension) = pieces(certificate)?.extension(NAME_CONSTRAINTS) {
                let read = NameConstraints::read(extension.value);
                constraints.push(read.map_err(|source| malformed(certificate, source))?);
            }
        }
        // A certificate above that ends earlier ends what is below it.
        let ends = chain.certificates().iter().map(Certificate::not_after);
        Ok(Self(Arc::new(Inner {
            algorithm: match key.algorithm() {
                KeyAlgorithm::EcdsaP256 => ECDSA_SHA256,
                KeyAlgorithm::EcdsaP384 => ECDSA_SHA384,
                KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => RSA_SHA256,
            },
            authority_key_id: authority_key_id(certificate.subject_key_id()),
            constraints,
            not_before: certificate.not_before().as_second(),
            not_after: ends.min().unwrap_or(certificate.not_after()).as_second(),
            chain: chain.clone(),
            key,
        })))
    }

    /// Its certificate, and those above it.
    pub fn chain(&self) -> &Chain {
        &self.0.chain
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        self.0.chain.leaf()
    }

    /// SHA-256 of its certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.certificate().fingerprint()
    }

    /// Algorithm of its key.
    pub fn key_algorithm(&self) -> KeyAlgorithm {
        self.0.key.algorithm()
    }

    pub(super) fn algorithm(&self) -> &'static [u8] {
        self.0.algorithm
    }

    pub(super) fn subject(&self) -> &[u8] {
        self.certificate().subject_der()
    }

    pub(super) fn authority_key_id(&self) -> &[u8] {
        &self.0.authority_key_id
    }

    pub(super) fn not_before(&self) -> i64 {
        self.0.not_before
    }

    pub(super) fn not_after(&self) -> i64 {
        self.0.not_after
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.0.key.sign(message).map_err(Refusal::Sign)
    }

    /// What must hold between the CA and what it is to sign.
    pub(super) fn check(
        &self,
        key: &LeafKey,
        subject: &[u8],
        copies_alt_names: bool,
        original: &Original<'_>,
    ) -> Result<(), Refusal> {
        let own_id = self.certificate().subject_key_id();
        if key.spki() == self.0.key.spki_der() || own_id == Some(&key.key_id()[..]) {
            return Err(Refusal::SameKey);
        }
        if original.issuer == self.subject() {
            return Err(Refusal::OwnIssue);
        }
        if self.0.constraints.is_empty() {
            return Ok(());
        }
        let alt_names = match copies_alt_names {
            true => original.alt_names()?,
            false => AltNames::default(),
        };
        let mut violations = self.0.constraints.iter();
        match violations.find_map(|constraints| constraints.violation(subject, &alt_names.0)) {
            Some(name) => Err(Refusal::NameConstraint(name)),
            None => Ok(()),
        }
    }
}

/// A key that made certificates are for, with what of it stands in them.
#[derive(Clone, Debug)]
pub struct LeafKey {
    key: KeyPair,
    key_id: [u8; 20],
}

impl LeafKey {
    /// This key.
    pub fn new(key: KeyPair) -> Self {
        let key_id = key_identifier(key.public_key());
        Self { key, key_id }
    }

    /// A new one.
    ///
    /// # Errors
    /// When it cannot be generated.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        KeyPair::generate(algorithm).map(Self::new)
    }

    /// The key itself.
    pub const fn key(&self) -> &KeyPair {
        &self.key
    }

    pub(super) fn spki(&self) -> &[u8] {
        self.key.spki_der()
    }

    pub(super) const fn key_id(&self) -> &[u8; 20] {
        &self.key_id
    }
}

fn pieces(certificate: &Certificate) -> Result<Original<'_>, ForgingCaError> {
    Original::read(certificate.der()).map_err(|refusal| ForgingCaError::Unreadable {
        subject: certificate.display_name(),
        why: refusal.to_string(),
    })
}

fn malformed(certificate: &Certificate, source: DerError) -> ForgingCaError {
    ForgingCaError::Malformed {
        subject: certificate.display_name(),
        source,
    }
}

fn may_sign(ca: &Original<'_>) -> Result<bool, DerError> {
    let Some(extension) = ca.extension(KEY_USAGE) else {
        return Ok(true);
    };
    let bits = Reader::new(extension.value)
        .expect(der::BIT_STRING)?
        .content;
    Ok(bits.get(1).is_some_and(|bits| bits & KEY_CERT_SIGN != 0))
}

fn authority_key_id(key_id: Option<&[u8]>) -> Vec<u8> {
    let Some(key_id) = key_id else {
        return Vec::new();
    };
    let value = der::tlv(der::SEQUENCE, &der::tlv(der::context(0), key_id));
    let oid = der::tlv(der::OID, AUTHORITY_KEY_ID);
    der::wrap(der::SEQUENCE, &[&oid, &der::tlv(der::OCTET_STRING, &value)])
}

/// The subjectKeyIdentifier extension of a key.
pub(super) fn push_subject_key_id(out: &mut Vec<u8>, key_id: &[u8; 20]) {
    der::push_header(out, der::SEQUENCE, 29);
    der::push(out, der::OID, SUBJECT_KEY_ID);
    der::push_header(out, der::OCTET_STRING, 22);
    der::push(out, der::OCTET_STRING, key_id);
}
