//! Makes orders: writes when a slot is due, and, when it is, an operation with its orders and jobs.

use evercert_acme::vendors::vendor_of;
use evercert_db::certificates::Certificate;
use evercert_db::events::Event;
use evercert_db::operations::Operation;
use evercert_db::orders::Order;
use evercert_db::slots::{Backlog, DueSlot};
use evercert_db::vendors::Vendor;
use evercert_db::versions::Version;
use evercert_db::{Db, DbError, Tx};
use evercert_types::{KeyAlgorithm, OperationId, OrderId, OrderState, VendorId, VersionId};
use evercert_x509::{Chain, ari_certificate_id};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::policy::in_words;
use super::replan::budget_of;
use super::{Actor, share};
use crate::state::Console;

pub(crate) use super::replan::replan;

/// The kind of job that drives an order; its subject is the order's id.
pub(crate) const ORDER_JOB: &str = "order";

/// How many due slots are looked at in one go.
const BATCH: u32 = 200;
/// Renewals an hour that a CA without known limits is asked for at least.
const UNKNOWN_PACE: u64 = 1_800;
/// In so many hours all that is due at once is to be renewed, as after a CA revoked thousands.
const CATCH_UP_HOURS: u64 = 12;
/// What expires sooner waits for nobody.
const NO_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// An operation to be made.
pub(crate) struct Wanted<'a> {
    pub(crate) kind: &'static str,
    pub(crate) actor: &'a Actor,
    pub(crate) certificate: &'a Certificate,
    pub(crate) vendor: &'a Vendor,
    pub(crate) orders: Vec<WantedOrder>,
}

/// One order of it.
pub(crate) struct WantedOrder {
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) reason: String,
    /// ARI id of the certificate it replaces.
    pub(crate) replaces: Option<String>,
}

/// Writes an operation with its orders, their jobs, and a line in the log.
///
/// Fails with a conflict when an order of one of the slots is running.
pub(crate) async fn enqueue(tx: &mut Tx, wanted: &Wanted<'_>) -> Result<OperationId, DbError> {
    let now = tx.now();
    let operation = Operation {
        id: OperationId::new(),
        kind: wanted.kind.to_owned(),
        certificate_id: Some(wanted.certificate.id),
        actor: wanted.actor.to_string(),
        created_at: now,
    };
    tx.insert_operation(&operation).await?;
    for order in &wanted.orders {
        let order = new_order(wanted, order, operation.id, now);
        tx.insert_order(&order).await?;
        tx.enqueue_job(ORDER_JOB, &order.id.to_string(), now)
            .await?;
        let event = Event {
            order_id: Some(order.id),
            operation_id: Some(operation.id),
            detail: json!({"reason": order.reason, "algorithm": order.algorithm,
                           "vendor": wanted.vendor.name, "actor": wanted.actor.as_str()}),
            ..Event::new(
                now,
                wanted.certificate.id,
                &wanted.certificate.name,
                "order.requested",
                format!(
                    "An order was requested by {} because {}",
                    wanted.actor,
                    in_words(&order.reason)
                ),
            )
        };
        tx.add_event(&event).await?;
    }
    Ok(operation.id)
}

fn new_order(
    wanted: &Wanted<'_>,
    order: &WantedOrder,
    operation_id: OperationId,
    now: Timestamp,
) -> Order {
    let certificate = wanted.certificate;
    Order {
        id: OrderId::new(),
        operation_id,
        certificate_id: certificate.id,
        algorithm: order.algorithm,
        vendor_id: wanted.vendor.id,
        reason: order.reason.clone(),
        state: OrderState::Pending,
        names: certificate.names.clone(),
        profile: certificate
            .profile
            .clone()
            .or_else(|| wanted.vendor.profile.clone()),
        replaces: order.replaces.clone(),
        terms: certificate.terms.clone(),
        order_url: None,
        finalize_url: None,
        certificate_url: None,
        expires_at: None,
        csr: None,
        chain_pem: None,
        attempt: 0,
        error: None,
        created_at: now,
        updated_at: now,
        finished_at: None,
    }
}

/// The ARI id of the version in force, where the CA that issued it is asked again and knows ARI.
pub(crate) async fn replaced_by(
    db: &Db,
    vendor: &Vendor,
    active: Option<VersionId>,
) -> Result<Option<String>, DbError> {
    let (Some(id), true) = (active, has_ari(vendor)) else {
        return Ok(None);
    };
    let same_ca = db
        .version(id)
        .await?
        .is_some_and(|version| version.vendor_id == Some(vendor.id));
    let Some(pem) = db.version_chain(id).await?.filter(|_| same_ca) else {
        return Ok(None);
    };
    let chain = Chain::from_pem(&pem).ok();
    Ok(chain.and_then(|chain| ari_certificate_id(chain.leaf())))
}

/// Whether the CA's directory offered renewal information when it was last read.
pub(crate) fn has_ari(vendor: &Vendor) -> bool {
    vendor.capabilities["ari"].as_bool().unwrap_or(false)
}

/// Plans the next renewal of a version that has just been put into force, and the first look at the CA's word on it.
pub(crate) async fn after_install(
    tx: &mut Tx,
    certificate: &Certificate,
    version: &Version,
) -> Result<(), DbError> {
    let (id, algorithm) = (certificate.id, version.algorithm);
    if let Some(issuer) = version.vendor_id
        && tx
            .vendor(issuer)
            .await?
            .is_some_and(|vendor| has_ari(&vendor))
    {
        tx.set_ari(id, algorithm, None, Some(tx.now())).await?;
    }
    let Some(mut slot) = tx.hold_slot(id, algorithm).await? else {
        return Ok(());
    };
    // What was asked for is there now.
    slot.due = None;
    replan(tx, certificate, &slot, Some(version)).await
}

