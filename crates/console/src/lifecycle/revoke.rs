//! Revoking, and replacing first: what is wanted is written down; [`super::revoke_job`] carries it out at the CA.
//!
//! `waiting` → (another version is in force) → `pending` → (the CA has revoked it) → `done`; or `failed`. Each step is
//! persisted; revoking twice does no harm: the CA says that it is revoked already.

use evercert_api::revocations::{RevocationProgress, RevocationReason, RevokeRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::Certificate;
use evercert_db::events::Event;
use evercert_db::operations::Operation;
use evercert_db::revocations::{Revocation, RevocationState};
use evercert_db::slots::{Due, Slot};
use evercert_db::vendors::Vendor;
use evercert_db::versions::Version;
use evercert_db::{DbError, Tx};
use evercert_types::{CertificateId, OperationId, VendorId, VersionState};
use evercert_x509::{Chain, KeyPair, verify_key_matches};
use serde_json::json;

use super::certificates::{check_key, parse_error};
use super::failure::sentence;
use super::plan::{Wanted, WantedOrder, enqueue, replaced_by};
use super::request::{certificate_named, vendor_named};
use super::revoke_job::REVOKE_JOB;
use super::{Actor, LifecycleError};
use crate::state::Console;

/// A version to be revoked.
struct Target {
    version: Version,
    leaf_pem: String,
    vendor_id: VendorId,
}

/// Asks for the revocation of versions; with `replace`, orders new ones first and revokes when they are in force.
///
/// # Errors
/// When there is no such certificate or version, it is revoked already or has expired, its CA is not known, or a
/// replacement cannot be ordered.
pub async fn revoke(
    console: &Console,
    actor: &Actor,
    name: &str,
    request: &RevokeRequest,
) -> Result<OperationId, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let targets = targets(console, &certificate, request).await?;
    let replacement = match request.replace {
        true => Some(replacement(console, &certificate, &targets).await?),
        false => None,
    };
    let mut tx = console.db.begin_write().await?;
    tx.hold_certificate(certificate.id).await?;
    let id = match &replacement {
        Some((vendor, orders)) => {
            order_replacements(&mut tx, actor, &certificate, vendor, orders).await?
        }
        None => begin_operation(&mut tx, actor, &certificate).await?,
    };
    for target in &targets {
        ask(&mut tx, actor, &certificate, target, request, id).await?;
    }
    tx.commit().await?;
    console.bells.orders.notify_one();
    tracing::info!(
        certificate.name = name,
        operation.id = %id,
        reason = %request.reason,
        actor = actor.as_str(),
        "a revocation was asked for"
    );
    Ok(id)
}

/// Asks for the replacement and revocation of what is in force, and leaves it to the planner to make the orders.
///
/// # Errors
/// As [`revoke`].
pub(crate) async fn replace_when_due(
    console: &Console,
    actor: &Actor,
    name: &str,
    reason: RevocationReason,
) -> Result<OperationId, LifecycleError> {
    let request = RevokeRequest {
        reason,
        replace: true,
        ..RevokeRequest::default()
    };
    let certificate = certificate_named(console, name).await?;
    let targets = targets(console, &certificate, &request).await?;
    let mut tx = console.db.begin_write().await?;
    tx.hold_certificate(certificate.id).await?;
    let id = begin_operation(&mut tx, actor, &certificate).await?;
    for target in &targets {
        let algorithm = target.version.algorithm;
        tx.force_due(certificate.id, algorithm, "replaced").await?;
        ask(&mut tx, actor, &certificate, target, &request, id).await?;
    }
    tx.commit().await?;
    Ok(id)
}

