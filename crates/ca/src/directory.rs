//! The directory and nonces (RFC 8555 §7.1.1, §7.2).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::post::Post;
use crate::problem::Problem;
use crate::shared::Shared;

/// `GET /directory`.
pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(document(&shared))
}

/// `POST /directory`: POST-as-GET.
pub(crate) async fn post(
    State(shared): State<Arc<Shared>>,
    post: Post,
) -> Result<Json<Value>, Problem> {
    post.by_account(&shared)?.payload.must_be_empty()?;
    Ok(Json(document(&shared)))
}

/// `HEAD /new-nonce`; the nonce itself is added to every answer.
pub(crate) async fn head_nonce() -> StatusCode {
    StatusCode::OK
}

/// `GET /new-nonce`.
pub(crate) async fn get_nonce() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `POST /new-nonce`: POST-as-GET.
pub(crate) async fn post_nonce(
    State(shared): State<Arc<Shared>>,
    post: Post,
) -> Result<Response, Problem> {
    post.by_account(&shared)?.payload.must_be_empty()?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn document(shared: &Shared) -> Value {
    let mut meta = Map::new();
    if let Some(terms) = &shared.config.terms_of_service {
        meta.insert("termsOfService".to_owned(), json!(terms));
    }
    meta.insert(
        "externalAccountRequired".to_owned(),
        json!(shared.config.external_accounts.is_required()),
    );
    let profiles: Map<String, Value> = shared
        .profiles
        .iter()
        .map(|profile| (profile.name.clone(), json!(profile.description)))
        .collect();
    meta.insert("profiles".to_owned(), Value::Object(profiles));
    json!({
        "newNonce": shared.url("/new-nonce"),
        "newAccount": shared.url("/new-account"),
        "newOrder": shared.url("/new-order"),
        "revokeCert": shared.url("/revoke-cert"),
        "keyChange": shared.url("/key-change"),
        "renewalInfo": shared.url("/renewal-info"),
        "meta": meta,
    })
}
