//! Long-running requests; how far one got is told by its orders and events.

use evercert_types::{CertificateId, OperationId};
use jiff::Timestamp;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::Fields as _;

/// A long-running request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// `issue` or `renew`.
    pub kind: String,
    /// The certificate it is about.
    pub certificate_id: Option<CertificateId>,
    /// Who asked: as in the audit log.
    pub actor: String,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl Tx {
    /// Adds an operation.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn insert_operation(&mut self, operation: &Operation) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO operations (id, kind, certificate_id, actor, created_at) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(operation.id.to_string())
        .bind(&operation.kind)
        .bind(operation.certificate_id.map(|id| id.to_string()))
        .bind(&operation.actor)
        .bind(operation.created_at.as_second());
        self.execute("saving an operation", query).await.map(drop)
    }
}

impl Db {
    /// The operation of an id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn operation(&self, id: OperationId) -> Result<Option<Operation>, DbError> {
        let query = sqlx::query(
            "SELECT id, kind, certificate_id, actor, created_at FROM operations WHERE id = $1",
        )
        .bind(id.to_string());
        let Some(row) = self.one("reading an operation", query).await? else {
            return Ok(None);
        };
        Ok(Some(Operation {
            id: row.parse("id")?,
            kind: row.text("kind")?,
            certificate_id: row.opt_parse("certificate_id")?,
            actor: row.text("actor")?,
            created_at: row.time("created_at")?,
        }))
    }
}
