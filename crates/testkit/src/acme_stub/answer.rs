//! An HTTP answer, made by the stub or canned by a test.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// One answer; a canned one is given instead of what the stub would have said.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) fate: Fate,
    pub(super) effect: Effect,
    pub(super) nonce: Nonced,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is given.
    Given,
    /// It never comes.
    Hang,
    /// The connection is closed instead.
    Close,
    /// The connection breaks in the middle of the body.
    Cut,
}

/// Whether the request is carried out before a canned answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    Done,
}

/// Whether the answer carries a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nonced {
    Yes,
    No,
}

impl Answer {
    /// An answer with this status and body, and no content type.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            fate: Fate::Given,
            effect: Effect::None,
            nonce: Nonced::Yes,
        }
    }

    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    /// A problem document; `kind` is the last word of an ACME error type, as `rateLimited`.
    pub fn problem(status: u16, kind: &str, detail: &str) -> Self {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        let body = json!({ "type": kind, "detail": detail, "status": status });
        Self::new(status, body.to_string()).header("content-type", "application/problem+json")
    }

    /// The page of a proxy or a load balancer, without a nonce.
    pub fn html(status: u16) -> Self {
        let page = "<html><head><title>Gateway</title></head><body><h1>Trouble</h1></body></html>";
        Self::new(status, page)
            .header("content-type", "text/html")
            .without_nonce()
    }

    /// Says it is JSON, and ends in the middle.
    pub fn truncated_json(status: u16) -> Self {
        Self::new(status, r#"{"status":"valid","identifiers":[{"ty"#)
            .header("content-type", "application/json")
    }

    /// Never answers; the client's time limit must end it.
    pub fn hang() -> Self {
        Self::fated(Fate::Hang)
    }

    /// Closes the connection without an answer.
    pub fn close() -> Self {
        Self::fated(Fate::Close)
    }

    /// Sends the head and half of the body, then breaks the connection.
    #[must_use]
    pub const fn cut(mut self) -> Self {
        self.fate = Fate::Cut;
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With `Retry-After` in whole seconds.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header("retry-after", wait.as_secs().to_string())
    }

    /// Carries the request out first: the client's view is lost, the effect is not.
    #[must_use]
    pub const fn after_effect(mut self) -> Self {
        self.effect = Effect::Done;
        self
    }

    /// Without the nonce that answers otherwise carry.
    #[must_use]
    pub const fn without_nonce(mut self) -> Self {
        self.nonce = Nonced::No;
        self
    }

    fn fated(fate: Fate) -> Self {
        Self {
            fate,
            ..Self::new(200, "")
        }
    }

    /// As HTTP; a header that cannot be one is left out.
    pub(super) fn into_response(self) -> Response<Body> {
        let body = if self.fate == Fate::Cut {
            let half = Bytes::copy_from_slice(&self.body[..self.body.len() / 2]);
            let broken = std::io::Error::other("cut by the stub");
            Body::from_stream(futures_util::stream::iter([Ok(half), Err(broken)]))
        } else {
            Body::from(self.body)
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                let name = HeaderName::from_static(name);
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}
