//! Azure DNS: whole sets by JSON, kept from lost updates by entity tags.

mod identity;

use std::time::Duration;

use async_trait::async_trait;
use evercert_types::{Secret, SharedClock};
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};

use self::identity::Identity;
use super::api::{Api, Repeat, relative};
use super::oauth;
use super::sets::{Entry, HeldZone, SetStore, Sets, TxtSet, Written};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::name;
use crate::provider::{Caps, Context, Descriptor, Field, Maker, Multi, Provider, Settings};
use crate::setting::{BASE_URL, CA_BUNDLE, Reader, TTL};
use crate::zone_cache::ZoneCache;

const CODE: &str = "azure";
const DEFAULT_TTL: u32 = 10;
const VERSION: &str = "api-version=2018-05-01";
/// Pages of zones that are read at most.
const MOST_PAGES: usize = 100;
/// A character string holds at most so many octets.
const STRING: usize = 255;

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Azure DNS",
    docs: "https://learn.microsoft.com/en-us/rest/api/dns/",
    least_privilege: Some(
        "The role DNS Zone Contributor on the mapped zones, or a role of its own with Microsoft.Network/dnsZones/read and dnsZones/TXT/*.",
    ),
    notes: &[
        "Zones are looked for in the whole subscription. Where the application's rights reach no further than a resource group, a zone or one record set, listing is refused with 403 AuthorizationFailed (reported to acme.sh and Posh-ACME): give resource_group, and zone too.",
        "Delete locks of a zone, its resource group or subscription keep challenges from being removed.",
        "Private zones, workload identity (a federated token file) and lego's search by Resource Graph are not taken over.",
    ],
    fields: &[
        Field::text(
            "subscription_id",
            "Subscription",
            "Id of the subscription that holds the zones.",
        )
        .env(&["AZUREDNS_SUBSCRIPTIONID"], &["AZURE_SUBSCRIPTION_ID"]),
        Field::text(
            "tenant_id",
            "Tenant",
            "Id of the directory, with an application's secret.",
        )
        .optional()
        .env(&["AZUREDNS_TENANTID"], &["AZURE_TENANT_ID"]),
        Field::text(
            "client_id",
            "Application",
            "Id of the application, or of a user-assigned identity.",
        )
        .optional()
        .env(&["AZUREDNS_APPID"], &["AZURE_CLIENT_ID"]),
        Field::text(
            "client_secret",
            "Application secret",
            "Secret of the application.",
        )
        .optional()
        .secret()
        .env(&["AZUREDNS_CLIENTSECRET"], &["AZURE_CLIENT_SECRET"]),
        Field::text(
            "client_certificate",
            "Application certificate",
            "Instead of the secret: the application's certificate and its RSA key, both in PEM.",
        )
        .optional()
        .secret(),
        Field::text(
            "managed_identity",
            "Managed identity",
            "true: the identity of the virtual machine that this runs on is used.",
        )
        .optional()
        .env(&["AZUREDNS_MANAGEDIDENTITY"], &[]),
        Field::text(
            "bearer_token",
            "Token",
            "A ready token, for a trial: it ends within hours.",
        )
        .optional()
        .secret()
        .env(&["AZUREDNS_BEARERTOKEN"], &[]),
        Field::text("environment", "Cloud", "public, usgovernment or china.")
            .or("public")
            .env(&[], &["AZURE_ENVIRONMENT"]),
        Field::text(
            "resource_group",
            "Resource group",
            "Resource group to look for zones in, where the application may not list those of the subscription.",
        )
        .optional()
        .env(&[], &["AZURE_RESOURCE_GROUP"]),
        Field::text(
            "zone",
            "Zone",
            "Name of the one zone to use, with its resource group: nothing is listed then, so rights on the challenge's record set are enough.",
        )
        .optional()
        .env(&[], &["AZURE_ZONE_NAME"]),
        Field::text(
            "login_url",
            "Log-in URL",
            "Address of Entra ID, where it is not that of the cloud.",
        )
        .optional(),
        Field::text(
            "metadata_url",
            "Metadata URL",
            "Address of the instance metadata service.",
        )
        .or("http://169.254.169.254"),
        BASE_URL,
        CA_BUNDLE,
        TTL,
    ],
    one_of: &[
        &["tenant_id", "client_id", "client_secret"],
        &["tenant_id", "client_id", "client_certificate"],
        &["managed_identity"],
        &["bearer_token"],
    ],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    multi: Multi::Rrset,
    default_ttl: DEFAULT_TTL,
    propagation_limit: Duration::from_secs(120),
    propagation_poll: Duration::from_secs(2),
    ..Caps::PLAIN
};

