//! Whether a service is up, as its monitors see it; one for each service of the configuration, whatever it is bound to.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What monitors found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Verdict {
    /// Nothing yet, or nobody looks: it counts as up.
    #[default]
    Unknown = 0,
    Up = 1,
    Down = 2,
}

impl Verdict {
    /// NetScaler's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Up => "UP",
            Self::Down => "DOWN",
        }
    }
}

/// A service's health.
#[derive(Debug, Default)]
pub(crate) struct Health {
    verdict: AtomicU8,
    monitors: Mutex<Vec<MonitorStatus>>,
}

/// What one monitor found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MonitorStatus {
    pub(crate) name: String,
    pub(crate) weight: u64,
    pub(crate) verdict: Verdict,
    pub(crate) probes: u64,
    /// Of all probes.
    pub(crate) failed: u64,
    /// In a row, up to now.
    pub(crate) failing: u64,
    /// `Success - …` or `Failure - …`.
    pub(crate) message: String,
    /// Of the last probe.
    pub(crate) response: Duration,
}

impl Health {
    /// Nobody has looked yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What was found.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.verdict.load(Ordering::Relaxed) {
            1 => Verdict::Up,
            2 => Verdict::Down,
            _ => Verdict::Unknown,
        }
    }

    /// What each monitor found.
    pub(crate) fn monitors(&self) -> Vec<MonitorStatus> {
        self.lock().clone()
    }

    /// Begins to be watched by these monitors, by name and weight; what those that stay found before is kept.
    pub(super) fn watched_by(&self, monitors: &[(String, u64)], threshold: u64) {
        let mut statuses = self.lock();
        let known = std::mem::take(&mut *statuses);
        *statuses = monitors
            .iter()
            .map(|(name, weight)| {
                let before = known.iter().find(|status| status.name == *name);
                let fresh = || MonitorStatus {
                    name: name.clone(),
                    weight: *weight,
                    verdict: Verdict::Unknown,
                    probes: 0,
                    failed: 0,
                    failing: 0,
                    message: "Probe not sent yet.".to_owned(),
                    response: Duration::ZERO,
                };
                MonitorStatus {
                    weight: *weight,
                    ..before.cloned().unwrap_or_else(fresh)
                }
            })
            .collect();
        let verdict = overall(&statuses, threshold);
        self.verdict.store(verdict as u8, Ordering::Relaxed);
    }

    /// A monitor has found something; the verdict, where it changed.
    pub(super) fn found(
        &self,
        monitor: &str,
        verdict: Verdict,
        outcome: Result<String, String>,
        response: Duration,
        threshold: u64,
    ) -> Option<Verdict> {
        let mut statuses = self.lock();
        let status = statuses.iter_mut().find(|status| status.name == monitor)?;
        status.verdict = verdict;
        status.probes += 1;
        status.response = response;
        status.message = match outcome {
            Ok(what) => {
                status.failing = 0;
                format!("Success - {what}")
            }
            Err(why) => {
                status.failed += 1;
                status.failing += 1;
                format!("Failure - {why}")
            }
        };
        let overall = overall(&statuses, threshold);
        self.decide(overall)
    }

    /// Sets the verdict; it is returned where it changed.
    pub(super) fn decide(&self, verdict: Verdict) -> Option<Verdict> {
        let before = self.verdict.swap(verdict as u8, Ordering::Relaxed);
        (before != verdict as u8).then_some(verdict)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<MonitorStatus>> {
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All monitors must be up, or those of at least `threshold` weight (`-monThreshold`).
fn overall(statuses: &[MonitorStatus], threshold: u64) -> Verdict {
    let weight = |verdict: Verdict| -> u64 {
        let such = statuses.iter().filter(|status| status.verdict == verdict);
        such.map(|status| status.weight).sum()
    };
    let any = |verdict: Verdict| statuses.iter().any(|status| status.verdict == verdict);
    match threshold {
        0 if any(Verdict::Down) => Verdict::Down,
        0 if any(Verdict::Unknown) || statuses.is_empty() => Verdict::Unknown,
        0 => Verdict::Up,
        threshold if weight(Verdict::Up) >= threshold => Verdict::Up,
        threshold if weight(Verdict::Up) + weight(Verdict::Unknown) < threshold => Verdict::Down,
        _ => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(health: &Health, found: &[(&str, Verdict)], threshold: u64) -> Verdict {
        for (name, verdict) in found {
            health.found(
                name,
                *verdict,
                Ok("x".to_owned()),
                Duration::ZERO,
                threshold,
            );
        }
        health.verdict()
    }

    #[test]
    fn all_monitors_must_be_up_or_as_many_as_the_threshold_says() {
        use Verdict::{Down, Unknown, Up};
        let health = Health::new();
        let names: Vec<_> = [("a", 1), ("b", 2)]
            .map(|(name, weight)| (name.to_owned(), weight))
            .into();
        health.watched_by(&names, 0);

        assert_eq!(verdicts(&health, &[("a", Up)], 0), Unknown);
        assert_eq!(verdicts(&health, &[("b", Up)], 0), Up);
        assert_eq!(verdicts(&health, &[("a", Down)], 0), Down);
        assert_eq!(verdicts(&health, &[("a", Down)], 2), Up);
        assert_eq!(verdicts(&health, &[("b", Down), ("a", Up)], 2), Down);
        assert_eq!(verdicts(&health, &[("b", Unknown)], 2), Unknown);
        health.watched_by(&[], 0);
        assert_eq!(health.verdict(), Unknown);
    }
}
