//! What is answered (RFC 6960 §4.2), and when it is believed (§3.2).

use aws_lc_rs::signature;
use jiff::{SignedDuration, Timestamp};
use x509_parser::asn1_rs::BitString;
use x509_parser::prelude::FromDer;
use x509_parser::verify::verify_signature;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use crate::Certificate;
use crate::der::{self, DerError, ENUMERATED, OCTET_STRING, Reader, SEQUENCE, Tlv};
use crate::ocsp::BASIC;
use crate::ocsp::request::{CertId, nonce_of};

/// The status of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not revoked.
    Good,
    /// Revoked at this time.
    Revoked {
        /// When.
        at: Timestamp,
    },
    /// The responder does not know it.
    Unknown,
}

/// What a response says of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Single {
    /// The certificate; `None` when the responder hashed otherwise than asked.
    pub id: Option<CertId>,
    /// Its status.
    pub status: Status,
    /// Since when this was known to be right.
    pub this_update: Timestamp,
    /// When there will be newer information.
    pub next_update: Option<Timestamp>,
}

/// A response that was read, and not yet believed.
#[derive(Clone, Debug)]
pub struct Response {
    der: Vec<u8>,
    to_be_signed: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    certificates: Vec<Certificate>,
    responder: Responder,
    produced_at: Timestamp,
    nonce: Option<Vec<u8>>,
    singles: Vec<Single>,
}

#[derive(Clone, Debug)]
enum Responder {
    Name(Vec<u8>),
    KeyHash(Vec<u8>),
}

/// What a response must fulfil to be believed.
#[derive(Clone, Copy, Debug)]
pub struct Belief<'a> {
    /// The time now.
    pub now: Timestamp,
    /// How far clocks may differ.
    pub skew: SignedDuration,
    /// The nonce that was sent; a response that has one must have this one.
    pub nonce: Option<&'a [u8]>,
    /// Whether the signature counts.
    pub signature: Signature,
}

/// Whether a response's signature counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It must be the issuer's, or that of a responder the issuer delegated to.
    Checked,
    /// It is not looked at.
    Ignored,
}

/// A response cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OcspError {
    /// The octets are not an OCSP response.
    #[error("it is not an OCSP response ({0})")]
    Malformed(DerError),
    /// A certificate in it cannot be read.
    #[error("the responder's certificate cannot be read ({0})")]
    Certificate(String),
    /// The responder says that it cannot answer.
    #[error("the responder answers \"{0}\"")]
    Unsuccessful(&'static str),
    /// A kind of response that is not id-pkix-ocsp-basic.
    #[error("it is of a kind that is not known ({0})")]
    Kind(String),
    /// Nobody who may sign it did.
    #[error("neither the issuer nor a responder of its choice signed it")]
    Signature,
    /// It is an answer to somebody else's question.
    #[error("its nonce is not the one that was sent")]
    Nonce,
    /// It is from the future, or out of date.
    #[error("it is not in force now")]
    Outdated,
    /// It says nothing of the certificate.
    #[error("it says nothing of the certificate")]
    Missing,
}

impl From<DerError> for OcspError {
    fn from(error: DerError) -> Self {
        Self::Malformed(error)
    }
}

impl Response {
    /// Reads a response as DER.
    ///
    /// # Errors
    /// When it is malformed, or the responder says that it cannot answer.
    pub fn parse(der: &[u8]) -> Result<Self, OcspError> {
        let mut outer = Reader::new(der).enter(SEQUENCE)?;
        let status = outer.expect(ENUMERATED)?.content;
        if let Some(words) = unsuccessful(status) {
            return Err(OcspError::Unsuccessful(words));
        }
        let mut bytes = outer.enter(der::constructed(0))?.enter(SEQUENCE)?;
        let kind = der::oid_text(bytes.expect(der::OID)?.content);
        if kind != BASIC {
            return Err(OcspError::Kind(kind));
        }
        let basic = bytes.expect(OCTET_STRING)?.content;
        let mut basic = Reader::new(basic).enter(SEQUENCE)?;
        let data = basic.expect(SEQUENCE)?;
        let algorithm = basic.expect(SEQUENCE)?.raw.to_vec();
        let signature = bits(&basic.expect(der::BIT_STRING)?)?.to_vec();
        let certificates = match basic.optional(der::constructed(0))? {
            Some(list) => certificates(list.content)?,
            None => Vec::new(),
        };
        let (responder, produced_at, singles, nonce) = response_data(&data)?;
        Ok(Self {
            der: der.to_vec(),
            to_be_signed: data.raw.to_vec(),
            algorithm,
            signature,
            certificates,
            responder,
            produced_at,
            nonce,
            singles,
        })
    }

    /// All of it, as it is stapled to a handshake.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// When it was made.
    pub const fn produced_at(&self) -> Timestamp {
        self.produced_at
    }

    /// What it says of a certificate of this issuer, if it is to be believed.
    ///
    /// It must be in force now, within the skew. One without nextUpdate counts as long as the skew after it was made.
    /// A response without a nonce is believed although one was sent: public responders answer from store.
    ///
    /// # Errors
    /// Why it is not.
    pub fn status_of(
        &self,
        id: &CertId,
        issuer: &Certificate,
        belief: &Belief<'_>,
    ) -> Result<&Single, OcspError> {
        if let (Some(sent), Some(got)) = (belief.nonce, &self.nonce)
            && sent != got.as_slice()
        {
            return Err(OcspError::Nonce);
        }
        if belief.signature == Signature::Checked && !self.is_signed_for(issuer, belief.now) {
            return Err(OcspError::Signature);
        }
        let single = self.singles.iter().find(|s| s.id.as_ref() == Some(id));
        let single = single.ok_or(OcspError::Missing)?;
        let (earliest, latest) = (belief.now - belief.skew, belief.now + belief.skew);
        let until = single.next_update.unwrap_or(self.produced_at);
        let in_force = single.this_update <= latest && self.produced_at <= latest;
        if !in_force || until < earliest {
            return Err(OcspError::Outdated);
        }
        Ok(single)
    }

