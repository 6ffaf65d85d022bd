//! Amazon Route 53: whole sets by XML, signed with AWS's fourth version.

mod credentials;
mod sigv4;
mod xml;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::SharedClock;
use reqwest::Url;
use serde_json::Value;

use self::credentials::{Credentials, Keys, Role, Source};
use self::sigv4::Signed;
use super::api::{Api, Repeat};
use super::sets::{HeldZone, SetStore, Sets, TxtSet, Written};
use crate::account::{Pace, Rate};
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::provider::{Caps, Context, Descriptor, Field, Maker, Multi, Provider, Settings};
use crate::setting::{BASE_URL, CA_BUNDLE, Reader, TTL};
use crate::zone::is_public_suffix;
use crate::zone_cache::ZoneCache;
use crate::{name, txt};

const CODE: &str = "aws";
const DEFAULT_TTL: u32 = 10;
const API: &str = "2013-04-01";
/// How often it is asked whether a change is at the name servers: some 45 seconds long.
const POLLS: u32 = 14;

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Amazon Route53",
    docs: "https://docs.aws.amazon.com/Route53/latest/APIReference/Welcome.html",
    least_privilege: Some(
        "route53:ListHostedZonesByName and GetChange, and for the mapped zones ListResourceRecordSets and ChangeResourceRecordSets, the latter limited to TXT by route53:ChangeResourceRecordSetsRecordTypes.",
    ),
    notes: &[
        "Five requests a second are allowed for a whole account; Route 53 says Throttling, with status 400, to more. acme.sh's AWS_DNS_SLOWRATE is not needed.",
        "Requests are signed for us-east-1, wherever the account's servers are: lego's AWS_REGION is not taken over.",
        "Private zones are passed over. With a hosted zone id the keys need route53:GetHostedZone too.",
        "Another program that writes the same name at the same moment may undo a change: Route 53 has no versions of sets. Evercert reads after writing.",
    ],
    fields: &[
        Field::text("access_key_id", "Access key id", "Id of the access key.")
            .optional()
            .env(&["AWS_ACCESS_KEY_ID"], &["AWS_ACCESS_KEY_ID"]),
        Field::text("secret_access_key", "Secret access key", "Secret of the access key.")
            .optional()
            .secret()
            .env(&["AWS_SECRET_ACCESS_KEY"], &["AWS_SECRET_ACCESS_KEY"]),
        Field::text("session_token", "Session token", "Token of a temporary access key.")
            .optional()
            .secret()
            .env(&["AWS_SESSION_TOKEN"], &["AWS_SESSION_TOKEN"]),
        Field::text(
            "source",
            "Credentials from",
            "Where keys come from when none are given: file, instance (EC2 metadata) or container (ECS).",
        )
        .optional(),
        Field::text(
            "credentials_file",
            "Credentials file",
            "Absolute path of a file as ~/.aws/credentials, with source file.",
        )
        .optional()
        .env(&[], &["AWS_SHARED_CREDENTIALS_FILE"]),
        Field::text("profile", "Profile", "Profile in the credentials file.")
            .or("default")
            .env(&[], &["AWS_PROFILE"]),
        Field::text(
            "metadata_url",
            "Metadata URL",
            "Address of the metadata service, with source instance or container; for the latter with the path of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.",
        )
        .optional(),
        Field::text("role_arn", "Role", "ARN of a role to take with the keys.")
            .optional()
            .env(&[], &["AWS_ASSUME_ROLE_ARN"]),
        Field::text("external_id", "External id", "External id that the role wants to hear.")
            .optional()
            .env(&[], &["AWS_EXTERNAL_ID"]),
        Field::text("sts_url", "STS URL", "Address of the security token service, for roles.")
            .or("https://sts.amazonaws.com"),
        Field::text("region", "Region", "Region that requests are signed for: us-east-1, cn-northwest-1 in China, us-gov-west-1 for GovCloud.")
            .or("us-east-1"),
        Field::text("zone_id", "Hosted zone id", "The zone to use, where several public ones have the same name.")
            .optional()
            .env(&[], &["AWS_HOSTED_ZONE_ID"]),
        BASE_URL,
        CA_BUNDLE,
        TTL,
    ],
    one_of: &[&["access_key_id", "secret_access_key"], &["source"]],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

/// Route 53 takes five requests a second of an account.
const PACE: Pace = Pace {
    at_once: 2,
    rate: Some(Rate {
        requests: 5,
        within: Duration::from_secs(1),
    }),
};

const CAPS: Caps = Caps {
    multi: Multi::Rrset,
    default_ttl: DEFAULT_TTL,
    propagation_limit: Duration::from_secs(120),
    propagation_poll: Duration::from_secs(4),
    ..Caps::PLAIN
};

