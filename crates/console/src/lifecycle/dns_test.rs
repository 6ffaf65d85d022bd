//! Tests of DNS providers: log in, find the zone, write, read back, remove, see that it is gone; told as they go, the
//! outcome remembered.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evercert_api::ca_vendors::{TestReport, TestStep};
use evercert_api::dns_providers::{DnsTestNews, LastDnsTest};
use evercert_db::dns_providers as rows;
use evercert_dns::{CheckReport, DnsError, LookupError, Multi, Receipt, TxtTarget};
use evercert_types::{DomainName, OrderId};
use jiff::SignedDuration;
use serde_json::json;

use super::LifecycleError;
use super::dns::{TEST_LABEL, named};
use super::dns_clients::{self, DnsClient, WatchMode, lookup_failure};
use super::failure::{Class, Failure, Stage};
use super::vendors::{millis, passed};
use super::withdraw::NameLease;
use crate::state::Console;

/// A test that was killed leaves its value to the sweep after this long.
const TEST_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// How long the provider itself may take until it shows what it accepted.
const SHOWN_LIMIT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(500);

/// The steps in order.
const STEPS: [&str; 9] = [
    "settings",
    "log in",
    "find zone",
    "write TXT",
    "read back at the provider",
    "see at the name servers",
    "remove TXT",
    "gone at the provider",
    "gone at the name servers",
];

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
    /// Prepares a test, which writes a value at the challenge name of the domain, or of one that is mapped to the provider;
    /// without any domain it only logs in.
    ///
    /// # Errors
    /// When there is no such provider.
    pub async fn new(
        console: &Console,
        name: &str,
        domain: Option<DomainName>,
        listener: Listener,
    ) -> Result<Self, LifecycleError> {
        let provider = named(console, name).await?;
        let mut mappings = console.db.domain_mappings().await?.into_iter();
        let mapped = mappings.find(|one| one.provider_id == provider.id);
        Ok(Self {
            console: console.clone(),
            domain: domain.or(mapped.map(|one| one.domain)),
            provider,
            steps: Steps::told_to(listener),
        })
    }

    /// Runs it to its end, and remembers how it ended.
    ///
    /// # Errors
    /// When the database fails; what the provider does is in the report.
    pub async fn run(mut self) -> Result<TestReport, LifecycleError> {
        self.try_all().await?;
        let report = self.steps.done();
        let ok = report.ok;
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

    async fn try_all(&mut self) -> Result<(), LifecycleError> {
        self.steps.begin("settings");
        let built = dns_clients::client(&self.console, self.provider.id).await;
        let built = self.steps.end(built, |_| "they can be used".to_owned());
        let Some(client) = built else {
            return Ok(());
        };
        self.steps.begin("log in");
        let checked = client.provider.check(None).await;
        let checked = checked.map_err(|error| Failure::dns(&error));
        if self.steps.end(checked, told).is_none() {
            return Ok(());
        }
        let Some(domain) = self.domain.clone() else {
            self.steps.rest = "no domain is mapped to the provider; give one to try it with";
            return Ok(());
        };
        self.steps.begin("find zone");
        let name = place(&self.console, &client, &domain).await?;
        let found = client.provider.check(Some(&name)).await;
        let found = found.map_err(|error| Failure::dns(&error));
        match self.steps.end(found, told) {
            Some(_) => self.write_and_remove(&client, &name).await,
            None => Ok(()),
        }
    }

    /// The journal comes first here, too: a killed test must not leave its value.
    async fn write_and_remove(
        &mut self,
        client: &DnsClient,
        name: &str,
    ) -> Result<(), LifecycleError> {
        let db = self.console.db.clone();
        let order = OrderId::new();
        let target = TxtTarget::new(name, value_for(order));
        let mut tx = db.begin_write().await?;
        let is_single = client.provider.caps().multi == Multi::Single;
        if is_single
            && !tx
                .claim_single_value(order, client.id, &target.value)
                .await?
        {
            self.steps.rest = "an order has the one value that there is room for; try again later";
            return Ok(());
        }
        tx.journal_intent(order, client.id, &target.fqdn, &target.value)
            .await?;
        let id = tx.journal_postpone(order, tx.now() + TEST_LIFE).await?;
        tx.commit().await?;
        let mut look = Look {
            console: &self.console,
            client,
            target: &target,
            zone: None,
        };
        self.steps.begin("write TXT");
        let written = leased(&self.console, client, &target, client.provider.add(&target)).await;
        let receipt = self
            .steps
            .end(written, |_| format!("a value stands at {name}"));
        if receipt.is_some() {
            look.at_provider(&mut self.steps, Wanted::There).await;
            let zone = receipt.as_ref().map(|receipt| receipt.zone.clone());
            look.zone = zone.filter(|zone| !zone.is_empty());
            look.at_servers(&mut self.steps, Wanted::There).await;
        }
        if remove(
            &self.console,
            client,
            &target,
            receipt.as_ref(),
            &mut self.steps,
        )
        .await
        {
            let mut tx = db.begin_write().await?;
            tx.journal_removed(&id).await?;
            tx.commit().await?;
            if receipt.is_some() {
                look.at_provider(&mut self.steps, Wanted::Gone).await;
                look.at_servers(&mut self.steps, Wanted::Gone).await;
            }
        }
        Ok(())
    }
}

