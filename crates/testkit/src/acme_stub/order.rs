//! Orders (RFC 8555 §7.4): policy, limits, reuse, and how they are shown.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::identifier::judge;
use super::limits::{LimitKind, nominal, refusal};
use super::problem::Problem;
use super::switches::{Dates, Finalize, OrderReuse, Replaces};
use super::world::{
    AuthzState, Exempt, Identifier, Order, OrderState, Signed, World, index, rfc3339,
};

/// How long a set of names counts as issued before (Let's Encrypt).
const SAME_SET: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 120);

impl World {
    pub(super) fn new_order(&mut self, signed: &Signed) -> Result<Answer, Problem> {
        let request = &signed.payload;
        let profile = self.check_profile(&request["profile"])?;
        let policy = &self.switches.identifiers;
        let max = profile
            .as_ref()
            .and_then(|name| self.switches.profiles.get(name))
            .map_or(policy.max, |profile| profile.max_names);
        let identifiers = judge(&request["identifiers"], policy, max)?;
        let not_after = self.check_dates(request)?;
        self.check_paused(signed.account, &identifiers)?;
        let first = identifiers.first().map(Identifier::registered);
        for kind in [
            LimitKind::Orders,
            LimitKind::CertificatesPerDomain,
            LimitKind::ExactSet,
            LimitKind::FailedAuthorizations,
        ] {
            self.check_pretended(kind, first.as_deref().unwrap_or_default())?;
        }
        let (replaces, exempt) = self.check_replaces(signed, &identifiers)?;
        let key = (
            signed.account,
            set_of(&identifiers),
            profile.clone().unwrap_or_default(),
        );
        if let Some(order) = self.unfinished_order(&key) {
            return Ok(self.show_order(order, 201));
        }
        self.check_limits(signed.account, &identifiers, exempt)?;
        let authzs = self.authorizations_for(signed.account, &identifiers);
        let expires = self.ahead(self.switches.order_life);
        self.orders.push(Order {
            account: signed.account,
            identifiers,
            authzs,
            profile,
            replaces,
            exempt,
            not_after,
            expires,
            state: OrderState::Open,
        });
        let order = self.orders.len() - 1;
        self.accounts[signed.account].orders.push(order);
        if self.switches.order_reuse == OrderReuse::Unfinished {
            self.unfinished.insert(key, order);
        }
        Ok(self.show_order(order, 201))
    }

    /// `/order/<n>`; each look counts for an order in processing.
    pub(super) fn order(&mut self, signed: &Signed, id: &str) -> Result<Answer, Problem> {
        let number = self.own_order(signed, id)?;
        let settled = match &mut self.orders[number].state {
            OrderState::Processing {
                left: Some(left @ 1..),
                ..
            } => {
                *left -= 1;
                None
            }
            OrderState::Processing {
                left: Some(0),
                then,
            } => Some(match then {
                Ok(certificate) => OrderState::Valid(*certificate),
                Err(problem) => OrderState::Invalid(problem.clone()),
            }),
            _ => None,
        };
        if let Some(state) = settled {
            self.orders[number].state = state;
        }
        Ok(self.show_order(number, 200))
    }

    pub(super) fn own_order(&self, signed: &Signed, id: &str) -> Result<usize, Problem> {
        index(id)
            .filter(|&number| {
                let order = self.orders.get(number);
                order.is_some_and(|order| order.account == signed.account)
            })
            .ok_or_else(|| Problem::not_found(&format!("order {id:?}")))
    }

    pub(super) fn order_url(&self, number: usize) -> String {
        self.url(&format!("/order/{}", number + 1))
    }

