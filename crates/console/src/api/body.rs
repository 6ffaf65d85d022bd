//! Reading requests: bodies, queries, path parts; whatever is wrong with them is a problem document.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use evercert_api::sync::MAX_REQUEST_BYTES;
use evercert_api::{Problem, ProblemCode};
use evercert_types::INVALID_DOMAIN_NAME;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::app::App;
use crate::problem::ApiError;

/// Longest body of a REST request, octets.
const MAX_BODY: usize = 1 << 20;
/// Longest body of an enrolment, octets.
const MAX_ENROLMENT: usize = 64 << 10;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A JSON body that may be left out.
#[derive(Debug)]
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// The one part of the path that is a name or an id.
#[derive(Debug)]
pub(crate) struct Part(pub(crate) String);

/// The query of the URL.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _app: &App) -> Result<Self, ApiError> {
        check_type(&request)?;
        let body = collect(request).await?;
        Ok(Self(parse(&body)?))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _app: &App) -> Result<Self, ApiError> {
        let typed = check_type(&request);
        let body = collect(request).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        typed?;
        Ok(Self(parse(&body)?))
    }
}

impl FromRequestParts<App> for Part {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let part = Path::<String>::from_request_parts(parts, app).await;
        let unreadable = |_| Problem::new(ProblemCode::Invalid, "the path is not UTF-8");
        Ok(Self(part.map_err(unreadable)?.0))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, app).await;
        let query = query.map_err(|error| {
            Problem::new(
                ProblemCode::Invalid,
                format!("the query of the URL cannot be read: {}", error.body_text()),
            )
        })?;
        Ok(Self(query.0))
    }
}

fn check_type(request: &Request) -> Result<(), ApiError> {
    let given = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
    {
        return Ok(());
    }
    let detail = "the body must be application/json";
    Err(Problem::new(ProblemCode::UnsupportedMediaType, detail).into())
}

async fn collect(request: Request) -> Result<bytes::Bytes, Problem> {
    let limit = limit_of(request.uri().path());
    let body = Limited::new(request.into_body(), limit);
    match tokio::time::timeout(PATIENCE, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(
            ProblemCode::TooLarge,
            format!("a body may have {limit} octets here"),
        )),
        Ok(Err(_)) => Err(Problem::new(
            ProblemCode::MalformedJson,
            "the body broke off",
        )),
        Err(_) => Err(Problem::new(
            ProblemCode::RequestTimeout,
            "the body took too long to arrive",
        )),
    }
}

/// Who enrols has proved nothing yet; who syncs may report on many items.
fn limit_of(path: &str) -> usize {
    match path {
        "/zts/v1/enroll" => MAX_ENROLMENT,
        path if path.starts_with("/zts/") => MAX_REQUEST_BYTES,
        _ => MAX_BODY,
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let detail = without_value(&error.to_string());
        let problem = match error.classify() {
            Category::Data if detail.starts_with(INVALID_DOMAIN_NAME) => {
                Problem::new(ProblemCode::Invalid, detail).known_as(INVALID_DOMAIN_NAME)
            }
            Category::Data => Problem::new(ProblemCode::Invalid, detail),
            _ => Problem::new(
                ProblemCode::MalformedJson,
                format!("the body is not JSON: {detail}"),
            ),
        };
        problem.into()
    })
}

/// A value of the wrong type is not repeated: it may be a secret in the wrong place.
fn without_value(message: &str) -> String {
    for kind in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(kind)
            && let Some(expected) = rest.rfind(", expected ")
        {
            let found = rest.split([' ', '`', '"']).next().unwrap_or_default();
            return format!("{kind}{found}{}", &rest[expected..]);
        }
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use evercert_api::users::LoginRequest;

    use super::*;

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        let problem =
            parse::<LoginRequest>(br#"{"name": {"hunter2": 1}, "password": "x"}"#).unwrap_err();
        assert!(!problem.detail.contains("hunter2"), "{}", problem.detail);

        let problem = parse::<LoginRequest>(br#"{"name": "a", "password": 424242}"#).unwrap_err();

        assert_eq!(problem.status, 422);
        assert!(!problem.detail.contains("424242"), "{}", problem.detail);
        assert!(
            problem.detail.contains("expected a string"),
            "{}",
            problem.detail
        );
    }

    #[test]
    fn what_is_no_json_is_told_apart_from_the_wrong_json() {
        assert_eq!(parse::<LoginRequest>(b"{").unwrap_err().status, 400);
        assert_eq!(parse::<LoginRequest>(b"{}").unwrap_err().status, 422);
    }
}
