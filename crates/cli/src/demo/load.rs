//! Many clients at once, who must never notice a renewal.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evercert_types::{Clock, Fingerprint, SystemClock};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::probe::{Connection, Probe};

/// One thing that clients ask for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Which ADC.
    pub(crate) adc: usize,
    /// Its SSL virtual server.
    pub(crate) addr: SocketAddr,
    /// The name asked for.
    pub(crate) host: String,
}

/// What the clients saw so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// Completed handshakes.
    pub(crate) handshakes: AtomicU64,
    /// Handshakes that failed.
    pub(crate) failed_handshakes: AtomicU64,
    /// Requests answered.
    pub(crate) requests: AtomicU64,
    /// Requests that failed, or connections that were cut.
    pub(crate) failed_requests: AtomicU64,
    first_seen: Mutex<HashMap<(usize, Fingerprint), Timestamp>>,
    failures: Mutex<Vec<String>>,
}

/// Running clients.
pub(crate) struct Load {
    /// What they saw.
    pub(crate) tally: Arc<Tally>,
    paused: Arc<Vec<AtomicBool>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Tally {
    /// When the leaf was first seen at that ADC.
    pub(crate) fn first_seen(&self, adc: usize, leaf: &Fingerprint) -> Option<Timestamp> {
        self.first_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(adc, *leaf))
            .copied()
    }

    /// The first failures, for the report.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn saw(&self, adc: usize, leaf: Fingerprint) {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        let mut seen = self
            .first_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        seen.entry((adc, leaf)).or_insert_with(|| SystemClock.now());
    }

    fn failed(&self, counter: &AtomicU64, target: &Target, error: &anyhow::Error) {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < 10 {
            failures.push(format!(
                "{} at ADC {}: {error:#}",
                target.host,
                target.adc + 1
            ));
        }
    }
}

impl Load {
    /// Starts `clients` clients spread over the targets; every fifth keeps its connection open for good.
    pub(crate) fn start(
        probe: &Probe,
        targets: &[Target],
        adcs: usize,
        clients: usize,
        pause: Duration,
    ) -> Self {
        let load = Self {
            tally: Arc::default(),
            paused: Arc::new((0..adcs).map(|_| AtomicBool::new(false)).collect()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        for (number, target) in targets.iter().cycle().take(clients).enumerate() {
            let client = Client {
                probe: probe.clone(),
                target: target.clone(),
                tally: Arc::clone(&load.tally),
                paused: Arc::clone(&load.paused),
                pause,
                keeps_open: number % 5 == 4,
            };
            let stop = load.stop.clone();
            load.tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = client.run() => {}
                }
            });
        }
        load
    }

    /// Makes the clients of one ADC wait (its process is about to be restarted) or go on.
    pub(crate) fn set_paused(&self, adc: usize, paused: bool) {
        self.paused[adc].store(paused, Ordering::SeqCst);
    }

    /// Stops all clients.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

struct Client {
    probe: Probe,
    target: Target,
    tally: Arc<Tally>,
    paused: Arc<Vec<AtomicBool>>,
    pause: Duration,
    keeps_open: bool,
}

impl Client {
    async fn run(self) {
        loop {
            if self.paused[self.target.adc].load(Ordering::SeqCst) {
                tokio::time::sleep(self.pause).await;
                continue;
            }
            match self.probe.open(self.target.addr, &self.target.host).await {
                Ok(connection) => self.use_connection(connection).await,
                Err(error) if !self.is_paused() => {
                    self.tally
                        .failed(&self.tally.failed_handshakes, &self.target, &error)
                }
                Err(_) => {}
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn use_connection(&self, mut connection: Connection) {
        self.tally.saw(self.target.adc, connection.seen.fingerprint);
        loop {
            match connection.get().await {
                Ok(()) => self.tally.requests.fetch_add(1, Ordering::Relaxed),
                Err(_) if self.is_paused() => return,
                Err(error) => {
                    return self
                        .tally
                        .failed(&self.tally.failed_requests, &self.target, &error);
                }
            };
            if !self.keeps_open || self.is_paused() {
                return;
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    fn is_paused(&self) -> bool {
        self.paused[self.target.adc].load(Ordering::SeqCst)
    }
}
