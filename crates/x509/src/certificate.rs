//! One certificate, parsed once, its DER kept.

use std::net::IpAddr;
use std::sync::Arc;

use evercert_types::{DomainName, Fingerprint, KeyAlgorithm};
use jiff::Timestamp;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate, X509Name};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::fingerprint::sha256;
use crate::key::rsa_algorithm;
use crate::pem::{self, PemError};

/// A parsed certificate; cheap to clone, equal when its DER is.
#[derive(Clone)]
pub struct Certificate(Arc<Parsed>);

struct Parsed {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    serial: Vec<u8>,
    subject: Name,
    issuer: Name,
    common_name: Option<String>,
    names: Names,
    not_before: Timestamp,
    not_after: Timestamp,
    is_ca: bool,
    spki: Vec<u8>,
    public_key: Vec<u8>,
    key_algorithm: Option<KeyAlgorithm>,
    authority_key_id: Option<Vec<u8>>,
    subject_key_id: Option<Vec<u8>>,
}

struct Name {
    der: Vec<u8>,
    text: String,
}

#[derive(Default)]
struct Names {
    dns: Vec<DomainName>,
    ips: Vec<IpAddr>,
    uris: Vec<String>,
}

/// A certificate could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text is not PEM, or holds no certificate.
    #[error("the certificate could not be read")]
    Pem(#[source] PemError),
    /// The bytes are not an X.509 certificate in DER.
    #[error("the certificate is not valid X.509 DER ({why}); export it again as PEM or DER")]
    Malformed {
        /// What the parser said.
        why: String,
    },
    /// Bytes follow the certificate.
    #[error("{extra} bytes follow the certificate's DER; cut them off")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

impl Certificate {
    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// When it is malformed or bytes follow it.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self, CertificateError> {
        let der = der.into();
        let length = parsed_length(&der)?;
        if length < der.len() {
            return Err(CertificateError::Trailing {
                extra: der.len() - length,
            });
        }
        Parsed::new(der).map(|parsed| Self(Arc::new(parsed)))
    }

    /// Reads the first certificate of a PEM text; keys and further certificates are skipped.
    ///
    /// # Errors
    /// When there is none, or it is malformed.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let blocks = pem::blocks(text).map_err(CertificateError::Pem)?;
        let block = blocks
            .iter()
            .find(|block| pem::is_certificate(&block.label))
            .ok_or_else(|| CertificateError::Pem(pem::missing("CERTIFICATE", &blocks)))?;
        Self::from_block(block)
    }

    /// Reads every certificate of a PEM text, in its order; at least one.
    ///
    /// # Errors
    /// When there is none, or one is malformed.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem::blocks(text).map_err(CertificateError::Pem)?;
        let certificates: Vec<Self> = blocks
            .iter()
            .filter(|block| pem::is_certificate(&block.label))
            .map(Self::from_block)
            .collect::<Result<_, _>>()?;
        if certificates.is_empty() {
            return Err(CertificateError::Pem(pem::missing("CERTIFICATE", &blocks)));
        }
        Ok(certificates)
    }

    /// The DER it was read from.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// One PEM block with a final line end.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.0.der)
    }

    /// SHA-256 of the DER.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The contents octets of the serial number's DER INTEGER, with a leading zero where DER has one.
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// The serial number in lower-case hexadecimal, two digits per octet, no leading zero octets.
    pub fn serial_hex(&self) -> String {
        let serial = &self.0.serial;
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        let digits = &serial[zeros.min(serial.len().saturating_sub(1))..];
        hex(digits)
    }

    /// The subject in the way of RFC 4514 (most specific part first); empty when it is empty.
    pub fn subject(&self) -> String {
        self.0.subject.text.clone()
    }

    /// The issuer in the way of RFC 4514.
    pub fn issuer(&self) -> String {
        self.0.issuer.text.clone()
    }

    /// The subject as DER, as it is compared with an issuer (RFC 5280 §7.1).
    pub fn subject_der(&self) -> &[u8] {
        &self.0.subject.der
    }

    /// The issuer as DER.
    pub fn issuer_der(&self) -> &[u8] {
        &self.0.issuer.der
    }

    /// The subject's last common name, if it has one.
    pub fn common_name(&self) -> Option<String> {
        self.0.common_name.clone()
    }

    /// The DNS names of the subjectAltName that are domain names, in its order.
    pub fn dns_names(&self) -> Vec<DomainName> {
        self.0.names.dns.clone()
    }

    /// The IP addresses of the subjectAltName.
    pub fn ip_addresses(&self) -> Vec<IpAddr> {
        self.0.names.ips.clone()
    }

    /// The URIs of the subjectAltName.
    pub fn san_uris(&self) -> Vec<String> {
        self.0.names.uris.clone()
    }

    /// When its validity begins.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// When its validity ends; a date beyond what can be held is the latest that can.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whether its basic constraints say CA.
    pub fn is_ca(&self) -> bool {
        self.0.is_ca
    }

    /// Its SubjectPublicKeyInfo as DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// Its key's algorithm, when it is one that we use.
    pub fn key_algorithm(&self) -> Option<KeyAlgorithm> {
        self.0.key_algorithm
    }

    /// The keyIdentifier of the authority key identifier extension (RFC 5280 §4.2.1.1).
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.authority_key_id.as_deref()
    }

    /// The subject key identifier (RFC 5280 §4.2.1.2).
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.subject_key_id.as_deref()
    }

    /// Whether subject and issuer are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.0.subject.der == self.0.issuer.der
    }

    /// Whether it is self-issued and verifies with its own key.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.is_signed_by(self)
    }

    /// Whether `issuer`'s key made its signature; names and dates are not looked at.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        let Ok((_, spki)) = SubjectPublicKeyInfo::from_der(&issuer.0.spki) else {
            return false;
        };
        X509Certificate::from_der(&self.0.der)
            .is_ok_and(|(_, own)| own.verify_signature(Some(&spki)).is_ok())
    }

    /// Whether it is in force at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.0.not_before <= now && now <= self.0.not_after
    }

    /// The subject, or for an empty one the first name, or the serial number: never empty.
    pub fn display_name(&self) -> String {
        if !self.0.subject.text.is_empty() {
            return self.0.subject.text.clone();
        }
        match (self.0.names.dns.first(), self.0.names.ips.first()) {
            (Some(name), _) => name.to_string(),
            (None, Some(ip)) => ip.to_string(),
            (None, None) => format!("serial {}", self.serial_hex()),
        }
    }

    /// The public key's bits, without its algorithm.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.0.public_key
    }

    fn from_block(block: &pem::Block) -> Result<Self, CertificateError> {
        let mut der: &[u8] = &block.der;
        if block.label == "TRUSTED CERTIFICATE" {
            // OpenSSL appends its trust settings to the certificate's DER.
            der = &der[..parsed_length(der)?];
        }
        Self::from_der(der)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.display_name())
            .field("serial", &self.serial_hex())
            .field("not_after", &self.0.not_after)
            .finish_non_exhaustive()
    }
}

