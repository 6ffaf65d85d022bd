//! Errors on their way out: everything that fails becomes a problem document (RFC 9457).

use std::error::Error;
use std::ops::Deref;

use axum::response::{IntoResponse, Response};
use evercert_api::{Problem, ProblemCode};
use evercert_db::{DbError, DbErrorKind};
use http::StatusCode;

use crate::identity::IdentityError;
use crate::lifecycle::LifecycleError;

/// A failed request. The layer around all handlers writes the document, with the request's id.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Problem>);

impl Deref for ApiError {
    type Target = Problem;

    fn deref(&self) -> &Problem {
        &self.0
    }
}

impl From<ApiError> for Box<Problem> {
    fn from(error: ApiError) -> Self {
        error.0
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        database_problem(&error).into()
    }
}

impl From<LifecycleError> for ApiError {
    fn from(error: LifecycleError) -> Self {
        error.to_problem().into()
    }
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        internal(&error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(*self.0);
        response
    }
}

/// What a failed database operation is to a client; the causes go to the log only.
pub(crate) fn database_problem(error: &DbError) -> Problem {
    match error.kind() {
        DbErrorKind::Conflict => Problem::new(
            ProblemCode::Conflict,
            "another change came first, or the name is taken",
        ),
        DbErrorKind::Unavailable => {
            tracing::error!(error = error as &dyn Error, "the database cannot be used");
            Problem::new(ProblemCode::DatabaseUnavailable, format!("{error} failed"))
        }
        _ => {
            let problem = internal(error);
            match error.remedy() {
                Some(remedy) => problem.with_remedy(remedy),
                None => problem,
            }
        }
    }
}

/// Our own failure; what it was stands in the log.
pub(crate) fn internal(error: &(dyn Error + 'static)) -> Problem {
    tracing::error!(error, "a request failed");
    Problem::new(ProblemCode::Internal, "something failed that should not")
}
