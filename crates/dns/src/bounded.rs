//! What holds for every operation at every provider: its turn, where changes must be apart, and an end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::account::Account;
use crate::error::{DnsError, Fault, Step};
use crate::provider::{
    Alias, Caps, CheckReport, Provider, Receipt, Registration, TxtRecord, TxtTarget,
};

/// A provider whose operations begin when the account may change something and end in time.
#[derive(Debug)]
pub(crate) struct Bounded {
    pub(crate) code: &'static str,
    pub(crate) inner: Box<dyn Provider>,
    pub(crate) account: Arc<Account>,
}

#[async_trait]
impl Provider for Bounded {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let _turn = self.turn().await;
        let added = self.in_time(Step::Add, self.inner.add(target)).await;
        added.map_err(|error| named(error, target))
    }

    async fn remove(&self, target: &TxtTarget, receipt: Option<&Receipt>) -> Result<(), DnsError> {
        let _turn = self.turn().await;
        let removal = self.inner.remove(target, receipt);
        let removed = self.in_time(Step::Remove, removal).await;
        removed.map_err(|error| named(error, target))
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        self.in_time(Step::Check, self.inner.check(name)).await
    }

    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        let listed = self.in_time(Step::Read, self.inner.listed(target)).await;
        listed.map_err(|error| named(error, target))
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

    async fn register(&self, domain: &str) -> Result<Registration, DnsError> {
        let registration = self.inner.register(domain);
        self.in_time(Step::Register, registration).await
    }
}

impl Bounded {
    async fn turn(&self) -> Option<crate::account::Turn> {
        let apart = self.inner.caps().serial?;
        Some(self.account.turn(apart).await)
    }

    async fn in_time<T>(
        &self,
        step: Step,
        operation: impl Future<Output = Result<T, DnsError>>,
    ) -> Result<T, DnsError> {
        let limit = self.inner.caps().operation_limit;
        match tokio::time::timeout(limit, operation).await {
            Ok(outcome) => outcome,
            Err(_) => Err(too_long(self.code, step, limit)),
        }
    }
}

fn too_long(code: &'static str, step: Step, limit: Duration) -> DnsError {
    let what = format!("it did not come to an end within {limit:?}");
    DnsError::new(code, step, Fault::Network, what)
}

/// Failures say at which name, whatever the provider says.
fn named(error: DnsError, target: &TxtTarget) -> DnsError {
    match error.name() {
        Some(_) => error,
        None => error.at_name(&target.fqdn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Accounts, Pace};

    /// Needs forever.
    #[derive(Debug)]
    struct Endless;

    #[async_trait]
    impl Provider for Endless {
        async fn add(&self, _: &TxtTarget) -> Result<Receipt, DnsError> {
            std::future::pending().await
        }

        async fn remove(&self, _: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
            Ok(())
        }

        async fn check(&self, _: Option<&str>) -> Result<CheckReport, DnsError> {
            std::future::pending().await
        }

        fn caps(&self) -> Caps {
            Caps {
                operation_limit: Duration::from_millis(20),
                serial: Some(Duration::from_millis(100)),
                ..Caps::PLAIN
            }
        }
    }

    fn endless() -> Bounded {
        Bounded {
            code: "test",
            inner: Box::new(Endless),
            account: Accounts::default().account(Pace::default()),
        }
    }

    #[tokio::test]
    async fn an_operation_without_end_is_given_up_and_named() {
        let target = TxtTarget::new("_acme-challenge.example.org", "v");
        let error = endless().add(&target).await.unwrap_err();

        assert!(error.is_retryable());
        assert_eq!(error.name(), Some("_acme-challenge.example.org"));
        assert!(error.to_string().contains("within 20ms"), "{error}");
        endless().check(None).await.unwrap_err();
    }

    #[tokio::test]
    async fn changes_keep_the_distance_that_the_service_wants() {
        let (target, provider) = (TxtTarget::new("x", "v"), endless());
        let start = tokio::time::Instant::now();
        provider.remove(&target, None).await.unwrap();
        provider.remove(&target, None).await.unwrap();

        assert!(start.elapsed() >= Duration::from_millis(100));
    }
}
