//! PowerDNS Authoritative Server by its HTTP API.
//!
//! The API replaces whole record sets and has no entity tags, so a change is read, merge, write under
//! a lock of this process, then read again: a value lost to another writer is written once more. Changes of
//! one zone go one after the other: each renews the zone's serial, and PowerDNS on SQLite answers two at once
//! with "database is locked".

use std::time::Duration;

use async_trait::async_trait;
use evercert_types::Secret;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Api, Repeat};
use crate::error::{DnsError, Fault, Step};
use crate::http::{self, Reply};
use crate::lock::NameLocks;
use crate::name;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt, Servers,
    Settings, TxtRecord, TxtTarget,
};
use crate::setting::Reader;
use crate::txt::{quote, unquote};

const CODE: &str = "pdns";
const TTL: u32 = 60;
/// How often a change is written when other writers of the set interfere.
const WRITES: usize = 3;

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "PowerDNS",
    docs: "https://doc.powerdns.com/authoritative/http-api/",
    least_privilege: None,
    notes: &[
        "Tried with pdns-server 4.7 of Debian. Older servers than 4.7 answer the whole zone where one name was asked for; that is understood.",
        "The interface has no protection against two writers: Evercert writes under a lock of its own and reads back.",
        "Secondaries are notified after a change; a zone of kind Native has none, and its servers share the database.",
    ],
    fields: &[
        Field {
            key: "url",
            label: "API URL",
            secret: false,
            optional: false,
            default: None,
            help: "Base URL of the API, such as https://dns.example.org:8081; without a scheme it is HTTPS.",
            acme_sh_env: &["PDNS_Url"],
            lego_env: &["PDNS_API_URL"],
        },
        Field {
            key: "api_key",
            label: "API key",
            secret: true,
            optional: false,
            default: None,
            help: "The value of api-key in pdns.conf.",
            acme_sh_env: &["PDNS_Token"],
            lego_env: &["PDNS_API_KEY"],
        },
        Field {
            key: "server_id",
            label: "Server id",
            secret: false,
            optional: true,
            default: Some("localhost"),
            help: "Name of the server in the API; nearly always localhost.",
            acme_sh_env: &["PDNS_ServerId"],
            lego_env: &["PDNS_SERVER_NAME"],
        },
        Field {
            key: "ttl",
            label: "TTL",
            secret: false,
            optional: true,
            default: None,
            help: "Time to live of new record sets in seconds; 60 when left out.",
            acme_sh_env: &["PDNS_Ttl"],
            lego_env: &["PDNS_TTL"],
        },
        Field {
            key: "ca_bundle",
            label: "CA certificates",
            secret: false,
            optional: true,
            default: None,
            help: "PEM certificates that the API's certificate must chain to, instead of the system's.",
            acme_sh_env: &[],
            lego_env: &[],
        },
    ],
    one_of: &[],
    unofficial: false,
    caps: caps(TTL),
    build: Maker::Native(build),
};

const fn caps(ttl: u32) -> Caps {
    Caps {
        multi: Multi::Rrset,
        default_ttl: ttl,
        propagation_limit: Duration::from_secs(120),
        propagation_poll: Duration::from_secs(2),
        servers: Servers::Own,
        ..Caps::PLAIN
    }
}

#[derive(Debug)]
struct Pdns {
    api: Api,
    server_id: String,
    api_key: Secret<String>,
    ttl: u32,
    locks: NameLocks,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let url =
        http::base_url(CODE, reader.required("url")?).map_err(|error| error.of_setting("url"))?;
    let mut api = Api::at(CODE, &url, reader.text("ca_bundle"), context)?;
    let api_key = reader.secret("api_key").unwrap_or_default();
    api.secrets = vec![api_key.clone()];
    Ok(Box::new(Pdns {
        api,
        server_id: reader.required("server_id")?.to_owned(),
        api_key,
        ttl: reader.ttl("ttl", TTL)?,
        locks: context.locks.clone(),
    }))
}

/// A zone as the API lists it.
#[derive(Debug, Deserialize)]
struct ZoneEntry {
    id: String,
    name: String,
    #[serde(default)]
    kind: String,
}

impl ZoneEntry {
    fn name(&self) -> String {
        name::canonical(&self.name)
    }
}

/// A zone's record sets, possibly more than were asked for.
#[derive(Debug, Deserialize)]
struct ZoneContents {
    #[serde(default)]
    rrsets: Vec<RecordSet>,
}

/// The TXT records of a name.
#[derive(Debug, Default, Deserialize)]
struct RecordSet {
    name: String,
    #[serde(rename = "type")]
    record_type: String,
    ttl: Option<u32>,
    #[serde(default)]
    records: Vec<Entry>,
}

/// One record of a set; foreign ones are written back as they were read.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    content: String,
    #[serde(default)]
    disabled: bool,
}

impl RecordSet {
    fn has(&self, value: &str) -> bool {
        let mut records = self.records.iter();
        records.any(|record| !record.disabled && unquote(&record.content) == value)
    }
}