/// Whether a person asked for it, rather than a rule.
pub(crate) fn is_asked_for(reason: &str) -> bool {
    matches!(reason, "forced" | "replaced")
}

/// Makes orders for what is due, soonest expiry first and no more at once than each CA is to be asked for; answers how
/// many operations were made.
///
/// # Errors
/// When the database fails.
pub(crate) async fn order_due(console: &Console) -> Result<u32, DbError> {
    let soon = console.now().checked_add(NO_WAIT).unwrap_or(Timestamp::MAX);
    let mut made = 0;
    for backlog in console.db.backlogs(soon).await? {
        let allowed = allowance(console, &backlog).await?;
        made += order_due_of(console, backlog.vendor_id, allowed).await?;
    }
    if made > 0 {
        console.bells.orders.notify_one();
    }
    Ok(made)
}

/// How many renewals a CA may be asked for now: its hourly limit, or what a long queue needs to be done in half a day,
/// less those of the last hour. What is urgent is ordered all the same.
async fn allowance(console: &Console, backlog: &Backlog) -> Result<u32, DbError> {
    let vendor = console.db.vendor(backlog.vendor_id).await?;
    let known = vendor.and_then(|vendor| vendor_of(&vendor.directory_url));
    let hour_ago = console.now().checked_sub(SignedDuration::from_hours(1));
    let hour_ago = hour_ago.unwrap_or(Timestamp::MIN);
    let begun = console
        .db
        .renewals_ordered_since(backlog.vendor_id, hour_ago)
        .await?;
    let limit = budget_of(known).per_hour.map(u64::from);
    let allowed = governed(limit, begun, backlog);
    if allowed < backlog.due {
        tracing::info!(
            vendor.id = %backlog.vendor_id, due = backlog.due, allowed,
            "more renewals are due than the CA is asked for at once: they queue, soonest expiry first"
        );
    }
    Ok(u32::try_from(allowed).unwrap_or(u32::MAX))
}

/// How many of a queue may be ordered now, by the hourly limit and what the last hour took of it.
fn governed(limit: Option<u64>, begun: u64, backlog: &Backlog) -> u64 {
    let pace = limit
        .unwrap_or(UNKNOWN_PACE)
        .max(backlog.due.div_ceil(CATCH_UP_HOURS));
    pace.saturating_sub(begun).max(backlog.urgent)
}

async fn order_due_of(console: &Console, vendor: VendorId, allowed: u32) -> Result<u32, DbError> {
    let due = console.db.due_slots(vendor, allowed.min(BATCH)).await?;
    let mut of_certificate: Vec<Vec<DueSlot>> = Vec::new();
    for slot in due {
        let known = of_certificate.iter_mut().find(|slots| {
            slots
                .iter()
                .any(|one| one.certificate_id == slot.certificate_id)
        });
        match known {
            Some(slots) => slots.push(slot),
            None => of_certificate.push(vec![slot]),
        }
    }
    let mut made = 0;
    for slots in of_certificate {
        match order_slots(console, &slots).await {
            Ok(true) => made += 1,
            Ok(false) => {}
            // Another Console, or an operator, was faster.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}

async fn order_slots(console: &Console, slots: &[DueSlot]) -> Result<bool, DbError> {
    let db = &console.db;
    let Some(first) = slots.first() else {
        return Ok(false);
    };
    let Some(certificate) = db.certificate(first.certificate_id).await? else {
        return Ok(false);
    };
    let Some(vendor_id) = certificate.vendor_id else {
        return Ok(false);
    };
    let Some(vendor) = db.vendor(vendor_id).await? else {
        return Ok(false);
    };
    let mut orders = Vec::new();
    for due in slots {
        if share::is_left_to_partner(db, &certificate, due.algorithm).await? {
            continue;
        }
        let slot = db.slot(due.certificate_id, due.algorithm).await?;
        let active = slot.and_then(|slot| slot.active_version_id);
        orders.push(WantedOrder {
            algorithm: due.algorithm,
            reason: due.reason.clone(),
            replaces: replaced_by(db, &vendor, active).await?,
        });
    }
    let mut tx = db.begin_write().await?;
    let mut held = Vec::new();
    for order in orders {
        // Another Console may have dealt with it since it was found.
        if let Some(reason) = tx.hold_due_slot(certificate.id, order.algorithm).await? {
            held.push(WantedOrder { reason, ..order });
        }
    }
    if held.is_empty() {
        return Ok(false);
    }
    let wanted = Wanted {
        kind: "renew",
        actor: &Actor::console(),
        certificate: &certificate,
        vendor: &vendor,
        orders: held,
    };
    enqueue(&mut tx, &wanted).await?;
    tx.commit().await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_ordered_no_faster_than_the_ca_allows_but_done_in_half_a_day() {
        let queue = |due, urgent| Backlog {
            vendor_id: VendorId::new(),
            due,
            urgent,
        };
        assert_eq!(governed(Some(100), 0, &queue(50, 0)), 100);
        assert_eq!(governed(Some(100), 70, &queue(50, 0)), 30);
        assert_eq!(governed(Some(100), 100, &queue(50, 0)), 0);
        // What is about to expire waits for nobody.
        assert_eq!(governed(Some(100), 100, &queue(50, 7)), 7);
        // A CA revoked twelve thousand: a thousand an hour, all of them in half a day.
        assert_eq!(governed(Some(100), 0, &queue(12_000, 0)), 1_000);
        assert_eq!(governed(None, 300, &queue(50, 0)), 1_500);
    }
}
