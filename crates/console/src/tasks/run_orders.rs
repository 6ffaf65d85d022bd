//! Claims jobs and drives their orders, several at once; keeps each claim alive while its order is driven.

use std::time::Duration;

use evercert_db::DbError;
use evercert_db::jobs::Job;
use evercert_types::{JobId, OrderId, VersionId};
use jiff::SignedDuration;
use tokio::task::JoinSet;

use crate::lifecycle::issue::{self, Outcome};
use crate::lifecycle::plan::ORDER_JOB;
use crate::lifecycle::revoke_job::{self, REVOKE_JOB};
use crate::state::Console;

/// How long to leave a database alone that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Works until the shutdown, then gives its claims back.
pub(super) async fn run(console: Console) {
    let mut running = JoinSet::new();
    while !console.shutdown.is_cancelled() {
        let pause = match claim(&console, &mut running).await {
            Ok(()) => console.config.job_poll,
            Err(error) => {
                tracing::error!(
                    remedy = error.remedy(),
                    error = &error as &dyn std::error::Error,
                    "jobs cannot be claimed"
                );
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = console.shutdown.cancelled() => {}
            () = console.bells.orders.notified() => {}
            Some(_) = running.join_next() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    running.shutdown().await;
    if let Err(error) = console.db.release_own_jobs(&console.node).await {
        tracing::warn!(%error, "claims on jobs could not be given back; they run out by themselves");
    }
}

/// Drives every order that has something to do at this instant; answers how many times one was taken up.
pub(super) async fn run_ready(console: &Console) -> Result<usize, DbError> {
    let mut taken = 0;
    let mut running = JoinSet::new();
    loop {
        claim(console, &mut running).await?;
        let under_way = running.len();
        if under_way == 0 {
            return Ok(taken);
        }
        if running.join_next().await.is_some() {
            taken += 1;
        }
    }
}

async fn claim(console: &Console, running: &mut JoinSet<()>) -> Result<(), DbError> {
    while running.try_join_next().is_some() {}
    let free = console.config.workers.saturating_sub(running.len());
    let limit = u32::try_from(free).unwrap_or(u32::MAX);
    if limit == 0 {
        return Ok(());
    }
    let jobs = console
        .db
        .claim_jobs(&console.node, lease(console), limit)
        .await?;
    for job in jobs {
        running.spawn(work(console.clone(), job));
    }
    Ok(())
}

/// Drives the order of one job, and says in the job what became of it.
async fn work(console: Console, job: Job) {
    let outcome = tokio::select! {
        outcome = attempt(&console, &job) => outcome,
        () = keep_claim(&console, job.id) => Ok(Outcome::Lost),
    };
    let written = match outcome {
        Ok(Outcome::Finished) => console.db.finish_job(job.id, &console.node).await,
        Ok(Outcome::RetryAt(at, why)) => {
            console
                .db
                .retry_job_at(job.id, &console.node, at, &why)
                .await
        }
        Ok(Outcome::Lost) => {
            tracing::debug!(job.subject = job.subject, "another worker has the job");
            return;
        }
        Err(error) => {
            tracing::error!(
                job.subject = job.subject,
                remedy = error.remedy(),
                error = &error as &dyn std::error::Error,
                "an order could not go on; it is tried again"
            );
            tokio::time::sleep(AFTER_FAILURE).await;
            let soon = console.now() + SignedDuration::from_secs(5);
            let why = error.to_string();
            console
                .db
                .retry_job_at(job.id, &console.node, soon, &why)
                .await
        }
    };
    if let Err(error) = written {
        tracing::error!(job.subject = job.subject, %error, "a job's end could not be written; its claim runs out");
    }
}

async fn attempt(console: &Console, job: &Job) -> Result<Outcome, DbError> {
    match (job.kind.as_str(), job.subject.parse::<OrderId>()) {
        (ORDER_JOB, Ok(id)) => issue::drive(console, id).await,
        (REVOKE_JOB, _) if let Ok(id) = job.subject.parse::<VersionId>() => {
            revoke_job::drive(console, id).await
        }
        _ => {
            tracing::error!(
                job.kind = job.kind,
                job.subject = job.subject,
                "nobody knows this kind of job"
            );
            Ok(Outcome::Finished)
        }
    }
}

/// Returns when the claim is lost.
async fn keep_claim(console: &Console, id: JobId) {
    let every = console.config.job_lease / 3;
    loop {
        tokio::time::sleep(every).await;
        match console
            .db
            .renew_job_lease(id, &console.node, lease(console))
            .await
        {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "a claim could not be renewed"),
        }
    }
}

fn lease(console: &Console) -> SignedDuration {
    SignedDuration::try_from(console.config.job_lease).unwrap_or(SignedDuration::from_mins(1))
}
