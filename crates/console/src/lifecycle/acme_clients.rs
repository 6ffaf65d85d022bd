//! Connections to CAs and their registered accounts: one each, shared by all orders, its directory read anew daily.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use evercert_acme::vendors::vendor_of;
use evercert_acme::{Account, AccountKey, AcmeError, Client, ClientConfig, Eab, NewAccount};
use evercert_api::ca_vendors::Capabilities;
use evercert_db::vendors::Vendor;
use evercert_db::{DbError, accounts};
use evercert_types::{AccountId, VendorId};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

use super::failure::{Class, Failure, Stage, sentence};
use super::vendors::{self, kind_of};
use crate::state::Console;

/// CAs move their URLs now and then.
const DIRECTORY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// A directory that seems to have moved is not read again sooner.
const REREAD: SignedDuration = SignedDuration::from_mins(1);

/// Connected accounts by vendor.
#[derive(Debug, Default)]
pub(crate) struct AcmeClients {
    known: Mutex<HashMap<VendorId, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    since: Timestamp,
    /// Another id is another key or account, perhaps by the hand of another Console.
    account_id: Option<AccountId>,
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

    fn cell(
        &self,
        id: VendorId,
        account_id: Option<AccountId>,
        now: Timestamp,
    ) -> Arc<OnceCell<Account>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get(&id).filter(|entry| entry.serves(account_id, now)) {
            return Arc::clone(&entry.account);
        }
        let account = Arc::<OnceCell<Account>>::default();
        let entry = Known {
            since: now,
            account_id,
            account: Arc::clone(&account),
        };
        known.insert(id, entry);
        account
    }
}

impl Known {
    fn serves(&self, account_id: Option<AccountId>, now: Timestamp) -> bool {
        let age = self.since.duration_until(now);
        let outdated = self
            .account
            .get()
            .is_some_and(|account| account.client().is_outdated());
        self.account_id == account_id && age < DIRECTORY_LIFE && !(outdated && age >= REREAD)
    }
}

/// The registered account of a vendor, connected.
pub(crate) async fn account(console: &Console, id: VendorId) -> Result<Account, Failure> {
    let account_id = console.db.account_id_of(id).await?;
    let cell = console.acme.cell(id, account_id, console.now());
    let account = cell.get_or_try_init(|| connect_account(console, id)).await;
    if account.is_err() {
        console.acme.forget(id);
    }
    account.cloned()
}

/// A connection for a vendor that need not be saved yet.
pub(crate) async fn connect(console: &Console, vendor: &Vendor) -> Result<Client, AcmeError> {
    let kind = kind_of(vendor);
    let mut config = ClientConfig::new(&vendor.directory_url);
    config.ca_bundle_pem = vendor.ca_bundle.clone();
    config.clock = console.clock.clone();
    config.max_concurrent_requests = kind.max_concurrent_requests;
    config.requests_per_second = kind.requests_per_second;
    if vendor_of(&vendor.directory_url).is_some() {
        config.min_poll_interval = kind.min_poll_interval;
    }
    Client::connect(config).await
}

async fn connect_account(console: &Console, id: VendorId) -> Result<Account, Failure> {
    let vendor = console.db.vendor(id).await?;
    let vendor = vendor.ok_or_else(|| Failure::vendor_missing(id))?;
    let client = connect(console, &vendor)
        .await
        .map_err(|error| Failure::acme(Stage::Account, &error))?;
    save_capabilities(console, &vendor, &client).await?;
    let saved = console.db.account_of(id).await?;
    let saved = saved.ok_or_else(|| Failure::vendor_missing(id))?;
    register(console, &client, &vendor, &saved).await
}

