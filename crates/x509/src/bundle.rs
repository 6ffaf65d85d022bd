//! Files as people have them: PEM, DER or PKCS#12, told apart by their contents.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::certificate::{Certificate, CertificateError};
use crate::encrypted_key::{self, is_encrypted_key};
use crate::key::{KeyError, KeyPair};
use crate::pem::{self, PemError};
use crate::pkcs12::{self, Pkcs12Error};

/// Largest file that is read.
pub const MAX_BYTES: usize = 1 << 20;

/// What a file held: certificates in any order, and private keys.
#[derive(Debug, Default)]
pub struct Bundle {
    /// Every certificate, in the file's order.
    pub certificates: Vec<Certificate>,
    /// Every private key.
    pub keys: Vec<KeyPair>,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text with `-----BEGIN …-----`; or the Base64 of a DER certificate without these lines.
    Pem,
    /// One certificate, or one key, in binary.
    Der,
    /// Certificates and keys under a password (RFC 7292), `.p12` or `.pfx`.
    Pkcs12,
}

/// A file was not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is larger than [`MAX_BYTES`].
    #[error("the file has {0} bytes, more than the {MAX_BYTES} that are read")]
    TooLarge(usize),
    /// It is none of the formats.
    #[error(
        "the file is none of PEM, DER and PKCS#12; export the certificate again in one of these"
    )]
    Unknown,
    /// It is not PEM throughout.
    #[error("the PEM file could not be read")]
    Pem(#[source] PemError),
    /// A certificate in it is malformed.
    #[error("certificate {position} of the file could not be read")]
    Certificate {
        /// Which one, from 1.
        position: usize,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// A private key in it cannot be used.
    #[error("the private key in the file could not be read")]
    Key(#[source] KeyError),
    /// It is PKCS#12, and does not open.
    #[error("the PKCS#12 file could not be used")]
    Pkcs12(#[source] Pkcs12Error),
}

impl BundleError {
    /// Whether a password is missing or wrong.
    pub const fn is_password(&self) -> bool {
        matches!(
            self,
            Self::Key(KeyError::Password | KeyError::Encrypted { .. })
                | Self::Pkcs12(Pkcs12Error::Password)
        )
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "PEM",
            Self::Der => "DER",
            Self::Pkcs12 => "PKCS#12",
        })
    }
}

/// Which format the contents are.
///
/// # Errors
/// [`BundleError::Empty`] and [`BundleError::Unknown`].
pub fn detect(content: &[u8]) -> Result<Format, BundleError> {
    if content.iter().all(u8::is_ascii_whitespace) {
        return Err(BundleError::Empty);
    }
    if text_of(content).is_some_and(|text| text.contains("-----BEGIN ")) {
        return Ok(Format::Pem);
    }
    // DER of all three begins with a SEQUENCE; what comes first in it tells them apart.
    if content.first() != Some(&0x30) {
        return match unarmoured(content) {
            Some(_) => Ok(Format::Pem),
            None => Err(BundleError::Unknown),
        };
    }
    if Certificate::from_der(content).is_ok() || is_key(content) {
        return Ok(Format::Der);
    }
    match is_pfx(content) {
        true => Ok(Format::Pkcs12),
        false => Ok(Format::Der),
    }
}

/// Reads a file of any format.
///
/// # Errors
/// See [`BundleError`]; an encrypted key or a PKCS#12 file without the right password is
/// [`BundleError::is_password`].
pub fn read(content: &[u8], password: Option<&str>) -> Result<Bundle, BundleError> {
    let format = detect(content)?;
    read_as(format, content, password)
}

/// Reads a file of a known format.
///
/// # Errors
/// As [`read`].
pub fn read_as(
    format: Format,
    content: &[u8],
    password: Option<&str>,
) -> Result<Bundle, BundleError> {
    if content.len() > MAX_BYTES {
        return Err(BundleError::TooLarge(content.len()));
    }
    match format {
        Format::Pem => read_pem(content, password),
        Format::Der => read_der(content, password),
        Format::Pkcs12 => {
            let (keys, certificates) = pkcs12::contents(content, password.unwrap_or_default())
                .map_err(BundleError::Pkcs12)?;
            Ok(Bundle { certificates, keys })
        }
    }
}

fn read_pem(content: &[u8], password: Option<&str>) -> Result<Bundle, BundleError> {
    let text = text_of(content).ok_or(BundleError::Unknown)?;
    if !text.contains("-----BEGIN ") {
        let der = unarmoured(content).ok_or(BundleError::Unknown)?;
        return read_der(&der, password);
    }
    let mut bundle = Bundle::default();
    for block in pem::blocks(&text).map_err(BundleError::Pem)? {
        if pem::is_certificate(&block.label) {
            let position = bundle.certificates.len() + 1;
            let certificate = Certificate::from_block(&block)
                .map_err(|source| BundleError::Certificate { position, source })?;
            bundle.certificates.push(certificate);
        } else if block.label.ends_with("PRIVATE KEY") {
            let key = KeyPair::from_block(&block, password).map_err(BundleError::Key)?;
            bundle.keys.push(key);
        }
    }
    Ok(bundle)
}

fn read_der(content: &[u8], password: Option<&str>) -> Result<Bundle, BundleError> {
    if is_key(content) {
        let key = match (is_encrypted_key(content), password) {
            (true, Some(password)) => encrypted_key::decrypt(content, password),
            (true, None) => Err(KeyError::Encrypted { line: 1 }),
            (false, _) => KeyPair::from_pkcs8_der(content),
        };
        return Ok(Bundle {
            keys: vec![key.map_err(BundleError::Key)?],
            ..Bundle::default()
        });
    }
    let certificate =
        Certificate::from_der(content).map_err(|source| BundleError::Certificate {
            position: 1,
            source,
        })?;
    Ok(Bundle {
        certificates: vec![certificate],
        ..Bundle::default()
    })
}

fn is_key(content: &[u8]) -> bool {
    is_encrypted_key(content) || KeyPair::from_pkcs8_der(content).is_ok()
}

/// A PFX begins with its version, 3 (RFC 7292 §4); its length may be indefinite (BER).
fn is_pfx(content: &[u8]) -> bool {
    let header = match content.get(1) {
        Some(0x80) | Some(0..=0x7f) => 2,
        Some(length) => 2 + usize::from(length & 0x7f),
        None => return false,
    };
    content.get(header..header + 3) == Some(&[0x02, 0x01, 0x03])
}

/// The contents as text; Windows writes UTF-16 now and then.
fn text_of(content: &[u8]) -> Option<String> {
    let utf16 = |read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = content[2..]
            .chunks_exact(2)
            .map(|pair| read([pair[0], pair[1]]))
            .collect();
        String::from_utf16(&units).ok()
    };
    match content {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => {
            let text = String::from_utf8_lossy(content);
            // Text before and after the blocks may be in any encoding; the blocks are ASCII.
            (text.contains("-----BEGIN ") || !text.contains('\u{fffd}')).then(|| text.into_owned())
        }
    }
}

