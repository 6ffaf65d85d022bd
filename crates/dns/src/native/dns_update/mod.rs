//! Services beyond the list, through the crate dns-update: one adapter for all of them.
//!
//! The crate adds and removes one value of a record set, and wants to be told the zone. It gives little of what a
//! service answers (nothing at all with HTTP 401 and 404), and most of its services cannot be asked elsewhere than at
//! their own address. That is why it serves what is beyond the list only, as a feature that is off by default.

mod clouds;
mod hosters;
mod registrars;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use dns_update::{DnsRecord, DnsRecordType, DnsUpdater, Error};
use evercert_types::Secret;

use crate::error::{DnsError, Fault, Step};
use crate::lock::NameLocks;
use crate::name;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Multi, Provider, Receipt, Settings, TxtTarget,
};
use crate::resolver::Resolver;
use crate::setting::Reader;

/// Every service takes this TTL.
const DEFAULT_TTL: u32 = 600;

/// The zone, in the fields of every service.
const ZONE: Field = Field::text(
    "zone",
    "Zone",
    "The zone at the service, where it is not the one that the SOA records tell.",
)
.optional();

const CAPS: Caps = Caps {
    multi: Multi::Rrset,
    default_ttl: DEFAULT_TTL,
    propagation_limit: Duration::from_secs(600),
    ..Caps::PLAIN
};

/// A name that has room for one value.
const SINGLE: Caps = Caps {
    multi: Multi::Single,
    ..CAPS
};

/// The services, by what kind of company they are of.
pub(super) fn services() -> impl Iterator<Item = &'static Descriptor> {
    let all = [clouds::SERVICES, hosters::SERVICES, registrars::SERVICES];
    all.into_iter().flatten().copied()
}

/// Declares services: code, name, documentation, fields, and how the crate's client is made of them.
macro_rules! declare {
    ($($ident:ident: $code:literal, $name:literal, $docs:literal, $caps:expr, [$($field:expr),* $(,)?],
        |$settings:ident| $make:expr;)*) => {
        $(
            static $ident: Descriptor = Descriptor {
                code: $code,
                name: $name,
                docs: $docs,
                least_privilege: None,
                notes: &[],
                fields: &[$($field,)* super::ZONE, crate::setting::TTL],
                one_of: &[],
                unofficial: false,
                caps: $caps,
                build: crate::provider::Maker::Native(|settings, context| {
                    super::build(&$ident, settings, context, |$settings| $make)
                }),
            };
        )*
        pub(super) static SERVICES: &[&Descriptor] = &[$(&$ident),*];
    };
}
use declare;

/// The settings of one service, as the crate's constructors want them.
struct Made<'a> {
    reader: &'a Reader<'a>,
    timeout: Option<Duration>,
}

impl Made<'_> {
    /// A setting that was seen to be there.
    fn the(&self, key: &str) -> String {
        self.reader.text(key).unwrap_or_default().to_owned()
    }

    /// Whether a switch is on.
    fn is(&self, key: &str) -> bool {
        self.reader.text(key) == Some("yes")
    }

    fn maybe(&self, key: &str) -> Option<String> {
        self.reader.text(key).map(str::to_owned)
    }
}

fn build(
    descriptor: &'static Descriptor,
    settings: &Settings,
    context: &Context,
    make: impl FnOnce(&Made<'_>) -> dns_update::Result<DnsUpdater>,
) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(descriptor.code, descriptor.fields, settings)?;
    let secrets = descriptor.fields.iter().filter(|field| field.secret);
    let secrets: Vec<_> = secrets
        .filter_map(|field| reader.secret(field.key))
        .collect();
    let made = Made {
        reader: &reader,
        timeout: Some(context.request_timeout),
    };
    let updater = make(&made).map_err(|error| {
        let known: Vec<&Secret<String>> = secrets.iter().collect();
        reader
            .error("the settings cannot be used")
            .with_words(&shown(&error), &known)
    })?;
    Ok(Box::new(Service {
        code: descriptor.code,
        updater,
        caps: descriptor.caps,
        zone: reader.text("zone").map(name::canonical),
        ttl: reader.ttl("ttl", DEFAULT_TTL)?,
        resolver: context.resolver.clone(),
        secrets,
        locks: context.locks.clone(),
    }))
}

struct Service {
    code: &'static str,
    updater: DnsUpdater,
    caps: Caps,
    zone: Option<String>,
    ttl: u32,
    resolver: Option<Resolver>,
    secrets: Vec<Secret<String>>,
    locks: NameLocks,
}