/// Remembers what the directory offers now; what only the account tells stays.
pub(crate) async fn save_capabilities(
    console: &Console,
    vendor: &Vendor,
    client: &Client,
) -> Result<(), DbError> {
    let known: Capabilities = known_capabilities(vendor);
    let mut offered = capabilities(client, console.now());
    offered.orders_list = known.orders_list;
    let vanished: Vec<&str> = known
        .profiles
        .iter()
        .filter(|profile| !offered.profiles.contains(profile))
        .map(String::as_str)
        .collect();
    if !vanished.is_empty() {
        tracing::warn!(
            vendor.name = vendor.name,
            profiles = vanished.join(", "),
            "the CA's directory offers profiles no longer"
        );
    }
    let offered = serde_json::json!(offered);
    console
        .db
        .set_vendor_capabilities(vendor.id, &offered)
        .await
}

/// What the directory offered when it was last read.
pub(crate) fn known_capabilities(vendor: &Vendor) -> Capabilities {
    serde_json::from_value(vendor.capabilities.clone()).unwrap_or_default()
}

/// What a directory offers.
pub(crate) fn capabilities(client: &Client, now: Timestamp) -> Capabilities {
    let directory = client.directory();
    let meta = &directory.meta;
    Capabilities {
        ari: client.has_ari(),
        profiles: meta.profiles.keys().cloned().collect(),
        profile_descriptions: meta.profiles.clone(),
        eab_required: meta.eab_required,
        terms_of_service: meta.tos.clone(),
        website: meta.website.clone(),
        caa_identities: meta.caa_identities.clone(),
        key_change: directory.key_change.is_some(),
        revocation: directory.revoke_cert.is_some(),
        pre_authorization: directory.new_authz.is_some(),
        orders_list: None,
        read_at: Some(now),
    }
}

/// The account of a saved key: its URL if the CA gave one, else it is looked for, else registered. A change of key
/// that was cut off is brought to its end first.
pub(crate) async fn register(
    console: &Console,
    client: &Client,
    vendor: &Vendor,
    saved: &accounts::Account,
) -> Result<Account, Failure> {
    if saved.next_key.is_some() && saved.url.is_some() {
        return vendors::end_key_change(console, client, vendor, saved).await;
    }
    let key = account_key(saved.key.expose())?;
    if let Some(url) = &saved.url {
        return Ok(client.account(&key, url));
    }
    let hmac = console.db.eab_hmac(vendor.id).await?;
    let eab = vendor.eab_kid.clone().zip(hmac);
    let new = NewAccount {
        contact: vendor.email.iter().cloned().collect(),
        tos_agreed: true,
        eab: eab.map(|(kid, hmac)| Eab { kid, hmac }),
        only_return_existing: false,
    };
    let account = find_or_create(client, &key, &new)
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

/// A crash or a lost answer may hide that an earlier newAccount succeeded, and some external bindings work only once.
pub(crate) async fn find_or_create(
    client: &Client,
    key: &AccountKey,
    new: &NewAccount,
) -> Result<Account, AcmeError> {
    match find(client, key).await {
        // CAs differ in how they say that there is none; if it was something else, newAccount tells it again.
        Err(AcmeError::Problem(problem)) if problem.status.is_none_or(|status| status < 500) => {}
        other => return other,
    }
    client.new_account(key, new).await
}

/// The account of a key, and never a new one (RFC 8555 §7.3.1).
pub(crate) async fn find(client: &Client, key: &AccountKey) -> Result<Account, AcmeError> {
    let existing = NewAccount {
        only_return_existing: true,
        ..NewAccount::default()
    };
    client.new_account(key, &existing).await
}

/// Reads a saved account key.
pub(crate) fn account_key(pkcs8_der: &[u8]) -> Result<AccountKey, Failure> {
    AccountKey::from_pkcs8_der(pkcs8_der).map_err(|error| unusable(&error))
}

fn unusable(error: &evercert_acme::KeyError) -> Failure {
    Failure::new(
        Stage::Account,
        Class::Configuration,
        "acme.account.key",
        sentence(error),
    )
    .with_remedy("Register a new account: `evercert ca-vendor edit NAME --register-anew`.")
}
