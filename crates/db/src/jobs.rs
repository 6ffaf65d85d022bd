//! Background work: a row says what and when; a lease says who is at it.
//!
//! A job names its kind and its subject and nothing else: the worker reads the state it acts on. There
//! is one job for each `(kind, subject)`. A lease that runs out, or that its own node gives up at start
//! ([`Db::release_own_jobs`]), makes the job claimable again, so a killed Console loses nothing. Claims are not synced
//! to the disk one by one: who drives an order lives no longer than the power does.

use evercert_types::JobId;
use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::Fields as _;

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What to do, such as `order`.
    pub kind: String,
    /// To what: an id in text form.
    pub subject: String,
    /// How often it was claimed since it last rested, this time included.
    pub attempt: i64,
    /// When it was to run.
    pub run_at: Timestamp,
}

const CLAIM_SQLITE: &str = "UPDATE jobs SET lease_owner = $1, lease_until = $2, attempt = attempt + 1 \
     WHERE id IN (SELECT id FROM jobs WHERE run_at <= $3 AND (lease_until IS NULL OR lease_until < $3) \
     ORDER BY run_at, id LIMIT $4) RETURNING id, kind, subject, attempt, run_at";
const CLAIM_POSTGRES: &str = "UPDATE jobs SET lease_owner = $1, lease_until = $2, attempt = attempt + 1 \
     WHERE id IN (SELECT id FROM jobs WHERE run_at <= $3 AND (lease_until IS NULL OR lease_until < $3) \
     ORDER BY run_at, id LIMIT $4 FOR UPDATE SKIP LOCKED) RETURNING id, kind, subject, attempt, run_at";

impl Tx {
    /// Plans a job; when it is planned already, the earlier time wins.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn enqueue_job(
        &mut self,
        kind: &str,
        subject: &str,
        run_at: Timestamp,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO jobs (id, kind, subject, run_at, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (kind, subject) DO UPDATE SET run_at = \
             CASE WHEN jobs.run_at < excluded.run_at THEN jobs.run_at ELSE excluded.run_at END",
        )
        .bind(JobId::new().to_string())
        .bind(kind.to_owned())
        .bind(subject.to_owned())
        .bind(run_at.as_second())
        .bind(self.now().as_second());
        self.execute("planning a job", query).await.map(drop)
    }

    /// Removes a job, whoever is at it, as part of a unit of work that makes it pointless.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn remove_job(&mut self, kind: &str, subject: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM jobs WHERE kind = $1 AND subject = $2")
            .bind(kind.to_owned())
            .bind(subject.to_owned());
        self.execute("removing a job", query).await.map(drop)
    }
}

impl Db {
    /// Claims up to `limit` due jobs for `owner`, the longest due first, each until `lease` from now.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn claim_jobs(
        &self,
        owner: &str,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Job>, DbError> {
        let now = self.now().as_second();
        let query = sqlx::query(self.engine().choose(CLAIM_SQLITE, CLAIM_POSTGRES))
            .bind(owner.to_owned())
            .bind(now.saturating_add(lease.as_secs()))
            .bind(now)
            .bind(i64::from(limit));
        let rows = self.execute_step_returning("claiming jobs", query).await?;
        let mut jobs = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        jobs.sort_by_key(|job| (job.run_at, job.id));
        Ok(jobs)
    }

    /// Keeps a claimed job for another `lease`; `false` when it is not `owner`'s any more.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn renew_job_lease(
        &self,
        id: JobId,
        owner: &str,
        lease: SignedDuration,
    ) -> Result<bool, DbError> {
        let query =
            sqlx::query("UPDATE jobs SET lease_until = $3 WHERE id = $1 AND lease_owner = $2")
                .bind(id.to_string())
                .bind(owner.to_owned())
                .bind(self.now().as_second().saturating_add(lease.as_secs()));
        Ok(self
            .execute_step("renewing the lease of a job", query)
            .await?
            == 1)
    }

    /// Ends a claimed job for good; `false` when it is not `owner`'s any more.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn finish_job(&self, id: JobId, owner: &str) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM jobs WHERE id = $1 AND lease_owner = $2")
            .bind(id.to_string())
            .bind(owner.to_owned());
        Ok(self.execute_step("finishing a job", query).await? == 1)
    }

    /// Gives a claimed job back to be run again at `at`; `false` when it is not `owner`'s any more.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn retry_job_at(
        &self,
        id: JobId,
        owner: &str,
        at: Timestamp,
        error: &str,
    ) -> Result<bool, DbError> {
        let query = sqlx::query(
            "UPDATE jobs SET run_at = $3, lease_owner = NULL, lease_until = NULL, last_error = $4 \
             WHERE id = $1 AND lease_owner = $2",
        )
        .bind(id.to_string())
        .bind(owner.to_owned())
        .bind(at.as_second())
        .bind(error.to_owned());
        Ok(self.execute_step("giving a job back", query).await? == 1)
    }

    /// Gives up every lease of `owner`: what a Console does first when it starts again.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn release_own_jobs(&self, owner: &str) -> Result<u64, DbError> {
        let query = sqlx::query(
            "UPDATE jobs SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = $1",
        )
        .bind(owner.to_owned());
        self.execute("releasing the jobs of this node", query).await
    }
}

fn read(row: &AnyRow) -> Result<Job, DbError> {
    Ok(Job {
        id: row.parse("id")?,
        kind: row.text("kind")?,
        subject: row.text("subject")?,
        attempt: row.int("attempt")?,
        run_at: row.time("run_at")?,
    })
}
