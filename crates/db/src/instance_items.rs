//! What instances report of single items: exceptions and observations only.
//!
//! An item without a row is active on an instance once its watermark has passed the item's revision. A row speaks
//! of one generation, the newest reported: a report on an older one changes nothing.

use evercert_types::{InstanceId, ItemState};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::row::Fields as _;
use crate::{Db, DbError, Tx};

/// What an instance reported of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceItem {
    /// The instance.
    pub instance_id: InstanceId,
    /// The item, `crt_…/<key algorithm>`.
    pub item_id: String,
    /// The generation that the row speaks of.
    pub generation: i64,
    /// `staged`, `rejected` or `observed`.
    pub state: ItemState,
    /// Why it was rejected.
    pub code: Option<String>,
    /// The same in one sentence.
    pub detail: Option<String>,
    /// Handshakes seen with this generation.
    pub handshakes: i64,
    /// When the first of them was reported.
    pub first_observed_at: Option<Timestamp>,
}

/// An item that is not simply active.
#[derive(Clone, Debug)]
pub struct ItemException<'a> {
    /// The item.
    pub item_id: &'a str,
    /// Its generation.
    pub generation: i64,
    /// `staged` or `rejected`.
    pub state: ItemState,
    /// Why.
    pub code: &'a str,
    /// The same in one sentence.
    pub detail: &'a str,
}

impl Tx {
    /// Replaces the exceptions of an instance by these; an item that is no exception any more is active again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_item_exceptions(
        &mut self,
        instance_id: InstanceId,
        exceptions: &[ItemException<'_>],
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "SELECT item_id, generation FROM instance_items WHERE instance_id = $1 AND state IN ('staged', 'rejected')",
        )
        .bind(instance_id.to_string());
        let rows = self
            .rows("reading what an instance reported", query)
            .await?;
        for row in rows {
            let item_id = row.text("item_id")?;
            let generation = row.int("generation")?;
            let stays = exceptions
                .iter()
                .any(|e| e.item_id == item_id && e.generation == generation);
            if !stays {
                self.clear_item_exception(instance_id, &item_id).await?;
            }
        }
        for exception in exceptions {
            self.put_item_exception(instance_id, exception).await?;
        }
        Ok(())
    }

    /// Adds handshakes seen with a generation of an item.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_item_handshakes(
        &mut self,
        instance_id: InstanceId,
        item_id: &str,
        generation: i64,
        handshakes: i64,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO instance_items (instance_id, item_id, generation, state, handshakes, first_observed_at_ms, \
               updated_at_ms) VALUES ($1, $2, $3, 'observed', $4, $5, $5) \
             ON CONFLICT (instance_id, item_id) DO UPDATE SET \
               state = CASE WHEN instance_items.generation = excluded.generation \
                 AND instance_items.state IN ('staged', 'rejected') THEN instance_items.state ELSE 'observed' END, \
               code = CASE WHEN instance_items.generation = excluded.generation THEN instance_items.code END, \
               detail = CASE WHEN instance_items.generation = excluded.generation THEN instance_items.detail END, \
               handshakes = CASE WHEN instance_items.generation = excluded.generation \
                 THEN instance_items.handshakes + excluded.handshakes ELSE excluded.handshakes END, \
               first_observed_at_ms = CASE WHEN instance_items.generation = excluded.generation \
                 THEN COALESCE(instance_items.first_observed_at_ms, excluded.first_observed_at_ms) \
                 ELSE excluded.first_observed_at_ms END, \
               generation = excluded.generation, updated_at_ms = excluded.updated_at_ms \
             WHERE instance_items.generation <= excluded.generation",
        )
        .bind(instance_id.to_string())
        .bind(item_id)
        .bind(generation)
        .bind(handshakes)
        .bind(self.now().as_millisecond());
        self.execute("adding handshakes of an item", query).await?;
        Ok(())
    }

    /// What an item was observed with stays; else the row goes.
    async fn clear_item_exception(
        &mut self,
        instance_id: InstanceId,
        item_id: &str,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE instance_items SET state = 'observed', code = NULL, detail = NULL, updated_at_ms = $3 \
             WHERE instance_id = $1 AND item_id = $2 AND handshakes > 0",
        )
        .bind(instance_id.to_string())
        .bind(item_id)
        .bind(self.now().as_millisecond());
        self.execute("clearing an exception of an item", query)
            .await?;
        let query = sqlx::query(
            "DELETE FROM instance_items WHERE instance_id = $1 AND item_id = $2 AND handshakes = 0",
        )
        .bind(instance_id.to_string())
        .bind(item_id);
        self.execute("clearing an exception of an item", query)
            .await?;
        Ok(())
    }

    async fn put_item_exception(
        &mut self,
        instance_id: InstanceId,
        exception: &ItemException<'_>,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO instance_items (instance_id, item_id, generation, state, code, detail, handshakes, \
               updated_at_ms) VALUES ($1, $2, $3, $4, $5, $6, 0, $7) \
             ON CONFLICT (instance_id, item_id) DO UPDATE SET \
               handshakes = CASE WHEN instance_items.generation = excluded.generation \
                 THEN instance_items.handshakes ELSE 0 END, \
               first_observed_at_ms = CASE WHEN instance_items.generation = excluded.generation \
                 THEN instance_items.first_observed_at_ms END, \
               generation = excluded.generation, state = excluded.state, code = excluded.code, \
               detail = excluded.detail, updated_at_ms = excluded.updated_at_ms \
             WHERE instance_items.generation <= excluded.generation",
        )
        .bind(instance_id.to_string())
        .bind(exception.item_id)
        .bind(exception.generation)
        .bind(exception.state.as_str())
        .bind(exception.code)
        .bind(exception.detail)
        .bind(self.now().as_millisecond());
        self.execute("saving an exception of an item", query)
            .await?;
        Ok(())
    }
}

impl Db {
    /// What an instance reported.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn items_of_instance(
        &self,
        instance_id: InstanceId,
    ) -> Result<Vec<InstanceItem>, DbError> {
        let query = sqlx::query(
            "SELECT instance_id, item_id, generation, state, code, detail, handshakes, first_observed_at_ms \
             FROM instance_items WHERE instance_id = $1 ORDER BY item_id",
        )
        .bind(instance_id.to_string());
        let rows = self
            .rows("reading what an instance reported", query)
            .await?;
        rows.iter().map(read_item).collect()
    }

    /// What all instances reported of an item.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn instances_of_item(&self, item_id: &str) -> Result<Vec<InstanceItem>, DbError> {
        let query = sqlx::query(
            "SELECT instance_id, item_id, generation, state, code, detail, handshakes, first_observed_at_ms \
             FROM instance_items WHERE item_id = $1 ORDER BY instance_id",
        )
        .bind(item_id);
        let rows = self
            .rows("reading what instances reported of an item", query)
            .await?;
        rows.iter().map(read_item).collect()
    }
}

fn read_item(row: &AnyRow) -> Result<InstanceItem, DbError> {
    Ok(InstanceItem {
        instance_id: row.parse("instance_id")?,
        item_id: row.text("item_id")?,
        generation: row.int("generation")?,
        state: row.parse("state")?,
        code: row.opt_text("code")?,
        detail: row.opt_text("detail")?,
        handshakes: row.int("handshakes")?,
        first_observed_at: opt_time_ms(row)?,
    })
}

fn opt_time_ms(row: &AnyRow) -> Result<Option<Timestamp>, DbError> {
    match row.opt_int("first_observed_at_ms")? {
        Some(_) => row.time_ms("first_observed_at_ms").map(Some),
        None => Ok(None),
    }
}
