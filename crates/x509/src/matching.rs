//! Whether a certificate belongs to a key, and to the names it shall serve.

use std::net::IpAddr;

use evercert_types::DomainName;

use crate::certificate::Certificate;
use crate::csr::Csr;
use crate::key::KeyPair;

/// A certificate does not belong to a key, or lacks names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// The public halves differ.
    #[error(
        "the certificate {subject} was issued for another private key (its key is {certificate_key}, the given one {given_key}); give the key its request was signed with"
    )]
    Key {
        /// The certificate's subject.
        subject: String,
        /// The start of the fingerprint of the certificate's public key.
        certificate_key: String,
        /// The start of the fingerprint of the given key.
        given_key: String,
    },
    /// Names are wanted that the certificate does not cover.
    #[error(
        "the certificate {subject} does not cover {}; it covers {}",
        list(missing),
        list(present)
    )]
    Names {
        /// The certificate's subject.
        subject: String,
        /// The wanted names that are missing.
        missing: Vec<DomainName>,
        /// The names it has.
        present: Vec<DomainName>,
    },
    /// IP addresses are wanted that the certificate does not have.
    #[error(
        "the certificate {subject} does not cover the address {}",
        addresses(missing)
    )]
    Addresses {
        /// The certificate's subject.
        subject: String,
        /// The wanted addresses that are missing.
        missing: Vec<IpAddr>,
    },
}

/// Checks that the certificate's public key is that of the private key.
///
/// # Errors
/// [`MatchError::Key`] with the start of both fingerprints.
pub fn verify_key_matches(certificate: &Certificate, key: &KeyPair) -> Result<(), MatchError> {
    // The bits are compared, not the SubjectPublicKeyInfo: some CAs leave out RSA's NULL parameters.
    let same = certificate.spki_der() == key.spki_der()
        || (certificate.key_algorithm() == Some(key.algorithm())
            && certificate.public_key() == key.public_key());
    if same {
        return Ok(());
    }
    let short = |fingerprint: evercert_types::Fingerprint| fingerprint.to_string()[..16].to_owned();
    Err(MatchError::Key {
        subject: certificate.display_name(),
        certificate_key: short(crate::sha256(certificate.spki_der())),
        given_key: short(key.spki_fingerprint()),
    })
}

/// Checks that the certificate's public key is that of the request.
///
/// # Errors
/// [`MatchError::Key`] with the start of both fingerprints.
pub fn verify_request_matches(certificate: &Certificate, request: &Csr) -> Result<(), MatchError> {
    let same = certificate.spki_der() == request.spki_der()
        || (certificate.key_algorithm().is_some()
            && certificate.key_algorithm() == request.key_algorithm()
            && certificate.public_key() == request.public_key());
    if same {
        return Ok(());
    }
    let short = |spki: &[u8]| crate::sha256(spki).to_string()[..16].to_owned();
    Err(MatchError::Key {
        subject: certificate.display_name(),
        certificate_key: short(certificate.spki_der()),
        given_key: short(request.spki_der()),
    })
}

/// Checks that every wanted IP address is in the certificate (RFC 8738).
///
/// # Errors
/// [`MatchError::Addresses`] with all that are missing.
pub fn verify_addresses(certificate: &Certificate, wanted: &[IpAddr]) -> Result<(), MatchError> {
    let present = certificate.ip_addresses();
    let missing: Vec<IpAddr> = wanted
        .iter()
        .filter(|address| !present.contains(address))
        .copied()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(MatchError::Addresses {
        subject: certificate.display_name(),
        missing,
    })
}

/// Checks that every wanted name is covered; a wanted wildcard must be there itself.
///
/// # Errors
/// [`MatchError::Names`] with all names that are missing.
pub fn verify_names(certificate: &Certificate, wanted: &[DomainName]) -> Result<(), MatchError> {
    let present = certificate.dns_names();
    let covered = |name: &DomainName| {
        present.contains(name)
            || (!name.is_wildcard() && present.iter().any(|has| has.covers(name.as_str())))
    };
    let missing: Vec<DomainName> = wanted
        .iter()
        .filter(|name| !covered(name))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(MatchError::Names {
        subject: certificate.display_name(),
        missing,
        present,
    })
}

fn addresses(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    shown.join(", ")
}

fn list(names: &[DomainName]) -> String {
    if names.is_empty() {
        return "no domain name".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(10).map(DomainName::as_str).collect();
    let more = names.len().saturating_sub(10);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;

    use super::*;
    use crate::samples::{self, FIXTURE_LEAF, FIXTURE_RSA_KEY};

    #[test]
    fn a_key_matches_its_certificate_only() {
        let leaf = Certificate::from_pem(FIXTURE_LEAF).unwrap();
        let own = KeyPair::from_pem(FIXTURE_RSA_KEY).unwrap();
        let other = KeyPair::generate(KeyAlgorithm::Rsa2048).unwrap();

        verify_key_matches(&leaf, &own).unwrap();
        let error = verify_key_matches(&leaf, &other).unwrap_err();

        assert!(error.to_string().contains("another private key"), "{error}");
    }

    #[test]
    fn a_certificate_belongs_to_its_request_and_its_addresses() {
        let leaf = Certificate::from_pem(FIXTURE_LEAF).unwrap();
        let request = Csr::from_pem(include_str!("../tests/fixtures/leaf.csr")).unwrap();
        let other = Csr::from_pem(include_str!("../tests/fixtures/rsa-1024.csr")).unwrap();
        let addresses = leaf.ip_addresses();

        verify_request_matches(&leaf, &request).unwrap();
        assert!(verify_request_matches(&leaf, &other).is_err());
        verify_addresses(&leaf, &addresses).unwrap();
        let error = verify_addresses(&leaf, &["203.0.113.9".parse().unwrap()]).unwrap_err();
        assert!(error.to_string().contains("203.0.113.9"), "{error}");
    }

    #[test]
    fn a_wildcard_covers_one_label_and_not_itself_less() {
        let (_, chain, _) = samples::chain();
        let leaf = chain.leaf();

        verify_names(
            leaf,
            &samples::names(&["a.example", "b.a.example", "*.a.example"]),
        )
        .unwrap();
        let error = verify_names(
            leaf,
            &samples::names(&["c.b.a.example", "a.example", "*.b.example"]),
        )
        .unwrap_err();

        assert_eq!(
            error.to_string(),
            "the certificate a.example does not cover c.b.a.example, *.b.example; it covers a.example, *.a.example"
        );
    }
}
