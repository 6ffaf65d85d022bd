//! Content inspection at its place in a request's way.

use http::header;
use http::request::Parts;

use super::admission::Admitted;
use super::body::{ReplyBody, RequestBody};
use super::http::HttpConnection;
use super::listener::Vserver;
use super::policies::Ending;
use crate::dc2g::identity::VerifiedIdentity;
use crate::icap::{Decision, Sender, Verdict};
use crate::policy::request::{Ends, HttpRequest};

/// What is inspected of one exchange.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    request: Option<Decision>,
    answer: Option<Decision>,
    /// The client waits for 100 Continue.
    waits: bool,
    /// Its certificate was verified, and is accepted still.
    is_verified: bool,
}

/// Looks for the policies that apply: those of the vserver the client reached, then those of the one that takes the
/// request.
pub(crate) fn choose(
    connection: &HttpConnection,
    vservers: [&Vserver; 2],
    parts: &Parts,
    admitted: &Admitted,
    identity: Option<&VerifiedIdentity>,
) -> Chosen {
    if vservers.iter().all(|vserver| vserver.inspection.is_none()) {
        return Chosen::default();
    }
    let routes = connection.shared.routes.load();
    let request = HttpRequest {
        parts,
        admitted,
        ends: &connection.ends,
        policies: &routes.policies,
        body: None,
        clock: &connection.shared.clock,
    };
    let mut inspections = vservers
        .iter()
        .filter_map(|vserver| vserver.inspection.as_deref());
    let mut again = inspections.clone();
    Chosen {
        request: inspections.find_map(|inspection| inspection.of_request(&request)),
        answer: again.find_map(|inspection| inspection.of_answer(&request)),
        waits: parts.headers.contains_key(header::EXPECT),
        is_verified: identity.is_some(),
    }
}

impl Chosen {
    /// Whether the answer is inspected, so that the request must be kept.
    pub(crate) const fn sees_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// Inspects the request, if a policy wants it.
    ///
    /// # Errors
    /// With the ending it takes when it must not go on.
    pub(crate) async fn request(
        &self,
        ends: &Ends,
        head: Parts,
        body: RequestBody,
    ) -> Result<Verdict, Ending> {
        match &self.request {
            None => Ok(Verdict::Pass(head, body)),
            Some(decision) => {
                decision
                    .request(&self.sender(decision, ends), head, body)
                    .await
            }
        }
    }

    /// Inspects the answer, if a policy wants it.
    ///
    /// # Errors
    /// With the ending the exchange takes when the answer must not go on.
    pub(crate) async fn answer(
        &self,
        ends: &Ends,
        request: &Parts,
        answer: http::Response<ReplyBody>,
    ) -> Result<http::Response<ReplyBody>, Ending> {
        match &self.answer {
            None => Ok(answer),
            Some(decision) => {
                decision
                    .answer(&self.sender(decision, ends), request, answer)
                    .await
            }
        }
    }

    fn sender<'a>(&self, decision: &'a Decision, ends: &'a Ends) -> Sender<'a> {
        let tls = ends.tls.as_ref().filter(|_| self.is_verified);
        let certificate = tls.and_then(|tls| tls.certificate.as_ref());
        Sender {
            ip: ends.client.ip(),
            subject: certificate.map(|certificate| certificate.subject.as_str()),
            fields: decision.fields(),
            waits: self.waits,
        }
    }
}