#[derive(Debug)]
struct Azure {
    api: Api,
    /// Where zones are looked for: the subscription, or a resource group of it.
    scope: String,
    /// The one zone to use.
    only: Option<HeldZone>,
    identity: Identity,
    /// What tokens are for.
    resource: String,
    clock: SharedClock,
    token: tokio::sync::Mutex<Option<(Secret<String>, Timestamp)>>,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let (resource, login) = match reader.required("environment")? {
        "public" => (
            "https://management.azure.com",
            "https://login.microsoftonline.com",
        ),
        "usgovernment" => (
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
        ),
        "china" => (
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
        ),
        _ => return Err(reader.error("environment is none of public, usgovernment, china")),
    };
    let ca_bundle = reader.text("ca_bundle");
    let base = reader.text("base_url").unwrap_or(resource);
    let mut api = Api::new(CODE, base, ca_bundle, context)?;
    api.secrets = ["client_secret", "client_certificate", "bearer_token"]
        .into_iter()
        .filter_map(|key| reader.secret(key))
        .collect();
    let login = reader.text("login_url").unwrap_or(login);
    let subscription = reader.required("subscription_id")?.to_owned();
    let group = reader.text("resource_group");
    let scope = match group {
        Some(group) => format!("/subscriptions/{subscription}/resourceGroups/{group}"),
        None => format!("/subscriptions/{subscription}"),
    };
    let only = match (reader.text("zone").map(name::canonical), group) {
        (Some(name), Some(_)) => Some(HeldZone {
            id: format!("{scope}/providers/Microsoft.Network/dnszones/{name}"),
            name,
        }),
        (Some(_), None) => return Err(reader.error("zone is given without resource_group")),
        (None, _) => None,
    };
    Ok(Box::new(Sets {
        zones: ZoneCache::default(),
        account: format!("{}/{subscription}", api.base),
        store: Azure {
            identity: Identity::read(&reader, login, context)?,
            api,
            scope,
            only,
            resource: resource.to_owned(),
            clock: context.clock.clone(),
            token: tokio::sync::Mutex::default(),
        },
        locks: context.locks.clone(),
        ttl: reader.ttl("ttl", DEFAULT_TTL)?,
        caps: CAPS,
    }))
}

#[async_trait]
impl SetStore for Azure {
    async fn log_in(&self) -> Result<String, DnsError> {
        if self.only.is_some() {
            self.token(Step::Check).await?;
            return Ok("Azure accepts the application's log-in.".to_owned());
        }
        let reply = self
            .call(
                Step::Check,
                Method::GET,
                &self.zones_url("&$top=1"),
                |request| request,
            )
            .await?;
        self.accepted(Step::Check, &reply)?;
        Ok("Azure accepts the credentials.".to_owned())
    }

