//! tls-alpn-01: a self-signed certificate in a TLS handshake on port 443 (RFC 8737).

use aws_lc_rs::digest;

use super::key_authorization;
use crate::key::AccountKey;

/// The only protocol in the CA's ALPN extension.
pub const ALPN: &[u8] = b"acme-tls/1";

/// The critical extension id-pe-acmeIdentifier of the certificate.
pub const EXTENSION_OID: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 31];

/// The extension's value in DER: an OCTET STRING with SHA-256 of the key authorization.
///
/// The certificate is self-signed and has the name as its only subjectAltName. For rustls make it a
/// `CertifiedKey` by `new`: `from_der` and `with_single_cert` refuse the critical extension.
pub fn extension_value(token: &str, key: &AccountKey) -> Vec<u8> {
    let text = key_authorization(token, key);
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    [&[0x04, 0x20], digest.as_ref()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SignatureAlgorithm;

    #[test]
    fn the_extension_is_an_octet_string_of_32_bytes() {
        let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();

        let value = extension_value("tok", &key);

        assert_eq!((value.len(), value[0], value[1]), (34, 4, 32));
        assert_ne!(value, extension_value("other", &key));
    }
}
