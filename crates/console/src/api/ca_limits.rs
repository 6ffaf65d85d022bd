//! `/api/v1/ca-vendors/{name}/limits`: the ledger of a CA's rate limits.

#![expect(
    unused_qualifications,
    reason = "utoipa's macro writes the path of query types in full"
)]

use axum::Json;
use axum::extract::State;
use evercert_api::ca_vendors::{LimitSettings, LimitsReport};
use evercert_api::{Problem, ProblemCode};
use evercert_types::DomainName;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::app::App;
use super::body::{JsonBody, Params, Part};
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Operator, Viewer};
use crate::lifecycle::ledger::show;
use crate::problem::ApiError;

/// What a question may add.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsQuery {
    /// Also say what an order of these names would find: names separated by commas.
    domains: Option<String>,
}

/// Shows what a CA allows, what is used of it, which names fail there, and which orders wait.
#[utoipa::path(get, path = "/api/v1/ca-vendors/{name}/limits", tag = "ca-vendors", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name"), LimitsQuery),
    responses((status = 200, description = "The ledger of its rate limits", body = LimitsReport)))]
pub(crate) async fn show(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
    Params(query): Params<LimitsQuery>,
) -> Result<Json<LimitsReport>, ApiError> {
    let domains = domains(query.domains.as_deref().unwrap_or_default())?;
    Ok(Json(show::limits(&app.console, &name, &domains).await?))
}

/// Sets rate limits of the operator's own; those not named go back to what the vendor publishes.
#[utoipa::path(put, path = "/api/v1/ca-vendors/{name}/limits", tag = "ca-vendors", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = LimitSettings,
    responses((status = 200, description = "The ledger as it is now", body = LimitsReport)))]
pub(crate) async fn set(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    JsonBody(settings): JsonBody<LimitSettings>,
) -> Result<Json<LimitsReport>, ApiError> {
    let console = &app.console;
    let report = show::set_limits(console, &caller.actor(), &name, &settings.limits).await?;
    let entry = Entry {
        action: "ca_vendor.set_limits",
        subject: &name,
        detail: json!({ "limits": settings.limits }),
    };
    audit::record(&console.db, &caller.label(), &entry).await?;
    Ok(Json(report))
}

fn domains(text: &str) -> Result<Vec<DomainName>, ApiError> {
    let names = text.split(',').filter(|name| !name.is_empty());
    names
        .map(|name| {
            name.trim().parse().map_err(|error| {
                let problem = Problem::new(ProblemCode::Invalid, format!("{error}"));
                problem.at("/domains").into()
            })
        })
        .collect()
}
