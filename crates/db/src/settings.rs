//! Named values of the whole installation: hashes, counters of the set-up, sealed keys of the Console's own.

use evercert_types::Secret;

use crate::row::Fields as _;
use crate::{Db, DbError, Tx};

impl Db {
    /// The value of a setting.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, DbError> {
        let query = sqlx::query("SELECT value FROM settings WHERE name = $1").bind(name);
        let row = self.one("reading a setting", query).await?;
        row.map(|row| row.text("value")).transpose()
    }

    /// Sets a setting, whether or not it was there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value);
        self.execute("saving a setting", query).await?;
        Ok(())
    }

    /// Sets a setting if it is not there, and returns the value that stands afterwards: of several Consoles that
    /// start at once, all end with the same.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setting_or_insert(&self, name: &str, value: &str) -> Result<String, DbError> {
        let query = sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(value);
        self.execute("saving a setting", query).await?;
        Ok(self
            .setting(name)
            .await?
            .unwrap_or_else(|| value.to_owned()))
    }

    /// Removes a setting.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_setting(&self, name: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM settings WHERE name = $1").bind(name);
        self.execute("removing a setting", query).await?;
        Ok(())
    }

    /// The opened value of a setting that was sealed.
    ///
    /// # Errors
    /// When the database fails, or the value was not sealed with this installation's master key under this name.
    pub async fn sealed_setting(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, DbError> {
        let sealed = self.setting(name).await?;
        sealed
            .map(|sealed| self.open_sealed(&context(name), &sealed))
            .transpose()
    }

    /// Seals a value and sets it if the setting is not there; returns the value that stands afterwards.
    ///
    /// # Errors
    /// When the database fails, or the value that stands cannot be opened.
    pub async fn sealed_setting_or_insert(
        &self,
        name: &str,
        value: &[u8],
    ) -> Result<Secret<Vec<u8>>, DbError> {
        let sealed = self.seal(&context(name), value)?;
        let stands = self.setting_or_insert(name, &sealed).await?;
        self.open_sealed(&context(name), &stands)
    }
}

impl Tx {
    /// Removes a setting, whether or not it is there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_setting(&mut self, name: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM settings WHERE name = $1").bind(name);
        self.execute("removing a setting", query).await.map(drop)
    }

    /// Removes a setting if it has this value: true for the one caller that finds it so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_setting(&mut self, name: &str, value: &str) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM settings WHERE name = $1 AND value = $2")
            .bind(name)
            .bind(value);
        let done = self.execute("using up a setting", query).await?;
        Ok(done == 1)
    }

    /// Sets a setting, whether or not it was there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_setting(&mut self, name: &str, value: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value);
        self.execute("saving a setting", query).await?;
        Ok(())
    }
}

fn context(name: &str) -> String {
    format!("settings.value/{name}")
}