#[async_trait]
impl Provider for Pdns {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let zone = self.find_zone(Step::Add, target).await?;
        let _guard = self.locks.lock(&self.api.base, &target.fqdn).await;
        let mut created = false;
        for _ in 0..WRITES {
            let mut set = self.read(Step::Add, &zone, &target.fqdn).await?;
            if set.has(&target.value) {
                self.notify(&zone, created).await;
                return Ok(Receipt {
                    zone: zone.name(),
                    created,
                    ..Receipt::default()
                });
            }
            // A disabled record of the same value would be refused as a duplicate.
            set.records
                .retain(|record| unquote(&record.content) != target.value);
            set.records.push(Entry {
                content: quote(&target.value),
                disabled: false,
            });
            self.write(Step::Add, &zone, target, &set).await?;
            created = true;
        }
        Err(self.overwritten(Step::Add, &zone, &target.fqdn))
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        let zone = self.find_zone(Step::Remove, target).await?;
        let _guard = self.locks.lock(&self.api.base, &target.fqdn).await;
        for attempt in 0..WRITES {
            let mut set = self.read(Step::Remove, &zone, &target.fqdn).await?;
            if !set.has(&target.value) {
                self.notify(&zone, attempt > 0).await;
                return Ok(());
            }
            set.records
                .retain(|record| record.disabled || unquote(&record.content) != target.value);
            self.write(Step::Remove, &zone, target, &set).await?;
        }
        Err(self.overwritten(Step::Remove, &zone, &target.fqdn))
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let path = format!("servers/{}", self.server_id);
        let reply = self.call(Step::Check, Method::GET, &path, None).await?;
        if !reply.status.is_success() {
            return Err(self.refused(Step::Check, &reply));
        }
        let server: Value = self.parse(Step::Check, &reply)?;
        let version = server["version"].as_str().unwrap_or("of unknown version");
        let mut report = CheckReport {
            zone: None,
            notes: vec![format!("PowerDNS {version} accepts the API key.")],
        };
        if let Some(name) = name {
            let zone = self
                .find_zone(Step::Check, &TxtTarget::new(name, ""))
                .await?;
            report.notes.push(format!("It holds zone {}.", zone.name()));
            report.zone = Some(zone.name());
        }
        Ok(report)
    }

    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        let zone = self.find_zone(Step::Read, target).await?;
        let set = self.read(Step::Read, &zone, &target.fqdn).await?;
        let live = set.records.iter().filter(|record| !record.disabled);
        let values = live.map(|record| unquote(&record.content));
        Ok(Some(TxtRecord::all_at(&target.fqdn, values)))
    }

    fn caps(&self) -> Caps {
        caps(self.ttl)
    }
}

impl Pdns {
    /// The zone with the longest name that the target lies in, or the one the target names.
    async fn find_zone(&self, step: Step, target: &TxtTarget) -> Result<ZoneEntry, DnsError> {
        let hint = target.zone_hint.as_deref().map(name::canonical);
        let candidates: Vec<&str> = match &hint {
            Some(hint) => vec![hint],
            None => name::suffixes(&target.fqdn).collect(),
        };
        for candidate in candidates {
            if let Some(zone) = self.zone(step, candidate).await? {
                return Ok(zone);
            }
        }
        let what = match hint {
            Some(hint) => format!("the server has no zone {hint}"),
            None => "the server holds no zone of that name".to_owned(),
        };
        Err(DnsError::new(CODE, Step::FindZone, Fault::Zone, what)
            .at_name(&target.fqdn)
            .with_remedy("create the zone in PowerDNS, or map the domain to another DNS provider"))
    }

    async fn zone(&self, step: Step, candidate: &str) -> Result<Option<ZoneEntry>, DnsError> {
        let path = format!("servers/{}/zones?zone={candidate}.", self.server_id);
        let reply = self.call(step, Method::GET, &path, None).await?;
        if !reply.status.is_success() {
            return Err(self.refused(Step::FindZone, &reply).at_name(candidate));
        }
        let zones: Vec<ZoneEntry> = self.parse(Step::FindZone, &reply)?;
        // Servers that do not know the filter list all their zones.
        Ok(zones.into_iter().find(|zone| zone.name() == candidate))
    }

    async fn read(&self, step: Step, zone: &ZoneEntry, fqdn: &str) -> Result<RecordSet, DnsError> {
        let path = format!("{}?rrset_name={fqdn}.&rrset_type=TXT", self.zone_path(zone));
        let reply = self.call(step, Method::GET, &path, None).await?;
        if !reply.status.is_success() {
            let error = self.refused(Step::Read, &reply);
            return Err(error.at_name(fqdn).in_zone(&zone.name()));
        }
        let contents: ZoneContents = self.parse(Step::Read, &reply)?;
        let mut sets = contents.rrsets.into_iter();
        let found = sets.find(|set| set.record_type == "TXT" && name::canonical(&set.name) == fqdn);
        Ok(found.unwrap_or_default())
    }

