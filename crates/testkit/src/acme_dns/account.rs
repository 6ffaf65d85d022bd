//! Accounts of acme-dns: their secrets, and from where they may be used.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What acme-dns hands out for a registration.
#[derive(Clone, Debug)]
pub struct Account {
    /// A UUID.
    pub username: String,
    /// 40 characters.
    pub password: String,
    /// The name that the account can change.
    pub fulldomain: String,
    /// Its first label, a UUID.
    pub subdomain: String,
    /// From where it may be used; from everywhere when empty.
    allowed: Vec<Network>,
}

/// A network in CIDR form.
#[derive(Clone, Debug)]
pub(super) struct Network {
    text: String,
    address: IpAddr,
    prefix: u8,
}

impl Account {
    pub(super) fn new(domain: &str, allowed: Vec<Network>) -> Self {
        let subdomain = uuid();
        Self {
            username: uuid(),
            password: URL_SAFE_NO_PAD.encode(random::<30>()),
            fulldomain: format!("{subdomain}.{domain}"),
            subdomain,
            allowed,
        }
    }

    /// As the API and accounts' files of clients have it.
    pub fn json(&self) -> Value {
        let allowed: Vec<&str> = self.allowed.iter().map(|one| one.text.as_str()).collect();
        json!({
            "username": self.username,
            "password": self.password,
            "fulldomain": self.fulldomain,
            "subdomain": self.subdomain,
            "allowfrom": allowed,
        })
    }

    pub(super) fn allows(&self, peer: SocketAddr) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|one| one.holds(peer.ip()))
    }
}

impl Network {
    /// `192.0.2.0/24`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix: u8 = prefix.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= bits).then(|| Self {
            text: text.to_owned(),
            address,
            prefix,
        })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let differ = |a: u128, b: u128, bits: u32| {
            let shift = bits.saturating_sub(u32::from(self.prefix));
            a.checked_shr(shift) != b.checked_shr(shift)
        };
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                !differ(a.to_bits().into(), b.to_bits().into(), u32::BITS)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => !differ(a.to_bits(), b.to_bits(), u128::BITS),
            _ => false,
        }
    }
}

/// Whether the server takes the value: 43 characters of Base64url.
pub(super) fn is_txt(value: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    value.len() == 43 && value.bytes().all(plain)
}

/// # Panics
/// When the system has no randomness.
fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    rand::fill(&mut octets).expect("the system has randomness");
    octets
}

/// A random UUID (RFC 9562 §5.4).
fn uuid() -> String {
    let mut octets: [u8; 16] = random();
    octets[6] = octets[6] & 0x0f | 0x40;
    octets[8] = octets[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, octet) in octets.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{octet:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses() {
        let network = Network::parse("192.0.2.0/25").unwrap();
        assert!(network.holds("192.0.2.127".parse().unwrap()));
        assert!(!network.holds("192.0.2.128".parse().unwrap()));
        assert!(!network.holds("2001:db8::1".parse().unwrap()));
        let all = Network::parse("0.0.0.0/0").unwrap();
        assert!(all.holds("198.51.100.1".parse().unwrap()));
        assert!(Network::parse("192.0.2.0").is_none() && Network::parse("192.0.2.0/33").is_none());
    }

    #[test]
    fn a_registration_looks_like_the_original_s() {
        let account = Account::new("auth.example.net", Vec::new());
        assert_eq!((account.username.len(), account.password.len()), (36, 40));
        assert_eq!(account.subdomain.as_bytes()[14], b'4');
        assert_eq!(
            account.fulldomain,
            format!("{}.auth.example.net", account.subdomain)
        );
    }
}
