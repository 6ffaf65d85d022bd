//! A small issuing authority: for the Local CA, for instance identities, for tests.

use std::net::IpAddr;

use aws_lc_rs::rand;
use evercert_types::{DomainName, KeyAlgorithm};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, SerialNumber, SubjectPublicKeyInfo,
};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::certificate::{Certificate, CertificateError};
use crate::chain::ChainError;
use crate::csr::{Csr, CsrError, alt_names};
use crate::der;
use crate::key::{KeyError, KeyPair};
use crate::matching::{MatchError, verify_key_matches};
use crate::subject::Subject;

/// How far a certificate's notBefore lies before its making: clocks of clients differ.
pub const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// A CA certificate with its key, and the CA certificates above it but for the root.
#[derive(Clone, Debug)]
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
    /// Above this one, nearest first, without a self-signed root.
    above: Vec<Certificate>,
}

/// What the holder of a certificate may do with it in TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Usage {
    /// serverAuth.
    #[default]
    Server,
    /// clientAuth.
    Client,
    /// Both.
    Both,
}

/// A certificate to be issued.
#[derive(Clone, Debug)]
pub struct LeafRequest {
    /// The `SubjectPublicKeyInfo` as DER.
    pub spki: Vec<u8>,
    /// DNS names.
    pub names: Vec<DomainName>,
    /// IP addresses.
    pub ips: Vec<IpAddr>,
    /// URIs, such as an instance's identity.
    pub uris: Vec<String>,
    /// CN of the subject; without it the subject is empty.
    pub common_name: Option<String>,
    /// When its validity begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// Its extended key usage.
    pub usage: Usage,
    /// Where its status can be asked (`id-ad-ocsp`), if anywhere.
    pub ocsp_url: Option<String>,
}

