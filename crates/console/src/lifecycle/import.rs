//! Certificates made elsewhere: checked like issued ones, and put into force the same way.

use evercert_api::certificates::{Certificate, ImportRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::{self as rows, KeyPolicy};
use evercert_db::events::Event;
use evercert_db::vendors::Vendor;
use evercert_db::versions::Material;
use evercert_types::{CertificateId, DomainName, KeyAlgorithm, StoreKind};
use evercert_x509::{Chain, KeyPair, verify_chain_links};
use serde_json::json;

use super::certificates::{view, with_warnings};
use super::change::commit_store_change;
use super::failure::sentence;
use super::material::{Given, read};
use super::request::{mode, name_taken, vendor_named};
use super::{Actor, LifecycleError, chains, check_name, enrol, install, plan};
use crate::state::Console;

/// Takes in a chain and its key: a new certificate, or a new version of one that is there.
///
/// The chain may come in any order and format; what is missing of it is added from the stores, or fetched where the
/// configuration allows that. What remains missing is no error: the answer's warnings tell.
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
    let Given { chain, key, pool } = read(&request)?;
    check_material(console, &request, &chain, key.as_ref())?;
    let completed = chains::complete(console, chain, &pool).await?;
    let chain = completed.chain;
    verify_chain_links(&chain).map_err(|error| unusable("/content", sentence(&error)))?;
    let algorithm = algorithm_of(&chain)?;
    let vendor = match &request.vendor {
        Some(name) => Some(vendor_named(console, name).await?),
        None => None,
    };
    let existing = console.db.certificate_by_name(&request.name).await?;
    let (certificate, new) = match existing {
        Some(existing) => {
            check_existing(&existing, &request)?;
            (existing, None)
        }
        None => {
            let made = new_certificate(console, &request, &chain, vendor.as_ref());
            if request.auto_renew {
                enrol::check(console, &made).await?;
            }
            (made, Some(algorithm))
        }
    };
    let certificate = write(console, actor, certificate, new, &chain, key, algorithm).await?;
    console.wake_tasks();
    let view = view(console, &certificate).await?;
    Ok(with_warnings(view, completed.warnings))
}

pub(crate) fn unusable(pointer: &str, why: impl Into<String>) -> LifecycleError {
    Problem::new(ProblemCode::CertificateUnusable, why)
        .at(pointer)
        .into()
}

fn check_material(
    console: &Console,
    request: &ImportRequest,
    chain: &Chain,
    key: Option<&KeyPair>,
) -> Result<(), LifecycleError> {
    let leaf = chain.leaf();
    if leaf.not_after() <= console.now() {
        let why = format!("the certificate expired at {}", leaf.not_after());
        return Err(unusable("/content", why));
    }
    if leaf.has_weak_signature() {
        let why = "the certificate is signed with MD5 or SHA-1, which no client takes any more";
        return Err(unusable("/content", why));
    }
    if request.store != StoreKind::ZeroTouch {
        return Ok(());
    }
    if key.is_none() {
        let why = "the zero-touch store needs the private key";
        return Err(unusable("/key_pem", why));
    }
    if names_of(chain).is_empty() {
        let why = "the certificate names no domain: nothing would choose it in a handshake";
        return Err(unusable("/content", why));
    }
    Ok(())
}

fn algorithm_of(chain: &Chain) -> Result<KeyAlgorithm, LifecycleError> {
    chain.leaf().key_algorithm().ok_or_else(|| {
        let why = "its key is weak or unusual: none of ECDSA P-256, P-384 and RSA 2048, 3072, 4096";
        unusable("/content", why)
    })
}

/// The DNS names; of a certificate of old that has none, its common name if it can be one.
fn names_of(chain: &Chain) -> Vec<DomainName> {
    let leaf = chain.leaf();
    let names = leaf.dns_names();
    if !names.is_empty() || !leaf.ip_addresses().is_empty() {
        return names;
    }
    let name = leaf.common_name().and_then(|name| name.parse().ok());
    name.into_iter().collect()
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
        names: names_of(chain),
        vendor_id: vendor.map(|vendor| vendor.id),
        renewal_mode: mode(request.auto_renew),
        key_policy: KeyPolicy::Rotate,
        profile: None,
        selector: request.scope.clone(),
        labels: request.labels.clone(),
        terms: evercert_db::terms::Terms {
            ips: chain.leaf().ip_addresses(),
            ..Default::default()
        },
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
            certificate.names = names_of(chain);
            certificate.terms.ips = chain.leaf().ip_addresses();
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
