//! Rounds: where a DNS provider has room for few TXT values only, an order's names are proved one after the other.
//!
//! A round is what is published, looked at and validated together. Names at other providers all go in the first one; of
//! the names at a provider with room for one value (`DuckDNS`, `DDNSS`), one goes in each round, and of those that share
//! a name at a provider with room for two there (acme-dns), two. Which name is next follows from what is persisted, so a
//! restart goes on with the round it was in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// The providers with room for few values that take part; in one order for all, so that no two orders wait for each
    /// other's places.
    limited: BTreeMap<DnsProviderId, Room>,
}

/// For how many values a provider has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// For one, whatever its name.
    One,
    /// For so many at each name.
    AtEachName(usize),
}

impl Room {
    fn of(multi: Multi) -> Option<Self> {
        match multi {
            Multi::Single => Some(Self::One),
            Multi::Newest => Some(Self::AtEachName(2)),
            _ => None,
        }
    }
}

impl Drive<'_> {
    /// The present round.
    pub(crate) async fn round(&self) -> Result<Round, Halt> {
        let authorizations = self.console.db.authorizations(self.order.id).await?;
        let pending = authorizations.into_iter();
        let pending: Vec<_> = pending.filter(|one| one.status == "pending").collect();
        let providers: BTreeSet<_> = pending.iter().filter_map(|one| one.provider_id).collect();
        let mut limited = BTreeMap::new();
        for provider in providers {
            let client = dns_clients::client(self.console, provider).await?;
            if let Some(room) = Room::of(client.provider.caps().multi) {
                limited.insert(provider, room);
            }
        }
        Ok(split(pending, limited))
    }

    /// Says that no other order may use a provider's few places while this one does.
    ///
    /// # Errors
    /// A halt until the other order is done with them.
    pub(crate) async fn claim_room(
        &self,
        tx: &mut evercert_db::Tx,
        round: &Round,
    ) -> Result<(), Halt> {
        for (provider, room) in &round.limited {
            let here = round
                .now
                .iter()
                .filter(|one| one.provider_id == Some(*provider));
            let here = here.filter_map(|one| {
                Some((one.effective_name.as_deref()?, one.txt_value.as_deref()?))
            });
            let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (name, value) in here {
                names.entry(name).or_default().push(value);
            }
            for (name, values) in names {
                let order = self.order.id;
                let is_free = match room {
                    Room::One => tx.claim_single_value(order, *provider, values[0]).await?,
                    Room::AtEachName(_) => tx.claim_name(order, *provider, name, &values).await?,
                };
                if !is_free {
                    return Err(self.occupied(*room, name));
                }
            }
        }
        Ok(())
    }

    fn occupied(&self, room: Room, name: &str) -> Halt {
        let room = match room {
            Room::One => "room for one TXT value".to_owned(),
            Room::AtEachName(room) => format!("room for {room} TXT values at {name}"),
        };
        let failure = Failure::new(
            Stage::DnsWrite,
            Class::Transient,
            "dns.one_value",
            format!("The order waits: the DNS provider has {room}, and another order uses it."),
        );
        let until = self.console.now().checked_add(ROOM_WAIT);
        let until = until.unwrap_or(jiff::Timestamp::MAX);
        Halt::Hold(self.console.hasten(until), failure)
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
            "{} names are proved; the other {} follow, because the DNS provider has no room for more",
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

/// Of several at a provider with little room, as many as fit; everything else.
fn split(pending: Vec<Authorization>, limited: BTreeMap<DnsProviderId, Room>) -> Round {
    let mut taken: HashMap<(DnsProviderId, Option<String>), usize> = HashMap::new();
    let (now, later): (Vec<_>, Vec<_>) = pending.into_iter().partition(|one| {
        let Some(provider) = one.provider_id else {
            return true;
        };
        let (key, room) = match limited.get(&provider) {
            None => return true,
            Some(Room::One) => ((provider, None), 1),
            Some(Room::AtEachName(room)) => ((provider, one.effective_name.clone()), *room),
        };
        let taken = taken.entry(key).or_default();
        *taken += 1;
        *taken <= room
    });
    Round {
        now,
        later: later.len(),
        limited,
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

        let round = split(pending, BTreeMap::from([(duck, Room::One)]));

        let urls: Vec<_> = round.now.iter().map(|one| one.url.as_str()).collect();
        assert_eq!(urls, ["1", "2", "4", "5"]);
        assert_eq!(round.later, 1);
    }

    #[test]
    fn names_that_share_an_account_of_two_places_go_in_pairs() {
        let (acme_dns, a, b) = (DnsProviderId::new(), "a.auth.example", "b.auth.example");
        let of = |name: &str, url: &str| Authorization {
            effective_name: Some(name.to_owned()),
            ..at(Some(acme_dns), url)
        };
        let pending = vec![of(a, "1"), of(a, "2"), of(b, "3"), of(a, "4")];

        let round = split(pending, BTreeMap::from([(acme_dns, Room::AtEachName(2))]));

        let urls: Vec<_> = round.now.iter().map(|one| one.url.as_str()).collect();
        assert_eq!(urls, ["1", "2", "3"]);
        assert_eq!(round.later, 1);
    }
}
