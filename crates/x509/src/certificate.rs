//! One certificate, parsed once, its DER kept.

use std::net::IpAddr;
use std::sync::Arc;

use evercert_types::{DomainName, Fingerprint, KeyAlgorithm};
use jiff::Timestamp;
use x509_parser::der_parser::{Oid, oid};
use x509_parser::extensions::{
    AuthorityInfoAccess, ExtendedKeyUsage, GeneralName, ParsedExtension,
};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate, X509Name};
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::fingerprint::sha256;
use crate::name::{common_name, name_text};
use crate::pem::{self, PemError};
use crate::public_key::key_algorithm;

/// `id-ad-ocsp` (RFC 5280 §4.2.2.1).
const OCSP: Oid<'static> = oid!(1.3.6.1.5.5.7.48.1);
/// `id-ad-caIssuers` (RFC 5280 §4.2.2.1).
const CA_ISSUERS: Oid<'static> = oid!(1.3.6.1.5.5.7.48.2);
/// RSA with MD5 and SHA-1 in both spellings, ECDSA with SHA-1.
const WEAK_SIGNATURES: [Oid<'static>; 4] = [
    oid!(1.2.840.113549.1.1.4),
    oid!(1.2.840.113549.1.1.5),
    oid!(1.3.14.3.2.29),
    oid!(1.2.840.10045.4.1),
];

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
    usages: Vec<String>,
    spki: Vec<u8>,
    public_key: Vec<u8>,
    key_algorithm: Option<KeyAlgorithm>,
    authority_key_id: Option<Vec<u8>>,
    subject_key_id: Option<Vec<u8>>,
    issuer_urls: Vec<String>,
    ocsp_urls: Vec<String>,
    has_weak_signature: bool,
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

    /// Its extended key usages by name, such as `serverAuth`, or object identifier; empty when it is not restricted.
    pub fn extended_key_usages(&self) -> &[String] {
        &self.0.usages
    }

    /// Its `SubjectPublicKeyInfo` as DER.
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

    /// Where its issuer's certificate can be fetched: the `caIssuers` URLs of its authority information access
    /// (RFC 5280 §4.2.2.1).
    pub fn issuer_urls(&self) -> &[String] {
        &self.0.issuer_urls
    }

    /// Where its status can be asked: the `ocsp` URLs of its authority information access (RFC 5280 §4.2.2.1).
    pub fn ocsp_urls(&self) -> &[String] {
        &self.0.ocsp_urls
    }

    /// Whether it is signed with MD5 or SHA-1, which no TLS client takes any more.
    pub fn has_weak_signature(&self) -> bool {
        self.0.has_weak_signature
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

    pub(crate) fn from_block(block: &pem::Block) -> Result<Self, CertificateError> {
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
        let (mut is_ca, mut usages) = (false, Vec::new());
        let (mut issuer_urls, mut ocsp_urls) = (Vec::new(), Vec::new());
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
                ParsedExtension::AuthorityInfoAccess(access) => {
                    issuer_urls = access_urls(access, &CA_ISSUERS);
                    ocsp_urls = access_urls(access, &OCSP);
                }
                ParsedExtension::ExtendedKeyUsage(usage) => usages = usage_names(usage),
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
            usages,
            spki: spki.raw.to_vec(),
            public_key: spki.subject_public_key.data.to_vec(),
            key_algorithm: key_algorithm(spki),
            authority_key_id,
            subject_key_id,
            issuer_urls,
            ocsp_urls,
            has_weak_signature: WEAK_SIGNATURES.contains(&x509.signature_algorithm.algorithm),
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

fn access_urls(access: &AuthorityInfoAccess<'_>, method: &Oid<'_>) -> Vec<String> {
    let of_method = access.iter().filter(|a| a.access_method == *method);
    of_method
        .filter_map(|access| match &access.access_location {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        })
        .collect()
}

/// The extended key usages by name, others by object identifier.
pub(crate) fn usage_names(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.any, "anyExtendedKeyUsage"),
        (usage.server_auth, "serverAuth"),
        (usage.client_auth, "clientAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    let named = known.iter().filter(|(is_there, _)| *is_there);
    let other = usage.other.iter().map(|oid| oid.to_id_string());
    named
        .map(|(_, name)| (*name).to_owned())
        .chain(other)
        .collect()
}

/// An IP address from the octets of a `GeneralName` (RFC 5280 §4.2.1.6).
pub(crate) fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::mint::LeafRequest;
    use crate::samples::{self, FIXTURE_CA, FIXTURE_LEAF};

    #[test]
    fn every_field_of_a_foreign_certificate_is_read() {
        let leaf = Certificate::from_pem(FIXTURE_LEAF).unwrap();

        assert_eq!(leaf.subject(), "CN=fixture.example");
        assert_eq!(leaf.issuer(), "CN=Fixture Root,O=Fixture\\, Inc.,C=DE");
        assert_eq!(leaf.common_name().as_deref(), Some("fixture.example"));
        assert_eq!(
            (leaf.serial(), leaf.serial_hex().as_str()),
            (&[0, 0xf0][..], "f0")
        );
        assert_eq!(
            leaf.dns_names(),
            samples::names(&["fixture.example", "www.fixture.example"])
        );
        let ips: Vec<IpAddr> = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        assert_eq!(leaf.ip_addresses(), ips);
        assert_eq!(leaf.key_algorithm(), Some(KeyAlgorithm::Rsa2048));
        assert!(!leaf.is_ca() && !leaf.is_self_issued());
        assert!(leaf.not_before() < leaf.not_after());
    }

    #[test]
    fn a_root_is_self_signed_and_signs_its_leaf() {
        let root = Certificate::from_pem(FIXTURE_CA).unwrap();
        let leaf = Certificate::from_pem(FIXTURE_LEAF).unwrap();

        assert!(root.is_ca() && root.is_self_signed());
        assert!(leaf.is_signed_by(&root));
        assert!(!root.is_signed_by(&leaf));
        assert_eq!(leaf.authority_key_id(), root.subject_key_id());
    }

    #[test]
    fn pem_and_der_round_trip() {
        let leaf = Certificate::from_pem(FIXTURE_LEAF).unwrap();

        assert_eq!(Certificate::from_pem(&leaf.to_pem()).unwrap(), leaf);
        assert_eq!(Certificate::from_der(leaf.der()).unwrap(), leaf);
        assert_eq!(leaf.fingerprint(), sha256(leaf.der()));
    }

    #[test]
    fn openssl_trust_settings_behind_the_certificate_are_cut_off() {
        let leaf = Certificate::from_pem(FIXTURE_LEAF).unwrap();
        let trusted = include_str!("../tests/fixtures/leaf-trusted.pem");

        assert_eq!(Certificate::from_pem(trusted).unwrap(), leaf);
    }

    #[test]
    fn bytes_behind_the_certificate_are_refused() {
        let mut der = Certificate::from_pem(FIXTURE_LEAF).unwrap().der().to_vec();
        der.extend([0, 0]);

        let error = Certificate::from_der(der).unwrap_err();

        assert_eq!(error, CertificateError::Trailing { extra: 2 });
    }

    #[test]
    fn an_empty_subject_is_read_and_shown_by_its_first_name() {
        let (_, chain, _) = samples::chain();
        let leaf = chain.leaf();

        assert_eq!(leaf.subject(), "");
        assert_eq!(leaf.common_name(), None);
        assert_eq!(leaf.display_name(), "a.example");
    }

    #[test]
    fn a_date_beyond_what_can_be_held_is_the_latest_that_can() {
        let (root, _) = samples::authorities();
        let key = crate::KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let request = LeafRequest::new(key.spki_der(), samples::now(), Timestamp::MAX);

        let mut der = root.issue(&request).unwrap().der().to_vec();
        let written = der
            .windows(15)
            .position(|window| window == b"99991230220000Z")
            .unwrap();
        der[written..written + 15].copy_from_slice(b"99991231235959Z");

        assert_eq!(
            Certificate::from_der(der).unwrap().not_after(),
            Timestamp::MAX
        );
    }

    #[test]
    fn every_root_this_system_trusts_is_read() {
        let Ok(bundle) = std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt") else {
            return eprintln!(
                "SKIPPED every_root_this_system_trusts_is_read: ca-certificates is missing; install it with apt-get install ca-certificates"
            );
        };

        let roots = Certificate::all_from_pem(&bundle).unwrap();

        assert!(roots.len() > 100);
        assert!(roots.iter().all(|root| !root.display_name().is_empty()));
    }

    proptest::proptest! {
        #[test]
        fn damaged_certificates_never_panic(position in 0usize..2000, value: u8) {
            let mut der = Certificate::from_pem(FIXTURE_LEAF).unwrap().der().to_vec();
            let position = position % der.len();
            der[position] = value;
            if let Ok(read) = Certificate::from_der(der.clone()) {
                proptest::prop_assert_eq!(read.der(), &der);
            }
            drop(Certificate::from_der(&der[..position]));
        }
    }
}
