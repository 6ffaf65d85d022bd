//! pebble-challtestsrv's management API, for tests.
//!
//! The server appends values (`set-txt`) but can only clear a whole name (`clear-txt`). Removing one
//! value therefore clears the name and sets the others again: those that the server's own DNS shows
//! when the setting `dns_server` is given, else those that this provider value has added itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::api::{Api, Repeat};
use crate::error::{DnsError, Fault, Step};
use crate::http;
use crate::lock::NameLocks;
use crate::lookup::{Limits, Recursion, ask};
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt, Servers,
    Settings, TxtTarget,
};
use crate::setting::Reader;

const CODE: &str = "challtestsrv";

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "pebble-challtestsrv (tests only)",
    docs: "https://github.com/letsencrypt/challtestsrv",
    least_privilege: None,
    notes: &[],
    fields: &[
        Field {
            key: "url",
            label: "Management URL",
            secret: false,
            optional: false,
            default: None,
            help: "Where its management interface listens, such as http://127.0.0.1:8055.",
            acme_sh_env: &[],
            lego_env: &[],
        },
        Field {
            key: "dns_server",
            label: "DNS address",
            secret: false,
            optional: true,
            default: None,
            help: "Where it answers DNS (address:port), to see which values a name has.",
            acme_sh_env: &[],
            lego_env: &[],
        },
    ],
    one_of: &[],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    multi: Multi::Rrset,
    default_ttl: 0,
    propagation_limit: Duration::from_secs(5),
    propagation_poll: Duration::from_millis(100),
    servers: Servers::Own,
    ..Caps::PLAIN
};

#[derive(Debug)]
struct Challtestsrv {
    api: Api,
    dns_server: Option<SocketAddr>,
    locks: NameLocks,
    added: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let dns_server = match reader.text("dns_server") {
        Some(text) => Some(text.parse().map_err(|e: std::net::AddrParseError| {
            let what = "dns_server is not of the form address:port";
            reader.error(what).caused_by(e)
        })?),
        None => None,
    };
    let url =
        http::base_url(CODE, reader.required("url")?).map_err(|error| error.of_setting("url"))?;
    Ok(Box::new(Challtestsrv {
        api: Api::at(CODE, &url, None, context)?,
        dns_server,
        locks: context.locks.clone(),
        added: Mutex::default(),
    }))
}

#[async_trait]
impl Provider for Challtestsrv {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let _guard = self.locks.lock(&self.api.base, &target.fqdn).await;
        let present = self.values(&target.fqdn).await?.contains(&target.value);
        if !present {
            self.set(Step::Add, &target.fqdn, &target.value).await?;
        }
        self.remember(target);
        Ok(Receipt {
            created: !present,
            ..Receipt::default()
        })
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        let _guard = self.locks.lock(&self.api.base, &target.fqdn).await;
        let mut values = self.values(&target.fqdn).await?;
        self.forget(target);
        if !values.remove(&target.value) {
            return Ok(());
        }
        let host = json!({ "host": format!("{}.", target.fqdn) });
        let cleared = self.post(Step::Remove, "clear-txt", &host).await;
        // A failure may have come after the values had gone: those of others are set again in any case.
        let left = match (&cleared, self.dns_server) {
            (Err(_), Some(_)) => self.values(&target.fqdn).await?,
            _ => BTreeSet::new(),
        };
        for value in values.difference(&left) {
            self.set(Step::Remove, &target.fqdn, value).await?;
        }
        cleared
    }

    async fn check(&self, _: Option<&str>) -> Result<CheckReport, DnsError> {
        // Clearing the history of a name nobody asks for is the one call that changes nothing.
        let body = json!({ "host": "evercert-check.invalid.", "type": "dns" });
        self.post(Step::Check, "clear-request-history", &body)
            .await?;
        Ok(CheckReport {
            zone: None,
            notes: vec!["The management interface answers.".to_owned()],
        })
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

impl Challtestsrv {
    /// The values a name has, as far as they can be known.
    async fn values(&self, fqdn: &str) -> Result<BTreeSet<String>, DnsError> {
        let Some(server) = self.dns_server else {
            let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(added.get(fqdn).cloned().unwrap_or_default());
        };
        let limits = Limits::default();
        let asked = ask(server, fqdn, RecordType::TXT, Recursion::Off, limits);
        let answer = asked.await.map_err(|e| {
            let what = "its DNS does not answer";
            DnsError::new(CODE, Step::Read, Fault::Network, what)
                .at_name(fqdn)
                .caused_by(e)
        })?;
        Ok(answer.txt_values().into_iter().collect())
    }

    fn remember(&self, target: &TxtTarget) {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        let values = added.entry(target.fqdn.clone()).or_default();
        values.insert(target.value.clone());
    }

    fn forget(&self, target: &TxtTarget) {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(values) = added.get_mut(&target.fqdn) {
            values.remove(&target.value);
        }
    }

    async fn set(&self, step: Step, fqdn: &str, value: &str) -> Result<(), DnsError> {
        let body = json!({ "host": format!("{fqdn}."), "value": value });
        self.post(step, "set-txt", &body).await
    }

    async fn post(&self, step: Step, call: &str, body: &Value) -> Result<(), DnsError> {
        let url = format!("{}/{call}", self.api.base);
        let make = || self.api.client.post(&url).json(body);
        // A value that is set twice is there twice: whoever asked looks first.
        let reply = self.api.send(step, Repeat::WhenRefused, make).await?;
        if reply.status.is_success() {
            return Ok(());
        }
        Err(self.api.refused(step, &reply, &reply.text()))
    }
}
