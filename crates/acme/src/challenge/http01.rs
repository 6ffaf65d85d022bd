//! http-01: a file on port 80 of the name (RFC 8555 §8.3); not for wildcards.

use super::key_authorization;
use crate::key::AccountKey;

/// What every path begins with.
pub const PREFIX: &str = "/.well-known/acme-challenge/";

/// The path the CA asks for.
pub fn path(token: &str) -> String {
    format!("{PREFIX}{token}")
}

/// The whole body of the answer.
pub fn body(token: &str, key: &AccountKey) -> String {
    key_authorization(token, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SignatureAlgorithm;

    #[test]
    fn the_file_is_named_by_the_token_and_holds_the_key_authorization() {
        let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();

        assert_eq!(path("tok"), "/.well-known/acme-challenge/tok");
        assert_eq!(body("tok", &key), format!("tok.{}", key.thumbprint()));
    }
}
