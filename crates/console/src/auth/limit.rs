//! Slowing down guesses: so many failures in so much time, then no more until it is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use evercert_api::{Problem, ProblemCode};

use crate::problem::ApiError;

/// How many keys are remembered at most.
const KEYS: usize = 10_000;

/// Counts failures by key.
#[derive(Debug)]
pub(crate) struct Limiter {
    allowed: u32,
    within: Duration,
    failures: Mutex<HashMap<String, Failures>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    since: Instant,
}

/// An attempt; it is a failure unless said otherwise.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    limiter: &'a Limiter,
    key: String,
}

impl Limiter {
    /// Allows so many failures within a time.
    pub(crate) fn new(allowed: u32, within: Duration) -> Self {
        Self {
            allowed,
            within,
            failures: Mutex::default(),
        }
    }

    fn count(&self, key: &str, now: Instant) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= KEYS {
            failures.retain(|_, failed| now.duration_since(failed.since) < self.within);
        }
        if failures.len() >= KEYS && !failures.contains_key(key) {
            return false;
        }
        let failed = failures.entry(key.to_owned()).or_insert(Failures {
            count: 0,
            since: now,
        });
        if now.duration_since(failed.since) >= self.within {
            *failed = Failures {
                count: 0,
                since: now,
            };
        }
        failed.count = failed.count.saturating_add(1);
        failed.count <= self.allowed
    }

    fn forgive(&self, key: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = failures.get_mut(key) {
            failed.count = failed.count.saturating_sub(1);
        }
    }
}

impl<'a> Attempt<'a> {
    /// Begins an attempt.
    ///
    /// # Errors
    /// When there were too many failures lately.
    pub(crate) fn begin(limiter: &'a Limiter, key: &str) -> Result<Self, ApiError> {
        if limiter.count(key, Instant::now()) {
            return Ok(Self {
                limiter,
                key: key.to_owned(),
            });
        }
        let detail = "there were too many failed attempts";
        Err(Problem::new(ProblemCode::TooManyRequests, detail).into())
    }

    /// It was no failure.
    pub(crate) fn succeeded(self) {
        self.limiter.forgive(&self.key);
    }
}

/// Whom failures are counted against: an IPv4 address, or an IPv6 network of 64 bits.
pub(crate) fn network(addr: std::net::IpAddr) -> String {
    match addr {
        std::net::IpAddr::V4(v4) => v4.to_string(),
        std::net::IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_and_successes_are_not() {
        let limiter = Limiter::new(2, Duration::from_secs(60));

        for _ in 0..5 {
            Attempt::begin(&limiter, "a").unwrap().succeeded();
        }
        for _ in 0..2 {
            drop(Attempt::begin(&limiter, "a").unwrap());
        }

        assert!(Attempt::begin(&limiter, "a").is_err());
        assert!(Attempt::begin(&limiter, "b").is_ok());
    }

    #[test]
    fn time_heals() {
        let limiter = Limiter::new(1, Duration::from_secs(60));
        let start = Instant::now();
        assert!(limiter.count("a", start));
        assert!(!limiter.count("a", start));

        assert!(limiter.count("a", start + Duration::from_secs(60)));
    }

    #[test]
    fn a_host_cannot_evade_by_its_many_ipv6_addresses() {
        let network_of = |text: &str| network(text.parse().unwrap());

        assert_eq!(network_of("2001:db8::1"), network_of("2001:db8::ffff:2"));
        assert_ne!(network_of("2001:db8::1"), network_of("2001:db8:0:1::1"));
        assert_eq!(network_of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
