//! The issuance and renewal log: one row for each thing that happened.

use evercert_types::{CertificateId, OperationId, OrderId};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id; later events have greater ones.
    pub id: String,
    /// When; resolution one millisecond.
    pub at: Timestamp,
    /// The certificate, while it exists.
    pub certificate_id: Option<CertificateId>,
    /// The certificate's name; stays after its deletion.
    pub certificate_name: String,
    /// The order it belongs to.
    pub order_id: Option<OrderId>,
    /// The operation it belongs to.
    pub operation_id: Option<OperationId>,
    /// Stable name, such as `order.published`.
    pub kind: String,
    /// `info`, `warn` or `error`.
    pub level: Level,
    /// In one sentence.
    pub message: String,
    /// Details as JSON.
    pub detail: Value,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Degraded; goes on by itself.
    Warn,
    /// Someone must act.
    Error,
}

impl Level {
    /// The text kept in the database and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| format!("\"{text}\" is not a level"))
    }
}

impl Event {
    /// An event about a certificate, now.
    pub fn new(
        at: Timestamp,
        certificate_id: CertificateId,
        certificate_name: &str,
        kind: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            id: Uuid::now_v7().simple().to_string(),
            at,
            certificate_id: Some(certificate_id),
            certificate_name: certificate_name.to_owned(),
            order_id: None,
            operation_id: None,
            kind: kind.to_owned(),
            level: Level::Info,
            message: message.into(),
            detail: Value::Object(serde_json::Map::new()),
        }
    }
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, at_ms, certificate_id, certificate_name, order_id, operation_id, kind, level, \
             message, detail FROM events ",
            $tail
        )
    };
}

impl Tx {
    /// Writes an event.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn add_event(&mut self, event: &Event) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO events (id, at_ms, certificate_id, certificate_name, order_id, operation_id, \
             kind, level, message, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&event.id)
        .bind(event.at.as_millisecond())
        .bind(event.certificate_id.map(|id| id.to_string()))
        .bind(&event.certificate_name)
        .bind(event.order_id.map(|id| id.to_string()))
        .bind(event.operation_id.map(|id| id.to_string()))
        .bind(&event.kind)
        .bind(event.level.as_str())
        .bind(&event.message)
        .bind(to_json(&event.detail)?);
        self.execute("writing an event", query).await.map(drop)
    }
}

impl Db {
    /// A certificate's events, newest first: at most `limit`, older than the event `before` if given.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn events_of_certificate(
        &self,
        name: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Event>, DbError> {
        let query = sqlx::query(select!(
            "WHERE certificate_name = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
        ))
        .bind(name)
        .bind(before.map(str::to_owned))
        .bind(i64::from(limit));
        let rows = self
            .rows("reading the events of a certificate", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// An operation's events, oldest first; at most 500.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn events_of_operation(&self, id: OperationId) -> Result<Vec<Event>, DbError> {
        let query = sqlx::query(select!("WHERE operation_id = $1 ORDER BY id LIMIT 500"))
            .bind(id.to_string());
        let rows = self
            .rows("reading the events of an operation", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Removes events older than `before`; answers how many.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn expire_events(&self, before: Timestamp) -> Result<u64, DbError> {
        let query =
            sqlx::query("DELETE FROM events WHERE at_ms < $1").bind(before.as_millisecond());
        self.execute("removing old events", query).await
    }
}

pub(crate) fn read(row: &AnyRow) -> Result<Event, DbError> {
    Ok(Event {
        id: row.text("id")?,
        at: row.time_ms("at_ms")?,
        certificate_id: row.opt_parse("certificate_id")?,
        certificate_name: row.text("certificate_name")?,
        order_id: row.opt_parse("order_id")?,
        operation_id: row.opt_parse("operation_id")?,
        kind: row.text("kind")?,
        level: row.parse("level")?,
        message: row.text("message")?,
        detail: row.json("detail")?,
    })
}
