//! A client's certificate, cut into the pieces that may be copied.

use jiff::Timestamp;

use super::names::{AltNames, attribute_value};
use super::refusal::Refusal;
use super::{MAX_CERTIFICATE, MAX_NAMES, MIN_VALIDITY};
use crate::certificate::hex;
use crate::der::{self, Reader, Tlv};

pub(super) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
pub(super) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
pub(super) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
pub(super) const CRL_DISTRIBUTION: &[u8] = &[0x55, 0x1d, 31];
pub(super) const POLICIES: &[u8] = &[0x55, 0x1d, 32];
pub(super) const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
pub(super) const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
pub(super) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
/// `id-pe-authorityInfoAccess`.
pub(super) const AUTHORITY_INFO: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
/// `szOID_NTDS_CA_SECURITY_EXT`: the account's SID (KB5014754).
pub(super) const SECURITY_IDENTIFIER: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 25, 2];
/// `id-kp-clientAuth`.
const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// `anyExtendedKeyUsage`.
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
/// `rsaEncryption`.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const MIN_RSA_BITS: usize = 2048;
/// RSA with MD5 and with SHA-1 in both spellings, DSA and ECDSA with SHA-1.
const WEAK_SIGNATURES: [&[u8]; 5] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5],
    &[0x2b, 0x0e, 3, 2, 29],
    &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1],
];

/// A client's certificate in pieces; borrows its DER.
#[derive(Clone, Debug)]
pub struct Original<'a> {
    pub(super) der: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    signature: &'a [u8],
    spki: &'a [u8],
    pub(super) extensions: Vec<Extension<'a>>,
}

/// One extension.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension<'a> {
    pub(super) oid: &'a [u8],
    pub(super) is_critical: bool,
    /// Contents of `extnValue`.
    pub(super) value: &'a [u8],
    pub(super) raw: &'a [u8],
}

impl<'a> Original<'a> {
    /// Cuts a certificate into pieces.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] and [`Refusal::Malformed`].
    pub fn read(certificate: &'a [u8]) -> Result<Self, Refusal> {
        if certificate.len() > MAX_CERTIFICATE {
            let octets = certificate.len();
            return Err(Refusal::TooLarge { octets });
        }
        let mut outer = Reader::new(certificate);
        let mut whole = outer.enter(der::SEQUENCE)?;
        outer.finish()?;
        let mut body = whole.enter(der::SEQUENCE)?;
        let mut algorithm = whole.enter(der::SEQUENCE)?;
        whole.expect(der::BIT_STRING)?;
        whole.finish()?;
        body.optional(der::constructed(0))?;
        let serial = body.expect(der::INTEGER)?.content;
        body.expect(der::SEQUENCE)?;
        let issuer = body.expect(der::SEQUENCE)?.raw;
        let mut validity = body.enter(der::SEQUENCE)?;
        let (not_before, not_after) = (
            der::time(&validity.next_tlv()?)?,
            der::time(&validity.next_tlv()?)?,
        );
        let subject = body.expect(der::SEQUENCE)?.raw;
        let spki = body.expect(der::SEQUENCE)?.content;
        body.optional(der::context(1))?;
        body.optional(der::context(2))?;
        let extensions = match body.optional(der::constructed(3))? {
            None => Vec::new(),
            Some(tlv) => extensions(&tlv)?,
        };
        body.finish()?;
        Ok(Self {
            der: certificate,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            signature: algorithm.expect(der::OID)?.content,
            spki,
            extensions,
        })
    }

    /// Its serial number in lower-case hexadecimal.
    pub fn serial_hex(&self) -> String {
        hex(self.serial)
    }

    /// Its issuer in the way of RFC 4514.
    pub fn issuer_text(&self) -> String {
        crate::name::der_text(self.issuer)
    }

    /// Its subject in the way of RFC 4514.
    pub fn subject_text(&self) -> String {
        crate::name::der_text(self.subject)
    }

    /// The text of each part of its subject.
    pub fn subject_values(&self) -> Vec<String> {
        super::names::texts(self.subject)
    }

