//! acme-dns: a server that keeps nothing but challenge values; the challenge names point to it by CNAME.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, Repeat};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::lock::NameLocks;
use crate::name;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt, Servers,
    Settings, TxtTarget,
};
use crate::setting::{CA_BUNDLE, Reader};

const CODE: &str = "acmedns";
/// The server takes SHA-256 digests in Base64 and nothing else.
const VALUE_LENGTH: usize = 43;

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "ACME DNS",
    docs: "https://github.com/joohoi/acme-dns",
    least_privilege: Some("An account of acme-dns can change one name and no other."),
    notes: &[],
    fields: &[
        Field::text("base_url", "Server URL", "URL of the acme-dns server, such as https://auth.acme-dns.io.")
            .env(&["ACMEDNS_BASE_URL"], &["ACME_DNS_API_BASE"]),
        Field::text("username", "User name", "User name of the account that the server registered.")
            .optional()
            .env(&["ACMEDNS_USERNAME"], &[]),
        Field::text("password", "Password", "Password of the account.")
            .optional()
            .secret()
            .env(&["ACMEDNS_PASSWORD"], &[]),
        Field::text("fulldomain", "Full name", "The name that the account can change; challenge names point to it by CNAME.")
            .optional(),
        Field::text("subdomain", "Sub-domain", "First label of the full name, where the full name is not known.")
            .optional()
            .env(&["ACMEDNS_SUBDOMAIN"], &[]),
        Field::text(
            "accounts",
            "Accounts",
            "Instead of one account: JSON of several, as lego keeps them: {\"example.com\": {\"fulldomain\", \"subdomain\", \"username\", \"password\"}}.",
        )
        .optional()
        .secret()
        .env(&[], &["ACME_DNS_STORAGE_PATH"]),
        CA_BUNDLE,
    ],
    one_of: &[],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    multi: Multi::Newest,
    default_ttl: 0,
    propagation_limit: Duration::from_secs(120),
    propagation_poll: Duration::from_secs(5),
    servers: Servers::Own,
    ..Caps::PLAIN
};

/// What the server registers.
#[derive(Clone, Debug, Deserialize)]
struct Account {
    #[serde(default)]
    fulldomain: String,
    #[serde(default)]
    subdomain: String,
    username: String,
    password: Secret<String>,
}

impl Account {
    /// Whether it can change the name.
    fn is_for(&self, fqdn: &str) -> bool {
        match self.fulldomain.is_empty() {
            true => fqdn.split('.').next() == Some(self.label()),
            false => name::canonical(&self.fulldomain) == fqdn,
        }
    }

    /// What the server calls it.
    fn label(&self) -> &str {
        match self.subdomain.is_empty() {
            true => self.fulldomain.split('.').next().unwrap_or_default(),
            false => &self.subdomain,
        }
    }
}

#[derive(Debug)]
struct AcmeDns {
    api: Api,
    accounts: Vec<Account>,
    locks: NameLocks,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let accounts = accounts(&reader)?;
    let mut api = Api::new(
        CODE,
        reader.required("base_url")?,
        reader.text("ca_bundle"),
        context,
    )?;
    api.secrets = accounts
        .iter()
        .map(|account| account.password.clone())
        .collect();
    Ok(Box::new(AcmeDns {
        api,
        accounts,
        locks: context.locks.clone(),
    }))
}

fn accounts(reader: &Reader<'_>) -> Result<Vec<Account>, DnsError> {
    if let Some(text) = reader.text("accounts") {
        let read: Result<BTreeMap<String, Account>, _> = serde_json::from_str(text);
        let read = read.map_err(|_| reader.error("accounts is no JSON of accounts"))?;
        return Ok(read.into_values().collect());
    }
    let text = |key: &str| reader.text(key).unwrap_or_default().to_owned();
    let (Some(username), Some(password)) = (reader.text("username"), reader.secret("password"))
    else {
        // Enough to register.
        return Ok(Vec::new());
    };
    let account = Account {
        fulldomain: text("fulldomain"),
        subdomain: text("subdomain"),
        username: username.to_owned(),
        password,
    };
    match account.label().is_empty() {
        true => Err(reader.error("the setting fulldomain is missing")),
        false => Ok(vec![account]),
    }
}

