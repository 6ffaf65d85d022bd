//! What instances report: a watermark and exceptions, written only when they changed.
//!
//! Reports that arrive together are written in one transaction, and each call is answered once its own is
//! committed. Counts of handshakes are at-least-once: an instance sends a count again only when the call
//! that carried it failed, so an acknowledged count is added once; one whose acknowledgement was lost on
//! the way may be added twice.

use std::sync::Arc;
use std::time::Duration;

use evercert_api::sync::{
    Agent, Applied, ChallengesHeld, Cursor, ItemId, ItemObserved, ItemProblem,
};
use evercert_api::{Problem, ProblemCode};
use evercert_db::instance_items::ItemException;
use evercert_db::instances::{InstanceReport, Watermark};
use evercert_db::{Db, DbError, Tx};
use evercert_types::{ItemState, SharedClock};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Store;
use super::registry::{Member, Said};
use crate::problem::database_problem;

/// How often it is written down when instances were last heard of.
const SEEN_EVERY: Duration = Duration::from_secs(30);
/// How many reports are written in one transaction.
const AT_ONCE: usize = 128;
/// How many reports may wait; beyond, calls wait to get in.
const WAITING: usize = 4096;
/// How many exceptions one report may name.
const MAX_PROBLEMS: usize = 20_000;
/// How much of an exception's text is kept, in characters.
const MAX_TEXT: usize = 500;

/// Takes reports.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    queue: mpsc::Sender<Pending>,
    clock: SharedClock,
}

/// What has to be written.
#[derive(Debug)]
struct Report {
    agent_version: String,
    boot: String,
    watermark: Watermark,
    /// All exceptions, when they changed.
    problems: Option<Vec<ItemProblem>>,
    observed: Vec<ItemObserved>,
}

#[derive(Debug)]
struct Pending {
    member: Arc<Member>,
    report: Report,
    done: oneshot::Sender<Result<(), Problem>>,
}

impl Reports {
    /// Takes reports, and the writer that must be run.
    pub(crate) fn new(
        store: Arc<Store>,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, pending) = mpsc::channel(WAITING);
        let clock = store.clock.clone();
        (Self { queue, clock }, write_all(store, pending, stop))
    }

    /// Writes a report down if it says anything new.
    ///
    /// # Errors
    /// When the report is too large, or could not be written.
    pub(crate) async fn record(
        &self,
        store: &Store,
        member: &Arc<Member>,
        agent: &Agent,
        have: &Cursor,
        applied: Applied,
        challenges: Option<ChallengesHeld>,
    ) -> Result<(), Problem> {
        if applied.problems.len() > MAX_PROBLEMS || applied.observed.len() > MAX_PROBLEMS {
            return Err(
                Problem::new(ProblemCode::Invalid, "the report names too many items")
                    .at("/applied"),
            );
        }
        let now = self.clock.now();
        let report = member.said(|said| {
            said.seen = Some(now);
            let mut watermark = watermark(have, &applied);
            watermark.challenge_revision = challenges.map(|held| held.revision);
            watermark.contact_secs = challenges.map(|held| held.contact_secs.into());
            news(said, agent, watermark, applied, |id| {
                store.item(id).is_some()
            })
        });
        let Some(report) = report else { return Ok(()) };
        let (done, written) = oneshot::channel();
        let pending = Pending {
            member: member.clone(),
            report,
            done,
        };
        let stopping = || Problem::new(ProblemCode::DatabaseUnavailable, "the Console is stopping");
        self.queue.send(pending).await.map_err(|_| stopping())?;
        written.await.map_err(|_| stopping())?
    }
}

fn watermark(have: &Cursor, applied: &Applied) -> Watermark {
    Watermark {
        epoch: have.epoch,
        revision: applied.revision,
        digest: Some(have.digest.to_string()),
        ..Watermark::default()
    }
}

/// What of a report is new; nothing at all is the usual case.
fn news(
    said: &Said,
    agent: &Agent,
    watermark: Watermark,
    applied: Applied,
    is_known: impl Fn(&ItemId) -> bool,
) -> Option<Report> {
    let problems: Vec<ItemProblem> = applied
        .problems
        .into_iter()
        .filter_map(acceptable)
        .collect();
    let problems = (said.problems.as_ref() != Some(&problems)).then_some(problems);
    let observed: Vec<ItemObserved> = applied
        .observed
        .into_iter()
        .filter(|seen| seen.handshakes > 0 && is_known(&seen.id))
        .collect();
    let (agent_version, boot) = (short(&agent.version), short(&agent.boot));
    let same =
        said.watermark == watermark && said.boot == boot && said.agent_version == agent_version;
    if same && problems.is_none() && observed.is_empty() {
        return None;
    }
    Some(Report {
        agent_version,
        boot,
        watermark,
        problems,
        observed,
    })
}

