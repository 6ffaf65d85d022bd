//! What keeps a client with its service: its address, or a cookie.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::hash::{self, Masks};

/// Parts of the table that are locked apart.
const SHARDS: usize = 16;
/// Clients a part remembers.
const CLIENTS: usize = 1 << 16;

/// What keeps a client with its service (`-persistenceType`).
#[derive(Debug)]
pub(crate) enum Persistence {
    /// Its address.
    SourceIp(Box<SourceTable>),
    /// A cookie the vserver sets.
    Cookie(Cookie),
}

/// Which service each client has, by its address.
#[derive(Debug)]
pub(crate) struct SourceTable {
    pub(crate) masks: Masks,
    pub(crate) timeout: Duration,
    shards: [Mutex<HashMap<IpAddr, Entry>>; SHARDS],
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    service: u64,
    expires: Instant,
}

impl SourceTable {
    /// Empty. Without a timeout clients are remembered for a year.
    pub(crate) fn new(masks: Masks, timeout: Duration) -> Self {
        Self {
            masks,
            timeout,
            shards: Default::default(),
        }
    }

    /// The service the client has.
    pub(crate) fn service(&self, client: IpAddr, now: Instant) -> Option<u64> {
        let client = self.masks.apply(client);
        let shard = self
            .shard(client)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = shard.get(&client)?;
        (entry.expires > now).then_some(entry.service)
    }

    /// The client has used the service just now.
    pub(crate) fn used(&self, client: IpAddr, service: u64, now: Instant) {
        let client = self.masks.apply(client);
        let timeout = match self.timeout.is_zero() {
            true => Duration::from_secs(365 * 86_400),
            false => self.timeout,
        };
        let entry = Entry {
            service,
            expires: now + timeout,
        };
        let mut shard = self
            .shard(client)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= CLIENTS && !shard.contains_key(&client) {
            shard.retain(|_, entry| entry.expires > now);
            if shard.len() >= CLIENTS {
                return;
            }
        }
        shard.insert(client, entry);
    }

    fn shard(&self, client: IpAddr) -> &Mutex<HashMap<IpAddr, Entry>> {
        let number = hash::of_ip(client) % SHARDS as u64;
        &self.shards[usize::try_from(number).unwrap_or(0)]
    }
}

/// A cookie that names the service, without telling its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    /// Zero for as long as the browser runs.
    pub(crate) timeout: Duration,
    /// Whether it is sent over TLS only.
    pub(crate) is_secure: bool,
}

impl Cookie {
    /// The service the client's cookie names.
    pub(crate) fn service(&self, headers: &HeaderMap) -> Option<u64> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut values = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name);
        values.find_map(|(_, value)| {
            let is_ours = value.len() == 16 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_ours
                .then(|| u64::from_str_radix(value, 16).ok())
                .flatten()
        })
    }

    /// The cookie for a client of this service; `None` when the one it has will do.
    pub(crate) fn set(&self, service: u64, had: Option<u64>) -> Option<HeaderValue> {
        if had == Some(service) && self.timeout.is_zero() {
            return None;
        }
        let mut text = format!("{}={service:016x}; Path=/; HttpOnly", self.name);
        if !self.timeout.is_zero() {
            text.push_str(&format!("; Max-Age={}", self.timeout.as_secs()));
        }
        if self.is_secure {
            text.push_str("; Secure");
        }
        HeaderValue::try_from(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_remembered_until_it_was_away_for_too_long() {
        let masks = Masks {
            v4: "255.255.255.0".parse().unwrap(),
            v6_bits: 64,
        };
        let table = SourceTable::new(masks, Duration::from_secs(120));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        table.used(ip("192.0.2.1"), 7, at(0));

        assert_eq!(table.service(ip("192.0.2.99"), at(1)), Some(7));
        assert_eq!(table.service(ip("192.0.3.1"), at(1)), None);
        table.used(ip("192.0.2.1"), 7, at(100));
        assert_eq!(table.service(ip("192.0.2.1"), at(219)), Some(7));
        assert_eq!(table.service(ip("192.0.2.1"), at(221)), None);
    }

    #[test]
    fn a_cookie_is_found_among_others_and_set_when_it_is_new_or_runs_out() {
        let cookie = |timeout| Cookie {
            name: "NSC_web".to_owned(),
            timeout: Duration::from_secs(timeout),
            is_secure: true,
        };
        let mut headers = HeaderMap::new();
        let value = "a=b; NSC_web=garbage; NSC_web=00000000000000ff";
        headers.insert("cookie", HeaderValue::from_static(value));

        assert_eq!(cookie(0).service(&headers), Some(255));
        assert_eq!(cookie(0).set(255, Some(255)), None);
        assert_eq!(
            cookie(0).set(255, None).unwrap(),
            "NSC_web=00000000000000ff; Path=/; HttpOnly; Secure"
        );
        assert_eq!(
            cookie(120).set(255, Some(255)).unwrap(),
            "NSC_web=00000000000000ff; Path=/; HttpOnly; Max-Age=120; Secure"
        );
    }
}
