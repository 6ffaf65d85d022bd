//! Handshakes seen, from the data plane to the Console: counted per record, collected once per report.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use evercert_api::sync::ItemObserved;
use tokio::sync::{Notify, mpsc};

use crate::tls::record::{Counted, Record};

/// Where completed handshakes are noted.
#[derive(Debug)]
pub(crate) struct Observations {
    waiting: mpsc::UnboundedSender<Arc<Record>>,
    collected: Mutex<mpsc::UnboundedReceiver<Arc<Record>>>,
    first: Notify,
}

/// Counts on their way to the Console; put back unless it acknowledged them.
#[derive(Debug)]
#[must_use]
pub(crate) struct Batch {
    observations: Arc<Observations>,
    counts: Vec<(Arc<Record>, u64)>,
}

impl Observations {
    /// Nothing seen yet.
    pub(crate) fn new() -> Arc<Self> {
        let (waiting, collected) = mpsc::unbounded_channel();
        Arc::new(Self {
            waiting,
            collected: Mutex::new(collected),
            first: Notify::new(),
        })
    }

    /// A handshake with this record completed. No lock: two atomic additions, and a send when it is the record's first
    /// since the last report.
    pub(crate) fn completed(&self, record: &Arc<Record>) {
        let counted = record.count_handshake();
        if counted != Counted::Further {
            self.note(record);
        }
        if counted == Counted::First {
            self.first.notify_one();
        }
    }

    /// Waits for the first handshake of some generation.
    pub(crate) async fn first(&self) {
        self.first.notified().await;
    }

    /// Takes the counts not yet reported, of at most `limit` records.
    pub(crate) fn take(self: &Arc<Self>, limit: usize) -> Batch {
        let mut counts = Vec::new();
        let mut collected = self.lock();
        while counts.len() < limit
            && let Ok(record) = collected.try_recv()
        {
            let handshakes = record.take_unreported();
            if handshakes > 0 {
                counts.push((record, handshakes));
            }
        }
        Batch {
            observations: self.clone(),
            counts,
        }
    }

    fn note(&self, record: &Arc<Record>) {
        // Fails only when the receiver is gone, which lives as long as this.
        self.waiting.send(record.clone()).unwrap_or_default();
    }

    fn lock(&self) -> MutexGuard<'_, mpsc::UnboundedReceiver<Arc<Record>>> {
        self.collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// The counts as the Console wants them.
    pub(crate) fn observed(&self) -> Vec<ItemObserved> {
        self.counts
            .iter()
            .map(|(record, handshakes)| ItemObserved {
                id: record.parts().item,
                generation: record.parts().generation,
                handshakes: *handshakes,
            })
            .collect()
    }

    /// Whether there is nothing to report.
    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The Console has them.
    pub(crate) fn acknowledged(mut self) {
        self.counts.clear();
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for (record, handshakes) in self.counts.drain(..) {
            if record.restore_unreported(handshakes) {
                self.observations.note(&record);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::samples::Sampler;

    #[test]
    fn counts_are_taken_once_and_put_back_when_not_acknowledged() {
        let sampler = Sampler::new();
        let observations = Observations::new();
        let (a, b) = (sampler.record("a.example"), sampler.record("b.example"));
        for record in [&a, &a, &b] {
            observations.completed(record);
        }

        let lost = observations.take(100);
        assert_eq!(lost.observed().len(), 2);
        observations.completed(&a);
        drop(lost);
        let kept = observations.take(100);

        let counts: Vec<u64> = kept.observed().iter().map(|o| o.handshakes).collect();
        assert_eq!(counts.iter().sum::<u64>(), 4);
        kept.acknowledged();
        assert!(observations.take(100).is_empty());
        assert_eq!((a.handshakes(), b.handshakes()), (3, 1));
    }

    #[tokio::test]
    async fn only_the_first_handshake_of_a_generation_wakes_the_reporter() {
        let sampler = Sampler::new();
        let observations = Observations::new();
        let record = sampler.record("a.example");

        observations.completed(&record);
        observations.first().await;
        observations.completed(&record);

        let woken = tokio::time::timeout(std::time::Duration::ZERO, observations.first()).await;
        assert!(woken.is_err());
    }
}
