//! Changing an account's key (RFC 8555 §7.3.5).

use serde_json::json;

use crate::account::{Account, NewAccount};
use crate::client::{Post, Repeat};
use crate::error::AcmeError;
use crate::jws::{self, KeyName};
use crate::key::AccountKey;
use crate::stage::Stage;

impl Account {
    /// Gives the account a new key; save that key first, for only it opens the account afterwards.
    ///
    /// When the answer is lost, the CA is asked which account the new key has: so it may be called
    /// again after a crash, with the same new key.
    ///
    /// # Errors
    /// [`AcmeError::NotOffered`] where the CA cannot, `conflict` when another account has the key.
    pub async fn key_change(&self, new_key: &AccountKey) -> Result<Self, AcmeError> {
        let directory = self.client().directory();
        let url = directory.key_change.as_deref();
        let url = url.ok_or_else(|| AcmeError::NotOffered {
            stage: Stage::KeyChange,
            url: directory.url.clone(),
            member: "keyChange",
        })?;
        let old_key = jws::jwk_value(self.key());
        let change = json!({ "account": self.url(), "oldKey": old_key }).to_string();
        let inner = jws::sign(new_key, KeyName::Jwk, None, url, change.as_bytes())?;
        let post = Post {
            payload: inner,
            ..Post::read(Stage::KeyChange, url, Repeat::IfNeverArrived)
        };
        match self.post(&post, self.client().deadline()).await {
            Ok(_) => Ok(self.client().account(new_key, self.url())),
            Err(refusal) => self.changed_already(new_key).await.ok_or(refusal),
        }
    }

    async fn changed_already(&self, new_key: &AccountKey) -> Option<Self> {
        let find = NewAccount {
            only_return_existing: true,
            ..NewAccount::default()
        };
        let found = self.client().new_account(new_key, &find).await.ok()?;
        (found.url() == self.url()).then_some(found)
    }
}
