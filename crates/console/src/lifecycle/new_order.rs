//! What newOrder asks for: identifiers, profile, lifetime, and which certificate is replaced.

use std::collections::BTreeSet;

use evercert_acme::vendors::Support;
use evercert_acme::{Account, AcmeError, Identifier, NewOrder, ProblemKind};
use evercert_types::{DomainName, ProfileMode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::failure::{Class, Failure, Stage};
use super::issue::{Drive, Halt, Note};
use super::ledger::budget::Ari;
use super::ledger::correct::correct;
use super::terms;

/// An order at the CA, with what the operator should know about how it was placed.
pub(crate) struct Placed {
    pub(crate) order: evercert_acme::Order,
    pub(crate) warnings: Vec<Note>,
}

impl Drive<'_> {
    /// Places the order; what the CA does not take of the wishes is left out where that was allowed.
    ///
    /// The ledger is asked first; what the CA refuses for a rate limit corrects it.
    pub(crate) async fn new_order(&self, account: &Account) -> Result<Placed, Halt> {
        let vendor = self.vendor().await?;
        self.check_breaker(&vendor).await?;
        self.draw(&vendor, self.ari_now().await?).await?;
        let mut warnings = Vec::new();
        let mut new = NewOrder::new(self.identifiers());
        new.profile = self.profile_to_ask(account, &mut warnings)?;
        new.not_after = self.end_to_ask(&mut warnings).await?;
        new.replaces = self.order.replaces.clone();
        let mut answer = account.new_order(&new).await;
        if let Err(error) = &answer
            && new.replaces.is_some()
            && error.may_be_due_to_replaces()
        {
            tracing::info!(
                certificate.name = self.certificate.name, %error,
                "ordering without saying which certificate is replaced"
            );
            new.replaces = None;
            // It is an order like any other now: what ARI would have spared it is to be taken.
            self.draw(&vendor, Ari::No).await?;
            answer = account.new_order(&new).await;
        }
        if let Err(error) = &answer
            && self.order.terms.profile_mode == ProfileMode::Preferred
            && is_refused_profile(error)
            && let Some(profile) = new.profile.take()
        {
            warnings.push(profile_dropped(&profile, "refuses"));
            answer = account.new_order(&new).await;
        }
        if let Err(error) = &answer {
            correct(self.console, &vendor, self.goods(), error).await?;
        }
        let order = answer.map_err(|error| self.directory_failure(Stage::Order, &error))?;
        Ok(Placed { order, warnings })
    }

    /// Names and addresses of the order, as the CA is told them.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        let addresses = self.order.terms.ips.iter().copied();
        let names = self.order.names.iter().map(Identifier::dns);
        names.chain(addresses.map(Identifier::ip))
    }

    /// Whether an order at the CA is for the very names of this one.
    pub(crate) fn is_for_these_names(&self, order: &evercert_acme::Order) -> bool {
        let ordered: BTreeSet<&str> = order.identifiers.iter().map(|i| i.value.as_str()).collect();
        let addresses: Vec<String> = self
            .order
            .terms
            .ips
            .iter()
            .map(|ip| ip.to_string())
            .collect();
        let names = self.order.names.iter().map(DomainName::as_str);
        let wanted: BTreeSet<&str> = names.chain(addresses.iter().map(String::as_str)).collect();
        ordered == wanted
    }

    /// The directory may have moved: it is read again before the next attempt.
    pub(crate) fn directory_failure(&self, stage: Stage, error: &AcmeError) -> Failure {
        self.console.acme.forget(self.order.vendor_id);
        Failure::acme(stage, error)
    }

    fn profile_to_ask(
        &self,
        account: &Account,
        warnings: &mut Vec<Note>,
    ) -> Result<Option<String>, Failure> {
        let offered = &account.client().directory().meta.profiles;
        let Some(profile) = self.order.profile.clone() else {
            return Ok(None);
        };
        if offered.contains_key(&profile) {
            return Ok(Some(profile));
        }
        if self.order.terms.profile_mode == ProfileMode::Preferred {
            warnings.push(profile_dropped(&profile, "no longer offers"));
            return Ok(None);
        }
        let offered: Vec<&str> = offered.keys().map(String::as_str).collect();
        let offered = match offered.is_empty() {
            true => "none".to_owned(),
            false => offered.join(", "),
        };
        Err(Failure::new(
            Stage::Order,
            Class::Configuration,
            "acme.profile.not_offered",
            format!("the CA no longer offers the required profile \"{profile}\""),
        )
        .with_remedy(format!(
            "Choose another profile (the CA offers: {offered}), or let it be preferred only: \
             `evercert cert change {} --profile NAME`.",
            self.certificate.name
        )))
    }

    /// notAfter, where a lifetime was asked for and the CA does not refuse that.
    async fn end_to_ask(&self, warnings: &mut Vec<Note>) -> Result<Option<Timestamp>, Halt> {
        let vendor = self.console.db.vendor(self.order.vendor_id).await?;
        let own = self.order.terms.lifetime_secs;
        let of_vendor = vendor.as_ref().and_then(|one| one.options.lifetime_secs);
        let Some(seconds) = own.or(of_vendor) else {
            return Ok(None);
        };
        let known = vendor.as_ref().and_then(terms::known);
        if known.is_some_and(|known| known.not_after == Support::No) {
            let message = "The requested lifetime is left out: this CA does not issue for one";
            warnings.push(Note::new("order.lifetime_dropped", message));
            return Ok(None);
        }
        let life = SignedDuration::from_secs(seconds);
        Ok(self.console.now().checked_add(life).ok())
    }
}

fn profile_dropped(profile: &str, verb: &str) -> Note {
    let message = format!(
        "The order goes on without the profile \"{profile}\", which the CA {verb}: the CA's default applies"
    );
    Note::new("order.profile_dropped", message).with(json!({"profile": profile}))
}

fn is_refused_profile(error: &AcmeError) -> bool {
    error.problem().map(evercert_acme::Problem::kind) == Some(ProblemKind::InvalidProfile)
}
