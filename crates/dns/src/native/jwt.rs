//! Signed claims (RFC 7515, RFC 7519) with an RSA key in PEM, and the key as services hand it out.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{self, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// An RSA key that signs claims.
pub(super) struct SigningKey(KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Reads a `PRIVATE KEY` (PKCS #8) or `RSA PRIVATE KEY` block; `None` when there is none that can be used.
    pub(super) fn from_pem(pem: &str) -> Option<Self> {
        let read = |label: &str| {
            let begin = format!("-----BEGIN {label}-----");
            let end = format!("-----END {label}-----");
            let (_, tail) = pem.split_once(&begin)?;
            let (inside, _) = tail.split_once(&end)?;
            let text: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
            STANDARD.decode(text).ok()
        };
        let key = match read("PRIVATE KEY") {
            Some(der) => KeyPair::from_pkcs8(&der).ok()?,
            None => KeyPair::from_der(&read("RSA PRIVATE KEY")?).ok()?,
        };
        Some(Self(key))
    }

    /// The compact form of the claims, signed with RS256; `None` when signing fails.
    pub(super) fn sign(&self, claims: &Value, extra: &[(&str, String)]) -> Option<String> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        for (name, value) in extra {
            header[*name] = Value::String(value.clone());
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let mut signed = vec![0; self.0.public_modulus_len()];
        let algorithm: &'static dyn signature::RsaEncoding = &RSA_PKCS1_SHA256;
        self.0
            .sign(
                algorithm,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signed,
            )
            .ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signed)))
    }
}
