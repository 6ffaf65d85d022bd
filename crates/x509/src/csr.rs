//! Certificate signing requests (PKCS#10, RFC 2986): build, read, verify.

use std::net::IpAddr;
use std::sync::Arc;

use evercert_types::{DomainName, KeyAlgorithm, NameError};
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, SanType};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509CertificationRequest};

use crate::certificate::{ip_address, usage_names};
use crate::key::KeyPair;
use crate::name::{common_name, name_text};
use crate::pem::{self, PemError};
use crate::public_key::{key_algorithm, key_kind};
use crate::subject::Subject;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsrParams {
    /// DNS names of the subjectAltName, in order.
    pub names: Vec<DomainName>,
    /// IP addresses of the subjectAltName.
    pub ips: Vec<IpAddr>,
    /// The distinguished name.
    pub subject: Subject,
}

/// A parsed request; cheap to clone. Its signature is checked only by [`Csr::verify_signature`].
#[derive(Clone)]
pub struct Csr(Arc<Parsed>);

struct Parsed {
    der: Vec<u8>,
    names: Vec<DomainName>,
    ips: Vec<IpAddr>,
    common_name: Option<String>,
    subject: String,
    spki: Vec<u8>,
    public_key: Vec<u8>,
    key_algorithm: Option<KeyAlgorithm>,
    key_kind: String,
    extensions: Requested,
}

/// What a request asks for beside names: most CAs ignore or refuse it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requested {
    /// OCSP must-staple (RFC 7633), which public CAs refuse.
    pub must_staple: bool,
    /// Extended key usages by name, such as `serverAuth`, or object identifier.
    pub usages: Vec<String>,
    /// Object identifiers of further extensions that we do not know.
    pub unknown: Vec<String>,
}

/// id-pe-tlsfeature (RFC 7633 §3).
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";

