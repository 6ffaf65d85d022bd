//! Publishing the responses and telling the CA: journal first, then the record, then the look whether it is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evercert_acme::{AcmeError, AuthorizationStatus, Until};
use evercert_db::authorizations::Authorization;
use evercert_db::events::Level;
use evercert_db::orders::OrderChange;
use evercert_db::txt_journal::JournalEntry;
use evercert_dns::{Receipt, TxtTarget};
use evercert_types::{DnsProviderId, DomainName, OrderState};
use serde_json::json;
use tokio::time::{Duration, Instant};

use super::authorize::each;
use super::dns_clients::{self, DnsClient};
use super::failure::{Class, Failure, Stage, sentence};
use super::issue::{Drive, Halt, Note};
use super::withdraw::NameLease;

/// How long the CA may take to validate before the order is left and come back to.
const VALIDATION_LIMIT: Duration = Duration::from_secs(120);
/// How long giving up open authorizations may take.
const ABANDON_LIMIT: Duration = Duration::from_secs(20);

impl Drive<'_> {
    /// Authorizing: writes the journal, then every record.
    pub(crate) async fn publish(&mut self) -> Result<(), Halt> {
        let authorizations = self.console.db.authorizations(self.order.id).await?;
        let round = self.round().await?;
        let pending: Vec<_> = round.now.iter().collect();
        let mut shown = 0;
        if !pending.is_empty() {
            let mut tx = self.console.db.begin_write().await?;
            self.claim_room(&mut tx, &round).await?;
            for one in &pending {
                if let (Some(provider), Some(name), Some(value)) =
                    (one.provider_id, &one.effective_name, &one.txt_value)
                {
                    tx.journal_intent(self.order.id, provider, name, value)
                        .await?;
                }
            }
            shown = self.publish_responses(&mut tx, &pending).await?;
            tx.commit().await?;
            self.console.bells.challenges.notify_one();
        }
        let entries = self.console.db.journal_of(self.order.id).await?;
        let receipts = each(entries.iter().map(|entry| self.write(entry)).collect()).await?;
        let mut tx = self.console.db.begin_step().await?;
        for (id, receipt) in &receipts {
            tx.journal_written(id, &json!(receipt)).await?;
        }
        let names: Vec<&str> = entries.iter().map(|entry| entry.fqdn.as_str()).collect();
        let message = match shown {
            0 => format!("{} TXT values are published", entries.len()),
            shown => format!(
                "{} TXT values are published, and {shown} responses for instances to show",
                entries.len()
            ),
        };
        let note =
            Note::new("order.published", message).with(json!({"names": names, "responses": shown}));
        if let Some(wanted) = self.wanted_records(&authorizations) {
            tx.add_event(&self.event(wanted, Level::Warn)).await?;
        }
        let persisted = self
            .persist(tx, OrderState::Published, OrderChange::Nothing, note)
            .await;
        if matches!(persisted, Err(Halt::Lost)) {
            self.remove_orphans(&entries).await?;
        }
        persisted
    }

    /// Deleted while its records were written: the journal's rows may be gone already, so they are written again,
    /// for the sweep.
    async fn remove_orphans(&self, entries: &[JournalEntry]) -> Result<(), Halt> {
        let db = &self.console.db;
        let order = db.order(self.order.id).await?;
        if order.is_some_and(|order| order.finished_at.is_none()) {
            return Ok(());
        }
        let mut tx = db.begin_write().await?;
        for entry in entries {
            tx.journal_intent(self.order.id, entry.provider_id, &entry.fqdn, &entry.value)
                .await?;
        }
        tx.commit().await?;
        self.console.bells.sweep.notify_one();
        Ok(())
    }

    /// Writes one record. Whatever stands there with our value is ours: a run before this one wrote it.
    async fn write(&self, entry: &JournalEntry) -> Result<(String, Receipt), Halt> {
        let client = dns_clients::client(self.console, entry.provider_id).await?;
        let lease = NameLease::take(self.console, &client, &entry.fqdn).await?;
        let written = lease.during(client.provider.add(&target(entry))).await;
        let mut receipt = match written {
            Ok(receipt) => receipt,
            Err(error) => return Err(self.write_failure(&error).await.into()),
        };
        receipt.created = true;
        Ok((entry.id.clone(), receipt))
    }

    /// Published: waits until the values are seen where the CA will look.
    pub(crate) async fn await_propagation(&mut self) -> Result<(), Halt> {
        let mut groups: BTreeMap<DnsProviderId, Watched> = BTreeMap::new();
        for entry in self.console.db.journal_of(self.order.id).await? {
            let group = groups.entry(entry.provider_id).or_default();
            group.written.push(written(&entry));
        }
        for one in self.round().await?.now {
            let group = one.provider_id.and_then(|id| groups.get_mut(&id));
            if let (Some(group), Some(original)) = (group, original(&one)) {
                group.originals.push(original);
            }
        }
        let mut clients: Vec<(Arc<DnsClient>, Watched)> = Vec::new();
        for (provider, watched) in groups {
            clients.push((dns_clients::client(self.console, provider).await?, watched));
        }
        let watching = clients.iter();
        let watching = watching.map(|(client, watched)| self.watch(client, watched));
        let seen = each(watching.collect()).await?;
        let shown = self.await_responders().await?;
        self.await_operator().await?;
        let warnings: BTreeSet<&str> = seen
            .iter()
            .flat_map(|(_, warnings)| warnings)
            .map(String::as_str)
            .collect();
        let reports: Vec<_> = seen.iter().map(|(report, _)| report).collect();
        let note = Note::new("order.propagated", "The CA can see what it looks for")
            .with(json!({"dns": reports, "responders": shown}));
        let mut tx = self.console.db.begin_step().await?;
        for warning in warnings {
            let warning = Note::new("order.propagation", warning);
            tx.add_event(&self.event(warning, Level::Warn)).await?;
        }
        self.persist(tx, OrderState::Propagated, OrderChange::Nothing, note)
            .await
    }

    /// What was seen, and what is odd about it.
    async fn watch(
        &self,
        client: &DnsClient,
        watched: &Watched,
    ) -> Result<(serde_json::Value, Vec<String>), Failure> {
        let targets = &watched.written;
        let propagation = client
            .watching(self.console)
            .map_err(|error| dns_clients::lookup_failure(Stage::Propagation, &error))?;
        let mut report = propagation
            .wait(targets)
            .await
            .map_err(|error| Failure::propagation(&error))?;
        propagation
            .look_through_resolvers(&watched.originals, &mut report)
            .await;
        let seen = json!({
            "provider": client.name,
            "servers": report.servers,
            "seen": targets.iter().map(|target| &target.fqdn).collect::<BTreeSet<_>>(),
            "looks": report.looks,
            "waited_ms": u64::try_from(report.waited.as_millis()).unwrap_or(u64::MAX),
            "warnings": report.warnings,
            "hints": report.hints,
        });
        Ok((seen, report.warnings))
    }

    /// Propagated: tells the CA to look.
    pub(crate) async fn trigger(&mut self) -> Result<(), Halt> {
        let account = self.account().await?;
        let round = self.round().await?;
        let pending = round.now.iter();
        let telling = pending.map(|one| account.trigger_challenge(&one.challenge_url));
        each(telling.collect())
            .await
            .map_err(|error| Failure::acme(Stage::Validation, &error))?;
        let note = Note::new("order.validating", "The CA was told to validate");
        let tx = self.console.db.begin_step().await?;
        self.persist(tx, OrderState::Validating, OrderChange::Nothing, note)
            .await
    }

    /// Validating: waits for the CA's verdict.
    pub(crate) async fn await_validation(&mut self) -> Result<(), Halt> {
        let account = self.account().await?;
        let url = self.order.order_url.clone().unwrap_or_default();
        let deadline = Instant::now() + VALIDATION_LIMIT;
        let round = self.round().await?;
        if round.later > 0 {
            return self.end_round(&account, round, deadline).await;
        }
        let ready = account
            .poll_order(&url, Until::Ready, deadline)
            .await
            .map_err(|error| validation_failure(&error))?;
        let note = Note::new("order.ready", "Every name is proved");
        let tx = self.console.db.begin_step().await?;
        self.persist(tx, OrderState::Ready, OrderChange::Nothing, note)
            .await?;
        self.withdraw_responses().await;
        self.at_ca = Some(ready);
        Ok(())
    }

    /// After a failure: gives up what is still open at the CA, so that the next order begins clean.
    pub(crate) async fn abandon_authorizations(&self, failure: &Failure) {
        if failure.class == Class::CaOutage {
            return;
        }
        let left = match tokio::time::timeout(ABANDON_LIMIT, self.abandon_pending()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.message.clone(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::debug!(order.id = %self.order.id, "open authorizations were left to the CA: {left}");
    }

    async fn abandon_pending(&self) -> Result<(), Failure> {
        let db = &self.console.db;
        for one in db.authorizations(self.order.id).await? {
            let shared = db.is_authorization_shared(&one.url, self.order.id).await?;
            if one.status != "pending" || shared {
                continue;
            }
            let account = self.account().await?;
            let failed = |error| Failure::acme(Stage::Order, &error);
            let read = account.authorization(&one.url).await.map_err(failed)?;
            if read.status == AuthorizationStatus::Pending {
                account
                    .deactivate_authorization(&one.url)
                    .await
                    .map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// What the CA says about the names that failed, each with its own words.
pub(crate) fn validation_failure(error: &AcmeError) -> Failure {
    let mut failure = Failure::acme(Stage::Validation, error);
    if let AcmeError::OrderInvalid { failures, .. } = error {
        for authorization in failures {
            failure.names.push(authorization.identifier.value.clone());
            let Some(problem) = authorization.problem() else {
                continue;
            };
            let words = problem.detail.as_deref().unwrap_or(&problem.problem_type);
            if !failure.message.contains(words) {
                failure.message = format!("{}; {}: {words}", failure.message, authorization.name());
            }
        }
    } else if failure.message.is_empty() {
        failure.message = sentence(error);
    }
    failure
}

/// What is looked for of one provider's values.
#[derive(Debug, Default)]
struct Watched {
    /// Where they were written.
    written: Vec<TxtTarget>,
    /// Where the CA asks for them.
    originals: Vec<TxtTarget>,
}

/// As [`target`], with the zone that the provider says it wrote to: it may not be the one that is delegated.
fn written(entry: &JournalEntry) -> TxtTarget {
    let zone = entry
        .receipt
        .as_ref()
        .and_then(|receipt| receipt["zone"].as_str());
    TxtTarget {
        zone_hint: zone.filter(|zone| !zone.is_empty()).map(str::to_owned),
        ..target(entry)
    }
}

/// What the CA asks for, before any CNAME.
fn original(one: &Authorization) -> Option<TxtTarget> {
    let name = DomainName::new(&one.identifier).ok()?;
    Some(TxtTarget::new(
        &name.challenge_name(),
        one.txt_value.clone()?,
    ))
}

/// What stands, or shall stand, in DNS for a row of the journal.
pub(crate) fn target(entry: &JournalEntry) -> TxtTarget {
    TxtTarget::new(&entry.fqdn, entry.value.clone())
}