/// Where the value is written: at the challenge name, since credentials may be good for nothing else; behind its CNAME if
/// that is this provider's, too; below a label of its own where others answer for the challenge name.
async fn place(
    console: &Console,
    client: &DnsClient,
    domain: &DomainName,
) -> Result<String, LifecycleError> {
    let name = domain.challenge_name();
    if client.propagation.mode == WatchMode::Off || !client.propagation.follows_cnames {
        return Ok(name);
    }
    let Ok(resolver) = client.propagation.resolver(console) else {
        return Ok(name);
    };
    let effective = match resolver.challenge_delegation(&name).await {
        Ok(found) if found.is_delegated() => found.effective().to_owned(),
        _ => return Ok(name),
    };
    let mapping = console.db.mapping_for(&effective).await?;
    Ok(
        match mapping.is_some_and(|one| one.provider_id == client.id) {
            true => effective,
            false => format!("{TEST_LABEL}.{}", domain.base()),
        },
    )
}

/// Whether it was removed. What was refused may stand there all the same: then it is removed without a word.
async fn remove(
    console: &Console,
    client: &DnsClient,
    target: &TxtTarget,
    receipt: Option<&Receipt>,
    steps: &mut Steps,
) -> bool {
    if receipt.is_some() {
        steps.begin("remove TXT");
    }
    let removal = client.provider.remove(target, receipt);
    let removed = leased(console, client, target, removal).await;
    let is_removed = removed.is_ok();
    if receipt.is_some() {
        steps.end(removed, |()| "it was removed".to_owned());
    }
    is_removed
}

/// Of the form that ACME's values have (RFC 8555 §8.4): some services take no other.
fn value_for(order: OrderId) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, order.to_string().as_bytes()))
}

/// What a provider told of itself and the zone.
fn told(report: &CheckReport) -> String {
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

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    There,
    Gone,
}

/// Looking for the test's value.
struct Look<'a> {
    console: &'a Console,
    client: &'a DnsClient,
    target: &'a TxtTarget,
    /// Where it was written.
    zone: Option<String>,
}