impl fmt::Debug for Service {
    /// The crate's clients show credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("code", &self.code)
            .field("zone", &self.zone)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for Service {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let zone = self.zone_of(target).await?;
        // The crate reads the set, and writes it, or one record after it.
        let _guard = self.locks.lock(self.code, &zone).await;
        let told = |error| self.error(Step::Add, error, &zone).at_name(&target.fqdn);
        let created = match self.caps.multi {
            Multi::Single => true,
            _ => !self
                .values(Step::Add, target, &zone)
                .await?
                .contains(&target.value),
        };
        if created {
            let (name, ttl) = (target.fqdn.as_str(), target.ttl.unwrap_or(self.ttl));
            let record = vec![DnsRecord::TXT(target.value.clone())];
            let added = match self.caps.multi {
                Multi::Single => {
                    let set = self
                        .updater
                        .set_rrset(name, DnsRecordType::TXT, ttl, record, &*zone);
                    set.await
                }
                _ => {
                    let add =
                        self.updater
                            .add_to_rrset(name, DnsRecordType::TXT, ttl, record, &*zone);
                    add.await
                }
            };
            added.map_err(told)?;
        }
        Ok(Receipt {
            zone: zone.clone(),
            created,
            ..Receipt::default()
        })
    }

    async fn remove(&self, target: &TxtTarget, receipt: Option<&Receipt>) -> Result<(), DnsError> {
        let kept = receipt.map(|receipt| receipt.zone.clone());
        let zone = match kept.filter(|zone| !zone.is_empty()) {
            Some(zone) => zone,
            None => self.zone_of(target).await?,
        };
        let _guard = self.locks.lock(self.code, &zone).await;
        let name = target.fqdn.as_str();
        let record = vec![DnsRecord::TXT(target.value.clone())];
        let removed = match self.caps.multi {
            Multi::Single => {
                let clear =
                    self.updater
                        .set_rrset(name, DnsRecordType::TXT, self.ttl, Vec::new(), &*zone);
                clear.await
            }
            _ => {
                if !self
                    .values(Step::Remove, target, &zone)
                    .await?
                    .contains(&target.value)
                {
                    return Ok(());
                }
                let remove =
                    self.updater
                        .remove_from_rrset(name, DnsRecordType::TXT, record, &*zone);
                remove.await
            }
        };
        removed.map_err(|error| self.error(Step::Remove, error, &zone).at_name(name))
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let name = name.map(str::to_owned);
        let name = name.or_else(|| Some(format!("_acme-challenge.{}", self.zone.as_ref()?)));
        let Some(name) = name else {
            let note = "The settings are complete; the service is asked once a domain is given.";
            return Ok(CheckReport {
                zone: None,
                notes: vec![note.to_owned()],
            });
        };
        let target = TxtTarget::new(&name, "");
        let zone = self.zone_of(&target).await?;
        let note = match self.caps.multi {
            Multi::Single => "The service cannot be asked without changing something.".to_owned(),
            _ => {
                let values = self.values(Step::Check, &target, &zone).await?;
                format!("{} TXT values stand at {}.", values.len(), target.fqdn)
            }
        };
        Ok(CheckReport {
            zone: Some(zone),
            notes: vec![note],
        })
    }

    fn caps(&self) -> Caps {
        self.caps
    }
}

impl Service {
    /// The zone that the crate is told: the caller's, the settings', or the one that the SOA records tell.
    async fn zone_of(&self, target: &TxtTarget) -> Result<String, DnsError> {
        let given = target.zone_hint.as_deref().or(self.zone.as_deref());
        let zone = match given {
            Some(zone) => name::canonical(zone),
            None => self.walk(&target.fqdn).await?,
        };
        if name::is_within(&target.fqdn, &zone) {
            return Ok(zone);
        }
        let what = "the name is not in the zone of the settings";
        let error = DnsError::new(self.code, Step::FindZone, Fault::Zone, what);
        Err(error.at_name(&target.fqdn).in_zone(&zone))
    }

    async fn walk(&self, fqdn: &str) -> Result<String, DnsError> {
        let failed = |error: crate::lookup::LookupError| {
            let fault = match error.is_retryable() {
                true => Fault::Network,
                false => Fault::Zone,
            };
            let what = "the zone cannot be found by its SOA record";
            DnsError::new(self.code, Step::FindZone, fault, what)
                .at_name(fqdn)
                .with_remedy("check the DNS of this host, or set the zone in the settings")
                .caused_by(error)
        };
        let resolver = match &self.resolver {
            Some(resolver) => resolver.clone(),
            None => Resolver::system().map_err(failed)?,
        };
        resolver.zone_name(fqdn).await.map_err(failed)
    }

    async fn values(
        &self,
        step: Step,
        target: &TxtTarget,
        zone: &str,
    ) -> Result<Vec<String>, DnsError> {
        let name = target.fqdn.as_str();
        let listed = self
            .updater
            .list_rrset(name, DnsRecordType::TXT, zone)
            .await;
        let records = match listed {
            Ok(records) => records,
            Err(error) => return Err(self.error(step, error, zone).at_name(name)),
        };
        let value = |record| match record {
            DnsRecord::TXT(value) => Some(value),
            _ => None,
        };
        Ok(records.into_iter().filter_map(value).collect())
    }

