//! Signed requests (RFC 7515 as RFC 8555 §6.2 wants it): read and verify.

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::problem::Problem;

/// A signed message, taken apart and not yet believed.
#[derive(Debug, Default)]
pub(super) struct Jws {
    pub(super) header: Value,
    pub(super) payload: Vec<u8>,
    input: String,
    signature: Vec<u8>,
}

/// An account's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// The uncompressed point.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl Jws {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let value = serde_json::from_slice(body)
            .map_err(|_| Problem::malformed("Parse error reading JWS"))?;
        Self::from_value(&value)
    }

    pub(super) fn from_value(value: &Value) -> Result<Self, Problem> {
        let member = |name: &str| {
            value[name]
                .as_str()
                .ok_or_else(|| Problem::malformed(format!("JWS without \"{name}\"")))
        };
        let (protected, payload) = (member("protected")?, member("payload")?);
        let header = serde_json::from_slice(&decode(protected)?)
            .map_err(|_| Problem::malformed("JWS protected header is no JSON"))?;
        Ok(Self {
            header,
            payload: decode(payload)?,
            input: format!("{protected}.{payload}"),
            signature: decode(member("signature")?)?,
        })
    }

    /// The payload as JSON; null when empty, as in POST-as-GET.
    pub(super) fn json(&self) -> Result<Value, Problem> {
        if self.payload.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.payload)
            .map_err(|_| Problem::malformed("Request payload did not parse as JSON"))
    }

    pub(super) fn member(&self, name: &str) -> Option<&str> {
        self.header[name].as_str()
    }

    /// Checks that the key made the signature with its own algorithm.
    pub(super) fn verify(&self, key: &PublicKey) -> Result<(), Problem> {
        self.check_algorithm()?;
        if self.member("alg") == Some(key.algorithm()) && key.made(&self.input, &self.signature) {
            return Ok(());
        }
        Err(Problem::malformed("JWS verification error"))
    }

    /// Checks that the key with this `SubjectPublicKeyInfo` made the signature.
    pub(super) fn verify_spki(&self, spki: &[u8]) -> Result<(), Problem> {
        self.check_algorithm()?;
        let input = self.input.as_bytes();
        let made = match self.member("alg") {
            Some("ES256") => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, spki)
                .verify(input, &self.signature),
            Some("ES384") => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, spki)
                .verify(input, &self.signature),
            _ => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki)
                .verify(input, &self.signature),
        };
        made.map_err(|_| Problem::malformed("JWS verification error"))
    }

    /// Checks the MAC of an external account binding.
    pub(super) fn has_mac(&self, secret: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        self.member("alg") == Some("HS256")
            && hmac::verify(&key, self.input.as_bytes(), &self.signature).is_ok()
    }

    fn check_algorithm(&self) -> Result<(), Problem> {
        match self.member("alg") {
            Some("ES256" | "ES384" | "RS256") => Ok(()),
            other => Err(Problem::new(
                400,
                "badSignatureAlgorithm",
                format!("JWS signature header contains unsupported algorithm {other:?}"),
            )),
        }
    }
}

impl PublicKey {
    pub(super) fn from_jwk(jwk: &Value) -> Result<Self, Problem> {
        let bad = || {
            Problem::new(
                400,
                "badPublicKey",
                "The JWK is of no kind that is accepted",
            )
        };
        let number = |name: &str| decode(jwk[name].as_str().unwrap_or_default());
        let point = || Ok::<_, Problem>([vec![4], number("x")?, number("y")?].concat());
        let key = match (jwk["kty"].as_str(), jwk["crv"].as_str()) {
            (Some("EC"), Some("P-256")) => Self::P256(point()?),
            (Some("EC"), Some("P-384")) => Self::P384(point()?),
            (Some("RSA"), _) => Self::Rsa {
                n: number("n")?,
                e: number("e")?,
            },
            _ => return Err(bad()),
        };
        key.has_right_size().then_some(key).ok_or_else(bad)
    }

    /// The key's identity, in the canonical form of RFC 7638 before hashing.
    pub(super) fn identity(&self) -> String {
        let text = |bytes: &[u8]| BASE64URL.encode(bytes);
        let halves = |point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            (text(x), text(y))
        };
        match self {
            Self::P256(point) => {
                let (x, y) = halves(point);
                json!({"crv": "P-256", "kty": "EC", "x": x, "y": y}).to_string()
            }
            Self::P384(point) => {
                let (x, y) = halves(point);
                json!({"crv": "P-384", "kty": "EC", "x": x, "y": y}).to_string()
            }
            Self::Rsa { n, e } => json!({"e": text(e), "kty": "RSA", "n": text(n)}).to_string(),
        }
    }

    /// Whether a `SubjectPublicKeyInfo` holds this key.
    pub(super) fn is_in(&self, spki: &[u8]) -> bool {
        match self {
            Self::P256(point) | Self::P384(point) => spki.ends_with(point),
            Self::Rsa { n, .. } => spki.windows(n.len()).any(|part| part == n),
        }
    }

    fn has_right_size(&self) -> bool {
        match self {
            Self::P256(point) => point.len() == 65,
            Self::P384(point) => point.len() == 97,
            Self::Rsa { n, e } => (256..=512).contains(&n.len()) && !e.is_empty(),
        }
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::Rsa { .. } => "RS256",
        }
    }

    fn made(&self, input: &str, signature: &[u8]) -> bool {
        let input = input.as_bytes();
        let verdict = match self {
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input, signature)
            }
            Self::P384(point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(input, signature)
            }
            Self::Rsa { n, e } => {
                PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, input, signature)
            }
        };
        verdict.is_ok()
    }
}

/// Base64url without padding, as every JOSE member is.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Problem> {
    BASE64URL
        .decode(text)
        .map_err(|_| Problem::malformed("a member is not base64url without padding"))
}
