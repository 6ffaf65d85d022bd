//! The issuance and renewal log: every attempt, newest first, for people who look for one.

use evercert_types::{OrderId, OrderState, VendorId};
use jiff::Timestamp;

use crate::certificates::containing;
use crate::conditions::Conditions;
use crate::db::{Db, Query};
use crate::error::DbError;
use crate::events::{self, Event};
use crate::orders::{self, Order};
use crate::row::Fields as _;

/// Which attempts; absent parts do not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderFilter<'a> {
    /// Those of the certificate of this name.
    pub certificate: Option<&'a str>,
    /// Those at this vendor.
    pub vendor_id: Option<VendorId>,
    /// Those asked for by an operation of this kind: `issue` or `renew`.
    pub kind: Option<&'a str>,
    /// Those made for this reason.
    pub reason: Option<&'a str>,
    /// How they ended, or that they have not.
    pub outcome: Option<Outcome>,
    /// Those made at or after this.
    pub since: Option<Timestamp>,
    /// Those made before this.
    pub until: Option<Timestamp>,
    /// Those of whose steps or errors one contains this text (any case).
    pub search: Option<&'a str>,
    /// Those older than this one.
    pub before: Option<OrderId>,
    /// How many at most.
    pub limit: u32,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not yet.
    Running,
    /// With a version in force.
    Succeeded,
    /// It was given up.
    Failed,
}

/// An attempt, with what the log tells beside.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedOrder {
    /// The order.
    pub order: Order,
    /// Name of the certificate.
    pub certificate: String,
    /// Kind of the operation that asked for it.
    pub kind: String,
    /// Who asked.
    pub actor: String,
}

impl Db {
    /// Attempts, newest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn order_log(&self, filter: &OrderFilter<'_>) -> Result<Vec<LoggedOrder>, DbError> {
        let mut conditions = conditions(filter);
        if let Some(before) = filter.before {
            let place = conditions.text(before.to_string());
            conditions.and(&format!("o.id < {place}"));
        }
        let query = select(
            conditions,
            &format!(" ORDER BY o.id DESC LIMIT {}", filter.limit),
        );
        let rows = self.rows("reading the log of orders", query).await?;
        rows.iter().map(read).collect()
    }

    /// One attempt.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn logged_order(&self, id: OrderId) -> Result<Option<LoggedOrder>, DbError> {
        let mut conditions = Conditions::default();
        conditions.and_is("o.id", id.to_string());
        let row = self.one("reading an order", select(conditions, "")).await?;
        row.as_ref().map(read).transpose()
    }

    /// What happened in an attempt, oldest first; at most 1000.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn events_of_order(&self, id: OrderId) -> Result<Vec<Event>, DbError> {
        let query = sqlx::query(
            "SELECT id, at_ms, certificate_id, certificate_name, order_id, operation_id, kind, level, \
             message, detail FROM events WHERE order_id = $1 ORDER BY id LIMIT 1000",
        )
        .bind(id.to_string());
        let rows = self.rows("reading the events of an order", query).await?;
        rows.iter().map(events::read).collect()
    }

    /// Removes attempts that ended before `before`, and operations of which nothing is left; answers how many attempts.
    /// The newest attempt of each key stays.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn expire_orders(&self, before: Timestamp) -> Result<u64, DbError> {
        let query = sqlx::query(
            "DELETE FROM orders WHERE finished_at < $1 AND EXISTS (SELECT 1 FROM orders n \
             WHERE n.certificate_id = orders.certificate_id AND n.algorithm = orders.algorithm \
             AND n.id > orders.id)",
        )
        .bind(before.as_second());
        let removed = self.execute("removing old orders", query).await?;
        let query = sqlx::query(
            "DELETE FROM operations WHERE created_at < $1 AND NOT EXISTS \
             (SELECT 1 FROM orders o WHERE o.operation_id = operations.id) AND NOT EXISTS \
             (SELECT 1 FROM revocations r WHERE r.operation_id = operations.id)",
        )
        .bind(before.as_second());
        self.execute("removing old operations", query).await?;
        Ok(removed)
    }
}

fn conditions(filter: &OrderFilter<'_>) -> Conditions {
    let mut all = Conditions::default();
    if let Some(name) = filter.certificate {
        all.and_is("c.name", name);
    }
    if let Some(id) = filter.vendor_id {
        all.and_is("o.vendor_id", id.to_string());
    }
    if let Some(kind) = filter.kind {
        all.and_is("p.kind", kind);
    }
    if let Some(reason) = filter.reason {
        all.and_is("o.reason", reason);
    }
    match filter.outcome {
        None => {}
        Some(Outcome::Running) => all.and("o.finished_at IS NULL"),
        Some(Outcome::Succeeded) => all.and_is("o.state", OrderState::Done.as_str()),
        Some(Outcome::Failed) => all.and_is("o.state", OrderState::Failed.as_str()),
    }
    if let Some(since) = filter.since {
        let place = all.time(since);
        all.and(&format!("o.created_at >= {place}"));
    }
    if let Some(until) = filter.until {
        let place = all.time(until);
        all.and(&format!("o.created_at < {place}"));
    }
    if let Some(text) = filter.search {
        let like = all.text(containing(text));
        all.and(&format!(
            "(lower(o.error) LIKE {like} ESCAPE '!' OR EXISTS (SELECT 1 FROM events e \
             WHERE e.order_id = o.id AND lower(e.message) LIKE {like} ESCAPE '!'))"
        ));
    }
    all
}

fn select(conditions: Conditions, tail: &str) -> Query<'static> {
    let sql = format!(
        "SELECT o.{columns}, c.name AS certificate_name, p.kind AS operation_kind, p.actor AS operation_actor \
         FROM orders o JOIN certificates c ON c.id = o.certificate_id \
         LEFT JOIN operations p ON p.id = o.operation_id{conditions}{tail}",
        columns = orders::COLUMNS.replace(", ", ", o."),
        conditions = conditions.sql(),
    );
    conditions.query(sql)
}

fn read(row: &sqlx::any::AnyRow) -> Result<LoggedOrder, DbError> {
    Ok(LoggedOrder {
        order: orders::read(row)?,
        certificate: row.text("certificate_name")?,
        kind: row.opt_text("operation_kind")?.unwrap_or_default(),
        actor: row.opt_text("operation_actor")?.unwrap_or_default(),
    })
}
