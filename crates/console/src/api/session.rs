//! `/api/v1/setup` and `/api/v1/session`: the first administrator, log-in and log-out.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use evercert_api::users::{LoginRequest, Session, SetupRequest};
use evercert_api::{Problem, ProblemCode};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::app::App;
use super::body::JsonBody;
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Caller, Credential, Viewer};
use crate::auth::limit::{Attempt, network};
use crate::auth::{secret, session, setup};
use crate::problem::ApiError;
use crate::sync::peer::Peer;

/// Makes the first administrator and logs in; the set-up token is void afterwards.
#[utoipa::path(post, path = "/api/v1/setup", tag = "access", security(()), request_body = SetupRequest,
    responses((status = 201, description = "Made, and logged in by cookie", body = Session)))]
pub(crate) async fn set_up(
    State(app): State<App>,
    peer: axum::Extension<Peer>,
    JsonBody(request): JsonBody<SetupRequest>,
) -> Result<Response, ApiError> {
    let attempt = Attempt::begin(&app.auth.logins, &network(peer.addr.ip()))?;
    let user = setup::setup(&app, request).await?;
    attempt.succeeded();
    tracing::info!(user.name = user.name, "the first administrator was made");
    Ok(logged_in(
        StatusCode::CREATED,
        setup::log_in(&app.console.db, &user).await?,
    ))
}

/// Logs in; the answer sets a cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "access", security(()), request_body = LoginRequest,
    responses((status = 200, description = "Logged in by cookie", body = Session)))]
pub(crate) async fn log_in(
    State(app): State<App>,
    peer: axum::Extension<Peer>,
    JsonBody(request): JsonBody<LoginRequest>,
) -> Result<Response, ApiError> {
    let from = network(peer.addr.ip());
    let by_network = Attempt::begin(&app.auth.logins, &from)?;
    let name: String = request.name.chars().take(64).collect();
    let by_name = Attempt::begin(&app.auth.logins_by_name, &format!("{from} {name}"))?;
    let user = app
        .console
        .db
        .user_by_name(&name)
        .await?
        .filter(|user| !user.disabled);
    let hash = user.as_ref().map(|user| user.password_hash.as_str());
    let right = app.auth.passwords.verify(&request.password, hash).await?;
    let Some(user) = user.filter(|_| right) else {
        tracing::warn!(user.name = name, client.network = from, "a log-in failed");
        return Err(Problem::new(
            ProblemCode::Unauthorized,
            "the user name or the password is wrong",
        )
        .with_remedy("Check both; an administrator can make an API token.")
        .into());
    };
    by_network.succeeded();
    by_name.succeeded();
    let entry = Entry {
        action: "session.begin",
        subject: &user.name,
        detail: json!({ "from": from }),
    };
    audit::record(&app.console.db, &format!("user:{}", user.name), &entry).await?;
    let role = session::role_of(&user.role)?;
    Ok(logged_in(
        StatusCode::OK,
        session::begin(&app.console.db, &user, role).await?,
    ))
}

/// Tells who calls.
#[utoipa::path(get, path = "/api/v1/session", tag = "access",
    responses((status = 200, description = "Who calls", body = Session)))]
pub(crate) async fn show(Viewer(caller): Viewer) -> Json<Session> {
    let csrf_token = match &caller.by {
        Credential::Session { csrf } => Some(csrf.clone()),
        Credential::Token => None,
    };
    let Caller {
        role,
        user_id,
        name,
        ..
    } = caller;
    Json(Session {
        user_id,
        name,
        role,
        csrf_token,
    })
}

/// Logs out; without a session it does nothing.
#[utoipa::path(delete, path = "/api/v1/session", tag = "access",
    responses((status = 204, description = "Logged out")))]
pub(crate) async fn log_out(
    State(app): State<App>,
    _caller: Viewer,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(cookie) = session::cookie_of(&headers) {
        app.console.db.remove_session(&secret::hash(cookie)).await?;
    }
    let forget = AppendHeaders([(SET_COOKIE, session::forgotten_cookie())]);
    Ok((StatusCode::NO_CONTENT, forget).into_response())
}

fn logged_in(status: StatusCode, begun: session::Begun) -> Response {
    let cookie = AppendHeaders([(SET_COOKIE, begun.cookie.expose().clone())]);
    (status, cookie, Json(begun.session)).into_response()
}
