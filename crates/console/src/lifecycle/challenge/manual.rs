//! Manual DNS: the order waits until the operator has written its records, or says so.

use evercert_api::challenges::{ChallengeView, TxtRecord};
use evercert_api::dns_providers::PropagationSettings;
use evercert_api::{Problem, ProblemCode};
use evercert_db::DbError;
use evercert_db::authorizations::Authorization;
use evercert_db::certificates::Certificate;
use evercert_db::events::Level;
use evercert_db::orders::Order;
use evercert_dns::TxtTarget;
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::Duration;

use crate::lifecycle::dns_clients::Watch;
use crate::lifecycle::failure::{Class, Failure, Stage, sentence};
use crate::lifecycle::issue::{Drive, Halt, Note};
use crate::lifecycle::plan::ORDER_JOB;
use crate::lifecycle::request::certificate_named;
use crate::lifecycle::{Actor, LifecycleError};
use crate::state::Console;

/// What authorizations that wait for the operator are called.
pub(crate) const MANUAL: &str = "dns-01-manual";

/// What we recommend, seconds.
const TTL: u32 = 60;
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(10);
/// The operator is reminded after so long, and again.
const REMINDER: SignedDuration = SignedDuration::from_hours(24);
/// How long an order without an end of its own waits.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Shortest and longest pause between looks.
const PAUSES: [SignedDuration; 2] = [SignedDuration::from_secs(10), SignedDuration::from_mins(5)];

/// Kinds of what the log says about it.
const WANTED: &str = "order.records_wanted";
const REMINDED: &str = "order.records_reminder";
const DONE_WITH: &str = "order.records_may_go";

fn is_wanted(one: &Authorization) -> bool {
    one.challenge_type == MANUAL && one.status == "pending"
}

/// The record that an authorization wants; none for those that want none.
pub(crate) fn record_of(one: &Authorization) -> Option<TxtRecord> {
    let (Some(name), Some(value)) = (&one.effective_name, &one.txt_value) else {
        return None;
    };
    (one.challenge_type == MANUAL).then(|| TxtRecord {
        name: name.clone(),
        record_type: "TXT".to_owned(),
        value: value.clone(),
        ttl: TTL,
    })
}

impl Drive<'_> {
    /// What the log says when records are wanted of the operator; none when none are.
    pub(crate) fn wanted_records(&self, authorizations: &[Authorization]) -> Option<Note> {
        let wanted = authorizations.iter().filter(|one| is_wanted(one));
        let records: Vec<_> = wanted.filter_map(record_of).collect();
        let message = match records.as_slice() {
            [] => return None,
            [one] => format!(
                "Write the TXT record {} with the value {}",
                one.name, one.value
            ),
            many => format!("Write {} TXT records", many.len()),
        };
        let remedy = format!(
            "The order goes on when they are seen, or with `evercert cert confirm-dns {}`.",
            self.certificate.name
        );
        Some(Note::new(WANTED, message).with(json!({"records": records, "remedy": remedy})))
    }

    /// Published: waits for the operator's records.
    pub(crate) async fn await_operator(&self) -> Result<(), Halt> {
        let all = self.console.db.authorizations(self.order.id).await?;
        let wanted: Vec<_> = all.iter().filter(|one| is_wanted(one)).collect();
        if wanted.iter().all(|one| one.confirmed_at.is_some()) {
            return Ok(());
        }
        let Err(unseen) = look(self.console, &wanted).await else {
            return Ok(());
        };
        let now = self.console.now();
        let since = self.order.updated_at;
        let end = self.order.expires_at.unwrap_or(since + PATIENCE);
        if end <= now {
            return Err(never_written(&wanted, &unseen).into());
        }
        self.remind(&wanted, since.duration_until(now)).await?;
        let pause = (since.duration_until(now) / 10).clamp(PAUSES[0], PAUSES[1]);
        let next = (now + pause).min(end);
        Err(Halt::Rest(
            next,
            format!("waiting for the operator's TXT records ({unseen})"),
        ))
    }

    async fn remind(&self, wanted: &[&Authorization], waited: SignedDuration) -> Result<(), Halt> {
        let due = waited.as_secs() / REMINDER.as_secs();
        if due == 0 {
            return Ok(());
        }
        let db = &self.console.db;
        let events = db.events_of_operation(self.order.operation_id).await?;
        let mine = events
            .iter()
            .filter(|event| event.order_id == Some(self.order.id) && event.kind == REMINDED);
        if mine.count() as i64 >= due {
            return Ok(());
        }
        let records: Vec<_> = wanted.iter().filter_map(|one| record_of(one)).collect();
        let message = format!("Still waiting for {} TXT records of yours", records.len());
        let note = Note::new(REMINDED, message).with(json!({"records": records}));
        let mut tx = db.begin_write().await?;
        tx.add_event(&self.event(note, Level::Warn)).await?;
        Ok(tx.commit().await?)
    }

    /// Tells the operator which records are not needed any more.
    pub(crate) async fn release_records(&self) -> Result<(), DbError> {
        let all = self.console.db.authorizations(self.order.id).await?;
        let records: Vec<_> = all.iter().filter_map(record_of).collect();
        if records.is_empty() {
            return Ok(());
        }
        let message = match records.as_slice() {
            [one] => format!(
                "The TXT record {} with the value {} may go",
                one.name, one.value
            ),
            many => format!("{} TXT records may go", many.len()),
        };
        let note = Note::new(DONE_WITH, message).with(json!({"records": records}));
        let mut tx = self.console.db.begin_write().await?;
        tx.add_event(&self.event(note, Level::Info)).await?;
        tx.commit().await
    }
}

