//! Account keys: what signs every request to a CA (RFC 8555 §6.2).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use evercert_types::Secret;

use crate::jws::{self, KeyName};

/// An account's private key; cloning shares it, `Debug` shows only its algorithm and thumbprint.
#[derive(Clone)]
pub struct AccountKey(Arc<Inner>);

/// The signature algorithms an account key may have (RFC 7518 §3.1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256, the default: every CA takes it.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// RSA PKCS#1 v1.5 with SHA-256; a new key has 2048 bits.
    #[serde(rename = "RS256")]
    Rs256,
}

/// An account key could not be made, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are no PKCS#8 of a P-256, P-384 or RSA (2048 to 8192 bits) private key.
    #[error(
        "reading an ACME account key: not the PKCS#8 form of a P-256, P-384 or RSA private key"
    )]
    Unreadable,
    /// The cryptographic library refused.
    #[error("{0} an ACME account key: the cryptographic library refused")]
    Refused(&'static str),
}

struct Inner {
    pair: Pair,
    jwk: Jwk,
    pkcs8: Secret<Vec<u8>>,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A public key as JSON, in the member order of RFC 7638, every value base64url.
#[derive(Debug)]
enum Jwk {
    Ec {
        crv: &'static str,
        x: String,
        y: String,
    },
    Rsa {
        e: String,
        n: String,
    },
}

impl AccountKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`KeyError::Refused`] when the random generator or the library fails.
    pub fn generate(algorithm: SignatureAlgorithm) -> Result<Self, KeyError> {
        let pkcs8 = match algorithm {
            SignatureAlgorithm::Es256 => generate_ec(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
            SignatureAlgorithm::Es384 => generate_ec(&ECDSA_P384_SHA384_FIXED_SIGNING)?,
            SignatureAlgorithm::Rs256 => generate_rsa()?,
        };
        Self::from_pkcs8_der(pkcs8.expose())
    }

    /// Reads a key of any of the three algorithms.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`] for anything else.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let (pair, jwk) = read_pair(der)?;
        Ok(Self(Arc::new(Inner {
            pair,
            jwk,
            pkcs8: Secret::new(der.to_vec()),
        })))
    }

    /// The private key in PKCS#8 DER, for sealed storage.
    pub fn to_pkcs8_der(&self) -> Secret<Vec<u8>> {
        self.0.pkcs8.clone()
    }

    /// Which algorithm it signs with.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        match &self.0.jwk {
            Jwk::Ec { crv: "P-256", .. } => SignatureAlgorithm::Es256,
            Jwk::Ec { .. } => SignatureAlgorithm::Es384,
            Jwk::Rsa { .. } => SignatureAlgorithm::Rs256,
        }
    }

    /// The public key as JSON Web Key, with no member that is not required (RFC 7638 §3).
    pub fn jwk(&self) -> String {
        self.0.jwk.canonical()
    }

    /// The key's thumbprint: SHA-256 of [`Self::jwk`], base64url, 43 characters (RFC 7638).
    pub fn thumbprint(&self) -> String {
        self.0.jwk.thumbprint()
    }

    /// The body of a signed request by the account at `account_url` (RFC 8555 §6.2); an empty
    /// payload makes it a POST-as-GET. [`crate::Client`] does this by itself.
    ///
    /// # Errors
    /// [`KeyError::Refused`] when the library fails.
    pub fn sign_request(
        &self,
        account_url: &str,
        nonce: &str,
        url: &str,
        payload: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let name = KeyName::Account(account_url);
        jws::sign(self, name, Some(nonce), url, payload)
    }

    /// Signs the JWS signing input.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let rng = SystemRandom::new();
        let refused = |_| KeyError::Refused("signing with");
        match &self.0.pair {
            Pair::Ec(pair) => Ok(pair.sign(&rng, message).map_err(refused)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)
                    .map_err(refused)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({}, {})", self.algorithm(), self.thumbprint())
    }
}

impl SignatureAlgorithm {
    /// The JOSE name: `ES256`, `ES384` or `RS256`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Jwk {
    fn canonical(&self) -> String {
        match self {
            Self::Ec { crv, x, y } => {
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Rsa { e, n } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        }
    }

    fn thumbprint(&self) -> String {
        BASE64URL.encode(digest::digest(&digest::SHA256, self.canonical().as_bytes()))
    }
}

fn generate_ec(algorithm: &'static EcdsaSigningAlgorithm) -> Result<Secret<Vec<u8>>, KeyError> {
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())
        .map_err(|_| KeyError::Refused("making"))?;
    Ok(Secret::new(document.as_ref().to_vec()))
}