#[async_trait]
impl Provider for AcmeDns {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let account = self.account(target)?;
        if target.value.len() != VALUE_LENGTH {
            let what = "acme-dns takes values of 43 characters only";
            let error = DnsError::new(CODE, Step::Add, Fault::Provider, what).permanent();
            return Err(error.at_name(&target.fqdn));
        }
        // Two values stand beside each other; a third pushes the oldest out.
        let _guard = self.locks.lock(&self.api.base, &target.fqdn).await;
        let reply = self.update(Step::Add, account, &target.value).await?;
        let body = self.api.json(Step::Add, &reply)?;
        if body["txt"] != target.value.as_str() {
            return Err(self.api.strange(Step::Add, &reply).at_name(&target.fqdn));
        }
        Ok(Receipt {
            created: true,
            ..Receipt::default()
        })
    }

    /// The server forgets values by itself, when newer ones come.
    async fn remove(&self, _: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        Ok(())
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let url = format!("{}/health", self.api.base);
        let reply = self
            .api
            .send(Step::Check, Repeat::Always, || self.api.client.get(&url))
            .await?;
        if !reply.status.is_success() {
            return Err(self.refused(Step::Check, &reply));
        }
        let mut report = CheckReport {
            zone: None,
            notes: vec!["The acme-dns server answers; passwords are seen to be right or wrong with the first change.".to_owned()],
        };
        for account in &self.accounts {
            let full = match account.fulldomain.is_empty() {
                true => account.label(),
                false => &account.fulldomain,
            };
            report
                .notes
                .push(format!("Challenge names point to {full} by CNAME."));
        }
        if let Some(name) = name {
            let target = TxtTarget::new(name, "");
            self.account(&target)?;
            report.zone = Some(target.fqdn);
        }
        Ok(report)
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

impl AcmeDns {
    fn account(&self, target: &TxtTarget) -> Result<&Account, DnsError> {
        let found = self
            .accounts
            .iter()
            .find(|account| account.is_for(&target.fqdn));
        found.ok_or_else(|| {
            let names: Vec<&str> = self
                .accounts
                .iter()
                .map(|account| account.fulldomain.as_str())
                .collect();
            let remedy = match names.is_empty() {
                true => "register an account (POST /register) and enter it".to_owned(),
                false => format!(
                    "let the challenge name be a CNAME of {}",
                    names.join(" or ")
                ),
            };
            let what = "no account of acme-dns can change this name";
            DnsError::new(CODE, Step::FindZone, Fault::Zone, what)
                .at_name(&target.fqdn)
                .with_remedy(remedy)
        })
    }

    async fn update(&self, step: Step, account: &Account, value: &str) -> Result<Reply, DnsError> {
        let url = format!("{}/update", self.api.base);
        let body = json!({ "subdomain": account.label(), "txt": value });
        let make = || {
            let request = self
                .api
                .client
                .post(&url)
                .header("X-Api-User", &account.username);
            request
                .header("X-Api-Key", account.password.expose())
                .json(&body)
        };
        // The same value twice takes the place of the older one: that is looked after by the lock.
        let reply = self.api.send(step, Repeat::WhenRefused, make).await?;
        match reply.status.is_success() {
            true => Ok(reply),
            false => Err(self.refused(step, &reply)),
        }
    }

    fn refused(&self, step: Step, reply: &Reply) -> DnsError {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let words = body["error"]
            .as_str()
            .map_or_else(|| reply.text(), str::to_owned);
        self.api.refused(step, reply, &words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_for_its_own_name() {
        let account: Account = serde_json::from_value(json!({"fulldomain": "8e57.auth.example.", "subdomain": "8e57", "username": "u", "password": "p"})).unwrap();
        assert!(account.is_for("8e57.auth.example") && !account.is_for("x.auth.example"));
        let old: Account =
            serde_json::from_value(json!({"subdomain": "8e57", "username": "u", "password": "p"}))
                .unwrap();
        assert!(old.is_for("8e57.auth.example"));
        assert!(!format!("{account:?}").contains("\"p\""));
    }
}
