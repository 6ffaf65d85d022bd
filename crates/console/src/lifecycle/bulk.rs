//! The same done to many certificates: each checked by itself, so that one that cannot does not stop the rest.
//!
//! Nothing here makes orders: what is to be ordered becomes due, and the planner makes the orders at the pace that
//! workers and CAs allow.

use evercert_api::bulk::{BulkAction, BulkItem, BulkOutcome, BulkRequest, BulkResult};
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::Certificate;
use evercert_db::events::Event;
use evercert_db::listing::{ListOrder, Listed, Listing};
use evercert_db::slots::Slot;
use evercert_db::vendors::Vendor;
use evercert_db::{DbError, Tx};
use evercert_types::RenewalMode;

use super::list::{matching, parse};
use super::request::{not_found, vendor_named};
use super::{Actor, LifecycleError, enrol, plan, revoke};
use crate::state::Console;

/// Certificates in one request.
const MOST: usize = 10_000;
/// Certificates changed in one unit of work.
const BATCH: usize = 50;

/// What is to be done to one certificate.
enum Step {
    /// Nothing: it is so already.
    Unchanged(&'static str),
    /// Its row changes.
    Change(Box<Certificate>),
    /// Its row changes perhaps, and all its keys become due for this reason.
    Order(Box<Certificate>, &'static str),
    /// Its versions in force are replaced, then revoked.
    Replace,
}

/// Does the same to many certificates, and tells what became of each.
///
/// # Errors
/// When the request as a whole cannot be: no certificates named, too many, a vendor that does not exist.
pub async fn bulk(
    console: &Console,
    actor: &Actor,
    request: &BulkRequest,
) -> Result<BulkResult, LifecycleError> {
    let vendor = wanted_vendor(console, request).await?;
    let (found, mut items) = subjects(console, request).await?;
    for batch in found.chunks(BATCH) {
        let mut steps = Vec::new();
        for listed in batch {
            let step = decide(console, request, vendor.as_ref(), listed).await;
            steps.push((listed, step));
        }
        items.extend(carry_out(console, actor, request, steps).await?);
    }
    let order = |item: &BulkItem| request.names.iter().position(|name| *name == item.name);
    items.sort_by_key(order);
    if !request.dry_run {
        console.bells.renewals.notify_one();
    }
    let count = |outcome| items.iter().filter(|item| item.outcome == outcome).count();
    Ok(BulkResult {
        dry_run: request.dry_run,
        done: count(BulkOutcome::Done),
        queued: count(BulkOutcome::Queued),
        unchanged: count(BulkOutcome::Unchanged),
        refused: count(BulkOutcome::Refused),
        items,
    })
}

async fn wanted_vendor(
    console: &Console,
    request: &BulkRequest,
) -> Result<Option<Vendor>, LifecycleError> {
    match &request.vendor {
        Some(name) => Ok(Some(vendor_named(console, name).await?)),
        None if request.action == BulkAction::SwitchVendor => {
            let problem = Problem::new(ProblemCode::Invalid, "say to which CA vendor");
            Err(problem.at("/vendor").into())
        }
        None => Ok(None),
    }
}

/// The certificates meant, and those that are not there.
async fn subjects(
    console: &Console,
    request: &BulkRequest,
) -> Result<(Vec<Listed>, Vec<BulkItem>), LifecycleError> {
    let invalid = |detail: &str, pointer: &str| -> LifecycleError {
        Problem::new(ProblemCode::Invalid, detail)
            .at(pointer)
            .into()
    };
    match (request.names.is_empty(), request.filter.is_empty()) {
        (true, true) => return Err(invalid("say which certificates", "/names")),
        (false, false) => return Err(invalid("give names or a filter, not both", "/filter")),
        (false, true) if request.names.len() > MOST => {
            return Err(invalid("at most 10000 certificates at once", "/names"));
        }
        (true, false) => {
            let filter = parse(console, &request.filter).await?;
            let found = matching(console, &filter, ListOrder::Name, None, MOST + 1).await?;
            if found.len() > MOST {
                return Err(invalid("at most 10000 certificates at once", "/filter"));
            }
            return Ok((found, Vec::new()));
        }
        (false, true) => {}
    }
    let mut found = Vec::new();
    for names in request.names.chunks(500) {
        let listing = Listing {
            names: Some(names),
            ..Listing::default()
        };
        found.extend(console.db.list_certificates(&listing).await?);
    }
    let is_there = |name: &String| found.iter().any(|one| one.certificate.name == *name);
    let mut missing: Vec<&String> = request
        .names
        .iter()
        .filter(|name| !is_there(name))
        .collect();
    missing.dedup();
    let missing = missing
        .into_iter()
        .map(|name| refused(name, not_found(name)));
    let missing = missing.collect();
    Ok((found, missing))
}

async fn decide(
    console: &Console,
    request: &BulkRequest,
    vendor: Option<&Vendor>,
    listed: &Listed,
) -> Result<Step, LifecycleError> {
    let certificate = &listed.certificate;
    let mut changed = certificate.clone();
    match request.action {
        BulkAction::MigrateManual if certificate.renewal_mode == RenewalMode::Manual => {
            return Ok(Step::Unchanged("renewed by hand already"));
        }
        BulkAction::MigrateManual => changed.renewal_mode = RenewalMode::Manual,
        BulkAction::MigrateAutomatic => {
            take_vendor(&mut changed, vendor, request)?;
            changed.renewal_mode = RenewalMode::Automatic;
            if changed == *certificate {
                return Ok(Step::Unchanged("renewed by itself already"));
            }
            enrol::check(console, &changed).await?;
        }
        BulkAction::Pause if certificate.paused => {
            return Ok(Step::Unchanged("paused already"));
        }
        BulkAction::Pause => changed.paused = true,
        BulkAction::Resume if !certificate.paused => {
            return Ok(Step::Unchanged("not paused"));
        }
        BulkAction::Resume => changed.paused = false,
        BulkAction::SwitchVendor => {
            take_vendor(&mut changed, vendor, request)?;
            if changed == *certificate && !request.renew_now {
                return Ok(Step::Unchanged("of this vendor already"));
            }
            if request.renew_now {
                return order(listed, changed, "forced");
            }
        }
        BulkAction::Renew => return order(listed, changed, "forced"),
        BulkAction::RevokeAndReplace => {
            can_order(listed, &changed)?;
            return Ok(Step::Replace);
        }
    }
    Ok(Step::Change(Box::new(changed)))
}

fn take_vendor(
    certificate: &mut Certificate,
    vendor: Option<&Vendor>,
    request: &BulkRequest,
) -> Result<(), LifecycleError> {
    let Some(vendor) = vendor else { return Ok(()) };
    let is_other = certificate.vendor_id.is_some_and(|id| id != vendor.id);
    if is_other && !request.confirm_vendor_change {
        let detail = format!(
            "from the next renewal on, \"{}\" would come from {}",
            certificate.name, vendor.name
        );
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .with_remedy("Confirm the change of vendor.")
            .at("/confirm_vendor_change")
            .into());
    }
    certificate.vendor_id = Some(vendor.id);
    Ok(())
}

fn order(
    listed: &Listed,
    changed: Certificate,
    reason: &'static str,
) -> Result<Step, LifecycleError> {
    if listed.keys.iter().all(|key| key.running.is_some()) {
        return Ok(Step::Unchanged("an order is running"));
    }
    can_order(listed, &changed)?;
    Ok(Step::Order(Box::new(changed), reason))
}

fn can_order(listed: &Listed, certificate: &Certificate) -> Result<(), LifecycleError> {
    let name = &listed.certificate.name;
    if certificate.paused {
        let detail = format!("\"{name}\" is paused");
        return Err(LifecycleError::new(ProblemCode::CertificatePaused, detail));
    }
    if certificate.vendor_id.is_none() {
        return Err(enrol::no_vendor(name).into());
    }
    Ok(())
}

/// Writes one batch of steps, and tells what became of each.
async fn carry_out(
    console: &Console,
    actor: &Actor,
    request: &BulkRequest,
    steps: Vec<(&Listed, Result<Step, LifecycleError>)>,
) -> Result<Vec<BulkItem>, LifecycleError> {
    let mut items = Vec::new();
    let mut writes = Vec::new();
    for (listed, step) in steps {
        let name = &listed.certificate.name;
        match step {
            Err(LifecycleError::Database(error)) => return Err(error.into()),
            Err(problem) => items.push(refused(name, problem)),
            Ok(Step::Unchanged(why)) => items.push(BulkItem {
                detail: Some(why.to_owned()),
                ..item(name, BulkOutcome::Unchanged)
            }),
            Ok(Step::Replace) if request.dry_run => items.push(item(name, BulkOutcome::Queued)),
            Ok(Step::Replace) => {
                items.push(replace(console, actor, name, request).await?);
            }
            Ok(Step::Change(changed)) => {
                items.push(item(name, BulkOutcome::Done));
                writes.push((changed, None));
            }
            Ok(Step::Order(changed, reason)) => {
                items.push(item(name, BulkOutcome::Queued));
                writes.push((changed, Some(reason)));
            }
        }
    }
    if request.dry_run || writes.is_empty() {
        return Ok(items);
    }
    let mut tx = console.db.begin_write().await?;
    for (changed, reason) in writes {
        write(&mut tx, actor, request.action, &changed, reason).await?;
    }
    tx.commit().await?;
    Ok(items)
}

async fn replace(
    console: &Console,
    actor: &Actor,
    name: &str,
    request: &BulkRequest,
) -> Result<BulkItem, LifecycleError> {
    match revoke::replace_when_due(console, actor, name, request.reason).await {
        Ok(operation) => Ok(BulkItem {
            operation: Some(operation),
            ..item(name, BulkOutcome::Queued)
        }),
        Err(LifecycleError::Database(error)) => Err(error.into()),
        Err(problem) => Ok(refused(name, problem)),
    }
}

/// Writes what an action changes of a certificate; what others changed meanwhile of the rest stays.
async fn write(
    tx: &mut Tx,
    actor: &Actor,
    action: BulkAction,
    wanted: &Certificate,
    reason: Option<&str>,
) -> Result<(), DbError> {
    let Some((mut certificate, slots)) = tx.hold_certificate(wanted.id).await? else {
        return Ok(());
    };
    certificate.vendor_id = wanted.vendor_id;
    certificate.renewal_mode = wanted.renewal_mode;
    certificate.paused = wanted.paused;
    tx.update_certificate(&certificate).await?;
    for slot in &slots {
        match reason {
            Some(reason) => {
                let (id, algorithm) = (certificate.id, slot.algorithm);
                tx.force_due(id, algorithm, reason).await?;
            }
            None => replan(tx, &certificate, slot).await?,
        }
    }
    let (kind, done) = words(action);
    let message = format!("{done} by {actor}");
    let event = Event::new(tx.now(), certificate.id, &certificate.name, kind, message);
    tx.add_event(&event).await
}

async fn replan(tx: &mut Tx, certificate: &Certificate, slot: &Slot) -> Result<(), DbError> {
    let active = match slot.active_version_id {
        Some(id) => tx.version(id).await?,
        None => None,
    };
    plan::replan(tx, certificate, slot, active.as_ref()).await
}

const fn words(action: BulkAction) -> (&'static str, &'static str) {
    match action {
        BulkAction::MigrateAutomatic => ("certificate.changed", "Moved to automatic renewal"),
        BulkAction::MigrateManual => ("certificate.changed", "Moved to manual renewal"),
        BulkAction::Renew => ("certificate.forced", "A renewal was asked for"),
        BulkAction::Pause => ("certificate.paused", "Paused"),
        BulkAction::Resume => ("certificate.resumed", "Resumed"),
        BulkAction::SwitchVendor => ("certificate.changed", "Moved to another CA vendor"),
        BulkAction::RevokeAndReplace => ("certificate.forced", "A replacement was asked for"),
    }
}

fn item(name: &str, outcome: BulkOutcome) -> BulkItem {
    BulkItem {
        name: name.to_owned(),
        outcome,
        detail: None,
        problem: None,
        operation: None,
    }
}

fn refused(name: &str, error: LifecycleError) -> BulkItem {
    BulkItem {
        problem: Some(error.to_problem()),
        ..item(name, BulkOutcome::Refused)
    }
}
