//! Revoking, and replacing first: what is wanted is written down, and a job carries it out at the CA.
//!
//! `waiting` → (another version is in force) → `pending` → (the CA has revoked it) → `done`; or `failed`. Each step is
//! persisted; revoking twice does no harm: the CA says that it is revoked already.

use evercert_acme::{AcmeError, Problem as AcmeProblem, ProblemKind};
use evercert_api::revocations::{RevocationProgress, RevocationReason, RevokeRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::Certificate;
use evercert_db::events::{Event, Level};
use evercert_db::operations::Operation;
use evercert_db::revocations::{Revocation, RevocationState};
use evercert_db::slots::{Due, Slot};
use evercert_db::vendors::Vendor;
use evercert_db::versions::Version;
use evercert_db::{DbError, Tx};
use evercert_types::{CertificateId, OperationId, StoreKind, VendorId, VersionId, VersionState};
use evercert_x509::{Chain, KeyPair, verify_key_matches};
use serde_json::json;

use super::certificates::{check_key, parse_error};
use super::failure::{Class, Failure, Stage, next_try, sentence};
use super::issue::Outcome;
use super::plan::{self, Wanted, WantedOrder, enqueue, replaced_by};
use super::renew::jitter_of;
use super::request::{certificate_named, vendor_named};
use super::{Actor, LifecycleError, acme_clients, change};
use crate::state::Console;

/// The kind of job that revokes; its subject is the version's id.
pub(crate) const REVOKE_JOB: &str = "revoke";
/// Attempts at a revocation before it is given up.
const PATIENCE: u32 = 30;

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

fn event(tx: &Tx, revocation: &Revocation, kind: &str, message: String) -> Event {
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

/// Lets go what waited for a replacement that is in force now, and sees that what is to be done has a job.
///
/// # Errors
/// When the database fails.
pub(crate) async fn release(console: &Console) -> Result<(), DbError> {
    use RevocationState::{Pending, Waiting};
    let ready = console.db.revocations_to_release().await?;
    for id in &ready {
        let mut tx = console.db.begin_write().await?;
        tx.advance_revocation(*id, Waiting, Pending, None).await?;
        tx.enqueue_job(REVOKE_JOB, &id.to_string(), tx.now())
            .await?;
        tx.commit().await?;
    }
    let lost = console.db.revocations_without_job(REVOKE_JOB).await?;
    for id in &lost {
        let mut tx = console.db.begin_write().await?;
        tx.enqueue_job(REVOKE_JOB, &id.to_string(), tx.now())
            .await?;
        tx.commit().await?;
    }
    if !ready.is_empty() || !lost.is_empty() {
        console.bells.orders.notify_one();
    }
    Ok(())
}

/// Carries out one revocation.
///
/// # Errors
/// When the database fails; the revocation is where it was.
pub(crate) async fn drive(console: &Console, id: VersionId) -> Result<Outcome, DbError> {
    let revocation = console.db.revocation(id).await?;
    let pending = |one: &Revocation| one.state == RevocationState::Pending;
    let Some(revocation) = revocation.filter(pending) else {
        return Ok(Outcome::Finished);
    };
    match revoke_at_ca(console, &revocation).await {
        Ok(()) => done(console, &revocation).await,
        Err(failure) => failed(console, &revocation, &failure).await,
    }
}

/// By the account that ordered it; else by its own key, which proves as much (RFC 8555 §7.6).
async fn revoke_at_ca(console: &Console, revocation: &Revocation) -> Result<(), Failure> {
    let chain = Chain::from_pem(&revocation.leaf_pem).map_err(|error| unusable(&error))?;
    let reason = to_acme(reason_of(revocation));
    let account = acme_clients::account(console, revocation.vendor_id).await?;
    let version = console.db.version(revocation.version_id).await?;
    let is_ours = version.is_some_and(|version| version.vendor_id == Some(revocation.vendor_id));
    let key = own_key(console, revocation, &chain).await?;
    let der = chain.leaf().der();
    let by_key = async |key: &KeyPair| account.client().revoke_with_key(der, key, reason).await;
    let answer = match (&key, is_ours) {
        (Some(key), false) => by_key(key).await,
        _ => account.revoke(der, reason).await,
    };
    let answer = match (answer, &key) {
        (Err(error), Some(key)) if is_ours && is_unauthorized(&error) => by_key(key).await,
        (answer, _) => answer,
    };
    answer.map_err(|error| {
        let failure = Failure::acme(Stage::Revocation, &error);
        match (&key, is_unauthorized(&error)) {
            (None, true) => failure.with_remedy(
                "The account may not revoke it. Import its private key, or revoke it at the CA.",
            ),
            _ => failure,
        }
    })
}

async fn own_key(
    console: &Console,
    revocation: &Revocation,
    chain: &Chain,
) -> Result<Option<KeyPair>, Failure> {
    let der = console.db.version_key(revocation.version_id).await?;
    let key = der.and_then(|der| KeyPair::from_pkcs8_der(der.expose()).ok());
    Ok(key.filter(|key| verify_key_matches(chain.leaf(), key).is_ok()))
}

fn is_unauthorized(error: &AcmeError) -> bool {
    error.problem().map(AcmeProblem::kind) == Some(ProblemKind::Unauthorized)
}

fn unusable(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(
        Stage::Revocation,
        Class::Configuration,
        "revocation.certificate",
        sentence(error),
    )
}

/// One transaction: the version, and each copy of its leaf in another certificate, is revoked for good; its item leaves
/// the zero-touch store if it is the one in force, and an automatic certificate is due.
async fn done(console: &Console, revocation: &Revocation) -> Result<Outcome, DbError> {
    use RevocationState::{Done, Pending};
    let mut tx = console.db.begin_write().await?;
    let id = revocation.version_id;
    let mut copies = Vec::new();
    for copy in tx.copies_of_version(id).await? {
        let held = tx.hold_certificate(copy.certificate_id).await?;
        copies.push((copy.id, held));
    }
    if !tx.advance_revocation(id, Pending, Done, None).await? {
        return Ok(Outcome::Finished);
    }
    let mut revision = None;
    for (copy, held) in copies {
        tx.mark_revoked(copy).await?;
        let Some((certificate, slots)) = held else {
            continue;
        };
        let active = |slot: &&Slot| slot.active_version_id == Some(copy);
        let Some(slot) = slots.iter().find(active) else {
            continue;
        };
        if certificate.store == StoreKind::ZeroTouch {
            let taken = tx.remove_store_item(certificate.id, slot.algorithm).await?;
            revision = taken.max(revision);
        }
        let version = tx.version(copy).await?;
        plan::replan(&mut tx, &certificate, slot, version.as_ref()).await?;
        if copy != id {
            let told = copy_revoked(&tx, revocation, &certificate);
            tx.add_event(&told).await?;
        }
    }
    let message = format!(
        "Generation {} was revoked ({})",
        revocation.generation, revocation.reason
    );
    let told = event(&tx, revocation, "version.revoked", message);
    tx.add_event(&told).await?;
    change::commit_store_change(console, tx, revision).await?;
    console.bells.renewals.notify_one();
    tracing::info!(
        certificate.name = revocation.certificate_name,
        version.generation = revocation.generation,
        reason = revocation.reason,
        "a version was revoked"
    );
    Ok(Outcome::Finished)
}

/// The same leaf served a certificate of the other store as well.
fn copy_revoked(tx: &Tx, revocation: &Revocation, certificate: &Certificate) -> Event {
    let message = format!(
        "The version in force was revoked with that of \"{}\": it is the same certificate ({})",
        revocation.certificate_name, revocation.reason
    );
    Event {
        detail: json!({"algorithm": revocation.algorithm, "reason": revocation.reason}),
        ..Event::new(
            tx.now(),
            certificate.id,
            &certificate.name,
            "version.revoked",
            message,
        )
    }
}

async fn failed(
    console: &Console,
    revocation: &Revocation,
    failure: &Failure,
) -> Result<Outcome, DbError> {
    use RevocationState::{Failed, Pending};
    let passes = matches!(failure.class, Class::Transient | Class::CaOutage);
    let goes_on = passes && revocation.attempts < PATIENCE;
    let (error, id) = (failure.to_json(), revocation.version_id);
    let mut tx = console.db.begin_write().await?;
    let (kind, level) = match goes_on {
        true => ("revocation.waiting", Level::Warn),
        false => ("revocation.failed", Level::Error),
    };
    match goes_on {
        true => tx.note_revocation_failure(id, &error).await?,
        false => {
            tx.advance_revocation(id, Pending, Failed, Some(&error))
                .await?;
        }
    }
    let told = Event {
        level,
        detail: json!({"error": error, "generation": revocation.generation}),
        ..event(&tx, revocation, kind, failure.message.clone())
    };
    tx.add_event(&told).await?;
    tx.commit().await?;
    if !goes_on {
        return Ok(Outcome::Finished);
    }
    let jitter = jitter_of(&id.to_string());
    let at = next_try(
        failure,
        revocation.attempts + 1,
        console.now(),
        None,
        jitter,
    );
    Ok(Outcome::RetryAt(at, failure.message.clone()))
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

fn reason_of(revocation: &Revocation) -> RevocationReason {
    revocation.reason.parse().unwrap_or_default()
}

/// The engine's word for a reason.
const fn to_acme(reason: RevocationReason) -> evercert_acme::RevocationReason {
    use evercert_acme::RevocationReason as Acme;
    match reason {
        RevocationReason::Unspecified => Acme::Unspecified,
        RevocationReason::KeyCompromise => Acme::KeyCompromise,
        RevocationReason::AffiliationChanged => Acme::AffiliationChanged,
        RevocationReason::Superseded => Acme::Superseded,
        RevocationReason::CessationOfOperation => Acme::CessationOfOperation,
    }
}
