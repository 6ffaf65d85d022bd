//! Certificate download (RFC 8555 §7.4.2), with alternate chains.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use crate::account::{append, append_link, own};
use crate::post::Post;
use crate::problem::Problem;
use crate::shared::Shared;

/// `POST /cert/{id}`: POST-as-GET.
pub(crate) async fn download(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Problem> {
    chain(&shared, &id, 0, &post)
}

/// `POST /cert/{id}/alternate/{number}`: POST-as-GET.
pub(crate) async fn download_alternate(
    State(shared): State<Arc<Shared>>,
    Path((id, number)): Path<(String, usize)>,
    post: Post,
) -> Result<Response, Problem> {
    chain(&shared, &id, number, &post)
}

fn chain(shared: &Shared, id: &str, number: usize, post: &Post) -> Result<Response, Problem> {
    let signed = post.by_account(shared)?;
    signed.payload.must_be_empty()?;
    let store = shared.store();
    let issued = store
        .certificate(id)
        .ok_or_else(|| Problem::not_found("certificate"))?;
    own(&signed.account, &issued.account)?;
    let pem = shared
        .hierarchy
        .chain(&issued.pem, number)
        .ok_or_else(|| Problem::not_found("alternate chain"))?;
    let mut headers = HeaderMap::new();
    append(
        &mut headers,
        header::CONTENT_TYPE,
        "application/pem-certificate-chain",
    );
    // Every chain names all the others (RFC 8555 §7.4.2).
    for other in (0..=shared.hierarchy.alternates()).filter(|other| *other != number) {
        let path = match other {
            0 => format!("/cert/{id}"),
            other => format!("/cert/{id}/alternate/{other}"),
        };
        append_link(&mut headers, &shared.url(&path), "alternate");
    }
    Ok((headers, pem).into_response())
}
