//! `/api/v1/certificates`: the two stores.
//!
//! What changes the zero-touch store at once is taken over before it is answered: who reads or syncs after
//! the answer sees the change.

#![expect(
    unused_qualifications,
    reason = "utoipa writes the names of query types in full"
)]

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use evercert_api::bulk::{BulkItem, BulkOutcome, BulkRequest, BulkResult};
use evercert_api::certificate_lists::{CertificateFilter, CertificateSummary, DuplicateGroup};
use evercert_api::certificates::{
    Certificate, CertificateChange, Deployment, Export, ExportRequest, ImportRequest, IssueRequest,
    LogEntry, RenewRequest, RollbackRequest, Version,
};
use evercert_api::operations::Operation;
use evercert_api::revocations::{RebuildRequest, RevokeRequest};
use evercert_api::{Page, Problem, ProblemCode};
use evercert_types::{OperationId, RenewalMode, StoreKind};
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::app::App;
use super::body::{JsonBody, OptionalJson, Params, Part};
use super::instances;
use super::paging::limit;
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Admin, Caller, Operator, Viewer};
use crate::lifecycle::certificates::{self, ListFilter};
use crate::lifecycle::request::{self, Renewal};
use crate::lifecycle::{bulk, import as importing, operations, revoke as revoking};
use crate::problem::ApiError;

/// Names that the paths of this API need for themselves.
const RESERVED: [&str; 5] = ["bulk", "duplicates", "import", "preflight", "summary"];

/// Which certificates.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateQuery {
    /// `automatic` or `manual`: the two tabs of the renewals.
    renewal_mode: Option<RenewalMode>,
    /// `certificate` or `zero_touch`.
    store: Option<StoreKind>,
    /// Name of a CA vendor.
    vendor: Option<String>,
    /// One or more states, separated by commas: `failing,blocked`.
    state: Option<String>,
    /// Labels that it carries: `site=fra,tier=edge`.
    selector: Option<String>,
    /// Part of the issuer of a version in force.
    issuer: Option<String>,
    /// Part of the name, or of one of its domains.
    search: Option<String>,
    /// A version in force ends before: an instant, or a span from now such as `30d`.
    expires_before: Option<String>,
    /// A key is due before: an instant, or a span from now such as `7d`.
    due_before: Option<String>,
    /// `name` (default), `not_after`, `-not_after`, `due_at` or `-due_at`.
    sort: Option<String>,
    /// How many at most; 1 to 500, default 100.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

impl CertificateQuery {
    fn filter(self) -> CertificateFilter {
        CertificateFilter {
            renewal_mode: self.renewal_mode,
            store: self.store,
            vendor: self.vendor,
            state: self.state,
            selector: self.selector,
            issuer: self.issuer,
            search: self.search,
            expires_before: self.expires_before,
            due_before: self.due_before,
        }
    }
}

/// Which part of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// How many entries at most; 1 to 500, default 100.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Lists certificates.
#[utoipa::path(get, path = "/api/v1/certificates", tag = "certificates", params(CertificateQuery),
    extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "Certificates, in the order asked for", body = Page<Certificate>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
    Params(query): Params<CertificateQuery>,
) -> Result<Json<Page<Certificate>>, ApiError> {
    let filter = ListFilter {
        sort: query.sort.clone(),
        cursor: query.cursor.clone(),
        limit: limit(query.limit)?,
        filter: query.filter(),
    };
    Ok(Json(certificates::list(&app.console, &filter).await?))
}

/// Counts certificates by state, renewal mode, store and vendor.
#[utoipa::path(get, path = "/api/v1/certificates/summary", tag = "certificates", params(CertificateQuery),
    extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "How many there are; sort, limit and cursor mean nothing here", body = CertificateSummary)))]
pub(crate) async fn summary(
    State(app): State<App>,
    _caller: Viewer,
    Params(query): Params<CertificateQuery>,
) -> Result<Json<CertificateSummary>, ApiError> {
    Ok(Json(
        certificates::summary(&app.console, &query.filter()).await?,
    ))
}

