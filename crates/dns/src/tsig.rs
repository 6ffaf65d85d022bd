//! Transaction signatures: sign requests, verify replies, and the other way round (RFC 8945).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use evercert_types::Secret;

use crate::wire::{Cursor, HEADER, Header, WireError, encode_name, name_text};

/// Seconds by which clocks may differ (RFC 8945 §10).
const FUDGE: u16 = 300;
const TYPE_TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;

/// The hash function of a TSIG key (RFC 8945 §6); HMAC-MD5 is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TsigAlgorithm {
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
    pub const ALL: [Self; 5] = [
        Self::HmacSha1,
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// Its name, without final dot.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    const fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::HmacSha224 => hmac::HMAC_SHA224,
            Self::HmacSha256 => hmac::HMAC_SHA256,
            Self::HmacSha384 => hmac::HMAC_SHA384,
            Self::HmacSha512 => hmac::HMAC_SHA512,
        }
    }
}

impl FromStr for TsigAlgorithm {
    type Err = TsigKeyError;

    fn from_str(text: &str) -> Result<Self, TsigKeyError> {
        let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
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
        "the TSIG algorithm \"{0}\" is not supported; use hmac-sha256, or hmac-sha1, -sha224, -sha384, -sha512"
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
    wire_name: Vec<u8>,
    algorithm: TsigAlgorithm,
    key: hmac::Key,
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
            key: hmac::Key::new(algorithm.hmac(), octets.expose()),
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

/// The error field of a TSIG record: BADSIG, BADKEY, BADTIME (RFC 8945 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TsigRcode {
    Signature = 16,
    Key = 17,
    Time = 18,
}

/// A signed message, and the MAC that the reply's signature includes.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) message: Vec<u8>,
    pub(crate) mac: Vec<u8>,
}

/// What a signature covers besides the message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signing<'a> {
    /// Seconds since 1970.
    pub(crate) time: u64,
    /// MAC of the request, when a reply is signed.
    pub(crate) request_mac: Option<&'a [u8]>,
    pub(crate) error: u16,
    pub(crate) other: &'a [u8],
}

impl TsigKey {
    /// Appends a TSIG record to a message.
    pub(crate) fn sign(&self, mut message: Vec<u8>, signing: Signing<'_>) -> Signed {
        let original_id = [message[0], message[1]];
        let record = Unsigned {
            key_name: self.wire_name.clone(),
            algorithm: encode_name(self.algorithm.as_str()).unwrap_or_default(),
            time: signing.time,
            fudge: FUDGE,
            error: signing.error,
            other: signing.other.to_vec(),
        };
        let mac = self.mac(&message, signing.request_mac, &record);
        record.append_to(&mut message, &mac, original_id);
        Signed { message, mac }
    }

    fn mac(&self, message: &[u8], request_mac: Option<&[u8]>, record: &Unsigned) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        if let Some(mac) = request_mac {
            context.update(&length(mac));
            context.update(mac);
        }
        context.update(message);
        context.update(&record.variables());
        context.sign().as_ref().to_vec()
    }

    /// Whether the record is this key's valid signature of the message without it.
    pub(crate) fn verifies(
        &self,
        bare: &[u8],
        record: &TsigRecord,
        request_mac: Option<&[u8]>,
    ) -> bool {
        let expected = self.mac(bare, request_mac, &record.unsigned);
        self.is_named_by(record)
            && constant_time::verify_slices_are_equal(&expected, &record.mac).is_ok()
    }

    /// Whether name and algorithm are this key's.
    pub(crate) fn is_named_by(&self, record: &TsigRecord) -> bool {
        let algorithm = name_text(&record.unsigned.algorithm);
        record.unsigned.key_name == self.wire_name && algorithm == self.algorithm.as_str()
    }
}

/// A TSIG record without its MAC: what the MAC covers.
#[derive(Clone, Debug)]
struct Unsigned {
    key_name: Vec<u8>,
    algorithm: Vec<u8>,
    time: u64,
    fudge: u16,
    error: u16,
    other: Vec<u8>,
}

