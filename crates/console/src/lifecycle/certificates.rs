//! Certificates as people look at them: show, versions, export, and their log; lists are in [`super::list`].

use evercert_api::certificates::{Certificate, KeySlot, LogEntry, Version};
use evercert_api::{Page, Problem, ProblemCode};
use evercert_db::certificates as rows;
use evercert_db::events::Event;
use evercert_db::listing::{Listed, ListedKey, Listing};
use evercert_db::slots::Slot;
use evercert_db::{DbError, versions};
use evercert_types::{KeyAlgorithm, VersionState};
use evercert_x509::Chain;

use super::request::certificate_named;
use super::standing::{facts, key_standing, standing};
use super::{LifecycleError, chains, renewals, share, terms};
use crate::state::Console;

pub use super::change::{change, delete, rollback};
pub use super::export::export;
pub use super::list::{ListFilter, duplicates, list, summary};
pub use super::rebuild::rebuild_chain;

/// One certificate.
///
/// # Errors
/// When there is no such certificate.
pub async fn show(console: &Console, name: &str) -> Result<Certificate, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let mut view = view(console, &certificate).await?;
    for key in &mut view.keys {
        key.renewal = renewals::explain(console, certificate.id, key.algorithm).await?;
    }
    let warnings = chain_warnings(console, &view).await?;
    Ok(with_warnings(view, warnings))
}

/// What is wrong with the chains in force.
async fn chain_warnings(
    console: &Console,
    certificate: &Certificate,
) -> Result<Vec<String>, DbError> {
    let mut warnings = Vec::new();
    for version in certificate
        .keys
        .iter()
        .filter_map(|key| key.active.as_ref())
    {
        let pem = console.db.version_chain(version.id).await?;
        if let Some(Ok(chain)) = pem.map(|pem| Chain::from_pem(&pem)) {
            warnings.extend(chains::expired(console, &chain));
        }
    }
    Ok(warnings)
}

/// A certificate, and what should be known of it.
pub(crate) fn with_warnings(mut view: Certificate, more: Vec<String>) -> Certificate {
    for warning in more {
        if !view.warnings.contains(&warning) {
            view.warnings.push(warning);
        }
    }
    view
}

/// A certificate's versions, newest first, all key algorithms.
///
/// # Errors
/// When there is no such certificate.
pub async fn versions(console: &Console, name: &str) -> Result<Vec<Version>, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let slots = console.db.slots(certificate.id).await?;
    let versions = console.db.versions(certificate.id).await?;
    Ok(versions
        .iter()
        .map(|version| version_view(console, version, &slots))
        .collect())
}