/// Lists certificates that have all their names in common: each is renewed by itself.
#[utoipa::path(get, path = "/api/v1/certificates/duplicates", tag = "certificates",
    extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "Groups of certificates with the same names", body = Page<DuplicateGroup>)))]
pub(crate) async fn duplicates(
    State(app): State<App>,
    _caller: Viewer,
) -> Result<Json<Page<DuplicateGroup>>, ApiError> {
    Ok(Json(Page::last(
        certificates::duplicates(&app.console).await?,
    )))
}

/// Asks for a certificate; its operation tells how far it is.
#[utoipa::path(post, path = "/api/v1/certificates", tag = "certificates", extensions(("x-role" = json!("operator"))),
    request_body = IssueRequest, responses((status = 202, description = "Ordered; `Location` is the operation", body = Operation)))]
pub(crate) async fn issue(
    State(app): State<App>,
    Operator(caller): Operator,
    JsonBody(request): JsonBody<IssueRequest>,
) -> Result<Response, ApiError> {
    refuse_reserved(&request.name)?;
    let name = request.name.clone();
    let detail = json!({
        "domains": request.domains, "vendor": request.vendor, "store": request.store, "keys": request.keys,
    });
    let operation = request::request_issue(&app.console, &caller.actor(), request).await?;
    note(&app, &caller, "certificate.issue", &name, detail).await?;
    accepted(&app, operation).await
}

/// Takes a certificate that was made elsewhere; a known name gets a new version.
#[utoipa::path(post, path = "/api/v1/certificates/import", tag = "certificates", extensions(("x-role" = json!("operator"))),
    request_body = ImportRequest, responses((status = 201, description = "In its store", body = Certificate)))]
pub(crate) async fn import(
    State(app): State<App>,
    Operator(caller): Operator,
    JsonBody(request): JsonBody<ImportRequest>,
) -> Result<(StatusCode, Json<Certificate>), ApiError> {
    refuse_reserved(&request.name)?;
    let with_key = request.key_pem.is_some() || request.key_content.is_some();
    let detail = json!({ "store": request.store, "with_key": with_key, "format": request.format });
    let certificate = importing::import(&app.console, &caller.actor(), request).await?;
    note(
        &app,
        &caller,
        "certificate.import",
        &certificate.name,
        detail,
    )
    .await?;
    app.store.refresh_or_later().await;
    Ok((StatusCode::CREATED, Json(certificate)))
}

/// Shows a certificate.
#[utoipa::path(get, path = "/api/v1/certificates/{name}", tag = "certificates", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The certificate", body = Certificate)))]
pub(crate) async fn show(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
) -> Result<Json<Certificate>, ApiError> {
    Ok(Json(certificates::show(&app.console, &name).await?))
}

/// Changes scope, labels, renewal mode or CA vendor.
#[utoipa::path(patch, path = "/api/v1/certificates/{name}", tag = "certificates", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = CertificateChange,
    responses((status = 200, description = "As it is now", body = Certificate)))]
pub(crate) async fn change(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    JsonBody(change): JsonBody<CertificateChange>,
) -> Result<Json<Certificate>, ApiError> {
    let detail = serde_json::to_value(&change).unwrap_or_default();
    let certificate = certificates::change(&app.console, &caller.actor(), &name, change).await?;
    note(&app, &caller, "certificate.change", &name, detail).await?;
    app.store.refresh_or_later().await;
    Ok(Json(certificate))
}

/// Deletes a certificate with its versions; instances stop serving it.
#[utoipa::path(delete, path = "/api/v1/certificates/{name}", tag = "certificates", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
) -> Result<StatusCode, ApiError> {
    certificates::delete(&app.console, &caller.actor(), &name).await?;
    note(&app, &caller, "certificate.delete", &name, json!({})).await?;
    app.store.refresh_or_later().await;
    Ok(StatusCode::NO_CONTENT)
}

