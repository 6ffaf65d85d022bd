//! What the stub checks of a JWS, by other code than signed it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::Value;

/// Protected header and payload, unchecked; null when it is no JWS.
pub(crate) fn peek(body: &[u8]) -> (Value, Value) {
    let jws: Value = serde_json::from_slice(body).unwrap_or_default();
    (part(&jws, "protected"), part(&jws, "payload"))
}

/// A member decoded, as JSON; an empty one is null.
pub(crate) fn part(jws: &Value, member: &str) -> Value {
    serde_json::from_slice(&bytes(&jws[member])).unwrap_or_default()
}

/// Whether the signature is that of the key in `jwk`.
pub(crate) fn is_signed_by(body: &[u8], jwk: &Value) -> bool {
    let jws: Value = serde_json::from_slice(body).unwrap_or_default();
    let (input, signature) = (input(&jws), bytes(&jws["signature"]));
    let point = || [vec![4], bytes(&jwk["x"]), bytes(&jwk["y"])].concat();
    let result = match part(&jws, "protected")["alg"].as_str() {
        Some("ES256") => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point())
            .verify(input.as_bytes(), &signature),
        Some("ES384") => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point())
            .verify(input.as_bytes(), &signature),
        Some("RS256") => RsaPublicKeyComponents {
            n: bytes(&jwk["n"]),
            e: bytes(&jwk["e"]),
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature),
        _ => return false,
    };
    result.is_ok()
}

/// Whether an external binding is signed with this HMAC key (HS256) and binds this JWK.
pub(crate) fn is_bound(binding: &Value, hmac_key: &[u8], jwk: &Value) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, hmac_key);
    let tag = bytes(&binding["signature"]);
    part(binding, "protected")["alg"] == "HS256"
        && part(binding, "payload") == *jwk
        && hmac::verify(&key, input(binding).as_bytes(), &tag).is_ok()
}

/// A name for a key; `serde_json` sorts members, which makes the text canonical.
pub(crate) fn thumbprint(jwk: &Value) -> String {
    BASE64URL.encode(digest(&SHA256, jwk.to_string().as_bytes()))
}

pub(crate) fn bytes(text: &Value) -> Vec<u8> {
    BASE64URL
        .decode(text.as_str().unwrap_or_default())
        .unwrap_or_default()
}

fn input(jws: &Value) -> String {
    let member = |name: &str| jws[name].as_str().unwrap_or_default().to_owned();
    format!("{}.{}", member("protected"), member("payload"))
}
