//! PKCS#12 files (RFC 7292), the one place that knows the library for them.

use evercert_types::Secret;
use p12_keystore::error::Error as LibraryError;
use p12_keystore::{
    Certificate as StoreCertificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm,
    Pkcs12Archive, PrivateKey, PrivateKeyChain,
};

use crate::certificate::Certificate;
use crate::chain::{Chain, ChainError};
use crate::key::{KeyError, KeyPair};

/// Largest file that is read.
pub const MAX_BYTES: usize = 1 << 20;

/// How a file is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// AES-256 and HMAC-SHA-256: OpenSSL 1.1 and newer, Java 8u301, Windows Server 2019.
    #[default]
    Modern,
    /// Triple DES and HMAC-SHA-1: older appliances, Windows Server 2016.
    Legacy,
}

/// A PKCS#12 file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs12Error {
    /// The file is larger than [`MAX_BYTES`].
    #[error("the PKCS#12 file has {0} bytes, more than the {MAX_BYTES} that are read")]
    TooLarge(usize),
    /// The password is wrong, or the file was changed.
    #[error("the PKCS#12 file does not open with this password; check the password")]
    Password,
    /// The file is not PKCS#12, or uses an algorithm that is not supported.
    #[error("the PKCS#12 file could not be read ({why}); export it again (openssl pkcs12 -export)")]
    Malformed {
        /// What the library said.
        why: String,
    },
    /// There is no private key in it.
    #[error("the PKCS#12 file holds no private key; export the certificate with its key")]
    NoKey,
    /// The key in it is not supported.
    #[error("the private key in the PKCS#12 file cannot be used")]
    Key(#[source] KeyError),
    /// The certificates in it make no chain for the key.
    #[error("the certificates in the PKCS#12 file cannot be used")]
    Chain(#[source] ChainError),
    /// The file could not be written.
    #[error("the PKCS#12 file could not be written ({why})")]
    Write {
        /// What the library said.
        why: String,
    },
}

/// Reads the private key of a file and the chain of its certificate; other certificates are ignored.
///
/// # Errors
/// See [`Pkcs12Error`].
pub fn import(file: &[u8], password: &str) -> Result<(KeyPair, Chain), Pkcs12Error> {
    let (keys, certificates) = contents(file, password)?;
    let mut failure = Pkcs12Error::NoKey;
    for key in keys {
        match Chain::for_key(certificates.clone(), &key) {
            Ok(chain) => return Ok((key, chain)),
            Err(error) => failure = Pkcs12Error::Chain(error),
        }
    }
    Err(failure)
}

/// Reads all usable private keys and all certificates of a file, which may lack either.
///
/// # Errors
/// See [`Pkcs12Error`]; a key that cannot be used only when there is no other.
pub fn contents(
    file: &[u8],
    password: &str,
) -> Result<(Vec<KeyPair>, Vec<Certificate>), Pkcs12Error> {
    if file.len() > MAX_BYTES {
        return Err(Pkcs12Error::TooLarge(file.len()));
    }
    let archive = Pkcs12Archive::from_pkcs12(file, password).map_err(read_error)?;
    let certificates = archive
        .certs
        .iter()
        .enumerate()
        .map(|(i, bag)| {
            Certificate::from_der(bag.cert.as_der()).map_err(|source| {
                Pkcs12Error::Chain(ChainError::Certificate {
                    position: i + 1,
                    source,
                })
            })
        })
        .collect::<Result<_, _>>()?;
    let (mut keys, mut failure) = (Vec::new(), None);
    for bag in &archive.keys {
        match KeyPair::from_pkcs8_der(bag.key.as_der()) {
            Ok(key) => keys.push(key),
            Err(error) => failure = Some(Pkcs12Error::Key(error)),
        }
    }
    match failure {
        Some(failure) if keys.is_empty() => Err(failure),
        _ => Ok((keys, certificates)),
    }
}

/// Writes a key and its chain, protected by a password.
///
/// # Errors
/// [`Pkcs12Error::Write`] when the library refuses the password or a certificate.
pub fn export(
    key: &KeyPair,
    chain: &Chain,
    password: &str,
    profile: Profile,
) -> Result<Vec<u8>, Pkcs12Error> {
    let der: Secret<Vec<u8>> = key.to_pkcs8_der();
    let private = PrivateKey::from_der(der.expose()).map_err(write_error)?;
    let certificates = chain
        .certificates()
        .iter()
        .map(|certificate| StoreCertificate::from_der(certificate.der()).map_err(write_error))
        .collect::<Result<Vec<_>, _>>()?;
    let key_id = chain.fingerprint().0[..20].to_vec();
    let mut store = KeyStore::new();
    store.add_entry(
        &friendly_name(chain),
        KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(key_id, private, certificates)),
    );
    let (encryption, mac) = match profile {
        Profile::Modern => (
            EncryptionAlgorithm::PbeWithHmacSha256AndAes256,
            MacAlgorithm::HmacSha256,
        ),
        Profile::Legacy => (
            EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc,
            MacAlgorithm::HmacSha1,
        ),
    };
    store
        .writer(password)
        .encryption_algorithm(encryption)
        .mac_algorithm(mac)
        .write()
        .map_err(write_error)
}

