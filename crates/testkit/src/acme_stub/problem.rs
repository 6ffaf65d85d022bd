//! Refusals as problem documents (RFC 8555 §6.7).

use serde_json::{Value, json};

use super::answer::Answer;

/// A request is refused.
#[derive(Clone, Debug)]
pub(super) struct Problem(Box<Refusal>);

#[derive(Clone, Debug)]
struct Refusal {
    status: u16,
    kind: String,
    detail: String,
    subproblems: Vec<Value>,
    instance: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    pub(super) fn new(status: u16, kind: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Refusal {
            status,
            kind: kind.to_owned(),
            detail: detail.into(),
            subproblems: Vec::new(),
            instance: None,
            headers: Vec::new(),
        }))
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(400, "malformed", detail)
    }

    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(403, "unauthorized", detail)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, "malformed", format!("No such {what}"))
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    pub(super) fn instance(mut self, url: &str) -> Self {
        self.0.instance = Some(url.to_owned());
        self
    }

    pub(super) fn subproblems(mut self, subproblems: Vec<Value>) -> Self {
        self.0.subproblems = subproblems;
        self
    }

    pub(super) fn document(&self) -> Value {
        let mut document = json!({
            "type": format!("urn:ietf:params:acme:error:{}", self.0.kind),
            "detail": self.0.detail,
            "status": self.0.status,
        });
        if let Some(instance) = &self.0.instance {
            document["instance"] = instance.as_str().into();
        }
        if !self.0.subproblems.is_empty() {
            document["subproblems"] = self.0.subproblems.clone().into();
        }
        document
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let mut answer = Self::new(problem.0.status, problem.document().to_string())
            .header("content-type", "application/problem+json");
        answer.headers.extend(problem.0.headers);
        answer
    }
}
