//! Google Cloud DNS: a change names what goes and what comes, and is refused when what goes is not there.

use std::time::Duration;

use async_trait::async_trait;
use evercert_types::{Secret, SharedClock};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Api, Repeat};
use super::jwt::SigningKey;
use super::oauth;
use super::sets::{Entry, HeldZone, SetStore, Sets, TxtSet, Written};
use crate::engine::percent;
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::provider::{Caps, Context, Descriptor, Field, Maker, Multi, Provider, Settings};
use crate::setting::{BASE_URL, CA_BUNDLE, Reader, TTL};
use crate::zone::is_public_suffix;
use crate::zone_cache::ZoneCache;
use crate::{name, txt};

const CODE: &str = "gcloud";
const DEFAULT_TTL: u32 = 120;
const SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How often it is asked whether a change is at the name servers: some 45 seconds long.
const POLLS: u32 = 14;

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Google Cloud DNS",
    docs: "https://cloud.google.com/dns/docs/reference/rest/v1",
    least_privilege: Some(
        "A service account with the role DNS Administrator on the mapped zones only (dns.managedZones.list on the project).",
    ),
    notes: &[
        "A change names the set that goes and the one that comes. Google refuses it with 412, 404 or 409 when another program was faster; it is read again then.",
        "acme.sh drives the gcloud program and has no settings of its own: make a service account and its key. lego's GCE_SERVICE_ACCOUNT_FILE names a file; its content goes into service_account.",
        "Private zones are passed over; impersonation of another service account is not taken over.",
    ],
    fields: &[
        Field::text(
            "service_account",
            "Service account key",
            "The whole JSON file of a service account's key.",
        )
        .optional()
        .secret()
        .env(&[], &["GCE_SERVICE_ACCOUNT"]),
        Field::text(
            "metadata",
            "Metadata server",
            "true: the service account of the virtual machine that this runs on is used.",
        )
        .optional(),
        Field::text(
            "project",
            "Project",
            "Id of the project that holds the zones; that of the key when left out.",
        )
        .optional()
        .env(&[], &["GCE_PROJECT"]),
        Field::text(
            "zone",
            "Managed zone",
            "The managed zone to use, where several public ones have the same name.",
        )
        .optional()
        .env(&[], &["GCE_ZONE_ID"]),
        Field::text(
            "token_url",
            "Token URL",
            "Where tokens are asked for, where it is not the address in the key.",
        )
        .optional(),
        Field::text(
            "metadata_url",
            "Metadata URL",
            "Address of the metadata server.",
        )
        .or("http://169.254.169.254"),
        BASE_URL,
        CA_BUNDLE,
        TTL,
    ],
    one_of: &[&["service_account"], &["project", "metadata"]],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    multi: Multi::Rrset,
    default_ttl: DEFAULT_TTL,
    propagation_limit: Duration::from_secs(180),
    propagation_poll: Duration::from_secs(5),
    ..Caps::PLAIN
};

/// Where tokens come from.
#[derive(Debug)]
enum Identity {
    ServiceAccount {
        email: String,
        key: SigningKey,
        /// The audience, and where tokens are asked for.
        audience: String,
        login: Api,
    },
    Metadata(Api),
}

#[derive(Debug)]
struct CloudDns {
    api: Api,
    project: String,
    zone: Option<String>,
    identity: Identity,
    clock: SharedClock,
    token: tokio::sync::Mutex<Option<(Secret<String>, Timestamp)>>,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let key: Option<Value> = match reader.text("service_account") {
        Some(text) => Some(
            serde_json::from_str(text).map_err(|_| reader.error("service_account is no JSON"))?,
        ),
        None => None,
    };
    let project = reader
        .text("project")
        .or_else(|| key.as_ref()?["project_id"].as_str());
    let identity = match (&key, reader.text("metadata")) {
        (Some(key), None) => service_account(&reader, key, context)?,
        (None, Some("true")) => Identity::Metadata(Api::metadata(
            CODE,
            reader.required("metadata_url")?,
            context,
        )?),
        _ => {
            return Err(
                reader.error("settings are missing: give service_account, or metadata = true")
            );
        }
    };
    let project = project
        .ok_or_else(|| reader.error("the setting project is missing"))?
        .to_owned();
    let base = reader
        .text("base_url")
        .unwrap_or("https://dns.googleapis.com");
    let mut api = Api::new(CODE, base, reader.text("ca_bundle"), context)?;
    api.secrets = reader.secret("service_account").into_iter().collect();
    Ok(Box::new(Sets {
        zones: ZoneCache::default(),
        account: format!("{}/{project}", api.base),
        store: CloudDns {
            api,
            project,
            zone: reader.text("zone").map(str::to_owned),
            identity,
            clock: context.clock.clone(),
            token: tokio::sync::Mutex::default(),
        },
        locks: context.locks.clone(),
        ttl: reader.ttl("ttl", DEFAULT_TTL)?,
        caps: CAPS,
    }))
}

