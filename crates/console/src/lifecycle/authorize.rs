//! From the wish to the challenges: account, newOrder, and what the CA wants to see for each name.

use std::future::Future;

use evercert_acme::{Account, AuthorizationStatus, ChallengeType, OrderStatus, dns01_value};
use evercert_db::authorizations::Authorization;
use evercert_db::events::Level;
use evercert_db::orders::OrderChange;
use evercert_types::{DomainName, OrderState};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::dns_clients::{self, DnsClient, WatchMode, lookup_failure};
use super::failure::{Class, Failure, Stage};
use super::issue::{Drive, Halt, Note};
use super::new_order::Placed;
use super::preflight::mapping::unmapped;

/// Requests of one order to the CA, or to DNS, at once.
pub(crate) const AT_ONCE: usize = 8;
/// How many of the newest orders of an account are looked at for one whose URL was lost.
const LOOKED_AT: usize = 20;

impl Drive<'_> {
    /// Pending: nothing known stands against the order, and the account is there.
    pub(crate) async fn prepare(&mut self) -> Result<(), Halt> {
        if self.adopt().await? {
            return Ok(());
        }
        let vendor = self.check_wish().await?;
        let asked = tokio::join!(self.account(), self.caa_tree(&vendor));
        let account = asked.0?;
        let warnings = self.warnings(&vendor, &account, asked.1);
        let note = Note::new("order.ordering", "The CA account is ready")
            .with(json!({"account": account.url()}));
        let Some(mut tx) = self.take_turn().await? else {
            return Ok(());
        };
        for warning in warnings {
            tx.add_event(&self.event(warning, Level::Warn)).await?;
        }
        self.persist(tx, OrderState::Ordering, OrderChange::Nothing, note)
            .await
    }

    /// Ordering: newOrder, or the order of a newOrder whose answer was lost.
    pub(crate) async fn place(&mut self) -> Result<(), Halt> {
        let account = self.account().await?;
        let lost = match self.resumed {
            true => self.find_lost(&account).await?,
            false => None,
        };
        let Placed {
            order: placed,
            warnings,
        } = match lost {
            Some(order) => Placed {
                order,
                warnings: Vec::new(),
            },
            None => self.new_order(&account).await?,
        };
        let names: Vec<&str> = placed
            .identifiers
            .iter()
            .map(|i| i.value.as_str())
            .collect();
        let note = Note::new("order.ordered", "The order is placed at the CA")
            .with(json!({"order_url": placed.url, "names": names, "status": placed.status}));
        let change = OrderChange::Ordered {
            url: &placed.url,
            finalize_url: &placed.finalize,
            expires_at: placed.expires,
        };
        let mut tx = self.console.db.begin_step().await?;
        for warning in warnings {
            tx.add_event(&self.event(warning, Level::Warn)).await?;
        }
        match self.persist(tx, OrderState::Ordered, change, note).await {
            // CAs give the same pending order to the same names: the sibling of another key algorithm has it.
            Err(Halt::Database(error)) if error.is_conflict() => {
                return Err(Halt::Wait("another order of the same names is running"));
            }
            other => other?,
        }
        self.at_ca = Some(placed);
        Ok(())
    }

    /// An open order for these very names that no order of ours knows.
    async fn find_lost(&self, account: &Account) -> Result<Option<evercert_acme::Order>, Halt> {
        let Ok(urls) = account.orders().await else {
            return Ok(None);
        };
        for url in urls.iter().rev().take(LOOKED_AT) {
            if self.console.db.is_order_url_known(url).await? {
                continue;
            }
            let Ok(order) = account.order(url).await else {
                continue;
            };
            let open = matches!(order.status, OrderStatus::Pending | OrderStatus::Ready);
            if open && self.is_for_these_names(&order) {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// Ordered: reads the authorizations and chooses how to answer those that are open.
    pub(crate) async fn authorize(&mut self) -> Result<(), Halt> {
        let account = self.account().await?;
        let placed = self.order_at_ca(&account).await?;
        if placed.is_lost() {
            return self.order_anew("the CA has given the order up").await;
        }
        let reading = placed.authorizations.iter();
        let read = each(reading.map(|url| account.authorization(url)).collect())
            .await
            .map_err(|error| Failure::acme(Stage::Order, &error))?;
        let open = [AuthorizationStatus::Pending, AuthorizationStatus::Valid];
        if !read.iter().all(|one| open.contains(&one.status)) {
            return self
                .order_anew("an authorization cannot be used any more")
                .await;
        }
        let choosing = read.iter().map(|one| self.choose(&account, one));
        let chosen = each(choosing.collect()).await?;
        let pending = chosen.iter().filter(|one| one.status == "pending").count();
        let message = format!("{pending} of {} names are to be proved", chosen.len());
        let mut tx = self.console.db.begin_step().await?;
        tx.remove_authorizations(self.order.id).await?;
        for authorization in &chosen {
            tx.put_authorization(self.order.id, authorization).await?;
        }
        let note = Note::new("order.authorizing", message);
        self.persist(tx, OrderState::Authorizing, OrderChange::Nothing, note)
            .await
    }

    /// The order as the CA has it, read if it was not just now.
    pub(crate) async fn order_at_ca(
        &mut self,
        account: &Account,
    ) -> Result<evercert_acme::Order, Failure> {
        if let Some(order) = &self.at_ca {
            return Ok(order.clone());
        }
        let order = self.read_order(account).await?;
        self.at_ca = Some(order.clone());
        Ok(order)
    }

    /// The order as the CA has it now.
    pub(crate) async fn read_order(
        &self,
        account: &Account,
    ) -> Result<evercert_acme::Order, Failure> {
        let url = self.order.order_url.as_deref().unwrap_or_default();
        let read = account.order(url).await;
        read.map_err(|error| Failure::acme(Stage::Order, &error))
    }

    /// Places the order once more, once: the CA gave an old one that cannot be used.
    async fn order_anew(&mut self, why: &'static str) -> Result<(), Halt> {
        let mut tx = self.console.db.begin_write().await?;
        if !tx.order_anew(self.order.id, self.order.state).await? {
            drop(tx);
            let failure = Failure::new(Stage::Order, Class::Transient, "acme.order.unusable", why);
            return Err(failure.losing_the_order().into());
        }
        let note = Note::new("order.anew", format!("Ordering anew: {why}"));
        tx.add_event(&self.event(note, Level::Warn)).await?;
        tx.commit().await?;
        self.at_ca = None;
        self.order.order_url = None;
        self.order.state = OrderState::Ordering;
        self.resumed = false;
        Ok(())
    }

    /// What is to be published for an authorization, where, and by whom.
    async fn choose(
        &self,
        account: &Account,
        read: &evercert_acme::Authorization,
    ) -> Result<Authorization, Halt> {
        let name = DomainName::new(&read.identifier.value).map_err(|error| {
            Failure::new(
                Stage::Order,
                Class::CaOutage,
                "acme.authorization.malformed",
                format!("reading the authorization {}: {error}", read.url),
            )
        })?;
        let mut chosen = Authorization {
            url: read.url.clone(),
            wildcard: read.wildcard,
            status: read.status.as_str().to_owned(),
            challenge_type: ChallengeType::Dns01.as_str().to_owned(),
            challenge_url: String::new(),
            token: String::new(),
            provider_id: None,
            effective_name: None,
            txt_value: None,
            identifier: name.to_string(),
            confirmed_at: None,
        };
        if read.status != AuthorizationStatus::Pending {
            return Ok(chosen);
        }
        let challenge = read
            .to_solve(&ChallengeType::Dns01)
            .ok_or_else(|| no_dns_challenge(&name))?;
        let (client, effective) = self.effective_name(&name).await?;
        chosen.challenge_url = challenge.url.clone();
        chosen.token = challenge.token().to_owned();
        chosen.txt_value = Some(dns01_value(challenge.token(), account.key()));
        chosen.provider_id = Some(client);
        chosen.effective_name = Some(effective);
        Ok(chosen)
    }

    /// The name that is really written, behind CNAMEs, and the provider mapped for it.
    async fn effective_name(
        &self,
        name: &DomainName,
    ) -> Result<(evercert_types::DnsProviderId, String), Halt> {
        let db = &self.console.db;
        let provider = match self.order.terms.provider {
            Some(chosen) => chosen,
            None => {
                let mapping = db.mapping_for(name.base()).await?;
                mapping.ok_or_else(|| unmapped(&[name]))?.provider_id
            }
        };
        let client = dns_clients::client(self.console, provider).await?;
        let challenge_name = name.challenge_name();
        let effective = self.follow(&client, &challenge_name).await?;
        if effective == challenge_name {
            return Ok((client.id, effective));
        }
        // A delegated name is the business of whoever is mapped for where it points.
        let delegate = db.mapping_for(&effective).await?;
        let provider = delegate.map_or(client.id, |mapping| mapping.provider_id);
        Ok((provider, effective))
    }

    async fn follow(&self, client: &DnsClient, name: &str) -> Result<String, Failure> {
        if client.propagation.mode == WatchMode::Off {
            return Ok(name.to_owned());
        }
        let failed = |error| lookup_failure(Stage::Preflight, &error);
        let resolver = client.propagation.resolver(self.console).map_err(failed)?;
        match resolver.follow_cname(name).await {
            Ok(effective) => Ok(effective),
            // Inside a split horizon nobody may answer for the name; then it is no delegation either.
            Err(error) if error.is_retryable() => {
                tracing::warn!(dns.name = name, %error, "cannot see whether the name is delegated");
                Ok(name.to_owned())
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Does several things of one kind, a few at once; answers in order, or with the first failure.
pub(crate) async fn each<T, E, F: Future<Output = Result<T, E>>>(
    work: Vec<F>,
) -> Result<Vec<T>, E> {
    stream::iter(work).buffered(AT_ONCE).try_collect().await
}

fn no_dns_challenge(name: &DomainName) -> Failure {
    Failure::new(
        Stage::Validation,
        Class::Configuration,
        "acme.challenge.not_offered",
        format!("the CA offers no dns-01 challenge for {name}"),
    )
    .with_remedy("Use a CA vendor that validates by DNS.")
}
