//! Responses to http-01 and tls-alpn-01, as instances and Consoles show them to the CA.
//!
//! Each takes a revision of its own counter, in the transaction that writes it: who has read the table at a
//! revision has every response up to it. The counter never falls behind the clock, so that an instance that
//! was told a later revision by a database since restored is not taken for one that has everything.

use evercert_types::{OrderId, Selector};
use jiff::Timestamp;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};
use crate::store_items::CHALLENGES;

/// A response to be shown.
#[derive(Clone, Debug)]
pub struct NewChallengeResponse<'a> {
    /// For which order.
    pub order_id: OrderId,
    /// `http-01` or `tls-alpn-01`.
    pub kind: &'a str,
    /// The DNS name or IP address.
    pub identifier: &'a str,
    /// The challenge's token.
    pub token: &'a str,
    /// Token and thumbprint (RFC 8555 §8.1).
    pub key_authorization: &'a str,
    /// Which instances show it.
    pub selector: &'a Selector,
    /// When nobody shows it any more.
    pub expires_at: Timestamp,
}

/// A response that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeResponse {
    /// Its id.
    pub id: String,
    /// For which order.
    pub order_id: OrderId,
    /// `http-01` or `tls-alpn-01`.
    pub kind: String,
    /// The DNS name or IP address.
    pub identifier: String,
    /// The challenge's token.
    pub token: String,
    /// Token and thumbprint (RFC 8555 §8.1).
    pub key_authorization: String,
    /// Which instances show it.
    pub selector: Selector,
    /// The revision it took.
    pub revision: i64,
    /// When nobody shows it any more.
    pub expires_at: Timestamp,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, order_id, kind, identifier, token, key_authorization, selector, revision, expires_at \
             FROM challenge_responses ",
            $tail
        )
    };
}

impl Tx {
    /// Writes a response; one of the same order, kind and identifier is replaced when its token is another.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn publish_challenge(
        &mut self,
        new: &NewChallengeResponse<'_>,
    ) -> Result<(), DbError> {
        let revision = self.next_challenge_revision().await?;
        let query = sqlx::query(
            "INSERT INTO challenge_responses (id, order_id, kind, identifier, token, key_authorization, selector, \
             revision, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (order_id, kind, identifier) DO UPDATE SET token = excluded.token, \
             key_authorization = excluded.key_authorization, revision = excluded.revision, \
             expires_at = excluded.expires_at \
             WHERE challenge_responses.key_authorization <> excluded.key_authorization",
        )
        .bind(Uuid::now_v7().simple().to_string())
        .bind(new.order_id.to_string())
        .bind(new.kind)
        .bind(new.identifier)
        .bind(new.token)
        .bind(new.key_authorization)
        .bind(to_json(new.selector)?)
        .bind(revision)
        .bind(self.now().as_second())
        .bind(new.expires_at.as_second());
        self.execute("publishing a response to a challenge", query)
            .await
            .map(drop)
    }

    /// Removes an order's responses; how many there were.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn withdraw_challenges(&mut self, order_id: OrderId) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM challenge_responses WHERE order_id = $1")
            .bind(order_id.to_string());
        let gone = self
            .execute("withdrawing responses to challenges", query)
            .await?;
        if gone > 0 {
            self.next_challenge_revision().await?;
        }
        Ok(gone)
    }

    /// Removes responses that no running order needs, or whose time is over; how many there were.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn sweep_challenges(&mut self) -> Result<u64, DbError> {
        let query = sqlx::query(
            "DELETE FROM challenge_responses WHERE expires_at <= $1 OR NOT EXISTS \
             (SELECT 1 FROM orders o WHERE o.id = challenge_responses.order_id AND o.finished_at IS NULL)",
        )
        .bind(self.now().as_second());
        let gone = self
            .execute("sweeping responses to challenges", query)
            .await?;
        if gone > 0 {
            self.next_challenge_revision().await?;
        }
        Ok(gone)
    }

    async fn next_challenge_revision(&mut self) -> Result<i64, DbError> {
        let now = self.now();
        let query = sqlx::query(
            "INSERT INTO store_state (store, epoch, revision) VALUES ($1, $2, $3) \
             ON CONFLICT (store) DO UPDATE SET revision = CASE WHEN store_state.revision < excluded.revision \
             THEN excluded.revision ELSE store_state.revision + 1 END RETURNING revision",
        )
        .bind(CHALLENGES)
        .bind(now.as_second())
        .bind(now.as_millisecond());
        let row = self.one("taking the next revision", query).await?;
        row.ok_or_else(|| {
            DbError::inconsistent("taking the next revision", "no revision came back")
        })?
        .int("revision")
    }
}

impl Db {
    /// All responses, oldest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn challenge_responses(&self) -> Result<Vec<ChallengeResponse>, DbError> {
        let query = sqlx::query(select!("ORDER BY revision"));
        let rows = self
            .rows("reading the responses to challenges", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// An order's responses.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn challenges_of(&self, id: OrderId) -> Result<Vec<ChallengeResponse>, DbError> {
        let query =
            sqlx::query(select!("WHERE order_id = $1 ORDER BY revision")).bind(id.to_string());
        let rows = self
            .rows("reading the responses to challenges", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// The responses to http-01 with a token whose time is not over.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn challenges_with_token(
        &self,
        token: &str,
    ) -> Result<Vec<ChallengeResponse>, DbError> {
        let query = sqlx::query(select!(
            "WHERE token = $1 AND kind = 'http-01' AND expires_at > $2"
        ))
        .bind(token)
        .bind(self.now().as_second());
        let rows = self
            .rows("looking for a response to a challenge", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// The responses to tls-alpn-01 for an identifier whose time is not over, newest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn challenges_for_handshake(
        &self,
        identifier: &str,
    ) -> Result<Vec<ChallengeResponse>, DbError> {
        let query = sqlx::query(select!(
            "WHERE identifier = $1 AND kind = 'tls-alpn-01' AND expires_at > $2 ORDER BY revision DESC"
        ))
        .bind(identifier)
        .bind(self.now().as_second());
        let rows = self
            .rows("looking for a response to a challenge", query)
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<ChallengeResponse, DbError> {
    Ok(ChallengeResponse {
        id: row.text("id")?,
        order_id: row.parse("order_id")?,
        kind: row.text("kind")?,
        identifier: row.text("identifier")?,
        token: row.text("token")?,
        key_authorization: row.text("key_authorization")?,
        selector: row.json("selector")?,
        revision: row.int("revision")?,
        expires_at: row.time("expires_at")?,
    })
}
