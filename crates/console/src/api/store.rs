//! `/api/v1/zero-touch-store`: the store as a whole, and the word that a great deletion is meant.

use axum::Json;
use axum::extract::State;
use evercert_api::store::{PurgeIntent, ZeroTouchStore};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use super::app::App;
use super::body::OptionalJson;
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Admin, Viewer};
use crate::auth::token;
use crate::problem::ApiError;
use crate::sync::watch::PURGE_SETTING;

/// How long the word stands, where nothing is said, and at most.
const DEFAULT: SignedDuration = SignedDuration::from_hours(1);
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// The subject of entries in the audit log.
const SUBJECT: &str = "zero_touch";

/// Tells where the zero-touch store stands.
#[utoipa::path(get, path = "/api/v1/zero-touch-store", tag = "instances", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "Where it stands", body = ZeroTouchStore)))]
pub(crate) async fn show(State(app): State<App>, _caller: Viewer) -> Json<ZeroTouchStore> {
    Json(shape(&app))
}

/// Lifts the guard against mass deletion on all instances for a while.
#[utoipa::path(post, path = "/api/v1/zero-touch-store/purge-intent", tag = "instances", extensions(("x-role" = json!("admin"))),
    request_body = PurgeIntent, responses((status = 200, description = "It stands", body = ZeroTouchStore)))]
pub(crate) async fn intend_purge(
    State(app): State<App>,
    Admin(caller): Admin,
    OptionalJson(wanted): OptionalJson<PurgeIntent>,
) -> Result<Json<ZeroTouchStore>, ApiError> {
    let until = token::expiry(
        wanted.expires_in.as_deref(),
        DEFAULT,
        LONGEST,
        app.console.now(),
    )?;
    let mut tx = app.console.db.begin_write().await?;
    tx.set_setting(PURGE_SETTING, &until.as_second().to_string())
        .await?;
    tx.announce_instances().await?;
    let entry = Entry {
        action: "store.intend_purge",
        subject: SUBJECT,
        detail: json!({ "until": until }),
    };
    audit::append(&mut tx, &caller.label(), &entry).await?;
    tx.commit().await?;
    app.store.refresh_or_later().await;
    Ok(Json(shape(&app)))
}

/// Puts the guard against mass deletion up again.
#[utoipa::path(delete, path = "/api/v1/zero-touch-store/purge-intent", tag = "instances", extensions(("x-role" = json!("admin"))),
    responses((status = 204, description = "It stands no more")))]
pub(crate) async fn withdraw_purge(
    State(app): State<App>,
    Admin(caller): Admin,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.console.db.begin_write().await?;
    tx.remove_setting(PURGE_SETTING).await?;
    tx.announce_instances().await?;
    let entry = Entry {
        action: "store.withdraw_purge",
        subject: SUBJECT,
        detail: json!({}),
    };
    audit::append(&mut tx, &caller.label(), &entry).await?;
    tx.commit().await?;
    app.store.refresh_or_later().await;
    Ok(StatusCode::NO_CONTENT)
}

fn shape(app: &App) -> ZeroTouchStore {
    let figures = app.store.figures();
    ZeroTouchStore {
        epoch: figures.epoch,
        revision: figures.revision,
        items: figures.items as u64,
        purge_intended_until: app.store.purge_intended_until(),
    }
}
