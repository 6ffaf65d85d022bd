//! From the wish to the challenges: account, newOrder, and what the CA wants to see for each name.

use std::future::Future;

use evercert_acme::{
    Account, AuthorizationStatus, ChallengeType, IdentifierType, OrderStatus, dns01_value,
    key_authorization,
};
use evercert_api::dns_providers::PropagationSettings;
use evercert_db::authorizations::Authorization;
use evercert_db::events::Level;
use evercert_db::orders::OrderChange;
use evercert_db::terms::ChallengeChoice;
use evercert_types::{DnsProviderId, DomainName, OrderState};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::challenge::choice::{DnsWay, Impossible, Responders, Situation, Subject, choose};
use super::challenge::{follows_cnames, impossible, offer_of, responders_for, type_of, word};
use super::dns_clients::{self, Watch, WatchMode, lookup_failure};
use super::failure::{Class, Failure, Stage};
use super::issue::{Drive, Halt, Note};
use super::new_order::Placed;
use super::preflight::mapping;

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
        self.await_aliases().await?;
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
        let means = self.means().await?;
        let choosing = read.iter().map(|one| self.choose(&account, one, &means));
        let chosen = each(choosing.collect()).await?;
        let (chosen, reasons): (Vec<_>, Vec<_>) = chosen.into_iter().unzip();
        let pending = chosen.iter().filter(|one| one.status == "pending").count();
        let message = format!("{pending} of {} names are to be proved", chosen.len());
        let mut tx = self.console.db.begin_step().await?;
        tx.remove_authorizations(self.order.id).await?;
        for authorization in &chosen {
            tx.put_authorization(self.order.id, authorization).await?;
        }
        let reasons: Vec<_> = reasons.into_iter().flatten().collect();
        let note = Note::new("order.authorizing", message).with(json!({"challenges": reasons}));
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

    /// What the choice of challenges depends on, for all names of the order.
    async fn means(&self) -> Result<Means, Halt> {
        let (selector, store) = (&self.certificate.selector, self.certificate.store);
        let vendor = self.console.db.vendor(self.order.vendor_id).await?;
        Ok(Means {
            responders: responders_for(self.console, selector, store).await?,
            follows_cnames: vendor.as_ref().is_none_or(follows_cnames),
        })
    }

    /// How an authorization is proved: what is to be published, where, and by whom; with the reason for the log.
    async fn choose(
        &self,
        account: &Account,
        read: &evercert_acme::Authorization,
        means: &Means,
    ) -> Result<(Authorization, Option<Value>), Halt> {
        let mut chosen = unchosen(read);
        if read.status != AuthorizationStatus::Pending {
            return Ok((chosen, None));
        }
        let (subject, name) = subject_of_authorization(read)?;
        let wanted = self.order.terms.challenge;
        let written = match (&name, wanted) {
            (Some(_), Some(ChallengeChoice::Http01 | ChallengeChoice::TlsAlpn01)) | (None, _) => {
                Written::nowhere()
            }
            (Some(name), Some(ChallengeChoice::Dns01Manual)) => self.written_by_hand(name).await?,
            (Some(name), _) => self.written(name).await?,
        };
        let (written, wanted) = match written.by_hand {
            true => (written.by_a_person(), Some(ChallengeChoice::Dns01Manual)),
            false => (written, wanted),
        };
        let situation = Situation {
            wanted,
            offered: offer_of(read),
            subject,
            dns: written.way(means.follows_cnames),
            responders: means.responders,
        };
        let choice = match choose(&situation) {
            Ok(choice) => choice,
            Err(why) => return Err(self.why_not(why, name.as_ref(), &read.name()).await),
        };
        if choice.kind == ChallengeChoice::Dns01Manual
            && written.is_delegated
            && !means.follows_cnames
        {
            return Err(impossible(Impossible::NotFollowed, &read.name()).into());
        }
        let challenge = read.to_solve(&type_of(choice.kind));
        let challenge = challenge
            .ok_or_else(|| impossible(Impossible::NotOffered(choice.kind), &read.name()))?;
        chosen.challenge_type = word(choice.kind).to_owned();
        chosen.challenge_url = challenge.url.clone();
        chosen.token = challenge.token().to_owned();
        let is_dns = type_of(choice.kind) == ChallengeType::Dns01;
        chosen.txt_value = Some(match is_dns {
            true => dns01_value(challenge.token(), account.key()),
            false => key_authorization(challenge.token(), account.key()),
        });
        if is_dns {
            chosen.effective_name = written.name;
        }
        if choice.kind == ChallengeChoice::Dns01 {
            chosen.provider_id = written.provider;
        }
        let reason = json!({"name": read.name(), "type": word(choice.kind), "why": choice.why});
        Ok((chosen, Some(reason)))
    }

    async fn why_not(&self, why: Impossible, name: Option<&DomainName>, shown: &str) -> Halt {
        if let (Impossible::NoProvider, Some(name)) = (why, name) {
            let names = std::slice::from_ref(name);
            match mapping::failure(&self.console.db, names).await {
                Ok(Some((_, failure))) => return failure.into(),
                Ok(None) => {}
                Err(error) => return error.into(),
            }
        }
        impossible(why, shown).into()
    }

    /// Where a name's TXT value is written, behind CNAMEs, and by which provider.
    pub(crate) async fn written(&self, name: &DomainName) -> Result<Written, Halt> {
        let Some(provider) = self.provider_of(name.base()).await? else {
            return Ok(Written::nowhere());
        };
        let client = dns_clients::client(self.console, provider).await?;
        let challenge_name = name.challenge_name();
        let effective = self.follow(&client.propagation, &challenge_name).await?;
        let is_delegated = effective != challenge_name;
        // A delegated name is the business of whoever is mapped for where it points.
        let delegate = match is_delegated {
            true => self.provider_of(&effective).await?,
            false => None,
        };
        let provider = delegate.unwrap_or(client.id);
        let effective = self.led(provider, name, effective).await?;
        let client = dns_clients::client(self.console, provider).await?;
        Ok(Written {
            by_hand: client.provider.by_hand().is_some(),
            provider: Some(provider),
            is_delegated: effective != challenge_name,
            name: Some(effective),
        })
    }

    /// Where the operator writes a name's TXT value.
    async fn written_by_hand(&self, name: &DomainName) -> Result<Written, Halt> {
        let watch = Watch::parse(&PropagationSettings::default()).map_err(|error| {
            Failure::new(
                Stage::Preflight,
                Class::Configuration,
                "dns.configuration",
                error.to_string(),
            )
        })?;
        let challenge_name = name.challenge_name();
        let effective = self.follow(&watch, &challenge_name).await?;
        Ok(Written {
            by_hand: true,
            provider: None,
            is_delegated: effective != challenge_name,
            name: Some(effective),
        })
    }

    /// The provider that the certificate names, else the one mapped.
    pub(crate) async fn provider_of(&self, name: &str) -> Result<Option<DnsProviderId>, Halt> {
        if let Some(provider) = self.order.terms.provider {
            return Ok(Some(provider));
        }
        let mapping = self.console.db.mapping_for(name).await?;
        let usable = mapping.filter(|mapping| mapping.active);
        Ok(usable.map(|mapping| mapping.provider_id))
    }

    async fn follow(&self, watch: &Watch, name: &str) -> Result<String, Failure> {
        if watch.mode == WatchMode::Off || !watch.follows_cnames {
            return Ok(name.to_owned());
        }
        let failed = |error| lookup_failure(Stage::Preflight, &error);
        let resolver = watch.resolver(self.console).map_err(failed)?;
        match resolver.challenge_delegation(name).await {
            Ok(delegation) => Ok(delegation.effective().to_owned()),
            // Inside a split horizon nobody may answer for the name; then it is no delegation either.
            Err(error) if error.is_retryable() => {
                tracing::warn!(dns.name = name, %error, "cannot see whether the name is delegated");
                Ok(name.to_owned())
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// What the choice of challenges depends on, for all names of an order.
struct Means {
    responders: Responders,
    follows_cnames: bool,
}

/// Where a TXT value is written.
pub(crate) struct Written {
    provider: Option<DnsProviderId>,
    name: Option<String>,
    is_delegated: bool,
    /// Whether a person writes it.
    by_hand: bool,
}

impl Written {
    /// No provider writes it, and nothing of it is in the journal.
    fn by_a_person(self) -> Self {
        Self {
            provider: None,
            ..self
        }
    }

    const fn nowhere() -> Self {
        Self {
            by_hand: false,
            provider: None,
            name: None,
            is_delegated: false,
        }
    }

    const fn way(&self, follows_cnames: bool) -> DnsWay {
        match (self.provider, self.is_delegated && !follows_cnames) {
            (None, _) => DnsWay::Unmapped,
            (Some(_), true) => DnsWay::NotFollowed,
            (Some(_), false) => DnsWay::Mapped,
        }
    }
}

/// An authorization for which nothing is to be done yet.
fn unchosen(read: &evercert_acme::Authorization) -> Authorization {
    Authorization {
        url: read.url.clone(),
        identifier: read.identifier.value.to_ascii_lowercase(),
        wildcard: read.wildcard,
        status: read.status.as_str().to_owned(),
        challenge_type: ChallengeType::Dns01.as_str().to_owned(),
        challenge_url: String::new(),
        token: String::new(),
        provider_id: None,
        effective_name: None,
        txt_value: None,
        confirmed_at: None,
    }
}

/// What an authorization is for; with the name, unless it is an address.
fn subject_of_authorization(
    read: &evercert_acme::Authorization,
) -> Result<(Subject, Option<DomainName>), Failure> {
    let malformed = |why: String| {
        Failure::new(
            Stage::Order,
            Class::CaOutage,
            "acme.authorization.malformed",
            format!("reading the authorization {}: {why}", read.url),
        )
    };
    let value = &read.identifier.value;
    if read.identifier.kind == IdentifierType::Ip {
        let address = value.parse::<std::net::IpAddr>();
        address.map_err(|error| malformed(error.to_string()))?;
        return Ok((Subject::Ip, None));
    }
    let name = DomainName::new(value).map_err(|error| malformed(error.to_string()))?;
    let subject = match read.wildcard || name.is_wildcard() {
        true => Subject::Wildcard,
        false => Subject::Name,
    };
    Ok((subject, Some(name)))
}

/// Does several things of one kind, a few at once; answers in order, or with the first failure.
pub(crate) async fn each<T, E, F: Future<Output = Result<T, E>>>(
    work: Vec<F>,
) -> Result<Vec<T>, E> {
    stream::iter(work).buffered(AT_ONCE).try_collect().await
}
