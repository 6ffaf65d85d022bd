//! `/api/v1/ca-vendors`: who issues.

use axum::Json;
use axum::extract::State;
use evercert_api::Page;
use evercert_api::ca_vendors::{CaVendor, NewCaVendor, TestReport};
use http::StatusCode;
use serde_json::json;

use super::app::App;
use super::body::{JsonBody, Part};
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Operator, Viewer};
use crate::lifecycle::vendors;
use crate::problem::ApiError;

/// Lists the CA vendors.
#[utoipa::path(get, path = "/api/v1/ca-vendors", tag = "ca-vendors", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "All CA vendors", body = Page<CaVendor>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
) -> Result<Json<Page<CaVendor>>, ApiError> {
    Ok(Json(Page::last(vendors::list(&app.console).await?)))
}

/// Adds a CA vendor: connects to the CA and registers the account; on failure nothing is kept.
#[utoipa::path(post, path = "/api/v1/ca-vendors", tag = "ca-vendors", extensions(("x-role" = json!("operator"))),
    request_body = NewCaVendor, responses((status = 201, description = "Connected and saved", body = CaVendor)))]
pub(crate) async fn add(
    State(app): State<App>,
    Operator(caller): Operator,
    JsonBody(new): JsonBody<NewCaVendor>,
) -> Result<(StatusCode, Json<CaVendor>), ApiError> {
    let vendor = vendors::add_vendor(&app.console, &caller.actor(), new).await?;
    let detail = json!({ "id": vendor.id, "directory_url": vendor.directory_url });
    let entry = Entry {
        action: "ca_vendor.add",
        subject: &vendor.name,
        detail,
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok((StatusCode::CREATED, Json(vendor)))
}

/// Shows a CA vendor.
#[utoipa::path(get, path = "/api/v1/ca-vendors/{name}", tag = "ca-vendors", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The CA vendor", body = CaVendor)))]
pub(crate) async fn show(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
) -> Result<Json<CaVendor>, ApiError> {
    Ok(Json(vendors::show(&app.console, &name).await?))
}

/// Removes a CA vendor that no certificate refers to.
#[utoipa::path(delete, path = "/api/v1/ca-vendors/{name}", tag = "ca-vendors", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
) -> Result<StatusCode, ApiError> {
    vendors::remove(&app.console, &caller.actor(), &name).await?;
    let entry = Entry {
        action: "ca_vendor.remove",
        subject: &name,
        detail: json!({}),
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tests a CA vendor: directory, nonce, account.
#[utoipa::path(post, path = "/api/v1/ca-vendors/{name}/test", tag = "ca-vendors", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "What was found, step by step", body = TestReport)))]
pub(crate) async fn test(
    State(app): State<App>,
    _caller: Operator,
    Part(name): Part,
) -> Result<Json<TestReport>, ApiError> {
    Ok(Json(vendors::test_vendor(&app.console, &name).await?))
}
