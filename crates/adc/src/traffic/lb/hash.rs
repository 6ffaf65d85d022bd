//! Hashing that stays the same across restarts, so that a key leads to the same service everywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Hash of some bytes (FNV-1a, mixed).
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(state)
}

/// One hash of two.
pub(crate) const fn combine(a: u64, b: u64) -> u64 {
    mix(a.rotate_left(23) ^ b)
}

/// Hash of an address.
pub(crate) fn of_ip(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => hash(&ip.octets()),
        IpAddr::V6(ip) => hash(&ip.octets()),
    }
}

/// How much a service of this weight wants the key (weighted rendezvous hashing): the highest score gets it, and when a
/// service goes, only its own keys move.
#[expect(
    clippy::cast_precision_loss,
    reason = "a score is compared with others, and 53 bits are plenty"
)]
pub(crate) fn score(key: u64, service: u64, weight: usize) -> f64 {
    let unit = ((combine(key, service) >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    weight as f64 / -unit.min(1.0 - f64::EPSILON).ln()
}

/// Which bits of an address count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Masks {
    /// `-netmask`, `-persistMask`.
    pub(crate) v4: Ipv4Addr,
    /// `-v6netmasklen`, `-v6persistmasklen`: 1 to 128.
    pub(crate) v6_bits: u8,
}

impl Default for Masks {
    fn default() -> Self {
        Self {
            v4: Ipv4Addr::BROADCAST,
            v6_bits: 128,
        }
    }
}

impl Masks {
    /// The address with the bits that count.
    pub(crate) fn apply(self, ip: IpAddr) -> IpAddr {
        match ip.to_canonical() {
            IpAddr::V4(ip) => IpAddr::V4(ip & self.v4),
            IpAddr::V6(ip) => {
                let bits = u32::from(self.v6_bits.min(128));
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
            }
        }
    }
}

const fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_by_weight_and_only_those_of_a_lost_service_move() {
        let services = [(hash(b"a"), 1), (hash(b"b"), 1), (hash(b"c"), 2)];
        let owner = |key: u64, without: Option<usize>| {
            (0..services.len())
                .filter(|i| Some(*i) != without)
                .max_by(|x, y| {
                    let of = |i: &usize| score(key, services[*i].0, services[*i].1);
                    of(x).total_cmp(&of(y))
                })
                .unwrap()
        };
        let keys: Vec<u64> = (0..8000_u32).map(|i| hash(&i.to_le_bytes())).collect();

        let owners: Vec<usize> = keys.iter().map(|key| owner(*key, None)).collect();
        let count = |service: usize| owners.iter().filter(|owner| **owner == service).count();

        assert!((1700..2300).contains(&count(0)), "{}", count(0));
        assert!((3600..4400).contains(&count(2)), "{}", count(2));
        for (key, before) in keys.iter().zip(&owners) {
            let after = owner(*key, Some(1));
            assert!(*before == 1 || after == *before);
        }
    }

    #[test]
    fn masks_leave_the_bits_that_count() {
        let masks = Masks {
            v4: "255.255.0.0".parse().unwrap(),
            v6_bits: 64,
        };
        let masked = |ip: &str| masks.apply(ip.parse().unwrap()).to_string();

        assert_eq!(masked("192.0.2.7"), "192.0.0.0");
        assert_eq!(masked("::ffff:192.0.2.7"), "192.0.0.0");
        assert_eq!(masked("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        let all = Masks::default().apply("2001:db8::1".parse().unwrap());
        assert_eq!(all.to_string(), "2001:db8::1");
    }
}
