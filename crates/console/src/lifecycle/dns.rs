//! DNS providers and domain mappings: who answers DNS-01 for which domain.

use evercert_api::dns_providers::{
    ChangedDnsProvider, DnsProvider, DnsProviderChange, DomainMapping, NewDnsProvider,
    RecordSettings, UnmappedDomain,
};
use evercert_api::{Problem, ProblemCode};
use evercert_db::{DbErrorKind, dns_providers as rows};
use evercert_dns::{Alias, DnsError, PROVIDERS, descriptor};
use evercert_types::{DnsProviderId, DomainName, Secret};
use serde_json::json;

use super::dns_clients::{Watch, WatchError};
use super::failure::sentence;
use super::vendors::configuration_changed;
use super::{Actor, LifecycleError, check_name, coverage, dns_accounts, messages};
use crate::state::Console;

/// Where a provider is looked at, below the domain, so that the zone is that of names below it.
pub(super) const TEST_LABEL: &str = "_evercert-test";
/// Longest time to live (RFC 2181 §8).
const LONGEST_TTL: u32 = 2_147_483_647;

/// Adds a DNS provider; it must take its settings, unless that is not to be tried.
///
/// # Errors
/// A problem that points into the request: unknown type, missing, unknown or malformed settings, a taken name, settings
/// that the provider refuses.
pub async fn add_dns_provider(
    console: &Console,
    actor: &Actor,
    new: NewDnsProvider,
) -> Result<DnsProvider, LifecycleError> {
    check_name(&new.name, 64, "-_.", "/name")?;
    let invalid =
        |pointer: &str, detail: String| Problem::new(ProblemCode::Invalid, detail).at(pointer);
    if descriptor(&new.type_code).is_none() {
        let known: Vec<&str> = PROVIDERS.iter().map(|one| one.code).collect();
        let detail = format!("there is no DNS provider type \"{}\"", new.type_code);
        let remedy = format!("Use one of {}.", known.join(", "));
        return Err(invalid("/type", detail).with_remedy(remedy).into());
    }
    Watch::parse(&new.propagation).map_err(|error| refused_propagation(&error))?;
    let now = console.now();
    let provider = rows::DnsProvider {
        id: DnsProviderId::new(),
        name: new.name,
        type_code: new.type_code,
        settings: new.settings,
        propagation: json!(new.propagation),
        records: json!(checked(new.records)?),
        active: true,
        last_test: None,
        created_at: now,
        updated_at: now,
    };
    if console
        .db
        .dns_provider_by_name(&provider.name)
        .await?
        .is_some()
    {
        return Err(taken(&provider.name));
    }
    try_settings(console, &provider, None, !new.skip_test).await?;
    let mut tx = console.db.begin_write().await?;
    match tx.insert_dns_provider(&provider).await {
        Err(error) if error.is_conflict() => return Err(taken(&provider.name)),
        other => other?,
    }
    tx.commit().await?;
    tracing::info!(
        dns.provider = provider.name,
        actor = actor.as_str(),
        "a DNS provider was added"
    );
    Ok(view(&provider, Vec::new()))
}

/// Changes a DNS provider; other settings are tried first, and nothing is kept when they do not work.
///
/// # Errors
/// A problem that points into the request: malformed settings, a taken name, settings that the provider refuses.
pub async fn change_dns_provider(
    console: &Console,
    actor: &Actor,
    name: &str,
    change: DnsProviderChange,
) -> Result<ChangedDnsProvider, LifecycleError> {
    let before = named(console, name).await?;
    let skip_test = change.skip_test;
    let is_other = !change.settings.is_empty() || change.records.is_some();
    let after = changed(before.clone(), change)?;
    let mappings = console.db.domain_mappings().await?;
    let mapped = mappings
        .into_iter()
        .filter(|one| one.provider_id == before.id);
    let domains: Vec<DomainName> = mapped.map(|one| one.domain).collect();
    try_settings(console, &after, domains.first(), is_other && !skip_test).await?;
    let mut tx = console.db.begin_write().await?;
    match tx.update_dns_provider(&after).await {
        Err(error) if error.is_conflict() => return Err(taken(&after.name)),
        other => other?,
    };
    tx.commit().await?;
    let blocked = match (before.active, after.active) {
        (true, false) => {
            let bases: Vec<String> = domains.iter().map(|one| one.base().to_owned()).collect();
            coverage::lost(console, &bases).await?
        }
        _ => {
            coverage::regained(console).await?;
            configuration_changed(console).await?;
            Vec::new()
        }
    };
    tracing::info!(
        dns.provider = after.name,
        dns.active = after.active,
        blocked = blocked.len(),
        actor = actor.as_str(),
        "a DNS provider was changed"
    );
    Ok(ChangedDnsProvider {
        provider: view(&after, domains),
        blocked,
    })
}

