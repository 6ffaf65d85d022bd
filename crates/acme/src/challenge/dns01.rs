//! dns-01: a TXT record at `_acme-challenge.<name>` (RFC 8555 §8.4).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::key_authorization;
use crate::authorization::Authorization;
use crate::key::AccountKey;

/// The record's value: 43 characters of base64url.
///
/// A name and its wildcard share the record's name and have two values, which must stand together.
pub fn dns01_value(token: &str, key: &AccountKey) -> String {
    let text = key_authorization(token, key);
    BASE64URL.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// The record's name, before any CNAME is followed; without final dot.
pub fn record_name(authorization: &Authorization) -> String {
    let value = &authorization.identifier.value;
    format!(
        "_acme-challenge.{}",
        value.strip_prefix("*.").unwrap_or(value)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SignatureAlgorithm;

    #[test]
    fn values_are_43_characters_and_differ_by_token_and_key() {
        let keys = [(); 2].map(|()| AccountKey::generate(SignatureAlgorithm::Es256).unwrap());

        let values = [
            dns01_value("a", &keys[0]),
            dns01_value("b", &keys[0]),
            dns01_value("a", &keys[1]),
        ];

        assert!(values.iter().all(|value| value.len() == 43));
        assert!(values[0] != values[1] && values[0] != values[2]);
    }

    #[test]
    fn a_name_and_its_wildcard_share_the_record() {
        let at = |value: &str| {
            let text = format!(
                r#"{{"status":"pending","identifier":{{"type":"dns","value":"{value}"}}}}"#
            );
            record_name(&serde_json::from_str(&text).unwrap())
        };

        assert_eq!(at("example.org"), "_acme-challenge.example.org");
        assert_eq!(at("*.example.org"), "_acme-challenge.example.org");
    }
}