/// What key stores list the entry as; a `BMPString`, hence only characters below U+10000.
fn friendly_name(chain: &Chain) -> String {
    let name: String = chain
        .leaf()
        .dns_names()
        .first()
        .map(ToString::to_string)
        .or_else(|| chain.leaf().common_name())
        .unwrap_or_default();
    let name: String = name.chars().filter(|c| u32::from(*c) < 0x1_0000).collect();
    if name.is_empty() {
        "certificate".to_owned()
    } else {
        name
    }
}

fn read_error(error: LibraryError) -> Pkcs12Error {
    match error {
        LibraryError::MacError(_) | LibraryError::UnpadError | LibraryError::Pkcs5Error(_) => {
            Pkcs12Error::Password
        }
        other => Pkcs12Error::Malformed {
            why: other.to_string(),
        },
    }
}

fn write_error(error: LibraryError) -> Pkcs12Error {
    Pkcs12Error::Write {
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::samples::{self, FIXTURE_LEAF, FIXTURE_RSA_KEY};

    #[test]
    fn files_of_openssl_are_read_in_both_profiles() {
        let files: [&[u8]; 2] = [
            include_bytes!("../tests/fixtures/modern.p12"),
            include_bytes!("../tests/fixtures/legacy.p12"),
        ];
        for file in files {
            let (key, chain) = import(file, "secret").unwrap();

            let expected = KeyPair::from_pem(FIXTURE_RSA_KEY).unwrap();
            assert_eq!(key.spki_der(), expected.spki_der());
            assert_eq!(chain.leaf(), &Certificate::from_pem(FIXTURE_LEAF).unwrap());
            assert!(matches!(import(file, "wrong"), Err(Pkcs12Error::Password)));
        }
    }

    #[test]
    fn what_is_exported_is_imported_with_an_empty_subject_too() {
        let (key, chain, _) = samples::chain();
        for profile in [Profile::Modern, Profile::Legacy] {
            let file = export(&key, &chain, "pässword", profile).unwrap();

            let (read_key, read_chain) = import(&file, "pässword").unwrap();

            assert_eq!(read_key.spki_der(), key.spki_der());
            assert_eq!(read_chain, chain);
        }
    }

    #[test]
    fn openssl_reads_what_is_exported() {
        let (key, chain, _) = samples::chain();
        for (profile, extra) in [(Profile::Modern, None), (Profile::Legacy, Some("-legacy"))] {
            let file = export(&key, &chain, "secret", profile).unwrap();
            let command = Command::new("openssl")
                .args(["pkcs12", "-nodes", "-passin", "pass:secret"])
                .args(extra)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            let Ok(mut openssl) = command else {
                return eprintln!(
                    "SKIPPED openssl_reads_what_is_exported: openssl is missing; install it with apt-get install openssl"
                );
            };
            openssl.stdin.take().unwrap().write_all(&file).unwrap();
            let output = openssl.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);

            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert_eq!(Chain::from_pem(&text).unwrap(), chain);
            assert_eq!(KeyPair::from_pem(&text).unwrap().spki_der(), key.spki_der());
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(matches!(
            import(b"no pkcs12", ""),
            Err(Pkcs12Error::Malformed { .. })
        ));
        assert!(matches!(
            import(&vec![0; MAX_BYTES + 1], ""),
            Err(Pkcs12Error::TooLarge(_))
        ));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn damaged_files_never_panic(position in 0usize..4000, value: u8) {
            let mut file = include_bytes!("../tests/fixtures/modern.p12").to_vec();
            let position = position % file.len();
            file[position] = value;
            drop(import(&file, "secret"));
            drop(import(&file[..position], "secret"));
        }
    }
}