/// Renews a certificate now.
#[utoipa::path(post, path = "/api/v1/certificates/{name}/renew", tag = "certificates", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = RenewRequest,
    responses((status = 202, description = "Ordered; `Location` is the operation", body = Operation)))]
pub(crate) async fn renew(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    OptionalJson(wanted): OptionalJson<RenewRequest>,
) -> Result<Response, ApiError> {
    let force = wanted.force.unwrap_or(true);
    let renewal = if force {
        Renewal::Forced
    } else {
        Renewal::IfDue
    };
    let operation = request::renew(&app.console, &caller.actor(), &name, renewal).await?;
    note(
        &app,
        &caller,
        "certificate.renew",
        &name,
        json!({ "force": force }),
    )
    .await?;
    accepted(&app, operation).await
}

/// Puts an older version back into force.
#[utoipa::path(post, path = "/api/v1/certificates/{name}/rollback", tag = "certificates", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = RollbackRequest,
    responses((status = 200, description = "As it is now", body = Certificate)))]
pub(crate) async fn rollback(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    OptionalJson(request): OptionalJson<RollbackRequest>,
) -> Result<Json<Certificate>, ApiError> {
    let detail = serde_json::to_value(&request).unwrap_or_default();
    let certificate =
        certificates::rollback(&app.console, &caller.actor(), &name, &request).await?;
    note(&app, &caller, "certificate.rollback", &name, detail).await?;
    app.store.refresh_or_later().await;
    Ok(Json(certificate))
}

/// Does the same to many certificates; each is judged by itself.
#[utoipa::path(post, path = "/api/v1/certificates/bulk", tag = "certificates", extensions(("x-role" = json!("operator"))),
    request_body = BulkRequest, responses(
        (status = 200, description = "Done, or would be", body = BulkResult),
        (status = 202, description = "Orders will be made", body = BulkResult)))]
pub(crate) async fn bulk(
    State(app): State<App>,
    Operator(caller): Operator,
    JsonBody(request): JsonBody<BulkRequest>,
) -> Result<(StatusCode, Json<BulkResult>), ApiError> {
    let result = bulk::bulk(&app.console, &caller.actor(), &request).await?;
    let is_changed =
        |item: &&BulkItem| matches!(item.outcome, BulkOutcome::Done | BulkOutcome::Queued);
    let names: Vec<_> = result
        .items
        .iter()
        .filter(is_changed)
        .map(|item| &item.name)
        .collect();
    if !request.dry_run && !names.is_empty() {
        let subject = serde_json::to_value(request.action).unwrap_or_default();
        let detail = json!({ "request": request, "certificates": names });
        let subject = subject.as_str().unwrap_or_default();
        note(&app, &caller, "certificate.bulk", subject, detail).await?;
    }
    let status = match result.queued > 0 && !request.dry_run {
        true => StatusCode::ACCEPTED,
        false => StatusCode::OK,
    };
    Ok((status, Json(result)))
}

/// Builds the chain in force anew, from what the CA offers now, without a new certificate.
#[utoipa::path(post, path = "/api/v1/certificates/{name}/rebuild-chain", tag = "certificates", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = RebuildRequest,
    responses((status = 200, description = "As it is now; `warnings` say what should be known of the chain", body = Certificate)))]
pub(crate) async fn rebuild_chain(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    OptionalJson(request): OptionalJson<RebuildRequest>,
) -> Result<Json<Certificate>, ApiError> {
    let detail = serde_json::to_value(&request).unwrap_or_default();
    let certificate =
        certificates::rebuild_chain(&app.console, &caller.actor(), &name, &request).await?;
    note(&app, &caller, "certificate.rebuild_chain", &name, detail).await?;
    app.store.refresh_or_later().await;
    Ok(Json(certificate))
}

/// Revokes at the CA, perhaps after a replacement is in force.
#[utoipa::path(post, path = "/api/v1/certificates/{name}/revoke", tag = "certificates", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = RevokeRequest,
    responses((status = 202, description = "Asked for; `Location` is the operation", body = Operation)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    OptionalJson(request): OptionalJson<RevokeRequest>,
) -> Result<Response, ApiError> {
    let detail = serde_json::to_value(&request).unwrap_or_default();
    let operation = revoking::revoke(&app.console, &caller.actor(), &name, &request).await?;
    note(&app, &caller, "certificate.revoke", &name, detail).await?;
    accepted(&app, operation).await
}

