//! Authorizations and challenges (RFC 8555 §7.5): nothing is looked up, the switches decide.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::Answer;
use super::limits::LimitKind;
use super::order_rules::failures_of;
use super::problem::Problem;
use super::switches::{Authz as Rule, Failure};
use super::world::{Authz, AuthzState, Identifier, Signed, World, index, random_token, rfc3339};

/// The type of a challenge that no client knows.
pub const VENDOR_CHALLENGE: &str = "stub-vendor-01";

impl World {
    /// One authorization for each identifier: one that is valid still, or a new one.
    pub(super) fn authorizations_for(
        &mut self,
        account: usize,
        identifiers: &BTreeSet<Identifier>,
    ) -> Vec<usize> {
        identifiers
            .iter()
            .map(|identifier| {
                self.reusable(account, identifier)
                    .unwrap_or_else(|| self.new_authorization(account, identifier))
            })
            .collect()
    }

    /// `/authz/<n>`: read or deactivate; each look counts for one in processing.
    pub(super) fn authorization(&mut self, signed: &Signed, id: &str) -> Result<Answer, Problem> {
        let number = self.own_authz(signed, id)?;
        if signed.payload["status"] == "deactivated" {
            self.authzs[number].state = AuthzState::Deactivated;
        }
        match self.authzs[number].state {
            AuthzState::Processing(0) => self.decide(number),
            AuthzState::Processing(left) => {
                self.authzs[number].state = AuthzState::Processing(left - 1);
            }
            _ => {}
        }
        let answer = Answer::json(200, &self.authz_object(number));
        Ok(self.with_wait(number, answer))
    }

    /// `/chall/<authorization>/<type>`: read with an empty payload, answer with `{}`.
    pub(super) fn challenge(
        &mut self,
        signed: &Signed,
        id: &str,
        kind: &str,
    ) -> Result<Answer, Problem> {
        let number = self.own_authz(signed, id)?;
        if !self.offered(number).iter().any(|offered| offered == kind) {
            return Err(Problem::not_found("challenge"));
        }
        let pending = matches!(self.authzs[number].state, AuthzState::Pending);
        if !signed.payload.is_null() && pending {
            if self.authzs[number].expires < self.now() {
                return Err(Problem::not_found("authorization: it has expired"));
            }
            self.authzs[number].answered = Some(kind.to_owned());
            match self.switches.authz {
                Rule::Slow { looks, .. } => {
                    self.authzs[number].state = AuthzState::Processing(looks);
                }
                _ => self.decide(number),
            }
        }
        let up = format!("<{}>;rel=\"up\"", self.authz_url(number));
        let answer = Answer::json(200, &self.challenge_object(number, kind)).header("link", up);
        Ok(self.with_wait(number, answer))
    }

    pub(super) fn authz_url(&self, number: usize) -> String {
        self.url(&format!("/authz/{}", number + 1))
    }

    fn own_authz(&self, signed: &Signed, id: &str) -> Result<usize, Problem> {
        index(id)
            .filter(|&number| {
                let authz = self.authzs.get(number);
                authz.is_some_and(|authz| authz.account == signed.account)
            })
            .ok_or_else(|| Problem::not_found("authorization"))
    }

    fn reusable(&self, account: usize, identifier: &Identifier) -> Option<usize> {
        self.switches.authz_reuse?;
        let key = (account, identifier.value.clone());
        let &number = self.valid_authz.get(&key)?;
        let authz = &self.authzs[number];
        let valid = matches!(authz.state, AuthzState::Valid) && authz.expires > self.now();
        valid.then_some(number)
    }

    fn new_authorization(&mut self, account: usize, identifier: &Identifier) -> usize {
        self.authzs.push(Authz {
            account,
            identifier: Identifier {
                kind: identifier.kind,
                value: identifier.base().to_owned(),
            },
            wildcard: identifier.value.starts_with("*."),
            token: random_token(),
            expires: self.ahead(self.switches.order_life),
            state: AuthzState::Pending,
            answered: None,
        });
        let number = self.authzs.len() - 1;
        if self.switches.authz == Rule::Valid && self.failure_of(number).is_none() {
            self.make_valid(number);
        }
        number
    }

    /// Ends a validation as the switches say.
    fn decide(&mut self, number: usize) {
        match self.failure_of(number) {
            None => self.make_valid(number),
            Some(failure) => self.make_invalid(number, &failure),
        }
    }

