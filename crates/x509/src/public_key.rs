//! What kind of key a `SubjectPublicKeyInfo` holds.

use evercert_types::KeyAlgorithm;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::key::rsa_algorithm;

/// The algorithm of a public key, when it is one that we use.
pub(crate) fn key_algorithm(spki: &SubjectPublicKeyInfo<'_>) -> Option<KeyAlgorithm> {
    match spki.parsed().ok()? {
        PublicKey::RSA(rsa) => {
            let modulus: Vec<u8> = rsa
                .modulus
                .iter()
                .copied()
                .skip_while(|b| *b == 0)
                .collect();
            let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
            rsa_algorithm(bits)
        }
        PublicKey::EC(_) => {
            let curve = spki.algorithm.parameters.as_ref()?.as_oid().ok()?;
            if curve == OID_EC_P256 {
                Some(KeyAlgorithm::EcdsaP256)
            } else if curve == OID_NIST_EC_P384 {
                Some(KeyAlgorithm::EcdsaP384)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// A public key in words, such as `RSA 1024 bits`, also of a kind that we do not use.
pub(crate) fn key_kind(spki: &SubjectPublicKeyInfo<'_>) -> String {
    match spki.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {} bits", rsa.key_size()),
        Ok(PublicKey::EC(point)) => format!("elliptic curve, {} bits", point.key_size()),
        _ => format!("algorithm {}", spki.algorithm.algorithm.to_id_string()),
    }
}
