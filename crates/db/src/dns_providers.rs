//! Configured DNS providers; their settings are sealed as a whole.

use std::collections::BTreeMap;

use evercert_types::{DnsProviderId, Secret};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};

/// Settings of a provider by key.
pub type Settings = BTreeMap<String, Secret<String>>;

/// A configured DNS provider.
#[derive(Clone, Debug)]
pub struct DnsProvider {
    /// Its id.
    pub id: DnsProviderId,
    /// Its unique name.
    pub name: String,
    /// Code of its type, such as `nsupdate`.
    pub type_code: String,
    /// Its settings, opened.
    pub settings: Settings,
    /// How propagation is checked, as JSON of the API.
    pub propagation: Value,
    /// How records are written, as JSON of the API.
    pub records: Value,
    /// Whether it may be used.
    pub active: bool,
    /// How the last test ended, as JSON of the API; absent when none was made with these settings.
    pub last_test: Option<Value>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, name, type_code, settings_sealed, propagation, records, active, last_test, created_at, \
             updated_at FROM dns_providers ",
            $tail
        )
    };
}

impl Tx {
    /// Adds a provider.
    ///
    /// # Errors
    /// A conflict when the name is taken.
    pub async fn insert_dns_provider(&mut self, provider: &DnsProvider) -> Result<(), DbError> {
        let sealed = self.sealed_settings(provider)?;
        let query = sqlx::query(
            "INSERT INTO dns_providers (id, name, type_code, settings_sealed, propagation, active, \
             created_at, updated_at, records) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(provider.id.to_string())
        .bind(&provider.name)
        .bind(&provider.type_code)
        .bind(sealed)
        .bind(to_json(&provider.propagation)?)
        .bind(i64::from(provider.active))
        .bind(provider.created_at.as_second())
        .bind(provider.updated_at.as_second())
        .bind(to_json(&provider.records)?);
        self.execute("saving a DNS provider", query).await.map(drop)
    }

    /// Saves a changed provider: name, settings, propagation, records, whether it is active.
    ///
    /// # Errors
    /// A conflict when the name is taken.
    pub async fn update_dns_provider(&mut self, provider: &DnsProvider) -> Result<bool, DbError> {
        let sealed = self.sealed_settings(provider)?;
        // Who keeps it built goes by the time of the change, which must differ from the one before.
        let query = sqlx::query(
            "UPDATE dns_providers SET name = $2, settings_sealed = $3, propagation = $4, active = $5, \
             last_test = $7, records = $8, updated_at = CASE WHEN updated_at >= $6 THEN updated_at + 1 ELSE $6 END WHERE id = $1",
        )
        .bind(provider.id.to_string())
        .bind(&provider.name)
        .bind(sealed)
        .bind(to_json(&provider.propagation)?)
        .bind(i64::from(provider.active))
        .bind(self.now().as_second())
        .bind(provider.last_test.as_ref().map(to_json).transpose()?)
        .bind(to_json(&provider.records)?);
        Ok(self.execute("saving a DNS provider", query).await? == 1)
    }

    /// Remembers how a test of a provider ended; who keeps it built need not build it anew.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn note_dns_test(&mut self, id: DnsProviderId, test: &Value) -> Result<(), DbError> {
        let query = sqlx::query("UPDATE dns_providers SET last_test = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(to_json(test)?);
        let noted = self.execute("saving the test of a DNS provider", query);
        noted.await.map(drop)
    }

    fn sealed_settings(&self, provider: &DnsProvider) -> Result<String, DbError> {
        let plain: BTreeMap<&str, &str> = provider
            .settings
            .iter()
            .map(|(key, value)| (key.as_str(), value.expose().as_str()))
            .collect();
        let plain = Secret::new(to_json(&plain)?);
        self.seal(&settings_context(provider.id), plain.expose().as_bytes())
    }

    /// Removes a provider; `false` when there is none of that id.
    ///
    /// # Errors
    /// [`DbErrorKind::Referenced`](crate::DbErrorKind) while a domain is mapped to it.
    pub async fn remove_dns_provider(&mut self, id: DnsProviderId) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM dns_providers WHERE id = $1").bind(id.to_string());
        Ok(self.execute("removing a DNS provider", query).await? == 1)
    }
}

impl Db {
    /// The provider of an id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn dns_provider(&self, id: DnsProviderId) -> Result<Option<DnsProvider>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a DNS provider", query).await?;
        row.as_ref().map(|row| read(self, row)).transpose()
    }

    /// The provider of a name.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn dns_provider_by_name(&self, name: &str) -> Result<Option<DnsProvider>, DbError> {
        let query = sqlx::query(select!("WHERE name = $1")).bind(name);
        let row = self.one("reading a DNS provider", query).await?;
        row.as_ref().map(|row| read(self, row)).transpose()
    }

    /// All providers, oldest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn dns_providers(&self) -> Result<Vec<DnsProvider>, DbError> {
        let query = sqlx::query(select!("ORDER BY id"));
        let rows = self.rows("reading the DNS providers", query).await?;
        rows.iter().map(|row| read(self, row)).collect()
    }
}

fn settings_context(id: DnsProviderId) -> String {
    format!("dns_providers.settings/{id}")
}

fn read(db: &Db, row: &AnyRow) -> Result<DnsProvider, DbError> {
    let id = row.parse("id")?;
    let plain = db.open_sealed(&settings_context(id), &row.text("settings_sealed")?)?;
    let settings = serde_json::from_slice(plain.expose())
        .map_err(|e| DbError::inconsistent("reading the settings of a DNS provider", e))?;
    let last_test = row.opt_text("last_test")?;
    Ok(DnsProvider {
        id,
        name: row.text("name")?,
        type_code: row.text("type_code")?,
        settings,
        propagation: row.json("propagation")?,
        records: row.json("records")?,
        active: row.flag("active")?,
        last_test: last_test
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|e| DbError::inconsistent("reading the test of a DNS provider", e))?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
