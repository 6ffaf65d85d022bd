//! Around every request: an id, problem documents (for panics, too), headers, counts.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use evercert_api::{Problem, ProblemCode};
use futures_util::FutureExt;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tracing::Instrument;

use super::app::App;

/// Carries the request's id in every answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What a page that says nothing of it may load: nothing.
const NOTHING: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Answers a request, whatever happens in it.
pub(crate) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = format!("req_{}", uuid::Uuid::now_v7().simple());
    let (method, started) = (request.method().clone(), Instant::now());
    let is_local = is_localhost(&request);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let span = tracing::info_span!("request", request.id = id, http.method = %method, http.path = request.uri().path());
    let answered = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let response = answered.unwrap_or_else(|_| {
        span.in_scope(|| tracing::error!("a request handler panicked"));
        problem_response(Problem::new(
            ProblemCode::Internal,
            "something failed that should not",
        ))
    });
    let mut response = finish(response, &id);
    if !is_local {
        let year = HeaderValue::from_static("max-age=31536000");
        response
            .headers_mut()
            .insert(STRICT_TRANSPORT_SECURITY, year);
    }
    let status = response.status();
    span.in_scope(|| {
        tracing::debug!(
            http.status = status.as_u16(),
            duration_ms = started.elapsed().as_millis() as u64,
            "answered"
        )
    });
    app.metrics.request(
        known(&method),
        route.as_deref().unwrap_or("none"),
        status.as_u16(),
    );
    response
}

/// Whether the request is for `localhost`: a browser would ask everything else there by TLS, too.
fn is_localhost(request: &Request) -> bool {
    let header = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let host = request.uri().host().or(header).unwrap_or_default();
    host.split(':').next() == Some("localhost")
}

/// The method as a label: one that is none of the usual must not make a series of its own.
fn known(method: &Method) -> &str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if KNOWN.contains(method) {
        method.as_str()
    } else {
        "other"
    }
}

/// Nothing is there.
pub(crate) async fn not_found() -> Response {
    problem_response(Problem::new(
        ProblemCode::NotFound,
        "there is nothing at this path",
    ))
}

/// Something is there, but not for this method.
pub(crate) async fn method_not_allowed() -> Response {
    problem_response(Problem::new(
        ProblemCode::MethodNotAllowed,
        "this path does not take this method",
    ))
}

fn problem_response(problem: Problem) -> Response {
    crate::problem::ApiError::from(problem).into_response()
}

fn finish(mut response: Response, id: &str) -> Response {
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem.request_id = Some(id.to_owned());
        write_problem(&mut response, &problem);
    }
    let headers = response.headers_mut();
    insert_new(
        headers,
        REQUEST_ID,
        HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none")),
    );
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, NOTHING),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        insert_new(headers, name, HeaderValue::from_static(value));
    }
    response
}

fn write_problem(response: &mut Response, problem: &Problem) {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.remove(http::header::CONTENT_LENGTH);
    match StatusCode::from_u16(problem.status) {
        Ok(StatusCode::UNAUTHORIZED) => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"evercert\""),
            );
        }
        Ok(StatusCode::TOO_MANY_REQUESTS) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
        }
        Ok(StatusCode::SERVICE_UNAVAILABLE) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        _ => {}
    }
    *response.body_mut() = Body::from(body);
}

fn insert_new(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}
