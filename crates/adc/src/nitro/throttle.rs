//! Slows down whoever guesses passwords: after a few failures each further attempt of that address has to wait.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures without consequences: people mistype.
const FREE: u32 = 3;
/// Wait after the first failure that has consequences; doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Attempts that would have to wait longer than this for their turn are refused unseen.
const LONGEST_QUEUE: Duration = Duration::from_secs(30);
/// After this time without a failure an address is as good as new.
const FORGIVEN: Duration = Duration::from_secs(15 * 60);
/// Addresses remembered.
const MOST: usize = 10_000;

/// Attempts to log in, by address.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
    /// When the next attempt may be looked at.
    next: Instant,
}

impl Throttle {
    /// Waits for this address's turn. `false` when its queue is too long: the attempt has failed.
    pub(super) async fn wait(&self, client: Option<IpAddr>) -> bool {
        let turn = self.turn(client, Instant::now());
        if let Some(turn) = turn {
            tokio::time::sleep_until(turn).await;
        }
        turn.is_some()
    }

    /// Remembers a failure.
    pub(super) fn failed(&self, client: Option<IpAddr>) {
        self.remember(client, Instant::now());
    }

    /// When an attempt made now is looked at; `None` when its queue is too long.
    fn turn(&self, client: Option<IpAddr>, now: Instant) -> Option<Instant> {
        let mut failures = self.failures();
        let Some(known) = client.and_then(|client| failures.get_mut(&network(client))) else {
            return Some(now);
        };
        let turn = known.next.max(now);
        if turn.duration_since(now) > LONGEST_QUEUE {
            return None;
        }
        // Attempts side by side wait one after the other.
        known.next = turn + wait_after(known.count);
        drop(failures);
        Some(turn)
    }

    fn remember(&self, client: Option<IpAddr>, now: Instant) {
        let Some(client) = client.map(network) else {
            return;
        };
        let mut failures = self.failures();
        if failures.len() >= MOST && !failures.contains_key(&client) {
            forget_some(&mut failures, now);
        }
        let known = failures.entry(client).or_insert(Failures {
            count: 0,
            last: now,
            next: now,
        });
        if now.duration_since(known.last) >= FORGIVEN {
            known.count = 0;
        }
        known.count = known.count.saturating_add(1);
        known.last = now;
        known.next = known.next.max(now + wait_after(known.count));
    }

    /// Forgets an address's failures.
    pub(super) fn succeeded(&self, client: Option<IpAddr>) {
        if let Some(client) = client.map(network) {
            self.failures().remove(&client);
        }
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those that are forgiven; else the oldest.
fn forget_some(failures: &mut HashMap<IpAddr, Failures>, now: Instant) {
    failures.retain(|_, known| now.duration_since(known.last) < FORGIVEN);
    if failures.len() < MOST {
        return;
    }
    let oldest = failures.iter().min_by_key(|(_, known)| known.last);
    if let Some(oldest) = oldest.map(|(address, _)| *address) {
        failures.remove(&oldest);
    }
}

fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE) {
        None | Some(0) => Duration::ZERO,
        Some(further) => FIRST_WAIT
            .saturating_mul(1_u32.checked_shl(further - 1).unwrap_or(u32::MAX))
            .min(LONGEST_WAIT),
    }
}

/// One subscriber has a whole /64 of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn wait(throttle: &Throttle, client: Option<IpAddr>, now: Instant) -> Duration {
        let turn = throttle.turn(client, now).expect("the queue is short");
        turn.duration_since(now)
    }

    #[test]
    fn waits_grow_with_failures_up_to_a_limit() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..12 {
            let waited = wait(&throttle, CLIENT, now);
            waits.push(waited);
            now += waited;
            throttle.remember(CLIENT, now);
        }

        assert_eq!(waits[..4], [Duration::ZERO; 4]);
        assert_eq!(waits[4..7], [1, 2, 4].map(|factor| FIRST_WAIT * factor));
        assert_eq!(waits[11], LONGEST_WAIT);
    }

    #[test]
    fn attempts_side_by_side_wait_for_each_other_or_are_refused() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..20 {
            throttle.remember(CLIENT, now);
        }

        let turns = [(); 6].map(|()| throttle.turn(CLIENT, now).map(|turn| turn - now));

        let seconds = |number| Some(Duration::from_secs(number));
        assert_eq!(
            turns,
            [seconds(10), seconds(20), seconds(30), None, None, None]
        );
    }

    #[test]
    fn others_do_not_wait_and_success_or_time_forgives() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let other = Some("192.0.2.1".parse().unwrap());
        for client in [CLIENT, other] {
            for _ in 0..10 {
                throttle.remember(client, now);
            }
        }
        assert_eq!(wait(&throttle, None, now), Duration::ZERO);
        let third = Some("192.0.2.2".parse().unwrap());
        assert_eq!(wait(&throttle, third, now), Duration::ZERO);

        throttle.succeeded(CLIENT);
        throttle.remember(other, now + FORGIVEN);

        assert_eq!(wait(&throttle, CLIENT, now), Duration::ZERO);
        assert_eq!(wait(&throttle, other, now + FORGIVEN), Duration::ZERO);
    }

    #[test]
    fn a_network_is_one_subscriber() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();

        assert_eq!(network("2001:db8:1:2:3::4"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
