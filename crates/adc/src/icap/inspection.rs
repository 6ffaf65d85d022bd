//! The content inspection policies of a vserver, and what they do to a message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use evercert_ns::expr::{Expr, Request};
use http::header::{self, HeaderMap};
use http::{Response, StatusCode, request, response};

use super::error::IcapError;
use super::service::{IcapService, Sender};
use super::source::Source;
use super::transaction::{Message, Outcome};
use crate::error::Causes;
use crate::traffic::admission::Refusal;
use crate::traffic::body::{ReplyBody, RequestBody};
use crate::traffic::http::body_refusal;
use crate::traffic::policies::Ending;

/// The policies of a vserver, in the order they are looked at.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    pub(crate) requests: Vec<Policy>,
    pub(crate) answers: Vec<Policy>,
}

/// A rule and an action.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: Arc<str>,
    pub(crate) rule: Expr,
    pub(crate) action: Action,
    /// When the rule has no result.
    pub(crate) undefined: Action,
    pub(crate) counts: Arc<PolicyCounts>,
}

/// How often a policy applied.
#[derive(Debug, Default)]
pub(crate) struct PolicyCounts {
    pub(crate) hits: AtomicU64,
    /// The rule had no result.
    pub(crate) undefined: AtomicU64,
}

/// What a policy does.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Lets the message pass.
    Skip,
    /// Ends the exchange without an answer.
    Drop,
    /// Resets the client's connection.
    Reset,
    /// Shows the message to an ICAP server.
    Icap {
        service: Arc<IcapService>,
        /// When no server can be used.
        if_down: Failure,
        /// When it is late.
        if_late: Failure,
    },
}

/// What happens to a message that could not be inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It passes.
    Pass,
    /// The exchange ends without an answer.
    Drop,
    /// The client's connection is reset.
    Reset,
}

/// What becomes of a message: the policy that applies, with the action it takes.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    policy: Arc<str>,
    action: Action,
    fields: Vec<(String, String)>,
}

/// What became of a request.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made, once a request"
)]
pub(crate) enum Verdict {
    /// It goes to a service.
    Pass(request::Parts, RequestBody),
    /// This is the answer.
    Answer(Box<Response<ReplyBody>>),
}

impl Inspection {
    /// What becomes of a request.
    pub(crate) fn of_request(&self, request: &impl Request) -> Option<Decision> {
        choose(&self.requests, request)
    }

    /// What becomes of its answer; rules look at the request.
    pub(crate) fn of_answer(&self, request: &impl Request) -> Option<Decision> {
        choose(&self.answers, request)
    }
}

impl Decision {
    /// Fields of the ICAP request that the profile computes.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Inspects a request on its way to a service.
    ///
    /// # Errors
    /// With the ending it takes when it must not go on.
    pub(crate) async fn request(
        &self,
        sender: &Sender<'_>,
        head: request::Parts,
        body: RequestBody,
    ) -> Result<Verdict, Ending> {
        let service = match &self.action {
            Action::Skip => return Ok(Verdict::Pass(head, body)),
            Action::Drop => return Err(Ending::Dropped),
            Action::Reset => return Err(Ending::Reset),
            Action::Icap { service, .. } => service,
        };
        let message = Message {
            request: &head,
            response: None,
        };
        match service.inspect(message, sender, body).await {
            Outcome::Unchanged(source) => Ok(Verdict::Pass(head, untouched(source))),
            Outcome::Request(head, body) => Ok(Verdict::Pass(head, RequestBody::inspected(body))),
            Outcome::Response(parts, body) => {
                tracing::info!(
                    policy.name = %self.policy, http.status = parts.status.as_u16(),
                    "a request was answered by the ICAP server"
                );
                let answer = Response::from_parts(parts, ReplyBody::inspected(body));
                Ok(Verdict::Answer(Box::new(answer)))
            }
            Outcome::Failed(error, source) => {
                let source = self.failed(&error, source)?;
                Ok(Verdict::Pass(head, untouched(source)))
            }
        }
    }

