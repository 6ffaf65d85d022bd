//! Certificates made elsewhere: checked like issued ones, and put into force the same way.

use evercert_api::certificates::{Certificate, ImportRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::{self as rows, KeyPolicy};
use evercert_db::events::Event;
use evercert_db::vendors::Vendor;
use evercert_db::versions::Material;
use evercert_types::{CertificateId, KeyAlgorithm, StoreKind};
use evercert_x509::{Chain, KeyPair, verify_chain_links, verify_key_matches};
use serde_json::json;

use super::certificates::view;
use super::change::commit_store_change;
use super::failure::sentence;
use super::request::{mode, name_taken, vendor_named};
use super::{Actor, LifecycleError, check_name, install, plan};
use crate::state::Console;

/// Takes in a chain and its key: a new certificate, or a new version of one that is there.
///
/// # Errors
/// When chain and key do not fit together or have expired, the store differs from the existing certificate's, or the
/// key is missing where it is needed.
pub async fn import(
    console: &Console,
    actor: &Actor,
    request: ImportRequest,
) -> Result<Certificate, LifecycleError> {
    check_name(&request.name, 128, "-_.*", "/name")?;
    let (chain, key) = check_material(console, &request)?;
    let algorithm = algorithm_of(&chain)?;
    let vendor = match &request.vendor {
        Some(name) => Some(vendor_named(console, name).await?),
        None => None,
    };
    if request.auto_renew && vendor.is_none() {
        let problem = Problem::new(ProblemCode::Invalid, "automatic renewal needs a CA vendor");
        return Err(problem.at("/vendor").into());
    }
    let existing = console.db.certificate_by_name(&request.name).await?;
    let certificate = match existing {
        Some(existing) => {
            check_existing(&existing, &request)?;
            write(console, actor, existing, None, &chain, key, algorithm).await?
        }
        None => {
            let certificate = new_certificate(console, &request, &chain, vendor.as_ref());
            write(
                console,
                actor,
                certificate,
                Some(algorithm),
                &chain,
                key,
                algorithm,
            )
            .await?
        }
    };
    console.wake_tasks();
    Ok(view(console, &certificate).await?)
}

fn check_material(
    console: &Console,
    request: &ImportRequest,
) -> Result<(Chain, Option<KeyPair>), LifecycleError> {
    let unusable = |pointer: &str, why: String| -> LifecycleError {
        Problem::new(ProblemCode::CertificateUnusable, why)
            .at(pointer)
            .into()
    };
    let chain = Chain::from_pem(&request.chain_pem)
        .map_err(|error| unusable("/chain_pem", sentence(&error)))?;
    verify_chain_links(&chain).map_err(|error| unusable("/chain_pem", sentence(&error)))?;
    let leaf = chain.leaf();
    if leaf.not_after() <= console.now() {
        let why = format!("the certificate expired at {}", leaf.not_after());
        return Err(unusable("/chain_pem", why));
    }
    if leaf.dns_names().is_empty() {
        let why = "the certificate names no domain".to_owned();
        return Err(unusable("/chain_pem", why));
    }
    let Some(pem) = &request.key_pem else {
        if request.store == StoreKind::ZeroTouch {
            let why = "the zero-touch store needs the private key".to_owned();
            return Err(unusable("/key_pem", why));
        }
        return Ok((chain, None));
    };
    let key = KeyPair::from_pem(pem.expose()).map_err(|error| {
        unusable(
            "/key_pem",
            format!("{}. {}", sentence(&error), error.remedy()),
        )
    })?;
    verify_key_matches(leaf, &key).map_err(|error| unusable("/key_pem", sentence(&error)))?;
    Ok((chain, Some(key)))
}

fn algorithm_of(chain: &Chain) -> Result<KeyAlgorithm, LifecycleError> {
    chain.leaf().key_algorithm().ok_or_else(|| {
        let why = "its key is none of ECDSA P-256, P-384 and RSA 2048, 3072, 4096";
        Problem::new(ProblemCode::CertificateUnusable, why)
            .at("/chain_pem")
            .into()
    })
}

fn check_existing(
    existing: &rows::Certificate,
    request: &ImportRequest,
) -> Result<(), LifecycleError> {
    if existing.store == request.store {
        return Ok(());
    }
    let detail = format!(
        "\"{}\" is in the {} store and stays there",
        existing.name, existing.store
    );
    Err(Problem::new(ProblemCode::Conflict, detail)
        .with_remedy("Import it under another name, or into that store.")
        .at("/store")
        .into())
}

fn new_certificate(
    console: &Console,
    request: &ImportRequest,
    chain: &Chain,
    vendor: Option<&Vendor>,
) -> rows::Certificate {
    let now = console.now();
    rows::Certificate {
        id: CertificateId::new(),
        name: request.name.clone(),
        store: request.store,
        names: chain.leaf().dns_names(),
        vendor_id: vendor.map(|vendor| vendor.id),
        renewal_mode: mode(request.auto_renew),
        key_policy: KeyPolicy::Rotate,
        profile: None,
        selector: request.scope.clone(),
        labels: Default::default(),
        terms: Default::default(),
        paused: false,
        created_at: now,
        updated_at: now,
    }
}

/// One transaction: the certificate if it is `new`, its version, pointer, store item, plan and log.
async fn write(
    console: &Console,
    actor: &Actor,
    mut certificate: rows::Certificate,
    new: Option<KeyAlgorithm>,
    chain: &Chain,
    key: Option<KeyPair>,
    algorithm: KeyAlgorithm,
) -> Result<rows::Certificate, LifecycleError> {
    let mut version = install::version_of(&certificate, chain, console.now());
    let mut tx = console.db.begin_write().await?;
    match new {
        Some(algorithm) => tx
            .insert_certificate(&certificate, &[algorithm])
            .await
            .map_err(|error| name_taken(error, &certificate.name))?,
        None => {
            tx.insert_slot(certificate.id, algorithm, 1).await?;
            let held = tx.hold_certificate(certificate.id).await?;
            certificate = held.map_or(certificate, |(held, _)| held);
            certificate.names = chain.leaf().dns_names();
            tx.update_certificate(&certificate).await?;
        }
    }
    version.generation = tx.next_generation(certificate.id, algorithm).await?;
    let material = Material {
        version,
        chain_pem: chain.to_pem(),
        key: key.map(|key| key.to_pkcs8_der()),
    };
    tx.insert_version(&material).await?;
    let version = &material.version;
    let revision = install::activate(&mut tx, &certificate, version).await?;
    plan::after_install(&mut tx, &certificate, version).await?;
    let message = format!("Generation {} was imported by {actor}", version.generation);
    let event = Event {
        detail: json!({"generation": version.generation, "algorithm": algorithm,
                       "fingerprint": version.fingerprint, "not_after": version.not_after}),
        ..Event::new(
            tx.now(),
            certificate.id,
            &certificate.name,
            "version.imported",
            message,
        )
    };
    tx.add_event(&event).await?;
    commit_store_change(console, tx, revision).await?;
    Ok(certificate)
}
