//! What happens, told as it happens, with the time since the start.

use std::time::{Duration, Instant};

/// The narrator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Story(Instant);

impl Story {
    /// Begins now.
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Tells one line on standard error.
    pub(crate) fn tell(&self, line: &str) {
        eprintln!("{:>8.3}s  {line}", self.elapsed().as_secs_f64());
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