/// A certificate could not be issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The CA's key could not be generated or read.
    #[error("the CA's key could not be had")]
    Key(#[source] KeyError),
    /// The CA's certificate could not be read.
    #[error("the CA's certificate could not be read")]
    Certificate(#[source] CertificateError),
    /// The certificates above the CA could not be read.
    #[error("the CA's chain could not be read")]
    Chain(#[source] ChainError),
    /// The CA's certificate and key do not belong together.
    #[error("the CA's certificate and key do not belong together")]
    Mismatch(#[source] MatchError),
    /// The certificate of the authority is no CA certificate.
    #[error("{0} is not a CA certificate; give one with basicConstraints CA:TRUE")]
    NotACa(String),
    /// The common name is not allowed.
    #[error("the subject of the certificate is not allowed")]
    Subject(#[source] CsrError),
    /// The system gave no random octets for the serial number.
    #[error("no serial number could be drawn: the system's random source failed")]
    Random,
    /// The encoder refused.
    #[error("the certificate for {what} could not be encoded ({why})")]
    Encode {
        /// Whose certificate.
        what: String,
        /// What it said.
        why: String,
    },
}

impl Authority {
    /// Makes a root: a self-signed CA certificate for a new key.
    ///
    /// # Errors
    /// When the key cannot be generated or the name is not allowed.
    pub fn self_signed(
        common_name: &str,
        algorithm: KeyAlgorithm,
        validity: SignedDuration,
        now: Timestamp,
    ) -> Result<Self, MintError> {
        let key = KeyPair::generate(algorithm).map_err(MintError::Key)?;
        let params = ca_params(
            common_name,
            IsCa::Ca(BasicConstraints::Unconstrained),
            validity,
            now,
        )?;
        let signed = params
            .self_signed(&key.rcgen())
            .map_err(|error| encode(common_name, &error))?;
        let certificate = parse(signed.der())?;
        Ok(Self {
            certificate,
            key,
            above: Vec::new(),
        })
    }

    /// Makes a CA below this one, which issues leaves only (path length 0).
    ///
    /// # Errors
    /// As [`Self::self_signed`].
    pub fn intermediate(
        &self,
        common_name: &str,
        algorithm: KeyAlgorithm,
        validity: SignedDuration,
        now: Timestamp,
    ) -> Result<Self, MintError> {
        let key = KeyPair::generate(algorithm).map_err(MintError::Key)?;
        self.cross_sign(common_name, &key, validity, now)
    }

    /// Makes a CA certificate below this one for a key that exists: with the name of another CA's
    /// certificate and its key, a cross-certificate.
    ///
    /// # Errors
    /// As [`Self::self_signed`].
    pub fn cross_sign(
        &self,
        common_name: &str,
        key: &KeyPair,
        validity: SignedDuration,
        now: Timestamp,
    ) -> Result<Self, MintError> {
        let constraint = IsCa::Ca(BasicConstraints::Constrained(0));
        let mut params = ca_params(common_name, constraint, validity, now)?;
        params.use_authority_key_identifier_extension = true;
        let signer = self.key.rcgen();
        let issuer = self.issuer(&signer)?;
        let signed = params
            .signed_by(&key.rcgen(), &issuer)
            .map_err(|error| encode(common_name, &error))?;
        let mut above = self.above.clone();
        if !self.certificate.is_self_signed() {
            above.insert(0, self.certificate.clone());
        }
        Ok(Self {
            certificate: parse(signed.der())?,
            key: key.clone(),
            above,
        })
    }

    /// Reads a CA from PEM: its own certificate first, then those above it; a root there is dropped.
    ///
    /// # Errors
    /// When they cannot be read, do not belong together, or the first is no CA certificate.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, MintError> {
        let key = KeyPair::from_pem(key_pem).map_err(MintError::Key)?;
        let mut all = Certificate::all_from_pem(certificate_pem).map_err(MintError::Certificate)?;
        let certificate = all.remove(0);
        if !certificate.is_ca() {
            return Err(MintError::NotACa(certificate.display_name()));
        }
        verify_key_matches(&certificate, &key).map_err(MintError::Mismatch)?;
        all.retain(|above| !above.is_self_signed());
        Ok(Self {
            certificate,
            key,
            above: all,
        })
    }

    /// The CA's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The CA's key.
    pub fn key(&self) -> &KeyPair {
        &self.key
    }

    /// What follows a leaf in its chain: this CA and those above it, without the root. Empty for a
    /// root that issues leaves itself.
    pub fn chain(&self) -> Vec<Certificate> {
        if self.certificate.is_self_signed() {
            return Vec::new();
        }
        let mut chain = vec![self.certificate.clone()];
        chain.extend(self.above.iter().cloned());
        chain
    }

    /// [`Self::chain`] as PEM.
    pub fn chain_pem(&self) -> String {
        self.chain().iter().map(Certificate::to_pem).collect()
    }

    /// Issues a certificate with a random serial number and both key identifiers.
    ///
    /// # Errors
    /// When the public key is of an unknown kind, or a name cannot be encoded.
    pub fn issue(&self, request: &LeafRequest) -> Result<Certificate, MintError> {
        let what = request.label();
        let public_key =
            SubjectPublicKeyInfo::from_der(&request.spki).map_err(|error| encode(&what, &error))?;
        let signer = self.key.rcgen();
        let issuer = self.issuer(&signer)?;
        let signed = request
            .to_params()?
            .signed_by(&public_key, &issuer)
            .map_err(|error| encode(&what, &error))?;
        parse(signed.der())
    }

    /// Issues a certificate and returns it with this CA's chain behind it.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_chain(&self, request: &LeafRequest) -> Result<crate::Chain, MintError> {
        let mut certificates = vec![self.issue(request)?];
        certificates.extend(self.chain());
        crate::Chain::from_certificates(certificates).map_err(MintError::Chain)
    }

    pub(crate) fn issuer<S: rcgen::SigningKey>(
        &self,
        signer: S,
    ) -> Result<Issuer<'static, S>, MintError> {
        Issuer::from_ca_cert_der(&CertificateDer::from(self.certificate.der()), signer)
            .map_err(|error| encode(&self.certificate.display_name(), &error))
    }
}

impl LeafRequest {
    /// A server certificate for a public key, with no names yet.
    pub fn new(spki: impl Into<Vec<u8>>, not_before: Timestamp, not_after: Timestamp) -> Self {
        Self {
            spki: spki.into(),
            names: Vec::new(),
            ips: Vec::new(),
            uris: Vec::new(),
            common_name: None,
            not_before,
            not_after,
            usage: Usage::Server,
            ocsp_url: None,
        }
    }

    /// A server certificate for a key and names, valid from a little before `now`.
    pub fn for_key(
        key: &KeyPair,
        names: &[DomainName],
        validity: SignedDuration,
        now: Timestamp,
    ) -> Self {
        let mut request = Self::new(key.spki_der(), back(now), ahead(now, validity));
        request.names = names.to_vec();
        request
    }

    /// A server certificate for a request's key and names, valid from a little before `now`.
    pub fn for_csr(csr: &Csr, validity: SignedDuration, now: Timestamp) -> Self {
        let mut request = Self::new(csr.spki_der(), back(now), ahead(now, validity));
        request.names = csr.names();
        request.ips = csr.ips();
        request
    }

    fn label(&self) -> String {
        match (self.names.first(), &self.common_name) {
            (Some(name), _) => name.to_string(),
            (None, Some(cn)) => cn.clone(),
            (None, None) => "a key".to_owned(),
        }
    }

    fn to_params(&self) -> Result<CertificateParams, MintError> {
        let subject = Subject {
            common_name: self.common_name.clone(),
            ..Subject::default()
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = subject
            .to_distinguished_name()
            .map_err(MintError::Subject)?;
        params.subject_alt_names =
            alt_names(&self.names, &self.ips, &self.uris).map_err(|why| MintError::Encode {
                what: self.label(),
                why,
            })?;
        params.not_before = offset(self.not_before);
        params.not_after = offset(self.not_after);
        params.serial_number = Some(random_serial()?);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match self.usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Both => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
        };
        params.use_authority_key_identifier_extension = true;
        if let Some(url) = &self.ocsp_url {
            params.custom_extensions.push(ocsp_access(url));
        }
        Ok(params)
    }
}

/// Authority information access (RFC 5280 §4.2.2.1) with one responder.
fn ocsp_access(url: &str) -> CustomExtension {
    const ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
    let method = der::oid_content("1.3.6.1.5.5.7.48.1").unwrap_or_default();
    let method = der::tlv(der::OID, &method);
    // GeneralName [6]: uniformResourceIdentifier.
    let location = der::tlv(der::context(6), url.as_bytes());
    let description = der::wrap(der::SEQUENCE, &[&method, &location]);
    let access = der::wrap(der::SEQUENCE, &[&description]);
    CustomExtension::from_oid_content(ACCESS, access)
}

fn ca_params(
    common_name: &str,
    is_ca: IsCa,
    validity: SignedDuration,
    now: Timestamp,
) -> Result<CertificateParams, MintError> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.not_before = offset(back(now));
    params.not_after = offset(ahead(now, validity));
    params.serial_number = Some(random_serial()?);
    params.is_ca = is_ca;
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    Ok(params)
}

