//! Tests of DNS providers: step by step, told as they go, the outcome remembered.

use std::future::Future;
use std::time::Instant;

use evercert_api::ca_vendors::{TestReport, TestStep};
use evercert_api::dns_providers::{DnsTestNews, LastDnsTest};
use evercert_db::dns_providers as rows;
use evercert_dns::{CheckReport, DnsError, Receipt, TxtTarget};
use evercert_types::{DomainName, OrderId};
use jiff::SignedDuration;
use serde_json::json;

use super::LifecycleError;
use super::dns::{TEST_LABEL, named};
use super::dns_clients::{self, DnsClient};
use super::failure::{Failure, Stage};
use super::vendors::{millis, passed};
use super::withdraw::NameLease;
use crate::state::Console;

/// A test that was killed leaves its value to the sweep after this long.
const TEST_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// Hears what a test does, as it does it.
pub type Listener = Box<dyn Fn(DnsTestNews) + Send + Sync>;

/// A test of a provider, ready to be run.
pub struct DnsTest {
    console: Console,
    provider: rows::DnsProvider,
    domain: Option<DomainName>,
    steps: Steps,
}

impl DnsTest {
    /// Prepares a test; with a domain, it writes a value below it, looks for it, and removes it.
    ///
    /// # Errors
    /// When there is no such provider.
    pub async fn new(
        console: &Console,
        name: &str,
        domain: Option<DomainName>,
        listener: Listener,
    ) -> Result<Self, LifecycleError> {
        Ok(Self {
            console: console.clone(),
            provider: named(console, name).await?,
            domain,
            steps: Steps::told_to(listener),
        })
    }

    /// Runs it to its end, and remembers how it ended.
    ///
    /// # Errors
    /// When the database fails; what the provider does is in the report.
    pub async fn run(mut self) -> Result<TestReport, LifecycleError> {
        let ok = self.try_all().await?;
        let mut report = self.steps.report;
        report.ok = ok;
        let failed = report.steps.iter().find(|step| !step.ok);
        let last = LastDnsTest {
            at: self.console.now(),
            ok,
            domain: self.domain,
            failed_step: failed.map(|step| step.name.clone()),
        };
        let mut tx = self.console.db.begin_write().await?;
        tx.note_dns_test(self.provider.id, &json!(last)).await?;
        tx.commit().await?;
        tracing::info!(
            dns.provider = self.provider.name,
            ok,
            "a DNS provider was tested"
        );
        Ok(report)
    }

    async fn try_all(&mut self) -> Result<bool, LifecycleError> {
        self.steps.begin("settings");
        let built = dns_clients::client(&self.console, self.provider.id).await;
        let built = self.steps.end(built, |_| "they can be used".to_owned());
        let Some(client) = built else {
            return Ok(false);
        };
        let domain = self.domain.as_ref();
        let target = domain.map(|domain| format!("{TEST_LABEL}.{}", domain.base()));
        self.steps.begin("connection");
        let checked = client.provider.check(target.as_deref()).await;
        let checked = checked.map_err(|error| Failure::dns(&error));
        let passed = self.steps.end(checked, found);
        match (passed, target) {
            (Some(_), Some(name)) => self.write_and_remove(&client, &name).await,
            (passed, _) => Ok(passed.is_some()),
        }
    }

