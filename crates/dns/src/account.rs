//! What everybody who uses one account at a service shares: how many requests at once, how many in a while, how far
//! apart its changes are.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::provider::Settings;

/// Settings that say nothing about whose account it is.
const NOT_WHO: [&str; 3] = ["ca_bundle", "timeout", "ttl"];

/// The accounts in use, made on demand; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    known: Arc<Mutex<HashMap<String, Weak<Account>>>>,
    /// Names the account for which a provider is being built.
    key: String,
    unpaced: bool,
}

impl Accounts {
    /// The accounts that all providers of this process share unless told otherwise.
    pub fn of_process() -> Self {
        static ACCOUNTS: LazyLock<Accounts> = LazyLock::new(Accounts::default);
        ACCOUNTS.clone()
    }

    /// Accounts whose services let everybody do as much as he likes: for tests against doubles of them.
    pub fn unpaced() -> Self {
        Self {
            unpaced: true,
            ..Self::default()
        }
    }

    /// The same accounts, for building the provider of these settings.
    pub(crate) fn of(&self, code: &str, settings: &Settings) -> Self {
        Self {
            key: fingerprint(code, settings),
            ..self.clone()
        }
    }

    /// The account for which a provider is being built.
    pub(crate) fn account(&self, pace: Pace) -> Arc<Account> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.get(&self.key).and_then(Weak::upgrade)
            && !self.key.is_empty()
        {
            return account;
        }
        known.retain(|_, account| account.strong_count() > 0);
        let pace = match self.unpaced {
            true => Pace { rate: None, ..pace },
            false => pace,
        };
        let account = Arc::new(Account::new(pace, self.unpaced));
        known.insert(self.key.clone(), Arc::downgrade(&account));
        account
    }
}

/// Two entries with the same settings are the same account; nothing can be told from the text.
fn fingerprint(code: &str, settings: &Settings) -> String {
    let mut text = code.to_owned();
    for (key, value) in settings {
        let value = value.expose().trim();
        if !NOT_WHO.contains(&key.as_str()) && !value.is_empty() {
            text.push_str(&format!("\0{key}\0{value}"));
        }
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let octets = digest.as_ref().iter();
    octets.map(|octet| format!("{octet:02x}")).collect()
}

/// What a service lets one account do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Requests at once.
    pub(crate) at_once: usize,
    /// Requests in a while.
    pub(crate) rate: Option<Rate>,
}

impl Default for Pace {
    /// Two requests at once, as often as one likes.
    fn default() -> Self {
        Self {
            at_once: 2,
            rate: None,
        }
    }
}

/// So many requests within any span of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) requests: usize,
    pub(crate) within: Duration,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    places: Semaphore,
    rate: Option<Rate>,
    unpaced: bool,
    /// When the latest requests were sent, oldest first; as many as the rate counts.
    sent: AsyncMutex<VecDeque<Instant>>,
    /// When the last change ended; held during one where changes must be apart.
    changed: Arc<AsyncMutex<Option<Instant>>>,
}

/// A place among the requests at once, until dropped.
#[derive(Debug)]
pub(crate) struct Place<'a>(#[expect(dead_code, reason = "held for its drop")] SemaphorePermit<'a>);

/// The only change of an account, until dropped.
#[derive(Debug)]
pub(crate) struct Turn(OwnedMutexGuard<Option<Instant>>);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0 = Some(Instant::now());
    }
}

impl Account {
    fn new(pace: Pace, unpaced: bool) -> Self {
        Self {
            places: Semaphore::new(pace.at_once.max(1)),
            rate: pace.rate,
            unpaced,
            sent: AsyncMutex::default(),
            changed: Arc::default(),
        }
    }

    /// Waits until a request may be sent.
    pub(crate) async fn place(&self) -> Option<Place<'_>> {
        // The semaphore is never closed.
        let permit = self.places.acquire().await.ok()?;
        if let Some(rate) = self.rate {
            let mut sent = self.sent.lock().await;
            if let Some(free) = free_at(&sent, rate) {
                tokio::time::sleep_until(free).await;
            }
            sent.push_back(Instant::now());
            while sent.len() > rate.requests {
                sent.pop_front();
            }
        }
        Some(Place(permit))
    }

    /// Waits until no other change is under way and the last one is as long ago as the service wants.
    pub(crate) async fn turn(&self, apart: Duration) -> Turn {
        let changed = Arc::clone(&self.changed).lock_owned().await;
        if let Some(last) = *changed
            && !self.unpaced
        {
            tokio::time::sleep_until(last + apart).await;
        }
        Turn(changed)
    }
}

/// When the next request is within the rate, if it is not now.
fn free_at(sent: &VecDeque<Instant>, rate: Rate) -> Option<Instant> {
    let first = sent.front().filter(|_| sent.len() >= rate.requests)?;
    Some(*first + rate.within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into()));
        pairs.collect()
    }

    #[tokio::test]
    async fn entries_with_the_same_credentials_share_an_account() {
        let accounts = Accounts::default();
        let one = accounts.of("cf", &settings(&[("token", "secret-1")]));
        let same = accounts.of("cf", &settings(&[("token", "secret-1 "), ("ttl", "60")]));
        let other = accounts.of("cf", &settings(&[("token", "secret-2")]));

        let account = one.account(Pace::default());
        assert!(Arc::ptr_eq(&account, &same.account(Pace::default())));
        assert!(!Arc::ptr_eq(&account, &other.account(Pace::default())));
        assert!(!format!("{one:?}").contains("secret"), "{one:?}");
    }

    #[tokio::test]
    async fn two_requests_of_an_account_are_under_way_at_once() {
        let account = Account::new(Pace::default(), false);
        let first = account.place().await;
        let _second = account.place().await;
        let third = || tokio::time::timeout(Duration::from_millis(20), account.place());

        assert!(third().await.is_err());
        drop(first);
        assert!(third().await.is_ok());
    }

    #[tokio::test]
    async fn no_span_sees_more_requests_than_the_rate() {
        let within = Duration::from_millis(200);
        let rate = Rate {
            requests: 3,
            within,
        };
        let pace = Pace {
            at_once: 9,
            rate: Some(rate),
        };
        let account = Account::new(pace, false);
        let mut times = Vec::new();
        for _ in 0..8 {
            drop(account.place().await);
            times.push(Instant::now());
        }

        for three in times.windows(4) {
            assert!(three[3] - three[0] >= within, "{times:?}");
        }
        assert!(times[2] - times[0] < within, "{times:?}");
    }

    #[tokio::test]
    async fn changes_of_an_account_are_apart_where_the_service_wants_it() {
        let apart = Duration::from_millis(100);
        let account = Account::new(Pace::default(), false);
        drop(account.turn(apart).await);
        let first = Instant::now();
        drop(account.turn(apart).await);
        assert!(first.elapsed() >= apart / 2);

        let unpaced = Accounts::unpaced().account(Pace::default());
        let never = Duration::from_secs(3_600);
        drop(unpaced.turn(never).await);
        drop(unpaced.turn(never).await);
    }
}
