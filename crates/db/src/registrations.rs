//! Registrations under way: the account key, kept from before newAccount until the vendor is saved.

use evercert_types::{AccountId, Secret};
use jiff::Timestamp;

use crate::db::Tx;
use crate::error::{DbError, DbErrorKind};
use crate::row::Fields as _;

/// The key of a registration.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The account key, PKCS#8 DER.
    pub key: Secret<Vec<u8>>,
    /// Whether it was saved just now; otherwise the CA may know it from an earlier attempt.
    pub is_new: bool,
}

impl Tx {
    /// The key to register with: that of an earlier attempt at the same subject, else the one offered, which is saved.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn begin_registration(
        &mut self,
        subject: &str,
        offered: Secret<Vec<u8>>,
    ) -> Result<Registration, DbError> {
        let id = AccountId::new();
        let sealed = self.seal(&key_context(&id.to_string()), offered.expose())?;
        let query = sqlx::query(
            "INSERT INTO ca_registrations (id, subject, key_sealed, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (subject) DO NOTHING",
        )
        .bind(id.to_string())
        .bind(subject)
        .bind(sealed)
        .bind(self.now().as_second());
        if self.execute("saving an account key", query).await? == 1 {
            return Ok(Registration {
                key: offered,
                is_new: true,
            });
        }
        let query = sqlx::query("SELECT id, key_sealed FROM ca_registrations WHERE subject = $1")
            .bind(subject);
        let row = self.one("reading an account key", query).await?;
        // Its row was there a moment ago: another has just ended it.
        let ended = || DbError::new(DbErrorKind::Conflict, "reading an account key");
        let row = row.ok_or_else(ended)?;
        let context = key_context(&row.text("id")?);
        Ok(Registration {
            key: self.sealer().open(&context, &row.text("key_sealed")?)?,
            is_new: false,
        })
    }

    /// Ends a registration, in the unit of work that saves its account; `false` when another has ended it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn end_registration(&mut self, subject: &str) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM ca_registrations WHERE subject = $1").bind(subject);
        Ok(self.execute("ending a registration", query).await? == 1)
    }

    /// Forgets registrations begun before a time that never ended.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn forget_registrations(&mut self, before: Timestamp) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM ca_registrations WHERE created_at < $1")
            .bind(before.as_second());
        self.execute("forgetting registrations", query).await
    }
}

fn key_context(id: &str) -> String {
    format!("ca_registrations.key/{id}")
}
