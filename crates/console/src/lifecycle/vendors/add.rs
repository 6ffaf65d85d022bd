//! Adding a vendor: connects, registers the account, and saves both at once or nothing.

use evercert_acme::Eab;
use evercert_api::ca_vendors::{AddedCaVendor, NewCaVendor};
use evercert_db::terms::VendorOptions;
use evercert_db::vendors::Vendor;
use evercert_types::VendorId;
use serde_json::json;

use super::connect::{Terms, connect};
use super::register::register;
use super::types::choose;
use super::{configuration_changed, fields, scan, taken, view};
use crate::lifecycle::{Actor, LifecycleError, acme_clients};
use crate::state::Console;

/// Adds a vendor: reads its directory, registers an account, saves both, and scans the certificates of both stores.
///
/// # Errors
/// A problem that points into the request, or says what the CA answered; then nothing was saved but the account key,
/// which the next attempt uses again.
pub async fn add_vendor(
    console: &Console,
    actor: &Actor,
    new: NewCaVendor,
) -> Result<AddedCaVendor, LifecycleError> {
    let (mut vendor, eab) = check(console, &new)?;
    if console.db.vendor_by_name(&vendor.name).await?.is_some() {
        return Err(taken(&vendor.name));
    }
    let terms = Terms {
        has_eab: eab.is_some(),
        agreed: new.terms_agreed,
        registers: true,
    };
    let client = connect(console, &mut vendor, terms).await?;
    let account = register(console, &client, &vendor, eab.clone()).await?;
    let mut offered = acme_clients::known_capabilities(&vendor);
    offered.orders_list = account.orders_list;
    vendor.capabilities = json!(offered);
    let mut tx = console.db.begin_write().await?;
    match tx
        .insert_vendor(&vendor, eab.as_ref().map(|eab| &eab.hmac))
        .await
    {
        Err(error) if error.is_conflict() => return Err(taken(&vendor.name)),
        other => other?,
    }
    account.save(&mut tx, &vendor).await?;
    tx.commit().await?;
    configuration_changed(console).await?;
    tracing::info!(
        vendor.name = vendor.name,
        actor = actor.as_str(),
        "a CA vendor was added"
    );
    Ok(AddedCaVendor {
        scan: scan::counts(console, &vendor).await?,
        vendor: view(console, &vendor).await?,
    })
}

fn check(console: &Console, new: &NewCaVendor) -> Result<(Vendor, Option<Eab>), LifecycleError> {
    fields::name(&new.name)?;
    let choice = choose(
        new.type_code.as_deref(),
        new.environment.as_deref(),
        new.directory_url.as_deref(),
    )?;
    let kind = choice.kind;
    let email = fields::email(new.email.as_deref(), kind)?;
    let renew_before = fields::renew_before(new.renew_before.as_deref(), new.renew_before_days)?;
    let lifetime = fields::lifetime(new.lifetime.as_deref(), kind)?;
    let ca_bundle = fields::ca_bundle(new.ca_bundle.as_deref())?;
    let eab = fields::eab(new.eab_kid.as_deref(), new.eab_hmac.as_ref())?;
    if eab.is_none() && kind.eab.is_required() {
        return Err(fields::eab_missing(kind).into());
    }
    let now = console.now();
    let vendor = Vendor {
        id: VendorId::new(),
        name: new.name.clone(),
        directory_url: choice.directory_url,
        email,
        ca_bundle,
        eab_kid: eab.as_ref().map(|eab| eab.kid.clone()),
        renew_before,
        profile: fields::text(new.profile.as_deref()),
        preferred_chain: fields::text(new.preferred_chain.as_deref()),
        capabilities: json!({}),
        options: VendorOptions {
            type_code: Some(kind.code.to_owned()),
            lifetime_secs: lifetime.map(|life| life.as_secs()),
            ..VendorOptions::default()
        },
        created_at: now,
        updated_at: now,
    };
    Ok((vendor, eab))
}