    fn failure_of(&self, number: usize) -> Option<Failure> {
        let name = &self.authzs[number].identifier.value;
        match (self.switches.failing_names.get(name), &self.switches.authz) {
            (Some(failure), _) | (None, Rule::Invalid(failure)) => Some(failure.clone()),
            _ => None,
        }
    }

    fn make_valid(&mut self, number: usize) {
        let expires = self.ahead(
            self.switches
                .authz_reuse
                .unwrap_or(self.switches.order_life),
        );
        let authz = &mut self.authzs[number];
        authz.state = AuthzState::Valid;
        authz.expires = expires;
        let name = authz.identifier.value.clone();
        let shown = if authz.wildcard {
            format!("*.{name}")
        } else {
            name.clone()
        };
        self.valid_authz.insert((authz.account, shown), number);
        self.failures.remove(&(authz.account, name));
    }

    fn make_invalid(&mut self, number: usize, failure: &Failure) {
        let (limits, now) = (self.switches.limits, self.now());
        let problem = Problem::new(403, &failure.kind, failure.detail.as_str());
        let authz = &mut self.authzs[number];
        authz.state = AuthzState::Invalid(problem.document());
        let (account, name) = (authz.account, authz.identifier.value.clone());
        let of = failures_of(account, &name);
        self.ledger
            .spend(&limits, LimitKind::FailedAuthorizations, &of, now);
        *self.failures.entry((account, name)).or_default() += 1;
    }

    fn authz_object(&self, number: usize) -> Value {
        let authz = &self.authzs[number];
        let expired = authz.expires < self.now();
        let status = match authz.state {
            AuthzState::Invalid(_) => "invalid",
            AuthzState::Deactivated => "deactivated",
            AuthzState::Valid if expired => "expired",
            AuthzState::Pending | AuthzState::Processing(_) if expired => "invalid",
            AuthzState::Valid => "valid",
            AuthzState::Pending | AuthzState::Processing(_) => "pending",
        };
        let challenges = self.offered(number);
        let challenges = challenges
            .iter()
            .map(|kind| self.challenge_object(number, kind));
        let mut object = json!({
            "identifier": authz.identifier.to_json(),
            "status": status,
            "expires": rfc3339(authz.expires),
            "challenges": challenges.collect::<Vec<_>>(),
        });
        if authz.wildcard {
            object["wildcard"] = true.into();
        }
        object
    }

    /// The types of the challenges on offer; once one was answered, that alone.
    fn offered(&self, number: usize) -> Vec<String> {
        let authz = &self.authzs[number];
        if let Some(kind) = &authz.answered {
            return vec![kind.clone()];
        }
        let mut offered = Vec::new();
        if matches!(
            self.switches.authz,
            Rule::VendorChallenge | Rule::VendorChallengeOnly
        ) {
            offered.push(VENDOR_CHALLENGE.to_owned());
        }
        if self.switches.authz != Rule::VendorChallengeOnly {
            let types = self.switches.challenge_types.iter();
            let fits = |kind: &&String| match kind.as_str() {
                "dns-01" => authz.identifier.kind == "dns",
                _ => !authz.wildcard,
            };
            offered.extend(types.filter(fits).cloned());
        }
        offered
    }

    fn challenge_object(&self, number: usize, kind: &str) -> Value {
        let authz = &self.authzs[number];
        let answered = authz.answered.as_deref() == Some(kind);
        let status = match authz.state {
            AuthzState::Processing(_) if answered => "processing",
            AuthzState::Valid if answered || authz.answered.is_none() => "valid",
            AuthzState::Invalid(_) if answered => "invalid",
            _ => "pending",
        };
        let mut object = json!({
            "type": kind,
            "url": self.url(&format!("/chall/{}/{kind}", number + 1)),
            "status": status,
        });
        if kind != VENDOR_CHALLENGE {
            object["token"] = authz.token.as_str().into();
        }
        if status == "valid" {
            object["validated"] = rfc3339(self.now()).into();
        }
        if let (true, AuthzState::Invalid(problem)) = (answered, &authz.state) {
            object["error"] = problem.clone();
        }
        object
    }

    fn with_wait(&self, number: usize, answer: Answer) -> Answer {
        match (&self.authzs[number].state, &self.switches.authz) {
            (
                AuthzState::Processing(_),
                Rule::Slow {
                    retry_after: Some(wait),
                    ..
                },
            ) => answer.retry_after(*wait),
            _ => answer,
        }
    }
}