impl Parsed {
    fn new(der: Vec<u8>) -> Result<Self, CertificateError> {
        let (_, x509) = X509Certificate::from_der(&der).map_err(malformed)?;
        let spki = x509.public_key();
        let (mut names, mut authority_key_id, mut subject_key_id) = (Names::default(), None, None);
        let mut is_ca = false;
        for extension in x509.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(san) => {
                    names = Names::from_general(&san.general_names);
                }
                ParsedExtension::AuthorityKeyIdentifier(aki) => {
                    authority_key_id = aki.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::SubjectKeyIdentifier(ski) => subject_key_id = Some(ski.0.to_vec()),
                ParsedExtension::BasicConstraints(constraints) => is_ca = constraints.ca,
                ParsedExtension::ParseError { error } => {
                    return Err(CertificateError::Malformed {
                        why: format!("extension {}: {error}", extension.oid),
                    });
                }
                _ => {}
            }
        }
        let parsed = Self {
            fingerprint: sha256(&der),
            serial: x509.raw_serial().to_vec(),
            subject: Name::new(x509.subject()),
            issuer: Name::new(x509.issuer()),
            common_name: common_name(x509.subject()),
            names,
            not_before: timestamp(x509.validity().not_before),
            not_after: timestamp(x509.validity().not_after),
            is_ca,
            spki: spki.raw.to_vec(),
            public_key: spki.subject_public_key.data.to_vec(),
            key_algorithm: key_algorithm(spki),
            authority_key_id,
            subject_key_id,
            der: Vec::new(),
        };
        Ok(Self { der, ..parsed })
    }
}

