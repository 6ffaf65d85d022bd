//! Accounts at CAs: the key first, the URL once the CA has given it.

use evercert_types::{AccountId, Secret, VendorId};
use jiff::Timestamp;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::Fields as _;

/// The account of a CA vendor.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Whose it is.
    pub vendor_id: VendorId,
    /// Its URL at the CA (RFC 8555 §7.3); none until newAccount was answered.
    pub url: Option<String>,
    /// The account key, PKCS#8 DER.
    pub key: Secret<Vec<u8>>,
    /// The key it is changing to: which of the two the CA takes is to be found out.
    pub next_key: Option<Secret<Vec<u8>>>,
    /// When the key was made.
    pub created_at: Timestamp,
}

impl Tx {
    /// Saves an account key before anything is sent to the CA.
    ///
    /// # Errors
    /// A conflict when the vendor has an account already.
    pub async fn insert_account(
        &mut self,
        vendor_id: VendorId,
        key: &Secret<Vec<u8>>,
    ) -> Result<AccountId, DbError> {
        let id = AccountId::new();
        let sealed = self.seal(&key_context(id), key.expose())?;
        let query = sqlx::query(
            "INSERT INTO ca_accounts (id, vendor_id, key_sealed, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(id.to_string())
        .bind(vendor_id.to_string())
        .bind(sealed)
        .bind(self.now().as_second());
        self.execute("saving an account key", query).await?;
        Ok(id)
    }

    /// Saves a registered account in the place of whatever account the vendor had; it has a new id, so that whoever
    /// keeps a connection sees the change.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn replace_account(
        &mut self,
        vendor_id: VendorId,
        key: &Secret<Vec<u8>>,
        url: &str,
    ) -> Result<AccountId, DbError> {
        let query =
            sqlx::query("DELETE FROM ca_accounts WHERE vendor_id = $1").bind(vendor_id.to_string());
        self.execute("removing an account", query).await?;
        let id = self.insert_account(vendor_id, key).await?;
        let query = sqlx::query("UPDATE ca_accounts SET url = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(url);
        self.execute("saving an account URL", query).await?;
        Ok(id)
    }

    /// Saves the key that an account is about to change to; `false` when it is changing already, or is gone.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn begin_key_change(
        &mut self,
        id: AccountId,
        next_key: &Secret<Vec<u8>>,
    ) -> Result<bool, DbError> {
        let sealed = self.seal(&next_key_context(id), next_key.expose())?;
        let query = sqlx::query(
            "UPDATE ca_accounts SET next_key_sealed = $2 WHERE id = $1 AND next_key_sealed IS NULL",
        )
        .bind(id.to_string())
        .bind(sealed);
        Ok(self.execute("saving an account's next key", query).await? == 1)
    }

    /// Forgets the key that an account was to change to, because the CA did not take it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn drop_key_change(&mut self, id: AccountId) -> Result<(), DbError> {
        let query = sqlx::query("UPDATE ca_accounts SET next_key_sealed = NULL WHERE id = $1")
            .bind(id.to_string());
        self.execute("forgetting an account's next key", query)
            .await
            .map(drop)
    }
}

impl Db {
    /// Saves the URL that the CA gave the account.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_account_url(&self, id: AccountId, url: &str) -> Result<(), DbError> {
        let query = sqlx::query("UPDATE ca_accounts SET url = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(url);
        self.execute("saving an account URL", query).await.map(drop)
    }

    /// The id of a vendor's account: another one means another key or account.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn account_id_of(&self, vendor_id: VendorId) -> Result<Option<AccountId>, DbError> {
        let query = sqlx::query("SELECT id FROM ca_accounts WHERE vendor_id = $1")
            .bind(vendor_id.to_string());
        let row = self.one("looking for a CA account", query).await?;
        row.map(|row| row.parse("id")).transpose()
    }

    /// The account of a vendor.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn account_of(&self, vendor_id: VendorId) -> Result<Option<Account>, DbError> {
        let query = sqlx::query(
            "SELECT id, url, key_sealed, next_key_sealed, created_at FROM ca_accounts WHERE vendor_id = $1",
        )
        .bind(vendor_id.to_string());
        let Some(row) = self.one("reading a CA account", query).await? else {
            return Ok(None);
        };
        let id = row.parse("id")?;
        let next_key = row.opt_text("next_key_sealed")?;
        Ok(Some(Account {
            id,
            vendor_id,
            url: row.opt_text("url")?,
            key: self.open_sealed(&key_context(id), &row.text("key_sealed")?)?,
            next_key: next_key
                .map(|sealed| self.open_sealed(&next_key_context(id), &sealed))
                .transpose()?,
            created_at: row.time("created_at")?,
        }))
    }
}

fn next_key_context(id: AccountId) -> String {
    format!("ca_accounts.next_key/{id}")
}

fn key_context(id: AccountId) -> String {
    format!("ca_accounts.key/{id}")
}
