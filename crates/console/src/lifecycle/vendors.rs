//! CA vendors: adding one connects to it and registers the account, or leaves nothing behind.

use std::time::Instant;

use evercert_acme::{AccountKey, AcmeError, Client, Directory, Eab, SignatureAlgorithm};
use evercert_api::ca_vendors::{CaVendor, NewCaVendor, TestReport, TestStep};
use evercert_api::{Problem, ProblemCode};
use evercert_db::DbErrorKind;
use evercert_db::terms::VendorOptions;
use evercert_db::vendors::Vendor;
use evercert_types::{Secret, VendorId, format_span, parse_span};
use serde_json::json;

use super::failure::{Failure, sentence};
use super::{Actor, LifecycleError, acme_clients, check_name, messages};
use crate::state::Console;

/// Adds a vendor: reads its directory, saves it with a new account key, registers the account.
///
/// # Errors
/// A problem that points into the request, or says what the CA answered; then nothing was saved.
pub async fn add_vendor(
    console: &Console,
    actor: &Actor,
    new: NewCaVendor,
) -> Result<CaVendor, LifecycleError> {
    let (mut vendor, eab) = check(console, &new)?;
    if console.db.vendor_by_name(&vendor.name).await?.is_some() {
        return Err(taken(&vendor.name));
    }
    let client = acme_clients::connect(console, &vendor)
        .await
        .map_err(|error| refused(&error))?;
    check_directory(client.directory(), &vendor, eab.is_some())?;
    vendor.capabilities = json!(acme_clients::capabilities(&client));
    save(console, &vendor, eab.as_ref()).await?;
    if let Err(failure) = register(console, &client, &vendor).await {
        let mut tx = console.db.begin_write().await?;
        tx.remove_vendor(vendor.id).await?;
        tx.commit().await?;
        return Err(failed(&failure).into());
    }
    configuration_changed(console).await?;
    tracing::info!(
        vendor.name = vendor.name,
        actor = actor.as_str(),
        "a CA vendor was added"
    );
    view(console, &vendor).await
}

/// All vendors, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(console: &Console) -> Result<Vec<CaVendor>, LifecycleError> {
    let mut vendors = Vec::new();
    for vendor in console.db.vendors().await? {
        vendors.push(view(console, &vendor).await?);
    }
    Ok(vendors)
}

/// One vendor.
///
/// # Errors
/// When there is no such vendor.
pub async fn show(console: &Console, name: &str) -> Result<CaVendor, LifecycleError> {
    let vendor = named(console, name).await?;
    view(console, &vendor).await
}

/// Removes a vendor with its account key.
///
/// # Errors
/// When there is no such vendor, or certificates are issued through it.
pub async fn remove(console: &Console, actor: &Actor, name: &str) -> Result<(), LifecycleError> {
    let vendor = named(console, name).await?;
    let in_use = |count: u64| {
        let detail = match count {
            1 => format!("1 certificate is issued through \"{name}\""),
            _ => format!("{count} certificates are issued through \"{name}\""),
        };
        LifecycleError::new(ProblemCode::CaVendorInUse, detail)
    };
    let count = console.db.certificates_of_vendor(vendor.id).await?;
    if count > 0 {
        return Err(in_use(count));
    }
    let mut tx = console.db.begin_write().await?;
    match tx.remove_vendor(vendor.id).await {
        Err(error) if error.kind() == DbErrorKind::Referenced => return Err(in_use(1)),
        other => other?,
    };
    tx.commit().await?;
    console.acme.forget(vendor.id);
    tracing::info!(
        vendor.name = name,
        actor = actor.as_str(),
        "a CA vendor was removed"
    );
    Ok(())
}