impl Look<'_> {
    async fn at_provider(&self, steps: &mut Steps, wanted: Wanted) {
        let name = match wanted {
            Wanted::There => "read back at the provider",
            Wanted::Gone => "gone at the provider",
        };
        steps.begin(name);
        let until = Instant::now() + SHOWN_LIMIT;
        loop {
            let values = match self.client.provider.listed(self.target).await {
                Ok(Some(records)) => records,
                Ok(None) => return steps.skip("the provider cannot tell what it has"),
                Err(error) => {
                    steps.end(Err::<(), _>(Failure::dns(&error)), |()| String::new());
                    return;
                }
            };
            let there = values.iter().any(|record| {
                (&record.fqdn, &record.value) == (&self.target.fqdn, &self.target.value)
            });
            if there == (wanted == Wanted::There) {
                let what = match wanted {
                    Wanted::There => "it shows the value",
                    Wanted::Gone => "it does not show the value any more",
                };
                steps.end(Ok(()), |()| what.to_owned());
                return;
            }
            if Instant::now() >= until {
                let what = match wanted {
                    Wanted::There => "the provider took the value, but does not show it",
                    Wanted::Gone => "the provider said that the value is removed, but shows it",
                };
                let remedy = "See whether another program writes the TXT records of this name.";
                steps.end(Err::<(), _>(strange(what, remedy)), |()| String::new());
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn at_servers(&self, steps: &mut Steps, wanted: Wanted) {
        let name = match wanted {
            Wanted::There => "see at the name servers",
            Wanted::Gone => "gone at the name servers",
        };
        steps.begin(name);
        match self.client.propagation.mode {
            WatchMode::Off => steps.skip("propagation checks are switched off"),
            WatchMode::Wait(_) => steps.skip("propagation is waited for, not looked at"),
            _ => {
                let seen = match wanted {
                    Wanted::There => self.seen().await,
                    Wanted::Gone => self.gone().await,
                };
                steps.end(seen, String::clone);
            }
        }
    }

    async fn seen(&self) -> Result<String, Failure> {
        let propagation = self.client.watching(self.console).map_err(lookup)?;
        let target = TxtTarget {
            zone_hint: self.zone.clone(),
            ..self.target.clone()
        };
        let report = propagation.wait(&[target]).await;
        let report = report.map_err(|error| Failure::propagation(&error))?;
        let seen = match report.servers.len() {
            1 => "1 server shows it".to_owned(),
            count => format!("{count} servers were asked, and show it"),
        };
        // Such as a zone that is not the one that is delegated.
        Ok(report
            .warnings
            .iter()
            .fold(seen, |seen, warning| format!("{seen}; but {warning}")))
    }

    async fn gone(&self) -> Result<String, Failure> {
        let watch = &self.client.propagation;
        let resolver = watch.resolver(self.console).map_err(lookup)?;
        let watching = self.client.watching(self.console).map_err(lookup)?;
        let until = Instant::now() + watching.timeout;
        let pause = match watch.first_look {
            Some(Duration::ZERO) => Duration::from_millis(20),
            _ => Duration::from_secs(2),
        };
        loop {
            let values: BTreeSet<String> = match watch.mode {
                WatchMode::Servers => {
                    let shown = resolver.txt_at(&watch.servers, &self.target.fqdn).await;
                    shown.map_err(lookup)?
                }
                _ => {
                    let shown = resolver.authoritative_txt(&self.target.fqdn).await;
                    shown.map_err(lookup)?
                }
            };
            if !values.contains(&self.target.value) {
                return Ok("no server shows it any more".to_owned());
            }
            if Instant::now() >= until {
                let what = "a name server still shows the value";
                let remedy = "See whether the zone's servers transfer the zone from the provider.";
                return Err(strange(what, remedy));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

fn lookup(error: LookupError) -> Failure {
    lookup_failure(Stage::Propagation, &error)
}

fn strange(what: &str, remedy: &str) -> Failure {
    Failure::new(Stage::DnsWrite, Class::Transient, "dns.provider", what).with_remedy(remedy)
}

/// The steps of a test so far, and the one under way.
struct Steps {
    done: Vec<TestStep>,
    listener: Listener,
    name: &'static str,
    since: Instant,
    /// Why the steps that are missing were not made.
    rest: &'static str,
}

impl Steps {
    fn told_to(listener: Listener) -> Self {
        Self {
            done: Vec::new(),
            listener,
            name: "",
            since: Instant::now(),
            rest: "an earlier step failed",
        }
    }

    fn begin(&mut self, name: &'static str) {
        self.skip_until(name);
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
        self.push(step);
        value
    }

    /// The step that was begun is not needed, or cannot be made.
    fn skip(&mut self, why: &str) {
        self.push(skipped(self.name, why));
    }

    fn push(&mut self, step: TestStep) {
        (self.listener)(DnsTestNews::Step(step.clone()));
        self.done.push(step);
    }

    /// Steps that were never begun are in the report all the same.
    fn skip_until(&mut self, name: &str) {
        while let Some(missing) = STEPS.get(self.done.len()).filter(|step| **step != name) {
            self.done.push(skipped(missing, self.rest));
        }
    }

    fn done(mut self) -> TestReport {
        self.skip_until("");
        TestReport {
            ok: self.done.iter().all(|step| step.ok),
            steps: self.done,
        }
    }
}

fn failed(name: &str, since: Instant, failure: &Failure) -> TestStep {
    TestStep {
        name: name.to_owned(),
        ok: false,
        skipped: false,
        detail: failure.message.clone(),
        remedy: failure.remedy.clone(),
        duration_ms: millis(since),
    }
}

fn skipped(name: &str, why: &str) -> TestStep {
    TestStep {
        name: name.to_owned(),
        ok: true,
        skipped: true,
        detail: why.to_owned(),
        remedy: None,
        duration_ms: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_were_not_made_are_in_the_report() {
        let mut steps = Steps::told_to(Box::new(|_| {}));
        steps.begin("settings");
        steps.end(Ok(()), |()| "fine".to_owned());
        steps.begin("log in");
        let failure = strange("no luck", "Try again.");
        steps.end(Err::<(), _>(failure), |()| String::new());
        steps.begin("gone at the provider");
        steps.skip("it cannot tell");

        let report = steps.done();

        assert!(!report.ok);
        assert_eq!(report.steps.len(), STEPS.len());
        assert_eq!(report.steps[1].remedy.as_deref(), Some("Try again."));
        assert!(report.steps[2].skipped && report.steps[2].detail.contains("earlier"));
        assert_eq!(report.steps[7].detail, "it cannot tell");
    }

    #[test]
    fn the_test_writes_a_value_of_acme_s_form() {
        assert_eq!(value_for(OrderId::new()).len(), 43);
    }
}
