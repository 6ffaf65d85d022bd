//! `/api/v1/ca-vendors`: who issues.

#![expect(
    unused_qualifications,
    reason = "utoipa writes the names of query types in full"
)]

use axum::Json;
use axum::extract::State;
use evercert_api::Page;
use evercert_api::ca_vendors::{
    AddedCaVendor, CaVendor, CaVendorChange, NewCaVendor, TestReport, VendorCertificates,
    VendorRemoval, VendorSelection, VendorType,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::app::App;
use super::body::{JsonBody, Params, Part};
use super::paging;
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Caller, Operator, Viewer};
use crate::lifecycle::vendors;
use crate::problem::ApiError;

/// Which page of a scan.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScanQuery {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many certificates over all lists, 1 to 500; default 100.
    limit: Option<u32>,
}

/// Lists the CA vendors.
#[utoipa::path(get, path = "/api/v1/ca-vendors", tag = "ca-vendors", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "All CA vendors", body = Page<CaVendor>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
) -> Result<Json<Page<CaVendor>>, ApiError> {
    Ok(Json(Page::last(vendors::list(&app.console).await?)))
}

/// Lists the CAs that the Console knows, with their directories, limits and peculiarities.
#[utoipa::path(get, path = "/api/v1/ca-vendors/types", tag = "ca-vendors", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "All types", body = Page<VendorType>)))]
pub(crate) async fn types(_caller: Viewer) -> Json<Page<VendorType>> {
    Json(Page::last(vendors::types()))
}

/// Adds a CA vendor: connects to the CA and registers the account; on failure nothing is kept.
#[utoipa::path(post, path = "/api/v1/ca-vendors", tag = "ca-vendors", extensions(("x-role" = json!("operator"))),
    request_body = NewCaVendor,
    responses((status = 201, description = "Connected and saved; both stores scanned", body = AddedCaVendor)))]
pub(crate) async fn add(
    State(app): State<App>,
    Operator(caller): Operator,
    JsonBody(new): JsonBody<NewCaVendor>,
) -> Result<(StatusCode, Json<AddedCaVendor>), ApiError> {
    let added = vendors::add_vendor(&app.console, &caller.actor(), new).await?;
    let vendor = &added.vendor;
    let detail = json!({ "id": vendor.id, "type": vendor.type_code, "directory_url": vendor.directory_url,
                         "terms_agreed": vendor.terms_agreed });
    record(&app, &caller, "ca_vendor.add", &vendor.name, detail).await?;
    Ok((StatusCode::CREATED, Json(added)))
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

/// Changes a CA vendor; what the CA has a say in is done there first, and nothing is saved when it fails.
#[utoipa::path(patch, path = "/api/v1/ca-vendors/{name}", tag = "ca-vendors", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = CaVendorChange,
    responses((status = 200, description = "Changed", body = CaVendor)))]
pub(crate) async fn edit(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    JsonBody(change): JsonBody<CaVendorChange>,
) -> Result<Json<CaVendor>, ApiError> {
    let detail = told(&change);
    let vendor = vendors::edit_vendor(&app.console, &caller.actor(), &name, change).await?;
    record(&app, &caller, "ca_vendor.edit", &name, detail).await?;
    Ok(Json(vendor))
}

/// Removes a CA vendor that no certificate refers to; its account at the CA may be closed as well.
#[utoipa::path(delete, path = "/api/v1/ca-vendors/{name}", tag = "ca-vendors", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name"), VendorRemoval),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    Params(removal): Params<VendorRemoval>,
) -> Result<StatusCode, ApiError> {
    vendors::remove(&app.console, &caller.actor(), &name, removal).await?;
    let detail = json!({ "account_deactivated": removal.deactivate_account });
    record(&app, &caller, "ca_vendor.remove", &name, detail).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives the vendor's account at the CA a new key (RFC 8555 §7.3.5).
#[utoipa::path(post, path = "/api/v1/ca-vendors/{name}/rotate-account-key", tag = "ca-vendors",
    extensions(("x-role" = json!("operator"))), params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The account has a new key", body = CaVendor)))]
pub(crate) async fn rotate_account_key(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
) -> Result<Json<CaVendor>, ApiError> {
    let vendor = vendors::rotate_account_key(&app.console, &caller.actor(), &name).await?;
    record(
        &app,
        &caller,
        "ca_vendor.rotate_account_key",
        &name,
        json!({}),
    )
    .await?;
    Ok(Json(vendor))
}

/// Scans the certificates of both stores: those renewed through this vendor, those its CA issued, and the others.
#[utoipa::path(get, path = "/api/v1/ca-vendors/{name}/certificates", tag = "ca-vendors",
    extensions(("x-role" = json!("viewer"))), params(("name" = String, Path, description = "Its name"), ScanQuery),
    responses((status = 200, description = "Counts, and a page of the lists", body = VendorCertificates)))]
pub(crate) async fn certificates(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
    Params(query): Params<ScanQuery>,
) -> Result<Json<VendorCertificates>, ApiError> {
    let page = vendors::ScanPage {
        limit: paging::limit(query.limit)?,
        cursor: query.cursor,
    };
    Ok(Json(vendors::scan(&app.console, &name, &page).await?))
}

/// Chooses which certificates are renewed through this vendor; all that is asked for, or nothing.
#[utoipa::path(post, path = "/api/v1/ca-vendors/{name}/certificates", tag = "ca-vendors",
    extensions(("x-role" = json!("operator"))), params(("name" = String, Path, description = "Its name")),
    request_body = VendorSelection,
    responses((status = 200, description = "Changed; counts and all lists as they are now", body = VendorCertificates)))]
pub(crate) async fn select(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    JsonBody(selection): JsonBody<VendorSelection>,
) -> Result<Json<VendorCertificates>, ApiError> {
    let found = vendors::select(&app.console, &caller.actor(), &name, &selection).await?;
    let detail = json!({ "add": selection.add, "remove": selection.remove,
                         "confirm_vendor_change": selection.confirm_vendor_change });
    record(&app, &caller, "ca_vendor.select", &name, detail).await?;
    Ok(Json(found))
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

/// What of a change the audit log tells: which parts, and never a secret.
fn told(change: &CaVendorChange) -> Value {
    json!({
        "name": change.name,
        "email": change.email,
        "directory_url": change.directory_url,
        "environment": change.environment,
        "ca_bundle_given": change.ca_bundle.is_some(),
        "eab_kid": change.eab_kid,
        "register_anew": change.register_anew,
        "terms_agreed": change.terms_agreed,
        "renew_before": change.renew_before,
        "renew_before_days": change.renew_before_days,
        "profile": change.profile,
        "preferred_chain": change.preferred_chain,
        "lifetime": change.lifetime,
    })
}

async fn record(
    app: &App,
    caller: &Caller,
    action: &str,
    subject: &str,
    detail: Value,
) -> Result<(), ApiError> {
    let entry = Entry {
        action,
        subject,
        detail,
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(())
}
