//! Certificates as people manage them: list, show, change, roll back, export, delete, and their log.

use evercert_api::certificates::{
    Certificate, CertificateChange, Export, ExportRequest, KeySlot, LogEntry, RollbackRequest,
    Version,
};
use evercert_api::{Page, Problem, ProblemCode};
use evercert_db::certificates::{self as rows, Slot};
use evercert_db::events::Event;
use evercert_db::{DbError, Tx, versions};
use evercert_types::{KeyAlgorithm, RenewalMode, StoreKind, VersionState};
use evercert_x509::KeyPair;
use serde_json::json;

use super::request::{certificate_named, vendor_named};
use super::{Actor, LifecycleError, install, plan};
use crate::state::Console;

/// Which certificates a list is to hold; absent parts do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Those of this store.
    pub store: Option<StoreKind>,
    /// Those of the vendor of this name.
    pub vendor: Option<String>,
    /// Those whose own name, or one of whose domains, contains this text.
    pub search: Option<String>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// How many at most; 0: 100.
    pub limit: u32,
}

/// Certificates by name, a page at a time.
///
/// # Errors
/// When the vendor does not exist, or the database fails.
pub async fn list(
    console: &Console,
    filter: &ListFilter,
) -> Result<Page<Certificate>, LifecycleError> {
    let vendor_id = match &filter.vendor {
        Some(name) => Some(vendor_named(console, name).await?.id),
        None => None,
    };
    let limit = match filter.limit {
        0 => 100,
        limit => limit,
    };
    let rows = console
        .db
        .certificates(rows::CertificateFilter {
            store: filter.store,
            vendor_id,
            search: filter.search.as_deref(),
            after: filter.cursor.as_deref(),
            limit: limit.saturating_add(1),
        })
        .await?;
    let more = rows.len() > limit as usize;
    let mut items = Vec::new();
    for row in rows.iter().take(limit as usize) {
        items.push(view(console, row).await?);
    }
    let next = items.last().filter(|_| more).map(|last| last.name.clone());
    Ok(Page { items, next })
}

/// One certificate.
///
/// # Errors
/// When there is no such certificate.
pub async fn show(console: &Console, name: &str) -> Result<Certificate, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    Ok(view(console, &certificate).await?)
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

/// The chain of the version in force, and its private key if that is asked for.
///
/// # Errors
/// When there is no such certificate or version, or its key is not here.
pub async fn export(
    console: &Console,
    name: &str,
    request: &ExportRequest,
) -> Result<Export, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let slots = console.db.slots(certificate.id).await?;
    let slot = slots
        .iter()
        .find(|slot| request.key.is_none_or(|key| key == slot.algorithm));
    let active = slot
        .and_then(|slot| slot.active_version_id)
        .ok_or_else(|| {
            let detail = format!("\"{name}\" has no version in force");
            LifecycleError::new(ProblemCode::CertificateNoKey, detail)
        })?;
    let chain_pem = console.db.version_chain(active).await?.unwrap_or_default();
    if !request.with_key {
        return Ok(Export {
            chain_pem,
            key_pem: None,
        });
    }
    let no_key = || {
        let detail = format!("the private key of \"{name}\" is not here");
        LifecycleError::new(ProblemCode::CertificateNoKey, detail)
    };
    let der = console.db.version_key(active).await?.ok_or_else(no_key)?;
    let key = KeyPair::from_pkcs8_der(der.expose()).map_err(|_| no_key())?;
    Ok(Export {
        chain_pem,
        key_pem: Some(key.to_pkcs8_pem().expose().clone()),
    })
}

/// Puts an older version back into force.
///
/// # Errors
/// When there is no such version, or it may not be served any more.
pub async fn rollback(
    console: &Console,
    actor: &Actor,
    name: &str,
    request: &RollbackRequest,
) -> Result<Certificate, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let targets = rollback_targets(console, &certificate, request).await?;
    let vendor = vendor_of(console, &certificate).await?;
    let mut tx = console.db.begin_write().await?;
    let mut revision = None;
    for version in &targets {
        revision = install::activate(&mut tx, &certificate, version)
            .await?
            .max(revision);
        plan::after_install(&mut tx, &certificate, vendor.as_ref(), version).await?;
        let message = format!(
            "Generation {} was put back into force by {actor}",
            version.generation
        );
        let event = Event {
            detail: json!({"generation": version.generation, "algorithm": version.algorithm}),
            ..Event::new(
                tx.now(),
                certificate.id,
                name,
                "version.rolled_back",
                message,
            )
        };
        tx.add_event(&event).await?;
    }
    commit_store_change(console, tx, revision).await?;
    console.wake_tasks();
    Ok(view(console, &certificate).await?)
}

