//! Public keys as JSON Web Keys (RFC 7517): parse, judge, thumbprint, verify.

use aws_lc_rs::digest;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as SpkiKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::problem::{Kind, Problem};

/// Signature algorithms of requests, as `badSignatureAlgorithm` lists them.
pub(crate) const ALGORITHMS: [&str; 3] = ["ES256", "ES384", "RS256"];

/// An account's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Jwk {
    P256 { x: Vec<u8>, y: Vec<u8> },
    P384 { x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Jwk {
    /// Reads a key and judges it.
    ///
    /// # Errors
    /// `malformed` when it is no key, `badPublicKey` when it is of a kind or strength not accepted.
    pub(crate) fn from_json(value: &Value) -> Result<Self, Problem> {
        let member = |name: &str| -> Result<&str, Problem> {
            value
                .get(name)
                .and_then(Value::as_str)
                .ok_or_else(|| Problem::malformed(format!("the JWK has no member \"{name}\"")))
        };
        let number = |name: &str| -> Result<Vec<u8>, Problem> {
            URL_SAFE_NO_PAD.decode(member(name)?).map_err(|_| {
                Problem::malformed(format!(
                    "the JWK's member \"{name}\" is not base64url without padding"
                ))
            })
        };
        let key = match member("kty")? {
            "EC" => match member("crv")? {
                "P-256" => Self::P256 {
                    x: number("x")?,
                    y: number("y")?,
                },
                "P-384" => Self::P384 {
                    x: number("x")?,
                    y: number("y")?,
                },
                other => return Err(bad_key(format!("the curve {other} is not accepted"))),
            },
            "RSA" => Self::Rsa {
                n: number("n")?,
                e: number("e")?,
            },
            other => return Err(bad_key(format!("keys of type {other} are not accepted"))),
        };
        key.judge()?;
        Ok(key)
    }

    /// The key of a certificate or CSR, when it is of a kind that an account can have.
    pub(crate) fn from_spki(der: &[u8]) -> Option<Self> {
        let (_, spki) = SubjectPublicKeyInfo::from_der(der).ok()?;
        match spki.parsed().ok()? {
            SpkiKey::RSA(rsa) => Some(Self::Rsa {
                n: without_zeros(rsa.modulus),
                e: without_zeros(rsa.exponent),
            }),
            SpkiKey::EC(point) => {
                let curve = spki.algorithm.parameters.as_ref()?.as_oid().ok()?;
                let (x, y) = point
                    .data()
                    .strip_prefix(&[4])?
                    .split_at_checked(point.data().len() / 2)?;
                let (x, y) = (x.to_vec(), y.to_vec());
                if curve == OID_EC_P256 {
                    Some(Self::P256 { x, y })
                } else if curve == OID_NIST_EC_P384 {
                    Some(Self::P384 { x, y })
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// Its members in the order of RFC 7638, which is also how it is kept.
    pub(crate) fn to_json(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::P256 { x, y } => {
                json!({"crv": "P-256", "kty": "EC", "x": text(x), "y": text(y)})
            }
            Self::P384 { x, y } => {
                json!({"crv": "P-384", "kty": "EC", "x": text(x), "y": text(y)})
            }
            Self::Rsa { n, e } => json!({"e": text(e), "kty": "RSA", "n": text(n)}),
        }
    }

    /// SHA-256 over the required members, base64url (RFC 7638).
    pub(crate) fn thumbprint(&self) -> String {
        // `to_json` writes the members sorted, which is the order RFC 7638 §3.3 wants.
        let canonical = self.to_json().to_string();
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    }

    /// The one algorithm it signs requests with.
    pub(crate) const fn algorithm(&self) -> &'static str {
        match self {
            Self::P256 { .. } => "ES256",
            Self::P384 { .. } => "ES384",
            Self::Rsa { .. } => "RS256",
        }
    }

    /// Whether it made this signature over the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256 { .. } => self
                .point()
                .is_some_and(|key| key.verify_sig(message, signature).is_ok()),
            Self::P384 { .. } => self
                .point()
                .is_some_and(|key| key.verify_sig(message, signature).is_ok()),
            Self::Rsa { n, e } => PublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }

    fn judge(&self) -> Result<(), Problem> {
        match self {
            Self::P256 { x, y } | Self::P384 { x, y } => {
                let size = if matches!(self, Self::P256 { .. }) {
                    32
                } else {
                    48
                };
                if x.len() != size || y.len() != size {
                    return Err(Problem::malformed(format!(
                        "the JWK's coordinates must have {size} octets each"
                    )));
                }
                match self.point() {
                    Some(_) => Ok(()),
                    None => Err(bad_key("the JWK's point is not on its curve".to_owned())),
                }
            }
            Self::Rsa { n, e } => judge_rsa(n, e).map_err(bad_key),
        }
    }

    fn point(&self) -> Option<ParsedPublicKey> {
        let bytes = |x: &[u8], y: &[u8]| [&[4], x, y].concat();
        match self {
            Self::P256 { x, y } => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(x, y)).ok(),
            Self::P384 { x, y } => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, bytes(x, y)).ok(),
            Self::Rsa { .. } => None,
        }
    }
}

