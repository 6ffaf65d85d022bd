//! JSON Web Signatures as ACME restricts them (RFC 8555 §6.2): flattened, one signature.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::jwk::{ALGORITHMS, Jwk};
use crate::problem::{Kind, Problem};

/// A parsed, not yet verified message.
#[derive(Debug)]
pub(crate) struct Jws {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    signing_input: String,
    signature: Vec<u8>,
}

/// The protected header.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: String,
    pub(crate) signer: Signer,
    pub(crate) nonce: Option<String>,
    pub(crate) url: Option<String>,
}

/// Who says to have signed: exactly one of `jwk` and `kid`.
#[derive(Debug)]
pub(crate) enum Signer {
    Jwk(Value),
    Kid(String),
}

#[derive(Deserialize)]
struct Flattened {
    protected: String,
    payload: String,
    signature: String,
    header: Option<Value>,
    signatures: Option<Value>,
}

#[derive(Deserialize)]
struct RawHeader {
    alg: Option<String>,
    jwk: Option<Value>,
    kid: Option<String>,
    nonce: Option<String>,
    url: Option<String>,
    crit: Option<Value>,
}

impl Jws {
    /// Reads a message from a request's body.
    ///
    /// # Errors
    /// `malformed`.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let flattened: Flattened = serde_json::from_slice(body).map_err(|error| {
            Problem::malformed(format!("the request is not a flattened JWS: {error}"))
        })?;
        Self::from_parts(flattened)
    }

    /// Reads a message that is a member of another's payload.
    ///
    /// # Errors
    /// `malformed`.
    pub(crate) fn from_value(value: &Value) -> Result<Self, Problem> {
        let flattened: Flattened = Flattened::deserialize(value).map_err(|error| {
            Problem::malformed(format!("the inner message is not a flattened JWS: {error}"))
        })?;
        Self::from_parts(flattened)
    }

    /// Checks algorithm and signature against a key.
    ///
    /// # Errors
    /// `badSignatureAlgorithm`, or `malformed` when the signature is wrong.
    pub(crate) fn verify(&self, key: &Jwk) -> Result<(), Problem> {
        let algorithm = self.header.algorithm.as_str();
        if !ALGORITHMS.contains(&algorithm) || algorithm != key.algorithm() {
            let detail = if ALGORITHMS.contains(&algorithm) {
                format!(
                    "algorithm {algorithm} does not fit the key; it signs with {}",
                    key.algorithm()
                )
            } else {
                format!("algorithm {algorithm} is not accepted")
            };
            return Err(
                Problem::new(Kind::BadSignatureAlgorithm, detail).with_algorithms(&ALGORITHMS)
            );
        }
        if key.verifies(self.signing_input.as_bytes(), &self.signature) {
            Ok(())
        } else {
            Err(Problem::malformed("the JWS's signature does not verify"))
        }
    }

    /// Checks an HS256 signature (external account binding).
    pub(crate) fn verify_mac(&self, key: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::verify(&key, self.signing_input.as_bytes(), &self.signature).is_ok()
    }

    fn from_parts(parts: Flattened) -> Result<Self, Problem> {
        if parts.header.is_some() || parts.signatures.is_some() {
            return Err(Problem::malformed(
                "the JWS must be flattened, with one signature and no unprotected header",
            ));
        }
        let decode = |what: &str, text: &str| {
            URL_SAFE_NO_PAD.decode(text).map_err(|_| {
                Problem::malformed(format!("the JWS's {what} is not base64url without padding"))
            })
        };
        let header = decode("protected header", &parts.protected)?;
        let header: RawHeader = serde_json::from_slice(&header).map_err(|error| {
            Problem::malformed(format!("the JWS's protected header is malformed: {error}"))
        })?;
        Ok(Self {
            header: Header::from_raw(header)?,
            payload: decode("payload", &parts.payload)?,
            signature: decode("signature", &parts.signature)?,
            signing_input: format!("{}.{}", parts.protected, parts.payload),
        })
    }
}

impl Header {
    fn from_raw(raw: RawHeader) -> Result<Self, Problem> {
        if raw.crit.is_some() {
            return Err(Problem::malformed(
                "the JWS has critical header parameters; none is understood",
            ));
        }
        let signer = match (raw.jwk, raw.kid) {
            (Some(jwk), None) => Signer::Jwk(jwk),
            (None, Some(kid)) => Signer::Kid(kid),
            _ => {
                return Err(Problem::malformed(
                    "the JWS's protected header needs exactly one of jwk and kid",
                ));
            }
        };
        Ok(Self {
            algorithm: raw
                .alg
                .ok_or_else(|| Problem::malformed("the JWS's protected header has no alg"))?,
            signer,
            nonce: raw.nonce,
            url: raw.url,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(header: &Value) -> Vec<u8> {
        let protected = URL_SAFE_NO_PAD.encode(header.to_string());
        json!({"protected": protected, "payload": "", "signature": "AA"})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn messages_that_are_not_of_acmes_form_are_refused() {
        let cases = [
            (b"[]".to_vec(), "flattened"),
            (
                br#"{"protected":"e30","payload":"","signature":"","header":{}}"#.to_vec(),
                "unprotected",
            ),
            (
                br#"{"protected":"e30=","payload":"","signature":""}"#.to_vec(),
                "protected header is not base64url",
            ),
            (
                br#"{"protected":"e30","payload":"?","signature":""}"#.to_vec(),
                "exactly one",
            ),
            (
                message(&json!({"alg": "ES256", "jwk": {}, "kid": "x"})),
                "exactly one",
            ),
            (message(&json!({"jwk": {}})), "no alg"),
            (
                message(&json!({"alg": "ES256", "jwk": {}, "crit": ["b64"]})),
                "critical",
            ),
        ];
        for (body, word) in cases {
            let problem = Jws::parse(&body).unwrap_err();
            assert!(
                problem.detail().contains(word),
                "{word}: {}",
                problem.detail()
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(
            protected in "[A-Za-z0-9_=-]{0,40}",
            header in "\\{(\"(alg|jwk|kid|url|nonce|crit)\":(\"[a-z]{0,3}\"|\\{\\}|1),?){0,4}\\}",
            garbage in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
        ) {
            drop(Jws::parse(&garbage));
            for protected in [protected, URL_SAFE_NO_PAD.encode(header)] {
                let body = json!({"protected": protected, "payload": "e30", "signature": "AA"});
                drop(Jws::parse(body.to_string().as_bytes()));
            }
        }
    }
}
