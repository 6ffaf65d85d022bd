//! Certificates made from a request with the subject it asks for, as appliances make them (`create ssl cert`).

use std::net::IpAddr;

use evercert_types::DomainName;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose,
    IsCa, KeyUsagePurpose, PublicKey,
};
use rustls_pki_types::CertificateSigningRequestDer;

use crate::certificate::Certificate;
use crate::csr::{Csr, alt_names};
use crate::key::KeyPair;
use crate::mint::{Authority, MintError, ahead, back, encode, offset, parse, random_serial};

/// What the certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A CA at the top.
    Root,
    /// A CA below another.
    Intermediate,
    /// A client of TLS.
    Client,
    /// A server of TLS.
    Server,
}

/// What is decided about the certificate, beside what the request asks for.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What it is for.
    pub purpose: Purpose,
    /// Further DNS names.
    pub names: Vec<DomainName>,
    /// Further IP addresses.
    pub ips: Vec<IpAddr>,
    /// From a little before `now` to so long after it.
    pub validity: SignedDuration,
    /// The present time.
    pub now: Timestamp,
}

/// Signs a request with its own key.
///
/// # Errors
/// When the request asks for what cannot be encoded.
pub fn self_signed(csr: &Csr, key: &KeyPair, terms: &Terms) -> Result<Certificate, MintError> {
    let (params, _) = prepare(csr, terms)?;
    let signed = params
        .self_signed(&key.rcgen())
        .map_err(|error| encode(csr.subject(), &error))?;
    parse(signed.der())
}

/// Signs a request with a CA's key.
///
/// # Errors
/// When the request asks for what cannot be encoded.
pub fn signed_by(
    authority: &Authority,
    csr: &Csr,
    terms: &Terms,
) -> Result<Certificate, MintError> {
    let (mut params, public_key) = prepare(csr, terms)?;
    params.use_authority_key_identifier_extension = true;
    let issuer = authority.issuer(authority.key().rcgen())?;
    let signed = params
        .signed_by(&public_key, &issuer)
        .map_err(|error| encode(csr.subject(), &error))?;
    parse(signed.der())
}

fn prepare(csr: &Csr, terms: &Terms) -> Result<(CertificateParams, PublicKey), MintError> {
    let der = CertificateSigningRequestDer::from(csr.der());
    let read = CertificateSigningRequestParams::from_der(&der)
        .map_err(|error| encode(csr.subject(), &error))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = read.params.distinguished_name;
    let (mut names, mut ips) = (csr.names(), csr.ips());
    names.extend(
        terms
            .names
            .iter()
            .filter(|name| !csr.names().contains(name))
            .cloned(),
    );
    ips.extend(terms.ips.iter().filter(|ip| !csr.ips().contains(ip)));
    if matches!(terms.purpose, Purpose::Root | Purpose::Intermediate) {
        // The common name of a CA is no host's.
        names.clone_from(&terms.names);
    }
    params.subject_alt_names = alt_names(&names, &ips, &[]).map_err(|why| MintError::Encode {
        what: csr.subject().to_owned(),
        why,
    })?;
    params.not_before = offset(back(terms.now));
    params.not_after = offset(ahead(terms.now, terms.validity));
    params.serial_number = Some(random_serial()?);
    set_usages(&mut params, terms.purpose);
    Ok((params, read.public_key))
}

fn set_usages(params: &mut CertificateParams, purpose: Purpose) {
    let ca = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    match purpose {
        Purpose::Root | Purpose::Intermediate => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = ca;
        }
        Purpose::Client | Purpose::Server => {
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![
                KeyUsagePurpose::DigitalSignature,
                KeyUsagePurpose::KeyEncipherment,
            ];
            params.extended_key_usages = vec![match purpose {
                Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
                _ => ExtendedKeyUsagePurpose::ServerAuth,
            }];
        }
    }
}

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;

    use super::*;
    use crate::csr::CsrParams;
    use crate::subject::Subject;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn terms(purpose: Purpose) -> Terms {
        Terms {
            purpose,
            names: vec!["b.example".parse().unwrap()],
            ips: Vec::new(),
            validity: SignedDuration::from_hours(24),
            now: now(),
        }
    }

    fn request(common_name: &str, key: &KeyPair) -> Csr {
        let subject = Subject {
            common_name: Some(common_name.to_owned()),
            organization: Some("Example".to_owned()),
            ..Subject::default()
        };
        let params = CsrParams {
            subject,
            ..CsrParams::default()
        };
        Csr::build(&params, key).unwrap()
    }

    #[test]
    fn a_root_signs_a_server_with_the_subject_that_was_asked_for() {
        let [ca, server] = [0, 1].map(|_| KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap());
        let root = self_signed(&request("Test CA", &ca), &ca, &terms(Purpose::Root)).unwrap();
        let pem = ca.to_pkcs8_pem();
        let authority = Authority::from_pem(&root.to_pem(), pem.expose()).unwrap();

        let csr = request("a.example", &server);
        let leaf = signed_by(&authority, &csr, &terms(Purpose::Server)).unwrap();

        assert!(root.is_self_signed() && root.is_ca() && leaf.is_signed_by(&root));
        assert!(leaf.subject().contains("O=Example"), "{}", leaf.subject());
        let names: Vec<_> = leaf.dns_names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a.example", "b.example"]);
        assert!(!leaf.is_ca() && leaf.is_valid_at(now()));
    }
}
