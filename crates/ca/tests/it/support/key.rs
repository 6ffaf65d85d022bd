//! Account keys of the test client, straight on aws-lc-rs: independent of the code under test.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// An account's key pair.
pub(crate) enum Key {
    Es256(EcdsaKeyPair),
    Es384(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Key {
    pub(crate) fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn es384() -> Self {
        Self::Es384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// The key of a certificate, as PKCS#8, for revoking with it.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Self {
        let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        Self::Es256(key.unwrap())
    }

    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        match self {
            Self::Es256(key) | Self::Es384(key) => key.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Self::Rs256(key) => key.as_der().unwrap().as_ref().to_vec(),
        }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Es384(_) => "ES384",
            Self::Rs256(_) => "RS256",
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Es256(key) => ec_jwk("P-256", key.public_key().as_ref()),
            Self::Es384(key) => ec_jwk("P-384", key.public_key().as_ref()),
            Self::Rs256(key) => {
                let public = key.public_key();
                let n = public.modulus().big_endian_without_leading_zero();
                let e = public.exponent().big_endian_without_leading_zero();
                json!({"e": b64(e), "kty": "RSA", "n": b64(n)})
            }
        }
    }

    pub(crate) fn thumbprint(&self) -> String {
        b64(digest::digest(&digest::SHA256, self.jwk().to_string().as_bytes()).as_ref())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match self {
            Self::Es256(key) | Self::Es384(key) => {
                key.sign(&rng, message).unwrap().as_ref().to_vec()
            }
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// A flattened JWS with this header and payload.
    pub(crate) fn jws(&self, header: &Value, payload: &str) -> Value {
        let protected = b64(header.to_string().as_bytes());
        let payload = b64(payload.as_bytes());
        let signature = self.sign(format!("{protected}.{payload}").as_bytes());
        json!({"protected": protected, "payload": payload, "signature": b64(&signature)})
    }
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256, base64url: the value of a dns-01 record.
pub(crate) fn b64_digest(text: &str) -> String {
    b64(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn ec_jwk(curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at((point.len() - 1) / 2);
    json!({"crv": curve, "kty": "EC", "x": b64(x), "y": b64(y)})
}