    pub(super) fn order_status(&self, order: &Order) -> &'static str {
        match order.state {
            OrderState::Processing { .. } => "processing",
            OrderState::Valid(_) => "valid",
            OrderState::Invalid(_) => "invalid",
            OrderState::Open if order.expires < self.now() => "invalid",
            OrderState::Open => self.status_by_authorizations(order),
        }
    }

    fn status_by_authorizations(&self, order: &Order) -> &'static str {
        let mut status = "ready";
        for &authz in &order.authzs {
            let authz = &self.authzs[authz];
            match authz.state {
                AuthzState::Valid if authz.expires > self.now() => {}
                AuthzState::Pending | AuthzState::Processing(_) if authz.expires > self.now() => {
                    status = "pending";
                }
                _ => return "invalid",
            }
        }
        status
    }

    pub(super) fn show_order(&self, number: usize, status: u16) -> Answer {
        let order = &self.orders[number];
        let urls = order.authzs.iter().map(|&authz| self.authz_url(authz));
        let identifiers = order.identifiers.iter().map(Identifier::to_json);
        let mut object = json!({
            "status": self.order_status(order),
            "expires": rfc3339(order.expires),
            "identifiers": identifiers.collect::<Vec<_>>(),
            "authorizations": urls.collect::<Vec<_>>(),
            "finalize": self.url(&format!("/finalize/{}", number + 1)),
        });
        let mut add = |member: &str, value: Option<Value>| {
            if let Some(value) = value {
                object[member] = value;
            }
        };
        add("profile", order.profile.clone().map(Value::from));
        add("replaces", order.replaces.clone().map(Value::from));
        add("notAfter", order.not_after.map(|at| rfc3339(at).into()));
        let mut wait = None;
        match &order.state {
            OrderState::Valid(certificate) => {
                let url = self.url(&format!("/cert/{}", certificate + 1));
                add("certificate", Some(url.into()));
            }
            OrderState::Invalid(problem) => add("error", Some(problem.clone())),
            OrderState::Processing { .. } => wait = self.processing_wait(),
            OrderState::Open => {}
        }
        let answer = Answer::json(status, &object).header("location", self.order_url(number));
        wait.into_iter().fold(answer, Answer::retry_after)
    }

    const fn processing_wait(&self) -> Option<Duration> {
        match &self.switches.finalize {
            Finalize::Processing { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn unfinished_order(&self, key: &(usize, String, String)) -> Option<usize> {
        if self.switches.order_reuse == OrderReuse::Never {
            return None;
        }
        let &number = self.unfinished.get(key)?;
        let status = self.order_status(&self.orders[number]);
        matches!(status, "pending" | "ready").then_some(number)
    }

    fn check_profile(&self, profile: &Value) -> Result<Option<String>, Problem> {
        let profiles = &self.switches.profiles;
        let Some(name) = profile.as_str() else {
            // Let's Encrypt applies and shows its default.
            let default = profiles
                .contains_key("classic")
                .then(|| "classic".to_owned());
            return Ok(default);
        };
        if profiles.contains_key(name) {
            return Ok(Some(name.to_owned()));
        }
        let detail = format!("profile {name:?} not recognized");
        Err(Problem::new(400, "invalidProfile", detail))
    }

    fn check_dates(&self, request: &Value) -> Result<Option<Timestamp>, Problem> {
        let asked = |member: &str| request[member].as_str();
        match self.switches.dates {
            Dates::Refused if asked("notBefore").or(asked("notAfter")).is_some() => Err(
                Problem::malformed("NotBefore and NotAfter are not supported"),
            ),
            Dates::Honoured => asked("notAfter")
                .map(|text| {
                    text.parse()
                        .map_err(|_| Problem::malformed("notAfter is no RFC 3339 time"))
                })
                .transpose(),
            Dates::Refused | Dates::Ignored => Ok(None),
        }
    }

    /// Judges `replaces` (RFC 9773 §5); gives what to echo, and whether limits are waived.
    fn check_replaces(
        &self,
        signed: &Signed,
        identifiers: &BTreeSet<Identifier>,
    ) -> Result<(Option<String>, Exempt), Problem> {
        let Some(id) = signed.payload["replaces"].as_str() else {
            return Ok((None, Exempt::No));
        };
        let conflict = || {
            let detail = format!(
                "cannot indicate an order replaces certificate {id:?}, which already has a replacement order"
            );
            Problem::new(409, "alreadyReplaced", detail)
        };
        let forbidden = || {
            Problem::unauthorized(
                "requester account did not request the certificate being replaced by this order",
            )
        };
        let unknown = || {
            Problem::new(
                404,
                "malformed",
                "could not find an order for the given certificate",
            )
        };
        match self.switches.replaces {
            Replaces::Conflict => return Err(conflict()),
            Replaces::Forbidden => return Err(forbidden()),
            Replaces::NotFound => return Err(unknown()),
            Replaces::Ignored => return Ok((None, Exempt::No)),
            Replaces::Ok => {}
        }
        let &number = self.certificate_of_ari.get(id).ok_or_else(unknown)?;
        let issued = &self.certificates[number];
        if issued.account != signed.account {
            return Err(forbidden());
        }
        if issued.identifiers.is_disjoint(identifiers) {
            return Err(Problem::malformed(
                "identifiers in this order do not match any identifiers in the certificate being replaced",
            ));
        }
        if issued.replaced_by.is_some() {
            return Err(conflict());
        }
        let window = self.window_of(number);
        let now = self.now();
        let inside = window.is_some_and(|window| window.start <= now && now < window.end);
        let exempt = if inside { Exempt::ByAri } else { Exempt::No };
        Ok((Some(id.to_owned()), exempt))
    }

    fn check_paused(
        &self,
        account: usize,
        identifiers: &BTreeSet<Identifier>,
    ) -> Result<(), Problem> {
        let base = |id: &Identifier| id.base().to_owned();
        let by_switch = self.switches.paused.as_ref().and_then(|pause| {
            let all = pause.names.is_empty();
            let name = identifiers
                .iter()
                .map(base)
                .find(|name| all || pause.names.contains(name))?;
            Some((name, pause.unpause_url.clone()))
        });
        let by_failures = || {
            let limit = self.switches.limits.pause_after?;
            let name = identifiers.iter().map(base).find(|name| {
                let failures = self.failures.get(&(account, name.clone()));
                failures.is_some_and(|&count| count >= limit)
            })?;
            Some((name, self.url("/sfe/v1/unpause?jwt=stub")))
        };
        let Some((name, url)) = by_switch.or_else(by_failures) else {
            return Ok(());
        };
        let detail = format!(
            "Your account is temporarily prevented from requesting certificates for {name} and possibly others. Please visit: {url}"
        );
        Err(Problem::new(429, "rateLimited", detail))
    }

    /// The switch that pretends a limit.
    pub(super) fn check_pretended(&mut self, kind: LimitKind, of: &str) -> Result<(), Problem> {
        let limit = self.switches.rate_limit.filter(|limit| limit.kind == kind);
        match limit {
            Some(limit) if self.take_rate_limit() => Err(refusal(
                kind,
                nominal(kind),
                of,
                limit.retry_after,
                self.now(),
            )),
            _ => Ok(()),
        }
    }

    /// The modelled limits; nothing is taken unless all allow it.
    fn check_limits(
        &mut self,
        account: usize,
        identifiers: &BTreeSet<Identifier>,
        exempt: Exempt,
    ) -> Result<(), Problem> {
        if exempt == Exempt::ByAri {
            return Ok(());
        }
        let (limits, now, set) = (self.switches.limits, self.now(), set_of(identifiers));
        let ledger = &mut self.ledger;
        for identifier in identifiers {
            let of = failures_of(account, identifier.base());
            ledger.check(&limits, LimitKind::FailedAuthorizations, &of, now)?;
        }
        ledger.check(&limits, LimitKind::ExactSet, &set, now)?;
        let last = self.last_of_set.get(&set);
        if last.is_some_and(|&last| now.duration_since(last) < SAME_SET) {
            return Ok(());
        }
        for domain in domains_of(identifiers) {
            ledger.check(&limits, LimitKind::CertificatesPerDomain, &domain, now)?;
        }
        let account = account.to_string();
        ledger.check(&limits, LimitKind::Orders, &account, now)?;
        ledger.spend(&limits, LimitKind::Orders, &account, now);
        Ok(())
    }

    /// Takes what an issued certificate costs.
    pub(super) fn spend_certificate(&mut self, order: usize) {
        let order = &self.orders[order];
        let (limits, now) = (self.switches.limits, self.now());
        let set = set_of(&order.identifiers);
        let last = self.last_of_set.insert(set.clone(), now);
        if order.exempt == Exempt::ByAri {
            return;
        }
        let ledger = &mut self.ledger;
        ledger.spend(&limits, LimitKind::ExactSet, &set, now);
        if last.is_some_and(|last| now.duration_since(last) < SAME_SET) {
            return;
        }
        for domain in domains_of(&order.identifiers) {
            ledger.spend(&limits, LimitKind::CertificatesPerDomain, &domain, now);
        }
    }
}

/// How the bucket of failed authorizations is named.
pub(super) fn failures_of(account: usize, name: &str) -> String {
    // The name last: the refusal shows it.
    format!("{}:{name}", account + 1)
}

fn set_of(identifiers: &BTreeSet<Identifier>) -> String {
    let values: Vec<&str> = identifiers.iter().map(|id| id.value.as_str()).collect();
    values.join(",")
}

fn domains_of(identifiers: &BTreeSet<Identifier>) -> BTreeSet<String> {
    identifiers.iter().map(Identifier::registered).collect()
}
