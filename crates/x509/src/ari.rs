//! The name a certificate has in ACME Renewal Information (RFC 9773 §4.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::certificate::Certificate;

/// `base64url(authority key identifier) "." base64url(serial number)`; none without the identifier.
///
/// The serial number is the contents of its DER INTEGER, a leading zero octet included.
pub fn ari_certificate_id(certificate: &Certificate) -> Option<String> {
    let authority = certificate.authority_key_id()?;
    Some(format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(authority),
        URL_SAFE_NO_PAD.encode(certificate.serial())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_example_of_the_standard_has_its_name() {
        // RFC 9773 appendix A.
        let example = Certificate::from_pem(include_str!("../tests/fixtures/rfc9773.pem")).unwrap();

        assert_eq!(
            ari_certificate_id(&example).as_deref(),
            Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
        );
    }

    #[test]
    fn a_certificate_without_authority_has_none() {
        let (_, _, root) = samples::chain();

        assert_eq!(ari_certificate_id(root.certificate()), None);
    }
}