fn generate_rsa() -> Result<Secret<Vec<u8>>, KeyError> {
    let refused = |_| KeyError::Refused("making");
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(refused)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(refused)?;
    Ok(Secret::new(der.as_ref().to_vec()))
}

fn read_pair(der: &[u8]) -> Result<(Pair, Jwk), KeyError> {
    for (algorithm, crv) in [
        (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
    ] {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, der) {
            let jwk = ec_jwk(crv, pair.public_key().as_ref()).ok_or(KeyError::Unreadable)?;
            return Ok((Pair::Ec(pair), jwk));
        }
    }
    let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::Unreadable)?;
    let jwk = rsa_jwk(pair.public_key().as_ref()).ok_or(KeyError::Unreadable)?;
    Ok((Pair::Rsa(Box::new(pair)), jwk))
}

/// From an uncompressed point: `04`, x, y.
fn ec_jwk(crv: &'static str, point: &[u8]) -> Option<Jwk> {
    let (0x04, coordinates) = point.split_first().map(|(tag, rest)| (*tag, rest))? else {
        return None;
    };
    let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
    Some(Jwk::Ec {
        crv,
        x: BASE64URL.encode(x),
        y: BASE64URL.encode(y),
    })
}

/// From an `RSAPublicKey` (RFC 8017 §A.1.1): SEQUENCE of two INTEGERs.
fn rsa_jwk(der: &[u8]) -> Option<Jwk> {
    let (sequence, _) = der_element(0x30, der)?;
    let (modulus, rest) = der_element(0x02, sequence)?;
    let (exponent, _) = der_element(0x02, rest)?;
    let bare = |integer: &[u8]| {
        let zeros = integer.iter().take_while(|byte| **byte == 0).count();
        BASE64URL.encode(&integer[zeros..])
    };
    Some(Jwk::Rsa {
        e: bare(exponent),
        n: bare(modulus),
    })
}

/// The contents of the DER element at the front, and what follows it.
fn der_element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SignatureAlgorithm; 3] = [
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::Es384,
        SignatureAlgorithm::Rs256,
    ];

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let jwk = Jwk::Rsa {
            e: "AQAB".to_owned(),
            n: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw".to_owned(),
        };

        assert_eq!(
            jwk.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn keys_survive_storage() {
        for algorithm in ALL {
            let key = AccountKey::generate(algorithm).unwrap();

            let again = AccountKey::from_pkcs8_der(key.to_pkcs8_der().expose()).unwrap();

            assert_eq!(again.algorithm(), algorithm);
            assert_eq!(again.thumbprint(), key.thumbprint());
            assert_eq!(key.thumbprint().len(), 43);
        }
    }

    #[test]
    fn a_jwk_is_json_with_sorted_members_and_no_padding() {
        for algorithm in ALL {
            let text = AccountKey::generate(algorithm).unwrap().jwk();

            let value: serde_json::Value = serde_json::from_str(&text).unwrap();

            assert_eq!(value.to_string(), text);
            assert!(!text.contains('='));
            let size = |member: &str| {
                BASE64URL
                    .decode(value[member].as_str().unwrap())
                    .unwrap()
                    .len()
            };
            match algorithm {
                SignatureAlgorithm::Es256 => assert_eq!((size("x"), size("y")), (32, 32)),
                SignatureAlgorithm::Es384 => assert_eq!((size("x"), size("y")), (48, 48)),
                SignatureAlgorithm::Rs256 => assert_eq!((size("n"), size("e")), (256, 3)),
            }
        }
    }

    #[test]
    fn garbage_is_no_key_and_debug_shows_none() {
        assert!(AccountKey::from_pkcs8_der(b"0\x03garbage").is_err());
        let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();
        assert_eq!(
            format!("{key:?}"),
            format!("AccountKey(ES256, {})", key.thumbprint())
        );
    }

    proptest::proptest! {
        #[test]
        fn the_der_reader_never_panics(der in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let read = rsa_jwk(&der);
            proptest::prop_assert!(read.is_none() || der[0] == 0x30);
        }
    }
}