/// Tries a vendor step by step: directory, nonce, account.
///
/// # Errors
/// When there is no such vendor, or the database fails; what the CA does is in the report.
pub async fn test_vendor(console: &Console, name: &str) -> Result<TestReport, LifecycleError> {
    let vendor = named(console, name).await?;
    let mut report = TestReport {
        ok: false,
        steps: Vec::new(),
    };
    let start = Instant::now();
    let connected = acme_clients::connect(console, &vendor).await;
    let detail = |client: &Client| format!("read {}", client.directory().url);
    let Some(client) = step(&mut report, "directory", start, connected, detail) else {
        return Ok(report);
    };
    let offered = json!(acme_clients::capabilities(&client));
    console
        .db
        .set_vendor_capabilities(vendor.id, &offered)
        .await?;
    let start = Instant::now();
    let probed = client.probe().await;
    if step(&mut report, "nonce", start, probed, |()| {
        "the CA gives nonces".to_owned()
    })
    .is_none()
    {
        return Ok(report);
    }
    let start = Instant::now();
    let account = register(console, &client, &vendor).await;
    report.steps.push(match &account {
        Ok(url) => passed("account", start, url.clone()),
        Err(failure) => not_passed("account", start, failure),
    });
    report.ok = account.is_ok();
    Ok(report)
}

fn step<T>(
    report: &mut TestReport,
    name: &str,
    start: Instant,
    outcome: Result<T, AcmeError>,
    detail: impl FnOnce(&T) -> String,
) -> Option<T> {
    let (step, value) = match outcome {
        Ok(value) => (passed(name, start, detail(&value)), Some(value)),
        Err(error) => {
            let failure = Failure::acme(super::failure::Stage::Account, &error);
            (not_passed(name, start, &failure), None)
        }
    };
    report.steps.push(step);
    value
}

/// A step that passed.
pub(crate) fn passed(name: &str, start: Instant, detail: String) -> TestStep {
    TestStep {
        name: name.to_owned(),
        ok: true,
        detail,
        remedy: None,
        duration_ms: millis(start),
    }
}

/// A step that failed, in the words that adding the vendor has for it.
fn not_passed(name: &str, start: Instant, failure: &Failure) -> TestStep {
    TestStep {
        name: name.to_owned(),
        ok: false,
        detail: failure.message.clone(),
        remedy: failure.remedy.clone(),
        duration_ms: millis(start),
    }
}

/// Time passed, in whole milliseconds.
pub(crate) fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The saved vendor's account, registered if it is not; answers its URL.
async fn register(console: &Console, client: &Client, vendor: &Vendor) -> Result<String, Failure> {
    let saved = console.db.account_of(vendor.id).await?;
    let saved = saved.ok_or_else(|| Failure::vendor_missing(vendor.id))?;
    let account = acme_clients::register(console, client, vendor, &saved).await?;
    if saved.url.is_some() {
        let known = evercert_acme::NewAccount {
            only_return_existing: true,
            ..evercert_acme::NewAccount::default()
        };
        client
            .new_account(account.key(), &known)
            .await
            .map_err(|error| Failure::acme(super::failure::Stage::Account, &error))?;
    }
    Ok(account.url().to_owned())
}

async fn save(console: &Console, vendor: &Vendor, eab: Option<&Eab>) -> Result<(), LifecycleError> {
    let key = AccountKey::generate(SignatureAlgorithm::Es256)
        .map_err(|error| LifecycleError::new(ProblemCode::Internal, sentence(&error)))?;
    let mut tx = console.db.begin_write().await?;
    match tx.insert_vendor(vendor, eab.map(|eab| &eab.hmac)).await {
        Err(error) if error.is_conflict() => return Err(taken(&vendor.name)),
        other => other?,
    }
    let key: Secret<Vec<u8>> = key.to_pkcs8_der();
    tx.insert_account(vendor.id, &key).await?;
    tx.commit().await?;
    Ok(())
}

