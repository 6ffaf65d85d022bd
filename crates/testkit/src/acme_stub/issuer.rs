//! The stub's certificate authorities: one issuing key below several roots.

use evercert_types::{KeyAlgorithm, SharedClock};
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::{Certificate, KeyPair};
use jiff::SignedDuration;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyUsagePurpose};

/// The default hierarchy and the alternates.
pub(super) const HIERARCHIES: usize = 4;
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 20);
const ALGORITHM: KeyAlgorithm = KeyAlgorithm::EcdsaP256;
const ISSUING: &str = "Stub Issuing CA";
const UPPER: &str = "Stub Upper CA";

type Error = Box<dyn std::error::Error>;

#[derive(Debug)]
pub(super) struct Issuer {
    issuing: Authority,
    hierarchies: Vec<Hierarchy>,
}

/// Two ways from the issuing key up to one root.
#[derive(Debug)]
struct Hierarchy {
    root: Certificate,
    /// Issuing by root.
    short: [Certificate; 1],
    /// Issuing by upper, upper by root.
    long: [Certificate; 2],
}

impl Issuer {
    pub(super) fn new(clock: &SharedClock) -> Result<Self, Error> {
        let now = clock.now();
        let key = KeyPair::generate(ALGORITHM)?;
        let upper = Authority::self_signed(UPPER, ALGORITHM, LIFE, now)?;
        let by_upper = upper.cross_sign(ISSUING, &key, LIFE, now)?;
        let mut hierarchies = Vec::new();
        for number in 0..HIERARCHIES {
            let root =
                Authority::self_signed(&format!("Stub Root {number}"), ALGORITHM, LIFE, now)?;
            let by_root = root.cross_sign(ISSUING, &key, LIFE, now)?;
            hierarchies.push(Hierarchy {
                root: root.certificate().clone(),
                short: [by_root.certificate().clone()],
                long: [by_upper.certificate().clone(), cross(&upper, &root)?],
            });
        }
        Ok(Self {
            issuing: by_upper,
            hierarchies,
        })
    }

    pub(super) fn root(&self, number: usize) -> Option<&Certificate> {
        Some(&self.hierarchies.get(number)?.root)
    }

    pub(super) fn issue(&self, request: &LeafRequest) -> Result<Certificate, Error> {
        Ok(self.issuing.issue(request)?)
    }

    /// What stands between a leaf and a root.
    pub(super) fn between(&self, number: usize, intermediates: u8) -> Option<&[Certificate]> {
        let hierarchy = self.hierarchies.get(number)?;
        Some(if intermediates < 2 {
            &hierarchy.short
        } else {
            &hierarchy.long
        })
    }
}

/// A cross-certificate without a path length, which `Authority` does not make: this one stands
/// above another CA.
fn cross(upper: &Authority, root: &Authority) -> Result<Certificate, Error> {
    let key = |ca: &Authority| rcgen::KeyPair::from_pem(ca.key().to_pkcs8_pem().expose());
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, UPPER);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    let der = root.certificate().der().into();
    let issuer = rcgen::Issuer::from_ca_cert_der(&der, key(root)?)?;
    let signed = params.signed_by(&key(upper)?, &issuer)?;
    Ok(Certificate::from_der(signed.der().to_vec())?)
}
