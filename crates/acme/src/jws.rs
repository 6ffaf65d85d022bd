//! JSON Web Signatures in the flattened form that ACME asks for (RFC 7515 §7.2.2, RFC 8555 §6.2).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use crate::key::{AccountKey, KeyError};

/// How a request names the key that signed it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyName<'a> {
    /// The public key itself: newAccount, keyChange's inner part, revocation by certificate key.
    Jwk,
    /// The account's URL: everything else.
    Account(&'a str),
}

/// A signed request; `nonce` is absent only inside a key change (RFC 8555 §7.3.5).
pub(crate) fn sign(
    key: &AccountKey,
    name: KeyName<'_>,
    nonce: Option<&str>,
    url: &str,
    payload: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let mut protected = json!({ "alg": key.algorithm().as_str(), "url": url });
    match name {
        KeyName::Jwk => protected["jwk"] = jwk_value(key),
        KeyName::Account(kid) => protected["kid"] = Value::from(kid),
    }
    if let Some(nonce) = nonce {
        protected["nonce"] = Value::from(nonce);
    }
    let input = signing_input(&protected, payload);
    let signature = key.sign(input.as_bytes())?;
    Ok(flatten(&input, &signature).to_string().into_bytes())
}

/// The `externalAccountBinding`: HS256 over the account's public key (RFC 8555 §7.3.4).
pub(crate) fn bind_external(key: &AccountKey, kid: &str, hmac_key: &[u8], url: &str) -> Value {
    let protected = json!({ "alg": "HS256", "kid": kid, "url": url });
    let input = signing_input(&protected, key.jwk().as_bytes());
    let mac = hmac::Key::new(hmac::HMAC_SHA256, hmac_key);
    flatten(&input, hmac::sign(&mac, input.as_bytes()).as_ref())
}

/// The public key as JSON value.
pub(crate) fn jwk_value(key: &AccountKey) -> Value {
    serde_json::from_str(&key.jwk()).unwrap_or_default()
}

fn signing_input(protected: &Value, payload: &[u8]) -> String {
    let mut input = BASE64URL.encode(protected.to_string());
    input.push('.');
    BASE64URL.encode_string(payload, &mut input);
    input
}

fn flatten(input: &str, signature: &[u8]) -> Value {
    let (protected, payload) = input.split_once('.').unwrap_or_default();
    json!({
        "protected": protected,
        "payload": payload,
        "signature": BASE64URL.encode(signature),
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
        RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
    };

    use super::*;
    use crate::key::SignatureAlgorithm;

    fn part(jws: &Value, member: &str) -> Vec<u8> {
        BASE64URL.decode(jws[member].as_str().unwrap()).unwrap()
    }

    fn verify_ec(
        jwk: &Value,
        algorithm: &'static dyn VerificationAlgorithm,
        input: &str,
        signature: &[u8],
    ) {
        let point = [vec![4], part(jwk, "x"), part(jwk, "y")].concat();
        UnparsedPublicKey::new(algorithm, point)
            .verify(input.as_bytes(), signature)
            .unwrap();
    }

    #[test]
    fn signatures_of_every_algorithm_verify_against_the_jwk() {
        for algorithm in [
            SignatureAlgorithm::Es256,
            SignatureAlgorithm::Es384,
            SignatureAlgorithm::Rs256,
        ] {
            let key = AccountKey::generate(algorithm).unwrap();

            let body = sign(&key, KeyName::Jwk, Some("n-1"), "https://ca/x", b"{}").unwrap();

            let jws: Value = serde_json::from_slice(&body).unwrap();
            let protected: Value = serde_json::from_slice(&part(&jws, "protected")).unwrap();
            let jwk = &protected["jwk"];
            let input = format!(
                "{}.{}",
                jws["protected"].as_str().unwrap(),
                jws["payload"].as_str().unwrap()
            );
            let signature = part(&jws, "signature");
            assert_eq!(protected["alg"], algorithm.as_str());
            assert_eq!(protected["nonce"], "n-1");
            assert_eq!(protected["url"], "https://ca/x");
            match algorithm {
                SignatureAlgorithm::Es256 => {
                    verify_ec(jwk, &ECDSA_P256_SHA256_FIXED, &input, &signature)
                }
                SignatureAlgorithm::Es384 => {
                    verify_ec(jwk, &ECDSA_P384_SHA384_FIXED, &input, &signature)
                }
                SignatureAlgorithm::Rs256 => RsaPublicKeyComponents {
                    n: part(jwk, "n"),
                    e: part(jwk, "e"),
                }
                .verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature)
                .unwrap(),
            }
        }
    }

    #[test]
    fn post_as_get_has_an_empty_payload_and_names_the_account() {
        let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();

        let body = sign(
            &key,
            KeyName::Account("https://ca/a/1"),
            Some("n"),
            "u",
            b"",
        )
        .unwrap();

        let jws: Value = serde_json::from_slice(&body).unwrap();
        let protected: Value = serde_json::from_slice(&part(&jws, "protected")).unwrap();
        assert_eq!(jws["payload"], "");
        assert_eq!(protected["kid"], "https://ca/a/1");
        assert!(protected.get("jwk").is_none());
    }

    #[test]
    fn hs256_is_that_of_rfc_7515_appendix_a1() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let mac = hmac::Key::new(hmac::HMAC_SHA256, &BASE64URL.decode(key).unwrap());

        let jws = flatten(input, hmac::sign(&mac, input.as_bytes()).as_ref());

        assert_eq!(
            jws["signature"],
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
    }

    #[test]
    fn the_external_binding_signs_the_account_key_for_new_account() {
        let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();

        let binding = bind_external(&key, "kid-1", b"secret", "https://ca/new-account");

        let protected: Value = serde_json::from_slice(&part(&binding, "protected")).unwrap();
        assert_eq!(
            protected,
            json!({"alg": "HS256", "kid": "kid-1", "url": "https://ca/new-account"})
        );
        assert_eq!(part(&binding, "payload"), key.jwk().as_bytes());
    }
}
