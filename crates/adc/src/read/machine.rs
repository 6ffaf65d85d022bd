//! What this process takes of the machine's memory and processors.

use std::fs;
use std::time::{Duration, Instant};

/// How long processor time is watched.
const WATCH: Duration = Duration::from_millis(100);
/// Octets of a page, and clock ticks of a second, on the systems this runs on.
const PAGE: u64 = 4096;
const TICKS: f64 = 100.0;

/// Memory, octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// What this process has resident.
    pub(super) used: u64,
    /// What the machine has; 0 where the system does not tell.
    pub(super) total: u64,
}

impl Memory {
    /// The part used, in percent.
    pub(super) fn percent(self) -> f64 {
        match self.total {
            0 => 0.0,
            total => rounded(100.0 * self.used as f64 / total as f64),
        }
    }
}

/// Memory as the system tells it now.
pub(super) fn memory() -> Memory {
    let used = fs::read_to_string("/proc/self/statm").ok();
    let total = fs::read_to_string("/proc/meminfo").ok();
    Memory {
        used: used.and_then(|text| resident(&text)).unwrap_or(0),
        total: total.and_then(|text| total_of(&text)).unwrap_or(0),
    }
}

/// The part of one processor this process takes, in percent, watched for a moment: may be over 100 with several.
pub(super) fn cpu_percent() -> f64 {
    let started = Instant::now();
    let Some(before) = ticks() else {
        return 0.0;
    };
    std::thread::sleep(WATCH);
    let spent = ticks().map_or(0.0, |now| now.saturating_sub(before) as f64 / TICKS);
    rounded(100.0 * spent / started.elapsed().as_secs_f64())
}

fn rounded(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}

fn ticks() -> Option<u64> {
    ticks_of(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// User and system time of `/proc/self/stat`; the program's name before them may hold blanks.
fn ticks_of(text: &str) -> Option<u64> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident(text: &str) -> Option<u64> {
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

fn total_of(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_texts_are_read() {
        let stat = "42 (an adc) S 1 42 42 0 -1 4194560 100 0 0 0 70 30 0 0 20 0 9 0 100 1000 50";

        assert_eq!(ticks_of(stat), Some(100));
        assert_eq!(resident("1000 25 10 1 0 5 0"), Some(25 * PAGE));
        assert_eq!(total_of("MemTotal:  2048 kB\nMemFree: 1 kB"), Some(2 << 20));
        assert_eq!(ticks_of(""), None);
    }

    #[test]
    fn a_part_is_told_in_percent() {
        let memory = |used, total| Memory { used, total }.percent();

        assert_eq!(memory(1, 8), 12.5);
        assert_eq!(memory(1, 0), 0.0);
    }
}
