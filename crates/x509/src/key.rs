//! Private keys: generate, read in every usual form, write as PKCS#8.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use evercert_types::{Fingerprint, KeyAlgorithm, Secret};
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};

use crate::fingerprint::sha256;
use crate::pem::{self, Block, PemError};

/// A private key with its algorithm; cheap to clone, never shown.
#[derive(Clone)]
pub struct KeyPair(Arc<Inner>);

struct Inner {
    algorithm: KeyAlgorithm,
    signer: Signer,
    pkcs8: Secret<Vec<u8>>,
    spki: Vec<u8>,
}

enum Signer {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A private key could not be read, generated or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not PEM, or holds no private key.
    #[error("the private key could not be read")]
    Pem(#[source] PemError),
    /// The key is encrypted with a passphrase.
    #[error(
        "the private key at line {line} is encrypted; give its password, or decrypt it first (openssl pkey -in key.pem -out plain.pem)"
    )]
    Encrypted {
        /// Where its block begins, from 1.
        line: usize,
    },
    /// The password does not open the key.
    #[error("the private key does not open with this password; check the password")]
    Password,
    /// The key is encrypted in a way that is not supported.
    #[error(
        "the private key is encrypted in an old or unusual way; encrypt it again (openssl pkcs8 -topk8 -v2 aes-256-cbc)"
    )]
    Encryption,
    /// The bytes are no key of a supported kind.
    #[error(
        "the private key is damaged or of an unsupported kind; use RSA of 2048, 3072 or 4096 bits, ECDSA on P-256 or P-384, as PKCS#8, PKCS#1 or SEC1"
    )]
    Unsupported,
    /// An RSA key of another size than those we use.
    #[error("the RSA private key has {bits} bits; use one of 2048, 3072 or 4096 bits")]
    RsaSize {
        /// The size of its modulus.
        bits: usize,
    },
    /// The cryptographic library failed, which needs a broken system.
    #[error("a private key of algorithm {0} could not be generated")]
    Generate(KeyAlgorithm),
}