impl Unsigned {
    /// The TSIG variables in digest order (RFC 8945 §4.3.3).
    fn variables(&self) -> Vec<u8> {
        let mut octets = self.key_name.clone();
        octets.extend_from_slice(&CLASS_ANY.to_be_bytes());
        octets.extend_from_slice(&[0; 4]);
        octets.extend_from_slice(&self.algorithm);
        octets.extend_from_slice(&self.time.to_be_bytes()[2..]);
        octets.extend_from_slice(&self.fudge.to_be_bytes());
        octets.extend_from_slice(&self.error.to_be_bytes());
        octets.extend_from_slice(&length(&self.other));
        octets.extend_from_slice(&self.other);
        octets
    }

    fn append_to(&self, message: &mut Vec<u8>, mac: &[u8], original_id: [u8; 2]) {
        let mut data = self.algorithm.clone();
        data.extend_from_slice(&self.time.to_be_bytes()[2..]);
        data.extend_from_slice(&self.fudge.to_be_bytes());
        data.extend_from_slice(&length(mac));
        data.extend_from_slice(mac);
        data.extend_from_slice(&original_id);
        data.extend_from_slice(&self.error.to_be_bytes());
        data.extend_from_slice(&length(&self.other));
        data.extend_from_slice(&self.other);

        message.extend_from_slice(&self.key_name);
        message.extend_from_slice(&TYPE_TSIG.to_be_bytes());
        message.extend_from_slice(&CLASS_ANY.to_be_bytes());
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&length(&data));
        message.extend_from_slice(&data);
        add_to_count(message, 1);
    }
}

