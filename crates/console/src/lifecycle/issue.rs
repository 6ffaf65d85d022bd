//! Drives one order through its states: each step does one thing, and is persisted before the next begins.
//!
//! Before it: [`super::request`] or [`super::plan`] wrote the order and its job. After it: the
//! zero-touch stream carries the version to the instances. A step that was persisted is never done
//! again; a step that was not may have been done already when the process was killed, so every step can
//! be done twice. Where that costs nothing but the repetition, the step is not synced to the disk by itself
//! (`begin_step`): what must outlive the power are the request, the names of TXT values, the key, and the version in
//! force.

use evercert_acme::Account;
use evercert_db::certificates::Certificate;
use evercert_db::events::{Event, Level};
use evercert_db::orders::{Order, OrderChange};
use evercert_db::{DbError, Tx};
use evercert_types::{OrderId, OrderState};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::acme_clients;
use super::backoff::{Life, next_step, next_try};
use super::failure::{Class, Failure};
use super::ledger;
use super::policy::jitter_of;
use crate::state::Console;

/// Attempts at fetching or installing what the CA has issued, before it is ordered again.
const PATIENCE: u32 = 20;

/// How long the CA may work at one step of an order, where it is not known to need longer.
const LEAST_BUDGET: SignedDuration = SignedDuration::from_mins(15);

/// How long to leave alone what waits for another order.
const WAIT: SignedDuration = SignedDuration::from_secs(5);

/// What became of an order for now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It is done or failed; its job is over.
    Finished,
    /// It goes on from where it is, then.
    RetryAt(Timestamp, String),
    /// Another worker drives it.
    Lost,
}

/// Why a step did not lead to the next.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It failed.
    Failed(Failure),
    /// It cannot go on before another order has.
    Wait(&'static str),
    /// It cannot go on before then, which is no failure.
    Hold(Timestamp, Failure),
    /// It waits for people, and looks again then.
    Rest(Timestamp, String),
    /// Another worker drives the order.
    Lost,
    /// Nothing could be read or written.
    Database(DbError),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<DbError> for Halt {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

/// An order under way, with what is known about it beside the database.
#[derive(Debug)]
pub(crate) struct Drive<'a> {
    pub(crate) console: &'a Console,
    pub(crate) order: Order,
    pub(crate) certificate: Certificate,
    /// Whether the present state was found in the database: the next step may have been done already.
    pub(crate) resumed: bool,
    /// The order at the CA, as last read.
    pub(crate) at_ca: Option<evercert_acme::Order>,
}

/// What is told about a step.
pub(crate) struct Note {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) detail: Value,
}

impl Note {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: json!({}),
        }
    }

    #[must_use]
    pub(crate) fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}

/// Drives an order as far as it goes.
///
/// # Errors
/// When the database fails; the order is where it was persisted last.
pub(crate) async fn drive(console: &Console, id: OrderId) -> Result<Outcome, DbError> {
    let Some(mut drive) = Drive::load(console, id).await? else {
        return Ok(Outcome::Finished);
    };
    if drive.order.state == OrderState::Pending {
        console.pause_at(OrderState::Pending).await;
    }
    while !drive.order.state.is_finished() {
        match drive.step().await {
            Ok(()) => {}
            Err(Halt::Lost) => return Ok(Outcome::Lost),
            Err(Halt::Database(error)) => return Err(error),
            Err(Halt::Wait(why)) => {
                let later = console.now() + WAIT;
                return Ok(Outcome::RetryAt(later, why.to_owned()));
            }
            Err(Halt::Hold(until, failure)) => return drive.hold(until, &failure).await,
            Err(Halt::Rest(at, why)) => return Ok(Outcome::RetryAt(at, why)),
            Err(Halt::Failed(failure)) => return drive.failed(failure).await,
        }
    }
    Ok(Outcome::Finished)
}

