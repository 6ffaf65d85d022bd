//! The journal of TXT values: a row before the record is written, gone when the record is.
//!
//! A row outlives its order and its certificate: whatever row there is names a value that may stand in
//! some zone, and that only we may remove.

use std::collections::BTreeSet;

use evercert_types::{DnsProviderId, OrderId};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};

/// One value that we mean to write, wrote, or still have to remove.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// Its id.
    pub id: String,
    /// For which order.
    pub order_id: OrderId,
    /// Through which provider.
    pub provider_id: DnsProviderId,
    /// At which name (effective, no final dot).
    pub fqdn: String,
    /// Which value.
    pub value: String,
    /// The provider's receipt, once it was written.
    pub receipt: Option<Value>,
    /// Failed attempts to remove it.
    pub attempts: u32,
    /// When to try again to remove it; `None`: its order is in charge.
    pub next_try_at: Option<Timestamp>,
    /// What the last attempt failed with.
    pub last_error: Option<String>,
    /// When it was planned.
    pub created_at: Timestamp,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT j.id, j.order_id, j.provider_id, j.fqdn, j.value, j.receipt, j.attempts, \
             j.next_try_at, j.last_error, j.created_at FROM txt_journal j ",
            $tail
        )
    };
}

impl Tx {
    /// Writes the intent to publish a value; nothing changes when it is there already.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_intent(
        &mut self,
        order_id: OrderId,
        provider_id: DnsProviderId,
        fqdn: &str,
        value: &str,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO txt_journal (id, order_id, provider_id, fqdn, value, state, created_at) \
             VALUES ($1, $2, $3, $4, $5, 'intended', $6) ON CONFLICT (order_id, fqdn, value) DO NOTHING",
        )
        .bind(Uuid::now_v7().simple().to_string())
        .bind(order_id.to_string())
        .bind(provider_id.to_string())
        .bind(fqdn)
        .bind(value)
        .bind(self.now().as_second());
        self.execute("writing the journal of TXT values", query)
            .await
            .map(drop)
    }

    /// Leaves an order's only value to the sweep at a time of its own; answers the row's id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_postpone(
        &mut self,
        order_id: OrderId,
        until: Timestamp,
    ) -> Result<String, DbError> {
        let query =
            sqlx::query("UPDATE txt_journal SET next_try_at = $2 WHERE order_id = $1 RETURNING id")
                .bind(order_id.to_string())
                .bind(until.as_second());
        let row = self.one("writing the journal of TXT values", query).await?;
        row.map_or(Ok(String::new()), |row| row.text("id"))
    }

    /// Whether a provider with room for one value has none of another order; what the order itself had there before is
    /// forgotten, because the new value takes its place.
    ///
    /// The provider's row is held until the transaction ends, so that two orders cannot both find room.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn claim_single_value(
        &mut self,
        order_id: OrderId,
        provider_id: DnsProviderId,
        value: &str,
    ) -> Result<bool, DbError> {
        const WHAT: &str = "claiming the one TXT value of a DNS provider";
        let hold = sqlx::query("UPDATE dns_providers SET updated_at = updated_at WHERE id = $1")
            .bind(provider_id.to_string());
        self.execute(WHAT, hold).await?;
        let others = sqlx::query(
            "SELECT count(*) AS n FROM txt_journal WHERE provider_id = $1 AND order_id <> $2",
        )
        .bind(provider_id.to_string())
        .bind(order_id.to_string());
        let row = self.one(WHAT, others).await?;
        if row.map_or(Ok(0), |row| row.count("n"))? > 0 {
            return Ok(false);
        }
        let former = sqlx::query(
            "DELETE FROM txt_journal WHERE provider_id = $1 AND order_id = $2 AND value <> $3",
        )
        .bind(provider_id.to_string())
        .bind(order_id.to_string())
        .bind(value);
        self.execute(WHAT, former).await?;
        Ok(true)
    }

    /// Whether no other order has values of its own at a name where a provider has room for a few; the same values,
    /// of a shared authorization, do not stand in the way.
    ///
    /// The provider's row is held until the transaction ends, so that two orders cannot both find room.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn claim_name(
        &mut self,
        order_id: OrderId,
        provider_id: DnsProviderId,
        fqdn: &str,
        values: &[&str],
    ) -> Result<bool, DbError> {
        const WHAT: &str = "claiming a name of a DNS provider";
        let hold = sqlx::query("UPDATE dns_providers SET updated_at = updated_at WHERE id = $1")
            .bind(provider_id.to_string());
        self.execute(WHAT, hold).await?;
        let others = sqlx::query(
            "SELECT value FROM txt_journal WHERE provider_id = $1 AND fqdn = $2 AND order_id <> $3",
        )
        .bind(provider_id.to_string())
        .bind(fqdn)
        .bind(order_id.to_string());
        for row in self.rows(WHAT, others).await? {
            if !values.contains(&row.text("value")?.as_str()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps the provider's receipt of a written value.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_written(&mut self, id: &str, receipt: &Value) -> Result<(), DbError> {
        let query =
            sqlx::query("UPDATE txt_journal SET state = 'written', receipt = $2 WHERE id = $1")
                .bind(id)
                .bind(to_json(receipt)?);
        self.execute("writing the journal of TXT values", query)
            .await
            .map(drop)
    }

    /// Forgets a value that stands nowhere any more.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_removed(&mut self, id: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM txt_journal WHERE id = $1").bind(id);
        self.execute("writing the journal of TXT values", query)
            .await
            .map(drop)
    }

    /// Writes down that a value could not be removed, and when to try again.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_failed(
        &mut self,
        id: &str,
        next_try_at: Timestamp,
        error: &str,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE txt_journal SET state = 'dirty', attempts = attempts + 1, next_try_at = $2, \
             last_error = $3 WHERE id = $1",
        )
        .bind(id)
        .bind(next_try_at.as_second())
        .bind(error);
        self.execute("writing the journal of TXT values", query)
            .await
            .map(drop)
    }
}