/// Exports the version in force; with its private key only for administrators.
#[utoipa::path(post, path = "/api/v1/certificates/{name}/export", tag = "certificates", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")), request_body = ExportRequest,
    responses((status = 200, description = "Chain, and key if asked for", body = Export)))]
pub(crate) async fn export(
    State(app): State<App>,
    Viewer(caller): Viewer,
    Part(name): Part,
    OptionalJson(request): OptionalJson<ExportRequest>,
) -> Result<Json<Export>, ApiError> {
    if request.holds_key() {
        let detail = json!({
            "key": request.key, "format": request.format, "generation": request.generation,
            "encrypted": request.password.is_some(),
        });
        let label = caller.clone();
        let Admin(caller) = match Admin::of(caller) {
            Ok(admin) => admin,
            Err(refused) => {
                // Who tried is worth knowing as well.
                note(
                    &app,
                    &label,
                    "certificate.export_key_refused",
                    &name,
                    detail,
                )
                .await?;
                return Err(refused);
            }
        };
        certificates::show(&app.console, &name).await?;
        // Written down before the key is shown: a key that left without a trace would be worse.
        note(&app, &caller, "certificate.export_key", &name, detail).await?;
    }
    Ok(Json(
        certificates::export(&app.console, &name, &request).await?,
    ))
}

/// Lists the versions of a certificate, newest first.
#[utoipa::path(get, path = "/api/v1/certificates/{name}/versions", tag = "certificates", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "All versions kept", body = Page<Version>)))]
pub(crate) async fn versions(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
) -> Result<Json<Page<Version>>, ApiError> {
    Ok(Json(Page::last(
        certificates::versions(&app.console, &name).await?,
    )))
}

/// Tells what happened to a certificate, newest first.
#[utoipa::path(get, path = "/api/v1/certificates/{name}/log", tag = "certificates", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name"), LogQuery),
    responses((status = 200, description = "Entries, newest first", body = Page<LogEntry>)))]
pub(crate) async fn log(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
    Params(query): Params<LogQuery>,
) -> Result<Json<Page<LogEntry>>, ApiError> {
    let limit = limit(query.limit)?;
    Ok(Json(
        certificates::log(&app.console, &name, query.cursor.as_deref(), limit).await?,
    ))
}

/// Tells how far a certificate got on each instance in its scope.
#[utoipa::path(get, path = "/api/v1/certificates/{name}/deployments", tag = "certificates", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "One entry for each key algorithm and instance", body = Page<Deployment>)))]
pub(crate) async fn deployments(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
) -> Result<Json<Page<Deployment>>, ApiError> {
    let certificate = certificates::show(&app.console, &name).await?;
    Ok(Json(Page::last(
        instances::deployments(&app, &certificate).await?,
    )))
}

fn refuse_reserved(name: &str) -> Result<(), ApiError> {
    if !RESERVED.contains(&name) {
        return Ok(());
    }
    let detail = format!("no certificate can be called \"{name}\": it is a path of the API");
    Err(Problem::new(ProblemCode::Invalid, detail)
        .at("/name")
        .into())
}

async fn note(
    app: &App,
    caller: &Caller,
    action: &str,
    subject: &str,
    detail: Value,
) -> Result<(), ApiError> {
    Ok(audit::record(
        &app.console.db,
        &caller.label(),
        &Entry {
            action,
            subject,
            detail,
        },
    )
    .await?)
}

async fn accepted(app: &App, id: OperationId) -> Result<Response, ApiError> {
    let operation = operations::operation(&app.console, id).await?;
    let location = AppendHeaders([(LOCATION, format!("/api/v1/operations/{id}"))]);
    Ok((StatusCode::ACCEPTED, location, Json(operation)).into_response())
}