impl KeyPair {
    /// Generates a key; an RSA key takes from tens of milliseconds to seconds.
    ///
    /// # Errors
    /// When the system's random source fails.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let failed = KeyError::Generate(algorithm);
        let rsa = |size| RsaKeyPair::generate(size).map(Signer::Rsa);
        let ecdsa = |curve| EcdsaKeyPair::generate(curve).map(Signer::Ecdsa);
        let signer = match algorithm {
            KeyAlgorithm::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
        };
        Self::from_signer(algorithm, signer.map_err(|_| failed)?)
    }

    /// Reads the first private key of a PEM text: PKCS#8, PKCS#1 (`RSA PRIVATE KEY`) or SEC1
    /// (`EC PRIVATE KEY`); certificates and parameters around it are skipped.
    ///
    /// # Errors
    /// When there is no key, it is encrypted, or of an unsupported kind.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::blocks(text).map_err(KeyError::Pem)?;
        let block = blocks
            .iter()
            .find(|block| block.label.ends_with("PRIVATE KEY"))
            .ok_or_else(|| KeyError::Pem(pem::missing("PRIVATE KEY", &blocks)))?;
        Self::from_block(block, None)
    }

    /// The same, where an encrypted key (`ENCRYPTED PRIVATE KEY`) is opened with a password; a plain one needs none.
    ///
    /// # Errors
    /// As [`Self::from_pem`], and when the password is wrong.
    pub fn from_pem_with_password(text: &str, password: &str) -> Result<Self, KeyError> {
        let blocks = pem::blocks(text).map_err(KeyError::Pem)?;
        let block = blocks
            .iter()
            .find(|block| block.label.ends_with("PRIVATE KEY"))
            .ok_or_else(|| KeyError::Pem(pem::missing("PRIVATE KEY", &blocks)))?;
        Self::from_block(block, Some(password))
    }

    /// Reads a PKCS#8 key; the bare PKCS#1 and SEC1 forms are accepted as well.
    ///
    /// # Errors
    /// When it is damaged or of an unsupported kind.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let curves: [(KeyAlgorithm, &'static EcdsaSigningAlgorithm); 2] = [
            (KeyAlgorithm::EcdsaP256, &ECDSA_P256_SHA256_ASN1_SIGNING),
            (KeyAlgorithm::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        ];
        for (algorithm, curve) in curves {
            if let Ok(key) = EcdsaKeyPair::from_private_key_der(curve, der) {
                return Self::from_signer(algorithm, Signer::Ecdsa(key));
            }
        }
        let key = RsaKeyPair::from_pkcs8(der)
            .or_else(|_| RsaKeyPair::from_der(der))
            .map_err(|_| KeyError::Unsupported)?;
        let bits = rsa_bits(&key);
        let algorithm = rsa_algorithm(bits).ok_or(KeyError::RsaSize { bits })?;
        Self::from_signer(algorithm, Signer::Rsa(key))
    }

    /// The key as PKCS#8 DER (RFC 5958).
    pub fn to_pkcs8_der(&self) -> Secret<Vec<u8>> {
        self.0.pkcs8.clone()
    }

    /// The key as PKCS#8 PEM (`PRIVATE KEY`).
    pub fn to_pkcs8_pem(&self) -> Secret<String> {
        Secret::new(pem::encode("PRIVATE KEY", self.0.pkcs8.expose()))
    }

    /// Its algorithm and size.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.0.algorithm
    }

    /// The public half as `SubjectPublicKeyInfo` DER (RFC 5280 §4.1.2.7).
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// SHA-256 of [`Self::spki_der`]: equal keys, equal fingerprints.
    pub fn spki_fingerprint(&self) -> Fingerprint {
        sha256(&self.0.spki)
    }

    /// Signs a message the way certificates and CSRs are: ECDSA with SHA-256 (P-256) or SHA-384
    /// (P-384) as ASN.1, RSA as PKCS#1 v1.5 with SHA-256.
    ///
    /// # Errors
    /// When the system's random source fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let rng = SystemRandom::new();
        match &self.0.signer {
            Signer::Ecdsa(key) => key
                .sign(&rng, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Generate(self.0.algorithm)),
            Signer::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)
                    .map_err(|_| KeyError::Generate(self.0.algorithm))?;
                Ok(signature)
            }
        }
    }

    pub(crate) fn from_block(block: &Block, password: Option<&str>) -> Result<Self, KeyError> {
        match (block.label.starts_with("ENCRYPTED"), password) {
            (true, Some(password)) => return crate::encrypted_key::decrypt(&block.der, password),
            (true, None) => return Err(KeyError::Encrypted { line: block.line }),
            // OpenSSL's own way of old, with a key derived by MD5.
            (false, _) if block.encrypted && password.is_some() => {
                return Err(KeyError::Encryption);
            }
            (false, _) if block.encrypted => return Err(KeyError::Encrypted { line: block.line }),
            (false, _) => {}
        }
        Self::from_pkcs8_der(&block.der)
    }

    fn from_signer(algorithm: KeyAlgorithm, signer: Signer) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generate(algorithm);
        let pkcs8 = match &signer {
            Signer::Ecdsa(key) => key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Signer::Rsa(key) => key.as_der().map_err(failed)?.as_ref().to_vec(),
        };
        let spki = PublicHalf(&signer, algorithm).subject_public_key_info();
        Ok(Self(Arc::new(Inner {
            algorithm,
            signer,
            pkcs8: Secret::new(pkcs8),
            spki,
        })))
    }

    /// The public key's bits, without its algorithm.
    pub(crate) fn public_key(&self) -> &[u8] {
        public_bytes(&self.0.signer)
    }

    /// The key as rcgen wants it.
    pub(crate) fn rcgen(&self) -> RcgenKey<'_> {
        RcgenKey(self)
    }
}

impl KeyError {
    /// What the operator can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Pem(_) => "Give the whole PEM text of the private key.",
            Self::Encrypted { .. } => {
                "Give its password, or decrypt the key with openssl pkey and give the plain text."
            }
            Self::Password => "Check the password.",
            Self::Encryption => "Encrypt the key again with openssl pkcs8 -topk8 -v2 aes-256-cbc.",
            Self::Unsupported | Self::RsaSize { .. } => {
                "Generate a new key of a supported kind and have a certificate issued for it."
            }
            Self::Generate(_) => "Check the system's random source and try again.",
        }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.0.algorithm)
    }
}

/// Borrowed view through which rcgen signs; keeps rcgen out of the public types.
pub(crate) struct RcgenKey<'a>(&'a KeyPair);

impl PublicKeyData for RcgenKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        public_bytes(&self.0.0.signer)
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        rcgen_algorithm(self.0.0.algorithm)
    }
}

impl SigningKey for RcgenKey<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0
            .sign(message)
            .map_err(|_| rcgen::Error::RingUnspecified)
    }
}

struct PublicHalf<'a>(&'a Signer, KeyAlgorithm);

impl PublicKeyData for PublicHalf<'_> {
    fn der_bytes(&self) -> &[u8] {
        public_bytes(self.0)
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        rcgen_algorithm(self.1)
    }
}

