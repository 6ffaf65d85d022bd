//! Repeats what a provider failed at for a passing reason, briefly: a lost request must not cost an order a minute.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::error::DnsError;
use crate::provider::{
    Alias, Caps, CheckReport, Provider, Receipt, Registration, TxtRecord, TxtTarget,
};

/// Pauses before the second, third, … attempt.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_500),
    Duration::from_secs(4),
];

/// What took so long already is not begun again.
const LONGEST: Duration = Duration::from_secs(10);

/// The provider, whose [`add`](Provider::add) and [`remove`](Provider::remove) are attempted up to five times within
/// some ten seconds while the failure is [retryable](DnsError::is_retryable): both may be done twice.
///
/// A provider that asks for a longer pause is not pressed. [`check`](Provider::check) is left as it is: whoever asks for
/// it wants to see the failure.
pub fn repeating(inner: Arc<dyn Provider>) -> Arc<dyn Provider> {
    Arc::new(Repeating {
        inner,
        pauses: &PAUSES,
    })
}

#[derive(Debug)]
struct Repeating {
    inner: Arc<dyn Provider>,
    pauses: &'static [Duration],
}

#[async_trait]
impl Provider for Repeating {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let mut patience = Patience::new(self.pauses);
        loop {
            match self.inner.add(target).await {
                Err(error) => patience.wait_out(target, error).await?,
                // What an attempt that failed may have added is ours, though it is found there now.
                Ok(receipt) => {
                    return Ok(Receipt {
                        created: receipt.created || patience.is_tried(),
                        ..receipt
                    });
                }
            }
        }
    }

    async fn remove(&self, target: &TxtTarget, receipt: Option<&Receipt>) -> Result<(), DnsError> {
        let mut patience = Patience::new(self.pauses);
        loop {
            match self.inner.remove(target, receipt).await {
                Err(error) => patience.wait_out(target, error).await?,
                done => return done,
            }
        }
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        self.inner.check(name).await
    }

    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        self.inner.listed(target).await
    }

    fn caps(&self) -> Caps {
        self.inner.caps()
    }

    fn by_hand(&self) -> Option<&str> {
        self.inner.by_hand()
    }

    fn alias(&self, domain: &str, effective: &str) -> Alias {
        self.inner.alias(domain, effective)
    }

    /// Not repeated: each attempt may leave an account behind.
    async fn register(&self, domain: &str) -> Result<Registration, DnsError> {
        self.inner.register(domain).await
    }
}

/// What is left of the attempts at one thing.
struct Patience {
    begun: Instant,
    pauses: std::slice::Iter<'static, Duration>,
    /// How many there were at first.
    most: usize,
}

impl Patience {
    fn new(pauses: &'static [Duration]) -> Self {
        Self {
            begun: Instant::now(),
            pauses: pauses.iter(),
            most: pauses.len(),
        }
    }

    /// Whether there was an attempt that failed.
    fn is_tried(&self) -> bool {
        self.pauses.len() < self.most
    }

    /// Waits before the next attempt, or hands the failure back when there shall be none.
    async fn wait_out(&mut self, target: &TxtTarget, error: DnsError) -> Result<(), DnsError> {
        let Some(pause) = self.pauses.next().filter(|_| error.is_retryable()) else {
            return Err(error);
        };
        let pause = error.retry_after().unwrap_or_default().max(*pause);
        if self.begun.elapsed() + pause > LONGEST {
            return Err(error);
        }
        tracing::debug!(
            dns.name = target.fqdn,
            %error,
            pause_ms = pause.as_millis(),
            "a DNS provider failed; trying again"
        );
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::error::{Fault, Step};

    /// Fails so many times, for one reason.
    #[derive(Debug)]
    struct Failing {
        left: AtomicUsize,
        calls: AtomicUsize,
        fault: Fault,
        retry_after: Option<Duration>,
    }

    impl Failing {
        fn new(times: usize, fault: Fault) -> Self {
            Self {
                left: AtomicUsize::new(times),
                calls: AtomicUsize::new(0),
                fault,
                retry_after: None,
            }
        }

        fn outcome(&self) -> Result<(), DnsError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let left = self.left.load(Ordering::SeqCst);
            self.left.store(left.saturating_sub(1), Ordering::SeqCst);
            if left == 0 {
                return Ok(());
            }
            let error = DnsError::new("test", Step::Add, self.fault, "no luck");
            Err(error.with_retry_after(self.retry_after))
        }

        async fn added(self) -> (bool, usize) {
            let inner = Arc::new(self);
            let target = TxtTarget::new("_acme-challenge.example.org", "v");
            let outcome = hasty(inner.clone()).add(&target).await;
            (outcome.is_ok(), inner.calls.load(Ordering::SeqCst))
        }
    }

    fn hasty(inner: Arc<dyn Provider>) -> Repeating {
        const PAUSES: [Duration; 4] = [Duration::from_millis(1); 4];
        Repeating {
            inner,
            pauses: &PAUSES,
        }
    }

    #[async_trait]
    impl Provider for Failing {
        async fn add(&self, _: &TxtTarget) -> Result<Receipt, DnsError> {
            self.outcome().map(|()| Receipt::default())
        }

        async fn remove(&self, _: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
            self.outcome()
        }

        async fn check(&self, _: Option<&str>) -> Result<CheckReport, DnsError> {
            self.outcome().map(|()| CheckReport::default())
        }

        fn caps(&self) -> Caps {
            Caps::PLAIN
        }
    }

    #[tokio::test]
    async fn what_passes_is_waited_out() {
        assert_eq!(Failing::new(4, Fault::Provider).added().await, (true, 5));
        assert_eq!(Failing::new(2, Fault::Network).added().await, (true, 3));
    }

    #[tokio::test]
    async fn what_a_lost_attempt_may_have_added_counts_as_added() {
        let target = TxtTarget::new("_acme-challenge.example.org", "v");
        for (failures, created) in [(0, false), (1, true)] {
            let inner = Arc::new(Failing::new(failures, Fault::Network));
            let receipt = hasty(inner).add(&target).await.unwrap();
            assert_eq!(receipt.created, created);
        }
    }

    #[tokio::test]
    async fn an_outage_is_reported_after_five_attempts() {
        assert_eq!(Failing::new(99, Fault::Provider).added().await, (false, 5));
    }

    #[tokio::test]
    async fn what_somebody_has_to_mend_is_reported_at_once() {
        assert_eq!(
            Failing::new(1, Fault::Credentials).added().await,
            (false, 1)
        );
    }

    #[tokio::test]
    async fn a_longer_pause_that_the_provider_asks_for_is_the_caller_s_business() {
        let mut asking = Failing::new(1, Fault::Provider);
        asking.retry_after = Some(Duration::from_secs(60));
        assert_eq!(asking.added().await, (false, 1));

        let mut asking = Failing::new(1, Fault::Provider);
        asking.retry_after = Some(Duration::from_millis(20));
        assert_eq!(asking.added().await, (true, 2));
    }

    #[tokio::test]
    async fn removals_are_repeated_and_checks_are_not() {
        let target = TxtTarget::new("_acme-challenge.example.org", "v");
        let provider = hasty(Arc::new(Failing::new(1, Fault::Network)));

        provider.remove(&target, None).await.unwrap();

        let provider = hasty(Arc::new(Failing::new(1, Fault::Network)));
        assert!(provider.check(None).await.is_err());
    }
}
