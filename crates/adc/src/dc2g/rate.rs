//! How many certificates are made a second.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A bucket of tokens: a second's worth may be taken at once.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Tokens a second; none for any number.
    per_second: Option<u64>,
    state: Mutex<(f64, Instant)>,
}

impl Rate {
    /// A full bucket.
    #[expect(
        clippy::cast_precision_loss,
        reason = "rates are far below what a float holds exactly"
    )]
    pub(crate) fn new(per_second: Option<u64>) -> Self {
        let full = per_second.unwrap_or(0) as f64;
        Self {
            per_second,
            state: Mutex::new((full, Instant::now())),
        }
    }

    /// Takes a token, if there is one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "rates are far below what a float holds exactly"
    )]
    pub(crate) fn take(&self, now: Instant) -> bool {
        let Some(rate) = self.per_second else {
            return true;
        };
        let rate = rate as f64;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, last) = *state;
        let gained = now.saturating_duration_since(last).as_secs_f64() * rate;
        let tokens = (tokens + gained).min(rate);
        let is_granted = tokens >= 1.0;
        *state = (
            if is_granted { tokens - 1.0 } else { tokens },
            now.max(last),
        );
        is_granted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_seconds_worth_may_be_taken_at_once_and_comes_back_with_time() {
        let rate = Rate::new(Some(3));
        let start = Instant::now();
        let takes = |now: Instant| (0..5).filter(|_| rate.take(now)).count();

        assert_eq!(takes(start), 3);
        assert_eq!(takes(start), 0);
        assert_eq!(takes(start + Duration::from_millis(700)), 2);
        assert_eq!(takes(start + Duration::from_secs(60)), 3);
        assert!(Rate::new(None).take(start));
    }
}
