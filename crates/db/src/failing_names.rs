//! Names that fail at a CA: how often in a row, and whether the CA has paused them.

use evercert_types::VendorId;
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::db::{Db, Query, Tx};
use crate::error::DbError;
use crate::row::Fields as _;

/// A name that failed since it last succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingName {
    /// The name without `*.`.
    pub name: String,
    /// How often in a row.
    pub failures: u64,
    /// When last.
    pub failed_at: Timestamp,
    /// Where the account's holder lifts the CA's pause, if the CA paused the name.
    pub unpause_url: Option<String>,
}

impl Tx {
    /// Counts one more failure of a name.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn note_name_failure(&mut self, vendor: VendorId, name: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO failing_names (vendor_id, name, failures, failed_at) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (vendor_id, name) DO UPDATE SET \
             failures = failing_names.failures + 1, failed_at = excluded.failed_at",
        )
        .bind(vendor.to_string())
        .bind(name.to_owned())
        .bind(self.now().as_second());
        self.execute("counting a failed name", query)
            .await
            .map(drop)
    }

    /// Notes that the CA paused a name, and where that is lifted.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn note_pause(
        &mut self,
        vendor: VendorId,
        name: &str,
        unpause_url: &str,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO failing_names (vendor_id, name, failures, failed_at, unpause_url) \
             VALUES ($1, $2, 0, $3, $4) ON CONFLICT (vendor_id, name) DO UPDATE SET \
             failed_at = excluded.failed_at, unpause_url = excluded.unpause_url",
        )
        .bind(vendor.to_string())
        .bind(name.to_owned())
        .bind(self.now().as_second())
        .bind(unpause_url.to_owned());
        self.execute("noting a pause", query).await.map(drop)
    }

    /// The failing names of a vendor, as this unit of work sees them.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn failing_names(&mut self, vendor: VendorId) -> Result<Vec<FailingName>, DbError> {
        let rows = self
            .rows("reading failing names", of_vendor(vendor))
            .await?;
        rows.iter().map(read).collect()
    }

    /// Forgets the failures of a name: it succeeded.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn clear_name(&mut self, vendor: VendorId, name: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM failing_names WHERE vendor_id = $1 AND name = $2")
            .bind(vendor.to_string())
            .bind(name.to_owned());
        self.execute("clearing a failed name", query)
            .await
            .map(drop)
    }

    /// Forgets all failures, because the configuration was changed.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn clear_all_names(&mut self) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM failing_names");
        self.execute("clearing failed names", query).await
    }
}

impl Db {
    /// The failing names of a vendor, by name.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn failing_names(&self, vendor: VendorId) -> Result<Vec<FailingName>, DbError> {
        let rows = self
            .rows("reading failing names", of_vendor(vendor))
            .await?;
        rows.iter().map(read).collect()
    }
}

fn of_vendor(vendor: VendorId) -> Query<'static> {
    sqlx::query(
        "SELECT name, failures, failed_at, unpause_url FROM failing_names \
         WHERE vendor_id = $1 ORDER BY name",
    )
    .bind(vendor.to_string())
}

fn read(row: &AnyRow) -> Result<FailingName, DbError> {
    Ok(FailingName {
        name: row.text("name")?,
        failures: row.count("failures")?,
        failed_at: row.time("failed_at")?,
        unpause_url: row.opt_text("unpause_url")?,
    })
}
