//! Wall clock and CPU time of what is measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Length of a tick in `/proc/*/stat`: `USER_HZ` is 100 on Linux.
const TICK: Duration = Duration::from_millis(10);

/// What one client did.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) client: String,
    pub(crate) in_flight: usize,
    pub(crate) orders: usize,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Figure {
    pub(crate) fn rate(&self) -> f64 {
        self.orders as f64 / self.wall.as_secs_f64()
    }

    /// CPU seconds an order.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() / self.orders as f64
    }
}

/// Whose CPU time is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    /// A running process's own, all threads.
    Process(u32),
    /// That of all processes that this one started and that have ended, with those that they started.
    Children,
}

/// A stop watch for both.
#[derive(Debug)]
pub(crate) struct Watch {
    whose: Whose,
    begun: Instant,
    before: Duration,
}

impl Watch {
    pub(crate) fn start(whose: Whose) -> Result<Self> {
        Ok(Self {
            whose,
            before: cpu(whose)?,
            begun: Instant::now(),
        })
    }

    pub(crate) fn stop(self, client: &str, in_flight: usize, orders: usize) -> Result<Figure> {
        Ok(Figure {
            client: client.to_owned(),
            in_flight,
            orders,
            wall: self.begun.elapsed(),
            cpu: cpu(self.whose)? - self.before,
        })
    }
}

/// User and system time so far (proc(5): fields 14 and 15, of children 16 and 17).
fn cpu(whose: Whose) -> Result<Duration> {
    let (file, first) = match whose {
        Whose::Process(pid) => (format!("/proc/{pid}/stat"), 14),
        Whose::Children => ("/proc/self/stat".to_owned(), 16),
    };
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    // The second field, the name, may hold spaces: what follows its bracket begins with field 3.
    let (_, rest) = text.rsplit_once(')').context("a process has a name")?;
    let ticks = rest.split_whitespace().skip(first - 3).take(2);
    let ticks: Vec<u32> = ticks
        .map(|field| field.parse().context("reading CPU time"))
        .collect::<Result<_>>()?;
    Ok(TICK * ticks.iter().sum())
}