fn public_bytes(signer: &Signer) -> &[u8] {
    match signer {
        Signer::Ecdsa(key) => key.public_key().as_ref(),
        Signer::Rsa(key) => key.public_key().as_ref(),
    }
}

fn rcgen_algorithm(algorithm: KeyAlgorithm) -> &'static SignatureAlgorithm {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        KeyAlgorithm::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            &rcgen::PKCS_RSA_SHA256
        }
    }
}

fn rsa_bits(key: &RsaKeyPair) -> usize {
    key.public_key()
        .modulus()
        .big_endian_without_leading_zero()
        .first()
        .map_or(0, |first| {
            key.public_modulus_len() * 8 - first.leading_zeros() as usize
        })
}

/// The key algorithm of an RSA modulus of so many bits, when it is one we use.
pub(crate) const fn rsa_algorithm(bits: usize) -> Option<KeyAlgorithm> {
    match bits {
        2048 => Some(KeyAlgorithm::Rsa2048),
        3072 => Some(KeyAlgorithm::Rsa3072),
        4096 => Some(KeyAlgorithm::Rsa4096),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{FIXTURE_LEAF, FIXTURE_RSA_KEY};

    #[test]
    fn every_algorithm_generates_and_round_trips() {
        for algorithm in KeyAlgorithm::ALL {
            let key = KeyPair::generate(algorithm).unwrap();
            let again = KeyPair::from_pem(key.to_pkcs8_pem().expose()).unwrap();

            assert_eq!(again.algorithm(), algorithm);
            assert_eq!(again.spki_der(), key.spki_der());
            assert_eq!(again.spki_fingerprint(), key.spki_fingerprint());
            assert_eq!(again.to_pkcs8_der().expose(), key.to_pkcs8_der().expose());
        }
    }

    #[test]
    fn sec1_after_its_parameters_becomes_pkcs8() {
        let key = KeyPair::from_pem(include_str!("../tests/fixtures/ec-sec1.pem")).unwrap();

        assert_eq!(key.algorithm(), KeyAlgorithm::EcdsaP256);
        assert!(key.to_pkcs8_pem().expose().contains("BEGIN PRIVATE KEY"));
        assert!(KeyPair::from_pkcs8_der(key.to_pkcs8_der().expose()).is_ok());
    }

    #[test]
    fn pkcs1_behind_a_certificate_with_foreign_line_ends_is_read() {
        let text = format!("{FIXTURE_LEAF}\n{FIXTURE_RSA_KEY}").replace('\n', "\r\n");

        let key = KeyPair::from_pem(&text).unwrap();

        assert_eq!(key.algorithm(), KeyAlgorithm::Rsa2048);
    }

    #[test]
    fn encrypted_keys_are_told_apart_and_named() {
        for text in [
            include_str!("../tests/fixtures/ec-encrypted.pem"),
            include_str!("../tests/fixtures/rsa-encrypted-traditional.pem"),
        ] {
            let error = KeyPair::from_pem(text).unwrap_err();
            assert_eq!(error, KeyError::Encrypted { line: 1 });
            assert!(error.to_string().contains("openssl pkey"), "{error}");
        }
    }

    #[test]
    fn keys_we_do_not_use_are_refused_with_the_ones_we_do() {
        for text in [
            include_str!("../tests/fixtures/rsa-1024.pem"),
            include_str!("../tests/fixtures/rsa-2560.pem"),
            include_str!("../tests/fixtures/ed25519.pem"),
        ] {
            let error = KeyPair::from_pem(text).unwrap_err();
            assert!(error.to_string().contains("2048"), "{error}");
        }
    }

    #[test]
    fn a_text_without_key_says_what_it_holds() {
        let error = KeyPair::from_pem(FIXTURE_LEAF).unwrap_err();

        let KeyError::Pem(source) = error else {
            panic!("{error}")
        };
        assert!(source.to_string().contains("only: CERTIFICATE"), "{source}");
    }

    #[test]
    fn debug_shows_the_algorithm_only() {
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP384).unwrap();

        assert_eq!(format!("{key:?}"), "KeyPair(ecdsa-p384)");
    }

    proptest::proptest! {
        #[test]
        fn damaged_keys_never_panic(position in 0usize..2000, value: u8) {
            let key = KeyPair::from_pem(FIXTURE_RSA_KEY).unwrap();
            let mut der = key.to_pkcs8_der().expose().clone();
            let position = position % der.len();
            der[position] = value;
            drop(KeyPair::from_pkcs8_der(&der));
            drop(KeyPair::from_pkcs8_der(&der[..position]));
        }
    }
}
