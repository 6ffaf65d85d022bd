//! A CA's directory: where its resources are and what it offers (RFC 8555 §7.1.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::AcmeError;
use crate::reply::Reply;
use crate::wire::{excerpt, null_as_default};

/// The URLs of a CA's resources; all absolute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Where the directory itself was read.
    #[serde(default)]
    pub url: String,
    /// Gives nonces.
    #[serde(default)]
    pub new_nonce: String,
    /// Registers accounts.
    #[serde(default)]
    pub new_account: String,
    /// Takes orders.
    #[serde(default)]
    pub new_order: String,
    /// Takes pre-authorizations, which no public CA offers.
    #[serde(default)]
    pub new_authz: Option<String>,
    /// Revokes.
    #[serde(default)]
    pub revoke_cert: Option<String>,
    /// Changes account keys.
    #[serde(default)]
    pub key_change: Option<String>,
    /// Tells when to renew (RFC 9773).
    #[serde(default)]
    pub renewal_info: Option<String>,
    /// What the CA says about itself.
    #[serde(default, deserialize_with = "null_as_default")]
    pub meta: Meta,
}

/// What a CA says about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The URL of its terms of service.
    #[serde(default, rename = "termsOfService")]
    pub tos: Option<String>,
    /// Its site.
    #[serde(default)]
    pub website: Option<String>,
    /// Its names in CAA records (RFC 8659).
    #[serde(
        default,
        rename = "caaIdentities",
        deserialize_with = "null_as_default"
    )]
    pub caa_identities: Vec<String>,
    /// Whether newAccount needs an external account binding.
    #[serde(
        default,
        rename = "externalAccountRequired",
        deserialize_with = "null_as_default"
    )]
    pub eab_required: bool,
    /// Profile names with a description or URL for people.
    #[serde(default, deserialize_with = "null_as_default")]
    pub profiles: BTreeMap<String, String>,
}

impl Directory {
    /// Whether a URL is one of the directory's, or lies below its `renewalInfo`.
    pub(crate) fn lists(&self, url: &str) -> bool {
        let required = [&self.new_nonce, &self.new_account, &self.new_order];
        let offered = [&self.new_authz, &self.revoke_cert, &self.key_change];
        let mut listed = required.into_iter().chain(offered.into_iter().flatten());
        let below = |base: &String| url.starts_with(base.as_str());
        listed.any(|one| one == url) || self.renewal_info.as_ref().is_some_and(below)
    }

    /// Reads a directory out of its answer.
    pub(crate) fn from_reply(reply: &Reply) -> Result<Self, AcmeError> {
        Self::parse(&reply.url, &reply.body).map_err(|reason| AcmeError::Directory {
            url: reply.url.clone(),
            reason,
            cause: None,
        })
    }

    fn parse(url: &str, body: &[u8]) -> Result<Self, String> {
        let parsed = serde_json::from_slice::<Self>(body);
        let mut directory = parsed.map_err(|error| {
            let beginning = excerpt(body);
            format!("the answer is no ACME directory ({error}): {beginning}")
        })?;
        url.clone_into(&mut directory.url);
        let required = [
            ("newNonce", &directory.new_nonce),
            ("newAccount", &directory.new_account),
            ("newOrder", &directory.new_order),
        ];
        let missing: Vec<&str> = required
            .iter()
            .filter(|(_, url)| reqwest::Url::parse(url).is_err())
            .map(|(member, _)| *member)
            .collect();
        if missing.is_empty() {
            Ok(directory)
        } else {
            Err(format!("it has no URL for {}", missing.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://example.com/acme/directory";

    #[test]
    fn the_example_of_rfc_8555_is_read() {
        let body = br#"{
            "newNonce": "https://example.com/acme/new-nonce",
            "newAccount": "https://example.com/acme/new-account",
            "newOrder": "https://example.com/acme/new-order",
            "newAuthz": "https://example.com/acme/new-authz",
            "revokeCert": "https://example.com/acme/revoke-cert",
            "keyChange": "https://example.com/acme/key-change",
            "meta": {
                "termsOfService": "https://example.com/acme/terms/2017-5-30",
                "website": "https://www.example.com/",
                "caaIdentities": ["example.com"],
                "externalAccountRequired": false
            }
        }"#;

        let directory = Directory::parse(URL, body).unwrap();

        assert_eq!(directory.url, URL);
        assert_eq!(directory.meta.caa_identities, ["example.com"]);
        assert!(directory.meta.tos.is_some() && !directory.meta.eab_required);
        assert!(directory.renewal_info.is_none());
    }

    #[test]
    fn unknown_members_and_nulls_are_passed_over() {
        let body = br#"{"newNonce": "https://ca/n", "newAccount": "https://ca/a",
            "newOrder": "https://ca/o", "revokeCert": null, "zNFh_r2V": "https://community",
            "meta": {"caaIdentities": null, "auto-renewal": {"min-lifetime": 1},
                     "profiles": {"classic": "https://ca/p"}}}"#;

        let directory = Directory::parse(URL, body).unwrap();

        assert_eq!(directory.revoke_cert, None);
        assert_eq!(directory.meta.profiles["classic"], "https://ca/p");
    }

    #[test]
    fn what_is_missing_is_named() {
        let lacking = Directory::parse(URL, br#"{"newAccount": "https://ca/a", "newOrder": "x"}"#);
        let page = Directory::parse(URL, b"<html>Sign in</html>");

        assert_eq!(lacking.unwrap_err(), "it has no URL for newNonce, newOrder");
        assert!(page.unwrap_err().ends_with("<html>Sign in</html>"));
    }

    #[test]
    fn a_directory_survives_a_cache() {
        let body = br#"{"newNonce": "https://ca/n", "newAccount": "https://ca/a",
            "newOrder": "https://ca/o", "meta": {"externalAccountRequired": true}}"#;
        let directory = Directory::parse(URL, body).unwrap();

        let text = serde_json::to_string(&directory).unwrap();

        assert_eq!(serde_json::from_str::<Directory>(&text).unwrap(), directory);
    }
}
