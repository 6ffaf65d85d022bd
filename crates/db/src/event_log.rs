//! The issuance and renewal log as a whole, for people who look for something in it.

use evercert_types::OperationId;

use crate::db::Db;
use crate::error::DbError;
use crate::events::{Event, Level, read};

/// Which events a list is to hold; absent parts do not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter<'a> {
    /// Those of the certificate of this name.
    pub certificate: Option<&'a str>,
    /// Those of this operation.
    pub operation: Option<OperationId>,
    /// Those at least so grave.
    pub level: Option<Level>,
    /// Those older than the event of this id.
    pub before: Option<&'a str>,
    /// How many at most.
    pub limit: u32,
}

impl Db {
    /// Events, newest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn events(&self, filter: EventFilter<'_>) -> Result<Vec<Event>, DbError> {
        let query = sqlx::query(
            "SELECT id, at_ms, certificate_id, certificate_name, order_id, operation_id, kind, level, \
               message, detail FROM events \
             WHERE ($1 IS NULL OR certificate_name = $1) AND ($2 IS NULL OR operation_id = $2) \
               AND ($3 = 0 OR level = 'error' OR ($3 = 1 AND level = 'warn')) \
               AND ($4 IS NULL OR id < $4) ORDER BY id DESC LIMIT $5",
        )
        .bind(filter.certificate.map(str::to_owned))
        .bind(filter.operation.map(|id| id.to_string()))
        .bind(match filter.level {
            None | Some(Level::Info) => 0i64,
            Some(Level::Warn) => 1,
            Some(Level::Error) => 2,
        })
        .bind(filter.before.map(str::to_owned))
        .bind(i64::from(filter.limit));
        let rows = self.rows("reading the log", query).await?;
        rows.iter().map(read).collect()
    }
}
