//! Revocations: asked for, perhaps waiting for a replacement, carried out at the CA, done.
//!
//! The leaf is kept here, so that neither pruning nor deletion of the certificate loses what is to be revoked.

use evercert_types::{CertificateId, KeyAlgorithm, OperationId, VendorId, VersionId};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};

/// A version that is to be, or was, revoked at its CA.
#[derive(Clone, Debug, PartialEq)]
pub struct Revocation {
    /// The version.
    pub version_id: VersionId,
    /// Its certificate, whether or not it is still there.
    pub certificate_id: CertificateId,
    /// Its certificate's name.
    pub certificate_name: String,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Its generation.
    pub generation: i64,
    /// The operation that asked for it.
    pub operation_id: OperationId,
    /// At which CA.
    pub vendor_id: VendorId,
    /// The leaf, in PEM.
    pub leaf_pem: String,
    /// Why, as the API names it.
    pub reason: String,
    /// How far it is.
    pub state: RevocationState,
    /// Attempts that failed.
    pub attempts: u32,
    /// What the last of them failed with, as JSON of the API.
    pub error: Option<Value>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
}

/// How far a revocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationState {
    /// Until another version is in force.
    Waiting,
    /// To be carried out now.
    Pending,
    /// The CA has revoked it.
    Done,
    /// Given up.
    Failed,
}

impl RevocationState {
    /// The text kept in the database and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will happen to it.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

impl std::str::FromStr for RevocationState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Waiting, Self::Pending, Self::Done, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("\"{text}\" is not a state of a revocation"))
    }
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT version_id, certificate_id, certificate_name, algorithm, generation, operation_id, \
             vendor_id, leaf_pem, reason, state, attempts, error, created_at, finished_at FROM revocations ",
            $tail
        )
    };
}

impl Tx {
    /// Asks for a revocation; `false` when one of this version was asked for already and was not given up.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn insert_revocation(&mut self, revocation: &Revocation) -> Result<bool, DbError> {
        let query = sqlx::query(
            "INSERT INTO revocations (version_id, certificate_id, certificate_name, algorithm, generation, \
             operation_id, vendor_id, leaf_pem, reason, state, attempts, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11) \
             ON CONFLICT (version_id) DO UPDATE SET operation_id = excluded.operation_id, \
             vendor_id = excluded.vendor_id, reason = excluded.reason, state = excluded.state, attempts = 0, \
             error = NULL, created_at = excluded.created_at, finished_at = NULL \
             WHERE revocations.state = 'failed'",
        )
        .bind(revocation.version_id.to_string())
        .bind(revocation.certificate_id.to_string())
        .bind(&revocation.certificate_name)
        .bind(revocation.algorithm.as_str())
        .bind(revocation.generation)
        .bind(revocation.operation_id.to_string())
        .bind(revocation.vendor_id.to_string())
        .bind(&revocation.leaf_pem)
        .bind(&revocation.reason)
        .bind(revocation.state.as_str())
        .bind(revocation.created_at.as_second());
        Ok(self.execute("saving a revocation", query).await? == 1)
    }

    /// Moves a revocation on, if it is still at `from`; `false` when another worker was faster.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn advance_revocation(
        &mut self,
        id: VersionId,
        from: RevocationState,
        to: RevocationState,
        error: Option<&Value>,
    ) -> Result<bool, DbError> {
        let finished = to.is_finished().then(|| self.now().as_second());
        let query = sqlx::query(
            "UPDATE revocations SET state = $3, error = $4, finished_at = $5 \
             WHERE version_id = $1 AND state = $2",
        )
        .bind(id.to_string())
        .bind(from.as_str())
        .bind(to.as_str())
        .bind(error.map(to_json).transpose()?)
        .bind(finished);
        Ok(self.execute("moving a revocation on", query).await? == 1)
    }

    /// Counts a failed attempt.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn note_revocation_failure(
        &mut self,
        id: VersionId,
        error: &Value,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE revocations SET attempts = attempts + 1, error = $2 WHERE version_id = $1",
        )
        .bind(id.to_string())
        .bind(to_json(error)?);
        self.execute("saving a failed revocation", query)
            .await
            .map(drop)
    }

    /// Marks a version as revoked, and every other one with the same leaf: it is never put into force again.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn mark_revoked(&mut self, id: VersionId) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE versions SET state = 'revoked' WHERE id = $1 OR fingerprint = \
             (SELECT v.fingerprint FROM versions v WHERE v.id = $1)",
        )
        .bind(id.to_string());
        self.execute("marking a version as revoked", query)
            .await
            .map(drop)
    }
}