impl Db {
    /// The values of an order.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_of(&self, order_id: OrderId) -> Result<Vec<JournalEntry>, DbError> {
        let query =
            sqlx::query(select!("WHERE j.order_id = $1 ORDER BY j.id")).bind(order_id.to_string());
        let rows = self
            .rows("reading the journal of TXT values", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Values that no running order is in charge of and whose next try has come, oldest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_to_sweep(&self, limit: u32) -> Result<Vec<JournalEntry>, DbError> {
        let query = sqlx::query(select!(
            "WHERE (j.next_try_at IS NULL OR j.next_try_at <= $1) AND NOT EXISTS \
             (SELECT 1 FROM orders o WHERE o.id = j.order_id AND o.finished_at IS NULL) \
             ORDER BY j.id LIMIT $2"
        ))
        .bind(self.now().as_second())
        .bind(i64::from(limit));
        let rows = self
            .rows("reading the journal of TXT values", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Forgets an order's claim on a value that another order has written too and still needs, or will remove;
    /// `false` when this is the last claim, and the value is to be removed.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn release_shared_value(&self, entry: &JournalEntry) -> Result<bool, DbError> {
        let query = sqlx::query(
            "DELETE FROM txt_journal WHERE id = $1 AND EXISTS (SELECT 1 FROM txt_journal o \
             WHERE o.id <> $1 AND o.provider_id = $2 AND o.fqdn = $3 AND o.value = $4)",
        )
        .bind(&entry.id)
        .bind(entry.provider_id.to_string())
        .bind(&entry.fqdn)
        .bind(&entry.value);
        Ok(self
            .execute("writing the journal of TXT values", query)
            .await?
            == 1)
    }

    /// Lets values that could not be removed be tried again at once, as at a start or when a provider was changed.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn retry_journal(&self) -> Result<u64, DbError> {
        let query = sqlx::query("UPDATE txt_journal SET next_try_at = NULL WHERE state = 'dirty'");
        self.execute("writing the journal of TXT values", query)
            .await
    }

    /// How many values are written, meant to be written, or still to be removed.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_size(&self) -> Result<u64, DbError> {
        let query = sqlx::query("SELECT count(*) AS n FROM txt_journal");
        let row = self
            .one("counting the journal of TXT values", query)
            .await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }

    /// Every value that the journal or an unfinished order knows, wherever it stands or shall stand.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn known_txt_values(&self) -> Result<BTreeSet<String>, DbError> {
        let query = sqlx::query(
            "SELECT j.value AS value FROM txt_journal j UNION SELECT a.txt_value AS value \
             FROM authorizations a JOIN orders o ON o.id = a.order_id \
             WHERE o.finished_at IS NULL AND a.txt_value IS NOT NULL",
        );
        let rows = self.rows("reading the known TXT values", query).await?;
        rows.iter().map(|row| row.text("value")).collect()
    }

    /// Names that values were written at lately, whether their certificates are still there or not.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn names_written_lately(&self, orders: u32) -> Result<BTreeSet<String>, DbError> {
        let query = sqlx::query(
            "SELECT detail FROM events WHERE kind = 'order.published' ORDER BY id DESC LIMIT $1",
        )
        .bind(i64::from(orders));
        let rows = self.rows("reading the log of issuances", query).await?;
        let mut names = BTreeSet::new();
        for row in &rows {
            let detail: Option<Value> = row.opt_json("detail")?;
            let detail = detail.unwrap_or_default();
            let written = detail["names"].as_array().into_iter().flatten();
            names.extend(written.filter_map(Value::as_str).map(str::to_owned));
        }
        Ok(names)
    }

    /// How many values were written through a provider and not removed yet.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_of_provider(&self, id: DnsProviderId) -> Result<u64, DbError> {
        let query = sqlx::query("SELECT count(*) AS n FROM txt_journal WHERE provider_id = $1")
            .bind(id.to_string());
        let row = self
            .one("counting the journal of TXT values", query)
            .await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }
}

pub(crate) fn read(row: &AnyRow) -> Result<JournalEntry, DbError> {
    let attempts = row.count("attempts")?;
    Ok(JournalEntry {
        id: row.text("id")?,
        order_id: row.parse("order_id")?,
        provider_id: row.parse("provider_id")?,
        fqdn: row.text("fqdn")?,
        value: row.text("value")?,
        receipt: row.opt_json("receipt")?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        next_try_at: row.opt_time("next_try_at")?,
        last_error: row.opt_text("last_error")?,
        created_at: row.time("created_at")?,
    })
}
