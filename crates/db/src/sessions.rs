//! Who is logged in; a session is found by the hash of its secret, which is stored nowhere.

use evercert_types::UserId;
use jiff::Timestamp;

use crate::row::Fields as _;
use crate::{Db, DbError};

/// A log-in that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The user.
    pub user_id: UserId,
    /// The user's name.
    pub user_name: String,
    /// What the user may do.
    pub role: String,
    /// What a change made by cookie must carry.
    pub csrf: String,
    /// When it was last used, as far as that was written down.
    pub last_seen_at: Timestamp,
    /// Not usable after, whatever its use.
    pub expires_at: Timestamp,
}

impl Db {
    /// Writes down a new session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_session(
        &self,
        secret_hash: &str,
        user_id: UserId,
        csrf: &str,
        expires_at: Timestamp,
    ) -> Result<(), DbError> {
        let now = self.now().as_second();
        let query = sqlx::query(
            "INSERT INTO sessions (secret_hash, user_id, csrf, created_at, last_seen_at, expires_at) \
             VALUES ($1, $2, $3, $4, $4, $5)",
        )
        .bind(secret_hash)
        .bind(user_id.to_string())
        .bind(csrf)
        .bind(now)
        .bind(expires_at.as_second());
        self.execute("saving a session", query).await?;
        Ok(())
    }

    /// The session of a secret's hash whose user may log in; expiry is the caller's to judge.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, secret_hash: &str) -> Result<Option<Session>, DbError> {
        let query = sqlx::query(
            "SELECT s.user_id, u.name, u.role, s.csrf, s.last_seen_at, s.expires_at \
             FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.secret_hash = $1 AND u.disabled = 0",
        )
        .bind(secret_hash);
        let row = self.one("reading a session", query).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Session {
            user_id: row.parse("user_id")?,
            user_name: row.text("name")?,
            role: row.text("role")?,
            csrf: row.text("csrf")?,
            last_seen_at: row.time("last_seen_at")?,
            expires_at: row.time("expires_at")?,
        }))
    }

    /// Writes down that a session was used now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touch_session(&self, secret_hash: &str) -> Result<(), DbError> {
        let query = sqlx::query("UPDATE sessions SET last_seen_at = $2 WHERE secret_hash = $1")
            .bind(secret_hash)
            .bind(self.now().as_second());
        self.execute("noting the use of a session", query).await?;
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_session(&self, secret_hash: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM sessions WHERE secret_hash = $1").bind(secret_hash);
        self.execute("ending a session", query).await?;
        Ok(())
    }

    /// Forgets the sessions that cannot be used any more: past their end, or idle since before a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_stale_sessions(&self, idle_since: Timestamp) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM sessions WHERE expires_at <= $1 OR last_seen_at < $2")
            .bind(self.now().as_second())
            .bind(idle_since.as_second());
        let done = self.execute("forgetting old sessions", query).await?;
        Ok(done)
    }
}
