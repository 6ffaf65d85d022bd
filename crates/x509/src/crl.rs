//! Certificate revocation lists (RFC 5280 §5): verified once, then looked up by serial number.

use std::collections::HashSet;

use jiff::Timestamp;
use x509_parser::prelude::{CertificateRevocationList, FromDer, ParsedExtension};
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::certificate::Certificate;
use crate::pem;

/// A CRL whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    issuer: Vec<u8>,
    revoked: HashSet<Box<[u8]>>,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    number: Option<String>,
    signature_algorithm: String,
}

/// A CRL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// It is neither PEM (`X509 CRL`) nor DER.
    #[error("the CRL could not be read ({0}); give it as PEM or DER")]
    Malformed(String),
    /// Another CA issued it.
    #[error("the CRL was issued by {issuer}, not by {ca}; give the CA's own")]
    Issuer {
        /// The CRL's issuer.
        issuer: String,
        /// The CA it was held against.
        ca: String,
    },
    /// Its signature is not the CA's.
    #[error("the CRL's signature is not that of {0}")]
    Signature(String),
    /// It tells only a part, or speaks for other CAs.
    #[error("the CRL is a delta or an indirect one; give a complete one of the CA itself")]
    Partial,
}

impl RevocationList {
    /// Reads a CRL in PEM or DER, and verifies that the CA signed it.
    ///
    /// # Errors
    /// See [`CrlError`].
    pub fn read(octets: &[u8], ca: &Certificate) -> Result<Self, CrlError> {
        let der = der(octets)?;
        let (rest, list) = CertificateRevocationList::from_der(&der)
            .map_err(|error| CrlError::Malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(CrlError::Malformed("octets follow it".to_owned()));
        }
        if list.issuer().as_raw() != ca.subject_der() {
            return Err(CrlError::Issuer {
                issuer: crate::name::der_text(list.issuer().as_raw()),
                ca: ca.display_name(),
            });
        }
        let verified = SubjectPublicKeyInfo::from_der(ca.spki_der())
            .is_ok_and(|(_, key)| list.verify_signature(&key).is_ok());
        if !verified {
            return Err(CrlError::Signature(ca.display_name()));
        }
        check_scope(&list)?;
        let second = |time: i64| Timestamp::from_second(time).unwrap_or(Timestamp::MAX);
        Ok(Self {
            issuer: ca.subject_der().to_vec(),
            revoked: (list.iter_revoked_certificates())
                .map(|entry| entry.raw_serial().into())
                .collect(),
            this_update: second(list.last_update().timestamp()),
            next_update: list.next_update().map(|time| second(time.timestamp())),
            number: list.crl_number().map(ToString::to_string),
            signature_algorithm: list.signature_algorithm.algorithm.to_id_string(),
        })
    }

    /// The CA's subject as DER.
    pub fn issuer_der(&self) -> &[u8] {
        &self.issuer
    }

    /// Whether a serial number (contents octets) is on it.
    pub fn revokes(&self, serial: &[u8]) -> bool {
        self.revoked.contains(serial)
    }

    /// How many certificates it revokes.
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it revokes none.
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// When it was issued.
    pub const fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When the next one is due; past that it says nothing any more.
    pub const fn next_update(&self) -> Option<Timestamp> {
        self.next_update
    }

    /// Whether it may still be believed.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.next_update.is_none_or(|next| now <= next)
    }

    /// Its number, where it has one.
    pub fn number(&self) -> Option<&str> {
        self.number.as_deref()
    }

    /// Object identifier of its signature's algorithm.
    pub fn signature_algorithm(&self) -> &str {
        &self.signature_algorithm
    }
}

fn der(octets: &[u8]) -> Result<Vec<u8>, CrlError> {
    let Ok(text) = std::str::from_utf8(octets) else {
        return Ok(octets.to_vec());
    };
    if !text.contains("-----BEGIN") {
        return Ok(octets.to_vec());
    }
    let blocks = pem::blocks(text).map_err(|error| CrlError::Malformed(error.to_string()))?;
    let list = blocks.into_iter().find(|block| block.label == "X509 CRL");
    list.map(|block| block.der.to_vec())
        .ok_or_else(|| CrlError::Malformed("there is no X509 CRL in the PEM".to_owned()))
}

/// A delta CRL tells only what changed; an indirect one has entries of other issuers.
fn check_scope(list: &CertificateRevocationList<'_>) -> Result<(), CrlError> {
    let is_partial = list.extensions().iter().any(|extension| {
        match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(point) => {
                point.indirect_crl || point.only_some_reasons.is_some()
            }
            // deltaCRLIndicator (RFC 5280 §5.2.4) and what nobody knows.
            ParsedExtension::UnsupportedExtension { .. } | ParsedExtension::Unparsed => {
                extension.critical
            }
            ParsedExtension::ParseError { .. } => true,
            _ => false,
        }
    });
    match is_partial {
        true => Err(CrlError::Partial),
        false => Ok(()),
    }
}
