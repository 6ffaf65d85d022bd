//! The resources of the server, and what every answer carries.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::account::append_link;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::{
    account, authorization, certificate, directory, finalize, key_change, order, renewal_info,
    revoke,
};

const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");

/// All of them; the paths are ours to choose (RFC 8555 §7.1).
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/directory", get(directory::get).post(directory::post))
        .route(
            "/new-nonce",
            get(directory::get_nonce)
                .head(directory::head_nonce)
                .post(directory::post_nonce),
        )
        .route("/new-account", post(account::create))
        .route("/account/{id}", post(account::read_or_update))
        .route("/account/{id}/orders", post(account::orders))
        .route("/new-order", post(order::create))
        .route("/order/{id}", post(order::read))
        .route("/order/{id}/finalize", post(finalize::finalize))
        .route("/authz/{id}", post(authorization::read_or_deactivate))
        .route("/chall/{id}/{index}", post(authorization::read_or_respond))
        .route("/cert/{id}", post(certificate::download))
        .route(
            "/cert/{id}/alternate/{number}",
            post(certificate::download_alternate),
        )
        .route("/revoke-cert", post(revoke::revoke))
        .route("/key-change", post(key_change::change))
        .route("/renewal-info/{id}", get(renewal_info::get))
        .fallback(async || Problem::not_found("resource"))
        .method_not_allowed_fallback(async || {
            Problem::malformed("this resource is not read or written in this way")
                .with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(from_fn_with_state(shared.clone(), decorate))
        .with_state(shared)
}

/// Adds a fresh nonce (RFC 8555 §6.5), the way to the directory, and forbids caching.
async fn decorate(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let is_post = request.method() == Method::POST;
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if response.status().is_client_error() && !is_problem(&response) {
        // axum's own refusals, such as a path parameter that is no number.
        response = Problem::not_found("resource").into_response();
    }
    let headers = response.headers_mut();
    if (is_post || path == "/new-nonce")
        && let Ok(nonce) = HeaderValue::from_str(&shared.nonces.issue())
    {
        headers.insert(REPLAY_NONCE, nonce);
    }
    if path != "/directory" {
        append_link(headers, &shared.url("/directory"), "index");
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_problem(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/problem+json")
}
