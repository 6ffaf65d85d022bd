//! For each name: who answers for it, where its record would be written, and whether that works.

use std::time::Duration;

use evercert_acme::vendors::Support;
use evercert_api::preflight::PreflightCheck;
use evercert_db::DbError;
use evercert_dns::{Delegation, LookupError, Multi, Resolver, TxtTarget};
use evercert_types::{DnsProviderId, DomainName, OrderId};
use jiff::SignedDuration;

use super::check::Probe;
use super::mapping;
use super::names;
use super::subject::{Subject, Writing};
use crate::lifecycle::dns_clients::{self, DnsClient, WatchMode, lookup_failure};
use crate::lifecycle::failure::{Failure, Stage};
use crate::lifecycle::messages;
use crate::lifecycle::withdraw::NameLease;
use crate::state::Console;

/// A preflight that was killed leaves its value to the sweep after this long.
const VALUE_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(5);

/// Everything about one name's record.
pub(crate) async fn check(
    console: &Console,
    subject: &Subject,
    name: &DomainName,
) -> Result<Vec<PreflightCheck>, DbError> {
    let mut checks = Vec::new();
    let probe = Probe::about("mapping", name.base());
    let (provider, via) = match provider(console, subject, name).await? {
        Ok(found) => found,
        Err(failure) => return Ok(vec![probe.failed_as(&failure)]),
    };
    let client = match dns_clients::client(console, provider).await {
        Ok(client) => client,
        Err(failure) => return Ok(vec![probe.failed_as(&failure)]),
    };
    checks.push(probe.passed(format!("{} by {via}", client.name)));
    let challenge_name = name.challenge_name();
    let (check, delegation) = alias(console, subject, &client, name).await;
    checks.push(check);
    let Some(delegation) = delegation else {
        return Ok(checks);
    };
    let effective = delegation.effective().to_owned();
    let writer = match delegation.is_delegated() {
        true => delegate(console, &client, &effective).await?,
        false => client.id,
    };
    let writer = match dns_clients::client(console, writer).await {
        Ok(writer) => writer,
        Err(failure) => {
            checks.push(Probe::about("provider", name.base()).failed_as(&failure));
            return Ok(checks);
        }
    };
    let (check, is_found) = zone(&writer, name, &effective).await;
    checks.push(check);
    checks.push(leftovers(console, &writer, name, &effective, &challenge_name).await?);
    let probe = Probe::about("write", name.base());
    checks.push(match (subject.writing, is_found) {
        (Writing::Tried, _) if writer.provider.by_hand().is_some() => {
            probe.skipped("a person writes the record")
        }
        (Writing::LeftOut, _) => probe.skipped("not asked for"),
        (Writing::Tried, false) => probe.skipped("the zone was not found"),
        (Writing::Tried, true) => write(console, &writer, probe, &effective).await?,
    });
    Ok(checks)
}

type Found = (DnsProviderId, String);

/// Who answers for the name, and why that one.
async fn provider(
    console: &Console,
    subject: &Subject,
    name: &DomainName,
) -> Result<Result<Found, Failure>, DbError> {
    if let Some(chosen) = &subject.provider {
        return Ok(Ok((chosen.id, "choice for the certificate".to_owned())));
    }
    if let Some((_, failure)) = mapping::failure(&console.db, std::slice::from_ref(name)).await? {
        return Ok(Err(failure));
    }
    let mapping = console.db.mapping_for(name.base()).await?;
    Ok(match mapping {
        Some(mapping) => Ok((
            mapping.provider_id,
            format!("the mapping of {}", mapping.domain),
        )),
        // Unmapped since the line above.
        None => Err(mapping::unmapped(&[name])),
    })
}

/// Who answers for where a CNAME points.
async fn delegate(
    console: &Console,
    client: &DnsClient,
    effective: &str,
) -> Result<DnsProviderId, DbError> {
    let mapping = console.db.mapping_for(effective).await?;
    Ok(mapping.map_or(client.id, |mapping| mapping.provider_id))
}

