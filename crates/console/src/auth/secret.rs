//! Random texts that prove a right, and the hashes they are found by.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;

/// 256 random bits as 64 hexadecimal digits.
///
/// # Panics
/// When the system has no random numbers: nothing can be kept secret then.
pub(crate) fn random_text() -> String {
    let mut octets = [0u8; 32];
    rand::fill(&mut octets).expect("the system has random numbers");
    hex(&octets)
}

/// SHA-256 of a text in hexadecimal. The texts have 256 bits of their own: no salt, no stretching.
pub(crate) fn hash(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// A random number between 0 and 1.
pub(crate) fn random_fraction() -> f64 {
    let mut octets = [0u8; 4];
    match rand::fill(&mut octets) {
        Ok(()) => f64::from(u32::from_be_bytes(octets)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