fn check(console: &Console, new: &NewCaVendor) -> Result<(Vendor, Option<Eab>), LifecycleError> {
    check_name(&new.name, 64, "-_.", "/name")?;
    let invalid = |pointer: &str, detail: String| -> LifecycleError {
        Problem::new(ProblemCode::Invalid, detail)
            .at(pointer)
            .into()
    };
    if !new.directory_url.starts_with("https://") {
        let detail = "the directory URL must begin with https://".to_owned();
        return Err(invalid("/directory_url", detail));
    }
    let renew_before = new
        .renew_before
        .as_deref()
        .map(parse_span)
        .transpose()
        .map_err(|error| invalid("/renew_before", error.to_string()))?;
    let eab = match (&new.eab_kid, &new.eab_hmac) {
        (None, None) => None,
        (Some(kid), Some(hmac)) => Some(
            Eab::from_text(kid, hmac.expose())
                .map_err(|error| invalid("/eab_hmac", error.to_string()))?,
        ),
        (Some(_), None) => {
            return Err(invalid(
                "/eab_hmac",
                "the key id comes with an HMAC key".to_owned(),
            ));
        }
        (None, Some(_)) => {
            return Err(invalid(
                "/eab_kid",
                "the HMAC key comes with a key id".to_owned(),
            ));
        }
    };
    let now = console.now();
    let vendor = Vendor {
        id: VendorId::new(),
        name: new.name.clone(),
        directory_url: new.directory_url.clone(),
        email: new.email.clone(),
        ca_bundle: new.ca_bundle.clone(),
        eab_kid: eab.as_ref().map(|eab| eab.kid.clone()),
        renew_before,
        profile: new.profile.clone(),
        preferred_chain: new.preferred_chain.clone(),
        capabilities: json!({}),
        options: VendorOptions::default(),
        created_at: now,
        updated_at: now,
    };
    Ok((vendor, eab))
}

fn check_directory(
    directory: &Directory,
    vendor: &Vendor,
    has_eab: bool,
) -> Result<(), LifecycleError> {
    if directory.meta.eab_required && !has_eab {
        let detail = "this CA needs an external account binding";
        return Err(Problem::new(ProblemCode::CaVendorFailed, detail)
            .with_remedy("Copy key id and HMAC key from the CA's portal.")
            .at("/eab_kid")
            .into());
    }
    match &vendor.profile {
        Some(profile) if !directory.meta.profiles.contains_key(profile) => {
            let offered: Vec<&str> = directory.meta.profiles.keys().map(String::as_str).collect();
            let detail = format!("the CA has no profile \"{profile}\"");
            Err(Problem::new(ProblemCode::Invalid, detail)
                .with_remedy(format!("It offers: {}.", offered.join(", ")))
                .at("/profile")
                .into())
        }
        _ => Ok(()),
    }
}

/// Lets what failed for its configuration try again at once.
pub(crate) async fn configuration_changed(console: &Console) -> Result<(), LifecycleError> {
    let mut tx = console.db.begin_write().await?;
    tx.clear_configuration_failures().await?;
    tx.commit().await?;
    console.db.retry_journal().await?;
    console.bells.renewals.notify_one();
    console.bells.sweep.notify_one();
    Ok(())
}

async fn named(console: &Console, name: &str) -> Result<Vendor, LifecycleError> {
    let found = console.db.vendor_by_name(name).await?;
    found.ok_or_else(|| {
        let detail = format!("there is no CA vendor \"{name}\"");
        Problem::new(ProblemCode::CaVendorNotFound, detail)
            .known_as(messages::NO_VENDOR)
            .into()
    })
}

async fn view(console: &Console, vendor: &Vendor) -> Result<CaVendor, LifecycleError> {
    let account = console.db.account_of(vendor.id).await?;
    Ok(CaVendor {
        id: vendor.id,
        name: vendor.name.clone(),
        directory_url: vendor.directory_url.clone(),
        email: vendor.email.clone(),
        eab_kid: vendor.eab_kid.clone(),
        renew_before: vendor.renew_before.map(format_span),
        profile: vendor.profile.clone(),
        preferred_chain: vendor.preferred_chain.clone(),
        capabilities: serde_json::from_value(vendor.capabilities.clone()).unwrap_or_default(),
        account_url: account.and_then(|account| account.url),
        certificates: console.db.certificates_of_vendor(vendor.id).await?,
        created_at: vendor.created_at,
    })
}

fn taken(name: &str) -> LifecycleError {
    let detail = format!("there is a CA vendor \"{name}\" already");
    Problem::new(ProblemCode::Conflict, detail)
        .at("/name")
        .into()
}

fn refused(error: &AcmeError) -> LifecycleError {
    failed(&Failure::acme(super::failure::Stage::Account, error)).into()
}

fn failed(failure: &Failure) -> Problem {
    failure.to_problem(ProblemCode::CaVendorFailed)
}
