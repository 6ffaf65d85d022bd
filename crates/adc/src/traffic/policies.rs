//! Policies at their place in a request's way: what they answer, and which vserver takes the request.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use super::admission::{Admitted, Refusal};
use super::body::{ReplyBody, RequestBody};
use super::http::{HttpConnection, body_refusal, gateway};
use super::listener::Vserver;
use super::peek::peek;
use super::routes::Routes;
use crate::policy::request::HttpRequest;
use crate::policy::{Choice, Verdict};

/// How a request ends before a service sees it.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With an answer of a policy.
    Answered(Box<Response<ReplyBody>>),
    /// With a refusal.
    Refused(Refusal),
    /// Without an answer: its connection, or over HTTP/2 its stream, is closed.
    Dropped,
    /// With a reset of the whole connection.
    Reset,
}

impl From<Refusal> for Ending {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

const NO_TARGET: Refusal = gateway(
    http::StatusCode::SERVICE_UNAVAILABLE,
    "no content switching policy leads to a virtual server that is there and enabled",
);

/// Applies the policies; the vserver that takes the request, where it is another than the one the client reached, and
/// the body as it came.
///
/// # Errors
/// With the ending a policy gives the request, or when the part of the body that policies look at does not come.
pub(crate) async fn apply(
    connection: &HttpConnection,
    vserver: &Vserver,
    parts: &Parts,
    admitted: &Admitted,
    body: RequestBody,
) -> Result<(Option<Arc<Vserver>>, RequestBody), Ending> {
    let routes = connection.shared.routes.load_full();
    let policies = &*routes.policies;
    if policies.is_idle(&vserver.name) {
        return Ok((None, body));
    }
    let (start, body) = match policies.body_bytes() {
        0 => (Bytes::new(), body),
        bytes => peek(body, bytes).await.map_err(body_refusal)?,
    };
    let target = decide(connection, &routes, vserver, (parts, admitted, &start))?;
    Ok((target, body))
}

fn decide(
    connection: &HttpConnection,
    routes: &Routes,
    vserver: &Vserver,
    (parts, admitted, body): (&Parts, &Admitted, &[u8]),
) -> Result<Option<Arc<Vserver>>, Ending> {
    let policies = &*routes.policies;
    let request = HttpRequest {
        parts,
        admitted,
        ends: &connection.ends,
        policies,
        body: Some(body),
        clock: &connection.shared.clock,
    };
    let mut evaluation = policies.of(&request);
    carried_out(parts, evaluation.on_arrival(&vserver.name))?;
    let target = match evaluation.switch(&vserver.name) {
        None => None,
        Some(Choice::Nowhere) => return Err(NO_TARGET.into()),
        Some(Choice::Target(name)) => {
            carried_out(parts, evaluation.at_target(name))?;
            Some(target(routes, name)?)
        }
    };
    carried_out(parts, evaluation.at_last())?;
    Ok(target)
}

/// A target's bank answers even where the target itself is down, as `NetScalerToolkit`'s does.
fn target(routes: &Routes, name: &str) -> Result<Arc<Vserver>, Ending> {
    routes.target(name).ok_or(Ending::Refused(NO_TARGET))
}

fn carried_out(parts: &Parts, verdict: Option<Verdict>) -> Result<(), Ending> {
    match verdict {
        None => Ok(()),
        Some(Verdict::Reset) => Err(Ending::Reset),
        Some(Verdict::Drop) => Err(Ending::Dropped),
        Some(Verdict::Answer(answer)) => Err(Ending::Answered(Box::new(reply(parts, answer)))),
    }
}

fn reply(parts: &Parts, answer: Response<Bytes>) -> Response<ReplyBody> {
    let mut reply = answer.map(ReplyBody::Text);
    *reply.version_mut() = parts.version;
    if parts.version == http::Version::HTTP_2 {
        // HTTP/2 knows no such fields (RFC 9113 §8.2.2).
        reply.headers_mut().remove(http::header::CONNECTION);
        reply.extensions_mut().clear();
    }
    reply
}

/// The service gave no answer on purpose; what hyper then closes is meant to be closed.
#[derive(Debug, thiserror::Error)]
#[error("a policy ends this without an answer")]
pub(crate) struct WithoutAnswer;
