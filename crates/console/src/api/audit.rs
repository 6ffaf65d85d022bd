//! `/api/v1/audit`: who did what, and whether the log is as it was written.

#![expect(
    unused_qualifications,
    reason = "utoipa writes the names of query types in full"
)]

use axum::Json;
use axum::extract::State;
use evercert_api::users::{AuditEntry, AuditVerification};
use evercert_api::{Page, Problem, ProblemCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::App;
use super::body::Params;
use super::paging::limit;
use crate::auth::caller::Admin;
use crate::problem::ApiError;

/// Which part of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// How many entries at most; 1 to 500, default 100.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Lists the audit log, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "access", params(AuditQuery), extensions(("x-role" = json!("admin"))),
    responses((status = 200, description = "Entries, newest first", body = Page<AuditEntry>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Admin,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let limit = limit(query.limit)?;
    let before = query.cursor.map(|cursor| cursor.parse::<i64>()).transpose();
    let before = before.map_err(|_| {
        Problem::new(ProblemCode::Invalid, "the cursor is none of ours").at("/cursor")
    })?;
    let entries = app.console.db.audit_before(before, limit.into()).await?;
    let next = (entries.len() == limit as usize)
        .then(|| entries.last().map(|entry| entry.seq.to_string()))
        .flatten();
    let items = entries.into_iter().map(|entry| AuditEntry {
        id: entry.id,
        seq: entry.seq,
        at: entry.at,
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
        detail: entry.detail,
        hash: entry.hash,
    });
    Ok(Json(Page {
        items: items.collect(),
        next,
    }))
}

/// Computes every hash of the log anew.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "access", extensions(("x-role" = json!("admin"))),
    responses((status = 200, description = "Whether the log is as it was written", body = AuditVerification)))]
pub(crate) async fn verify(
    State(app): State<App>,
    _caller: Admin,
) -> Result<Json<AuditVerification>, ApiError> {
    let verification = app.console.db.verify_audit().await?;
    if let Some(broken) = &verification.broken {
        tracing::error!(
            audit.seq = broken.seq,
            reason = broken.reason,
            "the audit log was tampered with"
        );
    }
    Ok(Json(AuditVerification {
        ok: verification.broken.is_none(),
        verified: verification.verified.unsigned_abs(),
        broken_seq: verification.broken.as_ref().map(|broken| broken.seq),
        reason: verification.broken.map(|broken| broken.reason.to_owned()),
    }))
}
