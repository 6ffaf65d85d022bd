//! One monitor at work: when it probes, and what it makes of the outcomes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use evercert_ns::model::MonitorView;
use tokio::time::Instant;

use super::health::{Health, Verdict};
use super::probe::Probe;

/// Shortest time between two probes.
const SHORTEST: Duration = Duration::from_millis(10);

/// Judges by the last outcomes (`-retries`, `-failureRetries`, `-successRetries`).
#[derive(Debug)]
struct Judge {
    verdict: Verdict,
    /// The last outcomes, the newest last.
    outcomes: VecDeque<bool>,
    retries: usize,
    failures: usize,
    successes: usize,
}

impl Judge {
    fn new(monitor: &MonitorView) -> Self {
        let retries = monitor.retries.max(1);
        let failures = match monitor.failure_retries {
            0 => retries,
            failures => failures.min(retries),
        };
        Self {
            verdict: Verdict::Unknown,
            outcomes: VecDeque::new(),
            retries,
            failures,
            successes: monitor.success_retries.max(1),
        }
    }

    fn note(&mut self, success: bool) -> Verdict {
        self.outcomes.push_back(success);
        while self.outcomes.len() > self.retries.max(self.successes) {
            self.outcomes.pop_front();
        }
        let newest = || self.outcomes.iter().rev();
        let needed = match self.verdict {
            Verdict::Down => self.successes,
            // What was never down is up with the first success.
            Verdict::Unknown | Verdict::Up => 1,
        };
        let failed = newest().take(self.retries).filter(|ok| !**ok).count();
        if failed >= self.failures && !success {
            self.verdict = Verdict::Down;
        } else if newest().take(needed).filter(|ok| **ok).count() == needed {
            self.verdict = Verdict::Up;
        }
        self.verdict
    }
}

/// Probes until it is dropped.
pub(super) async fn watch(
    service: Arc<str>,
    monitor: MonitorView,
    probe: Probe,
    threshold: u64,
    health: Arc<Health>,
) {
    let mut judge = Judge::new(&monitor);
    loop {
        let started = Instant::now();
        let outcome = match tokio::time::timeout(monitor.timeout, probe.run()).await {
            Ok(outcome) => outcome,
            Err(_) => Err("Time out waiting for the answer".to_owned()),
        };
        let outcome = match (monitor.reverse, outcome) {
            (false, outcome) => outcome,
            (true, Ok(what)) => Err(format!("{what} (reverse monitor)")),
            (true, Err(why)) => Ok(format!("{why} (reverse monitor)")),
        };
        let verdict = judge.note(outcome.is_ok());
        let response = started.elapsed();
        let message = match &outcome {
            Ok(text) | Err(text) => text.clone(),
        };
        let changed = health.found(&monitor.name, verdict, outcome, response, threshold);
        if let Some(now) = changed {
            tracing::info!(
                service.name = %service, service.state = now.as_str(), monitor.name = %monitor.name, %message,
                "service state changed"
            );
        }
        let wait = match verdict {
            Verdict::Down => monitor.down_time,
            _ => monitor.interval,
        };
        tokio::time::sleep_until(started + wait.max(SHORTEST)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::lb::probe::tests::monitor;

    fn verdicts(change: impl Fn(&mut MonitorView), outcomes: &str) -> String {
        let mut view = monitor("TCP");
        change(&mut view);
        let mut judge = Judge::new(&view);
        let word = |outcome: char| match judge.note(outcome == '+') {
            Verdict::Up => 'u',
            Verdict::Down => 'd',
            Verdict::Unknown => '?',
        };
        outcomes.chars().map(word).collect()
    }

    #[test]
    fn a_service_goes_down_after_all_retries_and_comes_back_after_a_success() {
        assert_eq!(verdicts(|_| {}, "+--+---+-"), "uuuuuuduu");
        assert_eq!(verdicts(|_| {}, "---+"), "??du");
    }

    #[test]
    fn a_part_of_the_retries_may_do_and_several_successes_may_be_needed() {
        let some = |view: &mut MonitorView| (view.retries, view.failure_retries) = (4, 2);
        assert_eq!(verdicts(some, "+-+-+++"), "uuuduuu");
        let slow = |view: &mut MonitorView| view.success_retries = 3;
        assert_eq!(verdicts(slow, "---++-+++"), "??ddddddu");
    }
}
