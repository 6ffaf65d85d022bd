//! Carries revocations out at the CA: one job each, resumable; the CA says of what it knows that it is revoked already.

use evercert_acme::{AcmeError, Problem as AcmeProblem, ProblemKind};
use evercert_api::revocations::RevocationReason;
use evercert_db::certificates::Certificate;
use evercert_db::events::{Event, Level};
use evercert_db::revocations::{Revocation, RevocationState};
use evercert_db::slots::Slot;
use evercert_db::{DbError, Tx};
use evercert_types::{StoreKind, VersionId};
use evercert_x509::{Chain, KeyPair, verify_key_matches};
use serde_json::json;

use super::failure::{Class, Failure, Stage, next_try, sentence};
use super::issue::Outcome;
use super::policy::jitter_of;
use super::revoke::{event, reason_of};
use super::{acme_clients, change, plan};
use crate::state::Console;

/// The kind of job that revokes; its subject is the version's id.
pub(crate) const REVOKE_JOB: &str = "revoke";
/// Attempts at a revocation before it is given up.
const PATIENCE: u32 = 30;

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
