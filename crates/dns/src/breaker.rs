//! Services that cannot be reached are left alone for a while: a thousand orders need not each wait for the same silence.

use std::collections::{HashMap, VecDeque};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row, within [`WITHIN`], open the breaker.
const FAILURES: usize = 5;
const WITHIN: Duration = Duration::from_secs(60);
/// How long nothing is sent then; after it, one request finds out.
const REST: Duration = Duration::from_secs(10);

/// One breaker for each service and host.
#[derive(Debug, Default)]
pub(crate) struct Breakers(Mutex<HashMap<String, Line>>);

#[derive(Debug, Default)]
struct Line {
    failures: VecDeque<Instant>,
    rests_until: Option<Instant>,
}

impl Breakers {
    /// The breakers of this process: a host is as unreachable for one provider entry as for the next.
    pub(crate) fn of_process() -> &'static Self {
        static BREAKERS: LazyLock<Breakers> = LazyLock::new(Breakers::default);
        &BREAKERS
    }

    /// Whether a request may be sent.
    ///
    /// # Errors
    /// How long not to.
    pub(crate) fn admit(&self, host: &str, now: Instant) -> Result<(), Duration> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = lines.get_mut(host) else {
            return Ok(());
        };
        match line.rests_until {
            Some(until) if until > now => Err(until - now),
            Some(_) => {
                // This one finds out; the others wait for what it finds.
                line.rests_until = Some(now + REST);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The host answered, whatever it said.
    pub(crate) fn answered(&self, host: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.remove(host);
    }

    /// The host was not reached, or did not answer.
    pub(crate) fn failed(&self, host: &str, now: Instant) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(host.to_owned()).or_default();
        line.failures.push_back(now);
        line.failures
            .retain(|at| now.saturating_duration_since(*at) < WITHIN);
        if line.failures.len() >= FAILURES {
            line.rests_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_minute_give_the_host_a_rest() {
        let (breakers, now) = (Breakers::default(), Instant::now());
        for _ in 0..FAILURES {
            breakers.admit("cf api", now).unwrap();
            breakers.failed("cf api", now);
        }

        assert_eq!(breakers.admit("cf api", now), Err(REST));
        assert_eq!(breakers.admit("gd api", now), Ok(()));
        let later = now + REST;
        assert_eq!(breakers.admit("cf api", later), Ok(()));
        assert_eq!(
            breakers.admit("cf api", later),
            Err(REST),
            "one request finds out"
        );
        breakers.answered("cf api");
        assert_eq!(breakers.admit("cf api", later), Ok(()));
    }

    #[test]
    fn failures_far_apart_or_with_an_answer_between_are_no_outage() {
        let (breakers, mut now) = (Breakers::default(), Instant::now());
        for _ in 0..3 * FAILURES {
            breakers.failed("slow", now);
            now += Duration::from_secs(20);
        }
        assert_eq!(breakers.admit("slow", now), Ok(()));
        for _ in 0..FAILURES - 1 {
            breakers.failed("host", now);
        }
        breakers.answered("host");
        breakers.failed("host", now);
        assert_eq!(breakers.admit("host", now), Ok(()));
    }
}