/// The log of a certificate, newest first; also of one that was deleted.
///
/// # Errors
/// When there never was such a certificate.
pub async fn log(
    console: &Console,
    name: &str,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<LogEntry>, LifecycleError> {
    let limit = limit.clamp(1, 500);
    let db = &console.db;
    let mut events = db.events_of_certificate(name, cursor, limit + 1).await?;
    if events.is_empty() && cursor.is_none() {
        certificate_named(console, name).await?;
    }
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let next = events.last().filter(|_| more).map(|last| last.id.clone());
    let items = events.into_iter().map(log_entry).collect();
    Ok(Page { items, next })
}

/// Refuses a key algorithm that the certificate does not have.
pub(crate) fn check_key(
    name: &str,
    wanted: Option<KeyAlgorithm>,
    slots: &[Slot],
) -> Result<(), LifecycleError> {
    let has = |key| slots.iter().any(|slot| slot.algorithm == key);
    let Some(missing) = wanted.filter(|key| !has(*key)) else {
        return Ok(());
    };
    let keys: Vec<_> = slots.iter().map(|slot| slot.algorithm.as_str()).collect();
    let detail = format!("\"{name}\" has no {missing} key");
    Err(Problem::new(ProblemCode::CertificateNoKey, detail)
        .with_remedy(format!("It has: {}.", keys.join(", ")))
        .into())
}

/// A certificate as the API shows it.
pub(crate) async fn view(
    console: &Console,
    certificate: &rows::Certificate,
) -> Result<Certificate, DbError> {
    let names = [certificate.name.clone()];
    let listing = Listing {
        names: Some(&names),
        ..Listing::default()
    };
    let found = console.db.list_certificates(&listing).await?;
    let vendor = match certificate.vendor_id {
        Some(id) => console.db.vendor(id).await?.map(|vendor| vendor.name),
        None => None,
    };
    // Deleted in this very moment: as it was, without keys.
    let listed = found.into_iter().next().unwrap_or_else(|| Listed {
        certificate: certificate.clone(),
        keys: Vec::new(),
        is_duplicate: false,
        sort_key: 0,
    });
    listed_view(console, listed, vendor).await
}

/// A listed certificate as the API shows it, its vendor by name.
pub(crate) async fn listed_view(
    console: &Console,
    listed: Listed,
    vendor: Option<String>,
) -> Result<Certificate, DbError> {
    let now = console.now();
    let certificate = &listed.certificate;
    let state = standing(certificate, &listed.keys, now);
    let duplicates = match listed.is_duplicate {
        true => console.db.duplicates_of(certificate).await?,
        false => Vec::new(),
    };
    let keys = listed
        .keys
        .iter()
        .map(|key| key_view(console, certificate, key))
        .collect();
    Ok(Certificate {
        id: certificate.id,
        name: certificate.name.clone(),
        store: certificate.store,
        state,
        paused: certificate.paused,
        domains: certificate.names.clone(),
        vendor,
        renewal_mode: certificate.renewal_mode,
        scope: certificate.selector.clone(),
        labels: certificate.labels.clone(),
        keys,
        shares_orders_with: match duplicates.is_empty() {
            true => Vec::new(),
            false => share::partner_names(&console.db, certificate).await?,
        },
        duplicates,
        terms: terms::view(console, certificate).await?,
        warnings: Vec::new(),
        created_at: certificate.created_at,
    })
}

fn key_view(console: &Console, certificate: &rows::Certificate, key: &ListedKey) -> KeySlot {
    let slot = &key.slot;
    let slots = std::slice::from_ref(slot);
    KeySlot {
        algorithm: slot.algorithm,
        state: key_standing(&facts(certificate, key, console.now())),
        active: key
            .active
            .as_ref()
            .map(|version| version_view(console, version, slots)),
        due_at: slot.due.as_ref().map(|due| due.at),
        due_reason: slot.due.as_ref().map(|due| due.reason.clone()),
        failures: slot.failures,
        retry_at: slot.retry_at,
        last_error: parse_error(slot.last_error.as_ref()),
        renewal: None,
    }
}

fn version_view(console: &Console, version: &versions::Version, slots: &[Slot]) -> Version {
    // What has just expired counts as expired before a task writes it down.
    let state = match version.state {
        VersionState::Good if version.not_after <= console.now() => VersionState::Expired,
        state => state,
    };
    Version {
        id: version.id,
        generation: version.generation,
        algorithm: version.algorithm,
        fingerprint: version.fingerprint,
        serial: version.serial.clone(),
        issuer: version.issuer.clone(),
        not_before: version.not_before,
        not_after: version.not_after,
        state,
        active: is_active(slots, version.algorithm, version.id),
        committed_at: version.committed_at,
    }
}

fn is_active(slots: &[Slot], algorithm: KeyAlgorithm, id: evercert_types::VersionId) -> bool {
    slots
        .iter()
        .any(|slot| slot.algorithm == algorithm && slot.active_version_id == Some(id))
}

/// A saved error, as far as it can be read.
pub(crate) fn parse_error(
    error: Option<&serde_json::Value>,
) -> Option<evercert_api::certificates::OrderError> {
    serde_json::from_value(error?.clone()).ok()
}

/// An event as the API shows it.
pub(crate) fn log_entry(event: Event) -> LogEntry {
    LogEntry {
        at: event.at,
        certificate: event.certificate_name,
        operation: event.operation_id,
        kind: event.kind,
        level: event.level.as_str().to_owned(),
        message: event.message,
        detail: event.detail,
    }
}