    async fn find_zone(
        &self,
        fqdn: &str,
        hint: Option<&str>,
    ) -> Result<Option<HeldZone>, DnsError> {
        if let Some(zone) = &self.only {
            let fits =
                name::is_within(fqdn, &zone.name) && hint.is_none_or(|hint| hint == zone.name);
            return Ok(fits.then(|| zone.clone()));
        }
        let mut best: Option<HeldZone> = None;
        let mut next = Some(self.zones_url("&$top=500"));
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { break };
            let reply = self
                .call(Step::FindZone, Method::GET, &url, |request| request)
                .await?;
            self.accepted(Step::FindZone, &reply)?;
            let page = self.api.json(Step::FindZone, &reply)?;
            let zones = page["value"].as_array();
            let zones = zones.ok_or_else(|| self.api.strange(Step::FindZone, &reply))?;
            for zone in zones.iter().filter_map(held) {
                let fits = match hint {
                    Some(hint) => zone.name == hint,
                    None => name::is_within(fqdn, &zone.name),
                };
                if fits
                    && best
                        .as_ref()
                        .is_none_or(|best| best.name.len() < zone.name.len())
                {
                    best = Some(zone);
                }
            }
            next = match page["nextLink"].as_str() {
                Some(link) => Some(self.own(link)?),
                None => None,
            };
        }
        Ok(best)
    }

    async fn read(&self, zone: &HeldZone, fqdn: &str) -> Result<Option<TxtSet>, DnsError> {
        let url = self.set_url(zone, fqdn);
        let reply = self
            .call(Step::Read, Method::GET, &url, |request| request)
            .await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.accepted(Step::Read, &reply)?;
        let set = self.api.json(Step::Read, &reply)?;
        let records = set["properties"]["TXTRecords"].as_array();
        let records = records.ok_or_else(|| self.api.strange(Step::Read, &reply))?;
        let ttl = set["properties"]["TTL"]
            .as_u64()
            .and_then(|ttl| u32::try_from(ttl).ok());
        Ok(Some(TxtSet {
            ttl: ttl.unwrap_or(DEFAULT_TTL),
            entries: records.iter().map(entry).collect(),
            version: set["etag"].as_str().map(str::to_owned),
        }))
    }

    async fn write(
        &self,
        step: Step,
        (zone, fqdn): (&HeldZone, &str),
        old: Option<&TxtSet>,
        new: &TxtSet,
    ) -> Result<Written, DnsError> {
        let version = old.and_then(|old| old.version.as_deref());
        let as_it_was = |request: RequestBuilder| match (old, version) {
            (None, _) => request.header("If-None-Match", "*"),
            (Some(_), Some(version)) => request.header("If-Match", version),
            (Some(_), None) => request,
        };
        let url = self.set_url(zone, fqdn);
        let reply = if new.entries.is_empty() {
            self.call(step, Method::DELETE, &url, as_it_was).await?
        } else {
            let records: Vec<&Value> = new.entries.iter().map(|entry| &entry.raw).collect();
            let body = json!({ "properties": { "TTL": new.ttl, "TXTRecords": records } });
            self.call(step, Method::PUT, &url, |request| {
                as_it_was(request).json(&body)
            })
            .await?
        };
        match reply.status {
            StatusCode::CONFLICT if code(&reply) == "ScopeLocked" => {
                let what = "a lock of the zone, its resource group or subscription forbids it";
                let error = self.refusal(step, Fault::Permission, what, &reply);
                Err(error.permanent().with_remedy(
                    "take the lock away, or delegate _acme-challenge to a zone without one",
                ))
            }
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => Ok(Written::Overtaken),
            _ => {
                self.accepted(step, &reply)?;
                Ok(Written::Done(None))
            }
        }
    }

    fn raw(&self, value: &str) -> Value {
        let octets = value.as_bytes().chunks(STRING);
        let strings: Vec<String> = octets
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect();
        json!({ "value": strings })
    }

    async fn settle(&self, _: &HeldZone, _: &str) -> Result<(), DnsError> {
        Ok(())
    }

    fn no_zone(&self, fqdn: &str, hint: Option<&str>) -> DnsError {
        self.api.no_zone(fqdn, hint)
    }

    fn code(&self) -> &'static str {
        CODE
    }
}

fn held(zone: &Value) -> Option<HeldZone> {
    Some(HeldZone {
        name: name::canonical(zone["name"].as_str()?),
        id: zone["id"].as_str()?.to_owned(),
    })
}