/// The bytes of a Base64 text without its BEGIN and END lines.
fn unarmoured(content: &[u8]) -> Option<Vec<u8>> {
    let text: String = text_of(content)?.split_whitespace().collect();
    let der = STANDARD.decode(text).ok()?;
    (Certificate::from_der(der.clone()).is_ok() || is_key(&der)).then_some(der)
}

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;

    use super::*;
    use crate::samples;

    #[test]
    fn a_text_with_everything_in_any_order_is_read() {
        let (key, chain, root) = samples::chain();
        let sealed = encrypted_key::encrypt_to_pem(&key, "secret").unwrap();
        let text = format!(
            "\u{feff}Bag Attributes\r\n{}subject=CN = x\r\n{}{}",
            root.certificate().to_pem(),
            sealed.expose().replace('\n', "\r\n"),
            chain.to_pem()
        );

        let bundle = read(text.as_bytes(), Some("secret")).unwrap();

        assert_eq!(bundle.certificates.len(), 3);
        assert_eq!(bundle.keys[0].spki_der(), key.spki_der());
        for password in [None, Some("wrong")] {
            assert!(read(text.as_bytes(), password).unwrap_err().is_password());
        }
    }

    #[test]
    fn formats_are_told_apart_by_their_contents() {
        let (key, chain, _) = samples::chain();
        let p12 = pkcs12::export(&key, &chain, "", pkcs12::Profile::Legacy).unwrap();
        let pem = chain.to_pem();
        let bare: String = chain
            .leaf()
            .to_pem()
            .lines()
            .filter(|l| !l.contains('-'))
            .collect();
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(pem.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let sealed = encrypted_key::encrypt(&key, "x").unwrap();
        for (content, expected) in [
            (pem.as_bytes(), Format::Pem),
            (bare.as_bytes(), Format::Pem),
            (&utf16, Format::Pem),
            (chain.leaf().der(), Format::Der),
            (key.to_pkcs8_der().expose(), Format::Der),
            (&sealed, Format::Der),
            (&p12, Format::Pkcs12),
        ] {
            assert_eq!(detect(content).unwrap(), expected);
            let bundle = read(content, Some("x").filter(|_| expected != Format::Pkcs12)).unwrap();
            assert!(!bundle.certificates.is_empty() || !bundle.keys.is_empty());
        }
        assert!(matches!(detect(b" \n"), Err(BundleError::Empty)));
        assert!(matches!(detect(b"hello"), Err(BundleError::Unknown)));
        assert!(matches!(detect(b"\x7fELF"), Err(BundleError::Unknown)));
    }

    #[test]
    fn a_key_of_another_size_is_named() {
        let weak = include_bytes!("../tests/fixtures/rsa-2560.pem");

        let error = read(weak, None).unwrap_err();

        assert!(
            matches!(error, BundleError::Key(KeyError::RsaSize { bits: 2560 })),
            "{error:?}"
        );
    }

    #[test]
    fn several_keys_are_all_there() {
        let keys = [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384]
            .map(|algorithm| KeyPair::generate(algorithm).unwrap());
        let text: String = keys
            .iter()
            .map(|key| key.to_pkcs8_pem().expose().clone())
            .collect();

        assert_eq!(read(text.as_bytes(), None).unwrap().keys.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(content in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            drop(read(&content, Some("x")));
            let mut sequence = vec![0x30, 0x82];
            sequence.extend(&content);
            drop(read(&sequence, None));
        }
    }
}