#[derive(Debug)]
struct Route53 {
    api: Api,
    credentials: Credentials,
    region: String,
    zone_id: Option<String>,
    clock: SharedClock,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let region = reader.required("region")?.to_owned();
    let host = match region.starts_with("cn-") {
        true => "https://route53.amazonaws.com.cn",
        false => "https://route53.amazonaws.com",
    };
    // Held until the account of the first request is the same.
    let _account = context.accounts.account(PACE);
    let ca_bundle = reader.text("ca_bundle");
    let base = reader.text("base_url").unwrap_or(host);
    let mut api = Api::new(CODE, base, ca_bundle, context)?;
    api.secrets = ["secret_access_key", "session_token"]
        .into_iter()
        .filter_map(|key| reader.secret(key))
        .collect();
    let role = match reader.text("role_arn") {
        Some(arn) => Some(Role {
            arn: arn.to_owned(),
            external_id: reader.text("external_id").map(str::to_owned),
            sts: Api::new(CODE, reader.required("sts_url")?, ca_bundle, context)?,
            region: region.clone(),
        }),
        None => None,
    };
    let account = format!(
        "{}/{}",
        api.base,
        reader.text("access_key_id").unwrap_or_default()
    );
    Ok(Box::new(Sets {
        zones: ZoneCache::default(),
        store: Route53 {
            api,
            credentials: Credentials {
                source: source(&reader, context)?,
                role,
                clock: context.clock.clone(),
                kept: tokio::sync::Mutex::default(),
            },
            region,
            zone_id: reader.text("zone_id").map(str::to_owned),
            clock: context.clock.clone(),
        },
        locks: context.locks.clone(),
        account,
        ttl: reader.ttl("ttl", DEFAULT_TTL)?,
        caps: CAPS,
    }))
}

fn source(reader: &Reader<'_>, context: &Context) -> Result<Source, DnsError> {
    let metadata = |default: &'static str| {
        let url = reader.text("metadata_url").unwrap_or(default);
        Api::metadata(CODE, url, context)
    };
    match (
        reader.text("access_key_id"),
        reader.secret("secret_access_key"),
        reader.text("source"),
    ) {
        (Some(id), Some(secret), None) => Ok(Source::Settings(Keys {
            id: id.to_owned(),
            secret,
            token: reader.secret("session_token"),
        })),
        (None, None, Some("file")) => {
            let path = PathBuf::from(reader.required("credentials_file")?);
            match path.is_absolute() {
                true => Ok(Source::File(path, reader.required("profile")?.to_owned())),
                false => Err(reader.error("credentials_file is not an absolute path")),
            }
        }
        (None, None, Some("instance")) => Ok(Source::Instance(metadata("http://169.254.169.254")?)),
        (None, None, Some("container")) => {
            reader.required("metadata_url")?;
            Ok(Source::Container(metadata("")?))
        }
        (None, None, Some(_)) => Err(reader.error("source is none of file, instance, container")),
        (_, _, Some(_)) => Err(reader.error("give either an access key or a source")),
        _ => Err(reader
            .error("settings are missing: give access_key_id and secret_access_key, or a source")),
    }
}

#[async_trait]
impl SetStore for Route53 {
    async fn log_in(&self) -> Result<String, DnsError> {
        self.by_name(Step::Check, "example.invalid").await?;
        Ok("Route 53 accepts the credentials.".to_owned())
    }

    async fn find_zone(
        &self,
        fqdn: &str,
        hint: Option<&str>,
    ) -> Result<Option<HeldZone>, DnsError> {
        if let Some(id) = &self.zone_id {
            return self.by_id(id, fqdn).await;
        }
        let candidates: Vec<&str> = match hint {
            Some(hint) => vec![hint],
            None => name::suffixes(fqdn)
                .take_while(|one| one.contains('.') && !is_public_suffix(one))
                .collect(),
        };
        for candidate in candidates {
            let found = self.by_name(Step::FindZone, candidate).await?;
            if let Some(zone) = found.into_iter().find(|zone| zone.name == candidate) {
                return Ok(Some(zone));
            }
        }
        Ok(None)
    }

    async fn read(&self, zone: &HeldZone, fqdn: &str) -> Result<Option<TxtSet>, DnsError> {
        let path = format!(
            "hostedzone/{}/rrset?name={fqdn}.&type=TXT&maxitems=1",
            zone.id
        );
        let reply = self.call(Step::Read, "GET", &path, None).await?;
        self.accepted(Step::Read, &reply)?;
        xml::set(&reply.text(), fqdn).ok_or_else(|| self.api.strange(Step::Read, &reply))
    }

    async fn write(
        &self,
        step: Step,
        (zone, fqdn): (&HeldZone, &str),
        old: Option<&TxtSet>,
        new: &TxtSet,
    ) -> Result<Written, DnsError> {
        let body = match (new.entries.is_empty(), old) {
            (true, Some(old)) => xml::change("DELETE", fqdn, old),
            _ => xml::change("UPSERT", fqdn, new),
        };
        let path = format!("hostedzone/{}/rrset/", zone.id);
        let reply = self.call(step, "POST", &path, Some(&body)).await?;
        let text = reply.text();
        // Another writer was between the reading and the writing.
        if xml::first(&text, "Code").as_deref() == Some("InvalidChangeBatch")
            || text.contains("<InvalidChangeBatch")
        {
            return match old.is_some() && new.entries.is_empty() {
                true => Ok(Written::Overtaken),
                false => Err(self.refusal(step, &reply)),
            };
        }
        self.accepted(step, &reply)?;
        let id = xml::first(&text, "Id").ok_or_else(|| self.api.strange(step, &reply))?;
        Ok(Written::Done(Some(id)))
    }

