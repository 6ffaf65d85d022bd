//! Digests over a set of items that are cheap to keep: adding or removing one item is one addition.

use std::fmt;
use std::str::FromStr;

use evercert_types::Fingerprint;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sync::ItemId;

/// How many buckets a set is split into for repair.
pub const BUCKETS: usize = 256;

/// What one item adds to the digest of its set: four 64-bit lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemDigest {
    lanes: [u64; 4],
    bucket: u8,
}

/// The sum of the digests of a set's items, lane by lane modulo 2^64; 64 hexadecimal digits as text.
///
/// It finds divergence between honest parties; it is no protection against forgery, which is what TLS is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SetDigest([u64; 4]);

/// A digest's text was not 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a set digest of 64 hexadecimal digits")]
pub struct SetDigestError(String);

impl ItemDigest {
    /// The digest of an item: of its id, generation and leaf.
    pub fn of(id: &ItemId, generation: i64, fingerprint: &Fingerprint) -> Self {
        let id = id.to_string();
        let bucket = (fold(0x51, id.as_bytes()) >> 56) as u8;
        // The leaf's SHA-256 is already uniform; id and generation are folded into each lane with another seed.
        let mut lanes = [0u64; 4];
        for (seed, (lane, part)) in
            (1u64..).zip(lanes.iter_mut().zip(fingerprint.0.chunks_exact(8)))
        {
            let mixed = fold(seed, id.as_bytes()) ^ fold(seed, &generation.to_be_bytes());
            *lane = fold(mixed, part);
        }
        Self { lanes, bucket }
    }

    /// Which of the 256 buckets the item lies in; depends on the id alone.
    pub const fn bucket(&self) -> u8 {
        self.bucket
    }
}

/// FNV-1a with a seed and a final avalanche (the finaliser of `MurmurHash3`).
fn fold(seed: u64, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut hash = bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl SetDigest {
    /// Adds an item.
    pub fn add(&mut self, item: &ItemDigest) {
        for (sum, lane) in self.0.iter_mut().zip(item.lanes) {
            *sum = sum.wrapping_add(lane);
        }
    }

    /// Takes an item away.
    pub fn remove(&mut self, item: &ItemDigest) {
        for (sum, lane) in self.0.iter_mut().zip(item.lanes) {
            *sum = sum.wrapping_sub(lane);
        }
    }
}

impl fmt::Display for SetDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|lane| write!(f, "{lane:016x}"))
    }
}

impl FromStr for SetDigest {
    type Err = SetDigestError;

    fn from_str(text: &str) -> Result<Self, SetDigestError> {
        let error = || SetDigestError(text.to_owned());
        if text.len() != 64 || !text.is_ascii() {
            return Err(error());
        }
        let mut lanes = [0u64; 4];
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane = u64::from_str_radix(&text[i * 16..(i + 1) * 16], 16).map_err(|_| error())?;
        }
        Ok(Self(lanes))
    }
}

impl Serialize for SetDigest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SetDigest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use evercert_types::{CertificateId, KeyAlgorithm};

    use super::*;

    fn item(generation: i64, seed: u8) -> ItemDigest {
        let id = ItemId {
            certificate: CertificateId::new(),
            algorithm: KeyAlgorithm::EcdsaP256,
        };
        ItemDigest::of(&id, generation, &Fingerprint([seed; 32]))
    }

    #[test]
    fn order_does_not_matter_and_removal_undoes() {
        let (a, b) = (item(1, 1), item(2, 2));
        let (mut ab, mut ba) = (SetDigest::default(), SetDigest::default());
        ab.add(&a);
        ab.add(&b);
        ba.add(&b);
        ba.add(&a);
        assert_eq!(ab, ba);

        ab.remove(&b);
        ab.remove(&a);

        assert_eq!(ab, SetDigest::default());
    }

    #[test]
    fn every_part_of_an_item_counts() {
        let id = ItemId {
            certificate: CertificateId::new(),
            algorithm: KeyAlgorithm::EcdsaP256,
        };
        let other = ItemId {
            algorithm: KeyAlgorithm::Rsa2048,
            ..id
        };
        let base = ItemDigest::of(&id, 1, &Fingerprint([1; 32]));

        assert_ne!(base, ItemDigest::of(&id, 2, &Fingerprint([1; 32])));
        assert_ne!(base, ItemDigest::of(&id, 1, &Fingerprint([2; 32])));
        assert_ne!(base, ItemDigest::of(&other, 1, &Fingerprint([1; 32])));
    }

    #[test]
    fn text_round_trips() {
        let mut digest = SetDigest::default();
        digest.add(&item(3, 9));

        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("zz".parse::<SetDigest>().is_err());
        assert!("é".repeat(32).parse::<SetDigest>().is_err());
    }
}
