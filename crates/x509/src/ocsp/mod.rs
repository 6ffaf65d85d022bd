//! The Online Certificate Status Protocol (RFC 6960): requests, and responses that are believed or not.
//!
//! Octets only: who asks, where and how often is the caller's. Start with [`CertId::of`], [`request`] and
//! [`Response::parse`]; [`respond`] is the other side.

mod request;
mod respond;
mod response;

pub use request::{CertId, request};
pub use respond::{Answer, respond};
pub use response::{Belief, OcspError, Response, Signature, Single, Status};

/// `id-pkix-ocsp-basic`.
const BASIC: &str = "1.3.6.1.5.5.7.48.1.1";
/// `id-pkix-ocsp-nonce` (RFC 8954).
const NONCE: &str = "1.3.6.1.5.5.7.48.1.2";
/// `id-sha1`: what every responder knows certificates by (RFC 5019 §2.1.1); no security rests on it.
const SHA1: &str = "1.3.14.3.2.26";

/// The contents of an object identifier that is known to be one.
fn oid(dotted: &str) -> Vec<u8> {
    crate::der::tlv(
        crate::der::OID,
        &crate::der::oid_content(dotted).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests;
