//! Changing what is there: roll back, change, delete; each in one transaction that holds the certificate.

use evercert_api::certificates::{Certificate, CertificateChange, RollbackRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates as rows;
use evercert_db::events::Event;
use evercert_db::vendors::Vendor;
use evercert_db::{DbError, Tx, versions};
use evercert_types::{RenewalMode, VersionState};
use evercert_x509::KeyPair;
use serde_json::json;

use super::certificates::{check_key, view};
use super::preflight::names;
use super::request::{certificate_named, not_found, vendor_named};
use super::{Actor, LifecycleError, enrol, install, plan, renewals, revoke, terms_change};
use crate::state::Console;

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
    let mut tx = console.db.begin_write().await?;
    let certificate = hold(&mut tx, &certificate).await?;
    let mut revision = None;
    for version in &targets {
        revision = install::activate(&mut tx, &certificate, version)
            .await?
            .max(revision);
        plan::after_install(&mut tx, &certificate, version).await?;
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
    let slots = console.db.slots(certificate.id).await?;
    check_key(&certificate.name, request.key, &slots)?;
    let mut targets = Vec::new();
    for slot in slots {
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
        let compromised = is_key_compromised(console, target).await?;
        if let Some(why) = refusal(console, target).or(compromised) {
            return Err(refused(format!(
                "generation {} of \"{}\" {why}",
                target.generation, certificate.name
            )));
        }
        targets.push((*target).clone());
    }
    if targets.is_empty() {
        let name = &certificate.name;
        return Err(match request.generation {
            Some(wanted) => unknown_generation(name, wanted),
            None => refused(format!(
                "\"{name}\" has no older version that can be served"
            )),
        });
    }
    Ok(targets)
}

fn unknown_generation(name: &str, wanted: i64) -> LifecycleError {
    let detail = format!("\"{name}\" has no generation {wanted}");
    Problem::new(ProblemCode::NotFound, detail)
        .with_remedy(format!("`evercert cert show {name}` lists those it has."))
        .into()
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

async fn is_key_compromised(
    console: &Console,
    version: &versions::Version,
) -> Result<Option<String>, DbError> {
    let der = console.db.version_key(version.id).await?;
    let Some(key) = der.and_then(|der| KeyPair::from_pkcs8_der(der.expose()).ok()) else {
        return Ok(None);
    };
    let is_known = revoke::is_compromised(console, version.certificate_id, &key).await?;
    Ok(is_known.then(|| "has a key that is known to others".to_owned()))
}

/// Changes renewal mode, scope, labels, vendor, or whether it is paused.
///
/// # Errors
/// When there is no such certificate, a change of vendor is not confirmed, or automatic renewal lacks a vendor.
pub async fn change(
    console: &Console,
    actor: &Actor,
    name: &str,
    change: CertificateChange,
) -> Result<Certificate, LifecycleError> {
    let found = certificate_named(console, name).await?;
    let vendor = match &change.vendor {
        Some(vendor) => Some(vendor_named(console, vendor).await?),
        None => None,
    };
    let terms = terms_change::read(console, &change).await?;
    check_names(console, &found, &change, vendor.as_ref()).await?;
    let mut tx = console.db.begin_write().await?;
    let held = tx.hold_certificate(found.id).await?;
    let (mut certificate, mut slots) = held.ok_or_else(|| not_found(name))?;
    let (scope_before, paused_before) = (certificate.selector.clone(), certificate.paused);
    apply(&mut certificate, change, vendor.as_ref())?;
    let mut revision = None;
    if let Some(terms) = &terms {
        (slots, revision) = terms
            .apply(console, &mut tx, &mut certificate, slots)
            .await?;
    }
    if found.renewal_mode == RenewalMode::Manual
        && certificate.renewal_mode == RenewalMode::Automatic
    {
        enrol::check(console, &certificate).await?;
    }
    tx.update_certificate(&certificate).await?;
    for slot in &slots {
        let active = match slot.active_version_id {
            Some(id) => tx.version(id).await?,
            None => None,
        };
        plan::replan(&mut tx, &certificate, slot, active.as_ref()).await?;
        if let Some(active) = active.filter(|_| scope_before != certificate.selector) {
            let put = install::put_item(&mut tx, &certificate, &active).await?;
            revision = put.max(revision);
        }
    }
    let (kind, done) = match (paused_before, certificate.paused) {
        (false, true) => ("certificate.paused", "Paused"),
        (true, false) => ("certificate.resumed", "Resumed"),
        _ => ("certificate.changed", "Changed"),
    };
    let message = format!("{done} by {actor}");
    let event = Event::new(tx.now(), certificate.id, name, kind, message);
    tx.add_event(&event).await?;
    commit_store_change(console, tx, revision).await?;
    console.bells.renewals.notify_one();
    Ok(view(console, &certificate).await?)
}

/// What is to be renewed, or to come from another CA, must have names that the CA issues for.
async fn check_names(
    console: &Console,
    certificate: &rows::Certificate,
    change: &CertificateChange,
    vendor: Option<&Vendor>,
) -> Result<(), LifecycleError> {
    let is_concerned =
        change.renewal_mode == Some(RenewalMode::Automatic) || change.domains.is_some();
    let vendor = match (vendor, certificate.vendor_id) {
        (Some(vendor), _) => Some(vendor.clone()),
        (None, Some(id)) if is_concerned => console.db.vendor(id).await?,
        _ => None,
    };
    match (vendor, &change.domains) {
        (Some(vendor), Some(domains)) => names::check_wanted(&vendor, domains),
        (Some(vendor), None) => names::check_stored(&vendor, &certificate.names),
        (None, _) => Ok(()),
    }
}

fn apply(
    certificate: &mut rows::Certificate,
    change: CertificateChange,
    vendor: Option<&Vendor>,
) -> Result<(), LifecycleError> {
    if let Some(vendor) = vendor {
        let other = certificate.vendor_id.is_some_and(|id| id != vendor.id);
        if other && !change.confirm_vendor_change {
            let detail = format!(
                "from the next renewal on, \"{}\" would come from {}",
                certificate.name, vendor.name
            );
            let problem = Problem::new(ProblemCode::Invalid, detail).at("/confirm_vendor_change");
            return Err(problem.with_remedy("Confirm the change of vendor.").into());
        }
        certificate.vendor_id = Some(vendor.id);
    }
    if let Some(mode) = change.renewal_mode {
        certificate.renewal_mode = mode;
    }
    if let Some(scope) = change.scope {
        certificate.selector = scope;
    }
    if let Some(labels) = change.labels {
        certificate.labels = labels;
    }
    if let Some(paused) = change.paused {
        certificate.paused = paused;
    }
    if let Some(window) = change.maintenance {
        certificate.terms.maintenance = renewals::check_maintenance(window.as_deref())?;
    }
    if certificate.renewal_mode == RenewalMode::Automatic && certificate.vendor_id.is_none() {
        return Err(enrol::no_vendor(&certificate.name).into());
    }
    Ok(())
}

/// The certificate as it is now, held until the end of the unit of work.
async fn hold(tx: &mut Tx, found: &rows::Certificate) -> Result<rows::Certificate, LifecycleError> {
    let held = tx.hold_certificate(found.id).await?;
    let (certificate, _) = held.ok_or_else(|| not_found(&found.name))?;
    Ok(certificate)
}

/// Deletes a certificate with its versions: instances stop serving it. A running order is given up; TXT values of
/// it are still withdrawn.
///
/// # Errors
/// When there is no such certificate.
pub async fn delete(console: &Console, actor: &Actor, name: &str) -> Result<(), LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let mut tx = console.db.begin_write().await?;
    let held = tx.hold_certificate(certificate.id).await?;
    let (certificate, slots) = held.ok_or_else(|| not_found(name))?;
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
