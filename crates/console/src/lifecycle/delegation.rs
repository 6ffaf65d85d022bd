//! Delegation of challenge names by CNAME: which records to create, and whether they lead where somebody can write.

use evercert_api::dns_providers::{Delegation, DelegationQuery, PropagationSettings};
use evercert_api::{Problem, ProblemCode};
use evercert_dns::{Alias, LookupError, Resolver};
use evercert_types::DomainName;

use super::LifecycleError;
use super::dns_accounts;
use super::dns_clients::{self, Watch};
use super::failure::sentence;
use crate::state::Console;

/// Names looked at in one go.
const MOST: usize = 100;

/// Looks at each domain's challenge name, and says what to create and whether what is there will do.
///
/// # Errors
/// When there are too many domains or none, or there is no resolver.
pub async fn check(
    console: &Console,
    query: &DelegationQuery,
) -> Result<Vec<Delegation>, LifecycleError> {
    if query.domains.is_empty() || query.domains.len() > MOST {
        let detail = format!("give 1 to {MOST} domains");
        let problem = Problem::new(ProblemCode::Invalid, detail);
        return Err(problem.at("/domains").into());
    }
    let zone = query
        .zone
        .as_ref()
        .or(console.config.delegation_zone.as_ref());
    let watch = Watch::parse(&PropagationSettings::default())
        .map_err(|error| LifecycleError::new(ProblemCode::Invalid, error.to_string()))?;
    let resolver = watch.resolver(console).map_err(|error| {
        Problem::new(ProblemCode::Invalid, sentence(&error)).with_remedy(error.remedy())
    })?;
    let mut found = Vec::new();
    for domain in &query.domains {
        found.push(one(console, &resolver, domain, zone).await?);
    }
    Ok(found)
}

/// Where the challenge name of a domain should point: the whole name below the zone, so that names never collide.
fn target_of(domain: &DomainName, zone: &DomainName) -> String {
    format!("{}.{}", domain.base(), zone.base())
}

async fn one(
    console: &Console,
    resolver: &Resolver,
    domain: &DomainName,
    zone: Option<&DomainName>,
) -> Result<Delegation, LifecycleError> {
    let name = domain.challenge_name();
    let (chain, effective, trouble) = look(resolver, &name).await;
    let (alias, aliasing) = alias(console, domain, &effective).await?;
    let target = match alias {
        Alias::At(target) => Some(target),
        Alias::NotNeeded if aliasing.is_some() => None,
        Alias::NotNeeded => zone.map(|zone| target_of(domain, zone)),
        Alias::Unregistered => return unregistered(console, domain, chain).await,
    };
    let mapping = console.db.mapping_for(&effective).await?;
    let provider = mapping.filter(|mapping| mapping.active);
    let provider = provider.map(|mapping| mapping.provider).or(aliasing);
    let is_wanted = target.as_ref().is_none_or(|target| *target == effective);
    let create = target
        .as_ref()
        .map(|target| dns_accounts::create(&name, target));
    let (ok, detail, remedy) = match (trouble, effective == name, &provider) {
        (Some((detail, remedy)), _, _) => (false, detail, Some(remedy)),
        (None, true, _) if target.is_some() => (false, format!("{name} is not delegated"), create),
        (None, true, Some(provider)) => (
            true,
            format!("{name} is not delegated; {provider} writes it"),
            None,
        ),
        (None, true, None) => {
            let remedy = "Map the domain, or delegate the name to a mapped zone.".to_owned();
            (
                false,
                format!("{name} is not delegated, and no provider is mapped for it"),
                Some(remedy),
            )
        }
        (None, false, _) if !is_wanted => (false, format!("{name} leads to {effective}"), create),
        (None, false, None) => {
            let remedy = format!("Map {effective} or a domain above it: `evercert domain map`.");
            (
                false,
                format!("{name} leads to {effective}, for which no active provider is mapped"),
                Some(remedy),
            )
        }
        (None, false, Some(provider)) => (
            true,
            format!("{name} leads to {effective}, and {provider} writes there"),
            None,
        ),
    };
    let base = DomainName::new(domain.base());
    Ok(Delegation {
        domain: base.unwrap_or_else(|_| domain.clone()),
        name,
        target,
        chain,
        provider,
        ok,
        detail,
        remedy,
    })
}

/// Where the challenge name has to lead for the provider that is mapped for the domain; with that provider's name, if it
/// is one that writes at names of its own only.
async fn alias(
    console: &Console,
    domain: &DomainName,
    effective: &str,
) -> Result<(Alias, Option<String>), LifecycleError> {
    let mapping = console.db.mapping_for(domain.base()).await?;
    let Some(mapping) = mapping.filter(|mapping| mapping.active) else {
        return Ok((Alias::NotNeeded, None));
    };
    // A name that leads to somebody else's zone is that one's business.
    let end = console.db.mapping_for(effective).await?;
    if end.is_some_and(|end| end.provider_id != mapping.provider_id) {
        return Ok((Alias::NotNeeded, None));
    }
    let client = dns_clients::client(console, mapping.provider_id).await;
    let client = client.map_err(|failure| failure.to_problem(ProblemCode::Invalid))?;
    let at_itself = client
        .provider
        .alias(domain.base(), &domain.challenge_name());
    let aliasing = (at_itself != Alias::NotNeeded).then_some(mapping.provider);
    Ok((client.provider.alias(domain.base(), effective), aliasing))
}

/// The provider has no name for the domain yet; a look registers none.
async fn unregistered(
    console: &Console,
    domain: &DomainName,
    chain: Vec<String>,
) -> Result<Delegation, LifecycleError> {
    let mapping = console.db.mapping_for(domain.base()).await?;
    let provider = mapping.map(|mapping| mapping.provider).unwrap_or_default();
    let base = domain.base();
    let detail = format!("{provider} has no account for {base} yet: the first order registers one");
    let remedy = format!(
        "Register it now, to create the CNAME before: `evercert dns-provider register {provider} {base}`."
    );
    Ok(Delegation {
        domain: DomainName::new(base).unwrap_or_else(|_| domain.clone()),
        name: domain.challenge_name(),
        target: None,
        chain,
        provider: Some(provider),
        ok: false,
        detail,
        remedy: Some(remedy),
    })
}

/// The chain behind a challenge name, its end, and what is wrong with it.
async fn look(resolver: &Resolver, name: &str) -> (Vec<String>, String, Option<(String, String)>) {
    let seen = match resolver.delegation(name).await {
        Ok(seen) => seen,
        Err(error) => {
            let remedy = match &error {
                LookupError::CnameLoop(_) => "Correct the CNAME records: they must end.".to_owned(),
                error => error.remedy().to_owned(),
            };
            return (
                Vec::new(),
                name.to_owned(),
                Some((sentence(&error), remedy)),
            );
        }
    };
    if !seen.is_delegated() {
        return (Vec::new(), name.to_owned(), None);
    }
    let chain = seen.chain[1..].to_vec();
    match resolver.challenge_delegation(name).await {
        Ok(own) if !own.is_delegated() => {
            let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
            let detail = format!(
                "the CNAME at {name} comes from a wildcard at *.{parent}: it is no delegation, and records are written \
                 at {name} itself"
            );
            let remedy = "Create a CNAME or TXT record at the name itself.".to_owned();
            (chain, name.to_owned(), Some((detail, remedy)))
        }
        _ => (chain, seen.effective().to_owned(), None),
    }
}