fn length(octets: &[u8]) -> [u8; 2] {
    u16::try_from(octets.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes()
}

/// Changes ARCOUNT by wrapping addition.
fn add_to_count(message: &mut [u8], by: u16) {
    let count = u16::from_be_bytes([message[10], message[11]]).wrapping_add(by);
    message[10..HEADER].copy_from_slice(&count.to_be_bytes());
}

/// A TSIG record taken off a message.
#[derive(Clone, Debug)]
pub(crate) struct TsigRecord {
    unsigned: Unsigned,
    mac: Vec<u8>,
}

impl TsigRecord {
    /// The key's name, for messages to people.
    pub(crate) fn key_name(&self) -> String {
        name_text(&self.unsigned.key_name)
    }

    pub(crate) fn mac(&self) -> &[u8] {
        &self.mac
    }

    /// The error the peer reports, 0 for none.
    pub(crate) const fn error(&self) -> u16 {
        self.unsigned.error
    }

    /// The time of signing, seconds since 1970.
    pub(crate) const fn time(&self) -> u64 {
        self.unsigned.time
    }

    /// Whether the signature is not older or newer than the peer allows.
    pub(crate) const fn is_timely(&self, now: u64) -> bool {
        self.unsigned.time.abs_diff(now) <= self.unsigned.fudge as u64
    }

    /// A reply with a TSIG record that reports an error and carries no MAC (RFC 8945 §5.3.2).
    pub(crate) fn unsigned_error(&self, mut reply: Vec<u8>, rcode: TsigRcode) -> Vec<u8> {
        let original_id = [reply[0], reply[1]];
        let record = Unsigned {
            error: rcode as u16,
            other: Vec::new(),
            ..self.unsigned.clone()
        };
        record.append_to(&mut reply, &[], original_id);
        reply
    }

    /// With BADTIME, the server's clock.
    pub(crate) fn server_time(&self) -> Option<u64> {
        Cursor::new(&self.unsigned.other).u48().ok()
    }
}

/// Takes the TSIG record off a message; the rest is as it was before signing.
pub(crate) fn split(message: &[u8]) -> Result<(Vec<u8>, Option<TsigRecord>), WireError> {
    let header = Header::read(message)?;
    let Some(start) = last_additional(message, header)? else {
        return Ok((message.to_vec(), None));
    };
    let mut cursor = Cursor::new(message);
    cursor.take(start)?;
    let key_name = cursor.name()?;
    if cursor.u16()? != TYPE_TSIG {
        return Ok((message.to_vec(), None));
    }
    let (record, original_id) = read_record(cursor, key_name)?;
    let mut bare = message[..start].to_vec();
    bare[..2].copy_from_slice(&original_id.to_be_bytes());
    add_to_count(&mut bare, u16::MAX);
    Ok((bare, Some(record)))
}

/// Where the last record of the additional section begins.
fn last_additional(message: &[u8], header: Header) -> Result<Option<usize>, WireError> {
    let [questions, answers, authorities, additionals] = header.counts;
    if additionals == 0 {
        return Ok(None);
    }
    let mut cursor = Cursor::new(message);
    cursor.take(HEADER)?;
    for _ in 0..questions {
        cursor.name()?;
        cursor.take(4)?;
    }
    let before = u32::from(answers) + u32::from(authorities) + u32::from(additionals) - 1;
    for _ in 0..before {
        cursor.name()?;
        cursor.take(8)?;
        let length = cursor.u16()?;
        cursor.take(length.into())?;
    }
    Ok(Some(cursor.position()))
}

/// The rest of a TSIG record after its type, to the message's end, and the original id.
///
/// Class, TTL and lengths are as RFC 8945 §4.2 fixes them, since the MAC takes that for granted.
fn read_record(mut cursor: Cursor<'_>, key_name: Vec<u8>) -> Result<(TsigRecord, u16), WireError> {
    let (class, ttl, length) = (cursor.u16()?, cursor.u32()?, cursor.u16()?);
    let start = cursor.position();
    let algorithm = cursor.name()?;
    let (time, fudge) = (cursor.u48()?, cursor.u16()?);
    let mac_length = cursor.u16()?;
    let mac = cursor.take(mac_length.into())?.to_vec();
    let (original_id, error) = (cursor.u16()?, cursor.u16()?);
    let other_length = cursor.u16()?;
    let other = cursor.take(other_length.into())?.to_vec();
    let whole = cursor.position() - start == usize::from(length) && cursor.is_at_end();
    if class != CLASS_ANY || ttl != 0 || !whole {
        return Err(WireError);
    }
    let unsigned = Unsigned {
        key_name,
        algorithm,
        time,
        fudge,
        error,
        other,
    };
    Ok((TsigRecord { unsigned, mac }, original_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: TsigAlgorithm) -> TsigKey {
        let secret = Secret::new("c2VjcmV0IHNlY3JldA==".to_owned());
        TsigKey::new("Evercert.", algorithm, &secret).unwrap()
    }

    fn message() -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 0x28, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend(encode_name("example.org").unwrap());
        message.extend_from_slice(&[0, 6, 0, 1]);
        message
    }

    #[test]
    fn a_signature_is_taken_off_and_verified() {
        for algorithm in TsigAlgorithm::ALL {
            let key = key(algorithm);
            let signing = Signing {
                time: 1_800_000_000,
                request_mac: Some(b"request"),
                ..Signing::default()
            };

            let signed = key.sign(message(), signing);
            let (bare, record) = split(&signed.message).unwrap();
            let record = record.unwrap();

            assert_eq!(bare, message());
            assert!(key.verifies(&bare, &record, Some(b"request")));
            assert!(!key.verifies(&bare, &record, None));
            assert!(record.is_timely(1_800_000_300) && !record.is_timely(1_800_000_301));
        }
    }

    #[test]
    fn a_changed_message_or_another_secret_does_not_verify() {
        let key = key(TsigAlgorithm::HmacSha256);
        let signed = key.sign(message(), Signing::default());
        let (mut bare, record) = split(&signed.message).unwrap();
        let record = record.unwrap();

        let other = Secret::new("b3RoZXI=".to_owned());
        let other = TsigKey::new("evercert", TsigAlgorithm::HmacSha256, &other).unwrap();
        assert!(!other.verifies(&bare, &record, None));
        bare[3] ^= 1;
        assert!(!key.verifies(&bare, &record, None));
    }

    /// Computed with Python's `hmac` from RFC 8945 §4.3.3, independently of this code.
    #[test]
    fn the_mac_is_that_of_the_standard() {
        let signing = Signing {
            time: 1_800_000_000,
            ..Signing::default()
        };

        let signed = key(TsigAlgorithm::HmacSha256).sign(message(), signing);

        let hex: String = signed
            .mac
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        assert_eq!(
            hex,
            "b836cf7a1ebf687932ab15bd45211a9e7039379faf51e146671c346e0febe01b"
        );
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert_eq!(
            format!("{:?}", key(TsigAlgorithm::HmacSha1)),
            "TsigKey(evercert, hmac-sha1, ***)"
        );
        assert!("hmac-md5.sig-alg.reg.int".parse::<TsigAlgorithm>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn splitting_never_panics(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            drop(split(&octets));
        }
    }
}