    fn raw(&self, value: &str) -> Value {
        Value::String(txt::quote(value))
    }

    async fn settle(&self, _: &HeldZone, change: &str) -> Result<(), DnsError> {
        let path = change.trim_start_matches('/').to_owned();
        for attempt in 0..POLLS {
            let reply = self.call(Step::Verify, "GET", &path, None).await?;
            self.accepted(Step::Verify, &reply)?;
            if xml::first(&reply.text(), "Status").as_deref() == Some("INSYNC") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500 << attempt.min(3))).await;
        }
        // Whether the name servers show it is looked at anyway.
        tracing::debug!(dns.change = change, "Route 53 still spreads a change");
        Ok(())
    }

    fn no_zone(&self, fqdn: &str, hint: Option<&str>) -> DnsError {
        self.api.no_zone(fqdn, hint)
    }

    fn code(&self) -> &'static str {
        CODE
    }
}

impl Route53 {
    /// The public zones from that name on.
    async fn by_name(&self, step: Step, candidate: &str) -> Result<Vec<HeldZone>, DnsError> {
        let path = format!("hostedzonesbyname?dnsname={candidate}.&maxitems=100");
        let reply = self.call(step, "GET", &path, None).await?;
        self.accepted(step, &reply)?;
        xml::zones(&reply.text()).ok_or_else(|| self.api.strange(step, &reply))
    }

    async fn by_id(&self, id: &str, fqdn: &str) -> Result<Option<HeldZone>, DnsError> {
        let path = format!("hostedzone/{id}");
        let reply = self.call(Step::FindZone, "GET", &path, None).await?;
        self.accepted(Step::FindZone, &reply)?;
        let zone = xml::one_zone(&reply.text());
        Ok(zone.filter(|zone| name::is_within(fqdn, &zone.name)))
    }

    async fn call(
        &self,
        step: Step,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Reply, DnsError> {
        let url: Url = format!("{}/{API}/{path}", self.api.base)
            .parse()
            .map_err(|_| DnsError::setting(CODE, "the URL of Route 53 cannot be built"))?;
        let keys = self.credentials.keys(step).await?;
        let make = || {
            let signed = Signed {
                method,
                url: &url,
                body: body.unwrap_or_default().as_bytes(),
                region: &self.region,
                service: "route53",
            };
            let request = match body {
                Some(body) => self
                    .api
                    .client
                    .post(url.clone())
                    .header("content-type", "text/xml")
                    .body(body.to_owned()),
                None => self.api.client.get(url.clone()),
            };
            let headers = signed.headers(&keys, self.clock.now());
            headers.into_iter().fold(request, |request, (name, value)| {
                request.header(name, value)
            })
        };
        // The same set written twice is the same set.
        self.api.send(step, Repeat::Always, make).await
    }

    fn accepted(&self, step: Step, reply: &Reply) -> Result<(), DnsError> {
        match reply.status.is_success() {
            true => Ok(()),
            false => Err(self.refusal(step, reply)),
        }
    }

    fn refusal(&self, step: Step, reply: &Reply) -> DnsError {
        let text = reply.text();
        let code = xml::first(&text, "Code").unwrap_or_default();
        let words = match xml::first(&text, "Message") {
            Some(message) => format!("{code}: {message}"),
            None => text,
        };
        let as_it_is = |fault, what| self.api.error(step, fault, what, reply, &words);
        match code.as_str() {
            "RequestExpired" | "RequestTimeTooSkewed" => {
                as_it_is(Fault::Clock, "the time of the request is not accepted")
            }
            // What is said of a wrong clock has the code of a wrong key.
            "SignatureDoesNotMatch" | "InvalidSignatureException"
                if ["Signature expired", "not yet current"]
                    .iter()
                    .any(|part| words.contains(part)) =>
            {
                as_it_is(Fault::Clock, "the time of the request is not accepted")
            }
            "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "UnrecognizedClientException"
            | "ExpiredToken" => as_it_is(Fault::Credentials, "the credentials are not accepted"),
            "AccessDenied" | "AccessDeniedException" => {
                as_it_is(Fault::Permission, "the credentials may not do this")
            }
            "Throttling" | "ThrottlingException" | "PriorRequestNotComplete" => {
                as_it_is(Fault::Provider, "the service is busy")
            }
            "NoSuchHostedZone" => as_it_is(Fault::Zone, "the zone is not there"),
            _ => self.api.refused(step, reply, &words),
        }
    }
}
