//! Stale challenge values: TXT values of ACME's form at a DNS provider that no order and no journal row knows.
//!
//! A value is looked for where challenges of ours stand or stood: at the challenge names of every certificate and of
//! every mapped domain (behind their CNAMEs), at names that the log of issuances says were written, and wherever else in
//! a zone the provider shows one along with them. Another ACME client may be in the middle of an order, so that only
//! values are removed that were seen here some time ago already; each goes through the journal first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evercert_api::dns_providers::{
    Orphan, OrphanFailure, OrphanRemoval, OrphanReport, OrphanSource, OrphanState,
};
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::CertificateFilter;
use evercert_dns::{Multi, TxtTarget};
use evercert_types::{DnsProviderId, OrderId, parse_span};
use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;

use super::dns::named;
use super::dns_clients::{self, DnsClient, WatchMode, lookup_failure};
use super::failure::{Failure, Stage};
use super::withdraw::withdraw;
use super::{Actor, LifecycleError};
use crate::state::Console;

/// Names looked at in one go.
const MOST: usize = 5_000;
/// Names looked at, and values removed, at the same time.
const AT_ONCE: usize = 4;
/// CNAMEs looked up at the same time.
const LOOKUPS: usize = 16;
/// Orders of the log whose names are remembered.
const REMEMBERED: u32 = 10_000;
/// Younger values may be of an order of another ACME client.
const YOUNG: SignedDuration = SignedDuration::from_mins(10);
/// Where tests of a provider write.
const TEST_LABEL: &str = "_evercert-test";
const CHALLENGE: &str = "_acme-challenge.";

/// Looks for stale values; changes nothing.
///
/// # Errors
/// When there is no such provider, it is switched off, or the database fails; names that cannot be looked at are in the
/// report.
pub async fn look(console: &Console, provider: &str) -> Result<OrphanReport, LifecycleError> {
    let (_, report) = find(console, provider, None).await?;
    Ok(report)
}

/// Removes stale values that were seen long enough ago, one at a time, journal first.
///
/// # Errors
/// As [`look`], or when the request is malformed. What cannot be removed now stays in the journal and is tried again.
pub async fn remove(
    console: &Console,
    actor: &Actor,
    provider: &str,
    wanted: &OrphanRemoval,
) -> Result<OrphanReport, LifecycleError> {
    let age = match &wanted.older_than {
        None => YOUNG,
        Some(text) => parse_span(text).map_err(|error| {
            Problem::new(ProblemCode::Invalid, error.to_string()).at("/older_than")
        })?,
    };
    let (client, mut report) = find(console, provider, wanted.name.as_deref()).await?;
    let orphans = std::mem::take(&mut report.orphans);
    // What has room for one value is not touched by two at once.
    let at_once = match client.provider.caps().multi {
        Multi::Single => 1,
        _ => AT_ONCE,
    };
    let work: Vec<_> = orphans
        .into_iter()
        .map(|orphan| remove_one(console, &client, orphan, age))
        .collect();
    let done: Vec<_> = stream::iter(work).buffered(at_once).collect().await;
    report.orphans = done.into_iter().collect::<Result<_, _>>()?;
    let of = |state| {
        let orphans = report.orphans.iter();
        orphans.filter(|orphan| orphan.state == state).count()
    };
    tracing::info!(
        dns.provider = provider,
        actor = actor.as_str(),
        removed = of(OrphanState::Removed),
        left = of(OrphanState::Left),
        failed = of(OrphanState::Failed),
        "stale TXT values were removed"
    );
    Ok(report)
}

