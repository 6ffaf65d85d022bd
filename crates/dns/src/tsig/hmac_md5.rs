//! HMAC-MD5 (RFC 2104), which the crypto library leaves out and very old servers still want.

use md5::{Digest as _, Md5};

/// Octets that MD5 takes at a time.
const BLOCK: usize = 64;

/// A key, as both hashes begin with it.
#[derive(Clone)]
pub(super) struct Key {
    inner: Md5,
    outer: Md5,
}

impl Key {
    pub(super) fn new(secret: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if secret.len() > BLOCK {
            block[..16].copy_from_slice(&Md5::digest(secret));
        } else {
            block[..secret.len()].copy_from_slice(secret);
        }
        let padded = |pad: u8| Md5::new_with_prefix(block.map(|octet| octet ^ pad));
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// The MAC of the parts, one after the other.
    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut inner = self.inner.clone();
        parts.iter().for_each(|part| inner.update(part));
        let mut outer = self.outer.clone();
        outer.update(inner.finalize());
        outer.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_s_examples_come_out() {
        // RFC 2202 §2, cases 2 and 6.
        let hex = |mac: [u8; 16]| {
            mac.iter()
                .map(|octet| format!("{octet:02x}"))
                .collect::<String>()
        };
        let jefe = Key::new(b"Jefe").mac(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(jefe), "750c783e6ab0b503eaa86e310a5db738");
        let long =
            Key::new(&[0xaa; 80]).mac(&[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
        assert_eq!(hex(long), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }
}