    /// What the crate's error means, and whether trying again can help.
    fn error(&self, step: Step, error: Error, zone: &str) -> DnsError {
        let secrets: Vec<&Secret<String>> = self.secrets.iter().collect();
        let new = |fault, what: &str| DnsError::new(self.code, step, fault, what).in_zone(zone);
        let words = shown(&error);
        let told = match &error {
            Error::Unauthorized => {
                new(Fault::Credentials, "the credentials are not accepted").with_status("HTTP 401")
            }
            Error::NotFound => new(Fault::Zone, "the service does not hold this zone or record")
                .with_status("HTTP 404"),
            Error::BadRequest => new(Fault::Provider, "the service refused")
                .with_status("HTTP 400")
                .permanent(),
            Error::Unsupported(_) => new(Fault::Provider, "the service cannot do this").permanent(),
            Error::InvalidRegion | Error::Client(_) => {
                new(Fault::Configuration, "the settings cannot be used")
            }
            Error::Api(text) => match status_of(text) {
                Some(status) => by_status(status, new).with_status(format!("HTTP {status}")),
                None if text.starts_with("Failed to send request") => {
                    new(Fault::Network, "the service cannot be reached")
                }
                None if text.starts_with("BadRequest") => {
                    new(Fault::Provider, "the service refused")
                        .with_status("HTTP 400")
                        .permanent()
                }
                None => new(Fault::Provider, "the service refused").permanent(),
            },
            // A non-exhaustive type: what is left is answers that cannot be read.
            _ => new(
                Fault::Provider,
                "the answer is not what this service answers",
            ),
        };
        told.with_words(&words, &secrets)
    }
}

fn by_status(status: u16, new: impl Fn(Fault, &str) -> DnsError) -> DnsError {
    match status {
        403 => new(Fault::Permission, "the credentials may not do this"),
        408 | 425 | 429 | 500..=599 => new(Fault::Provider, "the service is busy or failed"),
        _ => new(Fault::Provider, "the service refused").permanent(),
    }
}

/// The status in texts such as `HTTP 503: …`.
fn status_of(text: &str) -> Option<u16> {
    let rest = text.strip_prefix("HTTP ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The crate's words, without the queries of URLs: some services want their credentials there.
fn shown(error: &Error) -> String {
    let text = match error {
        Error::Protocol(text)
        | Error::Parse(text)
        | Error::Client(text)
        | Error::Response(text)
        | Error::Api(text)
        | Error::Serialize(text)
        | Error::Unsupported(text) => text.as_str(),
        Error::InvalidRegion => "the region is no word of letters, digits and hyphens",
        _ => "",
    };
    let words = text
        .split_whitespace()
        .map(|word| match word.split_once('?') {
            Some((url, _)) if url.contains("://") => format!("{url}?…"),
            _ => word.to_owned(),
        });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_eight_and_each_is_built_of_its_fields() {
        let all: Vec<_> = services().collect();
        assert_eq!(all.len(), 38);
        for service in all {
            let value = |field: &Field| match (service.code, field.key) {
                ("ovh", "endpoint") => "ovh-eu".to_owned(),
                ("oraclecloud", "private_key") | ("transip", "private_key") => {
                    include_str!("../../../tests/it/azure-test-client.pem").to_owned()
                }
                (_, "base_url") => "https://dns.example.net".to_owned(),
                (_, "ttl") => "300".to_owned(),
                (_, "region") => "eu-west-1".to_owned(),
                (_, "global_key" | "skip_deploy") => "yes".to_owned(),
                (_, "zone") => "example.net".to_owned(),
                _ => "hush".to_owned(),
            };
            let settings: Settings = service
                .fields
                .iter()
                .map(|field| (field.key.to_owned(), value(field).into()))
                .collect();
            let built = crate::build(service.code, &settings);
            let built = built.unwrap_or_else(|error| panic!("{}: {error}", service.code));
            assert!(!format!("{built:?}").contains("hush"), "{}", service.code);
            let missing = crate::build(service.code, &Settings::new()).unwrap_err();
            assert!(missing.to_string().contains("missing"), "{missing}");
        }
    }

    #[test]
    fn words_come_without_the_queries_of_urls() {
        let error = Error::Api(
            "Failed to send request to https://freemyip.com/update?token=hush: timed out"
                .to_owned(),
        );
        assert_eq!(
            shown(&error),
            "Failed to send request to https://freemyip.com/update?… timed out"
        );
        assert_eq!(status_of("HTTP 503: busy"), Some(503));
        assert_eq!(status_of("zone is locked"), None);
    }
}