async fn remove_one(
    console: &Console,
    client: &DnsClient,
    mut orphan: Orphan,
    age: SignedDuration,
) -> Result<Orphan, LifecycleError> {
    let seen_for = orphan.first_seen_at.duration_until(console.now());
    if seen_for < age {
        orphan.state = OrphanState::Left;
        orphan.detail = Some(format!(
            "it was seen here for the first time {} ago, and may be of another ACME client's order",
            brief(seen_for)
        ));
        return Ok(orphan);
    }
    // An order of its own in the journal: a crash from here on leaves it to the sweep.
    let order = OrderId::new();
    let mut tx = console.db.begin_write().await?;
    let is_single = client.provider.caps().multi == Multi::Single;
    if is_single
        && !tx
            .claim_single_value(order, client.id, &orphan.value)
            .await?
    {
        orphan.state = OrphanState::Left;
        orphan.detail = Some("an order has a value at this provider now".to_owned());
        return Ok(orphan);
    }
    tx.journal_intent(order, client.id, &orphan.name, &orphan.value)
        .await?;
    tx.commit().await?;
    withdraw(console, console.db.journal_of(order).await?).await;
    match console.db.journal_of(order).await?.first() {
        None => {
            orphan.state = OrphanState::Removed;
            console
                .dns
                .forget_sighting(client.id, &orphan.name, &orphan.value);
        }
        Some(left) => {
            orphan.state = OrphanState::Failed;
            orphan.detail = left.last_error.clone();
        }
    }
    Ok(orphan)
}

/// The stale values with the provider that has them.
async fn find(
    console: &Console,
    provider: &str,
    only: Option<&str>,
) -> Result<(Arc<DnsClient>, OrphanReport), LifecycleError> {
    let saved = named(console, provider).await?;
    let client = dns_clients::client(console, saved.id).await;
    let client = client.map_err(|failure| problem(&failure))?;
    let mut report = OrphanReport {
        provider: saved.name,
        names: 0,
        orphans: Vec::new(),
        failures: Vec::new(),
    };
    let mut names = names_of(console, &client, &mut report).await?;
    if let Some(only) = only {
        let only = only.trim_end_matches('.').to_ascii_lowercase();
        names = BTreeSet::from([only]);
    }
    report.names = names.len() as u64;
    let found = values_at(
        console,
        &client,
        &names,
        only.is_some(),
        &mut report.failures,
    )
    .await;
    // Read last: what an order of ours writes meanwhile is known by then.
    let known = console.db.known_txt_values().await?;
    let stale = found
        .into_iter()
        .filter(|((_, value), _)| is_challenge_value(value) && !known.contains(value));
    for ((name, value), seen_at) in stale {
        report.orphans.push(Orphan {
            first_seen_at: console.dns.sighted(client.id, &name, &value, console.now()),
            name,
            value,
            seen_at,
            state: OrphanState::Found,
            detail: None,
        });
    }
    Ok((client, report))
}

/// The names to look at: those that this provider writes.
async fn names_of(
    console: &Console,
    client: &DnsClient,
    report: &mut OrphanReport,
) -> Result<BTreeSet<String>, LifecycleError> {
    let mappings: BTreeMap<String, DnsProviderId> = (console.db.domain_mappings().await?)
        .into_iter()
        .map(|one| (one.domain.base().to_owned(), one.provider_id))
        .collect();
    let is_ours = |name: &str| {
        let parents = std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1));
        let mapping = parents.into_iter().find_map(|name| mappings.get(name));
        mapping == Some(&client.id)
    };
    let written = console.db.names_written_lately(REMEMBERED).await?;
    let mut names: BTreeSet<String> = written.into_iter().filter(|name| is_ours(name)).collect();
    let mut challenges = BTreeSet::new();
    for (domain, owner) in &mappings {
        challenges.insert(format!("{CHALLENGE}{domain}"));
        if *owner == client.id {
            names.insert(format!("{TEST_LABEL}.{domain}"));
        }
    }
    let mut after: Option<String> = None;
    loop {
        let filter = CertificateFilter {
            after: after.as_deref(),
            limit: 500,
            ..CertificateFilter::default()
        };
        let page = console.db.certificates(filter).await?;
        for certificate in &page {
            let own = certificate.names.iter().map(|name| name.challenge_name());
            match certificate.terms.provider == Some(client.id) {
                true => names.extend(own),
                false => challenges.extend(own),
            }
        }
        match page.last() {
            Some(last) if challenges.len() <= MOST => after = Some(last.name.clone()),
            _ => break,
        }
    }
    if challenges.len() > MOST {
        report.failures.push(OrphanFailure {
            name: String::new(),
            detail: format!("there are more than {MOST} challenge names; not all were looked at"),
            remedy: Some("Look at the others one by one: `--name NAME`.".to_owned()),
        });
    }
    let followed = follow(console, client, challenges.into_iter().take(MOST).collect()).await;
    names.extend(followed.into_iter().filter(|name| is_ours(name)));
    Ok(names)
}