/// A request could not be built, read or verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrError {
    /// The text is not PEM, or holds no request.
    #[error("the certificate request could not be read")]
    Pem(#[source] PemError),
    /// The bytes are not a PKCS#10 request in DER.
    #[error("the certificate request is not valid PKCS#10 DER ({why}); create it again")]
    Malformed {
        /// What the parser said.
        why: String,
    },
    /// A DNS name in it is none.
    #[error("the certificate request asks for a name that is no domain name")]
    Name(#[source] NameError),
    /// A name of a kind that is not a DNS name or IP address.
    #[error("the certificate request asks for {0}; only DNS names and IP addresses can be issued")]
    OtherName(&'static str),
    /// A part of the subject has characters or a length that X.509 does not allow.
    #[error("the subject's {field} \"{value}\" is not allowed: {rule}")]
    Field {
        /// Which part.
        field: &'static str,
        /// The given value.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// The signature does not verify with the request's own key.
    #[error(
        "the certificate request's signature does not verify with its own key; create it again"
    )]
    Signature,
    /// The encoder failed.
    #[error("the certificate request could not be built ({why})")]
    Build {
        /// What it said.
        why: String,
    },
}

impl Csr {
    /// Builds and signs a request.
    ///
    /// # Errors
    /// When a part of the subject is not allowed.
    pub fn build(params: &CsrParams, key: &KeyPair) -> Result<Self, CsrError> {
        let mut request = CertificateParams::default();
        request.distinguished_name = params.subject.to_distinguished_name()?;
        request.subject_alt_names =
            alt_names(&params.names, &params.ips, &[]).map_err(|why| CsrError::Build { why })?;
        let signed = request
            .serialize_request(&key.rcgen())
            .map_err(|error| CsrError::Build {
                why: error.to_string(),
            })?;
        Self::from_der(signed.der().to_vec())
    }

    /// Reads the first request of a PEM text (`CERTIFICATE REQUEST`, also the older
    /// `NEW CERTIFICATE REQUEST`).
    ///
    /// # Errors
    /// When there is none, or it is malformed.
    pub fn from_pem(text: &str) -> Result<Self, CsrError> {
        let blocks = pem::blocks(text).map_err(CsrError::Pem)?;
        let block = blocks
            .iter()
            .find(|block| block.label.ends_with("CERTIFICATE REQUEST"))
            .ok_or_else(|| CsrError::Pem(pem::missing("CERTIFICATE REQUEST", &blocks)))?;
        Self::from_der(block.der.as_slice())
    }

    /// Reads a request in DER.
    ///
    /// # Errors
    /// When it is malformed, or asks for names that are neither DNS names nor IP addresses.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self, CsrError> {
        let der = der.into();
        Parsed::new(der).map(|parsed| Self(Arc::new(parsed)))
    }

    /// The DER, as finalize sends it (RFC 8555 §7.4).
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// One PEM block with a final line end.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE REQUEST", &self.0.der)
    }

    /// The DNS names of the subjectAltName, then the common name when it is a domain name not
    /// among them.
    pub fn names(&self) -> Vec<DomainName> {
        self.0.names.clone()
    }

    /// The IP addresses of the subjectAltName.
    pub fn ips(&self) -> Vec<IpAddr> {
        self.0.ips.clone()
    }

    /// The subject's common name, whatever it is.
    pub fn common_name(&self) -> Option<String> {
        self.0.common_name.clone()
    }

    /// The public key's `SubjectPublicKeyInfo` as DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// The key's algorithm, when it is one that we use.
    pub fn key_algorithm(&self) -> Option<KeyAlgorithm> {
        self.0.key_algorithm
    }

    /// Its key in words, such as `RSA 1024 bits`, also when it is none that we use.
    pub fn key_kind(&self) -> &str {
        &self.0.key_kind
    }

    /// The subject in the way of RFC 4514; empty when it is empty.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// What it asks for beside names.
    pub fn requested(&self) -> &Requested {
        &self.0.extensions
    }

    /// Whether it was made with this private key.
    pub fn is_of(&self, key: &KeyPair) -> bool {
        self.0.spki == key.spki_der()
            || (self.0.key_algorithm == Some(key.algorithm())
                && self.0.public_key == key.public_key())
    }

    /// The public key's bits, without its algorithm.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.0.public_key
    }

    /// Checks that the holder of the private key signed it.
    ///
    /// # Errors
    /// [`CsrError::Signature`].
    pub fn verify_signature(&self) -> Result<(), CsrError> {
        let (_, request) =
            X509CertificationRequest::from_der(&self.0.der).map_err(|_| CsrError::Signature)?;
        request.verify_signature().map_err(|_| CsrError::Signature)
    }
}

impl std::fmt::Debug for Csr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csr")
            .field("names", &self.0.names)
            .field("ips", &self.0.ips)
            .finish_non_exhaustive()
    }
}

impl Parsed {
    fn new(der: Vec<u8>) -> Result<Self, CsrError> {
        let malformed = |why: String| CsrError::Malformed { why };
        let (rest, request) = X509CertificationRequest::from_der(&der)
            .map_err(|error| malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(malformed("bytes follow it".to_owned()));
        }
        let info = &request.certification_request_info;
        let (mut names, mut ips) = (Vec::new(), Vec::new());
        let mut extensions = Requested::default();
        for extension in request.requested_extensions().into_iter().flatten() {
            match extension {
                ParsedExtension::SubjectAlternativeName(san) => {
                    read_names(&san.general_names, &mut names, &mut ips)?;
                }
                ParsedExtension::ParseError { error } => {
                    return Err(malformed(format!("a requested extension: {error}")));
                }
                ParsedExtension::ExtendedKeyUsage(usage) => extensions.usages = usage_names(usage),
                ParsedExtension::UnsupportedExtension { oid } => match oid.to_id_string() {
                    oid if oid == TLS_FEATURE => extensions.must_staple = true,
                    oid => extensions.unknown.push(oid),
                },
                _ => {}
            }
        }
        let common_name = common_name(&info.subject);
        if let Some(name) = common_name
            .as_deref()
            .and_then(|cn| DomainName::new(cn).ok())
            && !names.contains(&name)
        {
            names.push(name);
        }
        let spki = info.subject_pki.raw.to_vec();
        let key_algorithm = key_algorithm(&info.subject_pki);
        Ok(Self {
            names,
            ips,
            common_name,
            subject: name_text(&info.subject),
            spki,
            public_key: info.subject_pki.subject_public_key.data.to_vec(),
            key_algorithm,
            key_kind: key_kind(&info.subject_pki),
            extensions,
            der,
        })
    }
}

