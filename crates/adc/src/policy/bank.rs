//! A bank of responder policies: evaluated by priority until one decides.

use std::sync::Arc;

use evercert_ns::expr::{Expr, Request, Undef};

use super::Verdict;
use super::action::Action;
use super::counts::Counted;

/// Responder policies in the order of their priorities.
#[derive(Debug, Default)]
pub(crate) struct Bank {
    pub(super) entries: Vec<Entry>,
}

/// A policy as it is bound.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) priority: u64,
    pub(super) goto: Goto,
    pub(super) policy: Arc<Policy>,
}

/// A rule and what it leads to.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) rule: Arc<Expr>,
    pub(super) action: Arc<Action>,
    /// `-undefAction`; `None` for that of all policies.
    pub(super) undefined: Option<Builtin>,
    pub(super) counted: Arc<Counted>,
}

/// What a policy can do without an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Builtin {
    /// Nothing: the request goes on.
    #[default]
    Noop,
    /// The connection is reset.
    Reset,
    /// The request gets no answer.
    Drop,
}

impl Builtin {
    /// By NetScaler's word; any case.
    pub(super) fn named(word: &str) -> Option<Self> {
        [
            ("NOOP", Self::Noop),
            ("RESET", Self::Reset),
            ("DROP", Self::Drop),
        ]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word))
        .map(|(_, builtin)| builtin)
    }

    const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Noop => None,
            Self::Reset => Some(Verdict::Reset),
            Self::Drop => Some(Verdict::Drop),
        }
    }
}

/// What follows a match that did not answer.
#[derive(Clone, Debug)]
pub(super) enum Goto {
    /// Nothing more, in no bank.
    End,
    /// The policy with the next higher priority number.
    Next,
    /// The policy with that priority number, or else the next higher one.
    Priority(Arc<Expr>),
}

/// How a bank was left.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing matched to the end.
    GoOn,
    /// A policy ended it without an answer.
    End,
    Verdict(Verdict),
}

impl Bank {
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Applies the policies to a request.
    pub(super) fn evaluate<R: Request>(&self, request: &R, undefined: Builtin) -> Step {
        let mut at = 0;
        while let Some(entry) = self.entries.get(at) {
            let policy = &entry.policy;
            let outcome = policy.rule.truth(request);
            let after = match outcome {
                Ok(false) => {
                    at += 1;
                    continue;
                }
                Ok(true) => {
                    policy.counted.hit();
                    policy.action.carry_out(request)
                }
                Err(Undef) => Err(Undef),
            };
            match after {
                Ok(Some(verdict)) => return Step::Verdict(verdict),
                Ok(None) => match self.after(at, &entry.goto, request) {
                    Ok(Some(next)) => at = next,
                    Ok(None) => return Step::End,
                    Err(Undef) => match policy.has_no_value(undefined) {
                        Some(verdict) => return Step::Verdict(verdict),
                        None => at += 1,
                    },
                },
                Err(Undef) => match policy.has_no_value(undefined) {
                    Some(verdict) => return Step::Verdict(verdict),
                    None => at += 1,
                },
            }
        }
        Step::GoOn
    }

    /// The entry that follows a match; `None` for none at all.
    fn after<R: Request>(
        &self,
        at: usize,
        goto: &Goto,
        request: &R,
    ) -> Result<Option<usize>, Undef> {
        let target = match goto {
            Goto::End => return Ok(None),
            Goto::Next => return Ok(Some(at + 1)),
            Goto::Priority(expr) => {
                let digits = expr.text(request)?;
                let digits = std::str::from_utf8(&digits).map_err(|_| Undef)?;
                digits.parse::<u64>().map_err(|_| Undef)?
            }
        };
        // Going back would never end.
        let own = self
            .entries
            .get(at)
            .map_or(u64::MAX, |entry| entry.priority);
        if target <= own {
            return Err(Undef);
        }
        let next = self
            .entries
            .iter()
            .position(|entry| entry.priority >= target);
        Ok(next)
    }
}

impl Policy {
    fn has_no_value(&self, undefined: Builtin) -> Option<Verdict> {
        self.counted.has_no_value();
        self.undefined.unwrap_or(undefined).verdict()
    }
}