/// 16 random octets; the first is between 0x40 and 0x7f, so that DER neither pads nor shortens it.
pub(crate) fn random_serial() -> Result<SerialNumber, MintError> {
    let mut octets = [0u8; 16];
    rand::fill(&mut octets).map_err(|_| MintError::Random)?;
    octets[0] = (octets[0] & 0x3f) | 0x40;
    Ok(SerialNumber::from(octets.to_vec()))
}

pub(crate) fn back(now: Timestamp) -> Timestamp {
    now.checked_sub(BACKDATE).unwrap_or(now)
}

pub(crate) fn ahead(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

pub(crate) fn offset(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

pub(crate) fn parse(der: &[u8]) -> Result<Certificate, MintError> {
    Certificate::from_der(der).map_err(MintError::Certificate)
}

pub(crate) fn encode(what: &str, error: &rcgen::Error) -> MintError {
    MintError::Encode {
        what: what.to_owned(),
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rustls_pki_types::UnixTime;
    use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

    use super::*;
    use crate::samples::{self, authorities, days, names, now};
    use crate::{Chain, CsrParams};

    /// Independent judgement: does webpki build a path to the root for this use?
    fn webpki_accepts(chain: &Chain, root: &Authority, usage: KeyUsage) -> bool {
        let anchor_der = CertificateDer::from(root.certificate().der());
        let anchor = anchor_from_trusted_cert(&anchor_der).unwrap();
        let ders: Vec<CertificateDer<'static>> = chain
            .to_ders()
            .into_iter()
            .map(CertificateDer::from)
            .collect();
        let seconds = u64::try_from(now().as_second()).unwrap();
        EndEntityCert::try_from(&ders[0])
            .unwrap()
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &[anchor],
                &ders[1..],
                UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
                usage,
                None,
                None,
            )
            .is_ok()
    }

    #[test]
    fn a_verifier_of_others_accepts_what_is_issued() {
        for algorithm in [
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
            KeyAlgorithm::Rsa2048,
        ] {
            let root = Authority::self_signed("R", algorithm, days(100), now()).unwrap();
            let ca = root.intermediate("I", algorithm, days(100), now()).unwrap();
            let key = KeyPair::generate(algorithm).unwrap();
            let request = LeafRequest::for_key(&key, &names(&["a.example"]), days(9), now());

            let chain = ca.issue_chain(&request).unwrap();

            assert_eq!(chain.certificates().len(), 2);
            assert!(webpki_accepts(&chain, &root, KeyUsage::server_auth()));
            assert!(!webpki_accepts(&chain, &root, KeyUsage::client_auth()));
            verify_key_matches(chain.leaf(), &key).unwrap();
        }
    }

    #[test]
    fn client_identities_carry_their_uri_and_usage() {
        let (root, ca) = authorities();
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let mut request = LeafRequest::for_key(&key, &[], days(9), now());
        request.uris = vec!["urn:evercert:instance:ins_1".into()];
        request.common_name = Some("ins_1".into());
        request.usage = Usage::Client;

        let chain = ca.issue_chain(&request).unwrap();

        assert_eq!(chain.leaf().san_uris(), ["urn:evercert:instance:ins_1"]);
        assert!(webpki_accepts(&chain, &root, KeyUsage::client_auth()));
    }

    #[test]
    fn a_request_gets_the_names_it_asked_for() {
        let (_, ca) = authorities();
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let params = CsrParams {
            names: names(&["*.a.example"]),
            ips: vec!["192.0.2.1".parse().unwrap()],
            ..CsrParams::default()
        };
        let csr = Csr::build(&params, &key).unwrap();

        let leaf = ca
            .issue(&LeafRequest::for_csr(&csr, days(9), now()))
            .unwrap();

        assert_eq!(
            (leaf.dns_names(), leaf.ip_addresses()),
            (params.names, params.ips)
        );
        assert_eq!(leaf.not_after(), now() + days(9));
        assert_eq!(leaf.not_before(), now() - BACKDATE);
    }

    #[test]
    fn serial_numbers_are_sixteen_octets_and_never_repeat() {
        let (_, ca) = authorities();
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let request = LeafRequest::for_key(&key, &[], days(9), now());

        let serials: HashSet<Vec<u8>> = (0..50)
            .map(|_| ca.issue(&request).unwrap().serial().to_vec())
            .collect();

        assert_eq!(serials.len(), 50);
        assert!(
            serials
                .iter()
                .all(|serial| serial.len() == 16 && serial[0] < 0x80)
        );
    }

    #[test]
    fn an_authority_reads_back_from_pem_and_issues_on() {
        let (root, ca) = authorities();
        let pem = ca.chain_pem() + &root.certificate().to_pem();

        let again = Authority::from_pem(&pem, ca.key().to_pkcs8_pem().expose()).unwrap();

        assert_eq!(again.chain_pem(), ca.chain_pem());
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let request = LeafRequest::for_key(&key, &[], days(9), now());
        let chain = again.issue_chain(&request).unwrap();
        assert!(webpki_accepts(&chain, &root, KeyUsage::server_auth()));
        assert_eq!(root.chain_pem(), "");
    }

    #[test]
    fn a_leaf_or_a_foreign_key_makes_no_authority() {
        let (key, chain, root) = samples::chain();

        let leaf = Authority::from_pem(&chain.to_pem(), key.to_pkcs8_pem().expose());
        let foreign =
            Authority::from_pem(&root.certificate().to_pem(), key.to_pkcs8_pem().expose());

        assert!(matches!(leaf, Err(MintError::NotACa(_))));
        assert!(matches!(foreign, Err(MintError::Mismatch(_))));
    }
}