    /// The journal comes first here, too: a killed test must not leave its value.
    async fn write_and_remove(
        &mut self,
        client: &DnsClient,
        name: &str,
    ) -> Result<bool, LifecycleError> {
        let db = self.console.db.clone();
        let order = OrderId::new();
        let target = TxtTarget::new(name, order.to_string());
        let mut tx = db.begin_write().await?;
        tx.journal_intent(order, client.id, &target.fqdn, &target.value)
            .await?;
        let id = tx.journal_postpone(order, tx.now() + TEST_LIFE).await?;
        tx.commit().await?;
        self.steps.begin("write TXT");
        let written = leased(&self.console, client, &target, client.provider.add(&target)).await;
        let receipt = self
            .steps
            .end(written, |_| format!("a value stands at {name}"));
        let mut is_seen = false;
        if receipt.is_some() {
            self.steps.begin("see TXT");
            let seen = watch(&self.console, client, &target, receipt.as_ref()).await;
            is_seen = self.steps.end(seen, String::clone).is_some();
            self.steps.begin("remove TXT");
        }
        // What was refused may stand there all the same: then it is removed without a word.
        let removal = client.provider.remove(&target, receipt.as_ref());
        let removed = leased(&self.console, client, &target, removal).await;
        let is_removed = removed.is_ok();
        if receipt.is_some() {
            self.steps.end(removed, |()| "the value is gone".to_owned());
        }
        if is_removed {
            let mut tx = db.begin_write().await?;
            tx.journal_removed(&id).await?;
            tx.commit().await?;
        }
        Ok(is_seen && is_removed)
    }
}

/// What a provider told of itself and the zone.
fn found(report: &CheckReport) -> String {
    let zone = report.zone.as_ref().map(|zone| format!("zone {zone}"));
    let notes = report.notes.iter();
    let notes = notes.map(|note| note.trim_end_matches('.').to_owned());
    zone.into_iter().chain(notes).collect::<Vec<_>>().join("; ")
}

/// A change that no other Console interferes with.
async fn leased<T>(
    console: &Console,
    client: &DnsClient,
    target: &TxtTarget,
    change: impl Future<Output = Result<T, DnsError>>,
) -> Result<T, Failure> {
    let lease = NameLease::take(console, client, &target.fqdn).await?;
    let changed = lease.during(change).await;
    changed.map_err(|error| Failure::dns(&error))
}

/// Where the value was seen, and whether the zone it was written to is the one that is delegated.
async fn watch(
    console: &Console,
    client: &DnsClient,
    target: &TxtTarget,
    receipt: Option<&Receipt>,
) -> Result<String, Failure> {
    let zone = receipt.map(|receipt| receipt.zone.clone());
    let target = &TxtTarget {
        zone_hint: zone.filter(|zone| !zone.is_empty()),
        ..target.clone()
    };
    let propagation = client.watching(console);
    let propagation =
        propagation.map_err(|error| dns_clients::lookup_failure(Stage::Propagation, &error))?;
    let targets = std::slice::from_ref(target);
    let report = propagation.wait(targets).await;
    let report = report.map_err(|error| Failure::propagation(&error))?;
    let seen = match report.servers.len() {
        1 => "seen at 1 server".to_owned(),
        count => format!("seen at {count} servers"),
    };
    Ok(report
        .warnings
        .iter()
        .fold(seen, |seen, warning| format!("{seen}; but {warning}")))
}

/// The steps of a test so far, and the one under way.
struct Steps {
    report: TestReport,
    listener: Listener,
    name: &'static str,
    since: Instant,
}

impl Steps {
    fn told_to(listener: Listener) -> Self {
        Self {
            report: TestReport {
                ok: false,
                steps: Vec::new(),
            },
            listener,
            name: "",
            since: Instant::now(),
        }
    }

    fn begin(&mut self, name: &'static str) {
        self.name = name;
        self.since = Instant::now();
        (self.listener)(DnsTestNews::Begun(name.to_owned()));
    }

    fn end<T>(
        &mut self,
        outcome: Result<T, Failure>,
        detail: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let (step, value) = match outcome {
            Ok(value) => (passed(self.name, self.since, detail(&value)), Some(value)),
            Err(failure) => (failed(self.name, self.since, &failure), None),
        };
        (self.listener)(DnsTestNews::Step(step.clone()));
        self.report.steps.push(step);
        value
    }
}

fn failed(name: &str, since: Instant, failure: &Failure) -> TestStep {
    TestStep {
        name: name.to_owned(),
        ok: false,
        detail: failure.message.clone(),
        remedy: failure.remedy.clone(),
        duration_ms: millis(since),
    }
}
