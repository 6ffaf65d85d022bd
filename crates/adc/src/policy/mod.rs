//! Policies: what the appliance answers itself (responder), and which virtual server a request goes to (content
//! switching).
//!
//! [`Policies`] is an immutable snapshot made of the configuration whenever it changes; expressions that stayed the
//! same are not compiled again, and counters go on. A request takes the snapshot once. Order for one request:
//! responder `REQ_OVERRIDE`, the virtual server's bank, content switching, the target's bank, `REQ_DEFAULT`.

mod action;
mod bank;
mod compile;
mod counts;
mod raw;
pub(crate) mod request;
mod switching;

use std::collections::HashMap;

use bytes::Bytes;
use evercert_ns::expr::{Patset, Request};
use http::Response;

pub(crate) use bank::Builtin;
use bank::{Bank, Step};
pub(crate) use compile::compile;
pub(crate) use counts::Counts;
use switching::Switching;

/// What the policies of a configuration say.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    /// Before the virtual server's own.
    before: Bank,
    /// After the virtual server's own.
    after: Bank,
    /// By virtual server.
    responders: HashMap<String, Bank>,
    /// By content switching virtual server.
    switching: HashMap<String, Switching>,
    /// By name in lower case.
    patsets: HashMap<String, Patset>,
    /// What happens when a rule without undefAction has no value.
    undefined: Builtin,
    /// How many bytes of a body rules look at.
    body: usize,
    counts: Counts,
    known: compile::Known,
    /// What is configured and has no effect, or not the one meant.
    warnings: Vec<String>,
}

/// What responder policies make of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// This is the answer.
    Answer(Response<Bytes>),
    /// The connection is reset.
    Reset,
    /// There is no answer.
    Drop,
}

/// Where content switching sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// To the virtual server of that name.
    Target(&'a str),
    /// Nowhere: no policy matched, and there is no default.
    Nowhere,
}

impl Policies {
    /// How often policies and actions were used.
    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What is configured and has no effect.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How many bytes of a request's body its policies look at; 0 when none does.
    pub(crate) const fn body_bytes(&self) -> usize {
        self.body
    }

    /// The pattern set of that name; any case.
    pub(crate) fn patset(&self, name: &str) -> Option<&Patset> {
        self.patsets.get(&name.to_ascii_lowercase())
    }

    /// Whether requests to this virtual server meet no policy at all.
    pub(crate) fn is_idle(&self, vserver: &str) -> bool {
        self.before.is_empty()
            && self.after.is_empty()
            && !self.responders.contains_key(vserver)
            && !self.switching.contains_key(vserver)
    }

    /// Where a content switching virtual server sends what no policy chooses for.
    pub(crate) fn default_target(&self, vserver: &str) -> Option<&str> {
        self.switching.get(vserver)?.default.as_deref()
    }

    /// Begins with one request.
    pub(crate) const fn of<'a, R: Request>(&'a self, request: &'a R) -> Evaluation<'a, R> {
        Evaluation {
            policies: self,
            request,
            ended: false,
        }
    }
}

/// The policies while they are applied to one request.
#[derive(Debug)]
pub(crate) struct Evaluation<'a, R> {
    policies: &'a Policies,
    request: &'a R,
    /// A policy ended the evaluation without an answer.
    ended: bool,
}

impl<'a, R: Request> Evaluation<'a, R> {
    /// The override bank and the bank of the virtual server the client reached.
    pub(crate) fn on_arrival(&mut self, vserver: &str) -> Option<Verdict> {
        let policies = self.policies;
        self.apply(&policies.before)
            .or_else(|| self.apply_own(vserver))
    }

    /// Where a content switching virtual server sends the request; `None` when it is of another kind.
    pub(crate) fn switch(&self, vserver: &str) -> Option<Choice<'a>> {
        let switching = self.policies.switching.get(vserver)?;
        Some(switching.choose(self.request))
    }

    /// The bank of the target that content switching chose.
    pub(crate) fn at_target(&mut self, target: &str) -> Option<Verdict> {
        self.apply_own(target)
    }

    /// The default bank.
    pub(crate) fn at_last(&mut self) -> Option<Verdict> {
        let policies = self.policies;
        self.apply(&policies.after)
    }

    fn apply_own(&mut self, vserver: &str) -> Option<Verdict> {
        let policies = self.policies;
        self.apply(policies.responders.get(vserver)?)
    }

    fn apply(&mut self, bank: &'a Bank) -> Option<Verdict> {
        if self.ended {
            return None;
        }
        match bank.evaluate(self.request, self.policies.undefined) {
            Step::GoOn => None,
            Step::End => {
                self.ended = true;
                None
            }
            Step::Verdict(verdict) => Some(verdict),
        }
    }
}

#[cfg(test)]
mod tests;