/// Looks once whether the records can be seen; what is missing otherwise.
async fn look(console: &Console, wanted: &[&Authorization]) -> Result<(), String> {
    let targets: Vec<_> = wanted
        .iter()
        .filter_map(|one| record_of(one))
        .map(|record| TxtTarget::new(&record.name, record.value))
        .collect();
    let watch = Watch::parse(&PropagationSettings::default()).map_err(|error| error.to_string())?;
    let propagation = watch.propagation(console);
    let mut propagation = propagation.map_err(|error| sentence(&error))?.immediate();
    propagation.timeout = Duration::ZERO;
    match tokio::time::timeout(LOOK, propagation.wait(&targets)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(sentence(&error)),
        Err(_) => Err(format!("no answer of the name servers within {LOOK:?}")),
    }
}

fn never_written(wanted: &[&Authorization], unseen: &str) -> Failure {
    let names: Vec<_> = wanted
        .iter()
        .filter_map(|one| one.effective_name.as_deref())
        .collect();
    Failure::new(
        Stage::Propagation,
        Class::Configuration,
        "dns.manual.expired",
        format!(
            "the CA's order ran out before the operator's TXT records at {} were there ({unseen})",
            names.join(", ")
        ),
    )
    .with_remedy("Ask for the certificate again, and write the records that the new order names.")
    .losing_the_order()
}

/// The challenges of a certificate's running orders, with the records that the operator has to write.
///
/// # Errors
/// When there is no such certificate, or the database fails.
pub async fn challenges(
    console: &Console,
    name: &str,
) -> Result<Vec<ChallengeView>, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let mut views = Vec::new();
    for order in running(console, &certificate).await? {
        for one in console.db.authorizations(order.id).await? {
            views.push(view(&order, &one));
        }
    }
    Ok(views)
}

fn view(order: &Order, one: &Authorization) -> ChallengeView {
    ChallengeView {
        algorithm: order.algorithm,
        identifier: match one.wildcard {
            true => format!("*.{}", one.identifier),
            false => one.identifier.clone(),
        },
        kind: one.challenge_type.clone(),
        status: one.status.clone(),
        order_state: order.state,
        waits_for_operator: is_wanted(one) && one.confirmed_at.is_none(),
        record: record_of(one),
        expires_at: order.expires_at,
    }
}

async fn running(console: &Console, certificate: &Certificate) -> Result<Vec<Order>, DbError> {
    let orders = console.db.orders_of_certificate(certificate.id, 20).await?;
    let running = orders
        .into_iter()
        .filter(|order| order.finished_at.is_none());
    Ok(running.collect())
}

/// Whether an operator's word is believed without a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The records must be seen.
    Seen,
    /// They are where this Console cannot look.
    Unseen,
}

/// The operator says that the records are there: the orders that wait for them go on at once.
///
/// # Errors
/// When there is no such certificate, nothing waits for records, or they cannot be seen.
pub async fn confirm(
    console: &Console,
    actor: &Actor,
    name: &str,
    confirmation: Confirmation,
) -> Result<Vec<ChallengeView>, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let orders = running(console, &certificate).await?;
    let mut waiting = Vec::new();
    for order in orders {
        let all = console.db.authorizations(order.id).await?;
        let wanted: Vec<_> = all.into_iter().filter(is_wanted).collect();
        if !wanted.is_empty() {
            waiting.push((order, wanted));
        }
    }
    if waiting.is_empty() {
        let detail = format!("no order of \"{name}\" waits for TXT records");
        return Err(LifecycleError::new(ProblemCode::Conflict, detail));
    }
    if confirmation == Confirmation::Seen {
        let wanted: Vec<_> = waiting.iter().flat_map(|(_, wanted)| wanted).collect();
        look(console, &wanted).await.map_err(unseen)?;
    }
    let mut tx = console.db.begin_write().await?;
    for (order, _) in &waiting {
        tx.confirm_manual_challenges(order.id).await?;
        let now = tx.now();
        tx.enqueue_job(ORDER_JOB, &order.id.to_string(), now)
            .await?;
    }
    tx.commit().await?;
    console.bells.orders.notify_one();
    tracing::info!(
        certificate.name = name,
        actor = actor.as_str(),
        "TXT records were confirmed"
    );
    challenges(console, name).await
}

fn unseen(why: String) -> LifecycleError {
    Problem::new(
        ProblemCode::Conflict,
        format!("the records cannot be seen yet: {why}"),
    )
    .with_remedy(
        "Wait until the name servers show them; if this Console cannot see them where the CA does, confirm with force.",
    )
    .into()
}
