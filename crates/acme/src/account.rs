//! Accounts at a CA: registering, reading, changing and closing them (RFC 8555 §7.3).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use evercert_types::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, Post, Repeat};
use crate::error::AcmeError;
use crate::jws::{self, KeyName};
use crate::key::AccountKey;
use crate::reply::Reply;
use crate::stage::Stage;
use crate::wire::{null_as_default, open_words};

/// What is sent to register.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    /// E-mail addresses, with or without `mailto:`.
    pub contact: Vec<String>,
    /// Whether the account's holder agreed to the CA's terms of service.
    pub tos_agreed: bool,
    /// What ties the account to one at the CA's portal, where the CA asks for that.
    pub eab: Option<Eab>,
    /// Find the key's account, and never make one.
    pub only_return_existing: bool,
}

/// An external account binding (RFC 8555 §7.3.4): from the CA's portal.
#[derive(Clone, Debug)]
pub struct Eab {
    /// The key id.
    pub kid: String,
    /// The HMAC key, decoded.
    pub hmac: Secret<Vec<u8>>,
}

/// An EAB HMAC key was not Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the EAB HMAC key is not Base64; copy it from the CA's portal without other characters")]
pub struct EabError;

/// An account at a CA; cloning shares the client.
#[derive(Clone, Debug)]
pub struct Account {
    client: Client,
    key: AccountKey,
    url: String,
    details: Option<AccountDetails>,
}

/// What a CA tells about an account (RFC 8555 §7.1.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountDetails {
    /// Whether it can be used.
    pub status: AccountStatus,
    /// Contact URLs; Let's Encrypt keeps none.
    #[serde(default, deserialize_with = "null_as_default")]
    pub contact: Vec<String>,
    /// Where its orders are listed; few CAs offer it.
    #[serde(default)]
    pub orders: Option<String>,
}

open_words! {
    /// Whether an account can be used (RFC 8555 §7.1.6).
    AccountStatus {
        /// It can.
        Valid = "valid",
        /// Its holder closed it.
        Deactivated = "deactivated",
        /// The CA closed it.
        Revoked = "revoked",
    }
}

/// One page of a list of orders.
#[derive(Deserialize)]
struct OrderList {
    #[serde(default, deserialize_with = "null_as_default")]
    orders: Vec<String>,
}

/// More order URLs than this are not collected.
const MAX_ORDERS: usize = 10_000;

impl NewAccount {
    /// No contact, terms agreed to.
    pub fn agreed() -> Self {
        Self {
            tos_agreed: true,
            ..Self::default()
        }
    }

    fn payload(&self, key: &AccountKey, url: &str) -> Value {
        let mut payload = json!({});
        if self.tos_agreed {
            payload["termsOfServiceAgreed"] = true.into();
        }
        if !self.contact.is_empty() {
            payload["contact"] = contact_urls(&self.contact);
        }
        if self.only_return_existing {
            payload["onlyReturnExisting"] = true.into();
        }
        if let Some(eab) = &self.eab {
            payload["externalAccountBinding"] =
                jws::bind_external(key, &eab.kid, eab.hmac.expose(), url);
        }
        payload
    }
}

impl Eab {
    /// Reads the pair as portals show it: Base64 of either alphabet, padded or not, with white space.
    ///
    /// # Errors
    /// When the HMAC key is empty or not Base64.
    pub fn from_text(kid: &str, hmac: &str) -> Result<Self, EabError> {
        let text: String = hmac
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| match c {
                '+' => '-',
                '/' => '_',
                other => other,
            })
            .collect();
        let config = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        let hmac = GeneralPurpose::new(&alphabet::URL_SAFE, config)
            .decode(text)
            .map_err(|_| EabError)?;
        if hmac.is_empty() {
            return Err(EabError);
        }
        Ok(Self {
            kid: kid.trim().to_owned(),
            hmac: Secret::new(hmac),
        })
    }
}

impl Client {
    /// Registers the key, or finds the account it has already: sending it twice makes one account.
    ///
    /// Save the key first: some external account bindings can be used only once.
    ///
    /// # Errors
    /// What the CA refuses, [`AcmeError::Problem`]: `externalAccountRequired`,
    /// `userActionRequired`, `invalidContact`; with `only_return_existing`, `accountDoesNotExist`.
    pub async fn new_account(
        &self,
        key: &AccountKey,
        new: &NewAccount,
    ) -> Result<Account, AcmeError> {
        let url = &self.directory().new_account;
        let payload = new.payload(key, url);
        let post = Post::act(Stage::Account, url, &payload, Repeat::Safe);
        let reply = self.post(key, KeyName::Jwk, &post, self.deadline()).await?;
        let mut account = self.account(key, reply.location()?);
        account.details = reply.json().ok();
        Ok(account)
    }

    /// An account registered before; asks nobody.
    pub fn account(&self, key: &AccountKey, url: impl Into<String>) -> Account {
        Account {
            client: self.clone(),
            key: key.clone(),
            url: url.into(),
            details: None,
        }
    }
}