impl Name {
    fn new(name: &X509Name<'_>) -> Self {
        Self {
            der: name.as_raw().to_vec(),
            text: name_text(name),
        }
    }
}

impl Names {
    fn from_general(general: &[GeneralName<'_>]) -> Self {
        let mut names = Self::default();
        for name in general {
            match name {
                GeneralName::DNSName(text) => names.dns.extend(DomainName::new(text).ok()),
                GeneralName::IPAddress(octets) => names.ips.extend(ip_address(octets)),
                GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
                _ => {}
            }
        }
        names
    }
}

/// The algorithm of a public key, when it is one that we use.
pub(crate) fn key_algorithm(spki: &SubjectPublicKeyInfo<'_>) -> Option<KeyAlgorithm> {
    match spki.parsed().ok()? {
        PublicKey::RSA(rsa) => {
            let modulus: Vec<u8> = rsa
                .modulus
                .iter()
                .copied()
                .skip_while(|b| *b == 0)
                .collect();
            let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
            rsa_algorithm(bits)
        }
        PublicKey::EC(_) => {
            let curve = spki.algorithm.parameters.as_ref()?.as_oid().ok()?;
            if curve == OID_EC_P256 {
                Some(KeyAlgorithm::EcdsaP256)
            } else if curve == OID_NIST_EC_P384 {
                Some(KeyAlgorithm::EcdsaP384)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The last common name of a subject, if it has one.
pub(crate) fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name()
        .last()
        .map(|attribute| attribute_text(attribute.as_str().ok(), attribute.as_slice()))
}

/// An IP address from the octets of a GeneralName (RFC 5280 §4.2.1.6).
pub(crate) fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

/// A name in the way of RFC 4514: last part first, separated by commas, special characters escaped.
pub(crate) fn name_text(name: &X509Name<'_>) -> String {
    let parts: Vec<String> = name
        .iter_rdn()
        .map(|rdn| {
            let pairs: Vec<String> = rdn
                .iter()
                .map(|attribute| {
                    let oid = attribute.attr_type().to_id_string();
                    let value = attribute_text(attribute.as_str().ok(), attribute.as_slice());
                    format!("{}={}", attribute_name(&oid), escape(&value))
                })
                .collect();
            pairs.join("+")
        })
        .collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

fn attribute_name(oid: &str) -> &str {
    match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        other => other,
    }
}

fn attribute_text(text: Option<&str>, raw: &[u8]) -> String {
    match text {
        Some(text) => text.to_owned(),
        // BMPString and TeletexString: old roots have them. Latin-1 shows most of them rightly.
        None => raw
            .iter()
            .filter(|byte| **byte != 0)
            .map(|byte| char::from(*byte))
            .collect(),
    }
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (i, c) in value.chars().enumerate() {
        let at_edge = (c == ' ' && (i == 0 || i == last)) || (c == '#' && i == 0);
        if at_edge || "\"+,;<>\\".contains(c) {
            out.push('\\');
            out.push(c);
        } else if c.is_control() {
            out.push_str(&format!("\\{:02X}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn timestamp(time: ASN1Time) -> Timestamp {
    // "No expiry" is 9999-12-31T23:59:59Z (RFC 5280 §4.1.2.5), a day beyond what jiff holds.
    Timestamp::from_second(time.timestamp()).unwrap_or(if time.timestamp() < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

fn parsed_length(der: &[u8]) -> Result<usize, CertificateError> {
    let (rest, _) = X509Certificate::from_der(der).map_err(malformed)?;
    Ok(der.len() - rest.len())
}

fn malformed(error: impl std::fmt::Display) -> CertificateError {
    CertificateError::Malformed {
        why: error.to_string(),
    }
}

/// Lower-case hexadecimal, two digits per octet.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
