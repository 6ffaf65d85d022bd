//! What responder actions do: they answer a request, or leave it alone.

use std::sync::Arc;

use bytes::Bytes;
use evercert_ns::expr::{Expr, Request, Undef};
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::ext::ReasonPhrase;

use super::Verdict;
use super::bank::Builtin;
use super::counts::Counted;
use super::raw;

/// An action with its counts.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) does: Does,
    pub(super) head: Head,
    /// Built-in ones are counted with their policies.
    pub(super) counted: Option<Arc<Counted>>,
}

/// What it does.
#[derive(Debug)]
pub(super) enum Does {
    Builtin(Builtin),
    /// The expression gives the whole answer, status line to body.
    Respond(Arc<Expr>),
    /// The expression gives the URL.
    Redirect(Arc<Expr>),
    /// A file, as it was when the configuration was made.
    Page(Bytes),
    /// It cannot be done; the reason is among the warnings.
    Unusable,
}

/// What can be set for the answers of redirects and pages.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) status: Option<StatusCode>,
    pub(super) reason: Option<ReasonPhrase>,
    pub(super) headers: Vec<(HeaderName, Arc<Expr>)>,
}

impl Action {
    pub(super) fn builtin(builtin: Builtin) -> Self {
        Self {
            does: Does::Builtin(builtin),
            head: Head::default(),
            counted: None,
        }
    }

    /// Does it; `None` when the request goes on.
    pub(super) fn carry_out<R: Request>(&self, request: &R) -> Result<Option<Verdict>, Undef> {
        let outcome = self.outcome(request);
        if let Some(counted) = &self.counted {
            match &outcome {
                Ok(_) => counted.hit(),
                Err(Undef) => counted.has_no_value(),
            }
        }
        outcome
    }

    fn outcome<R: Request>(&self, request: &R) -> Result<Option<Verdict>, Undef> {
        let answer = match &self.does {
            Does::Builtin(Builtin::Noop) => return Ok(None),
            Does::Builtin(Builtin::Reset) => return Ok(Some(Verdict::Reset)),
            Does::Builtin(Builtin::Drop) => return Ok(Some(Verdict::Drop)),
            Does::Unusable => return Err(Undef),
            Does::Respond(expr) => raw::answer(&expr.text(request)?).ok_or(Undef)?,
            Does::Redirect(expr) => {
                let location = expr.text(request)?;
                let location = HeaderValue::from_bytes(&location).map_err(|_| Undef)?;
                let mut answer = self.head.answer(StatusCode::FOUND, request)?;
                answer.headers_mut().insert(header::LOCATION, location);
                answer
            }
            Does::Page(page) => {
                let mut answer = self.head.answer(StatusCode::OK, request)?;
                *answer.body_mut() = page.clone();
                let html = HeaderValue::from_static("text/html; charset=utf-8");
                let headers = answer.headers_mut();
                headers.entry(header::CONTENT_TYPE).or_insert(html);
                answer
            }
        };
        Ok(Some(Verdict::Answer(answer)))
    }
}

impl Head {
    fn answer<R: Request>(&self, usual: StatusCode, request: &R) -> Result<Response<Bytes>, Undef> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = self.status.unwrap_or(usual);
        if let Some(reason) = &self.reason {
            answer.extensions_mut().insert(reason.clone());
        }
        for (name, expr) in &self.headers {
            let value = expr.text(request)?;
            let value = HeaderValue::from_bytes(&value).map_err(|_| Undef)?;
            answer.headers_mut().append(name, value);
        }
        let headers = answer.headers_mut();
        let no_store = HeaderValue::from_static("no-cache");
        headers.entry(header::CACHE_CONTROL).or_insert(no_store);
        Ok(answer)
    }
}