fn resolver(console: &Console, client: &DnsClient) -> Result<Resolver, LookupError> {
    let limits = evercert_dns::Limits {
        timeout: QUESTION,
        tries: 1,
    };
    Ok(client.propagation.resolver(console)?.with_limits(limits))
}

/// Where the challenge name leads.
async fn alias(
    console: &Console,
    subject: &Subject,
    client: &DnsClient,
    name: &DomainName,
) -> (PreflightCheck, Option<Delegation>) {
    let probe = Probe::about("alias", name.base());
    let start = name.challenge_name();
    let itself = Delegation {
        chain: vec![start.clone()],
        answered: true,
    };
    if client.propagation.mode == WatchMode::Off {
        return (
            probe.skipped("this provider's records are not looked at"),
            Some(itself),
        );
    }
    if !client.propagation.follows_cnames {
        let what = "CNAMEs are not followed for this provider";
        return (probe.skipped(what), Some(itself));
    }
    let failed = |error: &LookupError| lookup_failure(Stage::Preflight, error);
    let resolver = match resolver(console, client) {
        Ok(resolver) => resolver,
        Err(error) => return (probe.failed_as(&failed(&error)), None),
    };
    let delegation = match resolver.delegation(&start).await {
        Ok(delegation) => delegation,
        Err(error) if error.is_server_failure() => {
            return (broken(probe, &resolver, &start, &error).await, None);
        }
        // Inside a split horizon nobody may answer for the name; then it is no delegation either.
        Err(error) if error.is_retryable() => {
            let check = probe.warning(error.to_string(), error.remedy());
            return (check, Some(itself));
        }
        Err(error) => return (probe.failed_as(&failed(&error)), None),
    };
    let check = judge_alias(probe, subject, &resolver, &delegation).await;
    (check, Some(delegation))
}

async fn judge_alias(
    probe: Probe,
    subject: &Subject,
    resolver: &Resolver,
    delegation: &Delegation,
) -> PreflightCheck {
    if !delegation.is_delegated() {
        return probe.passed("no CNAME");
    }
    let chain = delegation.chain.join(" -> ");
    if !delegation.answered {
        return probe.failed(
            format!("{chain}, and nobody answers for the end of it"),
            "Create the zone that the CNAME points into, or correct the CNAME.",
        );
    }
    let known = subject.vendor.as_ref().and_then(names::description);
    if let Some(known) = known.filter(|known| known.cname_followed == Support::No) {
        return probe.failed(
            format!("{chain}, and {} does not follow CNAMEs there", known.name),
            "Remove the CNAME and let the name's own zone be written, or use another CA.",
        );
    }
    if let Some(wildcard) = shadow(resolver, delegation).await {
        return probe.warning(
            format!(
                "{chain}, by the wildcard record {wildcard}: it may not be meant for challenges"
            ),
            "Give the challenge name a record of its own, or write where the wildcard points.",
        );
    }
    probe.passed(chain)
}

/// The wildcard CNAME that makes a challenge name look delegated, if that is what does.
async fn shadow(resolver: &Resolver, delegation: &Delegation) -> Option<String> {
    let [first, target, ..] = delegation.chain.as_slice() else {
        return None;
    };
    let (_, parent) = first.split_once('.')?;
    let stranger = format!("evercert-{}.{parent}", OrderId::new());
    let points = resolver.cname(&stranger).await.ok()??;
    (points == *target).then(|| format!("*.{parent}"))
}

/// SERVFAIL: bogus signatures, or servers that fail.
async fn broken(
    probe: Probe,
    resolver: &Resolver,
    name: &str,
    error: &LookupError,
) -> PreflightCheck {
    match resolver.is_bogus(name).await {
        Ok(true) => probe.failed(
            format!("{error}; without DNSSEC validation it answers"),
            "The zone's DNSSEC signatures are not valid: sign it anew, or correct the DS record at the registrar.",
        ),
        _ => probe.failed(error.to_string(), "Check the zone's servers; a CA that meets this refuses."),
    }
}