async fn targets(
    console: &Console,
    certificate: &Certificate,
    request: &RevokeRequest,
) -> Result<Vec<Target>, LifecycleError> {
    let name = &certificate.name;
    let slots = console.db.slots(certificate.id).await?;
    check_key(name, request.key, &slots)?;
    let named = match &request.vendor {
        Some(vendor) => Some(vendor_named(console, vendor).await?.id),
        None => None,
    };
    let mut targets = Vec::new();
    for version in console.db.versions(certificate.id).await? {
        if !is_wanted(&version, &slots, request) {
            continue;
        }
        if let Some(why) = refusal(console, &version).await? {
            let detail = format!("generation {} of \"{name}\" {why}", version.generation);
            return Err(LifecycleError::new(ProblemCode::Invalid, detail));
        }
        let vendor_id = version.vendor_id.or(named).or(certificate.vendor_id);
        let vendor_id = vendor_id.ok_or_else(|| {
            let detail = format!("the CA that issued \"{name}\" is none of the CA vendors");
            Problem::new(ProblemCode::Invalid, detail)
                .with_remedy("Name the CA vendor that issued it.")
                .at("/vendor")
        })?;
        let pem = console
            .db
            .version_chain(version.id)
            .await?
            .unwrap_or_default();
        let chain = Chain::from_pem(&pem).map_err(|error| {
            LifecycleError::new(ProblemCode::CertificateUnusable, sentence(&error))
        })?;
        targets.push(Target {
            version,
            leaf_pem: chain.leaf().to_pem(),
            vendor_id,
        });
    }
    if targets.is_empty() {
        let detail = match request.generation {
            Some(generation) => format!("\"{name}\" has no generation {generation}"),
            None => format!("\"{name}\" has no version in force"),
        };
        return Err(LifecycleError::new(ProblemCode::NotFound, detail));
    }
    Ok(targets)
}

fn is_wanted(version: &Version, slots: &[Slot], request: &RevokeRequest) -> bool {
    let is_of_key = request.key.is_none_or(|key| key == version.algorithm);
    is_of_key
        && match request.generation {
            Some(generation) => version.generation == generation,
            None => slots
                .iter()
                .any(|slot| slot.active_version_id == Some(version.id)),
        }
}

async fn refusal(console: &Console, version: &Version) -> Result<Option<String>, DbError> {
    let known = console.db.revocation(version.id).await?;
    Ok(match known.map(|known| known.state) {
        Some(RevocationState::Waiting | RevocationState::Pending) => {
            Some("is being revoked already".to_owned())
        }
        _ if version.state == VersionState::Revoked => Some("is revoked already".to_owned()),
        _ if version.not_after <= console.now() => {
            Some(format!("expired at {}", version.not_after))
        }
        _ => None,
    })
}

/// The vendor and the orders of a replacement.
async fn replacement(
    console: &Console,
    certificate: &Certificate,
    targets: &[Target],
) -> Result<(Vendor, Vec<WantedOrder>), LifecycleError> {
    let vendor = match certificate.vendor_id {
        Some(id) => console.db.vendor(id).await?,
        None => None,
    };
    let vendor = vendor.ok_or_else(|| {
        let name = &certificate.name;
        let detail = format!("the certificate \"{name}\" has no CA vendor to order from");
        Problem::new(ProblemCode::Invalid, detail).with_remedy("Give it one: change its vendor.")
    })?;
    if certificate.paused {
        let detail = format!("\"{}\" is paused", certificate.name);
        return Err(LifecycleError::new(ProblemCode::CertificatePaused, detail));
    }
    let slots = console.db.slots(certificate.id).await?;
    let mut orders = Vec::new();
    for target in targets {
        let id = target.version.id;
        if !slots.iter().any(|slot| slot.active_version_id == Some(id)) {
            let detail = "only what is in force can be replaced; revoke the older generation alone";
            return Err(Problem::new(ProblemCode::Invalid, detail)
                .at("/replace")
                .into());
        }
        orders.push(WantedOrder {
            algorithm: target.version.algorithm,
            reason: "replaced".to_owned(),
            replaces: replaced_by(&console.db, &vendor, Some(id)).await?,
        });
    }
    Ok((vendor, orders))
}

async fn order_replacements(
    tx: &mut Tx,
    actor: &Actor,
    certificate: &Certificate,
    vendor: &Vendor,
    orders: &[WantedOrder],
) -> Result<OperationId, LifecycleError> {
    let due = Due {
        at: tx.now(),
        reason: "replaced".to_owned(),
    };
    for order in orders {
        // Should this order fail, the plan makes the next one.
        tx.set_due(certificate.id, order.algorithm, Some(&due))
            .await?;
    }
    let wanted = Wanted {
        kind: "revoke",
        actor,
        certificate,
        vendor,
        orders: orders
            .iter()
            .map(|order| WantedOrder {
                algorithm: order.algorithm,
                reason: order.reason.clone(),
                replaces: order.replaces.clone(),
            })
            .collect(),
    };
    match enqueue(tx, &wanted).await {
        Err(error) if error.is_conflict() => {
            let detail = format!("an order of \"{}\" is running", certificate.name);
            Err(LifecycleError::new(ProblemCode::CertificateBusy, detail))
        }
        other => Ok(other?),
    }
}

