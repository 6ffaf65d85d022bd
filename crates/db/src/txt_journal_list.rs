//! The journal of TXT values as people look at it: what stands, what could not be removed, and another try.

use evercert_types::DnsProviderId;

use crate::db::Db;
use crate::error::DbError;
use crate::row::Fields as _;
use crate::txt_journal::{JournalEntry, read};

/// How far a value of the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalState {
    /// It is to be written, or may have been.
    Intended,
    /// It stands.
    Written,
    /// It could not be removed and is tried again.
    Dirty,
}

impl Db {
    /// The values that were written through a provider, or may have been, and are not removed; oldest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn journal_list(
        &self,
        provider: DnsProviderId,
        limit: u32,
    ) -> Result<Vec<(JournalState, JournalEntry)>, DbError> {
        let query = sqlx::query(
            "SELECT j.id, j.order_id, j.provider_id, j.fqdn, j.value, j.receipt, j.attempts, j.next_try_at, \
             j.last_error, j.created_at, j.state FROM txt_journal j WHERE j.provider_id = $1 ORDER BY j.id LIMIT $2",
        )
            .bind(provider.to_string())
            .bind(i64::from(limit));
        let rows = self
            .rows("reading the journal of TXT values", query)
            .await?;
        let entries = rows.iter().map(|row| {
            let state = match row.text("state")?.as_str() {
                "intended" => JournalState::Intended,
                "written" => JournalState::Written,
                _ => JournalState::Dirty,
            };
            Ok((state, read(row)?))
        });
        entries.collect()
    }

    /// Lets a provider's values that could not be removed be tried again at once; how many.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn retry_journal_of(&self, provider: DnsProviderId) -> Result<u64, DbError> {
        let query = sqlx::query(
            "UPDATE txt_journal SET next_try_at = NULL WHERE state = 'dirty' AND provider_id = $1",
        )
        .bind(provider.to_string());
        self.execute("writing the journal of TXT values", query)
            .await
    }
}
