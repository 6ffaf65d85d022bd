//! `/api/v1/tokens`: API tokens.

use axum::Json;
use axum::extract::State;
use evercert_api::Page;
use evercert_api::users::{ApiToken, NewApiToken};
use evercert_api::{Problem, ProblemCode};
use evercert_types::TokenId;
use http::StatusCode;
use serde_json::json;

use super::app::App;
use super::body::{JsonBody, Part};
use crate::auth::audit::{self, Entry};
use crate::auth::caller::Admin;
use crate::auth::{session, token};
use crate::problem::ApiError;

/// Lists API tokens, without their texts.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", extensions(("x-role" = json!("admin"))),
    responses((status = 200, description = "All tokens, oldest first", body = Page<ApiToken>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Admin,
) -> Result<Json<Page<ApiToken>>, ApiError> {
    let tokens = app.console.db.api_tokens().await?;
    let shown = tokens.into_iter().map(|stored| {
        let role = session::role_of(&stored.role)?;
        Ok(token::shape(stored, role))
    });
    Ok(Json(Page::last(shown.collect::<Result<_, ApiError>>()?)))
}

/// Makes an API token; its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", extensions(("x-role" = json!("admin"))),
    request_body = NewApiToken,
    responses((status = 201, description = "Made; `token` is shown this once", body = ApiToken)))]
pub(crate) async fn create(
    State(app): State<App>,
    Admin(caller): Admin,
    JsonBody(new): JsonBody<NewApiToken>,
) -> Result<(StatusCode, Json<ApiToken>), ApiError> {
    let ends = token::check(&new, app.console.now())?;
    let mut tx = app.console.db.begin_write().await?;
    let made = token::create(&mut tx, caller.user_id, new.name.trim(), new.role, ends).await?;
    let detail = json!({ "id": made.id, "role": made.role, "expires_at": ends });
    let entry = Entry {
        action: "token.create",
        subject: &made.name,
        detail,
    };
    audit::append(&mut tx, &caller.label(), &entry).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Makes an API token unusable at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", extensions(("x-role" = json!("admin"))),
    params(("id" = TokenId, Path, description = "Its id")),
    responses((status = 204, description = "Unusable from now on")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Admin(caller): Admin,
    Part(id): Part,
) -> Result<StatusCode, ApiError> {
    let missing = || Problem::new(ProblemCode::NotFound, "there is no such API token");
    let id: TokenId = id.parse().map_err(|_| missing())?;
    let mut tx = app.console.db.begin_write().await?;
    let removed = tx.remove_api_token(id).await?.ok_or_else(missing)?;
    let entry = Entry {
        action: "token.revoke",
        subject: &removed.name,
        detail: json!({ "id": id }),
    };
    audit::append(&mut tx, &caller.label(), &entry).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
