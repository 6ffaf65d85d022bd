//! What is done to a vendor's account at the CA: another key, and closing it.

use evercert_acme::{Account, AcmeError, Client, Fault, ProblemKind};
use evercert_api::ca_vendors::CaVendor;
use evercert_api::{Problem, ProblemCode};
use evercert_db::accounts;
use evercert_db::vendors::Vendor;

use super::connect::{failed, refused};
use super::register::new_key;
use super::{named, view};
use crate::lifecycle::failure::{Failure, Stage};
use crate::lifecycle::{Actor, LifecycleError, acme_clients};
use crate::state::Console;

/// Gives the vendor's account a new key (RFC 8555 §7.3.5). The key is saved before the CA hears of it; a change that
/// is cut off is brought to its end by whoever needs the account next.
///
/// # Errors
/// When there is no such vendor, orders are under way with the present key, or the CA refuses.
pub async fn rotate_account_key(
    console: &Console,
    actor: &Actor,
    name: &str,
) -> Result<CaVendor, LifecycleError> {
    let vendor = named(console, name).await?;
    // Proofs published for pending challenges are made of the present key.
    let under_way = console.db.placed_orders_of_vendor(vendor.id).await?;
    if under_way > 0 {
        let detail = format!("{under_way} orders are under way with the present account key");
        return Err(Problem::new(ProblemCode::CaVendorInUse, detail)
            .with_remedy("Wait until they have ended, then try again.")
            .into());
    }
    let client = acme_clients::connect(console, &vendor)
        .await
        .map_err(|error| refused(&error))?;
    let missing = || failed(&Failure::vendor_missing(vendor.id));
    let saved = console
        .db
        .account_of(vendor.id)
        .await?
        .ok_or_else(missing)?;
    if saved.next_key.is_none() {
        acme_clients::register(console, &client, &vendor, &saved)
            .await
            .map_err(|failure| failed(&failure))?;
        let key = new_key(&vendor)?;
        let mut tx = console.db.begin_write().await?;
        // Of two who change it, both go on with the key that was saved first.
        tx.begin_key_change(saved.id, &key.to_pkcs8_der()).await?;
        tx.commit().await?;
    }
    let saved = console
        .db
        .account_of(vendor.id)
        .await?
        .ok_or_else(missing)?;
    end_key_change(console, &client, &vendor, &saved)
        .await
        .map_err(|failure| failed(&failure))?;
    console.acme.forget(vendor.id);
    tracing::info!(
        vendor.name = vendor.name,
        actor = actor.as_str(),
        "the account has a new key"
    );
    view(console, &vendor).await
}

/// Brings a change of key to its end, whatever became of it before: the CA may have the old key or the new one.
pub(crate) async fn end_key_change(
    console: &Console,
    client: &Client,
    vendor: &Vendor,
    saved: &accounts::Account,
) -> Result<Account, Failure> {
    let key = acme_clients::account_key(saved.key.expose())?;
    let (Some(next), Some(url)) = (&saved.next_key, &saved.url) else {
        let url = saved.url.clone().unwrap_or_default();
        return Ok(client.account(&key, url));
    };
    let next = acme_clients::account_key(next.expose())?;
    let changed = match acme_clients::find(client, &next).await {
        Ok(found) if found.url() == url => Ok(found),
        // Only a CA that says that the new key has no account is asked to give it one.
        Ok(_) | Err(AcmeError::Problem(_)) => client.account(&key, url).key_change(&next).await,
        Err(error) => Err(error),
    };
    let mut tx = console.db.begin_write().await?;
    match changed {
        Ok(account) => {
            tx.replace_account(vendor.id, &next.to_pkcs8_der(), url)
                .await?;
            tx.commit().await?;
            Ok(account)
        }
        Err(error) => {
            // What surely was not done is given up; where no answer came, the next who needs the account finds out.
            let refused = matches!(&error, AcmeError::Problem(problem)
                if problem.status.is_some_and(|status| (400..500).contains(&status))
                    && error.fault() == Fault::Configuration);
            if refused || matches!(error, AcmeError::NotOffered { .. }) {
                tx.drop_key_change(saved.id).await?;
                tx.commit().await?;
            }
            Err(Failure::acme(Stage::Account, &error))
        }
    }
}

/// Closes the vendor's account at the CA; one that is closed already, or that the CA does not know, is fine.
pub(super) async fn deactivate(console: &Console, vendor: &Vendor) -> Result<(), LifecycleError> {
    let Some(saved) = console.db.account_of(vendor.id).await? else {
        return Ok(());
    };
    if saved.url.is_none() {
        return Ok(());
    }
    let client = acme_clients::connect(console, vendor)
        .await
        .map_err(|error| refused(&error))?;
    let account = acme_clients::register(console, &client, vendor, &saved)
        .await
        .map_err(|failure| failed(&failure))?;
    match account.deactivate().await {
        Ok(()) => Ok(()),
        Err(error) => match error.problem().map(evercert_acme::Problem::kind) {
            Some(ProblemKind::AccountDoesNotExist | ProblemKind::Unauthorized) => Ok(()),
            _ => Err(refused(&error)),
        },
    }
}
