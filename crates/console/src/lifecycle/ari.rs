//! Asks CAs when versions are to be renewed (RFC 9773), and plans accordingly.

use aws_lc_rs::rand;
use evercert_acme::{AcmeError, ProblemKind, RenewalInfo};
use evercert_db::events::Event;
use evercert_db::slots::{Ari, Slot};
use evercert_db::vendors::Vendor;
use evercert_db::versions::Version;
use evercert_db::{DbError, Tx};
use evercert_x509::Chain;
use futures_util::{TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::policy::{choose_instant, shown};
use super::{acme_clients, plan};
use crate::state::Console;

/// When to ask again after an answer that cannot be used and does not pass by itself (RFC 9773 §4.3.3).
const LONG_TERM: SignedDuration = SignedDuration::from_hours(6);
/// When to ask again after the first passing failure; each further one doubles it.
const TEMPORARY: SignedDuration = SignedDuration::from_mins(5);
/// So many passing failures in a row are one that does not pass.
const PATIENCE: u32 = 6;
/// Bounds for the time that a CA asks to be left alone.
const WAITS: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(1), SignedDuration::from_hours(24));
/// Slots asked for in one go.
const BATCH: u32 = 200;
/// Questions at once.
const AT_ONCE: usize = 8;

/// A slot with the version in force, and who issued that.
struct Subject {
    name: String,
    vendor: Vendor,
    slot: Slot,
    version: Version,
}

/// Asks for every slot whose time has come.
///
/// # Errors
/// When the database fails.
pub(crate) async fn refresh(console: &Console) -> Result<(), DbError> {
    loop {
        let waiting = console.db.slots_to_poll(BATCH).await?;
        let all = waiting.len();
        stream::iter(waiting.into_iter().map(Ok))
            .try_for_each_concurrent(
                AT_ONCE,
                |slot| async move { refresh_slot(console, slot).await },
            )
            .await?;
        if all < BATCH as usize {
            return Ok(());
        }
    }
}

async fn refresh_slot(console: &Console, slot: Slot) -> Result<(), DbError> {
    match subject(console, &slot).await? {
        Some(subject) => refresh_one(console, &subject).await,
        None => stop_asking(console, &slot).await,
    }
}

async fn subject(console: &Console, slot: &Slot) -> Result<Option<Subject>, DbError> {
    let db = &console.db;
    let Some(certificate) = db.certificate(slot.certificate_id).await? else {
        return Ok(None);
    };
    let version = match slot.active_version_id {
        Some(id) => db.version(id).await?,
        None => None,
    };
    // Only the CA that issued a version speaks about it, and only while it lives.
    let Some(version) = version.filter(|version| version.not_after > console.now()) else {
        return Ok(None);
    };
    let Some(vendor_id) = version.vendor_id else {
        return Ok(None);
    };
    let vendor = db.vendor(vendor_id).await?;
    Ok(vendor.map(|vendor| Subject {
        name: certificate.name,
        vendor,
        slot: slot.clone(),
        version,
    }))
}