/// For each key algorithm asked for, the version to go back to.
async fn rollback_targets(
    console: &Console,
    certificate: &rows::Certificate,
    request: &RollbackRequest,
) -> Result<Vec<versions::Version>, LifecycleError> {
    let refused = |detail: String| LifecycleError::new(ProblemCode::RollbackRefused, detail);
    let versions = console.db.versions(certificate.id).await?;
    let mut targets = Vec::new();
    for slot in console.db.slots(certificate.id).await? {
        if request.key.is_some_and(|key| key != slot.algorithm) {
            continue;
        }
        let of_slot: Vec<_> = versions
            .iter()
            .filter(|version| version.algorithm == slot.algorithm)
            .collect();
        let active = of_slot
            .iter()
            .find(|version| Some(version.id) == slot.active_version_id)
            .map_or(i64::MAX, |version| version.generation);
        let target = match request.generation {
            Some(wanted) => of_slot.iter().find(|version| version.generation == wanted),
            None => of_slot
                .iter()
                .find(|version| version.generation < active && refusal(console, version).is_none()),
        };
        let Some(target) = target else { continue };
        if let Some(why) = refusal(console, target) {
            return Err(refused(format!(
                "generation {} of \"{}\" {why}",
                target.generation, certificate.name
            )));
        }
        targets.push((*target).clone());
    }
    if targets.is_empty() {
        let detail = match request.generation {
            Some(wanted) => format!("\"{}\" has no generation {wanted}", certificate.name),
            None => format!(
                "\"{}\" has no older version that can be served",
                certificate.name
            ),
        };
        return Err(refused(detail));
    }
    Ok(targets)
}

/// Why a version may not be put into force.
fn refusal(console: &Console, version: &versions::Version) -> Option<String> {
    match version.state {
        VersionState::Revoked => Some("was revoked".to_owned()),
        _ if version.not_after <= console.now() => {
            Some(format!("expired at {}", version.not_after))
        }
        _ => None,
    }
}

/// Changes renewal mode, scope, labels or vendor.
///
/// # Errors
/// When there is no such certificate, a change of vendor is not confirmed, or automatic renewal lacks a vendor.
pub async fn change(
    console: &Console,
    actor: &Actor,
    name: &str,
    change: CertificateChange,
) -> Result<Certificate, LifecycleError> {
    let mut certificate = certificate_named(console, name).await?;
    let before = certificate.clone();
    if let Some(vendor) = &change.vendor {
        let vendor = vendor_named(console, vendor).await?;
        if certificate.vendor_id.is_some_and(|id| id != vendor.id) && !change.confirm_vendor_change
        {
            let detail = format!(
                "from the next renewal on, \"{name}\" would come from {}",
                vendor.name
            );
            let problem = Problem::new(ProblemCode::Invalid, detail).at("/confirm_vendor_change");
            return Err(problem.with_remedy("Confirm the change of vendor.").into());
        }
        certificate.vendor_id = Some(vendor.id);
    }
    certificate.renewal_mode = change.renewal_mode.unwrap_or(certificate.renewal_mode);
    certificate.selector = change.scope.unwrap_or(certificate.selector);
    certificate.labels = change.labels.unwrap_or(certificate.labels);
    if certificate.renewal_mode == RenewalMode::Automatic && certificate.vendor_id.is_none() {
        let detail = "automatic renewal needs a CA vendor";
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .at("/vendor")
            .into());
    }
    let vendor = vendor_of(console, &certificate).await?;
    let mut slots = Vec::new();
    for slot in console.db.slots(certificate.id).await? {
        let active = active_version(console, &slot).await?;
        slots.push((slot, active));
    }
    let mut tx = console.db.begin_write().await?;
    tx.update_certificate(&certificate).await?;
    let mut revision = None;
    for (slot, active) in &slots {
        plan::replan(
            &mut tx,
            &certificate,
            vendor.as_ref(),
            slot,
            active.as_ref(),
        )
        .await?;
        if let Some(active) = active
            .as_ref()
            .filter(|_| before.selector != certificate.selector)
        {
            let put = install::put_item(&mut tx, &certificate, active).await?;
            revision = put.max(revision);
        }
    }
    let message = format!("Changed by {actor}");
    let event = Event::new(
        tx.now(),
        certificate.id,
        name,
        "certificate.changed",
        message,
    );
    tx.add_event(&event).await?;
    commit_store_change(console, tx, revision).await?;
    console.bells.renewals.notify_one();
    Ok(view(console, &certificate).await?)
}

