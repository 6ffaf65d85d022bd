//! What is asked: certificates by their issuer and serial number (RFC 6960 §4.1).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::Certificate;
use crate::der::{self, NULL, OCTET_STRING, SEQUENCE, Tlv};
use crate::ocsp::{NONCE, SHA1, oid};

/// Which certificate is meant, as responders know it; equal for equal certificates.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CertId {
    name_hash: Vec<u8>,
    key_hash: Vec<u8>,
    serial: Vec<u8>,
}

impl CertId {
    /// The certificate as its issuer's responder knows it.
    pub fn of(certificate: &Certificate, issuer: &Certificate) -> Self {
        Self {
            name_hash: sha1(certificate.issuer_der()),
            key_hash: sha1(issuer.public_key()),
            serial: certificate.serial().to_vec(),
        }
    }

    /// `CertID` as DER.
    pub(super) fn to_der(&self) -> Vec<u8> {
        let algorithm = der::wrap(SEQUENCE, &[&oid(SHA1), &der::tlv(NULL, &[])]);
        der::wrap(
            SEQUENCE,
            &[
                &algorithm,
                &der::tlv(OCTET_STRING, &self.name_hash),
                &der::tlv(OCTET_STRING, &self.key_hash),
                &der::tlv(der::INTEGER, &self.serial),
            ],
        )
    }

    /// Reads `CertID`; `None` when another hash was used.
    pub(super) fn read(tlv: &Tlv<'_>) -> Result<Option<Self>, der::DerError> {
        let mut parts = der::Reader::new(tlv.content);
        let algorithm = parts.enter(SEQUENCE)?.expect(der::OID)?;
        let name_hash = parts.expect(OCTET_STRING)?.content.to_vec();
        let key_hash = parts.expect(OCTET_STRING)?.content.to_vec();
        let serial = parts.expect(der::INTEGER)?.content.to_vec();
        let read = Self {
            name_hash,
            key_hash,
            serial,
        };
        Ok((der::oid_text(algorithm.content) == SHA1).then_some(read))
    }
}

/// `OCSPRequest` for these certificates, with a nonce of 1 to 32 octets if there is one.
pub fn request(ids: &[CertId], nonce: Option<&[u8]>) -> Vec<u8> {
    let asked: Vec<Vec<u8>> = ids
        .iter()
        .map(|id| der::wrap(SEQUENCE, &[&id.to_der()]))
        .collect();
    let asked: Vec<&[u8]> = asked.iter().map(Vec::as_slice).collect();
    let list = der::wrap(SEQUENCE, &asked);
    let extensions = nonce.map(|nonce| der::wrap(der::constructed(2), &[&nonce_extensions(nonce)]));
    let to_be_signed = der::wrap(SEQUENCE, &[&list, extensions.as_deref().unwrap_or(&[])]);
    der::wrap(SEQUENCE, &[&to_be_signed])
}

/// `Extensions` with the nonce alone.
pub(super) fn nonce_extensions(nonce: &[u8]) -> Vec<u8> {
    let value = der::tlv(OCTET_STRING, &der::tlv(OCTET_STRING, nonce));
    let extension = der::wrap(SEQUENCE, &[&oid(NONCE), &value]);
    der::wrap(SEQUENCE, &[&extension])
}

/// The nonce among `Extensions`.
pub(super) fn nonce_of(extensions: &[u8]) -> Result<Option<Vec<u8>>, der::DerError> {
    let mut list = der::Reader::new(extensions).enter(SEQUENCE)?;
    while !list.is_empty() {
        let mut extension = list.enter(SEQUENCE)?;
        let name = extension.expect(der::OID)?;
        extension.optional(der::BOOLEAN)?;
        let value = extension.expect(OCTET_STRING)?.content;
        if der::oid_text(name.content) == NONCE {
            let inner = der::Reader::new(value).expect(OCTET_STRING);
            // Older responders give the octets without their own tag.
            return Ok(Some(inner.map_or(value, |tlv| tlv.content).to_vec()));
        }
    }
    Ok(None)
}

pub(super) fn sha1(octets: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, octets).as_ref().to_vec()
}
