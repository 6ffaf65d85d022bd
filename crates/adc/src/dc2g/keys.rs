//! Keys that made certificates are for: one a day for all, or a new one for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use evercert_types::{KeyAlgorithm, KeyFamily};
use evercert_x509::forge::LeafKey;
use evercert_x509::tls::crypto_provider;
use jiff::Timestamp;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;

use super::refusal::Refusal;

/// A key for certificates, and as rustls signs with it.
#[derive(Clone, Debug)]
pub(crate) struct ReadyKey {
    pub(crate) leaf: LeafKey,
    pub(crate) signing: Arc<dyn SigningKey>,
}

/// Whose key a made certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRule {
    /// The day's: whoever has the appliance has all of them anyway.
    Daily,
    /// One of its own, so that one that leaks serves for one certificate only.
    Fresh,
}

/// The keys of one profile.
#[derive(Debug)]
pub(crate) struct Keys {
    algorithm: KeyAlgorithm,
    rule: KeyRule,
    today: Arc<ArcSwap<DayKey>>,
    is_renewing: Arc<AtomicBool>,
}

#[derive(Debug)]
struct DayKey {
    day: i64,
    key: ReadyKey,
}

impl ReadyKey {
    fn generate(algorithm: KeyAlgorithm) -> Result<Self, Refusal> {
        let leaf = LeafKey::generate(algorithm).map_err(|error| Refusal::Key(error.to_string()))?;
        let pkcs8 = leaf.key().to_pkcs8_der();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.expose().as_slice()));
        let signing = crypto_provider()
            .key_provider
            .load_private_key(der.clone_key())
            .map_err(|error| Refusal::Key(error.to_string()))?;
        Ok(Self { leaf, signing })
    }
}

impl Keys {
    /// Makes today's; for RSA that takes a good part of a second.
    ///
    /// # Errors
    /// When the system gives no random octets.
    pub(crate) fn new(
        algorithm: KeyAlgorithm,
        rule: KeyRule,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let key = ReadyKey::generate(algorithm)?;
        let day = day(now);
        Ok(Self {
            algorithm,
            rule,
            today: Arc::new(ArcSwap::from_pointee(DayKey { day, key })),
            is_renewing: Arc::default(),
        })
    }

    /// The key of the next certificate.
    ///
    /// # Errors
    /// When the system gives no random octets.
    pub(crate) fn next(&self, now: Timestamp) -> Result<ReadyKey, Refusal> {
        if self.rule == KeyRule::Fresh {
            return ReadyKey::generate(self.algorithm);
        }
        let held = self.today.load();
        if held.day == day(now) {
            return Ok(held.key.clone());
        }
        match self.algorithm.family() {
            KeyFamily::Ecdsa => {
                let key = ReadyKey::generate(self.algorithm)?;
                self.today.store(Arc::new(DayKey {
                    day: day(now),
                    key: key.clone(),
                }));
                Ok(key)
            }
            // It takes so long that a handshake must not wait: yesterday's serves until it is there.
            KeyFamily::Rsa => {
                self.renew_aside(day(now));
                Ok(held.key.clone())
            }
        }
    }

    fn renew_aside(&self, day: i64) {
        if self.is_renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (today, is_renewing) = (self.today.clone(), self.is_renewing.clone());
        let algorithm = self.algorithm;
        let renewing = move || {
            match ReadyKey::generate(algorithm) {
                Ok(key) => today.store(Arc::new(DayKey { day, key })),
                Err(error) => tracing::error!(%error, "yesterday's key goes on"),
            }
            is_renewing.store(false, Ordering::Release);
        };
        let spawned = std::thread::Builder::new()
            .name("evercert-dc2g-key".to_owned())
            .spawn(renewing);
        if let Err(error) = spawned {
            tracing::error!(%error, "yesterday's key goes on");
            self.is_renewing.store(false, Ordering::Release);
        }
    }
}

fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_key_is_used_again_until_the_next_day_and_fresh_ones_never() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let tomorrow = Timestamp::from_second(1_790_086_400).unwrap();
        let public = |keys: &Keys, now| keys.next(now).unwrap().leaf.key().spki_fingerprint();

        let daily = Keys::new(KeyAlgorithm::EcdsaP256, KeyRule::Daily, now).unwrap();
        let fresh = Keys::new(KeyAlgorithm::EcdsaP256, KeyRule::Fresh, now).unwrap();

        let today = public(&daily, now);
        assert_eq!(public(&daily, now), today);
        assert_ne!(public(&daily, tomorrow), today);
        assert_ne!(public(&fresh, now), public(&fresh, now));
    }
}
