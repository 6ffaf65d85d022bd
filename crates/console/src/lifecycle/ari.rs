//! Asks CAs when versions are to be renewed (RFC 9773), and plans accordingly.

use aws_lc_rs::rand;
use evercert_acme::{AcmeError, Fault, RenewalInfo};
use evercert_db::DbError;
use evercert_db::slots::{Ari, Slot};
use evercert_db::vendors::Vendor;
use evercert_db::versions::Version;
use evercert_x509::Chain;
use jiff::{SignedDuration, Timestamp};

use super::acme_clients;
use super::plan;
use super::renew::choose_instant;
use crate::state::Console;

/// When to ask again after an answer that cannot be used (RFC 9773 §4.3.3).
const AFTER_REFUSAL: SignedDuration = SignedDuration::from_hours(6);
/// When to ask again while the CA is down.
const AFTER_OUTAGE: SignedDuration = SignedDuration::from_mins(10);
/// Slots asked for in one go.
const BATCH: u32 = 100;

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
    for slot in console.db.slots_to_poll(BATCH).await? {
        match subject(console, &slot).await? {
            Some(subject) => refresh_one(console, &subject).await?,
            None => write(console, &slot, None, None).await?,
        }
    }
    Ok(())
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
    let (ari, poll_at) = match ask(console, subject).await? {
        Ok(info) => {
            let chosen = choose_instant(
                info.start,
                info.end,
                subject.slot.ari.as_ref(),
                random_fraction(),
            );
            let wait = SignedDuration::try_from(info.poll_after()).unwrap_or(AFTER_REFUSAL);
            let ari = Ari {
                start: info.start,
                end: info.end,
                chosen,
                explanation: info.explanation_url,
            };
            (Some(ari), in_future(console, wait))
        }
        Err(wait) => (subject.slot.ari.clone(), in_future(console, wait)),
    };
    let (id, algorithm) = (subject.slot.certificate_id, subject.slot.algorithm);
    let mut tx = console.db.begin_write().await?;
    // A renewal may have come between: then this is about a version that is no longer in force.
    let held = tx.hold_slot(id, algorithm).await?;
    let held = held.filter(|slot| slot.active_version_id == Some(subject.version.id));
    let (Some(mut slot), Some(certificate)) = (held, tx.certificate(id).await?) else {
        return Ok(());
    };
    slot.ari.clone_from(&ari);
    tx.set_ari(id, algorithm, ari.as_ref(), Some(poll_at))
        .await?;
    plan::replan(&mut tx, &certificate, &slot, Some(&subject.version)).await?;
    tx.commit().await?;
    if ari.is_some_and(|ari| ari.chosen <= console.now()) {
        console.bells.renewals.notify_one();
    }
    Ok(())
}

/// The CA's answer, or how long to leave it alone.
async fn ask(
    console: &Console,
    subject: &Subject,
) -> Result<Result<RenewalInfo, SignedDuration>, DbError> {
    let Some(pem) = console.db.version_chain(subject.version.id).await? else {
        return Ok(Err(AFTER_REFUSAL));
    };
    let Ok(chain) = Chain::from_pem(&pem) else {
        return Ok(Err(AFTER_REFUSAL));
    };
    let account = match acme_clients::account(console, subject.vendor.id).await {
        Ok(account) => account,
        Err(failure) => {
            tracing::info!(
                vendor.name = subject.vendor.name,
                "no renewal information: {}",
                failure.message
            );
            return Ok(Err(AFTER_OUTAGE));
        }
    };
    let answer = account.client().renewal_info(chain.leaf()).await;
    Ok(answer.map_err(|error| {
        tracing::info!(certificate.name = subject.name, %error, "no renewal information");
        wait_after(&error)
    }))
}

fn wait_after(error: &AcmeError) -> SignedDuration {
    let wait = match error.fault() {
        Fault::Outage | Fault::Transient | Fault::RateLimited => AFTER_OUTAGE,
        _ => AFTER_REFUSAL,
    };
    let asked = error
        .retry_after()
        .and_then(|asked| SignedDuration::try_from(asked).ok());
    asked.map_or(wait, |asked| wait.max(asked))
}

async fn write(
    console: &Console,
    slot: &Slot,
    ari: Option<&Ari>,
    poll_at: Option<Timestamp>,
) -> Result<(), DbError> {
    let mut tx = console.db.begin_write().await?;
    tx.set_ari(slot.certificate_id, slot.algorithm, ari, poll_at)
        .await?;
    tx.commit().await
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
