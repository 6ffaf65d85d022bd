//! TSIG keys and their algorithms.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use evercert_types::Secret;

use super::hmac_md5;
use crate::wire::encode_name;

/// The hash function of a TSIG key (RFC 8945 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TsigAlgorithm {
    /// `hmac-md5.sig-alg.reg.int`, for very old servers.
    HmacMd5,
    /// `hmac-sha1`, for old servers.
    HmacSha1,
    /// `hmac-sha224`.
    HmacSha224,
    /// `hmac-sha256`, the default.
    HmacSha256,
    /// `hmac-sha384`.
    HmacSha384,
    /// `hmac-sha512`.
    HmacSha512,
}

impl TsigAlgorithm {
    /// Every algorithm, weakest first.
    pub const ALL: [Self; 6] = [
        Self::HmacMd5,
        Self::HmacSha1,
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// Its name, without final dot.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmac-md5.sig-alg.reg.int",
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    fn mac_key(self, octets: &[u8]) -> MacKey {
        let algorithm = match self {
            Self::HmacMd5 => return MacKey::Md5(hmac_md5::Key::new(octets)),
            Self::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::HmacSha224 => hmac::HMAC_SHA224,
            Self::HmacSha256 => hmac::HMAC_SHA256,
            Self::HmacSha384 => hmac::HMAC_SHA384,
            Self::HmacSha512 => hmac::HMAC_SHA512,
        };
        MacKey::Sha(Box::new(hmac::Key::new(algorithm, octets)))
    }
}

impl FromStr for TsigAlgorithm {
    type Err = TsigKeyError;

    fn from_str(text: &str) -> Result<Self, TsigKeyError> {
        let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
        if name == "hmac-md5" {
            return Ok(Self::HmacMd5);
        }
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(TsigKeyError::Algorithm(name))
    }
}

impl fmt::Display for TsigAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A TSIG key could not be used; the secret is never shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TsigKeyError {
    /// An algorithm that is not offered.
    #[error(
        "the TSIG algorithm \"{0}\" is not supported; use hmac-sha256, or hmac-md5, -sha1, -sha224, -sha384, -sha512"
    )]
    Algorithm(String),
    /// The key's name is no domain name.
    #[error("the TSIG key's name \"{0}\" is not a domain name")]
    Name(String),
    /// The secret is empty or not Base64.
    #[error("the secret of TSIG key \"{0}\" is not Base64 text")]
    Secret(String),
    /// The text has none of the known forms.
    #[error(
        "the TSIG key is in no known form; write algorithm:name:secret, or paste what tsig-keygen or keymgr -t print"
    )]
    Form,
}

/// A secret shared with a DNS server; `Debug` shows only name and algorithm.
#[derive(Clone)]
pub struct TsigKey {
    name: String,
    pub(super) wire_name: Vec<u8>,
    algorithm: TsigAlgorithm,
    key: MacKey,
}

/// What a MAC is made with.
#[derive(Clone)]
enum MacKey {
    Md5(hmac_md5::Key),
    Sha(Box<hmac::Key>),
}

impl TsigKey {
    /// A key from its parts, the secret in Base64.
    ///
    /// # Errors
    /// When the name is no domain name or the secret no Base64.
    pub fn new(
        name: &str,
        algorithm: TsigAlgorithm,
        secret: &Secret<String>,
    ) -> Result<Self, TsigKeyError> {
        let name = crate::name::canonical(name);
        let wire_name = encode_name(&name).ok_or_else(|| TsigKeyError::Name(name.clone()))?;
        let octets = decode_secret(secret).ok_or_else(|| TsigKeyError::Secret(name.clone()))?;
        Ok(Self {
            key: algorithm.mac_key(octets.expose()),
            name,
            wire_name,
            algorithm,
        })
    }

    /// Reads a key in any of the usual forms.
    ///
    /// BIND (`key "n" { algorithm a; secret "s"; };`, the first one counts), Knot (what `keymgr -t`
    /// prints, or `[algorithm:]name secret`), `algorithm:name:secret`, and a `KEY` record line.
    ///
    /// # Errors
    /// See [`TsigKeyError`].
    pub fn parse(text: &Secret<String>) -> Result<Self, TsigKeyError> {
        crate::keyfile::parse(text)
    }

    /// The MAC of the parts, one after the other.
    pub(super) fn mac_of(&self, parts: &[&[u8]]) -> Vec<u8> {
        match &self.key {
            MacKey::Md5(key) => key.mac(parts).to_vec(),
            MacKey::Sha(key) => {
                let mut context = hmac::Context::with_key(key);
                parts.iter().for_each(|part| context.update(part));
                context.sign().as_ref().to_vec()
            }
        }
    }

    /// Its name, lower case, without final dot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> TsigAlgorithm {
        self.algorithm
    }
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TsigKey({}, {}, ***)", self.name, self.algorithm)
    }
}

fn decode_secret(secret: &Secret<String>) -> Option<Secret<Vec<u8>>> {
    let compact: String = secret.expose().split_whitespace().collect();
    let compact = Secret::new(compact);
    let octets = STANDARD
        .decode(compact.expose())
        .or_else(|_| STANDARD_NO_PAD.decode(compact.expose()))
        .ok()?;
    (!octets.is_empty()).then(|| Secret::new(octets))
}