fn taken(name: &str) -> LifecycleError {
    let detail = format!("there is a DNS provider \"{name}\" already");
    let problem = Problem::new(ProblemCode::Conflict, detail);
    problem.at("/name").into()
}

/// How records are written, if it can be so.
fn checked(mut records: RecordSettings) -> Result<RecordSettings, LifecycleError> {
    if records.ttl.is_some_and(|ttl| ttl > LONGEST_TTL) {
        let detail = format!("a TTL is at most {LONGEST_TTL} seconds");
        let problem = Problem::new(ProblemCode::Invalid, detail);
        return Err(problem.at("/records/ttl").into());
    }
    if let Some(zone) = &mut records.zone {
        *zone = zone.trim().trim_end_matches('.').to_ascii_lowercase();
        let is_label = |label: &str| {
            let mut letters = label.bytes();
            (1..=63).contains(&label.len())
                && letters.all(|one| one.is_ascii_alphanumeric() || matches!(one, b'-' | b'_'))
        };
        if zone.len() > 253 || !zone.split('.').all(is_label) {
            let detail = format!("\"{zone}\" is not the name of a zone");
            let problem = Problem::new(ProblemCode::Invalid, detail);
            return Err(problem
                .at("/records/zone")
                .with_remedy(
                    "Give it as in the DNS, such as example.org; international names in Punycode.",
                )
                .into());
        }
    }
    Ok(records)
}

/// The provider with the change made.
fn changed(
    mut provider: rows::DnsProvider,
    change: DnsProviderChange,
) -> Result<rows::DnsProvider, LifecycleError> {
    if let Some(name) = change.name {
        check_name(&name, 64, "-_.", "/name")?;
        provider.name = name;
    }
    if !change.settings.is_empty() {
        // It tells of other settings.
        provider.last_test = None;
    }
    for (key, value) in change.settings {
        match value {
            Some(value) => drop(provider.settings.insert(key, value)),
            None => drop(provider.settings.remove(&key)),
        }
    }
    if let Some(propagation) = change.propagation {
        Watch::parse(&propagation).map_err(|error| refused_propagation(&error))?;
        provider.propagation = json!(propagation);
    }
    if let Some(records) = change.records {
        provider.records = json!(checked(records)?);
    }
    provider.active = change.active.unwrap_or(provider.active);
    Ok(provider)
}

/// Builds the provider, and, if wanted, lets it log in and find the zone of a domain.
async fn try_settings(
    console: &Console,
    provider: &rows::DnsProvider,
    domain: Option<&DomainName>,
    wanted: bool,
) -> Result<(), LifecycleError> {
    let accounts = console.db.dns_accounts(provider.id).await?;
    let built = console.dns.build_knowing(provider, accounts);
    let built = built.map_err(|error| refused_settings(&error))?;
    if !wanted {
        return Ok(());
    }
    let records: RecordSettings =
        serde_json::from_value(provider.records.clone()).unwrap_or_default();
    let name = domain.map(|domain| format!("{TEST_LABEL}.{}", domain.base()));
    // Whoever writes at names of its own only cannot be asked for another.
    let is_asked = |name: &String| built.alias(name, name) == Alias::NotNeeded;
    let name = name.or(records.zone).filter(is_asked);
    let checked = built.check(name.as_deref()).await;
    checked
        .map(drop)
        .map_err(|error| refused_settings(&error).into())
}

fn refused_propagation(error: &WatchError) -> Problem {
    Problem::new(ProblemCode::Invalid, error.to_string()).at(format!("/propagation/{}", error.part))
}

