//! Content switching: which load balancing virtual server takes a request.

use std::sync::Arc;

use evercert_ns::expr::{Expr, Request, Undef};

use super::Choice;
use super::counts::Counted;

/// What a content switching virtual server chooses by.
#[derive(Debug)]
pub(super) struct Switching {
    /// By priority.
    pub(super) policies: Vec<SwitchingPolicy>,
    pub(super) default: Option<Arc<str>>,
    /// Names of the load balancing virtual servers, for expressions that give names.
    pub(super) targets: Arc<Targets>,
    pub(super) counted: Arc<Counted>,
}

/// By name in lower case, the name as configured.
pub(super) type Targets = std::collections::HashMap<String, Arc<str>>;

/// A policy as it is bound.
#[derive(Debug)]
pub(super) struct SwitchingPolicy {
    pub(super) rule: Arc<Expr>,
    pub(super) target: Target,
    pub(super) counted: Arc<Counted>,
    pub(super) action: Option<Arc<Counted>>,
}

/// What a policy leads to.
#[derive(Debug)]
pub(super) enum Target {
    Vserver(Arc<str>),
    /// The expression gives the name.
    Expr(Arc<Expr>),
    /// The virtual server's default.
    Default,
}

impl Switching {
    pub(super) fn choose<R: Request>(&self, request: &R) -> Choice<'_> {
        for policy in &self.policies {
            match policy.rule.truth(request) {
                Ok(false) => continue,
                Err(Undef) => {
                    policy.counted.has_no_value();
                    continue;
                }
                Ok(true) => policy.counted.hit(),
            }
            match self.target(policy, request) {
                Ok(target) => {
                    if let Some(action) = &policy.action {
                        action.hit();
                    }
                    self.counted.hit();
                    return target;
                }
                Err(Undef) => {
                    if let Some(action) = &policy.action {
                        action.has_no_value();
                    }
                }
            }
        }
        self.fallback()
    }

    fn target<R: Request>(
        &self,
        policy: &SwitchingPolicy,
        request: &R,
    ) -> Result<Choice<'_>, Undef> {
        match &policy.target {
            Target::Default => Ok(self.fallback()),
            Target::Vserver(name) => match self.targets.get(&name.to_ascii_lowercase()) {
                Some(name) => Ok(Choice::Target(name)),
                None => Err(Undef),
            },
            Target::Expr(expr) => {
                let name = expr.text(request)?;
                let name = String::from_utf8_lossy(&name).to_ascii_lowercase();
                let target = self.targets.get(&name).ok_or(Undef)?;
                Ok(Choice::Target(target))
            }
        }
    }

    fn fallback(&self) -> Choice<'_> {
        match &self.default {
            Some(name) => Choice::Target(name),
            None => Choice::Nowhere,
        }
    }
}
