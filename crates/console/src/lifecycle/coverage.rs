//! Which certificates lose, and regain, the way their names are proved when mappings and providers change.
//!
//! The next order would find out, weeks later: what is known now is said now. A slot so marked is blocked; its
//! mark goes when every name can be proved again.

use evercert_db::certificates::Certificate;
use evercert_db::events::{Event, Level};
use evercert_db::listing::Listing;
use evercert_types::CertificateId;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::LifecycleError;
use super::challenge::{Wish, unprovable};
use super::failure::{Class, Failure};
use crate::state::Console;

/// When a blocked certificate is tried again all the same.
const RETRY: SignedDuration = SignedDuration::from_hours(24);

/// Marks the certificates with names in these domains that cannot be proved any more; their names.
pub(crate) async fn lost(
    console: &Console,
    domains: &[String],
) -> Result<Vec<String>, LifecycleError> {
    let mut affected = Vec::new();
    for domain in domains {
        let listing = Listing {
            search: Some(domain),
            ..Listing::default()
        };
        for listed in console.db.list_certificates(&listing).await? {
            let certificate = listed.certificate;
            let concerned = certificate.vendor_id.is_some()
                && !affected.contains(&certificate.name)
                && is_in(&certificate, domain);
            if !concerned {
                continue;
            }
            if let Some(failure) = verdict(console, &certificate).await? {
                block(console, &certificate, &failure).await?;
                affected.push(certificate.name);
            }
        }
    }
    affected.sort();
    Ok(affected)
}

/// Takes the mark off the certificates whose names can all be proved again; their names.
pub(crate) async fn regained(console: &Console) -> Result<Vec<String>, LifecycleError> {
    let mut free = Vec::new();
    for id in console.db.foreseen_failures().await? {
        let Some(certificate) = console.db.certificate(id).await? else {
            continue;
        };
        if verdict(console, &certificate).await?.is_none() {
            unblock(console, id).await?;
            free.push(certificate.name);
        }
    }
    Ok(free)
}

fn is_in(certificate: &Certificate, domain: &str) -> bool {
    certificate.names.iter().any(|name| {
        let rest = name.base().strip_suffix(domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

async fn verdict(
    console: &Console,
    certificate: &Certificate,
) -> Result<Option<Failure>, LifecycleError> {
    let wish = Wish {
        names: &certificate.names,
        terms: &certificate.terms,
        selector: &certificate.selector,
        store: certificate.store,
    };
    Ok(unprovable(console, &wish).await?.map(|found| found.failure))
}

async fn block(
    console: &Console,
    certificate: &Certificate,
    failure: &Failure,
) -> Result<(), LifecycleError> {
    let mut error = failure.to_json();
    error["foreseen"] = Value::Bool(true);
    let now = console.now();
    let slots = console.db.slots(certificate.id).await?;
    let mut tx = console.db.begin_write().await?;
    for slot in slots {
        let is_blocked = (slot.last_error.as_ref())
            .is_some_and(|last| last["class"] == Class::Configuration.as_str());
        if !is_blocked {
            tx.set_slot_failure(certificate.id, slot.algorithm, now + RETRY, &error)
                .await?;
        }
    }
    let message = format!("Renewals stop: {}", failure.message);
    let event = Event {
        level: Level::Warn,
        detail: json!({ "error": error }),
        ..Event::new(
            now,
            certificate.id,
            &certificate.name,
            "renewal.blocked",
            message,
        )
    };
    tx.add_event(&event).await?;
    Ok(tx.commit().await?)
}

async fn unblock(console: &Console, id: CertificateId) -> Result<(), LifecycleError> {
    let mut tx = console.db.begin_write().await?;
    tx.clear_foreseen_failure(id).await?;
    Ok(tx.commit().await?)
}
