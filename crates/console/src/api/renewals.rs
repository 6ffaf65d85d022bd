//! `/api/v1/renewals` and `/api/v1/settings/renewal`: what is renewed when.

use axum::Json;
use axum::extract::State;
use evercert_api::Page;
use evercert_api::renewals::{Bucket, Calendar, PlannedRenewal, RenewalSettings};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::app::App;
use super::body::{JsonBody, Params};
use super::paging::limit;
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Operator, Viewer};
use crate::lifecycle::renewals::{self, CalendarQuery, RenewalQuery};
use crate::problem::ApiError;

/// Names shown for each hour or day, where nothing is said.
const NAMES: u32 = 10;
/// Names shown for each hour or day at most.
const MOST_NAMES: u32 = 50;

/// Which planned renewals.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Due at this time or later; RFC 3339.
    from: Option<Timestamp>,
    /// Due before this time; RFC 3339.
    to: Option<Timestamp>,
    /// Name of a CA vendor.
    vendor: Option<String>,
    /// How many at most; 1 to 500, default 100.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Which part of the calendar, and how it is divided.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarParams {
    /// Its begin, RFC 3339; default now. It begins with the whole hour or day.
    from: Option<Timestamp>,
    /// Its end, RFC 3339; default 30 days later.
    to: Option<Timestamp>,
    /// `hour` or `day` (default), UTC.
    #[param(inline)]
    bucket: Option<Bucket>,
    /// Name of a CA vendor.
    vendor: Option<String>,
    /// How many names each hour or day shows; 0 to 50, default 10.
    names: Option<u32>,
}

/// Lists planned renewals, the next first.
#[utoipa::path(get, path = "/api/v1/renewals", tag = "renewals", params(ListQuery),
    extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "Planned renewals, the next first", body = Page<PlannedRenewal>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<PlannedRenewal>>, ApiError> {
    let query = RenewalQuery {
        from: query.from,
        to: query.to,
        vendor: query.vendor,
        cursor: query.cursor,
        limit: limit(query.limit)?,
    };
    Ok(Json(renewals::list(&app.console, &query).await?))
}

/// Shows how many renewals are planned in which hour or day.
#[utoipa::path(get, path = "/api/v1/renewals/calendar", tag = "renewals", params(CalendarParams),
    extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "Every hour or day of the span", body = Calendar)))]
pub(crate) async fn calendar(
    State(app): State<App>,
    _caller: Viewer,
    Params(query): Params<CalendarParams>,
) -> Result<Json<Calendar>, ApiError> {
    let query = CalendarQuery {
        from: query.from,
        to: query.to,
        bucket: query.bucket.unwrap_or_default(),
        vendor: query.vendor,
        names: query.names.unwrap_or(NAMES).min(MOST_NAMES),
    };
    Ok(Json(renewals::calendar(&app.console, &query).await?))
}

/// Shows what holds for all renewals.
#[utoipa::path(get, path = "/api/v1/settings/renewal", tag = "renewals", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "The settings", body = RenewalSettings)))]
pub(crate) async fn settings(
    State(app): State<App>,
    _caller: Viewer,
) -> Result<Json<RenewalSettings>, ApiError> {
    Ok(Json(renewals::settings(&app.console).await?))
}

/// Replaces what holds for all renewals; they are planned anew.
#[utoipa::path(put, path = "/api/v1/settings/renewal", tag = "renewals", extensions(("x-role" = json!("operator"))),
    request_body = RenewalSettings, responses((status = 200, description = "As they are now", body = RenewalSettings)))]
pub(crate) async fn save_settings(
    State(app): State<App>,
    Operator(caller): Operator,
    JsonBody(settings): JsonBody<RenewalSettings>,
) -> Result<Json<RenewalSettings>, ApiError> {
    let saved = renewals::save_settings(&app.console, &caller.actor(), settings).await?;
    let entry = Entry {
        action: "settings.renewal",
        subject: "renewal",
        detail: json!(saved),
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(Json(saved))
}
