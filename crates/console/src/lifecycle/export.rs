//! Exports: a version's chain, and with the right its key, as PEM, DER or PKCS#12.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::certificates::{Export, ExportFormat, ExportPart, ExportRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_types::{Secret, VersionId};
use evercert_x509::{Certificate, Chain, KeyPair, encrypted_key, pkcs12};

use super::LifecycleError;
use super::certificates::check_key;
use super::failure::sentence;
use super::request::certificate_named;
use crate::state::Console;

/// The chain of the version in force, and its private key if that is asked for.
///
/// # Errors
/// When there is no such certificate or version, its key is not here, or the format cannot hold what is wanted.
pub async fn export(
    console: &Console,
    name: &str,
    request: &ExportRequest,
) -> Result<Export, LifecycleError> {
    check(request)?;
    let version = version_of(console, name, request).await?;
    let pem = console.db.version_chain(version).await?.unwrap_or_default();
    let chain = Chain::from_pem(&pem)
        .map_err(|error| LifecycleError::new(ProblemCode::CertificateUnusable, sentence(&error)))?;
    let key = match request.holds_key() {
        true => Some(key_of(console, name, version).await?),
        false => None,
    };
    // Deriving a key from a password takes a good part of a second: off the runtime.
    let (request, base) = (request.clone(), file_name(name));
    let made = tokio::task::spawn_blocking(move || write(&request, &chain, key.as_ref(), &base));
    made.await.map_err(|error| {
        LifecycleError::new(
            ProblemCode::Internal,
            format!("the export broke off: {error}"),
        )
    })?
}

fn check(request: &ExportRequest) -> Result<(), LifecycleError> {
    let invalid = |detail: &str, pointer: &str| -> Result<(), LifecycleError> {
        Err(Problem::new(ProblemCode::Invalid, detail)
            .at(pointer)
            .into())
    };
    let has_password = request
        .password
        .as_ref()
        .is_some_and(|text| !text.expose().is_empty());
    match request.format {
        ExportFormat::Pkcs12 if !has_password => {
            invalid("a PKCS#12 file needs a password", "/password")
        }
        ExportFormat::Der if request.part == ExportPart::FullChain => {
            invalid("a DER file holds one thing: the leaf or the key", "/part")
        }
        ExportFormat::Der if request.part == ExportPart::Intermediates => {
            invalid("a DER file holds one thing: the leaf or the key", "/part")
        }
        ExportFormat::Der if request.with_key && request.part != ExportPart::Key => invalid(
            "a DER file holds one thing: ask for the key by itself",
            "/with_key",
        ),
        _ if request.password.is_some() && !request.holds_key() => {
            invalid("only a private key is protected by a password", "/password")
        }
        _ if request.password.is_some() && !has_password => {
            invalid("the password is empty", "/password")
        }
        _ => Ok(()),
    }
}

async fn version_of(
    console: &Console,
    name: &str,
    request: &ExportRequest,
) -> Result<VersionId, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let slots = console.db.slots(certificate.id).await?;
    check_key(name, request.key, &slots)?;
    let slot = slots
        .iter()
        .find(|slot| request.key.is_none_or(|key| key == slot.algorithm));
    let Some(generation) = request.generation else {
        return slot.and_then(|slot| slot.active_version_id).ok_or_else(|| {
            let detail = format!("\"{name}\" has no version in force");
            LifecycleError::new(ProblemCode::CertificateNoKey, detail)
        });
    };
    let versions = console.db.versions(certificate.id).await?;
    let wanted = versions.iter().find(|version| {
        version.generation == generation
            && slot.is_some_and(|slot| slot.algorithm == version.algorithm)
    });
    wanted.map(|version| version.id).ok_or_else(|| {
        let detail = format!("\"{name}\" has no generation {generation}");
        LifecycleError::new(ProblemCode::NotFound, detail)
    })
}

async fn key_of(
    console: &Console,
    name: &str,
    version: VersionId,
) -> Result<KeyPair, LifecycleError> {
    let no_key = || {
        let detail = format!("the private key of \"{name}\" is not here");
        LifecycleError::new(ProblemCode::CertificateNoKey, detail)
    };
    let der = console.db.version_key(version).await?.ok_or_else(no_key)?;
    KeyPair::from_pkcs8_der(der.expose()).map_err(|_| no_key())
}

fn write(
    request: &ExportRequest,
    chain: &Chain,
    key: Option<&KeyPair>,
    base: &str,
) -> Result<Export, LifecycleError> {
    let file = |content: &[u8], extension: &str, media_type: &str| Export {
        chain_pem: String::new(),
        key_pem: None,
        content: Some(STANDARD.encode(content)),
        file_name: format!("{base}.{extension}"),
        media_type: media_type.to_owned(),
    };
    let password = request.password.as_ref().map(Secret::expose);
    match (request.format, key) {
        (ExportFormat::Pkcs12, Some(key)) => {
            let profile = match request.legacy {
                true => pkcs12::Profile::Legacy,
                false => pkcs12::Profile::Modern,
            };
            let password = password.map(String::as_str).unwrap_or_default();
            let made = pkcs12::export(key, chain, password, profile).map_err(|e| failed(&e))?;
            Ok(file(&made, "p12", "application/x-pkcs12"))
        }
        (ExportFormat::Der, Some(key)) => {
            let der = match password {
                Some(password) => encrypted_key::encrypt(key, password).map_err(|e| failed(&e))?,
                None => key.to_pkcs8_der().expose().clone(),
            };
            Ok(file(&der, "key", "application/pkcs8"))
        }
        (ExportFormat::Der, None) => Ok(file(chain.leaf().der(), "cer", "application/pkix-cert")),
        (_, key) => Ok(Export {
            chain_pem: pem_of(request.part, chain),
            key_pem: key.map(|key| key_pem(key, password)).transpose()?,
            content: None,
            file_name: format!("{base}.pem"),
            media_type: "application/x-pem-file".to_owned(),
        }),
    }
}

fn key_pem(key: &KeyPair, password: Option<&String>) -> Result<String, LifecycleError> {
    match password {
        Some(password) => {
            let pem = encrypted_key::encrypt_to_pem(key, password).map_err(|e| failed(&e))?;
            Ok(pem.expose().clone())
        }
        None => Ok(key.to_pkcs8_pem().expose().clone()),
    }
}

fn pem_of(part: ExportPart, chain: &Chain) -> String {
    match part {
        ExportPart::FullChain => chain.to_pem(),
        ExportPart::Leaf => Certificate::to_pem(chain.leaf()),
        ExportPart::Intermediates => chain.pem_without_leaf(),
        ExportPart::Key => String::new(),
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> LifecycleError {
    LifecycleError::new(ProblemCode::Internal, sentence(error))
}

/// A certificate's name as a file's, where `*` would be a nuisance.
fn file_name(name: &str) -> String {
    name.replace('*', "_")
}
