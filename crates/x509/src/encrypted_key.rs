//! Private keys under a password: `ENCRYPTED PRIVATE KEY`, PKCS#8 with PBES2 (RFC 5958 §3, RFC 8018 §6.2).

use aws_lc_rs::rand;
use evercert_types::Secret;
use pkcs5::der::asn1::OctetStringRef;
use pkcs5::der::{Decode, Encode, Reader, SliceReader};
use pkcs5::pbes2::{Kdf, Parameters};
use pkcs5::{AlgorithmIdentifierRef, EncryptionScheme, Error};

use crate::key::{KeyError, KeyPair};
use crate::pem;

/// Where the methods of PKCS#5 and of PKCS#12 are registered.
const METHODS: [&str; 2] = ["1.2.840.113549.1.5.", "1.2.840.113549.1.12.1."];
/// Rounds of PBKDF2 in what is written: what OWASP asks for HMAC-SHA-256, and every OpenSSL since 1.1 reads.
const ITERATIONS: u32 = 600_000;
/// Rounds that are done at most when reading: a file must not keep us busy for long.
const MOST_ITERATIONS: u32 = 10_000_000;
/// Memory that scrypt may take when reading, octets.
const MOST_MEMORY: u64 = 256 << 20;

/// Whether the bytes are an encrypted key by their structure: an algorithm of PKCS#5, and an octet string.
pub fn is_encrypted_key(der: &[u8]) -> bool {
    split(der).is_ok_and(|(algorithm, _)| {
        let oid = algorithm.oid.to_string();
        METHODS.iter().any(|arc| oid.starts_with(arc))
    })
}

/// Opens an encrypted PKCS#8 key in DER.
///
/// # Errors
/// [`KeyError::Password`] when it does not open, [`KeyError::Encryption`] for a method that is not supported, and
/// what [`KeyPair::from_pkcs8_der`] says of the contents.
pub fn decrypt(der: &[u8], password: &str) -> Result<KeyPair, KeyError> {
    let (algorithm, data) = split(der).map_err(|_| KeyError::Unsupported)?;
    let scheme = EncryptionScheme::try_from(algorithm).map_err(|_| KeyError::Encryption)?;
    if !is_affordable(&scheme) {
        return Err(KeyError::Encryption);
    }
    let plain = scheme
        .decrypt(password, data)
        .map_err(|error| match error {
            Error::DecryptFailed | Error::EncryptFailed => KeyError::Password,
            _ => KeyError::Encryption,
        })?;
    let plain = Secret::new(plain);
    // A wrong password leaves right padding behind once in 256 times: then the contents are no key.
    KeyPair::from_pkcs8_der(plain.expose()).map_err(|error| match error {
        KeyError::Unsupported if !looks_like_pkcs8(plain.expose()) => KeyError::Password,
        other => other,
    })
}

/// The key under a password, as PEM: PBKDF2 with HMAC-SHA-256, AES-256-CBC.
///
/// # Errors
/// [`KeyError::Generate`] when the system's random source fails.
pub fn encrypt_to_pem(key: &KeyPair, password: &str) -> Result<Secret<String>, KeyError> {
    encrypt(key, password).map(|der| Secret::new(pem::encode("ENCRYPTED PRIVATE KEY", &der)))
}

/// The same in DER.
///
/// # Errors
/// As [`encrypt_to_pem`].
pub fn encrypt(key: &KeyPair, password: &str) -> Result<Vec<u8>, KeyError> {
    let failed = || KeyError::Generate(key.algorithm());
    let (mut salt, mut iv) = ([0u8; 16], [0u8; 16]);
    rand::fill(&mut salt).map_err(|_| failed())?;
    rand::fill(&mut iv).map_err(|_| failed())?;
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, iv)
        .map_err(|_| failed())?;
    let scheme = EncryptionScheme::Pbes2(parameters);
    let sealed = scheme
        .encrypt(password, key.to_pkcs8_der().expose())
        .map_err(|_| failed())?;
    let sealed = OctetStringRef::new(&sealed).map_err(|_| failed())?;
    join(&scheme, sealed).map_err(|_| failed())
}

