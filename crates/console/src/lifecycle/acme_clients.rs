//! Connections to CAs and their registered accounts: one each, shared by all orders, its directory read anew daily.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use evercert_acme::{
    Account, AccountKey, AcmeError, Client, ClientConfig, Eab, NewAccount, ProblemKind,
};
use evercert_api::ca_vendors::Capabilities;
use evercert_db::accounts;
use evercert_db::vendors::Vendor;
use evercert_types::{Secret, VendorId};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

use super::failure::{Class, Failure, Stage, sentence};
use crate::state::Console;

/// CAs move their URLs now and then.
const DIRECTORY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Connected accounts by vendor.
#[derive(Debug, Default)]
pub(crate) struct AcmeClients {
    known: Mutex<HashMap<VendorId, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    since: Timestamp,
    /// Filled by the first who needs it; the others wait for that instead of connecting as well.
    account: Arc<OnceCell<Account>>,
}

impl AcmeClients {
    /// Forgets a vendor's connection, as when the vendor was removed or its directory fails.
    pub(crate) fn forget(&self, id: VendorId) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    fn cell(&self, id: VendorId, now: Timestamp) -> Arc<OnceCell<Account>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |known: &Known| known.since.duration_until(now) < DIRECTORY_LIFE;
        if let Some(entry) = known.get(&id).filter(|entry| fresh(entry)) {
            return Arc::clone(&entry.account);
        }
        let account = Arc::<OnceCell<Account>>::default();
        let entry = Known {
            since: now,
            account: Arc::clone(&account),
        };
        known.insert(id, entry);
        account
    }
}

/// The registered account of a vendor, connected.
pub(crate) async fn account(console: &Console, id: VendorId) -> Result<Account, Failure> {
    let cell = console.acme.cell(id, console.now());
    let account = cell.get_or_try_init(|| connect_account(console, id)).await;
    if account.is_err() {
        console.acme.forget(id);
    }
    account.cloned()
}

/// A connection for a vendor that need not be saved yet.
pub(crate) async fn connect(console: &Console, vendor: &Vendor) -> Result<Client, AcmeError> {
    let mut config = ClientConfig::new(&vendor.directory_url);
    config.ca_bundle_pem = vendor.ca_bundle.clone();
    config.clock = console.clock.clone();
    if let Some(known) = evercert_acme::vendors::vendor_of(&vendor.directory_url) {
        config.max_concurrent_requests = known.max_concurrent_requests;
    }
    Client::connect(config).await
}

async fn connect_account(console: &Console, id: VendorId) -> Result<Account, Failure> {
    let vendor = console.db.vendor(id).await?;
    let vendor = vendor.ok_or_else(|| Failure::vendor_missing(id))?;
    let client = connect(console, &vendor)
        .await
        .map_err(|error| Failure::acme(Stage::Account, &error))?;
    let offered = serde_json::json!(capabilities(&client));
    if offered != vendor.capabilities {
        console.db.set_vendor_capabilities(id, &offered).await?;
    }
    let saved = console.db.account_of(id).await?;
    let saved = saved.ok_or_else(|| Failure::vendor_missing(id))?;
    register(console, &client, &vendor, &saved).await
}

/// What a directory offers.
pub(crate) fn capabilities(client: &Client) -> Capabilities {
    let meta = &client.directory().meta;
    Capabilities {
        ari: client.has_ari(),
        profiles: meta.profiles.keys().cloned().collect(),
        eab_required: meta.eab_required,
        terms_of_service: meta.tos.clone(),
        caa_identities: meta.caa_identities.clone(),
    }
}

/// The account of a saved key: its URL if the CA gave one, else it is looked for, else registered.
pub(crate) async fn register(
    console: &Console,
    client: &Client,
    vendor: &Vendor,
    saved: &accounts::Account,
) -> Result<Account, Failure> {
    let key = AccountKey::from_pkcs8_der(saved.key.expose()).map_err(|error| unusable(&error))?;
    if let Some(url) = &saved.url {
        return Ok(client.account(&key, url));
    }
    let hmac = console.db.eab_hmac(vendor.id).await?;
    let account = find_or_create(client, &key, vendor, hmac)
        .await
        .map_err(|error| Failure::acme(Stage::Account, &error))?;
    console.db.set_account_url(saved.id, account.url()).await?;
    tracing::info!(
        vendor.name = vendor.name,
        acme.account = account.url(),
        "the account is registered"
    );
    Ok(account)
}

/// A crash may have hidden the answer to an earlier newAccount, and some external bindings work only once.
async fn find_or_create(
    client: &Client,
    key: &AccountKey,
    vendor: &Vendor,
    hmac: Option<Secret<Vec<u8>>>,
) -> Result<Account, AcmeError> {
    let existing = NewAccount {
        only_return_existing: true,
        ..NewAccount::default()
    };
    match client.new_account(key, &existing).await {
        Err(error)
            if error.problem().map(evercert_acme::Problem::kind)
                == Some(ProblemKind::AccountDoesNotExist) => {}
        other => return other,
    }
    let eab = vendor.eab_kid.clone().zip(hmac);
    let new = NewAccount {
        contact: vendor.email.iter().cloned().collect(),
        tos_agreed: true,
        eab: eab.map(|(kid, hmac)| Eab { kid, hmac }),
        only_return_existing: false,
    };
    client.new_account(key, &new).await
}

fn unusable(error: &evercert_acme::KeyError) -> Failure {
    Failure::new(
        Stage::Account,
        Class::Configuration,
        "acme.account.key",
        sentence(error),
    )
    .with_remedy("Remove the CA vendor and add it again: that registers a new account.")
}
