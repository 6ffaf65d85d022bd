//! Problem documents (RFC 9457) with the error types of RFC 8555 §6.7 and its successors.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::identifier::Identifier;

/// An error as ACME tells it; also kept in challenges and orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Problem(Box<Body>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    #[serde(rename = "type")]
    urn: String,
    detail: String,
    status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    subproblems: Vec<Subproblem>,
    /// The accepted algorithms, with `badSignatureAlgorithm` (RFC 8555 §6.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    algorithms: Vec<String>,
    /// A `Location` header, with the conflict of a key change (RFC 8555 §7.3.5).
    #[serde(skip)]
    location: Option<String>,
}

/// The part of a problem that concerns one identifier (RFC 8555 §6.7.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subproblem {
    #[serde(rename = "type")]
    urn: String,
    detail: String,
    identifier: Identifier,
}

/// The type of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AccountDoesNotExist,
    AlreadyReplaced,
    AlreadyRevoked,
    BadCsr,
    BadNonce,
    BadPublicKey,
    BadRevocationReason,
    BadSignatureAlgorithm,
    Connection,
    Dns,
    ExternalAccountRequired,
    IncorrectResponse,
    InvalidContact,
    InvalidProfile,
    Malformed,
    OrderNotReady,
    RejectedIdentifier,
    ServerInternal,
    Tls,
    Unauthorized,
    UnsupportedContact,
    UnsupportedIdentifier,
}

impl Kind {
    /// The last part of its URN, and the HTTP status it has unless told otherwise.
    const fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::AccountDoesNotExist => ("accountDoesNotExist", StatusCode::BAD_REQUEST),
            Self::AlreadyReplaced => ("alreadyReplaced", StatusCode::CONFLICT),
            Self::AlreadyRevoked => ("alreadyRevoked", StatusCode::BAD_REQUEST),
            Self::BadCsr => ("badCSR", StatusCode::BAD_REQUEST),
            Self::BadNonce => ("badNonce", StatusCode::BAD_REQUEST),
            Self::BadPublicKey => ("badPublicKey", StatusCode::BAD_REQUEST),
            Self::BadRevocationReason => ("badRevocationReason", StatusCode::BAD_REQUEST),
            Self::BadSignatureAlgorithm => ("badSignatureAlgorithm", StatusCode::BAD_REQUEST),
            Self::Connection => ("connection", StatusCode::BAD_REQUEST),
            Self::Dns => ("dns", StatusCode::BAD_REQUEST),
            Self::ExternalAccountRequired => ("externalAccountRequired", StatusCode::FORBIDDEN),
            Self::IncorrectResponse => ("incorrectResponse", StatusCode::FORBIDDEN),
            Self::InvalidContact => ("invalidContact", StatusCode::BAD_REQUEST),
            Self::InvalidProfile => ("invalidProfile", StatusCode::BAD_REQUEST),
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST),
            Self::OrderNotReady => ("orderNotReady", StatusCode::FORBIDDEN),
            Self::RejectedIdentifier => ("rejectedIdentifier", StatusCode::FORBIDDEN),
            Self::ServerInternal => ("serverInternal", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Tls => ("tls", StatusCode::BAD_REQUEST),
            Self::Unauthorized => ("unauthorized", StatusCode::FORBIDDEN),
            Self::UnsupportedContact => ("unsupportedContact", StatusCode::BAD_REQUEST),
            Self::UnsupportedIdentifier => ("unsupportedIdentifier", StatusCode::BAD_REQUEST),
        }
    }

    fn urn(self) -> String {
        format!("urn:ietf:params:acme:error:{}", self.parts().0)
    }
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Body {
            urn: kind.urn(),
            detail: detail.into(),
            status: kind.parts().1.as_u16(),
            subproblems: Vec::new(),
            algorithms: Vec::new(),
            location: None,
        }))
    }

    /// What happened, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(Kind::Unauthorized, detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::malformed(format!("no such {what} here")).with_status(StatusCode::NOT_FOUND)
    }

    /// For a failure of ours; the cause goes to the log, not to the client.
    pub(crate) fn internal(what: &str, cause: &dyn std::error::Error) -> Self {
        let mut causes = cause.to_string();
        let mut next = cause.source();
        while let Some(source) = next {
            causes.push_str(": ");
            causes.push_str(&source.to_string());
            next = source.source();
        }
        tracing::error!(error = %causes, "{what} failed");
        Self::new(Kind::ServerInternal, format!("{what} failed inside the CA"))
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status.as_u16();
        self
    }

    pub(crate) fn with_location(mut self, url: String) -> Self {
        self.0.location = Some(url);
        self
    }

    pub(crate) fn with_algorithms(mut self, algorithms: &[&str]) -> Self {
        self.0.algorithms = algorithms.iter().map(|a| (*a).to_owned()).collect();
        self
    }

    /// Adds what concerns one identifier.
    pub(crate) fn with_sub(mut self, identifier: Identifier, kind: Kind, detail: String) -> Self {
        self.0.subproblems.push(Subproblem {
            urn: kind.urn(),
            detail,
            identifier,
        });
        self
    }

    /// Adds another problem as the part that concerns one identifier.
    pub(crate) fn with_problem_of(mut self, identifier: Identifier, problem: &Self) -> Self {
        self.0.subproblems.push(Subproblem {
            urn: problem.0.urn.clone(),
            detail: problem.0.detail.clone(),
            identifier,
        });
        self
    }

    /// The same type and status with another text.
    pub(crate) fn retold(&self, detail: impl Into<String>) -> Self {
        let mut other = Self::new(Kind::Malformed, detail);
        other.0.urn.clone_from(&self.0.urn);
        other.0.status = self.0.status;
        other
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_REQUEST);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(location) = self
            .0
            .location
            .as_deref()
            .and_then(|url| HeaderValue::from_str(url).ok())
        {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}
