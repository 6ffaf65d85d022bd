//! Zones as providers told them, kept for some minutes: one look-up serves a name's values, and their removal.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a zone is believed to be where it was found.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// Zones by the name that was asked for, and the operator's hint.
#[derive(Debug)]
pub(crate) struct ZoneCache<Z>(Mutex<HashMap<Key, (Instant, Z)>>);

type Key = (String, Option<String>);

impl<Z> Default for ZoneCache<Z> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Z: Clone> ZoneCache<Z> {
    pub(crate) fn kept(&self, fqdn: &str, hint: Option<&str>, now: Instant) -> Option<Z> {
        let zones = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (found_at, zone) = zones.get(&key(fqdn, hint))?;
        (now.saturating_duration_since(*found_at) < LIFE).then(|| zone.clone())
    }

    pub(crate) fn keep(&self, fqdn: &str, hint: Option<&str>, zone: &Z, now: Instant) {
        let mut zones = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        zones.retain(|_, (found_at, _)| now.saturating_duration_since(*found_at) < LIFE);
        zones.insert(key(fqdn, hint), (now, zone.clone()));
    }

    /// The zone turned out not to be there.
    pub(crate) fn forget(&self, fqdn: &str, hint: Option<&str>) {
        let mut zones = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        zones.remove(&key(fqdn, hint));
    }
}

fn key(fqdn: &str, hint: Option<&str>) -> Key {
    (fqdn.to_owned(), hint.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_kept_for_ten_minutes_or_until_it_is_gone() {
        let (zones, now) = (ZoneCache::default(), Instant::now());
        zones.keep("a.example.org", None, &7, now);

        assert_eq!(zones.kept("a.example.org", None, now), Some(7));
        assert_eq!(zones.kept("b.example.org", None, now), None);
        assert_eq!(zones.kept("a.example.org", Some("org"), now), None);
        assert_eq!(zones.kept("a.example.org", None, now + LIFE), None);
        zones.forget("a.example.org", None);
        assert_eq!(zones.kept("a.example.org", None, now), None);
    }

    #[test]
    fn zones_that_are_not_believed_any_more_take_no_room() {
        let (zones, now) = (ZoneCache::default(), Instant::now());
        for number in 0..50 {
            zones.keep(&format!("{number}.example.org"), None, &number, now);
        }
        zones.keep("new.example.org", None, &1, now + LIFE);
        assert_eq!(zones.0.lock().unwrap().len(), 1);
    }
}
