//! Rounds: where a DNS provider has room for one TXT value only, an order's names are proved one after the other.
//!
//! A round is what is published, looked at and validated together. Names at other providers all go in the first one; of
//! the names at a provider with room for one value (`DuckDNS`, `DDNSS`), one goes in each round. Which name is next follows
//! from what is persisted, so a restart goes on with the round it was in.

use std::collections::HashSet;

use evercert_acme::Account;
use evercert_db::authorizations::Authorization;
use evercert_db::orders::OrderChange;
use evercert_dns::Multi;
use evercert_types::{DnsProviderId, OrderState};
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::Instant;

use super::authorize::each;
use super::dns_clients;
use super::failure::{Class, Failure, Stage};
use super::issue::{Drive, Halt, Note};
use super::publish::validation_failure;
use super::withdraw::withdraw;

/// How long an order waits before it looks again whether the one value is free.
const ROOM_WAIT: SignedDuration = SignedDuration::from_secs(5);

/// The authorizations still to be proved, as far as they are proved together.
pub(crate) struct Round {
    pub(crate) now: Vec<Authorization>,
    /// How many wait for a later round.
    pub(crate) later: usize,
    /// The providers with room for one value that take part.
    pub(crate) single: HashSet<DnsProviderId>,
}

impl Drive<'_> {
    /// The present round.
    pub(crate) async fn round(&self) -> Result<Round, Halt> {
        let authorizations = self.console.db.authorizations(self.order.id).await?;
        let pending = authorizations.into_iter();
        let pending: Vec<_> = pending.filter(|one| one.status == "pending").collect();
        let providers: HashSet<_> = pending.iter().filter_map(|one| one.provider_id).collect();
        let mut single = HashSet::new();
        for provider in providers {
            let client = dns_clients::client(self.console, provider).await?;
            if client.provider.caps().multi == Multi::Single {
                single.insert(provider);
            }
        }
        Ok(split(pending, single))
    }

    /// Says that no other order may use the provider's one value while this one does.
    ///
    /// # Errors
    /// A halt until the other order is done with it.
    pub(crate) async fn claim_room(
        &self,
        tx: &mut evercert_db::Tx,
        round: &Round,
    ) -> Result<(), Halt> {
        for provider in &round.single {
            let here = |one: &&Authorization| one.provider_id == Some(*provider);
            let value = round.now.iter().find(here);
            let value = value.and_then(|one| one.txt_value.as_deref());
            let order = self.order.id;
            if tx
                .claim_single_value(order, *provider, value.unwrap_or_default())
                .await?
            {
                continue;
            }
            let failure = Failure::new(
                Stage::DnsWrite,
                Class::Transient,
                "dns.one_value",
                "The order waits: the DNS provider has room for one TXT value, and another order uses it.",
            );
            let until = self.console.now().checked_add(ROOM_WAIT);
            let until = until.unwrap_or(jiff::Timestamp::MAX);
            return Err(Halt::Hold(self.console.hasten(until), failure));
        }
        Ok(())
    }

    /// Validating, and names wait for a later round: the CA's verdict on these, then back to publishing.
    pub(crate) async fn end_round(
        &mut self,
        account: &Account,
        round: Round,
        deadline: Instant,
    ) -> Result<(), Halt> {
        let polls = round.now.iter();
        let polls = polls.map(|one| account.poll_authorization(&one.url, deadline));
        let proved = each(polls.collect())
            .await
            .map_err(|error| validation_failure(&error))?;
        let entries = self.console.db.journal_of(self.order.id).await?;
        withdraw(self.console, entries).await;
        let names: Vec<_> = round.now.iter().map(|one| &one.identifier).collect();
        let message = format!(
            "{} names are proved; the other {} follow, because the DNS provider has room for one value",
            names.len(),
            round.later
        );
        let note = Note::new("order.next_round", message).with(json!({"names": names}));
        let mut tx = self.console.db.begin_step().await?;
        for (one, proved) in round.now.iter().zip(&proved) {
            tx.set_authorization_status(self.order.id, &one.url, proved.status.as_str())
                .await?;
        }
        self.persist(tx, OrderState::Authorizing, OrderChange::Nothing, note)
            .await
    }
}

/// Of several at a provider with room for one value, the first; everything else.
fn split(pending: Vec<Authorization>, single: HashSet<DnsProviderId>) -> Round {
    let mut taken = HashSet::new();
    let (now, later): (Vec<_>, Vec<_>) = pending.into_iter().partition(|one| {
        let provider = one.provider_id.filter(|provider| single.contains(provider));
        provider.is_none_or(|provider| taken.insert(provider))
    });
    Round {
        now,
        later: later.len(),
        single,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(provider: Option<DnsProviderId>, url: &str) -> Authorization {
        Authorization {
            url: url.to_owned(),
            identifier: "example.org".to_owned(),
            wildcard: false,
            status: "pending".to_owned(),
            challenge_type: "dns-01".to_owned(),
            challenge_url: String::new(),
            token: String::new(),
            provider_id: provider,
            effective_name: None,
            txt_value: None,
            confirmed_at: None,
        }
    }

    #[test]
    fn a_provider_with_room_for_one_value_gets_one_name_a_round() {
        let (duck, other) = (DnsProviderId::new(), DnsProviderId::new());
        let pending = vec![
            at(Some(duck), "1"),
            at(Some(other), "2"),
            at(Some(duck), "3"),
            at(Some(other), "4"),
            at(None, "5"),
        ];

        let round = split(pending, HashSet::from([duck]));

        let urls: Vec<_> = round.now.iter().map(|one| one.url.as_str()).collect();
        assert_eq!(urls, ["1", "2", "4", "5"]);
        assert_eq!(round.later, 1);
    }
}
