//! What an order must fulfil: profile, dates, `replaces`, pauses, limits.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::limits::{LimitKind, nominal, refusal};
use super::problem::Problem;
use super::switches::{Dates, Replaces};
use super::world::{Exempt, Identifier, Signed, World};

/// How long a set of names counts as issued before (Let's Encrypt).
const SAME_SET: SignedDuration = SignedDuration::from_hours(24 * 120);

impl World {
    pub(super) fn check_profile(&self, profile: &Value) -> Result<Option<String>, Problem> {
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

    pub(super) fn check_dates(&self, request: &Value) -> Result<Option<Timestamp>, Problem> {
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
    pub(super) fn check_replaces(
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

    pub(super) fn check_paused(
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

    /// The limits that an order can meet, as far as the switch pretends one.
    pub(super) fn check_all_pretended(
        &mut self,
        identifiers: &BTreeSet<Identifier>,
    ) -> Result<(), Problem> {
        let first = identifiers.first().map(Identifier::registered);
        let of = first.unwrap_or_default();
        [
            LimitKind::Orders,
            LimitKind::CertificatesPerDomain,
            LimitKind::ExactSet,
            LimitKind::FailedAuthorizations,
        ]
        .into_iter()
        .try_for_each(|kind| self.check_pretended(kind, &of))
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
    pub(super) fn check_limits(
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

pub(super) fn set_of(identifiers: &BTreeSet<Identifier>) -> String {
    let values: Vec<&str> = identifiers.iter().map(|id| id.value.as_str()).collect();
    values.join(",")
}

fn domains_of(identifiers: &BTreeSet<Identifier>) -> BTreeSet<String> {
    identifiers.iter().map(Identifier::registered).collect()
}