/// The names themselves, and where their CNAMEs lead.
async fn follow(
    console: &Console,
    client: &DnsClient,
    challenges: Vec<String>,
) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = challenges.iter().cloned().collect();
    if client.propagation.mode == WatchMode::Off || !client.propagation.follows_cnames {
        return names;
    }
    let Ok(resolver) = client.propagation.resolver(console) else {
        return names;
    };
    let looks: Vec<_> = challenges
        .into_iter()
        .map(|name| {
            let resolver = &resolver;
            async move { resolver.challenge_delegation(&name).await }
        })
        .collect();
    let ends: Vec<_> = stream::iter(looks)
        .buffer_unordered(LOOKUPS)
        .collect()
        .await;
    // Who cannot be asked is not delegated, as far as is known.
    let ends = ends.into_iter().flatten();
    names.extend(ends.map(|found| found.effective().to_owned()));
    names
}

type Found = BTreeMap<(String, String), OrphanSource>;

/// What stands at the names, and along with them in their zones unless one name is asked for.
async fn values_at(
    console: &Console,
    client: &DnsClient,
    names: &BTreeSet<String>,
    only_these: bool,
    failures: &mut Vec<OrphanFailure>,
) -> Found {
    let work: Vec<_> = names
        .iter()
        .map(|name| async move { (name, values_of(console, client, name).await) })
        .collect();
    let mut answers = stream::iter(work).buffer_unordered(AT_ONCE);
    let mut found = Found::new();
    while let Some((asked, answer)) = answers.next().await {
        match answer {
            Ok(values) => found.extend(values.into_iter().filter(|((name, _), _)| {
                name == asked || (!only_these && name.starts_with(CHALLENGE))
            })),
            Err(failure) => failures.push(OrphanFailure {
                name: asked.clone(),
                detail: failure.message.clone(),
                remedy: failure.remedy.clone(),
            }),
        }
    }
    failures.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

async fn values_of(console: &Console, client: &DnsClient, name: &str) -> Result<Found, Failure> {
    let target = TxtTarget::new(name, "");
    let listed = client.provider.listed(&target).await;
    if let Some(records) = listed.map_err(|error| Failure::dns(&error))? {
        let records = records.into_iter();
        return Ok(records
            .map(|record| ((record.fqdn, record.value), OrphanSource::Provider))
            .collect());
    }
    let lookup = |error| lookup_failure(Stage::Propagation, &error);
    let resolver = client.propagation.resolver(console).map_err(lookup)?;
    let values = match client.propagation.mode {
        WatchMode::Servers => resolver.txt_at(&client.propagation.servers, name).await,
        _ => resolver.authoritative_txt(name).await,
    };
    let values = values.map_err(lookup)?.into_iter();
    Ok(values
        .map(|value| ((target.fqdn.clone(), value), OrphanSource::Dns))
        .collect())
}

/// The base64url of a SHA-256 digest (RFC 8555 §8.4): 43 characters.
fn is_challenge_value(value: &str) -> bool {
    let digest = URL_SAFE_NO_PAD.decode(value);
    digest.is_ok_and(|digest| digest.len() == 32)
}

fn brief(span: SignedDuration) -> String {
    match span.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

fn problem(failure: &Failure) -> Problem {
    let problem = Problem::new(ProblemCode::DnsProviderFailed, failure.message.clone());
    match &failure.remedy {
        Some(remedy) => problem.with_remedy(remedy.clone()),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_of_acme_s_form_are_taken_for_a_challenge_s() {
        assert!(is_challenge_value(
            "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
        ));
        for other in [
            "v=spf1 -all",
            "google-site-verification=LPsIwTo7o8BoG0-vjCyGQGBWSVI",
            "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZ",
            "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZoo",
            "LPsIwTo7o8BoG0+vjCyGQGBWSVIPxI/i+X336eUOQZo",
            "",
        ] {
            assert!(!is_challenge_value(other), "{other}");
        }
    }
}