fn split(der: &[u8]) -> Result<(AlgorithmIdentifierRef<'_>, &[u8]), pkcs5::der::Error> {
    let mut reader = SliceReader::new(der)?;
    let parts: (AlgorithmIdentifierRef<'_>, &OctetStringRef) =
        reader.sequence(|inner| Ok::<_, pkcs5::der::Error>((inner.decode()?, inner.decode()?)))?;
    Ok((parts.0, parts.1.as_bytes()))
}

fn join(scheme: &EncryptionScheme, data: &OctetStringRef) -> Result<Vec<u8>, pkcs5::der::Error> {
    let length = (scheme.encoded_len()? + data.encoded_len()?)?;
    let header = pkcs5::der::Header::new(pkcs5::der::Tag::Sequence, length);
    let whole = (header.encoded_len()? + length)?;
    let mut out = vec![0u8; usize::try_from(u32::from(whole)).unwrap_or(0)];
    let mut writer = pkcs5::der::SliceWriter::new(&mut out);
    header.encode(&mut writer)?;
    scheme.encode(&mut writer)?;
    data.encode(&mut writer)?;
    writer.finish()?;
    Ok(out)
}

fn is_affordable(scheme: &EncryptionScheme) -> bool {
    match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(pbkdf2)) => pbkdf2.iteration_count <= MOST_ITERATIONS,
        Some(Kdf::Scrypt(scrypt)) => {
            let memory = scrypt
                .cost_parameter
                .saturating_mul(u64::from(scrypt.block_size))
                .saturating_mul(128);
            memory <= MOST_MEMORY && scrypt.parallelization <= 16
        }
        _ => false,
    }
}

/// A SEQUENCE that holds exactly the rest, and begins with a version number.
fn looks_like_pkcs8(der: &[u8]) -> bool {
    let Ok(mut reader) = SliceReader::new(der) else {
        return false;
    };
    let version = reader.sequence(|inner| {
        let version = u8::decode(inner)?;
        inner.read_slice(inner.remaining_len())?;
        Ok::<_, pkcs5::der::Error>(version)
    });
    version.is_ok()
}

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;

    use super::*;
    use crate::key::KeyPair;

    /// Made by OpenSSL from `ec-sec1.pem` with the password `x`.
    const ENCRYPTED: &str = include_str!("../tests/fixtures/ec-encrypted.pem");

    #[test]
    fn a_key_of_openssl_opens_with_its_password_alone() {
        let expected = KeyPair::from_pem(include_str!("../tests/fixtures/ec-sec1.pem")).unwrap();

        let key = KeyPair::from_pem_with_password(ENCRYPTED, "x").unwrap();

        assert_eq!(key.spki_der(), expected.spki_der());
        for wrong in ["", "X", "x "] {
            let refused = KeyPair::from_pem_with_password(ENCRYPTED, wrong);
            assert_eq!(refused.unwrap_err(), KeyError::Password, "{wrong}");
        }
        let without = KeyPair::from_pem(ENCRYPTED);
        assert!(matches!(without, Err(KeyError::Encrypted { line: 1 })));
    }

    #[test]
    fn what_is_encrypted_opens_again() {
        for algorithm in [KeyAlgorithm::EcdsaP384, KeyAlgorithm::Rsa2048] {
            let key = KeyPair::generate(algorithm).unwrap();

            let text = encrypt_to_pem(&key, "pässword").unwrap();

            let read = KeyPair::from_pem_with_password(text.expose(), "pässword").unwrap();
            assert_eq!(read.spki_der(), key.spki_der());
            assert!(!text.expose().contains("BEGIN PRIVATE KEY"));
        }
    }

    #[test]
    fn a_plain_key_needs_no_password_and_is_not_taken_for_an_encrypted_one() {
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();

        assert!(!is_encrypted_key(key.to_pkcs8_der().expose()));
        let pem = key.to_pkcs8_pem();
        let read = KeyPair::from_pem_with_password(pem.expose(), "anything").unwrap();
        assert_eq!(read.spki_der(), key.spki_der());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn damaged_keys_never_panic(position in 0usize..2000, value: u8) {
            let mut der = pem::blocks(ENCRYPTED).unwrap().remove(0).der.to_vec();
            // What says how much work to do stays as it is: this is about structure.
            let position = position % der.len();
            if (20..60).contains(&position) {
                return Ok(());
            }
            der[position] = value;
            split(&der).ok();
            split(&der[..position]).ok();
            assert!(!looks_like_pkcs8(&der) || der.len() > 4);
        }
    }
}