impl Account {
    /// Its URL, which is also its name in requests and in CAA and dns-persist-01 records.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its key.
    pub const fn key(&self) -> &AccountKey {
        &self.key
    }

    /// The CA it is at.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// What the CA told when it was registered or found; absent for [`Client::account`].
    pub const fn details(&self) -> Option<&AccountDetails> {
        self.details.as_ref()
    }

    /// Asks the CA about the account.
    ///
    /// # Errors
    /// `accountDoesNotExist` when the CA does not know it; some CAs do not offer it at all.
    pub async fn fetch_details(&self) -> Result<AccountDetails, AcmeError> {
        let deadline = self.client.deadline();
        let reply = self
            .post_as_get(Stage::Account, &self.url, deadline)
            .await?;
        reply.json()
    }

    /// Replaces the contacts; e-mail addresses, with or without `mailto:`.
    ///
    /// # Errors
    /// `invalidContact` and the like, as [`AcmeError::Problem`].
    pub async fn update_contacts(&self, contact: &[String]) -> Result<AccountDetails, AcmeError> {
        self.update(json!({ "contact": contact_urls(contact) }))
            .await
    }

    /// Closes the account for good.
    ///
    /// # Errors
    /// As [`Self::fetch_details`].
    pub async fn deactivate(&self) -> Result<(), AcmeError> {
        self.update(json!({ "status": "deactivated" })).await?;
        Ok(())
    }

    /// The URLs of the account's orders; empty where the CA does not list them, as most do not.
    ///
    /// # Errors
    /// As [`Self::fetch_details`].
    pub async fn orders(&self) -> Result<Vec<String>, AcmeError> {
        let deadline = self.client.deadline();
        let known = self.details.as_ref().and_then(|d| d.orders.clone());
        let mut next = match known {
            Some(url) => Some(url),
            None => self.fetch_details().await?.orders,
        };
        let mut orders = Vec::new();
        let mut pages = Vec::new();
        while let Some(url) = next.filter(|url| !pages.contains(url) && orders.len() < MAX_ORDERS) {
            let reply = self.post_as_get(Stage::Order, &url, deadline).await?;
            orders.extend(reply.json::<OrderList>()?.orders);
            pages.push(url);
            next = reply.links("next").into_iter().next();
        }
        Ok(orders)
    }

    /// A signed request by this account.
    pub(crate) async fn post(
        &self,
        post: &Post<'_>,
        deadline: Instant,
    ) -> Result<Reply, AcmeError> {
        let name = KeyName::Account(&self.url);
        self.client.post(&self.key, name, post, deadline).await
    }

    /// Reads a resource of this account (RFC 8555 §6.3).
    pub(crate) async fn post_as_get(
        &self,
        stage: Stage,
        url: &str,
        deadline: Instant,
    ) -> Result<Reply, AcmeError> {
        let post = Post::read(stage, url, Repeat::Safe);
        self.post(&post, deadline).await
    }

    async fn update(&self, change: Value) -> Result<AccountDetails, AcmeError> {
        let post = Post::act(Stage::Account, &self.url, &change, Repeat::Safe);
        self.post(&post, self.client.deadline()).await?.json()
    }
}

fn contact_urls(contact: &[String]) -> Value {
    contact
        .iter()
        .map(|address| match address.split_once(':') {
            Some(_) => address.clone(),
            None => format!("mailto:{address}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SignatureAlgorithm;

    #[test]
    fn an_eab_key_is_read_in_every_form_portals_show() {
        let bytes = [0xfb, 0xef, 0xff, 0x01];

        for text in ["--__AQ", "--__AQ==", "++//AQ==", " ++//\nAQ "] {
            let eab = Eab::from_text(" kid ", text).unwrap();
            assert_eq!(eab.hmac.expose(), &bytes, "{text}");
            assert_eq!(eab.kid, "kid");
        }
        assert!(Eab::from_text("kid", "not base64!").is_err());
        assert!(Eab::from_text("kid", " ").is_err());
    }

    #[test]
    fn debug_shows_no_hmac_key() {
        let eab = Eab::from_text("kid-1", "c2VjcmV0").unwrap();

        assert_eq!(format!("{eab:?}"), r#"Eab { kid: "kid-1", hmac: *** }"#);
    }

    #[test]
    fn only_what_was_given_is_sent() {
        let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();

        let agreed = NewAccount::agreed().payload(&key, "u");
        let found = NewAccount {
            only_return_existing: true,
            contact: vec!["a@example.com".to_owned(), "tel:+1".to_owned()],
            ..NewAccount::default()
        };

        assert_eq!(agreed, json!({"termsOfServiceAgreed": true}));
        assert_eq!(
            found.payload(&key, "u"),
            json!({"onlyReturnExisting": true, "contact": ["mailto:a@example.com", "tel:+1"]})
        );
    }
}
