//! `/api/v1/operations` and `/api/v1/logs`: how far a request is, and what happened.

#![expect(
    unused_qualifications,
    reason = "utoipa writes the names of query types in full"
)]

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use evercert_api::certificates::LogEntry;
use evercert_api::operations::{Operation, OperationState};
use evercert_api::{Page, Problem, ProblemCode};
use evercert_db::event_log::EventFilter;
use evercert_db::events::Level;
use evercert_types::OperationId;
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;

use super::app::App;
use super::body::{Params, Part};
use super::paging::limit;
use crate::auth::caller::Viewer;
use crate::lifecycle::{certificates, operations};
use crate::problem::ApiError;

/// The longest wait for an operation, seconds.
const MAX_WAIT: u64 = 55;
/// How often a waited-for operation is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Whether to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitQuery {
    /// Answer when the operation has ended, or after this many seconds; at most 55.
    #[serde(default)]
    wait: u64,
}

/// Which part of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogsQuery {
    /// Name of a certificate.
    certificate: Option<String>,
    /// An operation.
    operation: Option<String>,
    /// `info`, `warn` or `error`: at least so grave.
    level: Option<String>,
    /// How many entries at most; 1 to 500, default 100.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Tells how far an operation is.
#[utoipa::path(get, path = "/api/v1/operations/{id}", tag = "certificates", extensions(("x-role" = json!("viewer"))),
    params(("id" = OperationId, Path, description = "Its id"), WaitQuery),
    responses((status = 200, description = "The operation", body = Operation)))]
pub(crate) async fn show(
    State(app): State<App>,
    _caller: Viewer,
    Part(id): Part,
    Params(query): Params<WaitQuery>,
) -> Result<Json<Operation>, ApiError> {
    let missing = || Problem::new(ProblemCode::NotFound, "there is no such operation");
    let id: OperationId = id.parse().map_err(|_| missing())?;
    let deadline = Instant::now() + Duration::from_secs(query.wait.min(MAX_WAIT));
    loop {
        let operation = operations::operation(&app.console, id).await?;
        let over = operation.state != OperationState::Running || Instant::now() >= deadline;
        if over || app.stop.is_cancelled() {
            return Ok(Json(operation));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = app.stop.cancelled() => {}
        }
    }
}

/// Lists what happened to certificates, newest first.
#[utoipa::path(get, path = "/api/v1/logs", tag = "certificates", params(LogsQuery), extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "Entries, newest first", body = Page<LogEntry>)))]
pub(crate) async fn logs(
    State(app): State<App>,
    _caller: Viewer,
    Params(query): Params<LogsQuery>,
) -> Result<Json<Page<LogEntry>>, ApiError> {
    let invalid = |what: &str| {
        Problem::new(ProblemCode::Invalid, format!("the {what} is none")).at(format!("/{what}"))
    };
    let limit = limit(query.limit)?;
    let operation = query
        .operation
        .map(|id| id.parse::<OperationId>())
        .transpose();
    let level = query.level.map(|level| level.parse::<Level>()).transpose();
    let filter = EventFilter {
        certificate: query.certificate.as_deref(),
        operation: operation.map_err(|_| invalid("operation"))?,
        level: level.map_err(|_| invalid("level"))?,
        before: query.cursor.as_deref(),
        limit,
    };
    let events = app.console.db.events(filter).await?;
    let full = events.len() == limit as usize;
    let next = events.last().filter(|_| full).map(|event| event.id.clone());
    let items = events.into_iter().map(certificates::log_entry).collect();
    Ok(Json(Page { items, next }))
}
