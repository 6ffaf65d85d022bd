//! Orders (RFC 8555 §7.4): made, used again, shown.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Answer;
use super::identifier::judge;
use super::order_rules::set_of;
use super::problem::Problem;
use super::switches::{Finalize, OrderReuse};
use super::world::{AuthzState, Identifier, Order, OrderState, Signed, World, index, rfc3339};

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
        self.check_all_pretended(&identifiers)?;
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
}
