//! `/api/v1/certificates/preflight`: whether an order would succeed.

use axum::Json;
use axum::extract::State;
use evercert_api::preflight::{PreflightOptions, PreflightReport, PreflightRequest};

use super::app::App;
use super::body::{JsonBody, OptionalJson, Part};
use crate::auth::caller::Operator;
use crate::lifecycle::preflight;
use crate::problem::ApiError;

/// Checks what could be ordered: names, CA, DNS provider, CAA, clock. Nothing is saved or ordered.
#[utoipa::path(post, operation_id = "preflight_request", path = "/api/v1/certificates/preflight", tag = "certificates", extensions(("x-role" = json!("operator"))),
    request_body = PreflightRequest,
    responses((status = 200, description = "The checks, failed or not", body = PreflightReport)))]
pub(crate) async fn of_request(
    State(app): State<App>,
    _caller: Operator,
    JsonBody(request): JsonBody<PreflightRequest>,
) -> Result<Json<PreflightReport>, ApiError> {
    Ok(Json(preflight::of_request(&app.console, request).await?))
}

/// Checks the next renewal of a certificate, through its CA vendor or another one. The certificate is not touched.
#[utoipa::path(post, operation_id = "preflight_certificate", path = "/api/v1/certificates/{name}/preflight", tag = "certificates", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = PreflightOptions,
    responses((status = 200, description = "The checks, failed or not", body = PreflightReport)))]
pub(crate) async fn of_certificate(
    State(app): State<App>,
    _caller: Operator,
    Part(name): Part,
    OptionalJson(options): OptionalJson<PreflightOptions>,
) -> Result<Json<PreflightReport>, ApiError> {
    Ok(Json(
        preflight::of_certificate(&app.console, &name, options).await?,
    ))
}
