//! SHA-256 of DER, the one way a fingerprint is made.

use aws_lc_rs::digest;
use evercert_types::Fingerprint;

/// The SHA-256 digest of `bytes`: of a certificate's DER, or of a `SubjectPublicKeyInfo`.
pub fn sha256(bytes: &[u8]) -> Fingerprint {
    let mut out = [0u8; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    Fingerprint(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_the_empty_text_is_the_known_one() {
        assert_eq!(
            sha256(b"").to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
