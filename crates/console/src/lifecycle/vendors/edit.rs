//! Editing a vendor: whatever the CA has a say in is done there first; then everything is saved at once.

use evercert_acme::{AcmeError, Client, Eab};
use evercert_api::ca_vendors::{CaVendor, CaVendorChange, VendorWarning};
use evercert_api::{Problem, ProblemCode};
use evercert_db::accounts::Account;
use evercert_db::vendors::Vendor;
use evercert_db::{DbError, Tx};
use serde_json::json;

use super::connect::{Terms, connect, failed, refused};
use super::register::{Registered, register};
use super::types::{choose, kind_of};
use super::warnings::warning;
use super::{configuration_changed, fields, named, taken, view};
use crate::lifecycle::failure::Failure;
use crate::lifecycle::{Actor, LifecycleError, acme_clients, plan};
use crate::state::Console;

/// What an edit asks of the CA.
struct Edit {
    before: Vendor,
    after: Vendor,
    eab: Option<Eab>,
    registers: bool,
    /// The directory has to be read to judge it.
    connects: bool,
    /// The account's key is the same, but its connection is not.
    bundle_changed: bool,
}

/// The vendor's account after an edit.
enum AccountChange {
    Stays,
    /// The same account, to be connected to anew by every Console.
    Reconnected(Account),
    New(Registered),
}

/// Changes a vendor. Another directory or binding registers a new account first; a new address is told to the CA; a
/// new renewal window plans all its certificates anew.
///
/// # Errors
/// A problem that points into the request, or says what the CA answered; then nothing was changed.
pub async fn edit_vendor(
    console: &Console,
    actor: &Actor,
    name: &str,
    change: CaVendorChange,
) -> Result<CaVendor, LifecycleError> {
    let before = named(console, name).await?;
    let mut edit = check(before, &change)?;
    if edit.after.name != edit.before.name {
        let other = console.db.vendor_by_name(&edit.after.name).await?;
        if other.is_some() {
            return Err(taken(&edit.after.name));
        }
    }
    let client = at_directory(console, &mut edit, change.terms_agreed).await?;
    let (account, mut told) = at_account(console, &mut edit, client.as_ref()).await?;
    save(console, &edit, &account).await?;
    console.acme.forget(edit.after.id);
    configuration_changed(console).await?;
    console.bells.orders.notify_one();
    tracing::info!(
        vendor.name = edit.after.name,
        actor = actor.as_str(),
        "a CA vendor was changed"
    );
    if matches!(account, AccountChange::New(_)) {
        told.push(account_changed());
    }
    let mut vendor = view(console, &edit.after).await?;
    vendor.warnings.append(&mut told);
    Ok(vendor)
}

fn check(before: Vendor, change: &CaVendorChange) -> Result<Edit, LifecycleError> {
    let mut after = before.clone();
    if let Some(name) = &change.name {
        fields::name(name)?;
        after.name.clone_from(name);
    }
    move_directory(&mut after, change)?;
    let kind = kind_of(&after);
    if let Some(email) = &change.email {
        after.email = fields::email(email.as_deref(), kind)?;
    }
    if let Some(bundle) = &change.ca_bundle {
        after.ca_bundle = fields::ca_bundle(bundle.as_deref())?;
    }
    if let Some(span) = &change.renew_before {
        after.renew_before = fields::renew_before(span.as_deref(), None)?;
    }
    if change.renew_before_days.is_some() {
        let span = change.renew_before.as_ref().and_then(Option::as_deref);
        after.renew_before = fields::renew_before(span, change.renew_before_days)?;
    }
    if let Some(profile) = &change.profile {
        after.profile = fields::text(profile.as_deref());
    }
    if let Some(chain) = &change.preferred_chain {
        after.preferred_chain = fields::text(chain.as_deref());
    }
    if let Some(life) = &change.lifetime {
        let life = fields::lifetime(life.as_deref(), kind)?;
        after.options.lifetime_secs = life.map(|life| life.as_secs());
    }
    let eab = fields::eab(change.eab_kid.as_deref(), change.eab_hmac.as_ref())?;
    if let Some(eab) = &eab {
        after.eab_kid = Some(eab.kid.clone());
    }
    let moved = before.directory_url != after.directory_url;
    let registers = moved || eab.is_some() || change.register_anew;
    let bundle_changed = before.ca_bundle != after.ca_bundle;
    Ok(Edit {
        registers,
        connects: registers
            || bundle_changed
            || before.profile != after.profile
            || before.email != after.email
            || change.terms_agreed,
        bundle_changed,
        eab,
        before,
        after,
    })
}

fn move_directory(after: &mut Vendor, change: &CaVendorChange) -> Result<(), Box<Problem>> {
    if change.directory_url.is_none() && change.environment.is_none() {
        return Ok(());
    }
    let kind = kind_of(after);
    let family = kind.family.unwrap_or(kind.code);
    let type_code = change.environment.as_ref().map(|_| family);
    let choice = choose(
        type_code,
        change.environment.as_deref(),
        change.directory_url.as_deref(),
    )?;
    // A directory that nobody else owns may be the customer's own at the same CA.
    let stays = choice.kind.code == "acme";
    if !stays {
        after.options.type_code = Some(choice.kind.code.to_owned());
    }
    after.directory_url = choice.directory_url;
    Ok(())
}

