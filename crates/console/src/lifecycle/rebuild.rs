//! A chain anew, without a new certificate: downloaded once more from where the CA keeps it (RFC 8555 §7.4.2).

use evercert_acme::select_chain;
use evercert_api::certificates::Certificate;
use evercert_api::revocations::RebuildRequest;
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::Certificate as Row;
use evercert_db::events::Event;
use evercert_db::orders::Order;
use evercert_db::versions::{Material, Version};
use evercert_types::{VersionId, VersionState};
use evercert_x509::{Chain, verify_chain_links};
use serde_json::json;

use super::certificates::{check_key, view, with_warnings};
use super::change::commit_store_change;
use super::failure::{Failure, Stage, sentence};
use super::request::{certificate_named, not_found};
use super::{Actor, LifecycleError, acme_clients, chains, install};
use crate::state::Console;

/// Gives the versions in force the chain that the CA offers now, as new versions with the same leaf and key.
///
/// What comes is completed and checked like any other; a chain that is as it was changes nothing.
///
/// # Errors
/// When there is no such certificate, nothing of it is in force, or the CA does not give the certificate.
pub async fn rebuild_chain(
    console: &Console,
    actor: &Actor,
    name: &str,
    request: &RebuildRequest,
) -> Result<Certificate, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let slots = console.db.slots(certificate.id).await?;
    check_key(name, request.key, &slots)?;
    let mut warnings = Vec::new();
    let mut is_any = false;
    for slot in &slots {
        let Some(active) = slot.active_version_id else {
            continue;
        };
        if request.key.is_some_and(|key| key != slot.algorithm) {
            continue;
        }
        is_any = true;
        warnings.extend(rebuild(console, actor, &certificate, active).await?);
    }
    if !is_any {
        let detail = format!("\"{name}\" has no version in force");
        return Err(LifecycleError::new(ProblemCode::CertificateNoKey, detail));
    }
    Ok(with_warnings(view(console, &certificate).await?, warnings))
}

async fn rebuild(
    console: &Console,
    actor: &Actor,
    certificate: &Row,
    active: VersionId,
) -> Result<Vec<String>, LifecycleError> {
    let missing = || not_found(&certificate.name);
    let version = console.db.version(active).await?.ok_or_else(missing)?;
    let pem = console
        .db
        .version_chain(active)
        .await?
        .ok_or_else(missing)?;
    let revocation = console.db.revocation(active).await?;
    if revocation.is_some_and(|one| !one.state.is_finished()) {
        let detail = format!("\"{}\" is being revoked", certificate.name);
        return Err(LifecycleError::new(ProblemCode::CertificateBusy, detail));
    }
    let unusable = |why: String| LifecycleError::new(ProblemCode::CertificateUnusable, why);
    let present = Chain::from_pem(&pem).map_err(|error| unusable(sentence(&error)))?;
    let offered = match order_of(console, &version).await? {
        Some(order) => download(console, &order).await?,
        // Nothing but the stores, and the network where that is allowed, can say more of one made elsewhere.
        None => present.clone(),
    };
    if offered.leaf() != present.leaf() {
        return Err(unusable(
            "the CA gave another certificate than the one in force".to_owned(),
        ));
    }
    let completed = chains::complete(console, offered, &[]).await?;
    verify_chain_links(&completed.chain).map_err(|error| unusable(sentence(&error)))?;
    let mut warnings = completed.warnings;
    if completed.chain == present {
        warnings.push("the chain is as it was".to_owned());
        return Ok(warnings);
    }
    put_in_force(console, actor, certificate, &version, &completed.chain).await?;
    Ok(warnings)
}

/// The order that brought a version, where its certificate can still be downloaded.
async fn order_of(console: &Console, version: &Version) -> Result<Option<Order>, LifecycleError> {
    // A version with a rebuilt chain has the order of the version it was made from.
    let order = match version.order_id {
        Some(id) => console.db.order(id).await?,
        None => None,
    };
    Ok(order.filter(|order| order.certificate_url.is_some()))
}

async fn download(console: &Console, order: &Order) -> Result<Chain, LifecycleError> {
    let refused = |failure: Failure| failure.to_problem(ProblemCode::CaVendorFailed);
    let account = acme_clients::account(console, order.vendor_id)
        .await
        .map_err(refused)?;
    let url = order.certificate_url.clone().unwrap_or_default();
    let failed = |error| refused(Failure::acme(Stage::Download, &error));
    let default = account.download(&url).await.map_err(failed)?;
    let unusable = |error: &evercert_x509::ChainError| {
        Problem::new(ProblemCode::CertificateUnusable, sentence(error))
    };
    let chain = Chain::from_pem(&default.pem).map_err(|error| unusable(&error))?;
    let vendor = console.db.vendor(order.vendor_id).await?;
    let wanted = order.terms.preferred_chain.clone();
    let wanted = wanted.or_else(|| vendor.and_then(|vendor| vendor.preferred_chain));
    let Some(wanted) = wanted else {
        return Ok(chain);
    };
    let alternates = account.download_alternates(&default).await;
    let alternates = alternates
        .iter()
        .filter_map(|alternate| Chain::from_pem(&alternate.pem).ok());
    Ok(select_chain(chain, alternates.collect(), Some(&wanted)))
}

/// Versions never change: the other chain makes another one, with the same leaf and key.
async fn put_in_force(
    console: &Console,
    actor: &Actor,
    certificate: &Row,
    before: &Version,
    chain: &Chain,
) -> Result<(), LifecycleError> {
    let key = console.db.version_key(before.id).await?;
    let mut tx = console.db.begin_write().await?;
    let held = tx.hold_slot(certificate.id, before.algorithm).await?;
    let is_same = held.is_some_and(|slot| slot.active_version_id == Some(before.id));
    let current = tx.certificate(certificate.id).await?;
    let Some(certificate) = current.filter(|_| is_same) else {
        let detail = format!(
            "another version of \"{}\" came into force meanwhile",
            certificate.name
        );
        return Err(LifecycleError::new(ProblemCode::Conflict, detail));
    };
    let version = Version {
        id: VersionId::new(),
        generation: tx.next_generation(certificate.id, before.algorithm).await?,
        state: VersionState::Good,
        committed_at: tx.now(),
        ..before.clone()
    };
    let material = Material {
        version,
        chain_pem: chain.to_pem(),
        key,
    };
    tx.insert_version(&material).await?;
    let version = &material.version;
    tx.repoint_slot(certificate.id, version.algorithm, version.id)
        .await?;
    let revision = install::put_item(&mut tx, &certificate, version).await?;
    let message = format!(
        "Generation {} has the chain of generation {} anew, asked for by {actor}",
        version.generation, before.generation
    );
    let event = Event {
        detail: json!({"generation": version.generation, "algorithm": version.algorithm,
                       "certificates": chain.certificates().len(), "top_issuer": chain.top_issuer()}),
        ..Event::new(
            tx.now(),
            certificate.id,
            &certificate.name,
            "version.rechained",
            message,
        )
    };
    tx.add_event(&event).await?;
    commit_store_change(console, tx, revision).await?;
    Ok(())
}
