//! One-time tokens that make an instance; found by the hash of their secret, which is stored nowhere.

use evercert_types::{InstanceId, Labels, TokenId};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::row::{Fields as _, to_json};
use crate::{Db, DbError, Tx};

/// An enrolment token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrollmentToken {
    /// Its id.
    pub id: TokenId,
    /// What labels its instance gets.
    pub labels: Labels,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not usable after.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// The instance it made.
    pub instance_id: Option<InstanceId>,
}

const COLUMNS_RETURNED: &str = "UPDATE enrollment_tokens SET used_at = $2, instance_id = $3 \
     WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > $2 \
     RETURNING id, labels, created_by, created_at, expires_at, used_at, instance_id";

impl Tx {
    /// Adds a token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_enrollment_token(
        &mut self,
        secret_hash: &str,
        labels: &Labels,
        created_by: &str,
        expires_at: Timestamp,
    ) -> Result<TokenId, DbError> {
        let id = TokenId::new();
        let query = sqlx::query(
            "INSERT INTO enrollment_tokens (id, secret_hash, labels, created_by, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.to_string())
        .bind(secret_hash)
        .bind(to_json(labels)?)
        .bind(created_by)
        .bind(self.now().as_second())
        .bind(expires_at.as_second());
        self.execute("adding an enrolment token", query).await?;
        Ok(id)
    }

    /// Uses a token up for an instance: of any number of callers one gets it, and only before its end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_enrollment_token(
        &mut self,
        secret_hash: &str,
        instance_id: InstanceId,
    ) -> Result<Option<EnrollmentToken>, DbError> {
        let query = sqlx::query(COLUMNS_RETURNED)
            .bind(secret_hash)
            .bind(self.now().as_second())
            .bind(instance_id.to_string());
        let row = self.one("using an enrolment token", query).await?;
        row.as_ref().map(read_token).transpose()
    }

    /// Withdraws an unused token; false when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_enrollment_token(&mut self, id: TokenId) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM enrollment_tokens WHERE id = $1 AND used_at IS NULL")
            .bind(id.to_string());
        let done = self.execute("removing an enrolment token", query).await?;
        Ok(done == 1)
    }
}

impl Db {
    /// The tokens that can still be used, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_enrollment_tokens(&self) -> Result<Vec<EnrollmentToken>, DbError> {
        let query = sqlx::query(
            "SELECT id, labels, created_by, created_at, expires_at, used_at, instance_id FROM enrollment_tokens \
             WHERE used_at IS NULL AND expires_at > $1 ORDER BY created_at, id",
        )
        .bind(self.now().as_second());
        let rows = self.rows("reading the enrolment tokens", query).await?;
        rows.iter().map(read_token).collect()
    }

    /// Forgets tokens that ended, or were used, before a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_stale_enrollment_tokens(&self, before: Timestamp) -> Result<u64, DbError> {
        let query =
            sqlx::query("DELETE FROM enrollment_tokens WHERE expires_at < $1 OR used_at < $1")
                .bind(before.as_second());
        let done = self
            .execute("forgetting old enrolment tokens", query)
            .await?;
        Ok(done)
    }
}

fn read_token(row: &AnyRow) -> Result<EnrollmentToken, DbError> {
    Ok(EnrollmentToken {
        id: row.parse("id")?,
        labels: row.json("labels")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        used_at: row.opt_time("used_at")?,
        instance_id: row.opt_parse("instance_id")?,
    })
}
