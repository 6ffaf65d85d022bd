//! Names that DNS providers give to domains (acme-dns): registering them, and waiting until challenge names lead there.

use evercert_api::dns_providers::DnsAlias;
use evercert_api::{Problem, ProblemCode};
use evercert_db::dns_accounts::DnsAccount;
use evercert_db::terms::ChallengeChoice;
use evercert_dns::Alias;
use evercert_types::{DnsProviderId, DomainName};
use jiff::SignedDuration;

use super::dns_clients::{self, DnsClient, WatchMode};
use super::failure::{Class, Failure, Stage};
use super::issue::{Drive, Halt};
use super::{Actor, LifecycleError, messages};
use crate::state::Console;

/// Shortest and longest pause between looks whether the CNAME is there.
const PAUSES: [SignedDuration; 2] = [SignedDuration::from_secs(10), SignedDuration::from_mins(5)];

impl Drive<'_> {
    /// Pending: waits until every name that is proved by DNS leads where its provider can write; nothing is asked of
    /// the CA before.
    pub(crate) async fn await_aliases(&self) -> Result<(), Halt> {
        let by_dns = matches!(
            self.order.terms.challenge,
            None | Some(ChallengeChoice::Dns01)
        );
        if !by_dns {
            return Ok(());
        }
        for name in &self.order.names {
            let Some(provider) = self.provider_of(name.base()).await? else {
                continue;
            };
            let client = dns_clients::client(self.console, provider).await?;
            let alias = client.provider.alias(name.base(), &name.challenge_name());
            if alias != Alias::NotNeeded {
                self.written(name).await?;
            }
        }
        Ok(())
    }

    /// The name at which the provider can write for a name that leads to `effective`.
    ///
    /// # Errors
    /// A halt until the name leads where the provider can write.
    pub(crate) async fn led(
        &self,
        provider: DnsProviderId,
        name: &DomainName,
        effective: String,
    ) -> Result<String, Halt> {
        let client = dns_clients::client(self.console, provider).await?;
        let target = match client.provider.alias(name.base(), &effective) {
            Alias::NotNeeded => return Ok(effective),
            Alias::At(target) => target,
            Alias::Unregistered => {
                let account = register_at(self.console, &client, name.base()).await?;
                tracing::info!(
                    domain = name.base(),
                    dns.provider = client.name,
                    dns.target = account.target,
                    "an account was registered"
                );
                account.target
            }
        };
        if client.propagation.mode == WatchMode::Off {
            // Nothing is looked at: the operator answers for the CNAME.
            return Ok(target);
        }
        let now = self.console.now();
        let waited = self.order.updated_at.duration_until(now);
        let pause = (waited / 10).clamp(PAUSES[0], PAUSES[1]);
        let until = now.checked_add(pause).unwrap_or(jiff::Timestamp::MAX);
        let failure = not_there(&client.name, name, &effective, &target);
        Err(Halt::Hold(self.console.hasten(until), failure))
    }
}

/// The record that makes a challenge name lead to a target.
pub(crate) fn create(challenge_name: &str, target: &str) -> String {
    format!("Create the record: {challenge_name}. CNAME {target}.")
}

fn not_there(provider: &str, name: &DomainName, effective: &str, target: &str) -> Failure {
    let challenge_name = name.challenge_name();
    let leads = match effective == challenge_name {
        true => format!("{challenge_name} is no CNAME of {target}"),
        false => format!("{challenge_name} leads to {effective}, not to {target}"),
    };
    let message = format!(
        "The order waits: {leads}, the only name at which {provider} can write for {}.",
        name.base()
    );
    Failure::new(
        Stage::Preflight,
        Class::Configuration,
        "dns.alias_missing",
        message,
    )
    .known_as(messages::TXT_FAILED)
    .with_remedy(format!(
        "{} It stays there for all renewals; the order goes on by itself when it is seen.",
        create(&challenge_name, target)
    ))
}

/// Registers a domain at a provider and keeps the account; the one that another Console kept meanwhile stands.
async fn register_at(
    console: &Console,
    client: &DnsClient,
    domain: &str,
) -> Result<DnsAccount, Failure> {
    let made = client.provider.register(domain).await;
    let made = made.map_err(|error| Failure::dns(&error))?;
    let mut tx = console.db.begin_write().await?;
    let account = DnsAccount {
        domain: domain.to_owned(),
        target: made.target,
        account: made.account,
        created_at: tx.now(),
    };
    let is_kept = tx.insert_dns_account(client.id, &account).await?;
    tx.commit().await?;
    if is_kept {
        return Ok(account);
    }
    let kept = console.db.dns_accounts(client.id).await?.into_iter();
    Ok(kept
        .into_iter()
        .find(|one| one.domain == domain)
        .unwrap_or(account))
}

/// Makes a provider give a domain a name of its own, if it needs one and has none; says which CNAME to create.
///
/// # Errors
/// When there is no such provider, it knows no such thing, or it refuses.
pub async fn register(
    console: &Console,
    actor: &Actor,
    provider: &str,
    domain: &DomainName,
) -> Result<DnsAlias, LifecycleError> {
    let saved = super::dns::named(console, provider).await?;
    let refused = |failure: &Failure| failure.to_problem(ProblemCode::Invalid);
    let client = dns_clients::client(console, saved.id).await;
    let client = client.map_err(|failure| refused(&failure))?;
    let target = match client
        .provider
        .alias(domain.base(), &domain.challenge_name())
    {
        Alias::NotNeeded => {
            let detail = format!(
                "\"{provider}\" writes at {} itself: there is nothing to register",
                domain.challenge_name()
            );
            return Err(Problem::new(ProblemCode::Invalid, detail)
                .at("/domain")
                .into());
        }
        Alias::At(target) => target,
        Alias::Unregistered => {
            let made = register_at(console, &client, domain.base()).await;
            made.map_err(|failure| refused(&failure))?.target
        }
    };
    tracing::info!(
        domain = domain.base(),
        dns.provider = provider,
        dns.target = target,
        actor = actor.as_str(),
        "an account was registered"
    );
    Ok(alias_of(domain.base(), target))
}

/// What was registered at a provider, by domain, with the CNAMEs that belong to it.
pub(crate) async fn aliases(
    console: &Console,
    provider: DnsProviderId,
) -> Result<Vec<DnsAlias>, LifecycleError> {
    let accounts = console.db.dns_accounts(provider).await?;
    let alias = |one: DnsAccount| alias_of(&one.domain, one.target);
    Ok(accounts.into_iter().map(alias).collect())
}

fn alias_of(domain: &str, target: String) -> DnsAlias {
    let name = format!("_acme-challenge.{domain}");
    DnsAlias {
        domain: domain.to_owned(),
        create: create(&name, &target),
        name,
        target,
    }
}