/// The zone as the provider knows it; shown, so that a wrong one is seen before anything is written.
async fn zone(client: &DnsClient, name: &DomainName, effective: &str) -> (PreflightCheck, bool) {
    let probe = Probe::about("zone", name.base());
    match client.provider.check(Some(effective)).await {
        Ok(report) => {
            let zone = report.zone.unwrap_or_else(|| "its own choice".to_owned());
            let by = &client.name;
            let detail = format!("the record {effective} will be written to zone {zone} by {by}");
            (probe.passed(detail), true)
        }
        Err(error) => {
            let failure = Failure::dns(&error).known_as(messages::of_dns(&error));
            (probe.failed_as(&failure), false)
        }
    }
}

/// Values that others left: CAs read all of them, and some give up at a dozen.
async fn leftovers(
    console: &Console,
    client: &DnsClient,
    name: &DomainName,
    effective: &str,
    challenge_name: &str,
) -> Result<PreflightCheck, DbError> {
    let probe = Probe::about("leftovers", name.base());
    if client.propagation.mode == WatchMode::Off {
        return Ok(probe.skipped("this provider's records are not looked at"));
    }
    let asked = match resolver(console, client) {
        Ok(resolver) => resolver.txt_quietly(effective).await,
        Err(error) => Err(error),
    };
    Ok(match asked {
        Err(error) => probe.skipped(error.to_string()),
        Ok(values) if values.is_empty() => probe.passed(format!("no value at {challenge_name}")),
        Ok(values) => {
            let count = values.len();
            let stand = if count == 1 {
                "1 value stands"
            } else {
                &format!("{count} values stand")
            };
            probe.warning(
                format!("{stand} at {effective} already: {}", values.join(", ")),
                "If no order is running, remove them in the DNS; those that the Console wrote it removes itself.",
            )
        }
    })
}

/// Writes a value and removes it; the journal comes first, so that nothing stays behind.
async fn write(
    console: &Console,
    client: &DnsClient,
    probe: Probe,
    fqdn: &str,
) -> Result<PreflightCheck, DbError> {
    if client.provider.caps().multi == Multi::Newest {
        let why = "a value could take the place of one that an order needs";
        return Ok(probe.skipped(why));
    }
    let order = OrderId::new();
    let target = TxtTarget::new(fqdn, format!("evercert-preflight-{order}"));
    let mut tx = console.db.begin_write().await?;
    tx.journal_intent(order, client.id, &target.fqdn, &target.value)
        .await?;
    let id = tx.journal_postpone(order, tx.now() + VALUE_LIFE).await?;
    tx.commit().await?;
    let lease = match NameLease::take(console, client, &target.fqdn).await {
        Ok(lease) => lease,
        Err(failure) => {
            forget(console, &id).await?;
            return Ok(probe.warning(
                failure.message.clone(),
                "Try again when that order is done.",
            ));
        }
    };
    let both = async {
        let written = client.provider.add(&target).await;
        let receipt = written.as_ref().ok();
        let removed = client.provider.remove(&target, receipt).await;
        (written, removed)
    };
    let (written, removed) = lease.during(both).await;
    if removed.is_ok() {
        forget(console, &id).await?;
    }
    Ok(match (&written, &removed) {
        (Err(error), _) => probe.failed_as(&Failure::dns_write(error)),
        (Ok(_), Err(error)) => {
            let failure = Failure::dns(error);
            probe.warning(
                format!("written, but not removed: {}", failure.message),
                failure.remedy.clone().unwrap_or_default(),
            )
        }
        (Ok(receipt), Ok(())) => probe.passed(match receipt.zone.as_str() {
            "" => "a value was written and removed".to_owned(),
            zone => format!("a value was written to zone {zone} and removed"),
        }),
    })
}

async fn forget(console: &Console, id: &str) -> Result<(), DbError> {
    let mut tx = console.db.begin_write().await?;
    tx.journal_removed(id).await?;
    tx.commit().await
}