fn entry(record: &Value) -> Entry {
    let strings = record["value"].as_array().into_iter().flatten();
    Entry {
        value: strings.filter_map(Value::as_str).collect(),
        raw: record.clone(),
    }
}

impl Azure {
    fn zones_url(&self, query: &str) -> String {
        format!(
            "{}{}/providers/Microsoft.Network/dnszones?{VERSION}{query}",
            self.api.base, self.scope
        )
    }

    /// The zone's id names subscription and resource group.
    fn set_url(&self, zone: &HeldZone, fqdn: &str) -> String {
        let sub = match relative(fqdn, &zone.name) {
            "" => "@",
            sub => sub,
        };
        format!("{}{}/TXT/{sub}?{VERSION}", self.api.base, zone.id)
    }

    /// A page's address, at the very host that was asked: the token goes nowhere else.
    fn own(&self, link: &str) -> Result<String, DnsError> {
        let failed =
            |what: &str| DnsError::new(CODE, Step::FindZone, Fault::Provider, what).permanent();
        let base: Url =
            (self.api.base.parse()).map_err(|_| failed("the base URL cannot be read"))?;
        let url = base
            .join(link)
            .map_err(|_| failed("the next page's address cannot be read"))?;
        match (url.host_str(), url.port_or_known_default())
            == (base.host_str(), base.port_or_known_default())
        {
            true => Ok(url.to_string()),
            false => Err(failed("the next page is at another host")),
        }
    }

    /// Sends a request with a token, and once more with a fresh one where the token is not taken any more.
    async fn call(
        &self,
        step: Step,
        method: Method,
        url: &str,
        complete: impl Fn(RequestBuilder) -> RequestBuilder + Send + Sync,
    ) -> Result<Reply, DnsError> {
        for is_last in [false, true] {
            let token = self.token(step).await?;
            let make = || {
                let request = self.api.client.request(method.clone(), url);
                complete(request.bearer_auth(token.expose()))
            };
            // A version that was checked cannot be written twice.
            let reply = self.api.send(step, Repeat::Always, make).await?;
            let given = matches!(self.identity, Identity::Given(_));
            if reply.status != StatusCode::UNAUTHORIZED || is_last || given {
                return Ok(reply);
            }
            *self.token.lock().await = None;
        }
        Err(DnsError::new(
            CODE,
            step,
            Fault::Credentials,
            "the credentials are not accepted",
        ))
    }

    async fn token(&self, step: Step) -> Result<Secret<String>, DnsError> {
        if let Identity::Given(token) = &self.identity {
            return Ok(token.clone());
        }
        let mut kept = self.token.lock().await;
        let now = self.clock.now();
        if let Some((token, until)) = &*kept
            && *until > now
        {
            return Ok(token.clone());
        }
        let (api, reply) = self.identity.ask(step, &self.resource, now).await?;
        let (token, until) = oauth::token(api, step, &reply, now)?;
        *kept = Some((token.clone(), until));
        Ok(token)
    }

    fn accepted(&self, step: Step, reply: &Reply) -> Result<(), DnsError> {
        if reply.status.is_success() {
            return Ok(());
        }
        if code(reply) == "SubscriptionNotFound" {
            let what = "there is no such subscription, or not in this cloud";
            let error = self.refusal(step, Fault::Configuration, what, reply);
            return Err(error
                .permanent()
                .with_remedy("see subscription_id and environment"));
        }
        Err(self.api.refused(step, reply, &words(reply)))
    }

    fn refusal(&self, step: Step, fault: Fault, what: &str, reply: &Reply) -> DnsError {
        self.api.error(step, fault, what, reply, &words(reply))
    }
}

/// The code of an error; empty when there is none.
fn code(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    body["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Code and message of an error, or whatever was answered.
fn words(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    match body["error"]["message"].as_str() {
        Some(message) => format!("{}: {message}", code(reply)),
        None => reply.text(),
    }
}
