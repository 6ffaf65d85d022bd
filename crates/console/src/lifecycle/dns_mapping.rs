//! Mapping domains to a DNS provider, after a look whether it has their zones.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use evercert_api::dns_providers::{
    DomainMapping, MappedDomain, NewDomainMappings, NewlyMapped, PropagationSettings,
};
use evercert_api::{Problem, ProblemCode};
use evercert_db::dns_providers as rows;
use evercert_dns::{Alias, DnsError, Fault, LookupError, Provider, zone_candidates};
use evercert_types::DomainName;
use futures_util::{StreamExt as _, stream};

use super::dns::{base_of, in_body, named};
use super::dns_clients::Watch;
use super::failure::sentence;
use super::vendors::configuration_changed;
use super::{Actor, LifecycleError, coverage};
use crate::state::Console;

/// Domains mapped in one go.
const MOST: usize = 100;
/// Domains looked at at the same time.
const AT_ONCE: usize = 4;
/// How long a look at the public DNS may take; without an answer there is no warning.
const PATIENCE: Duration = Duration::from_secs(10);

/// Maps domains, and all names under them, to a provider; earlier mappings are replaced. All are mapped, or none.
///
/// # Errors
/// When there is no such provider, no domain is given, or the provider does not have the zone of one.
pub async fn map_domains(
    console: &Console,
    actor: &Actor,
    wanted: &NewDomainMappings,
) -> Result<NewlyMapped, LifecycleError> {
    let found = named(console, &wanted.provider).await.map_err(in_body)?;
    let domains = domains(wanted)?;
    let mapped = match wanted.skip_test {
        true => domains.iter().map(unasked).collect(),
        false => looked_at(console, &found, &domains).await?,
    };
    let mut tx = console.db.begin_write().await?;
    for domain in &domains {
        tx.map_domain(domain, found.id).await?;
    }
    tx.commit().await?;
    coverage::regained(console).await?;
    configuration_changed(console).await?;
    for one in &mapped {
        tracing::info!(
            domain = one.domain.base(),
            dns.provider = found.name,
            dns.zone = one.zone,
            warnings = one.warnings.len(),
            actor = actor.as_str(),
            "a domain was mapped"
        );
    }
    let first = mapped.first().map(|one| one.domain.clone());
    let first = first.ok_or_else(|| no_domain(MOST))?;
    Ok(NewlyMapped {
        first: DomainMapping {
            domain: first,
            provider: found.name,
        },
        mapped,
    })
}

/// The domains without wildcard labels, each once.
fn domains(wanted: &NewDomainMappings) -> Result<Vec<DomainName>, LifecycleError> {
    let mut seen = BTreeSet::new();
    let mut domains = Vec::new();
    for domain in wanted.domain.iter().chain(&wanted.domains) {
        let domain = base_of(domain)?;
        if seen.insert(domain.clone()) {
            domains.push(domain);
        }
    }
    match domains.len() {
        1..=MOST => Ok(domains),
        _ => Err(no_domain(MOST)),
    }
}

fn no_domain(most: usize) -> LifecycleError {
    Problem::new(ProblemCode::Invalid, format!("give 1 to {most} domains"))
        .at("/domains")
        .into()
}

fn unasked(domain: &DomainName) -> MappedDomain {
    MappedDomain {
        domain: domain.clone(),
        zone: None,
        warnings: Vec::new(),
    }
}

async fn looked_at(
    console: &Console,
    saved: &rows::DnsProvider,
    domains: &[DomainName],
) -> Result<Vec<MappedDomain>, LifecycleError> {
    let accounts = console.db.dns_accounts(saved.id).await?;
    let built = console.dns.build_knowing(saved, accounts);
    let provider = built.map_err(|error| refusal(saved, None, &error))?;
    let looks: Vec<_> = domains
        .iter()
        .map(|domain| look(console, saved, Arc::clone(&provider), domain))
        .collect();
    let looks: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    looks.into_iter().collect()
}

/// Asks the provider for the zone of the domain's challenge name, and the public DNS whether that is the one. A provider
/// that writes at names of its own has no zones to be asked for: it is told which CNAME it takes.
async fn look(
    console: &Console,
    saved: &rows::DnsProvider,
    provider: Arc<dyn Provider>,
    domain: &DomainName,
) -> Result<MappedDomain, LifecycleError> {
    let name = domain.challenge_name();
    let alias = provider.alias(domain.base(), &name);
    let asked = (alias == Alias::NotNeeded).then_some(name.as_str());
    let checked = provider.check(asked).await;
    let report = checked.map_err(|error| refusal(saved, Some(domain), &error))?;
    let mut mapped = unasked(domain);
    mapped.warnings.extend(wanted_cname(saved, domain, &alias));
    if let Some(zone) = &report.zone {
        let warning = elsewhere(console, saved, &name, zone).await;
        mapped.warnings.extend(warning);
    }
    mapped.zone = report.zone;
    Ok(mapped)
}

/// What has to be in the domain's own zone, where the provider does not write there.
fn wanted_cname(saved: &rows::DnsProvider, domain: &DomainName, alias: &Alias) -> Option<String> {
    let name = domain.challenge_name();
    match alias {
        Alias::NotNeeded => None,
        Alias::At(target) => Some(format!("{name} must be a CNAME of {target}")),
        Alias::Unregistered => Some(format!(
            "{name} must be a CNAME of a name that `evercert dns-provider register {} {}` tells, or the first order",
            saved.name,
            domain.base()
        )),
    }
}

fn refusal(
    saved: &rows::DnsProvider,
    domain: Option<&DomainName>,
    error: &DnsError,
) -> LifecycleError {
    let said = sentence(error);
    let detail = match domain {
        Some(domain) if error.fault() == Fault::Zone => format!(
            "\"{}\" does not have the zone of {}: looked for {}. {said}",
            saved.name,
            domain.base(),
            zone_candidates(domain.base()).join(", "),
        ),
        Some(domain) => format!(
            "\"{}\" does not say whether it has the zone of {}. {said}",
            saved.name,
            domain.base(),
        ),
        None => said,
    };
    let remedy = format!(
        "{}; or map it without asking: `--force` (`\"skip_test\": true`).",
        capitalized(error.remedy().trim_end_matches('.'))
    );
    Problem::new(ProblemCode::DnsProviderFailed, detail)
        .at("/domain")
        .with_remedy(remedy)
        .into()
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// What the public DNS says against the provider's zone.
async fn elsewhere(
    console: &Console,
    saved: &rows::DnsProvider,
    name: &str,
    zone: &str,
) -> Option<String> {
    let settings: PropagationSettings =
        serde_json::from_value(saved.propagation.clone()).unwrap_or_default();
    let resolver = Watch::parse(&settings).ok()?.resolver(console).ok()?;
    let found = tokio::time::timeout(PATIENCE, resolver.zone_name(name)).await;
    match found.ok()? {
        Ok(delegated) if delegated == zone => None,
        Ok(delegated) => Some(format!(
            "{name} lies in the zone {delegated}, but the provider has {zone}: what is written there may not be public"
        )),
        Err(LookupError::NoZone(_)) => Some(format!(
            "the public DNS knows no zone of {name}: is {zone} delegated to the provider's servers?"
        )),
        Err(error) => {
            tracing::debug!(dns.name = name, %error, "the zone of a mapped domain cannot be compared");
            None
        }
    }
}