    /// Its issuer as DER.
    pub const fn issuer_der(&self) -> &'a [u8] {
        self.issuer
    }

    /// Its subject as DER.
    pub const fn subject_der(&self) -> &'a [u8] {
        self.subject
    }

    /// Contents octets of its serial number.
    pub const fn serial(&self) -> &'a [u8] {
        self.serial
    }

    /// When its validity ends.
    pub fn not_after(&self) -> Timestamp {
        Timestamp::from_second(self.not_after).unwrap_or(Timestamp::MAX)
    }

    /// Its subjectAltName; empty when it has none.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::TooManyNames`].
    pub fn alt_names(&self) -> Result<AltNames<'a>, Refusal> {
        match self.extension(SUBJECT_ALT_NAME) {
            None => Ok(AltNames::default()),
            Some(extension) => AltNames::read(extension.value),
        }
    }

    /// The text of the first attribute of this type (contents of its object identifier) of the subject.
    pub(super) fn attribute(&self, oid: &[u8]) -> Option<String> {
        attribute_value(self.subject, oid)
    }

    pub(super) fn extension(&self, oid: &[u8]) -> Option<&Extension<'a>> {
        self.extensions
            .iter()
            .find(|extension| extension.oid == oid)
    }

    /// What must hold for a certificate to be copied from, whatever the policy says.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        let now = now.as_second();
        if now < self.not_before || now > self.not_after {
            return Err(Refusal::NotInForce);
        }
        if self.not_after - now < MIN_VALIDITY.as_secs() {
            return Err(Refusal::EndsSoon(self.not_after()));
        }
        if WEAK_SIGNATURES.contains(&self.signature) {
            return Err(Refusal::WeakSignature);
        }
        self.check_key()?;
        if self.is_ca()? {
            return Err(Refusal::IsCa);
        }
        if !self.is_for_clients()? {
            return Err(Refusal::NotForClients);
        }
        self.check_names()
    }

    fn check_names(&self) -> Result<(), Refusal> {
        let count = match self.extension(SUBJECT_ALT_NAME) {
            None => 0,
            Some(extension) => {
                let mut names = Reader::new(extension.value).enter(der::SEQUENCE)?;
                let mut count = 0;
                while !names.is_empty() {
                    names.next_tlv()?;
                    count += 1;
                }
                count
            }
        };
        if count > MAX_NAMES {
            return Err(Refusal::TooManyNames { count });
        }
        // An empty SEQUENCE has two octets.
        if count == 0 && self.subject.len() <= 2 {
            return Err(Refusal::Nameless);
        }
        Ok(())
    }

    fn check_key(&self) -> Result<(), Refusal> {
        let mut spki = Reader::new(self.spki);
        let algorithm = spki.enter(der::SEQUENCE)?.expect(der::OID)?.content;
        if algorithm != RSA {
            return Ok(());
        }
        let bits = spki.expect(der::BIT_STRING)?.content;
        let key = bits.get(1..).unwrap_or_default();
        let modulus = Reader::new(key)
            .enter(der::SEQUENCE)?
            .expect(der::INTEGER)?
            .content;
        let zeros = modulus.iter().take_while(|octet| **octet == 0).count();
        let digits = &modulus[zeros..];
        let bits = digits
            .first()
            .map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize);
        match bits < MIN_RSA_BITS {
            true => Err(Refusal::WeakKey { bits }),
            false => Ok(()),
        }
    }

    fn is_ca(&self) -> Result<bool, Refusal> {
        let Some(extension) = self.extension(BASIC_CONSTRAINTS) else {
            return Ok(false);
        };
        let mut constraints = Reader::new(extension.value).enter(der::SEQUENCE)?;
        let ca = constraints.optional(der::BOOLEAN)?;
        Ok(ca.is_some_and(|ca| ca.content != [0]))
    }

    /// Not restricted, or restricted to a set with clients in it.
    fn is_for_clients(&self) -> Result<bool, Refusal> {
        let Some(extension) = self.extension(EXTENDED_KEY_USAGE) else {
            return Ok(true);
        };
        let mut usages = Reader::new(extension.value).enter(der::SEQUENCE)?;
        while !usages.is_empty() {
            let usage = usages.expect(der::OID)?.content;
            if usage == CLIENT_AUTH || usage == ANY_USAGE {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn extensions<'a>(tlv: &Tlv<'a>) -> Result<Vec<Extension<'a>>, Refusal> {
    let mut outer = Reader::new(tlv.content);
    let mut list = outer.enter(der::SEQUENCE)?;
    outer.finish()?;
    let mut found: Vec<Extension<'a>> = Vec::with_capacity(12);
    while !list.is_empty() {
        let tlv = list.expect(der::SEQUENCE)?;
        let mut parts = Reader::new(tlv.content);
        let oid = parts.expect(der::OID)?.content;
        let is_critical = parts.optional(der::BOOLEAN)?;
        let value = parts.expect(der::OCTET_STRING)?.content;
        parts.finish()?;
        if found.iter().any(|other| other.oid == oid) {
            // RFC 5280 §4.2: at most one of each.
            return Err(Refusal::Malformed(der::DerError::Content(
                "list of extensions",
            )));
        }
        found.push(Extension {
            oid,
            is_critical: is_critical.is_some_and(|critical| critical.content != [0]),
            value,
            raw: tlv.raw,
        });
    }
    Ok(found)
}
