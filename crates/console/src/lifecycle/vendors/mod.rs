//! CA vendors: adding, editing, trying and removing them, and choosing what is renewed through them.
//!
//! Whatever the CA has a say in is done there first, and saved here at once or not at all: `register` keeps the
//! account key from before newAccount until vendor and account are saved together.

mod account;
mod add;
mod connect;
mod edit;
mod fields;
mod refresh;
mod register;
mod scan;
mod select;
mod trial;
mod types;
mod warnings;

use evercert_api::ca_vendors::{CaVendor, VendorRemoval};
use evercert_api::{Problem, ProblemCode};
use evercert_db::DbErrorKind;
use evercert_db::vendors::Vendor;
use evercert_types::format_span;
use jiff::SignedDuration;

pub(crate) use self::account::end_key_change;
pub use self::account::rotate_account_key;
pub use self::add::add_vendor;
pub use self::edit::edit_vendor;
pub(crate) use self::refresh::refresh_directories;
pub use self::scan::{ScanPage, scan};
pub use self::select::select;
pub use self::trial::test_vendor;
pub(crate) use self::trial::{millis, passed};
pub(crate) use self::types::kind_of;
pub use self::types::types;
use super::{Actor, LifecycleError, acme_clients, messages, plan};
use crate::state::Console;

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

/// Removes a vendor with its account key, and closes the account at the CA if that is asked for.
///
/// # Errors
/// When there is no such vendor, certificates are issued through it, or the CA does not close the account.
pub async fn remove(
    console: &Console,
    actor: &Actor,
    name: &str,
    removal: VendorRemoval,
) -> Result<(), LifecycleError> {
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
    if removal.deactivate_account {
        account::deactivate(console, &vendor).await?;
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

/// Lets what failed for its configuration try again at once.
pub(crate) async fn configuration_changed(console: &Console) -> Result<(), LifecycleError> {
    let mut tx = console.db.begin_write().await?;
    tx.clear_configuration_failures().await?;
    tx.clear_all_names().await?;
    tx.commit().await?;
    console.db.retry_journal().await?;
    console.bells.renewals.notify_one();
    console.bells.sweep.notify_one();
    Ok(())
}

async fn named(console: &Console, name: &str) -> Result<Vendor, LifecycleError> {
    let found = console.db.vendor_by_name(name).await?;
    found.ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> LifecycleError {
    let detail = format!("there is no CA vendor \"{name}\"");
    Problem::new(ProblemCode::CaVendorNotFound, detail)
        .known_as(messages::NO_VENDOR)
        .into()
}

/// A vendor as the API shows it.
async fn view(console: &Console, vendor: &Vendor) -> Result<CaVendor, LifecycleError> {
    let account = console.db.account_of(vendor.id).await?;
    let capabilities = acme_clients::known_capabilities(vendor);
    let warnings = warnings::warnings(console, vendor, &capabilities, account.as_ref()).await?;
    let kind = kind_of(vendor);
    let options = &vendor.options;
    Ok(CaVendor {
        id: vendor.id,
        name: vendor.name.clone(),
        type_code: kind.code.to_owned(),
        directory_url: vendor.directory_url.clone(),
        email: vendor.email.clone(),
        eab_kid: vendor.eab_kid.clone(),
        renew_before: vendor.renew_before.map(format_span),
        profile: vendor.profile.clone(),
        preferred_chain: vendor.preferred_chain.clone(),
        lifetime: options
            .lifetime_secs
            .map(|secs| format_span(SignedDuration::from_secs(secs))),
        terms_agreed: options.terms_agreed.clone(),
        capabilities,
        traits: types::traits(kind, &vendor.directory_url),
        account_url: account.and_then(|account| account.url),
        certificates: console.db.certificates_of_vendor(vendor.id).await?,
        warnings,
        created_at: vendor.created_at,
    })
}

fn taken(name: &str) -> LifecycleError {
    let detail = format!("there is a CA vendor \"{name}\" already");
    Problem::new(ProblemCode::Conflict, detail)
        .at("/name")
        .into()
}
