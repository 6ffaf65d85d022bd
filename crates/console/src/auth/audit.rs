//! Writing to the audit log: every change by people, programs and instances.

use evercert_db::audit::NewAuditEntry;
use evercert_db::{Db, DbError, Tx};
use serde_json::Value;

/// What was done, and to what.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// Such as `certificate.issue`.
    pub(crate) action: &'a str,
    /// The name of what it was done to.
    pub(crate) subject: &'a str,
    /// Details; never secrets.
    pub(crate) detail: Value,
}

/// Appends an entry in the transaction of what it tells.
///
/// # Errors
/// When the database fails.
pub(crate) async fn append(tx: &mut Tx, actor: &str, entry: &Entry<'_>) -> Result<(), DbError> {
    let new = NewAuditEntry {
        actor,
        action: entry.action,
        subject: entry.subject,
        detail: &entry.detail,
    };
    tx.append_audit(&new).await.map(drop)
}

/// Appends an entry by itself.
///
/// # Errors
/// When the database fails.
pub(crate) async fn record(db: &Db, actor: &str, entry: &Entry<'_>) -> Result<(), DbError> {
    let mut tx = db.begin_write().await?;
    append(&mut tx, actor, entry).await?;
    tx.commit().await
}