    /// Whether this very certificate's key signed it: a responder that is trusted by configuration.
    pub fn is_signed_by(&self, signer: &Certificate) -> bool {
        self.verifies_with(signer)
    }

    /// By the issuer's key, or by a certificate of the issuer's that is for signing OCSP responses.
    fn is_signed_for(&self, issuer: &Certificate, now: Timestamp) -> bool {
        if self.names(issuer) && self.verifies_with(issuer) {
            return true;
        }
        self.certificates.iter().any(|delegate| {
            self.names(delegate)
                && delegate.issuer_der() == issuer.subject_der()
                && delegate.is_valid_at(now)
                && (delegate.extended_key_usages().iter()).any(|usage| usage == "OCSPSigning")
                && delegate.is_signed_by(issuer)
                && self.verifies_with(delegate)
        })
    }

    fn names(&self, signer: &Certificate) -> bool {
        match &self.responder {
            Responder::Name(name) => *name == signer.subject_der(),
            Responder::KeyHash(hash) => *hash == super::request::sha1(signer.public_key()),
        }
    }

    fn verifies_with(&self, signer: &Certificate) -> bool {
        let Ok((_, key)) = SubjectPublicKeyInfo::from_der(signer.spki_der()) else {
            return false;
        };
        let Ok((_, algorithm)) = AlgorithmIdentifier::from_der(&self.algorithm) else {
            return false;
        };
        let bits = BitString::new(0, &self.signature);
        verify_signature(&key, &algorithm, &bits, &self.to_be_signed).is_ok()
            || self.verifies_with_p521(signer)
    }

    /// CAs on P-521 sign with SHA-512, which x509-parser does not know.
    fn verifies_with_p521(&self, signer: &Certificate) -> bool {
        let algorithm = &signature::ECDSA_P521_SHA512_ASN1;
        signature::UnparsedPublicKey::new(algorithm, signer.public_key())
            .verify(&self.to_be_signed, &self.signature)
            .is_ok()
    }
}

/// `OCSPResponseStatus` other than successful.
fn unsuccessful(status: &[u8]) -> Option<&'static str> {
    match status {
        [0] => None,
        [1] => Some("malformedRequest"),
        [2] => Some("internalError"),
        [3] => Some("tryLater"),
        [5] => Some("sigRequired"),
        [6] => Some("unauthorized"),
        _ => Some("an unknown status"),
    }
}

fn certificates(content: &[u8]) -> Result<Vec<Certificate>, OcspError> {
    let mut list = Reader::new(content).enter(SEQUENCE)?;
    let mut read = Vec::new();
    while !list.is_empty() {
        let certificate = Certificate::from_der(list.expect(SEQUENCE)?.raw)
            .map_err(|error| OcspError::Certificate(error.to_string()))?;
        read.push(certificate);
    }
    Ok(read)
}

type Data = (Responder, Timestamp, Vec<Single>, Option<Vec<u8>>);

fn response_data(data: &Tlv<'_>) -> Result<Data, OcspError> {
    let mut parts = Reader::new(data.content);
    parts.optional(der::constructed(0))?;
    let responder = parts.next_tlv()?;
    let responder = if responder.tag == der::constructed(1) {
        Responder::Name(responder.content.to_vec())
    } else if responder.tag == der::constructed(2) {
        let hash = Reader::new(responder.content).expect(OCTET_STRING)?;
        Responder::KeyHash(hash.content.to_vec())
    } else {
        return Err(DerError::Content("ResponderID").into());
    };
    let produced_at = instant(&parts.next_tlv()?)?;
    let mut list = parts.enter(SEQUENCE)?;
    let mut singles = Vec::new();
    while !list.is_empty() {
        singles.push(single(&list.expect(SEQUENCE)?)?);
    }
    let nonce = match parts.optional(der::constructed(1))? {
        Some(extensions) => nonce_of(extensions.content)?,
        None => None,
    };
    Ok((responder, produced_at, singles, nonce))
}

fn single(tlv: &Tlv<'_>) -> Result<Single, DerError> {
    let mut parts = Reader::new(tlv.content);
    let id = CertId::read(&parts.expect(SEQUENCE)?)?;
    let status = parts.next_tlv()?;
    let status = if status.tag == der::context(0) {
        Status::Good
    } else if status.tag == der::constructed(1) {
        let at = instant(&Reader::new(status.content).next_tlv()?)?;
        Status::Revoked { at }
    } else if status.tag == der::context(2) {
        Status::Unknown
    } else {
        return Err(DerError::Content("CertStatus"));
    };
    let this_update = instant(&parts.next_tlv()?)?;
    let next_update = match parts.optional(der::constructed(0))? {
        Some(next) => Some(instant(&Reader::new(next.content).next_tlv()?)?),
        None => None,
    };
    Ok(Single {
        id,
        status,
        this_update,
        next_update,
    })
}

fn instant(tlv: &Tlv<'_>) -> Result<Timestamp, DerError> {
    Timestamp::from_second(der::time(tlv)?).map_err(|_| DerError::Content("time"))
}

/// The octets of a `BIT STRING` without unused bits.
fn bits<'a>(tlv: &Tlv<'a>) -> Result<&'a [u8], DerError> {
    match tlv.content {
        [0, octets @ ..] => Ok(octets),
        _ => Err(DerError::Content("BIT STRING")),
    }
}
