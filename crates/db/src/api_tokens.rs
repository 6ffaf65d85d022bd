//! Tokens that programs log in with; found by the hash of their secret, which is stored nowhere.

use evercert_types::{TokenId, UserId};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::row::Fields as _;
use crate::{Db, DbError, Tx};

/// An API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// Who made it.
    pub user_id: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not usable after.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// An API token to be made.
#[derive(Clone, Debug)]
pub struct NewApiToken<'a> {
    /// What it is for.
    pub name: &'a str,
    /// SHA-256 of its text.
    pub secret_hash: &'a str,
    /// What it may do.
    pub role: &'a str,
    /// Who makes it.
    pub user_id: UserId,
    /// Not usable after.
    pub expires_at: Option<Timestamp>,
}

impl Tx {
    /// Adds a token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_api_token(&mut self, token: &NewApiToken<'_>) -> Result<ApiToken, DbError> {
        let (id, now) = (TokenId::new(), self.now());
        let query = sqlx::query(
            "INSERT INTO api_tokens (id, name, secret_hash, role, user_id, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id.to_string())
        .bind(token.name)
        .bind(token.secret_hash)
        .bind(token.role)
        .bind(token.user_id.to_string())
        .bind(now.as_second())
        .bind(token.expires_at.map(Timestamp::as_second));
        self.execute("adding an API token", query).await?;
        Ok(ApiToken {
            id,
            name: token.name.to_owned(),
            role: token.role.to_owned(),
            user_id: token.user_id,
            created_at: now,
            expires_at: token.expires_at,
            last_used_at: None,
        })
    }

    /// Withdraws a token; returns it, or none when there is no such token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_api_token(&mut self, id: TokenId) -> Result<Option<ApiToken>, DbError> {
        let query = sqlx::query(
            "DELETE FROM api_tokens WHERE id = $1 \
             RETURNING id, name, role, user_id, created_at, expires_at, last_used_at",
        )
        .bind(id.to_string());
        let row = self.one("removing an API token", query).await?;
        row.as_ref().map(read_token).transpose()
    }
}

impl Db {
    /// The token of a text's hash whose maker may still log in; expiry is the caller's to judge.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_token_by_hash(&self, secret_hash: &str) -> Result<Option<ApiToken>, DbError> {
        let query = sqlx::query(
            "SELECT t.id, t.name, t.role, t.user_id, t.created_at, t.expires_at, t.last_used_at \
             FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.secret_hash = $1 AND u.disabled = 0",
        )
        .bind(secret_hash);
        let row = self.one("reading an API token", query).await?;
        row.as_ref().map(read_token).transpose()
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, DbError> {
        let query = sqlx::query(
            "SELECT id, name, role, user_id, created_at, expires_at, last_used_at FROM api_tokens \
             ORDER BY created_at, id",
        );
        let rows = self.rows("reading the API tokens", query).await?;
        rows.iter().map(read_token).collect()
    }

    /// Writes down that a token was used now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touch_api_token(&self, id: TokenId) -> Result<(), DbError> {
        let query = sqlx::query("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(self.now().as_second());
        self.execute("noting the use of an API token", query)
            .await?;
        Ok(())
    }
}

fn read_token(row: &AnyRow) -> Result<ApiToken, DbError> {
    Ok(ApiToken {
        id: row.parse("id")?,
        name: row.text("name")?,
        role: row.text("role")?,
        user_id: row.parse("user_id")?,
        created_at: row.time("created_at")?,
        expires_at: row.opt_time("expires_at")?,
        last_used_at: row.opt_time("last_used_at")?,
    })
}
