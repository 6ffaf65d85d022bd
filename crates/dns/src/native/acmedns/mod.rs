//! acme-dns: a server that keeps nothing but challenge values; the challenge names point to it by CNAME.
//!
//! The server gives each account one name and two places for values there; a third value takes the place of the
//! oldest. It tells the age of values in whole seconds, so two writes to one account are kept a second apart.

mod account;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::account::Account;
use super::api::{Api, Repeat};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::lock::NameLocks;
use crate::name;
use crate::provider::{
    Alias, Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt,
    Registration, Servers, Settings, TxtTarget,
};
use crate::setting::{CA_BUNDLE, Reader};

const CODE: &str = "acmedns";
/// The server takes SHA-256 digests in Base64 and nothing else.
const VALUE_LENGTH: usize = 43;
/// So far apart the server can tell which of two values is the older one.
const APART: Duration = Duration::from_millis(1_050);

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "ACME DNS",
    docs: "https://github.com/joohoi/acme-dns",
    least_privilege: Some("An account of acme-dns can change one name and no other."),
    notes: &[],
    fields: &[
        Field::text("base_url", "Server URL", "URL of the acme-dns server, such as https://auth.acme-dns.io.")
            .env(&["ACMEDNS_BASE_URL"], &["ACME_DNS_API_BASE"]),
        Field::text(
            "allow_from",
            "Allowed networks",
            "Networks such as 192.0.2.0/24, separated by commas, from which the accounts registered here may be used; default: any.",
        )
        .optional()
        .env(&[], &["ACME_DNS_ALLOWLIST"]),
        Field::text("username", "User name", "User name of an account of yours; without one, an account is registered for each domain.")
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
            "Instead of one account: several, as lego keeps them (JSON: {\"example.com\": {\"fulldomain\", \"subdomain\", \"username\", \"password\"}}) or as acme.sh does (ACMEDNS_USERNAME='…' and so on, one a line).",
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

#[derive(Debug)]
struct AcmeDns {
    api: Api,
    /// What the server is called.
    host: String,
    accounts: Vec<Account>,
    allow_from: Vec<String>,
    locks: NameLocks,
    /// What was written last, by the account's label.
    written: Mutex<HashMap<String, Written>>,
}

/// What is known of an account's two places.
#[derive(Clone, Debug)]
struct Written {
    at: Instant,
    /// The newest value that is surely there.
    newest: Option<String>,
    /// Whether a value was sent whose answer was lost: it may be there or not.
    in_doubt: bool,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let mut accounts = given(&reader)?;
    for (domain, kept) in &context.registered {
        let wrong = || reader.error(format!("the account kept for {domain} cannot be read"));
        accounts.push(Account::read(domain, kept.expose()).ok_or_else(wrong)?);
    }
    let base = reader.required("base_url")?;
    let mut api = Api::new(CODE, base, reader.text("ca_bundle"), context)?;
    api.secrets = accounts
        .iter()
        .map(|account| account.password.clone())
        .collect();
    let host = Url::parse(&api.base).ok();
    let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
    let networks = reader.text("allow_from").unwrap_or_default().split(',');
    let networks = networks.map(str::trim).filter(|one| !one.is_empty());
    let allow_from: Vec<String> = networks.map(str::to_owned).collect();
    if let Some(wrong) = allow_from.iter().find(|one| !is_network(one)) {
        // The server drops what it cannot read, and then allows everybody.
        return Err(reader.error(format!(
            "allow_from: \"{wrong}\" is no network such as 192.0.2.0/24"
        )));
    }
    Ok(Box::new(AcmeDns {
        host: host.to_owned(),
        api,
        accounts,
        allow_from,
        locks: context.locks.clone(),
        written: Mutex::default(),
    }))
}

/// Whether it is an address with the length of its prefix.
fn is_network(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= most)
}

