//! `/api/v1/orders`: the issuance and renewal log.

#![expect(
    unused_qualifications,
    reason = "utoipa writes the names of query types in full"
)]

use axum::Json;
use axum::extract::State;
use evercert_api::Page;
use evercert_api::orders::{OrderDetail, OrderEntry, OrderOutcome};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::App;
use super::body::{Params, Part};
use super::paging::limit;
use crate::auth::caller::Viewer;
use crate::lifecycle::order_log::{self, LogFilter};
use crate::problem::ApiError;

/// Which attempts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderQuery {
    /// Name of a certificate.
    certificate: Option<String>,
    /// Name of a CA vendor.
    vendor: Option<String>,
    /// `issue`, `renew` or `revoke`: what asked for it.
    kind: Option<String>,
    /// Why it was made: `missing`, `forced`, `renewal_info`, …
    reason: Option<String>,
    /// `running`, `succeeded` or `failed`.
    outcome: Option<OrderOutcome>,
    /// Made at or after: an instant (RFC 3339), or a span before now such as `24h`.
    since: Option<String>,
    /// Made before: likewise.
    until: Option<String>,
    /// Text in a step or an error, in any case.
    search: Option<String>,
    /// How many at most; 1 to 500, default 100.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Lists attempts to issue and renew, newest first.
#[utoipa::path(get, path = "/api/v1/orders", tag = "certificates", params(OrderQuery), extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "Attempts, newest first", body = Page<OrderEntry>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
    Params(query): Params<OrderQuery>,
) -> Result<Json<Page<OrderEntry>>, ApiError> {
    let filter = LogFilter {
        certificate: query.certificate,
        vendor: query.vendor,
        kind: query.kind,
        reason: query.reason,
        outcome: query.outcome,
        since: query.since,
        until: query.until,
        search: query.search,
        cursor: query.cursor,
        limit: limit(query.limit)?,
    };
    Ok(Json(order_log::list(&app.console, &filter).await?))
}

/// Shows an attempt with its steps, the CA's problem word for word, and what to do.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "certificates", extensions(("x-role" = json!("viewer"))),
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The attempt", body = OrderDetail)))]
pub(crate) async fn show(
    State(app): State<App>,
    _caller: Viewer,
    Part(id): Part,
) -> Result<Json<OrderDetail>, ApiError> {
    Ok(Json(order_log::show(&app.console, &id).await?))
}