fn service_account(
    reader: &Reader<'_>,
    key: &Value,
    context: &Context,
) -> Result<Identity, DnsError> {
    let text = |name: &str| {
        let wrong = || reader.error(format!("service_account has no {name}"));
        key[name].as_str().ok_or_else(wrong)
    };
    let wrong = || reader.error("the private_key of service_account is no RSA key");
    let audience = text("token_uri")?;
    Ok(Identity::ServiceAccount {
        email: text("client_email")?.to_owned(),
        key: SigningKey::from_pem(text("private_key")?).ok_or_else(wrong)?,
        login: Api::new(
            CODE,
            reader.text("token_url").unwrap_or(audience),
            reader.text("ca_bundle"),
            context,
        )?,
        audience: audience.to_owned(),
    })
}

#[async_trait]
impl SetStore for CloudDns {
    async fn log_in(&self) -> Result<String, DnsError> {
        self.zones(Step::Check, "dnsName=example.invalid.").await?;
        Ok("Google Cloud DNS accepts the credentials.".to_owned())
    }

    async fn find_zone(
        &self,
        fqdn: &str,
        hint: Option<&str>,
    ) -> Result<Option<HeldZone>, DnsError> {
        let candidates: Vec<&str> = match hint {
            Some(hint) => vec![hint],
            None => name::suffixes(fqdn)
                .take_while(|one| one.contains('.') && !is_public_suffix(one))
                .collect(),
        };
        for candidate in candidates {
            let found = self
                .zones(Step::FindZone, &format!("dnsName={candidate}."))
                .await?;
            let mut public = found.into_iter().filter(|zone| zone.name == candidate);
            let zone = match &self.zone {
                Some(id) => public.find(|zone| zone.id == *id),
                None => public.next(),
            };
            if zone.is_some() {
                return Ok(zone);
            }
        }
        Ok(None)
    }

    async fn read(&self, zone: &HeldZone, fqdn: &str) -> Result<Option<TxtSet>, DnsError> {
        let path = format!(
            "managedZones/{}/rrsets?name={}.&type=TXT",
            zone.id,
            percent(fqdn)
        );
        let reply = self.call(Step::Read, Method::GET, &path, None).await?;
        let answer = self.accepted(Step::Read, &reply)?;
        if !answer.is_object() {
            return Err(self.api.strange(Step::Read, &reply));
        }
        let mut sets = answer["rrsets"].as_array().into_iter().flatten();
        let named = |set: &&Value| {
            set["name"].as_str().map(name::canonical).as_deref() == Some(fqdn)
                && set["type"] == "TXT"
        };
        Ok(sets.find(named).map(|set| TxtSet {
            ttl: set["ttl"]
                .as_u64()
                .and_then(|ttl| u32::try_from(ttl).ok())
                .unwrap_or(DEFAULT_TTL),
            entries: set["rrdatas"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(entry)
                .collect(),
            version: None,
        }))
    }

    async fn write(
        &self,
        step: Step,
        (zone, fqdn): (&HeldZone, &str),
        old: Option<&TxtSet>,
        new: &TxtSet,
    ) -> Result<Written, DnsError> {
        let mut body = json!({});
        if let Some(old) = old {
            body["deletions"] = json!([record_set(fqdn, old)]);
        }
        if !new.entries.is_empty() {
            body["additions"] = json!([record_set(fqdn, new)]);
        }
        let path = format!("managedZones/{}/changes", zone.id);
        let reply = self.call(step, Method::POST, &path, Some(&body)).await?;
        if matches!(
            reply.status,
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED
        ) {
            return Ok(Written::Overtaken);
        }
        // So it is told that what should go is gone already.
        if reply.status == StatusCode::NOT_FOUND && reply.text().contains("entity.change.deletions")
        {
            return Ok(Written::Overtaken);
        }
        let change = self.accepted(step, &reply)?;
        match change["id"].as_str() {
            Some(id) => Ok(Written::Done(Some(id.to_owned()))),
            None => Err(self.api.strange(step, &reply)),
        }
    }

    fn raw(&self, value: &str) -> Value {
        Value::String(txt::quote(value))
    }

    async fn settle(&self, zone: &HeldZone, change: &str) -> Result<(), DnsError> {
        let path = format!("managedZones/{}/changes/{change}", zone.id);
        for attempt in 0..POLLS {
            let reply = self.call(Step::Verify, Method::GET, &path, None).await?;
            if self.accepted(Step::Verify, &reply)?["status"] == "done" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500 << attempt.min(3))).await;
        }
        // Whether the name servers show it is looked at anyway.
        tracing::debug!(
            dns.change = change,
            "Google Cloud DNS still spreads a change"
        );
        Ok(())
    }

    fn no_zone(&self, fqdn: &str, hint: Option<&str>) -> DnsError {
        self.api.no_zone(fqdn, hint)
    }

    fn code(&self) -> &'static str {
        CODE
    }
}

