//! How long to wait between attempts, and when to stop.

use std::time::Duration;

use tokio::time::Instant;

/// The waits between attempts of one request: short, doubling, few, and within a deadline.
#[derive(Debug)]
pub(crate) struct Pace {
    left: u32,
    next: Duration,
    deadline: Instant,
}

impl Pace {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) const fn new(retries: u32, deadline: Instant) -> Self {
        Self {
            left: retries,
            next: Self::FIRST,
            deadline,
        }
    }

    /// Waits before the next attempt: `false` at once when there should be none.
    pub(crate) async fn pause(&mut self, asked: Option<Duration>) -> bool {
        let Some(wake) = self.wake(asked, Instant::now()) else {
            return false;
        };
        tokio::time::sleep_until(wake).await;
        true
    }

    fn wake(&mut self, asked: Option<Duration>, now: Instant) -> Option<Instant> {
        let wake = now.checked_add(asked.unwrap_or(self.next))?;
        if self.left == 0 || wake >= self.deadline {
            return None;
        }
        self.left -= 1;
        self.next = (self.next * 2).min(Self::LONGEST);
        Some(wake)
    }
}

/// The waits between looks at an object that the CA works on: fast first, so that a local CA is
/// done in milliseconds; what the CA asks for comes before our own idea.
#[derive(Debug)]
pub(crate) struct PollPace {
    next: Duration,
    shortest: Duration,
    deadline: Instant,
}

impl PollPace {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) const fn new(deadline: Instant) -> Self {
        Self {
            next: Self::FIRST,
            shortest: Self::FIRST,
            deadline,
        }
    }

    /// The same, for a CA that is not to be asked more often than this.
    pub(crate) fn not_faster_than(mut self, shortest: Duration) -> Self {
        self.shortest = shortest.max(Self::FIRST);
        self.next = self.shortest;
        self
    }

    /// When to look again; `None` when that would be after the deadline.
    pub(crate) fn wake(&mut self, asked: Option<Duration>, now: Instant) -> Option<Instant> {
        let left = self.deadline.saturating_duration_since(now);
        let wait = match asked {
            Some(asked) => asked.max(Self::FIRST),
            // Near the end more often, so that the last look is not long before it.
            None => self.next.min(left / 2).max(self.shortest),
        };
        self.next = (self.next * 3 / 2).min(Self::LONGEST.max(self.shortest));
        now.checked_add(wait).filter(|wake| *wake < self.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn attempts_are_few_and_waits_double() {
        let start = Instant::now();
        let mut pace = Pace::new(3, start + MINUTE);

        let mut now = start;
        let mut waits = Vec::new();
        while let Some(wake) = pace.wake(None, now) {
            waits.push((wake - now).as_millis());
            now = wake;
        }

        assert_eq!(waits, [100, 200, 400]);
    }

    #[test]
    fn a_wish_beyond_the_deadline_ends_it_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(3, start + MINUTE);

        let after = |seconds| Some(Duration::from_secs(seconds));

        assert_eq!(
            pace.wake(after(10), start),
            Some(start + Duration::from_secs(10))
        );
        assert_eq!(pace.wake(after(60), start), None);
        assert_eq!(pace.wake(Some(Duration::MAX), start), None);
    }

    #[test]
    fn looks_start_fast_and_end_before_the_deadline() {
        let start = Instant::now();
        let mut pace = PollPace::new(start + MINUTE);

        let mut now = start;
        let mut waits = Vec::new();
        while let Some(wake) = pace.wake(None, now) {
            waits.push(wake - now);
            now = wake;
        }

        assert_eq!(waits[0], Duration::from_millis(50));
        assert_eq!(waits.iter().max(), Some(&Duration::from_secs(5)));
        assert!(now < start + MINUTE && now > start + MINUTE - Duration::from_secs(1));
    }

    #[test]
    fn the_ca_s_pace_comes_before_ours() {
        let start = Instant::now();
        let mut pace = PollPace::new(start + MINUTE);

        let wake = pace.wake(Some(Duration::from_secs(7)), start);

        assert_eq!(wake, Some(start + Duration::from_secs(7)));
        assert_eq!(pace.wake(Some(MINUTE), start), None);
    }

    #[test]
    fn a_ca_that_bears_few_looks_is_asked_no_faster_but_when_it_says_so() {
        let start = Instant::now();
        let mut pace = PollPace::new(start + MINUTE).not_faster_than(Duration::from_secs(2));

        let own = pace.wake(None, start).unwrap() - start;
        let asked = pace.wake(Some(Duration::from_secs(1)), start).unwrap() - start;
        let later = pace.wake(None, start).unwrap() - start;

        assert_eq!((own.as_secs(), asked.as_secs()), (2, 1));
        assert!(later >= Duration::from_secs(2));
    }
}