/// The subjectAltName entries as rcgen wants them.
pub(crate) fn alt_names(
    names: &[DomainName],
    ips: &[IpAddr],
    uris: &[String],
) -> Result<Vec<SanType>, String> {
    let ia5 = |text: &str| Ia5String::try_from(text).map_err(|error| error.to_string());
    let mut entries = Vec::with_capacity(names.len() + ips.len() + uris.len());
    for name in names {
        entries.push(SanType::DnsName(ia5(name.as_str())?));
    }
    entries.extend(ips.iter().copied().map(SanType::IpAddress));
    for uri in uris {
        entries.push(SanType::URI(ia5(uri)?));
    }
    Ok(entries)
}

fn read_names(
    general: &[GeneralName<'_>],
    names: &mut Vec<DomainName>,
    ips: &mut Vec<IpAddr>,
) -> Result<(), CsrError> {
    for name in general {
        match name {
            GeneralName::DNSName(text) => {
                let name = DomainName::new(text).map_err(CsrError::Name)?;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            GeneralName::IPAddress(octets) => {
                let ip = ip_address(octets).ok_or(CsrError::OtherName("a malformed IP address"))?;
                if !ips.contains(&ip) {
                    ips.push(ip);
                }
            }
            GeneralName::RFC822Name(_) => return Err(CsrError::OtherName("an e-mail address")),
            GeneralName::URI(_) => return Err(CsrError::OtherName("a URI")),
            _ => return Err(CsrError::OtherName("a name of another kind")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples;

    fn key() -> KeyPair {
        KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_read_back() {
        let params = CsrParams {
            names: samples::names(&["*.a.example", "a.example"]),
            ips: vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
            subject: Subject {
                common_name: Some("a.example".into()),
                organization: Some("Żółw & Söhne, GmbH".into()),
                organizational_unit: Some("IT".into()),
                locality: Some("Köln".into()),
                state: Some("NRW".into()),
                country: Some("de".into()),
                email: Some("it@a.example".into()),
            },
        };
        let key = key();

        let csr = Csr::build(&params, &key).unwrap();

        assert_eq!((csr.names(), csr.ips()), (params.names, params.ips));
        assert_eq!(csr.common_name().as_deref(), Some("a.example"));
        assert_eq!(csr.spki_der(), key.spki_der());
        assert_eq!(csr.key_algorithm(), Some(KeyAlgorithm::EcdsaP256));
        csr.verify_signature().unwrap();
        assert_eq!(Csr::from_pem(&csr.to_pem()).unwrap().der(), csr.der());
    }

    #[test]
    fn an_empty_subject_is_the_default() {
        let params = CsrParams {
            names: samples::names(&["a.example"]),
            ..CsrParams::default()
        };

        for algorithm in [KeyAlgorithm::EcdsaP384, KeyAlgorithm::Rsa2048] {
            let csr = Csr::build(&params, &KeyPair::generate(algorithm).unwrap()).unwrap();

            assert_eq!(csr.common_name(), None);
            csr.verify_signature().unwrap();
        }
    }

    #[test]
    fn openssl_requests_are_read_and_a_common_name_is_not_counted_twice() {
        let csr = Csr::from_pem(include_str!("../tests/fixtures/leaf.csr")).unwrap();

        assert_eq!(
            csr.names(),
            samples::names(&["fixture.example", "www.fixture.example"])
        );
        assert_eq!(csr.ips().len(), 2);
        csr.verify_signature().unwrap();
    }

    #[test]
    fn a_common_name_alone_counts_as_a_name() {
        let params = CsrParams {
            subject: Subject {
                common_name: Some("cn.example".into()),
                ..Subject::default()
            },
            ..CsrParams::default()
        };

        assert_eq!(
            Csr::build(&params, &key()).unwrap().names(),
            samples::names(&["cn.example"])
        );
    }

    #[test]
    fn a_changed_request_does_not_verify() {
        let params = CsrParams {
            names: samples::names(&["aaaa.example"]),
            ..CsrParams::default()
        };
        let mut der = Csr::build(&params, &key()).unwrap().der().to_vec();
        let at = der.windows(4).position(|window| window == b"aaaa").unwrap();
        der[at] = b'b';

        let changed = Csr::from_der(der).unwrap();

        assert_eq!(changed.names(), samples::names(&["baaa.example"]));
        assert_eq!(changed.verify_signature(), Err(CsrError::Signature));
    }

    #[test]
    fn subjects_that_x509_does_not_allow_are_refused_by_field() {
        let subjects = [
            (
                "C",
                Subject {
                    country: Some("Deutschland".into()),
                    ..Subject::default()
                },
            ),
            (
                "CN",
                Subject {
                    common_name: Some("x".repeat(65)),
                    ..Subject::default()
                },
            ),
            (
                "O",
                Subject {
                    organization: Some(String::new()),
                    ..Subject::default()
                },
            ),
            (
                "emailAddress",
                Subject {
                    email: Some("ü@a.example".into()),
                    ..Subject::default()
                },
            ),
        ];
        for (wanted, subject) in subjects {
            let params = CsrParams {
                subject,
                ..CsrParams::default()
            };
            let error = Csr::build(&params, &key()).unwrap_err();
            assert!(
                matches!(error, CsrError::Field { field, .. } if field == wanted),
                "{wanted}: {error}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_beside_names_is_told() {
        let plain = Csr::from_pem(include_str!("../tests/fixtures/leaf.csr")).unwrap();
        let mut request = CertificateParams::default();
        request.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let staple = rcgen::CustomExtension::from_oid_content(
            &[1, 3, 6, 1, 5, 5, 7, 1, 24],
            vec![0x30, 0x03, 0x02, 0x01, 0x05],
        );
        let other = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0x05, 0x00]);
        request.custom_extensions = vec![staple, other];
        let signed = request.serialize_request(&key().rcgen()).unwrap();

        let csr = Csr::from_der(signed.der().to_vec()).unwrap();

        assert!(csr.requested().must_staple);
        assert_eq!(csr.requested().usages, ["serverAuth", "clientAuth"]);
        assert_eq!(csr.requested().unknown, ["1.2.3.4"]);
        assert!(!plain.requested().must_staple);
    }

    #[test]
    fn keys_are_told_in_words_though_we_do_not_use_them() {
        let csr = Csr::from_pem(include_str!("../tests/fixtures/leaf.csr")).unwrap();
        let weak = Csr::from_pem(include_str!("../tests/fixtures/rsa-1024.csr")).unwrap();

        assert_eq!(csr.key_kind(), "RSA 2048 bits");
        assert_eq!(weak.key_kind(), "RSA 1024 bits");
        assert_eq!(weak.key_algorithm(), None);
    }

    proptest! {
        #[test]
        fn a_request_is_of_its_own_key_only(own in 0usize..3, other in 0usize..3) {
            let keys = [key(), key(), KeyPair::generate(KeyAlgorithm::EcdsaP384).unwrap()];
            let params = CsrParams { names: samples::names(&["a.example"]), ..CsrParams::default() };
            let csr = Csr::build(&params, &keys[own]).unwrap();

            prop_assert_eq!(csr.is_of(&keys[other]), own == other);
        }

        #[test]
        fn damaged_requests_never_panic(position in 0usize..1000, value: u8) {
            let text = include_str!("../tests/fixtures/leaf.csr");
            let mut der = Csr::from_pem(text).unwrap().der().to_vec();
            let position = position % der.len();
            der[position] = value;
            drop(Csr::from_der(&der[..position]));
            if let Ok(csr) = Csr::from_der(der) {
                drop(csr.verify_signature());
            }
        }
    }
}
