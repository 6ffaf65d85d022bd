//! Transaction signatures: sign requests, verify replies, and the other way round (RFC 8945).

mod hmac_md5;
mod key;
mod record;

use aws_lc_rs::constant_time;

use crate::wire::{encode_name, name_text};

pub use key::{TsigAlgorithm, TsigKey, TsigKeyError};
pub(crate) use record::{TsigRecord, split};
use record::{Unsigned, length};

/// Seconds by which clocks may differ (RFC 8945 §10).
const FUDGE: u16 = 300;

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
            algorithm: encode_name(self.algorithm().as_str()).unwrap_or_default(),
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
        let variables = record.variables();
        match request_mac {
            Some(mac) => self.mac_of(&[&length(mac), mac, message, &variables]),
            None => self.mac_of(&[message, &variables]),
        }
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
        record.unsigned.key_name == self.wire_name && algorithm == self.algorithm().as_str()
    }
}

#[cfg(test)]
mod tests {
    use evercert_types::Secret;

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
        for name in ["hmac-md5", "HMAC-MD5.SIG-ALG.REG.INT."] {
            assert_eq!(name.parse(), Ok(TsigAlgorithm::HmacMd5));
        }
    }

    proptest::proptest! {
        #[test]
        fn splitting_never_panics(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            drop(split(&octets));
        }
    }
}