async fn begin_operation(
    tx: &mut Tx,
    actor: &Actor,
    certificate: &Certificate,
) -> Result<OperationId, DbError> {
    let operation = Operation {
        id: OperationId::new(),
        kind: "revoke".to_owned(),
        certificate_id: Some(certificate.id),
        actor: actor.to_string(),
        created_at: tx.now(),
    };
    tx.insert_operation(&operation).await?;
    Ok(operation.id)
}

/// Writes one revocation, its job unless it waits, and a line in the log.
async fn ask(
    tx: &mut Tx,
    actor: &Actor,
    certificate: &Certificate,
    target: &Target,
    request: &RevokeRequest,
    operation_id: OperationId,
) -> Result<(), LifecycleError> {
    let version = &target.version;
    let state = match request.replace {
        true => RevocationState::Waiting,
        false => RevocationState::Pending,
    };
    let revocation = Revocation {
        version_id: version.id,
        certificate_id: certificate.id,
        certificate_name: certificate.name.clone(),
        algorithm: version.algorithm,
        generation: version.generation,
        operation_id,
        vendor_id: target.vendor_id,
        leaf_pem: target.leaf_pem.clone(),
        reason: request.reason.as_str().to_owned(),
        state,
        attempts: 0,
        error: None,
        created_at: tx.now(),
        finished_at: None,
    };
    if !tx.insert_revocation(&revocation).await? {
        let detail = format!("generation {} is being revoked already", version.generation);
        return Err(LifecycleError::new(ProblemCode::Invalid, detail));
    }
    if state == RevocationState::Pending {
        let subject = version.id.to_string();
        tx.enqueue_job(REVOKE_JOB, &subject, tx.now()).await?;
    }
    let when = match state {
        RevocationState::Waiting => ", once its replacement is in force",
        _ => "",
    };
    let message = format!(
        "The revocation of generation {} was asked for by {actor} ({}){when}",
        version.generation, request.reason
    );
    let event = event(tx, &revocation, "revocation.requested", message);
    tx.add_event(&event).await?;
    Ok(())
}

/// A line in the log about a revocation.
pub(crate) fn event(tx: &Tx, revocation: &Revocation, kind: &str, message: String) -> Event {
    Event {
        operation_id: Some(revocation.operation_id),
        detail: json!({"generation": revocation.generation, "algorithm": revocation.algorithm,
                       "reason": revocation.reason}),
        ..Event::new(
            tx.now(),
            revocation.certificate_id,
            &revocation.certificate_name,
            kind,
            message,
        )
    }
}

/// Whether a key is that of a version that was, or is to be, revoked because the key is known to others.
///
/// # Errors
/// When the database fails.
pub(crate) async fn is_compromised(
    console: &Console,
    id: CertificateId,
    key: &KeyPair,
) -> Result<bool, DbError> {
    let mut revocations = console.db.revocations_of_certificate(id).await?;
    // A certificate of the other store may have, or have had, the same key.
    if let Some(certificate) = console.db.certificate(id).await? {
        for other in console.db.same_names(&certificate).await? {
            revocations.extend(console.db.revocations_of_certificate(other.id).await?);
        }
    }
    Ok(revocations.iter().any(|revocation| {
        reason_of(revocation) == RevocationReason::KeyCompromise
            && revocation.state != RevocationState::Failed
            && Chain::from_pem(&revocation.leaf_pem)
                .is_ok_and(|chain| verify_key_matches(chain.leaf(), key).is_ok())
    }))
}

/// How far a revocation is, as the API tells it.
pub(crate) fn progress(revocation: &Revocation) -> RevocationProgress {
    RevocationProgress {
        algorithm: revocation.algorithm,
        generation: revocation.generation,
        reason: reason_of(revocation),
        state: revocation.state.as_str().to_owned(),
        error: parse_error(revocation.error.as_ref()),
    }
}

/// Why it is revoked.
pub(crate) fn reason_of(revocation: &Revocation) -> RevocationReason {
    revocation.reason.parse().unwrap_or_default()
}