/// Deletes a certificate with its versions: instances stop serving it. A running order is given up; TXT values of
/// it are still withdrawn.
///
/// # Errors
/// When there is no such certificate.
pub async fn delete(console: &Console, actor: &Actor, name: &str) -> Result<(), LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let slots = console.db.slots(certificate.id).await?;
    let mut tx = console.db.begin_write().await?;
    let mut revision = None;
    for slot in &slots {
        let removed = tx.remove_store_item(certificate.id, slot.algorithm).await?;
        revision = removed.max(revision);
    }
    for order in tx.running_orders(certificate.id).await? {
        tx.remove_job(plan::ORDER_JOB, &order.to_string()).await?;
    }
    tx.delete_certificate(certificate.id).await?;
    let mut event = Event::new(
        tx.now(),
        certificate.id,
        name,
        "certificate.deleted",
        format!("Deleted by {actor}"),
    );
    event.certificate_id = None;
    tx.add_event(&event).await?;
    commit_store_change(console, tx, revision).await?;
    console.bells.sweep.notify_one();
    tracing::info!(
        certificate.name = name,
        actor = actor.as_str(),
        "a certificate was deleted"
    );
    Ok(())
}

/// Commits, and tells the zero-touch stream when its store has a new revision.
pub(crate) async fn commit_store_change(
    console: &Console,
    tx: Tx,
    revision: Option<i64>,
) -> Result<(), DbError> {
    tx.commit().await?;
    if let Some(revision) = revision {
        console.store_changed(revision);
    }
    Ok(())
}

/// The vendor of a certificate, if it has one.
pub(crate) async fn vendor_of(
    console: &Console,
    certificate: &rows::Certificate,
) -> Result<Option<evercert_db::vendors::Vendor>, DbError> {
    match certificate.vendor_id {
        Some(id) => console.db.vendor(id).await,
        None => Ok(None),
    }
}

async fn active_version(
    console: &Console,
    slot: &Slot,
) -> Result<Option<versions::Version>, DbError> {
    match slot.active_version_id {
        Some(id) => console.db.version(id).await,
        None => Ok(None),
    }
}

/// A certificate as the API shows it.
pub(crate) async fn view(
    console: &Console,
    certificate: &rows::Certificate,
) -> Result<Certificate, DbError> {
    let slots = console.db.slots(certificate.id).await?;
    let mut keys = Vec::new();
    for slot in &slots {
        let active = active_version(console, slot).await?;
        keys.push(KeySlot {
            algorithm: slot.algorithm,
            active: active.map(|version| version_view(console, &version, &slots)),
            due_at: slot.due.as_ref().map(|due| due.at),
            due_reason: slot.due.as_ref().map(|due| due.reason.clone()),
            failures: slot.failures,
            retry_at: slot.retry_at,
            last_error: parse_error(slot.last_error.as_ref()),
        });
    }
    Ok(Certificate {
        id: certificate.id,
        name: certificate.name.clone(),
        store: certificate.store,
        domains: certificate.names.clone(),
        vendor: vendor_of(console, certificate)
            .await?
            .map(|vendor| vendor.name),
        renewal_mode: certificate.renewal_mode,
        scope: certificate.selector.clone(),
        labels: certificate.labels.clone(),
        keys,
        duplicates: console.db.duplicates_of(certificate).await?,
        created_at: certificate.created_at,
    })
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
