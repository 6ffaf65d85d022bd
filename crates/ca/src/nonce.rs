//! Anti-replay nonces (RFC 8555 §6.5): each good once, the oldest forgotten first.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How many nonces are remembered; an older one is refused, and the client takes another.
const WINDOW: usize = 50_000;

/// The nonces that were given out and not used.
#[derive(Debug, Default)]
pub(crate) struct Nonces(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    good: HashSet<String>,
    order: VecDeque<String>,
}

impl Nonces {
    /// A new nonce.
    pub(crate) fn issue(&self) -> String {
        let nonce = random_token();
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.good.insert(nonce.clone());
        inner.order.push_back(nonce.clone());
        while inner.order.len() > WINDOW {
            if let Some(oldest) = inner.order.pop_front() {
                inner.good.remove(&oldest);
            }
        }
        nonce
    }

    /// Uses one up; false when it was never given out, was used, or is forgotten.
    pub(crate) fn redeem(&self, nonce: &str) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.good.remove(nonce)
    }
}

/// 16 random octets as base64url: nonces and the ids in URLs.
pub(crate) fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random::<16>())
}

/// Random octets.
///
/// # Panics
/// When the system has no randomness, without which nothing here is safe.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0u8; N];
    assert!(
        rand::fill(&mut octets).is_ok(),
        "the system's random source failed"
    );
    octets
}

/// Whether a throw of a hundred-sided die is below `percent`.
pub(crate) fn chance(percent: u8) -> bool {
    percent > 0 && (u32::from_be_bytes(random()) % 100) < u32::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once() {
        let nonces = Nonces::default();
        let nonce = nonces.issue();

        assert!(nonces.redeem(&nonce));
        assert!(!nonces.redeem(&nonce));
        assert!(!nonces.redeem("never given out"));
    }

    #[test]
    fn the_oldest_is_forgotten_when_the_window_is_full() {
        let nonces = Nonces::default();
        let first = nonces.issue();
        let second = nonces.issue();
        for _ in 0..WINDOW - 1 {
            nonces.issue();
        }

        assert!(!nonces.redeem(&first));
        assert!(nonces.redeem(&second));
    }
}
