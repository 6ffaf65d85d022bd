//! Account key rollover (RFC 8555 §7.3.5).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::jwk::Jwk;
use crate::jws::{Jws, Signer};
use crate::post::Post;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::store::Record;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyChange {
    account: String,
    old_key: Value,
}

/// `POST /key-change`: signed by the old key, around a message signed by the new one.
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    post: Post,
) -> Result<Response, Problem> {
    let outer = post.by_account(&shared)?;
    let inner = Jws::from_value(&outer.payload.json()?)?;
    let Signer::Jwk(jwk) = &inner.header.signer else {
        return Err(Problem::malformed(
            "the inner message of a key change needs the new key as jwk",
        ));
    };
    let new_key = Jwk::from_json(jwk)?;
    inner.verify(&new_key)?;
    if inner.header.url.as_deref() != Some(post.url()) || inner.header.nonce.is_some() {
        return Err(Problem::malformed(
            "the inner message of a key change must have the outer one's url and no nonce",
        ));
    }
    let change: KeyChange = serde_json::from_slice(&inner.payload).map_err(|error| {
        Problem::malformed(format!("the key change's payload is malformed: {error}"))
    })?;
    if change.account != shared.url(&format!("/account/{}", outer.account.id)) {
        return Err(Problem::malformed(
            "the key change names another account than the one that signed it",
        ));
    }
    if Jwk::from_json(&change.old_key)?.thumbprint() != outer.account.thumbprint {
        return Err(Problem::malformed(
            "the key change's oldKey is not the account's key",
        ));
    }
    let mut store = shared.store();
    let thumbprint = new_key.thumbprint();
    if let Some(holder) = store.account_of_key(&thumbprint) {
        return Err(Problem::malformed("another account has the new key")
            .with_status(StatusCode::CONFLICT)
            .with_location(shared.url(&format!("/account/{}", holder.id))));
    }
    // Read again under the lock: the account may have changed since its signature was checked.
    let mut account = match store.account(&outer.account.id) {
        Some(current) if current.thumbprint == outer.account.thumbprint => current.clone(),
        _ => {
            return Err(Problem::malformed(
                "the account's key was changed meanwhile",
            ));
        }
    };
    account.key = new_key.to_json();
    account.thumbprint = thumbprint;
    tracing::info!(ca.account = %account.id, "account key changed");
    shared.commit(&mut store, vec![Record::Account(account)])?;
    Ok(StatusCode::OK.into_response())
}