async fn refresh_one(console: &Console, subject: &Subject) -> Result<(), DbError> {
    let answer = ask(console, subject).await?;
    let (id, algorithm) = (subject.slot.certificate_id, subject.slot.algorithm);
    let mut tx = console.db.begin_write().await?;
    // A renewal may have come between: then this is about a version that is no longer in force.
    let held = tx.hold_slot(id, algorithm).await?;
    let Some(slot) = held.filter(|slot| slot.active_version_id == Some(subject.version.id)) else {
        return Ok(());
    };
    match answer {
        Ok(info) => {
            let is_due = note_answer(console, &mut tx, subject, slot, info).await?;
            tx.commit().await?;
            if is_due {
                console.bells.renewals.notify_one();
            }
        }
        Err(wait) => {
            let at = in_future(console, wait);
            tx.set_ari_failure(id, algorithm, at).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Writes down what the CA says; a window that it did not say before leads to a new plan. Answers whether that is due.
async fn note_answer(
    console: &Console,
    tx: &mut Tx,
    subject: &Subject,
    mut slot: Slot,
    info: RenewalInfo,
) -> Result<bool, DbError> {
    let wait = SignedDuration::try_from(info.poll_after()).unwrap_or(LONG_TERM);
    let known = slot.ari.take();
    let ari = Ari {
        start: info.start,
        end: info.end,
        chosen: choose_instant(info.start, info.end, known.as_ref(), random_fraction()),
        explanation: info.explanation_url,
    };
    let (id, algorithm) = (slot.certificate_id, slot.algorithm);
    let poll_at = in_future(console, wait);
    tx.set_ari(id, algorithm, Some(&ari), Some(poll_at)).await?;
    if known.as_ref() == Some(&ari) {
        return Ok(false);
    }
    if known.is_some() || ari.explanation.is_some() || ari.chosen <= console.now() {
        tx.add_event(&changed(console, subject, &ari)).await?;
    }
    let is_due = ari.chosen <= console.now();
    slot.ari = Some(ari);
    if let Some(certificate) = tx.certificate(id).await? {
        plan::replan(tx, &certificate, &slot, Some(&subject.version)).await?;
    }
    Ok(is_due)
}

fn changed(console: &Console, subject: &Subject, ari: &Ari) -> Event {
    let explained = match &ari.explanation {
        Some(url) => format!("; it explains why at {url}"),
        None => String::new(),
    };
    let message = format!(
        "{} asks for a renewal between {} and {}{explained}",
        subject.vendor.name,
        shown(ari.start),
        shown(ari.end)
    );
    Event {
        detail: json!({"start": ari.start, "end": ari.end, "chosen": ari.chosen,
                       "explanation_url": ari.explanation, "algorithm": subject.slot.algorithm}),
        ..Event::new(
            console.now(),
            subject.slot.certificate_id,
            &subject.name,
            "renewal_info.changed",
            message,
        )
    }
}

/// The CA's answer, or how long to leave it alone.
async fn ask(
    console: &Console,
    subject: &Subject,
) -> Result<Result<RenewalInfo, SignedDuration>, DbError> {
    let failures = subject.slot.ari_failures;
    let Some(pem) = console.db.version_chain(subject.version.id).await? else {
        return Ok(Err(LONG_TERM));
    };
    let Ok(chain) = Chain::from_pem(&pem) else {
        return Ok(Err(LONG_TERM));
    };
    let account = match acme_clients::account(console, subject.vendor.id).await {
        Ok(account) => account,
        Err(failure) => {
            tracing::info!(
                vendor.name = subject.vendor.name,
                "no renewal information: {}",
                failure.message
            );
            return Ok(Err(back_off(failures)));
        }
    };
    let answer = account.client().renewal_info(chain.leaf()).await;
    Ok(answer.map_err(|error| {
        let wait = wait_after(&error, failures);
        tracing::info!(
            certificate.name = subject.name, %error, wait_secs = wait.as_secs(), "no renewal information"
        );
        wait
    }))
}

/// A time-out, an overload or an error of the server passes: the wait grows with each. What else is wrong (4xx, an
/// answer that cannot be read, a name that does not resolve, a refused connection) is asked about again in 6 hours.
fn wait_after(error: &AcmeError, failures: u32) -> SignedDuration {
    let asked = error
        .retry_after()
        .and_then(|asked| SignedDuration::try_from(asked).ok())
        .map(|asked| asked.clamp(WAITS.0, WAITS.1));
    match is_temporary(error) {
        true => asked
            .unwrap_or(SignedDuration::ZERO)
            .max(back_off(failures)),
        false => asked.unwrap_or(SignedDuration::ZERO).max(LONG_TERM),
    }
}

fn is_temporary(error: &AcmeError) -> bool {
    match error {
        AcmeError::Timeout { .. } => true,
        AcmeError::Status { status, .. } => matches!(status, 408 | 429 | 500..),
        AcmeError::Problem(problem) => {
            problem.kind() == ProblemKind::RateLimited
                || problem
                    .status
                    .is_some_and(|status| status == 429 || status >= 500)
        }
        AcmeError::Transport { cause, .. } => cause.is_timeout() || !cause.is_connect(),
        _ => false,
    }
}

fn back_off(failures: u32) -> SignedDuration {
    match failures {
        0..PATIENCE => TEMPORARY * (1 << failures),
        _ => LONG_TERM,
    }
}

/// Nobody is asked about this slot any more, until it has another version.
async fn stop_asking(console: &Console, slot: &Slot) -> Result<(), DbError> {
    let mut tx = console.db.begin_write().await?;
    let held = tx.hold_slot(slot.certificate_id, slot.algorithm).await?;
    // Renewed meanwhile: the new version is asked about.
    if held.is_some_and(|held| held.active_version_id == slot.active_version_id) {
        tx.set_ari(slot.certificate_id, slot.algorithm, None, None)
            .await?;
        tx.commit().await?;
    }
    Ok(())
}

fn in_future(console: &Console, wait: SignedDuration) -> Timestamp {
    console.now().checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A random number between 0 and 1.
fn random_fraction() -> f64 {
    let mut octets = [0u8; 4];
    match rand::fill(&mut octets) {
        Ok(()) => f64::from(u32::from_be_bytes(octets)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_failures_are_asked_about_ever_later_until_they_count_as_lasting() {
        let minutes: Vec<_> = (0..8).map(|n| back_off(n).as_mins()).collect();

        assert_eq!(minutes, [5, 10, 20, 40, 80, 160, 360, 360]);
    }
}
