//! `/livez`, `/readyz`, `/metrics`, and the description of the API.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::app::App;
use super::instances::count_in_sync;
use crate::auth::caller::Viewer;
use crate::metrics::{Expiry, Figures};
use crate::problem::ApiError;

/// How long the database may take to prove that it is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// For how many certificates the end is told; beyond, the series would be too many.
const SERIES: u32 = 10_000;
/// The text form of `OpenMetrics` 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", tag = "health", security(()),
    responses((status = 200, description = "It does")))]
pub(crate) async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether requests can be served; if not, why.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "They can"), (status = 503, description = "They cannot; `reasons` says why")))]
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let mut reasons = Vec::new();
    match tokio::time::timeout(PATIENCE, app.console.db.store_states()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => reasons.push(format!("database: {error} failed")),
        Err(_) => reasons.push("database: it does not answer in time".to_owned()),
    }
    if app.stop.is_cancelled() {
        reasons.push("the Console is stopping".to_owned());
    }
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = if reasons.is_empty() {
        "ok"
    } else {
        "unavailable"
    };
    (status, Json(json!({ "status": word, "reasons": reasons }))).into_response()
}

/// Counters and gauges for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(State(app): State<App>, _caller: Viewer) -> Result<Response, ApiError> {
    let store = app.store.figures();
    let figures = Figures {
        connections: app.load.connections(),
        instances: app.store.registry.len(),
        instances_in_sync: count_in_sync(&app),
        store_revision: store.revision,
        store_items: store.items,
    };
    let text = app.metrics.render(&figures, &expiries(&app).await?);
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

async fn expiries(app: &App) -> Result<Vec<Expiry>, ApiError> {
    let ends = app.console.db.active_ends(SERIES.into()).await?;
    let expiries = ends.into_iter().map(|end| Expiry {
        name: end.name,
        store: end.store.as_str(),
        algorithm: end.algorithm.as_str(),
        not_after: end.not_after.as_second(),
    });
    Ok(expiries.collect())
}
