//! Choosing which certificates are renewed through a vendor: all that is asked for, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use evercert_api::ca_vendors::{VendorCertificates, VendorSelection};
use evercert_api::{Problem, ProblemCode};
use evercert_db::Tx;
use evercert_db::certificates::Certificate;
use evercert_db::events::Event;
use evercert_db::vendors::{InForce, Vendor};
use evercert_types::{CertificateId, RenewalMode};
use serde_json::json;

use super::scan::{Recogniser, ScanPage, scan};
use super::{named, plan};
use crate::lifecycle::request::not_found;
use crate::lifecycle::{Actor, LifecycleError};
use crate::state::Console;

/// Puts certificates under a vendor, with automatic renewal, or takes them from it, to be renewed by hand; answers
/// with a scan. What another CA issued is renewed through the vendor when its time comes.
///
/// # Errors
/// When a name is unknown, is mapped to another vendor or not to this one, or the change of CA is not confirmed; then
/// nothing was changed.
pub async fn select(
    console: &Console,
    actor: &Actor,
    name: &str,
    selection: &VendorSelection,
) -> Result<VendorCertificates, LifecycleError> {
    let vendor = named(console, name).await?;
    check_lists(selection)?;
    let add = ids(console, &selection.add).await?;
    let remove = ids(console, &selection.remove).await?;
    check_issuers(console, &vendor, selection, &add).await?;
    // In one order always, so that two who select do not wait for each other.
    let mut all: Vec<(CertificateId, bool)> = add.values().map(|id| (*id, true)).collect();
    all.extend(remove.values().map(|id| (*id, false)));
    all.sort_unstable();
    let mut tx = console.db.begin_write().await?;
    if tx.vendor(vendor.id).await?.is_none() {
        return Err(super::not_found(name));
    }
    for (id, adds) in all {
        let changed = change(&mut tx, &vendor, id, adds).await?;
        if let Some(certificate) = changed {
            tx.add_event(&event(&tx, actor, &vendor, &certificate))
                .await?;
        }
    }
    tx.commit().await?;
    console.bells.renewals.notify_one();
    scan(console, name, &ScanPage::default()).await
}

fn check_lists(selection: &VendorSelection) -> Result<(), Box<Problem>> {
    let removed: BTreeSet<&String> = selection.remove.iter().collect();
    let both = selection.add.iter().find(|name| removed.contains(name));
    both.map_or(Ok(()), |name| {
        let detail = format!("\"{name}\" is to be added and removed at once");
        Err(Problem::new(ProblemCode::Invalid, detail)
            .at("/remove")
            .into())
    })
}

async fn ids(
    console: &Console,
    names: &[String],
) -> Result<BTreeMap<String, CertificateId>, LifecycleError> {
    let mut ids = BTreeMap::new();
    for name in names {
        let found = console.db.certificate_by_name(name).await?;
        let found = found.ok_or_else(|| not_found(name))?;
        ids.insert(name.clone(), found.id);
    }
    Ok(ids)
}

/// Refuses to let certificates of another CA change over before somebody has confirmed that.
async fn check_issuers(
    console: &Console,
    vendor: &Vendor,
    selection: &VendorSelection,
    add: &BTreeMap<String, CertificateId>,
) -> Result<(), LifecycleError> {
    if selection.confirm_vendor_change || add.is_empty() {
        return Ok(());
    }
    let recogniser = Recogniser::new(console, vendor).await?;
    let wanted: BTreeMap<CertificateId, &String> =
        add.iter().map(|(name, id)| (*id, name)).collect();
    let in_force = console.db.versions_in_force().await?;
    let foreign: BTreeSet<&str> = in_force
        .iter()
        .filter(|version: &&InForce| !recogniser.knows(version))
        .filter_map(|version| wanted.get(&version.certificate_id))
        .map(|name| name.as_str())
        .collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = foreign.into_iter().collect();
    let detail = format!(
        "another CA issued {}; from the next renewal on, {} would",
        names.join(", "),
        vendor.name
    );
    Err(Problem::new(ProblemCode::CertificateVendorChange, detail)
        .with_remedy(
            "Confirm the change of vendor: `confirm_vendor_change` (`--confirm-vendor-change`).",
        )
        .at("/confirm_vendor_change")
        .into())
}

/// Changes one certificate, held; nothing where it is so already.
async fn change(
    tx: &mut Tx,
    vendor: &Vendor,
    id: CertificateId,
    adds: bool,
) -> Result<Option<Certificate>, LifecycleError> {
    let held = tx.hold_certificate(id).await?;
    let (mut certificate, slots) = held.ok_or_else(|| not_found(&id.to_string()))?;
    let before = (certificate.vendor_id, certificate.renewal_mode);
    let mine = certificate.vendor_id == Some(vendor.id);
    if adds {
        if certificate.vendor_id.is_some() && !mine {
            return Err(mapped_elsewhere(tx, &certificate).await?.into());
        }
        certificate.vendor_id = Some(vendor.id);
        certificate.renewal_mode = RenewalMode::Automatic;
    } else {
        if !mine {
            let detail = format!(
                "\"{}\" is not mapped to \"{}\"",
                certificate.name, vendor.name
            );
            return Err(Problem::new(ProblemCode::Invalid, detail)
                .at("/remove")
                .into());
        }
        certificate.vendor_id = None;
        certificate.renewal_mode = RenewalMode::Manual;
    }
    if before == (certificate.vendor_id, certificate.renewal_mode) {
        return Ok(None);
    }
    tx.update_certificate(&certificate).await?;
    for slot in &slots {
        let active = match slot.active_version_id {
            Some(version) => tx.version(version).await?,
            None => None,
        };
        plan::replan(tx, &certificate, slot, active.as_ref()).await?;
    }
    Ok(Some(certificate))
}

async fn mapped_elsewhere(
    tx: &mut Tx,
    certificate: &Certificate,
) -> Result<Problem, LifecycleError> {
    let other = match certificate.vendor_id {
        Some(id) => tx.vendor(id).await?,
        None => None,
    };
    let other = other.map_or_else(|| "another vendor".to_owned(), |other| other.name);
    let name = &certificate.name;
    let detail = format!("\"{name}\" is mapped to \"{other}\"");
    Ok(Problem::new(ProblemCode::CertificateMapped, detail)
        .with_remedy(format!(
            "Remove it there first: `evercert ca-vendor deselect {other} {name}`."
        ))
        .at("/add"))
}

fn event(tx: &Tx, actor: &Actor, vendor: &Vendor, certificate: &Certificate) -> Event {
    let added = certificate.vendor_id.is_some();
    let message = if added {
        format!(
            "Renewed through {} from now on, as {actor} chose",
            vendor.name
        )
    } else {
        format!(
            "Taken from {} by {actor}: renewed by hand from now on",
            vendor.name
        )
    };
    Event {
        detail: json!({"vendor": vendor.name, "selected": added}),
        ..Event::new(
            tx.now(),
            certificate.id,
            &certificate.name,
            "certificate.changed",
            message,
        )
    }
}