impl Db {
    /// The revocation of a version.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn revocation(&self, id: VersionId) -> Result<Option<Revocation>, DbError> {
        let query = sqlx::query(select!("WHERE version_id = $1")).bind(id.to_string());
        let row = self.one("reading a revocation", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// The revocations that an operation asked for.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn revocations_of_operation(
        &self,
        id: OperationId,
    ) -> Result<Vec<Revocation>, DbError> {
        let query = sqlx::query(select!("WHERE operation_id = $1 ORDER BY version_id"))
            .bind(id.to_string());
        let rows = self.rows("reading revocations", query).await?;
        rows.iter().map(read).collect()
    }

    /// The revocations of a certificate's versions, and of other versions with the same leaf as one of these.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn revocations_of_certificate(
        &self,
        id: CertificateId,
    ) -> Result<Vec<Revocation>, DbError> {
        let query = sqlx::query(select!(
            "WHERE certificate_id = $1 OR version_id IN (SELECT o.id FROM versions o JOIN versions m \
             ON m.fingerprint = o.fingerprint WHERE m.certificate_id = $1) ORDER BY version_id"
        ))
        .bind(id.to_string());
        let rows = self.rows("reading revocations", query).await?;
        rows.iter().map(read).collect()
    }

    /// Revocations that need not wait any longer: no key of a certificate has the version in force.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn revocations_to_release(&self) -> Result<Vec<VersionId>, DbError> {
        let query = sqlx::query(
            "SELECT version_id FROM revocations WHERE state = 'waiting' AND NOT EXISTS \
             (SELECT 1 FROM certificate_slots s WHERE s.active_version_id = revocations.version_id)",
        );
        let rows = self
            .rows("looking for revocations to carry out", query)
            .await?;
        rows.iter().map(|row| row.parse("version_id")).collect()
    }

    /// Revocations to carry out that no job is for: what a repair plans again.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn revocations_without_job(&self, kind: &str) -> Result<Vec<VersionId>, DbError> {
        let query = sqlx::query(
            "SELECT r.version_id FROM revocations r WHERE r.state = 'pending' AND NOT EXISTS \
             (SELECT 1 FROM jobs j WHERE j.kind = $1 AND j.subject = r.version_id)",
        )
        .bind(kind);
        let rows = self
            .rows("looking for revocations without a job", query)
            .await?;
        rows.iter().map(|row| row.parse("version_id")).collect()
    }
}

fn read(row: &AnyRow) -> Result<Revocation, DbError> {
    let attempts = row.count("attempts")?;
    Ok(Revocation {
        version_id: row.parse("version_id")?,
        certificate_id: row.parse("certificate_id")?,
        certificate_name: row.text("certificate_name")?,
        algorithm: row.parse("algorithm")?,
        generation: row.int("generation")?,
        operation_id: row.parse("operation_id")?,
        vendor_id: row.parse("vendor_id")?,
        leaf_pem: row.text("leaf_pem")?,
        reason: row.text("reason")?,
        state: row.parse("state")?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        error: row.opt_json("error")?,
        created_at: row.time("created_at")?,
        finished_at: row.opt_time("finished_at")?,
    })
}
