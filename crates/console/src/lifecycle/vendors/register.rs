//! Registering an account so that nothing is lost at any moment: the key is saved before the CA hears of it, and kept
//! for the next attempt until vendor and account are saved together.

use evercert_acme::{AccountKey, Client, Eab, NewAccount};
use evercert_api::{Problem, ProblemCode};
use evercert_db::Tx;
use evercert_db::vendors::Vendor;
use jiff::SignedDuration;

use super::connect::{failed, refused};
use super::types::kind_of;
use crate::lifecycle::failure::sentence;
use crate::lifecycle::{LifecycleError, acme_clients};
use crate::state::Console;

/// Keys of registrations that never ended are kept this long; longer than any binding lives.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// An account that the CA has, and the database does not yet.
#[derive(Debug)]
pub(super) struct Registered {
    subject: String,
    key: AccountKey,
    /// Its URL.
    pub(super) url: String,
    /// Whether it lists its orders; absent where the CA told nothing.
    pub(super) orders_list: Option<bool>,
}

/// Registers an account for a vendor, or finds the one that an earlier attempt made.
///
/// Everything else is to be checked before: a refused newAccount uses up some CAs' bindings.
pub(super) async fn register(
    console: &Console,
    client: &Client,
    vendor: &Vendor,
    eab: Option<Eab>,
) -> Result<Registered, LifecycleError> {
    let subject = subject(vendor, eab.as_ref());
    let offered = new_key(vendor)?;
    let mut tx = console.db.begin_write().await?;
    if let Ok(oldest) = console.now().checked_sub(KEPT) {
        tx.forget_registrations(oldest).await?;
    }
    let registration = tx
        .begin_registration(&subject, offered.to_pkcs8_der())
        .await?;
    tx.commit().await?;
    let key =
        acme_clients::account_key(registration.key.expose()).map_err(|failure| failed(&failure))?;
    let new = NewAccount {
        contact: vendor.email.iter().cloned().collect(),
        tos_agreed: true,
        eab,
        only_return_existing: false,
    };
    let account = if registration.is_new {
        client.new_account(&key, &new).await
    } else {
        acme_clients::find_or_create(client, &key, &new).await
    };
    let account = account.map_err(|error| refused(&error))?;
    tracing::info!(
        vendor.name = vendor.name,
        acme.account = account.url(),
        "an account is registered"
    );
    Ok(Registered {
        subject,
        key,
        url: account.url().to_owned(),
        orders_list: account.details().map(|details| details.orders.is_some()),
    })
}

impl Registered {
    /// Saves the account as the vendor's, in the unit of work that saves the vendor.
    pub(super) async fn save(&self, tx: &mut Tx, vendor: &Vendor) -> Result<(), LifecycleError> {
        if !tx.end_registration(&self.subject).await? {
            let detail = "the same account was saved for another CA vendor a moment ago";
            return Err(Problem::new(ProblemCode::Conflict, detail)
                .with_remedy("Save again: that registers an account of its own.")
                .into());
        }
        let key = self.key.to_pkcs8_der();
        tx.replace_account(vendor.id, &key, &self.url).await?;
        Ok(())
    }
}

/// A fresh account key of the kind that the CA takes.
pub(super) fn new_key(vendor: &Vendor) -> Result<AccountKey, LifecycleError> {
    let algorithm = kind_of(vendor).account_keys.first().copied();
    AccountKey::generate(algorithm.unwrap_or_default())
        .map_err(|error| LifecycleError::new(ProblemCode::Internal, sentence(&error)))
}

/// What a registration is for: the same subject takes the same key.
fn subject(vendor: &Vendor, eab: Option<&Eab>) -> String {
    let url = &vendor.directory_url;
    match eab {
        Some(eab) => format!("{url} eab {}", eab.kid),
        None => format!("{url} vendor {}", vendor.name),
    }
}