impl<'a> Drive<'a> {
    async fn load(console: &'a Console, id: OrderId) -> Result<Option<Self>, DbError> {
        let Some(order) = console.db.order(id).await? else {
            return Ok(None);
        };
        let Some(certificate) = console.db.certificate(order.certificate_id).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            console,
            order,
            certificate,
            resumed: true,
            at_ca: None,
        }))
    }

    /// One step: from the persisted state to the next one.
    async fn step(&mut self) -> Result<(), Halt> {
        match self.order.state {
            OrderState::Pending => self.prepare().await,
            OrderState::Ordering => self.place().await,
            OrderState::Ordered => self.authorize().await,
            OrderState::Authorizing => self.publish().await,
            OrderState::Published => self.await_propagation().await,
            OrderState::Propagated => self.trigger().await,
            OrderState::Validating => self.await_validation().await,
            OrderState::Ready => self.make_key().await,
            OrderState::Keyed => self.finalize().await,
            OrderState::Finalizing => self.await_certificate().await,
            OrderState::Issued => self.download().await,
            OrderState::Downloaded => self.install().await,
            OrderState::Installed => self.clean_up().await,
            OrderState::Done | OrderState::Failed => Ok(()),
        }
    }

    /// The account the order is placed with.
    pub(crate) async fn account(&self) -> Result<Account, Failure> {
        acme_clients::account(self.console, self.order.vendor_id).await
    }

    /// Persists the next state, and whatever else is in the unit of work, with one line in the log.
    pub(crate) async fn persist(
        &mut self,
        mut tx: Tx,
        to: OrderState,
        change: OrderChange<'_>,
        note: Note,
    ) -> Result<(), Halt> {
        let from = self.order.state;
        let moved = match to {
            OrderState::Done => tx.finish_order(self.order.id, from, to, None).await?,
            _ => tx.advance_order(self.order.id, from, to, &change).await?,
        };
        if !moved {
            return Err(Halt::Lost);
        }
        tx.add_event(&self.event(note, Level::Info)).await?;
        tx.commit().await?;
        self.order.state = to;
        self.order.attempt = 0;
        self.resumed = false;
        remember(&mut self.order, &change);
        tracing::debug!(
            certificate.name = self.certificate.name,
            order.id = %self.order.id,
            order.state = %to,
            "order moved on"
        );
        self.console.pause_at(to).await;
        Ok(())
    }

    pub(crate) fn event(&self, note: Note, level: Level) -> Event {
        Event {
            order_id: Some(self.order.id),
            operation_id: Some(self.order.operation_id),
            level,
            detail: note.detail,
            ..Event::new(
                self.console.now(),
                self.certificate.id,
                &self.certificate.name,
                note.kind,
                note.message,
            )
        }
    }

    /// Decides what a failed step means: the same step again later, or the end of this order.
    async fn failed(&mut self, failure: Failure) -> Result<Outcome, DbError> {
        tracing::warn!(
            certificate.name = self.certificate.name,
            order.id = %self.order.id,
            order.state = %self.order.state,
            failure.stage = failure.stage.as_str(),
            failure.class = failure.class.as_str(),
            failure.code = failure.code,
            "{}", failure.message
        );
        let again = match failure.limited && self.stand_in(&failure).await?.is_some() {
            true => None,
            false => self.next_attempt(&failure).await?,
        };
        if let Some(at) = again {
            return self.wait_with_order(&failure, at).await;
        }
        let gave_up = self.give_up(&failure).await?;
        if gave_up {
            self.console.pause_at(OrderState::Failed).await;
            self.withdraw_values().await;
            self.abandon_authorizations(&failure).await;
        }
        Ok(if gave_up {
            Outcome::Finished
        } else {
            Outcome::Lost
        })
    }

    /// Leaves an order until then; said once, and counted nowhere.
    async fn hold(&self, until: Timestamp, failure: &Failure) -> Result<Outcome, DbError> {
        if self.stand_in(failure).await?.is_some() && self.give_up(failure).await? {
            return Ok(Outcome::Finished);
        }
        let error = failure.to_json();
        if self.order.error.as_ref() != Some(&error) {
            let note = Note::new("order.waiting", &failure.message)
                .with(json!({"error": error, "next_try": until}));
            let mut tx = self.console.db.begin_write().await?;
            tx.note_order_wait(self.order.id, &error).await?;
            tx.add_event(&self.event(note, Level::Info)).await?;
            tx.commit().await?;
        }
        Ok(Outcome::RetryAt(until, failure.message.clone()))
    }

    /// When to try the present step again; none when a new order is better, or nothing is.
    ///
    /// An order that the CA still has is worth coming back to; one never placed is not, unless the CA only wants less.
    async fn next_attempt(&self, failure: &Failure) -> Result<Option<Timestamp>, DbError> {
        let now = self.console.now();
        let passes = matches!(failure.class, Class::Transient | Class::CaOutage);
        let is_issued = self.order.state >= OrderState::Issued;
        let expired = self.order.expires_at.is_some_and(|at| at <= now);
        let gone = failure.order_lost || (expired && !is_issued);
        let wanted = self.order.order_url.is_some() || failure.limited;
        if !passes || gone || !wanted {
            return Ok(None);
        }
        let attempts = self.order.attempt + 1;
        let jitter = jitter_of(&self.order.id.to_string());
        if is_issued {
            // What was issued is worth more patience: the CA has counted it.
            let soon = next_step(failure, attempts, now, jitter);
            let later = || next_try(failure, attempts / 2, now, None, jitter);
            let at = soon.unwrap_or_else(later);
            return Ok(Some(at).filter(|_| attempts <= PATIENCE));
        }
        if failure.unfinished {
            let since = self.order.updated_at;
            let budget = self.budget().await?;
            let at = next_step(failure, attempts.min(7), now, jitter);
            return Ok(at.filter(|_| since.duration_until(now) < budget));
        }
        Ok(next_step(failure, attempts, now, jitter))
    }

    /// How long the CA may work at one step before a new order is made.
    async fn budget(&self) -> Result<SignedDuration, DbError> {
        let vendor = self.console.db.vendor(self.order.vendor_id).await?;
        let known = vendor.as_ref().and_then(ledger::rules::described);
        let known = known.and_then(|known| SignedDuration::try_from(known.finalize_limit).ok());
        Ok(known.unwrap_or(LEAST_BUDGET).max(LEAST_BUDGET))
    }

    async fn wait_with_order(&self, failure: &Failure, at: Timestamp) -> Result<Outcome, DbError> {
        let note = Note::new("order.waiting", &failure.message)
            .with(json!({"error": failure.to_json(), "next_try": at}));
        let mut tx = self.console.db.begin_write().await?;
        tx.note_order_failure(self.order.id, &failure.to_json())
            .await?;
        tx.add_event(&self.event(note, Level::Warn)).await?;
        tx.commit().await?;
        Ok(Outcome::RetryAt(at, failure.message.clone()))
    }

    async fn give_up(&self, failure: &Failure) -> Result<bool, DbError> {
        let (id, algorithm) = (self.certificate.id, self.order.algorithm);
        let slot = self.console.db.slot(id, algorithm).await?;
        let failures = slot.map_or(0, |slot| slot.failures) + 1;
        let at = self.next_try(failure, failures).await?;
        let error = failure.to_json();
        let stand_in = self.stand_in(failure).await?;
        let note = Note::new("order.failed", &failure.message).with(json!({
            "error": error, "next_try": at,
            "stands_in": stand_in.as_ref().map(|stand_in| stand_in.vendor_name()),
        }));
        let mut tx = self.console.db.begin_write().await?;
        // The slot first, then the order: as everyone does that locks both.
        tx.set_slot_failure(id, algorithm, at, &error).await?;
        self.settle_failed(&mut tx, failure).await?;
        let from = self.order.state;
        if !tx
            .finish_order(self.order.id, from, OrderState::Failed, Some(&error))
            .await?
        {
            return Ok(false);
        }
        tx.add_event(&self.event(note, Level::Error)).await?;
        if let Some(stand_in) = &stand_in {
            stand_in.order(&mut tx, self).await?;
        }
        tx.commit().await?;
        if stand_in.is_some() {
            self.console.bells.orders.notify_one();
        }
        Ok(true)
    }

    async fn next_try(&self, failure: &Failure, failures: u32) -> Result<Timestamp, DbError> {
        let (id, algorithm) = (self.certificate.id, self.order.algorithm);
        let slot = self.console.db.slot(id, algorithm).await?;
        let active = match slot.and_then(|slot| slot.active_version_id) {
            Some(version) => self.console.db.version(version).await?,
            None => None,
        };
        let life = active.map(|version| Life {
            not_before: version.not_before,
            not_after: version.not_after,
        });
        let jitter = jitter_of(&self.order.id.to_string());
        let at = next_try(failure, failures, self.console.now(), life, jitter);
        Ok(self.console.hasten(at))
    }
}

/// Keeps the loaded order as the database now has it.
fn remember(order: &mut Order, change: &OrderChange<'_>) {
    match change {
        OrderChange::Nothing => {}
        OrderChange::Ordered {
            url,
            finalize_url,
            expires_at,
        } => {
            order.order_url = Some((*url).to_owned());
            order.finalize_url = Some((*finalize_url).to_owned());
            order.expires_at = *expires_at;
        }
        OrderChange::Keyed { csr, .. } => order.csr = Some((*csr).to_owned()),
        OrderChange::Issued { certificate_url } => {
            order.certificate_url = Some((*certificate_url).to_owned());
        }
        OrderChange::Downloaded { chain_pem } => order.chain_pem = Some((*chain_pem).to_owned()),
    }
}