fn entry(raw: &Value) -> Option<Entry> {
    Some(Entry {
        value: txt::unquote(raw.as_str()?),
        raw: raw.clone(),
    })
}

fn record_set(fqdn: &str, set: &TxtSet) -> Value {
    let values: Vec<&Value> = set.entries.iter().map(|entry| &entry.raw).collect();
    json!({ "name": format!("{fqdn}."), "type": "TXT", "ttl": set.ttl, "rrdatas": values })
}

impl CloudDns {
    /// The public zones that the filter finds.
    async fn zones(&self, step: Step, filter: &str) -> Result<Vec<HeldZone>, DnsError> {
        let reply = self
            .call(step, Method::GET, &format!("managedZones?{filter}"), None)
            .await?;
        let answer = self.accepted(step, &reply)?;
        if !answer.is_object() {
            return Err(self.api.strange(step, &reply));
        }
        let zones = answer["managedZones"].as_array().into_iter().flatten();
        let public = zones.filter(|zone| zone["visibility"] != "private");
        Ok(public
            .filter_map(|zone| {
                Some(HeldZone {
                    name: name::canonical(zone["dnsName"].as_str()?),
                    id: zone["name"].as_str()?.to_owned(),
                })
            })
            .collect())
    }

    async fn call(
        &self,
        step: Step,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, DnsError> {
        let url = format!("{}/dns/v1/projects/{}/{path}", self.api.base, self.project);
        for is_last in [false, true] {
            let token = self.token(step).await?;
            let make = || {
                let request = self
                    .api
                    .client
                    .request(method.clone(), &url)
                    .bearer_auth(token.expose());
                match body {
                    Some(body) => request.json(body),
                    None => request,
                }
            };
            // What goes is named: a change cannot be made twice.
            let reply = self.api.send(step, Repeat::Always, make).await?;
            if reply.status != StatusCode::UNAUTHORIZED || is_last {
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
        let mut kept = self.token.lock().await;
        let now = self.clock.now();
        if let Some((token, until)) = &*kept
            && *until > now
        {
            return Ok(token.clone());
        }
        let (api, reply) = self.ask_for_token(step, now).await?;
        let (token, until) = oauth::token(api, step, &reply, now)?;
        *kept = Some((token.clone(), until));
        Ok(token)
    }

    async fn ask_for_token(&self, step: Step, now: Timestamp) -> Result<(&Api, Reply), DnsError> {
        match &self.identity {
            Identity::ServiceAccount {
                email,
                key,
                audience,
                login,
            } => {
                let now = now.as_second();
                let claims = json!({ "iss": email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + 3600 });
                let assertion = key.sign(&claims, &[]).ok_or_else(|| {
                    DnsError::new(
                        CODE,
                        step,
                        Fault::Configuration,
                        "the service account's key cannot sign",
                    )
                })?;
                let form = [("grant_type", GRANT), ("assertion", &assertion)];
                let reply = login
                    .send(step, Repeat::Always, || {
                        login.client.post(&login.base).form(&form)
                    })
                    .await?;
                Ok((login, reply))
            }
            Identity::Metadata(api) => {
                let url = format!(
                    "{}/computeMetadata/v1/instance/service-accounts/default/token",
                    api.base
                );
                let make = || api.client.get(&url).header("Metadata-Flavor", "Google");
                let reply = api.send(step, Repeat::Always, make).await?;
                Ok((api, reply))
            }
        }
    }

    fn accepted(&self, step: Step, reply: &Reply) -> Result<Value, DnsError> {
        if reply.status.is_success() {
            return self.api.json(step, reply);
        }
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let words = body["error"]["message"]
            .as_str()
            .map_or_else(|| reply.text(), str::to_owned);
        Err(self.api.refused(step, reply, &words))
    }
}