    /// Replaces the set by the given records; the TTL of an existing set stays.
    async fn write(
        &self,
        step: Step,
        zone: &ZoneEntry,
        target: &TxtTarget,
        set: &RecordSet,
    ) -> Result<(), DnsError> {
        let ttl = set.ttl.or(target.ttl).unwrap_or(self.ttl);
        let body = json!({ "rrsets": [{
            "name": format!("{}.", target.fqdn),
            "type": "TXT",
            "ttl": ttl,
            "changetype": "REPLACE",
            "records": set.records,
        }]});
        let path = self.zone_path(zone);
        let turn = format!("{path}#changes");
        let _turn = self.locks.lock(&self.api.base, &turn).await;
        let reply = self.call(step, Method::PATCH, &path, Some(&body)).await?;
        if reply.status.is_success() {
            return Ok(());
        }
        let error = self.refused(step, &reply);
        Err(error.at_name(&target.fqdn).in_zone(&zone.name()))
    }

    /// Tells the secondaries of a primary zone; they also find out by themselves.
    async fn notify(&self, zone: &ZoneEntry, changed: bool) {
        let is_primary = matches!(zone.kind.as_str(), "Master" | "Primary");
        if !(is_primary && changed) {
            return;
        }
        let path = format!("{}/notify", self.zone_path(zone));
        if let Err(error) = self.call(Step::Add, Method::PUT, &path, None).await {
            tracing::debug!(dns.zone = zone.name(), %error, "cannot notify secondaries");
        }
    }

    fn zone_path(&self, zone: &ZoneEntry) -> String {
        format!("servers/{}/zones/{}", self.server_id, zone.id)
    }

    async fn call(
        &self,
        step: Step,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, DnsError> {
        let url = format!("{}/api/v1/{path}", self.api.base);
        // A set may have been changed by others since: what was written and lost is read and written anew.
        let repeat = match method {
            Method::GET => Repeat::Always,
            _ => Repeat::WhenRefused,
        };
        let make = || {
            let request = self.api.client.request(method.clone(), &url);
            let request = request.header("X-API-Key", self.api_key.expose());
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        self.api.send(step, repeat, make).await
    }

    fn parse<T: serde::de::DeserializeOwned>(
        &self,
        step: Step,
        reply: &Reply,
    ) -> Result<T, DnsError> {
        serde_json::from_slice(&reply.body).map_err(|e| {
            let what = "the answer is not what PowerDNS's API answers";
            // A page is of something else; half an answer is of something that fails.
            let fault = match reply.body.trim_ascii_start().first() {
                Some(b'<') => Fault::Configuration,
                _ => Fault::Provider,
            };
            DnsError::new(CODE, step, fault, what)
                .with_status(format!("HTTP {}", reply.status.as_u16()))
                .with_words(&reply.text(), &[&self.api_key])
                .with_remedy("check the API URL")
                .caused_by(e)
        })
    }

    /// What an answer other than success means.
    fn refused(&self, step: Step, reply: &Reply) -> DnsError {
        let (fault, what, remedy) = match reply.status {
            StatusCode::UNAUTHORIZED => (
                Fault::Credentials,
                "PowerDNS does not accept the API key",
                Some("set api_key to the value of api-key in pdns.conf"),
            ),
            StatusCode::FORBIDDEN => (
                Fault::Permission,
                "PowerDNS does not let this host in",
                Some("add this host to webserver-allow-from in pdns.conf"),
            ),
            StatusCode::NOT_FOUND => (
                Fault::Configuration,
                "PowerDNS does not know that server id or zone",
                Some("check the API URL and server_id"),
            ),
            StatusCode::UNPROCESSABLE_ENTITY => (
                Fault::Zone,
                "PowerDNS refuses the change",
                Some("see PowerDNS's words; a name with a CNAME cannot have TXT values"),
            ),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                (Fault::Provider, "PowerDNS failed", None)
            }
            _ => (
                Fault::Configuration,
                "PowerDNS's API does not answer here",
                Some("check the API URL"),
            ),
        };
        let error = DnsError::new(CODE, step, fault, what)
            .with_status(format!("HTTP {}", reply.status.as_u16()))
            .with_words(&words(reply), &[&self.api_key])
            .with_retry_after(reply.retry_after);
        match remedy {
            Some(remedy) => error.with_remedy(remedy),
            None => error,
        }
    }

    fn overwritten(&self, step: Step, zone: &ZoneEntry, fqdn: &str) -> DnsError {
        let what = "PowerDNS accepted the change but does not show it";
        DnsError::new(CODE, step, Fault::Provider, what)
            .at_name(fqdn)
            .in_zone(&zone.name())
            .with_remedy("see whether another program writes the TXT records of this name")
    }
}

/// The text of a JSON error, or the body as it is.
fn words(reply: &Reply) -> String {
    let json: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let error = json.and_then(|json| json["error"].as_str().map(str::to_owned));
    error.unwrap_or_else(|| reply.text())
}
