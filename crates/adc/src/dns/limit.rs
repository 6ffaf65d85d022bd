//! How many datagrams one network is answered: forged senders must not turn us against others.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

/// Networks that are told apart; others share.
const BUCKETS: usize = 4096;
/// Answers a second to one network (/24 of IPv4, /56 of IPv6).
const RATE: u32 = 200;
/// Answers that may come at once.
const BURST: u32 = 400;

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Answer,
    /// A real asker comes again over TCP, which cannot be forged.
    ComeByTcp,
    Ignore,
}

/// Counts answers by network.
#[derive(Debug)]
pub(super) struct Limiter {
    buckets: Vec<Bucket>,
    started: Instant,
    /// Which networks share a bucket cannot be foretold.
    seed: std::hash::RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u32,
    /// Milliseconds since the start.
    filled_at: u64,
    over: u32,
}

impl Limiter {
    pub(super) fn new() -> Self {
        let full = Bucket {
            left: BURST,
            filled_at: 0,
            over: 0,
        };
        Self {
            buckets: vec![full; BUCKETS],
            started: Instant::now(),
            seed: std::hash::RandomState::new(),
        }
    }

    /// Judges a datagram from there.
    pub(super) fn admit(&mut self, peer: SocketAddr) -> Admission {
        use std::hash::BuildHasher;
        let now = self.started.elapsed();
        let hash = self.seed.hash_one(network(peer.ip()));
        let index = usize::try_from(hash % BUCKETS as u64).unwrap_or(0);
        match self.buckets.get_mut(index) {
            Some(bucket) => bucket.take(now),
            None => Admission::Ignore,
        }
    }
}

impl Bucket {
    fn take(&mut self, now: Duration) -> Admission {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let passed = now.saturating_sub(self.filled_at);
        let gained = passed.saturating_mul(RATE.into()) / 1000;
        if gained > 0 {
            let gained = u32::try_from(gained).unwrap_or(BURST);
            self.left = self.left.saturating_add(gained).min(BURST);
            self.filled_at = now;
        }
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            self.over = 0;
            return Admission::Answer;
        }
        self.over = self.over.wrapping_add(1);
        match self.over.is_multiple_of(4) {
            true => Admission::ComeByTcp,
            false => Admission::Ignore,
        }
    }
}

fn network(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u128::from(ip.to_bits() >> 8),
        IpAddr::V6(ip) => ip.to_bits() >> 72,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_asks_too_much_gets_a_share_and_a_hint_to_tcp() {
        let mut bucket = Bucket {
            left: BURST,
            filled_at: 0,
            over: 0,
        };
        let mut ask = |at: u64, times: u32| {
            let outcomes: Vec<_> = (0..times)
                .map(|_| bucket.take(Duration::from_millis(at)))
                .collect();
            let count = |wanted| outcomes.iter().filter(|one| **one == wanted).count();
            (count(Admission::Answer), count(Admission::ComeByTcp))
        };

        assert_eq!(ask(0, 1000), (400, 150));
        assert_eq!(ask(500, 1000), (100, 225));
        assert_eq!(ask(10_000, 300), (300, 0));
    }

    #[test]
    fn hosts_of_one_network_count_as_one() {
        let of = |ip: &str| network(ip.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.200"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8:0:ff::1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:100::1"));
    }
}