/// What a provider makes of its settings, at the one that it is about.
fn refused_settings(error: &DnsError) -> Problem {
    let pointer = match error.setting_key() {
        Some(key) => format!("/settings/{key}"),
        None => "/settings".to_owned(),
    };
    Problem::new(ProblemCode::Invalid, sentence(error))
        .at(pointer)
        .with_remedy(error.remedy())
}

/// All DNS providers, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(console: &Console) -> Result<Vec<DnsProvider>, LifecycleError> {
    let mappings = console.db.domain_mappings().await?;
    let mut views = Vec::new();
    for provider in console.db.dns_providers().await? {
        let mapped = mappings.iter().filter(|one| one.provider_id == provider.id);
        let mapped = mapped.map(|one| one.domain.clone()).collect();
        views.push(DnsProvider {
            aliases: dns_accounts::aliases(console, provider.id).await?,
            ..view(&provider, mapped)
        });
    }
    Ok(views)
}

/// Removes a DNS provider.
///
/// # Errors
/// When there is no such provider, a domain is mapped to it, or values written through it are still to be removed.
pub async fn remove(console: &Console, actor: &Actor, name: &str) -> Result<(), LifecycleError> {
    let provider = named(console, name).await?;
    let in_use = |detail: String| LifecycleError::new(ProblemCode::DnsProviderInUse, detail);
    let chosen_by = console
        .db
        .certificates_naming(&provider.id.to_string())
        .await?;
    if !chosen_by.is_empty() {
        let detail = format!("it is chosen for {}", chosen_by.join(", "));
        return Err(Problem::new(ProblemCode::DnsProviderInUse, detail)
            .with_remedy("Choose another for them: `evercert cert change NAME --dns-provider P`.")
            .into());
    }
    let values = console.db.journal_of_provider(provider.id).await?;
    if values > 0 {
        let problem = Problem::new(
            ProblemCode::DnsProviderInUse,
            format!("{values} TXT values written through \"{name}\" are still to be removed"),
        );
        return Err(problem
            .with_remedy("Wait until they are; the log says why they are not.")
            .into());
    }
    let mut tx = console.db.begin_write().await?;
    match tx.remove_dns_provider(provider.id).await {
        Err(error) if error.kind() == DbErrorKind::Referenced => {
            return Err(in_use(format!("domains are mapped to \"{name}\"")));
        }
        other => other?,
    };
    tx.commit().await?;
    tracing::info!(
        dns.provider = name,
        actor = actor.as_str(),
        "a DNS provider was removed"
    );
    Ok(())
}

/// Maps a domain, and all names under it, to a provider that is not asked whether it has the zone; an earlier mapping is
/// replaced. See [`map_domains`](super::dns_mapping::map_domains).
///
/// # Errors
/// When there is no such provider.
pub async fn map_domain(
    console: &Console,
    actor: &Actor,
    domain: &DomainName,
    provider: &str,
) -> Result<DomainMapping, LifecycleError> {
    let found = named(console, provider).await.map_err(in_body)?;
    let mut tx = console.db.begin_write().await?;
    tx.map_domain(domain, found.id).await?;
    tx.commit().await?;
    coverage::regained(console).await?;
    configuration_changed(console).await?;
    tracing::info!(
        domain = domain.base(),
        dns.provider = provider,
        actor = actor.as_str(),
        "a domain was mapped"
    );
    Ok(DomainMapping {
        domain: base_of(domain)?,
        provider: found.name,
    })
}

/// Removes a mapping; renewals of certificates that no other mapping covers stop until it is mapped again: they are
/// named, and blocked.
///
/// # Errors
/// When the domain is not mapped.
pub async fn unmap_domain(
    console: &Console,
    actor: &Actor,
    domain: &DomainName,
) -> Result<UnmappedDomain, LifecycleError> {
    let mut tx = console.db.begin_write().await?;
    if !tx.unmap_domain(domain).await? {
        let detail = format!("the domain {} is not mapped", domain.base());
        return Err(LifecycleError::new(ProblemCode::NotFound, detail));
    }
    tx.commit().await?;
    let blocked = coverage::lost(console, &[domain.base().to_owned()]).await?;
    tracing::info!(
        domain = domain.base(),
        blocked = blocked.len(),
        actor = actor.as_str(),
        "a domain was unmapped"
    );
    Ok(UnmappedDomain {
        domain: base_of(domain)?,
        blocked,
    })
}

