//! The beginning of the journey: what is wanted is checked and written, in one transaction.
//!
//! After it: a worker claims the job and [`super::issue`] drives the order.

use evercert_api::certificates::IssueRequest;
use evercert_api::{Problem, ProblemCode};
use evercert_db::DbError;
use evercert_db::certificates::Certificate;
use evercert_db::events::{Event, Level};
use evercert_db::slots::{Due, Slot};
use evercert_db::vendors::Vendor;
use evercert_types::{KeyAlgorithm, OperationId, RenewalMode, VersionState};
use jiff::Timestamp;

use super::challenge::{Unprovable, Wish, unprovable};
use super::plan::{Wanted, WantedOrder, enqueue, replaced_by};
use super::policy::in_words;
use super::replan::reason_now as reason_now_of;
use super::terms::{self, Draft};
use super::{Actor, LifecycleError, check_name, messages, preflight};
use crate::state::Console;

/// How much an operator insists on a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// What is due, or has never been issued.
    IfDue,
    /// Everything, now.
    Forced,
}

/// Makes a certificate and orders its first versions.
///
/// # Errors
/// A problem that points into the request: names, vendor, mapping, keys, CSR, subject and so on; a name that is taken;
/// a certificate that has the same configuration already.
pub async fn request_issue(
    console: &Console,
    actor: &Actor,
    request: IssueRequest,
) -> Result<OperationId, LifecycleError> {
    check_name(&request.name, 128, "-_.*", "/name")?;
    let vendor = vendor_named(console, &request.vendor).await?;
    let renewal = match request.force {
        true => Renewal::Forced,
        false => Renewal::IfDue,
    };
    let mut draft = terms::draft(console, request, &vendor).await?;
    let warnings = draft.check(console, &vendor).await?;
    if renewal == Renewal::IfDue {
        refuse_existing(console, &draft).await?;
    }
    let id = write_request(console, actor, &draft, &vendor, renewal, &warnings).await?;
    console.bells.orders.notify_one();
    tracing::info!(
        certificate.name = draft.certificate.name,
        operation.id = %id,
        actor = actor.as_str(),
        "a certificate was requested"
    );
    Ok(id)
}

/// Refuses what is there already: the same names, keys, vendor, profile and store, and not due.
async fn refuse_existing(console: &Console, draft: &Draft) -> Result<(), LifecycleError> {
    let wanted = &draft.certificate;
    for found in console.db.same_names(wanted).await? {
        let same = found.store == wanted.store
            && found.vendor_id == wanted.vendor_id
            && found.profile == wanted.profile
            && found.terms.csr == wanted.terms.csr
            && found.terms.subject == wanted.terms.subject;
        if !same {
            continue;
        }
        let slots = console.db.slots(found.id).await?;
        let has = |key: &KeyAlgorithm| slots.iter().any(|slot| slot.algorithm == *key);
        if slots.len() != draft.keys.len() || !draft.keys.iter().all(has) {
            continue;
        }
        if let Some(why) = why_not_due(console, &found, &slots).await? {
            let detail = format!("\"{}\" has the same configuration and {why}", found.name);
            let remedy = format!(
                "Use \"{0}\" (`evercert cert show {0}`), or order all the same with `--force`: that counts against \
                 the CA's limits.",
                found.name
            );
            let problem = Problem::new(ProblemCode::CertificateExists, detail)
                .known_as(messages::NOT_CHANGED);
            return Err(problem.with_remedy(remedy).at("/domains").into());
        }
    }
    Ok(())
}

/// Why nothing is to be ordered for a certificate, after "and"; none when it has no version, or is due.
async fn why_not_due(
    console: &Console,
    certificate: &Certificate,
    slots: &[Slot],
) -> Result<Option<String>, DbError> {
    let now = console.now();
    let running = console.db.orders_of_certificate(certificate.id, 1).await?;
    if running.iter().any(|order| order.finished_at.is_none()) {
        return Ok(Some("is being ordered".to_owned()));
    }
    let mut until = None;
    for slot in slots {
        let active = match slot.active_version_id {
            Some(id) => console.db.version(id).await?,
            None => None,
        };
        let Some(active) = active.filter(|active| active.state == VersionState::Good) else {
            return Ok(None);
        };
        if active.not_after <= now || slot.due.as_ref().is_some_and(|due| due.at <= now) {
            return Ok(None);
        }
        until = Some(until.map_or(active.not_after, |until: Timestamp| {
            until.min(active.not_after)
        }));
    }
    Ok(until.map(|until| format!("is valid until {until}")))
}