/// Whether an RSA key is strong enough to be signed for or to sign: 2048 to 4096 bits, an odd
/// exponent above 2^16 of at most 64 bits.
pub(crate) fn judge_rsa(n: &[u8], e: &[u8]) -> Result<(), String> {
    if n.first().is_none_or(|first| *first == 0) || e.first().is_none_or(|first| *first == 0) {
        return Err("the RSA key's numbers must have no leading zeros".to_owned());
    }
    let bits = n.len() * 8 - n[0].leading_zeros() as usize;
    if !(2048..=4096).contains(&bits) {
        return Err(format!(
            "the RSA key has {bits} bits; 2048 to 4096 are accepted"
        ));
    }
    if n[n.len() - 1].is_multiple_of(2) {
        return Err("the RSA key's modulus is even".to_owned());
    }
    let exponent = e
        .iter()
        .fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte));
    if e.len() > 8 || exponent < 65_537 || exponent.is_multiple_of(2) {
        return Err("the RSA key's exponent must be odd and at least 65537".to_owned());
    }
    Ok(())
}

fn bad_key(detail: String) -> Problem {
    Problem::new(Kind::BadPublicKey, detail)
}

/// A DER integer's octets without the leading zeros.
pub(crate) fn without_zeros(number: &[u8]) -> Vec<u8> {
    number
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;
    use evercert_x509::KeyPair;

    use super::*;

    #[test]
    fn the_example_of_rfc_7638_has_its_thumbprint() {
        let key = json!({"kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});

        let key = Jwk::from_json(&key).unwrap();

        assert_eq!(
            key.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn the_key_of_a_certificate_reads_as_the_same_key() {
        for algorithm in [
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
            KeyAlgorithm::Rsa2048,
        ] {
            let pair = KeyPair::generate(algorithm).unwrap();

            let key = Jwk::from_spki(pair.spki_der()).unwrap();

            assert_eq!(Jwk::from_json(&key.to_json()).unwrap(), key);
        }
    }

    #[test]
    fn weak_and_strange_keys_are_refused() {
        let zeros = URL_SAFE_NO_PAD.encode([0u8; 32]);
        let small = URL_SAFE_NO_PAD.encode([0xff; 128]);
        let large = URL_SAFE_NO_PAD.encode([0xff; 256]);
        for (key, word) in [
            (
                json!({"kty": "EC", "crv": "P-256", "x": zeros, "y": zeros}),
                "curve",
            ),
            (
                json!({"kty": "EC", "crv": "P-521", "x": "", "y": ""}),
                "P-521",
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
                "32 octets",
            ),
            (json!({"kty": "RSA", "n": small, "e": "AQAB"}), "1024 bits"),
            (json!({"kty": "RSA", "n": large, "e": "Aw"}), "exponent"),
            (json!({"kty": "RSA", "n": "AA==", "e": "AQAB"}), "base64url"),
            (json!({"kty": "oct", "k": "AA"}), "oct"),
            (json!({}), "kty"),
        ] {
            let problem = Jwk::from_json(&key).unwrap_err();
            assert!(
                problem.detail().contains(word),
                "{key}: {}",
                problem.detail()
            );
        }
    }
}