/// All mappings by domain.
///
/// # Errors
/// When the database fails.
pub async fn list_mappings(console: &Console) -> Result<Vec<DomainMapping>, LifecycleError> {
    let mappings = console.db.domain_mappings().await?;
    let view = |one: evercert_db::domain_mappings::DomainMapping| DomainMapping {
        domain: one.domain,
        provider: one.provider,
    };
    Ok(mappings.into_iter().map(view).collect())
}

/// A provider that a body names, not the path.
pub(super) fn in_body(error: LifecycleError) -> LifecycleError {
    match error {
        LifecycleError::Problem(problem) => {
            let mut problem = problem.at("/provider");
            problem.status = 422;
            problem.into()
        }
        other => other,
    }
}

pub(crate) async fn named(
    console: &Console,
    name: &str,
) -> Result<rows::DnsProvider, LifecycleError> {
    let found = console.db.dns_provider_by_name(name).await?;
    found.ok_or_else(|| {
        let detail = format!("there is no DNS provider \"{name}\"");
        Problem::new(ProblemCode::DnsProviderNotFound, detail)
            .known_as(messages::provider_missing(name))
            .into()
    })
}

pub(super) fn base_of(domain: &DomainName) -> Result<DomainName, LifecycleError> {
    DomainName::new(domain.base())
        .map_err(|error| LifecycleError::new(ProblemCode::Invalid, error.to_string()))
}

fn view(provider: &rows::DnsProvider, domains: Vec<DomainName>) -> DnsProvider {
    let fields = descriptor(&provider.type_code).map_or(&[][..], |one| one.fields);
    let is_secret = |key: &str| {
        let field = fields.iter().find(|field| field.key == key);
        field.is_none_or(|field| field.secret)
    };
    let shown = |(key, value): (&String, &Secret<String>)| {
        let text = match is_secret(key) {
            true => "***".to_owned(),
            false => value.expose().clone(),
        };
        (key.clone(), text)
    };
    DnsProvider {
        id: provider.id,
        name: provider.name.clone(),
        type_code: provider.type_code.clone(),
        settings: provider.settings.iter().map(shown).collect(),
        propagation: serde_json::from_value(provider.propagation.clone()).unwrap_or_default(),
        records: serde_json::from_value(provider.records.clone()).unwrap_or_default(),
        active: provider.active,
        last_test: (provider.last_test.clone()).and_then(|last| serde_json::from_value(last).ok()),
        domains,
        aliases: Vec::new(),
        created_at: provider.created_at,
    }
}

#[cfg(test)]
mod tests {
    use evercert_dns::Receipt;

    use super::*;

    #[test]
    fn secrets_of_a_provider_are_masked() {
        let provider = rows::DnsProvider {
            id: DnsProviderId::new(),
            name: "p".into(),
            type_code: "nsupdate".into(),
            settings: [
                ("server", "192.0.2.1:53"),
                ("key", "hmac-sha256:k:c2VjcmV0"),
                ("odd", "x"),
            ]
            .map(|(key, value)| (key.to_owned(), Secret::new(value.to_owned())))
            .into(),
            propagation: json!({}),
            records: json!({}),
            active: true,
            last_test: None,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            updated_at: jiff::Timestamp::UNIX_EPOCH,
        };

        let view = view(&provider, Vec::new());

        assert_eq!(view.settings["server"], "192.0.2.1:53");
        assert_eq!(view.settings["key"], "***");
        assert_eq!(view.settings["odd"], "***");
    }

    #[test]
    fn receipts_survive_the_journal() {
        let receipt = Receipt {
            zone: "example.org".into(),
            record_ids: vec!["7".into()],
            opaque: json!({"a": 1}),
            created: true,
        };

        let read: Receipt = serde_json::from_value(json!(receipt)).unwrap();

        assert_eq!(read, receipt);
    }
}
