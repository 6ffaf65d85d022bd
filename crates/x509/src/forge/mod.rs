//! Certificates made after the image of others: subject and chosen extensions copied octet by octet.
//!
//! A proxy that ends a client's TLS cannot show the client's certificate to the server behind it, for it has not the
//! client's key. It can show one that says the same of the client, signed by a CA that the server trusts for that:
//! [`forge`] makes it. Names are never decoded and written again, so that what a directory compares stays the same:
//! several `OU` and `DC`, multi-valued parts, `otherName` of every kind. What belongs to the new key and the new issuer
//! is new: serial number, validity, key usage, key identifiers. [`Original`] is what is copied from, [`ForgingCa`] signs,
//! [`FieldPolicy`] says what is copied, and every reason not to forge is a [`Refusal`].

mod authority;
mod constraints;
mod fields;
mod names;
mod original;
mod refusal;
mod subject;

use aws_lc_rs::rand;
use jiff::{SignedDuration, Timestamp};

pub use self::authority::{ForgingCa, ForgingCaError, LeafKey};
pub use self::fields::{Copied, FieldPolicy, OidList, OidListError, Provenance, UnknownCritical};
pub use self::names::AltNames;
pub use self::original::Original;
pub use self::refusal::Refusal;
pub use self::subject::{SubjectTemplate, TemplateError};
use crate::der::{self, push, push_header, push_time};
use crate::fingerprint::sha256;

/// Octets of the largest certificate that is copied from.
pub const MAX_CERTIFICATE: usize = 16 << 10;
/// Names of its subjectAltName.
pub const MAX_NAMES: usize = 100;
/// How far notBefore lies before the making: clocks of servers differ.
pub const BACKDATE: SignedDuration = SignedDuration::from_mins(5);
/// The least time that must be left, to the client's certificate and to the CA's.
pub const MIN_VALIDITY: SignedDuration = SignedDuration::from_mins(1);

/// A certificate that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forged {
    /// It, as DER.
    pub der: Vec<u8>,
    /// Contents octets of its serial number.
    pub serial: [u8; 16],
    /// When its validity ends.
    pub not_after: Timestamp,
}

/// Makes a certificate that says of `key` what `original` says of the client's key.
///
/// # Errors
/// See [`Refusal`]; nothing was made then.
pub fn forge(
    ca: &ForgingCa,
    policy: &FieldPolicy,
    key: &LeafKey,
    original: &Original<'_>,
    now: Timestamp,
) -> Result<Forged, Refusal> {
    original.check(now)?;
    let subject = match &policy.subject {
        None => None,
        Some(template) => Some(template.fill(original)?),
    };
    let subject = subject.as_deref().unwrap_or(original.subject);
    ca.check(
        key,
        subject,
        policy.copies(Copied::SubjectAltName),
        original,
    )?;
    let (not_before, not_after) = validity(ca, policy, original, now)?;
    let serial = serial()?;
    let mut body = Vec::with_capacity(2048);
    body.extend_from_slice(&[0xa0, 3, 2, 1, 2]);
    push(&mut body, der::INTEGER, &serial);
    body.extend_from_slice(ca.algorithm());
    body.extend_from_slice(ca.subject());
    push_validity(&mut body, not_before, not_after);
    body.extend_from_slice(subject);
    body.extend_from_slice(key.spki());
    fields::push_extensions(&mut body, ca, policy, key, original)?;
    let signed = sign(ca, &body)?;
    if signed.len() > MAX_CERTIFICATE {
        return Err(Refusal::TooLarge {
            octets: signed.len(),
        });
    }
    Ok(Forged {
        der: signed,
        serial,
        // Within what both certificates have.
        not_after: Timestamp::from_second(not_after).unwrap_or(Timestamp::MAX),
    })
}

/// From a little before now to the earliest of lifetime, client's certificate and CA's.
fn validity(
    ca: &ForgingCa,
    policy: &FieldPolicy,
    original: &Original<'_>,
    now: Timestamp,
) -> Result<(i64, i64), Refusal> {
    let now = now.as_second();
    let ca_end = ca.not_after();
    if ca.not_before() > now || ca_end < now + MIN_VALIDITY.as_secs() {
        return Err(Refusal::CaNotInForce);
    }
    let end = (now.saturating_add(policy.lifetime.as_secs()))
        .min(original.not_after)
        .min(ca_end);
    let begin = (now - BACKDATE.as_secs()).max(ca.not_before());
    Ok((begin, end))
}

/// 127 random bits, the highest set: positive, and of one length.
fn serial() -> Result<[u8; 16], Refusal> {
    let mut serial = [0u8; 16];
    rand::fill(&mut serial).map_err(|_| Refusal::Random)?;
    serial[0] = (serial[0] & 0x7f) | 0x40;
    Ok(serial)
}

fn push_validity(out: &mut Vec<u8>, not_before: i64, not_after: i64) {
    let mut content = Vec::with_capacity(34);
    push_time(&mut content, not_before);
    push_time(&mut content, not_after);
    push(out, der::SEQUENCE, &content);
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }` (RFC 5280 §4.1).
fn sign(ca: &ForgingCa, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let tbs = der::tlv(der::SEQUENCE, body);
    let signature = ca.sign(&tbs)?;
    let algorithm = ca.algorithm();
    let bits = signature.len() + 1;
    let mut inner = Vec::with_capacity(tbs.len() + algorithm.len() + bits + 4);
    inner.extend_from_slice(&tbs);
    inner.extend_from_slice(algorithm);
    push_header(&mut inner, der::BIT_STRING, bits);
    inner.push(0);
    inner.extend_from_slice(&signature);
    Ok(der::tlv(der::SEQUENCE, &inner))
}

/// A key identifier: the first 160 bits of the SHA-256 of the public key (RFC 7093 §2).
fn key_identifier(public_key: &[u8]) -> [u8; 20] {
    let mut id = [0; 20];
    id.copy_from_slice(&sha256(public_key).0[..20]);
    id
}