/// The accounts of the settings; without any, they are registered when they are needed.
fn given(reader: &Reader<'_>) -> Result<Vec<Account>, DnsError> {
    if let Some(text) = reader.text("accounts") {
        let wrong =
            || reader.error("accounts is neither lego's JSON nor acme.sh's ACMEDNS_… lines");
        return account::parse(text).ok_or_else(wrong);
    }
    let text = |key: &str| reader.text(key).unwrap_or_default().to_owned();
    let (Some(username), Some(password)) = (reader.text("username"), reader.secret("password"))
    else {
        return Ok(Vec::new());
    };
    let account = Account {
        domain: String::new(),
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
        let _guard = self.locks.lock(&self.api.base, account.label()).await;
        let reply = self.write(account, &target.value).await?;
        let body = self.api.json(Step::Add, &reply)?;
        if body["txt"] != target.value.as_str() {
            return Err(self.api.strange(Step::Add, &reply).at_name(&target.fqdn));
        }
        Ok(Receipt {
            zone: target.fqdn.clone(),
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
            let full = account.target(&self.host);
            let whose = match account.domain.as_str() {
                "" => "Challenge names point".to_owned(),
                domain => format!("The challenge name of {domain} points"),
            };
            report.notes.push(format!("{whose} to {full} by CNAME."));
        }
        if let Some(name) = name {
            let target = TxtTarget::new(name, "");
            self.account(&target)?;
            report.zone = Some(target.fqdn);
        }
        Ok(report)
    }

    fn alias(&self, domain: &str, effective: &str) -> Alias {
        if self
            .accounts
            .iter()
            .any(|one| one.is_for(&name::canonical(effective)))
        {
            return Alias::NotNeeded;
        }
        let domain = name::canonical(domain);
        let own = self.accounts.iter().find(|one| one.domain == domain);
        let any = || self.accounts.iter().find(|one| one.domain.is_empty());
        match own.or_else(any) {
            Some(account) => Alias::At(account.target(&self.host)),
            None => Alias::Unregistered,
        }
    }

    async fn register(&self, domain: &str) -> Result<Registration, DnsError> {
        let url = format!("{}/register", self.api.base);
        let mut body = json!({});
        if !self.allow_from.is_empty() {
            body["allowfrom"] = json!(self.allow_from);
        }
        let make = || self.api.client.post(&url).json(&body);
        let sent = self.api.send(Step::Register, Repeat::WhenRefused, make);
        let reply = sent.await.map_err(|error| error.at_name(domain))?;
        if !reply.status.is_success() {
            return Err(self.refused(Step::Register, &reply).at_name(domain));
        }
        // The answer holds a password: it is not shown, whatever is wrong with it.
        let strange = || {
            let what = "the answer to the registration is no account";
            DnsError::new(CODE, Step::Register, Fault::Provider, what).at_name(domain)
        };
        let account = Account::read(domain, &reply.text()).ok_or_else(strange)?;
        Ok(Registration {
            target: account.target(&self.host),
            account: account.kept().ok_or_else(strange)?,
        })
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
                true => "register an account for the domain: `evercert dns-provider register`"
                    .to_owned(),
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

    /// Writes a value. After a lost answer nobody knows which of the two is the older one, and writing the new value
    /// alone could push out the one before: that one is written again first.
    async fn write(&self, account: &Account, value: &str) -> Result<Reply, DnsError> {
        let known = self.known(account);
        if let Some(Written {
            newest: Some(newest),
            in_doubt: true,
            ..
        }) = &known
            && newest != value
        {
            self.update(Step::Add, account, newest).await?;
        }
        self.update(Step::Add, account, value).await
    }

    fn known(&self, account: &Account) -> Option<Written> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(account.label()).cloned()
    }

    /// Keeps what became of a value.
    fn note(&self, account: &Account, value: &str, outcome: &Result<Reply, DnsError>) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let before = written.remove(account.label());
        let (newest, in_doubt) = match outcome {
            Ok(reply) if reply.status.is_success() => (Some(value.to_owned()), false),
            Ok(_) => (
                before.as_ref().and_then(|one| one.newest.clone()),
                before.is_some_and(|one| one.in_doubt),
            ),
            Err(_) => (before.and_then(|one| one.newest), true),
        };
        let known = Written {
            at: Instant::now(),
            newest,
            in_doubt,
        };
        written.insert(account.label().to_owned(), known);
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
        if let Some(known) = self.known(account) {
            tokio::time::sleep_until(known.at + APART).await;
        }
        let reply = self.api.send(step, Repeat::WhenRefused, make).await;
        self.note(account, value, &reply);
        let reply = reply?;
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