/// Reads and judges the directory, where the edit needs that.
async fn at_directory(
    console: &Console,
    edit: &mut Edit,
    agreed: bool,
) -> Result<Option<Client>, LifecycleError> {
    if !edit.connects {
        return Ok(None);
    }
    if edit.registers && edit.eab.is_none() && edit.before.eab_kid.is_some() {
        let saved = console.db.eab_hmac(edit.before.id).await?;
        edit.eab = edit
            .before
            .eab_kid
            .clone()
            .zip(saved)
            .map(|(kid, hmac)| Eab { kid, hmac });
    }
    let kind = kind_of(&edit.after);
    if edit.registers && edit.eab.is_none() && kind.eab.is_required() {
        return Err(fields::eab_missing(kind).into());
    }
    let terms = Terms {
        has_eab: edit.eab.is_some(),
        agreed,
        registers: edit.registers,
    };
    connect(console, &mut edit.after, terms).await.map(Some)
}

/// Brings the account to what the edit wants of it.
async fn at_account(
    console: &Console,
    edit: &mut Edit,
    client: Option<&Client>,
) -> Result<(AccountChange, Vec<VendorWarning>), LifecycleError> {
    let Some(client) = client else {
        return Ok((AccountChange::Stays, Vec::new()));
    };
    if edit.registers {
        let registered = register(console, client, &edit.after, edit.eab.clone()).await?;
        let mut offered = acme_clients::known_capabilities(&edit.after);
        offered.orders_list = registered.orders_list;
        edit.after.capabilities = json!(offered);
        return Ok((AccountChange::New(registered), Vec::new()));
    }
    let mut told = Vec::new();
    if edit.before.email != edit.after.email {
        told.extend(update_contact(console, client, &edit.after).await?);
    }
    let saved = match edit.bundle_changed {
        true => console.db.account_of(edit.before.id).await?,
        false => None,
    };
    let change = saved.map_or(AccountChange::Stays, AccountChange::Reconnected);
    Ok((change, told))
}

/// Tells the CA the new address; a CA that has no way to take it is no reason to keep the old one here.
async fn update_contact(
    console: &Console,
    client: &Client,
    vendor: &Vendor,
) -> Result<Option<VendorWarning>, LifecycleError> {
    let saved = console.db.account_of(vendor.id).await?;
    let saved = saved.ok_or_else(|| failed(&Failure::vendor_missing(vendor.id)))?;
    let account = acme_clients::register(console, client, vendor, &saved)
        .await
        .map_err(|failure| failed(&failure))?;
    let contact: Vec<String> = vendor.email.iter().cloned().collect();
    match account.update_contacts(&contact).await {
        Ok(_) => Ok(None),
        Err(AcmeError::Status { status, .. }) if matches!(status, 403..=405) => {
            let message =
                format!("The CA has no way to change an account's contact (HTTP {status}).");
            let remedy = "Change it at the CA's portal.";
            Ok(Some(warning("contact.refused", message, remedy)))
        }
        Err(error) => Err(refused(&error)),
    }
}

async fn save(
    console: &Console,
    edit: &Edit,
    account: &AccountChange,
) -> Result<(), LifecycleError> {
    let vendor = &edit.after;
    let mut tx = console.db.begin_write().await?;
    let present = tx.vendor(vendor.id).await?;
    if !present.is_some_and(|present| is_same(&present, &edit.before)) {
        let detail = format!("\"{}\" was changed or removed meanwhile", edit.before.name);
        return Err(Problem::new(ProblemCode::Conflict, detail)
            .with_remedy("Look at it again, then repeat the change.")
            .into());
    }
    let hmac = edit.eab.as_ref().map(|eab| &eab.hmac);
    match tx.update_vendor(vendor, hmac).await {
        Err(error) if error.is_conflict() => return Err(taken(&vendor.name)),
        other => other?,
    }
    match account {
        AccountChange::Stays => {}
        AccountChange::Reconnected(saved) => {
            if let (Some(url), None) = (&saved.url, &saved.next_key) {
                tx.replace_account(vendor.id, &saved.key, url).await?;
            }
        }
        AccountChange::New(registered) => {
            registered.save(&mut tx, vendor).await?;
            tx.restart_orders_of_vendor(vendor.id).await?;
        }
    }
    if edit.before.renew_before != vendor.renew_before {
        replan_all(&mut tx, vendor).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Whether nobody has changed a vendor; what its directory offers may have been read anew.
fn is_same(present: &Vendor, known: &Vendor) -> bool {
    let mut present = present.clone();
    present.capabilities.clone_from(&known.capabilities);
    present.updated_at = known.updated_at;
    present == *known
}

/// Plans all certificates of a vendor anew.
async fn replan_all(tx: &mut Tx, vendor: &Vendor) -> Result<(), DbError> {
    for id in tx.certificate_ids_of_vendor(vendor.id).await? {
        let Some((certificate, slots)) = tx.hold_certificate(id).await? else {
            continue;
        };
        for slot in &slots {
            let active = match slot.active_version_id {
                Some(version) => tx.version(version).await?,
                None => None,
            };
            plan::replan(tx, &certificate, slot, active.as_ref()).await?;
        }
    }
    Ok(())
}

fn account_changed() -> VendorWarning {
    warning(
        "account.changed",
        "A new account is registered at the CA.".to_owned(),
        "CAA records with accounturi and dns-persist-01 records name the old one: change them. The CA does not \
         count the next renewals as replacing certificates of the old account.",
    )
}