    /// Inspects an answer on its way to the client.
    ///
    /// # Errors
    /// With the ending the exchange takes when the answer must not go on.
    pub(crate) async fn answer(
        &self,
        sender: &Sender<'_>,
        request: &request::Parts,
        answer: Response<ReplyBody>,
    ) -> Result<Response<ReplyBody>, Ending> {
        let service = match &self.action {
            Action::Skip => return Ok(answer),
            Action::Drop => return Err(Ending::Dropped),
            Action::Reset => return Err(Ending::Reset),
            Action::Icap { .. } if is_endless(answer.headers()) => return Ok(answer),
            Action::Icap { service, .. } => service,
        };
        let (head, body) = answer.into_parts();
        let message = Message {
            request,
            response: Some(&head),
        };
        let source = match service.inspect(message, sender, body).await {
            Outcome::Unchanged(source) => source,
            Outcome::Response(parts, body) => {
                let parts = in_place_of(&head, parts);
                return Ok(Response::from_parts(parts, ReplyBody::inspected(body)));
            }
            Outcome::Request(..) => return Err(NO_RESULT.into()),
            Outcome::Failed(error, source) => self.failed(&error, source)?,
        };
        Ok(Response::from_parts(head, ReplyBody::inspected(source)))
    }

    /// What the configuration says about a message that was not inspected.
    fn failed<B>(&self, error: &IcapError, source: Option<Source<B>>) -> Result<Source<B>, Ending> {
        let Action::Icap {
            if_down, if_late, ..
        } = &self.action
        else {
            return source.ok_or_else(|| NO_RESULT.into());
        };
        let failure = match error {
            IcapError::Body(fault) => return Err(body_refusal(*fault).into()),
            IcapError::Timeout => *if_late,
            _ => *if_down,
        };
        tracing::warn!(policy.name = %self.policy, error = %Causes(error), ?failure, "inspection failed");
        match failure {
            Failure::Drop => Err(Ending::Dropped),
            Failure::Reset => Err(Ending::Reset),
            // What was sent already and not kept cannot be sent on.
            Failure::Pass => source.ok_or_else(|| NO_RESULT.into()),
        }
    }
}

/// The first policy that applies.
fn choose(policies: &[Policy], request: &impl Request) -> Option<Decision> {
    policies.iter().find_map(|policy| {
        let action = match policy.rule.truth(request) {
            Ok(false) => return None,
            Ok(true) => {
                policy.counts.hits.fetch_add(1, Ordering::Relaxed);
                &policy.action
            }
            Err(undefined) => {
                tracing::debug!(policy.name = %policy.name, ?undefined, "the rule has no result");
                policy.counts.undefined.fetch_add(1, Ordering::Relaxed);
                &policy.undefined
            }
        };
        Some(Decision {
            policy: policy.name.clone(),
            fields: match action {
                Action::Icap { service, .. } => service.fields_for(request),
                _ => Vec::new(),
            },
            action: action.clone(),
        })
    })
}

/// A body as it was; one of which nothing was taken stays what it is.
fn untouched(source: Source<RequestBody>) -> RequestBody {
    match source.is_empty() {
        true => RequestBody::Empty,
        false => RequestBody::inspected(source),
    }
}

/// Server-sent events end only when somebody goes away: a server that waits for the end would hold them for ever.
fn is_endless(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/event-stream")
    })
}

/// The version and extensions belong to the client's connection.
fn in_place_of(before: &response::Parts, mut parts: response::Parts) -> response::Parts {
    parts.version = before.version;
    parts
}

/// What is sent on in full is bounded by what is kept.
const NO_RESULT: Refusal = Refusal {
    status: StatusCode::BAD_GATEWAY,
    why: "the content inspection ended without a result",
};
