//! Whether every name has a DNS provider that may be used.

use evercert_db::domain_mappings::DomainMapping;
use evercert_db::{Db, DbError};
use evercert_types::DomainName;

use crate::lifecycle::failure::{Class, Failure, Stage};
use crate::lifecycle::messages;

/// What keeps the names from being proved by DNS, with the place of the first name concerned.
pub(crate) async fn failure(
    db: &Db,
    names: &[DomainName],
) -> Result<Option<(usize, Failure)>, DbError> {
    let mut lacking = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match db.mapping_for(name.base()).await? {
            Some(mapping) if mapping.active => {}
            other => lacking.push((index, name, other)),
        }
    }
    let Some((index, name, mapping)) = lacking.first() else {
        return Ok(None);
    };
    let providers = db.dns_providers().await?;
    let failure = if providers.iter().all(|provider| !provider.active) {
        let names: Vec<&str> = providers.iter().map(|one| one.name.as_str()).collect();
        none_active(&names)
    } else if let Some(mapping) = mapping {
        inactive(name, mapping)
    } else {
        let unmapped_ones = lacking.iter().filter(|(_, _, mapping)| mapping.is_none());
        let names: Vec<&DomainName> = unmapped_ones.map(|(_, name, _)| *name).collect();
        unmapped(&names)
    };
    Ok(Some((*index, failure)))
}

/// No mapped domain holds these names.
pub(crate) fn unmapped(names: &[&DomainName]) -> Failure {
    let listed: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let first = names.first().map_or("DOMAIN", |name| name.base());
    refused(
        "domain.unmapped",
        format!("no mapped domain holds {}.", listed.join(", ")),
    )
    .known_as(messages::NO_PROVIDER)
    .with_remedy(format!(
        "Map the domain: `evercert domain map {first} --provider NAME`."
    ))
}

fn inactive(name: &DomainName, mapping: &DomainMapping) -> Failure {
    let detail = format!("{} is mapped to it, and {name} lies there.", mapping.domain);
    refused("dns_provider.not_found", detail)
        .known_as(messages::provider_missing(&mapping.provider))
        .with_remedy(
            "Activate the provider, or map the domain to another one: `evercert domain map`.",
        )
}

fn none_active(providers: &[&str]) -> Failure {
    let detail = match providers {
        [] => "There is no DNS provider at all.".to_owned(),
        [one] => format!("\"{one}\" is the only one, and it is not active."),
        many => format!("None of {} is active.", many.join(", ")),
    };
    refused("dns_provider.none_active", detail)
        .known_as(messages::NONE_ACTIVE)
        .with_remedy("Activate a DNS provider, or add one: `evercert dns-provider add`.")
}

fn refused(code: &str, detail: String) -> Failure {
    Failure::new(Stage::Preflight, Class::Configuration, code, detail)
}