async fn write_request(
    console: &Console,
    actor: &Actor,
    draft: &Draft,
    vendor: &Vendor,
    renewal: Renewal,
    warnings: &[String],
) -> Result<OperationId, LifecycleError> {
    let certificate = &draft.certificate;
    let reason = match renewal {
        Renewal::Forced => "forced",
        Renewal::IfDue => "missing",
    };
    let wanted_order = |algorithm: &KeyAlgorithm| WantedOrder {
        algorithm: *algorithm,
        reason: reason.to_owned(),
        replaces: None,
    };
    let wanted = Wanted {
        kind: "issue",
        actor,
        certificate,
        vendor,
        orders: draft.keys.iter().map(wanted_order).collect(),
    };
    let due = Due {
        at: console.now(),
        reason: reason.to_owned(),
    };
    let mut tx = console.db.begin_write().await?;
    tx.insert_certificate(certificate, &draft.keys)
        .await
        .map_err(|error| name_taken(error, &certificate.name))?;
    for key in &draft.keys {
        tx.set_due(certificate.id, *key, Some(&due)).await?;
    }
    if let Some(key) = &draft.key {
        let der = key.to_pkcs8_der();
        tx.set_slot_key(certificate.id, key.algorithm(), Some(&der))
            .await?;
    }
    let id = enqueue(&mut tx, &wanted).await?;
    for warning in warnings {
        tx.add_event(&warned(certificate, Some(id), warning, tx.now()))
            .await?;
    }
    tx.commit().await?;
    Ok(id)
}

/// A line in the log that warns of what an operator asked for.
pub(crate) fn warned(
    certificate: &Certificate,
    operation_id: Option<OperationId>,
    warning: &str,
    now: Timestamp,
) -> Event {
    let mut message = warning.to_owned();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Event {
        level: Level::Warn,
        operation_id,
        ..Event::new(
            now,
            certificate.id,
            &certificate.name,
            "certificate.warning",
            message,
        )
    }
}

/// Orders new versions of a certificate that is there.
///
/// # Errors
/// When there is no such certificate, it has no vendor, an order of it is running, or, unless forced, it is not due.
pub async fn renew(
    console: &Console,
    actor: &Actor,
    name: &str,
    renewal: Renewal,
) -> Result<OperationId, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let vendor = match certificate.vendor_id {
        Some(id) => console.db.vendor(id).await?,
        None => None,
    };
    let vendor = vendor.ok_or_else(|| {
        let detail = format!("the certificate \"{name}\" has no CA vendor to order from");
        Problem::new(ProblemCode::Invalid, detail)
            .known_as(messages::NO_VENDOR)
            .with_remedy("Give it one: change its vendor.")
    })?;
    preflight::names::check_stored(&vendor, &certificate.names)?;
    if certificate.paused {
        let detail = format!("\"{name}\" is paused");
        return Err(Problem::new(ProblemCode::CertificatePaused, detail).into());
    }
    let mut orders = Vec::new();
    for slot in console.db.slots(certificate.id).await? {
        let Some(reason) = reason_now(console, &certificate, &slot, renewal).await? else {
            continue;
        };
        orders.push(WantedOrder {
            algorithm: slot.algorithm,
            replaces: replaced_by(&console.db, &vendor, slot.active_version_id).await?,
            reason,
        });
    }
    if orders.is_empty() {
        return Err(not_due(console, &certificate).await?.into());
    }
    let wanted = Wanted {
        kind: "renew",
        actor,
        certificate: &certificate,
        vendor: &vendor,
        orders,
    };
    let mut tx = console.db.begin_write().await?;
    let id = match enqueue(&mut tx, &wanted).await {
        Err(error) if error.is_conflict() => {
            let detail = format!("an order of \"{name}\" is running");
            return Err(LifecycleError::new(ProblemCode::CertificateBusy, detail));
        }
        other => other?,
    };
    tx.commit().await?;
    console.bells.orders.notify_one();
    Ok(id)
}

