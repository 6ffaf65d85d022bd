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
