//! `/api/v1/certificates/{name}/challenges`: how names are proved, and the operator's word for records by hand.

use axum::Json;
use axum::extract::State;
use evercert_api::Page;
use evercert_api::challenges::{ChallengeView, ConfirmChallenges};
use serde_json::json;

use super::app::App;
use super::body::{OptionalJson, Part};
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Operator, Viewer};
use crate::lifecycle::challenge::manual::{self, Confirmation};
use crate::problem::ApiError;

/// Lists how the names of a certificate's running orders are proved; with the records that wait for the operator.
#[utoipa::path(get, path = "/api/v1/certificates/{name}/challenges", tag = "certificates", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "One entry for each name of each running order", body = Page<ChallengeView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
) -> Result<Json<Page<ChallengeView>>, ApiError> {
    Ok(Json(Page::last(
        manual::challenges(&app.console, &name).await?,
    )))
}

/// Says that the TXT records that orders wait for are there; they must be visible, unless forced.
#[utoipa::path(post, path = "/api/v1/certificates/{name}/challenges/confirm", tag = "certificates", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = ConfirmChallenges,
    responses((status = 200, description = "The orders go on", body = Page<ChallengeView>)))]
pub(crate) async fn confirm(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    OptionalJson(wanted): OptionalJson<ConfirmChallenges>,
) -> Result<Json<Page<ChallengeView>>, ApiError> {
    let confirmation = match wanted.force {
        true => Confirmation::Unseen,
        false => Confirmation::Seen,
    };
    let views = manual::confirm(&app.console, &caller.actor(), &name, confirmation).await?;
    let entry = Entry {
        action: "certificate.confirm_challenges",
        subject: &name,
        detail: json!({ "force": wanted.force }),
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(Json(Page::last(views)))
}