/// Why a slot is renewed when an operator asks, or none when it is left alone. The operator stands in for the
/// automatic: a manual certificate is judged by the same rules.
async fn reason_now(
    console: &Console,
    certificate: &Certificate,
    slot: &Slot,
    renewal: Renewal,
) -> Result<Option<String>, DbError> {
    if renewal == Renewal::Forced {
        return Ok(Some("forced".to_owned()));
    }
    let mut tx = console.db.begin_write().await?;
    let active = match slot.active_version_id {
        Some(id) => tx.version(id).await?,
        None => None,
    };
    reason_now_of(&mut tx, certificate, slot, active.as_ref()).await
}

async fn not_due(console: &Console, certificate: &Certificate) -> Result<Problem, DbError> {
    let slots = console.db.slots(certificate.id).await?;
    let next = slots
        .iter()
        .filter_map(|slot| slot.due.as_ref())
        .min_by_key(|due| due.at);
    let detail = match next {
        Some(due) => format!(
            "\"{}\" is not due before {}: then {}",
            certificate.name,
            due.at,
            in_words(&due.reason)
        ),
        None => format!(
            "\"{}\" is not due: its renewals are manual",
            certificate.name
        ),
    };
    Ok(Problem::new(ProblemCode::CertificateExists, detail)
        .known_as(messages::NOT_CHANGED)
        .with_remedy("Force the renewal if it is wanted all the same: `--force`; it counts against the CA's limits."))
}

/// Every name must be provable: by a mapped, active provider, or by who shows responses to challenges.
pub(crate) async fn check_challenges(
    console: &Console,
    certificate: &Certificate,
) -> Result<(), LifecycleError> {
    let wish = Wish {
        names: &certificate.names,
        terms: &certificate.terms,
        selector: &certificate.selector,
        store: certificate.store,
    };
    let Some(Unprovable { index, failure }) = unprovable(console, &wish).await? else {
        return Ok(());
    };
    let code = match failure.code.as_str() {
        "domain.unmapped" => ProblemCode::DomainUnmapped,
        "dns_provider.none_active" => ProblemCode::DnsProviderNoneActive,
        "dns_provider.not_found" => ProblemCode::DnsProviderNotFound,
        _ => ProblemCode::Invalid,
    };
    let mut problem = failure.to_problem(code).at(match index {
        Some(index) => format!("/domains/{index}"),
        None => "/ips".to_owned(),
    });
    // What is missing is not what the path names.
    problem.status = 422;
    Err(problem.into())
}

/// The vendor of a name.
pub(crate) async fn vendor_named(console: &Console, name: &str) -> Result<Vendor, LifecycleError> {
    let found = console.db.vendor_by_name(name).await?;
    found.ok_or_else(|| {
        let detail = match name.trim().is_empty() {
            true => "no CA vendor was given".to_owned(),
            false => format!("there is no CA vendor \"{name}\""),
        };
        let mut problem = Problem::new(ProblemCode::CaVendorNotFound, detail)
            .known_as(messages::NO_VENDOR)
            .at("/vendor");
        // What is missing is not what the path names.
        problem.status = 422;
        problem.into()
    })
}

/// The certificate of a name.
pub(crate) async fn certificate_named(
    console: &Console,
    name: &str,
) -> Result<Certificate, LifecycleError> {
    let found = console.db.certificate_by_name(name).await?;
    found.ok_or_else(|| not_found(name))
}

pub(crate) fn not_found(name: &str) -> LifecycleError {
    let detail = format!("there is no certificate \"{name}\"");
    LifecycleError::new(ProblemCode::CertificateNotFound, detail)
}

pub(crate) fn name_taken(error: DbError, name: &str) -> LifecycleError {
    if error.is_conflict() {
        let detail = format!("there is a certificate \"{name}\" already");
        return Problem::new(ProblemCode::Conflict, detail)
            .at("/name")
            .into();
    }
    error.into()
}

pub(crate) const fn mode(auto_renew: bool) -> RenewalMode {
    if auto_renew {
        RenewalMode::Automatic
    } else {
        RenewalMode::Manual
    }
}