/// An exception says that an item is staged or rejected; anything else is none.
fn acceptable(mut problem: ItemProblem) -> Option<ItemProblem> {
    if !matches!(problem.state, ItemState::Staged | ItemState::Rejected) {
        return None;
    }
    problem.code = short(&problem.code);
    problem.detail = short(&problem.detail);
    Some(problem)
}

/// Text from outside, cut, and without characters that a database or terminal minds.
fn short(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT)
        .collect()
}

async fn write_all(
    store: Arc<Store>,
    mut pending: mpsc::Receiver<Pending>,
    stop: CancellationToken,
) {
    let mut every = tokio::time::interval(SEEN_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut some = Vec::with_capacity(AT_ONCE);
    let mut closing = false;
    loop {
        tokio::select! {
            biased;
            taken = pending.recv_many(&mut some, AT_ONCE) => {
                if taken == 0 {
                    break;
                }
                write_some(&store.db, std::mem::take(&mut some)).await;
            }
            _ = every.tick() => write_seen(&store).await,
            () = stop.cancelled(), if !closing => {
                closing = true;
                pending.close();
            }
        }
    }
    write_seen(&store).await;
}

async fn write_some(db: &Db, some: Vec<Pending>) {
    let written = match write(db, &some).await {
        Ok(()) => Ok(()),
        Err(error) => Err(database_problem(&error)),
    };
    for Pending {
        member,
        report,
        done,
    } in some
    {
        if written.is_ok() {
            member.said(|said| remember(said, report));
        }
        // Who asked may have gone; then nobody needs the answer.
        drop(done.send(written.clone()));
    }
}

async fn write(db: &Db, some: &[Pending]) -> Result<(), DbError> {
    let mut tx = db.begin_write().await?;
    for pending in some {
        write_one(&mut tx, pending).await?;
    }
    tx.commit().await
}

async fn write_one(tx: &mut Tx, Pending { member, report, .. }: &Pending) -> Result<(), DbError> {
    let told = InstanceReport {
        agent_version: &report.agent_version,
        boot: &report.boot,
        watermark: &report.watermark,
    };
    if !tx.record_instance(member.id, &told).await? {
        return Ok(());
    }
    if let Some(problems) = &report.problems {
        let ids: Vec<String> = problems
            .iter()
            .map(|problem| problem.id.to_string())
            .collect();
        let exceptions: Vec<ItemException<'_>> = problems
            .iter()
            .zip(&ids)
            .map(|(problem, id)| exception(problem, id))
            .collect();
        tx.replace_item_exceptions(member.id, &exceptions).await?;
    }
    for seen in &report.observed {
        let handshakes = i64::try_from(seen.handshakes)
            .unwrap_or(i64::MAX >> 20)
            .min(i64::MAX >> 20);
        tx.add_item_handshakes(member.id, &seen.id.to_string(), seen.generation, handshakes)
            .await?;
    }
    Ok(())
}

fn exception<'a>(problem: &'a ItemProblem, item_id: &'a str) -> ItemException<'a> {
    ItemException {
        item_id,
        generation: problem.generation,
        state: problem.state,
        code: &problem.code,
        detail: &problem.detail,
    }
}

fn remember(said: &mut Said, report: Report) {
    said.agent_version = report.agent_version;
    said.boot = report.boot;
    said.watermark = report.watermark;
    said.seen_written = said.seen;
    if let Some(problems) = report.problems {
        said.problems = Some(problems);
    }
}

async fn write_seen(store: &Store) {
    let unwritten = store.registry.unwritten();
    if unwritten.is_empty() {
        return;
    }
    let result = async {
        let mut tx = store.db.begin_write().await?;
        for (member, seen) in &unwritten {
            tx.touch_instance(member.id, *seen).await?;
        }
        tx.commit().await
    };
    match result.await {
        Ok(()) => unwritten
            .iter()
            .for_each(|(member, seen)| member.said(|said| said.seen_written = Some(*seen))),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "it could not be written down when instances were last heard of"
        ),
    }
}
