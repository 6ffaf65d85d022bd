//! The responder's side: a signed answer for a few certificates.

use evercert_types::KeyAlgorithm;
use jiff::Timestamp;

use crate::der::{self, ENUMERATED, GENERALIZED_TIME, NULL, OCTET_STRING, SEQUENCE};
use crate::key::KeyError;
use crate::ocsp::request::{nonce_extensions, sha1};
use crate::ocsp::{BASIC, CertId, Status, oid};
use crate::{Certificate, KeyPair};

/// What is said of some certificates, and until when.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The certificates and their status.
    pub statuses: &'a [(CertId, Status)],
    /// The nonce of the request, to be echoed.
    pub nonce: Option<&'a [u8]>,
    /// When the response is made, and since when it is right.
    pub now: Timestamp,
    /// When there will be newer information.
    pub next_update: Option<Timestamp>,
    /// Sent along: the certificate of a responder that the issuer delegated to.
    pub delegate: Option<&'a Certificate>,
}

/// Signs an answer with the issuer's or the delegate's key; answers `OCSPResponse` as DER.
///
/// # Errors
/// When the system's random source fails.
pub fn respond(answer: &Answer<'_>, key: &KeyPair) -> Result<Vec<u8>, KeyError> {
    let key_hash = der::tlv(OCTET_STRING, &sha1(key.public_key()));
    let singles: Vec<Vec<u8>> = answer
        .statuses
        .iter()
        .map(|(id, status)| single(answer, id, *status))
        .collect();
    let singles: Vec<&[u8]> = singles.iter().map(Vec::as_slice).collect();
    let extensions = answer
        .nonce
        .map(|nonce| der::wrap(der::constructed(1), &[&nonce_extensions(nonce)]));
    let data = der::wrap(
        SEQUENCE,
        &[
            &der::wrap(der::constructed(2), &[&key_hash]),
            &time(answer.now),
            &der::wrap(SEQUENCE, &singles),
            extensions.as_deref().unwrap_or(&[]),
        ],
    );
    let signature = key.sign(&data)?;
    let certificates = answer.delegate.map(|certificate| {
        let list = der::wrap(SEQUENCE, &[certificate.der()]);
        der::wrap(der::constructed(0), &[&list])
    });
    let basic = der::wrap(
        SEQUENCE,
        &[
            &data,
            &algorithm(key.algorithm()),
            &der::wrap(der::BIT_STRING, &[&[0], &signature]),
            certificates.as_deref().unwrap_or(&[]),
        ],
    );
    let bytes = der::wrap(SEQUENCE, &[&oid(BASIC), &der::tlv(OCTET_STRING, &basic)]);
    let successful = der::tlv(ENUMERATED, &[0]);
    Ok(der::wrap(
        SEQUENCE,
        &[&successful, &der::wrap(der::constructed(0), &[&bytes])],
    ))
}

fn single(answer: &Answer<'_>, id: &CertId, status: Status) -> Vec<u8> {
    let status = match status {
        Status::Good => der::tlv(der::context(0), &[]),
        Status::Revoked { at } => der::wrap(der::constructed(1), &[&time(at)]),
        Status::Unknown => der::tlv(der::context(2), &[]),
    };
    let next = answer
        .next_update
        .map(|at| der::wrap(der::constructed(0), &[&time(at)]));
    der::wrap(
        SEQUENCE,
        &[
            &id.to_der(),
            &status,
            &time(answer.now),
            next.as_deref().unwrap_or(&[]),
        ],
    )
}

/// `GeneralizedTime`, whatever the year (RFC 6960 §4.2.2.1).
fn time(at: Timestamp) -> Vec<u8> {
    der::tlv(
        GENERALIZED_TIME,
        at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes(),
    )
}

fn algorithm(key: KeyAlgorithm) -> Vec<u8> {
    match key {
        KeyAlgorithm::EcdsaP256 => der::wrap(SEQUENCE, &[&oid("1.2.840.10045.4.3.2")]),
        KeyAlgorithm::EcdsaP384 => der::wrap(SEQUENCE, &[&oid("1.2.840.10045.4.3.3")]),
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            let none = der::tlv(NULL, &[]);
            der::wrap(SEQUENCE, &[&oid("1.2.840.113549.1.1.11"), &none])
        }
    }
}
