//! Building a provider from its description and settings.

use std::sync::Mutex;
use std::time::Duration;

use evercert_types::Secret;

use super::call::Caller;
use super::description::{Description, Mode};
use super::template::Vars;
use crate::account::{Pace, Rate};
use crate::error::DnsError;
use crate::http;
use crate::lock::NameLocks;
use crate::otp;
use crate::provider::{Caps, Context, Descriptor, Multi, Provider, Servers, Settings};
use crate::setting::Reader;
use crate::zone_cache::ZoneCache;

/// A provider that is described instead of programmed.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) caller: Caller,
    pub(crate) caps: Caps,
    pub(crate) locks: NameLocks,
    /// Names the account in locks: where it is, and who asks.
    pub(crate) account: String,
    /// The operator's TTL.
    ttl: Option<u32>,
}

impl Declared {
    pub(crate) fn description(&self) -> &'static Description {
        self.caller.description
    }

    /// The TTL that is sent: asked for, or the operator's, or the service's, within what it takes.
    pub(crate) fn ttl(&self, asked: Option<u32>) -> u32 {
        let records = &self.description().records;
        let wanted = asked
            .or(self.ttl)
            .unwrap_or(records.ttl)
            .max(records.min_ttl);
        let allowed = records.allowed_ttls.iter().copied();
        allowed
            .clone()
            .filter(|ttl| *ttl >= wanted)
            .min()
            .or(allowed.max())
            .unwrap_or(wanted)
    }
}

/// What a description says a provider can.
pub(crate) fn caps(description: &'static Description) -> Caps {
    Caps {
        multi: match description.records.mode {
            Mode::Append => Multi::Append,
            Mode::Records => Multi::Records,
            Mode::Rrset => Multi::Rrset,
            Mode::Single => Multi::Single,
        },
        default_ttl: description.records.ttl,
        min_ttl: description.records.min_ttl,
        allowed_ttls: &description.records.allowed_ttls,
        serial: match (description.records.serial_secs, description.http.at_once) {
            (None, Some(1)) => Some(Duration::ZERO),
            (pause, _) => pause.map(Duration::from_secs),
        },
        propagation_limit: Duration::from_secs(description.records.propagation_secs),
        propagation_poll: Duration::from_secs(description.records.poll_secs),
        servers: match description.records.own_servers {
            true => Servers::Own,
            false => Servers::Service,
        },
        ..Caps::PLAIN
    }
}

/// What a description says the service lets one account do.
pub(crate) fn pace(description: &Description) -> Pace {
    let standard = Pace::default();
    Pace {
        at_once: description.http.at_once.unwrap_or(standard.at_once),
        rate: description.http.rate.as_ref().map(|rate| Rate {
            requests: rate.requests,
            within: Duration::from_secs(rate.secs),
        }),
    }
}

/// Builds the provider of a description.
///
/// # Errors
/// When a setting is missing, unknown or malformed.
pub(crate) fn build(
    descriptor: &'static Descriptor,
    description: &'static Description,
    settings: &Settings,
    context: &Context,
) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(descriptor.code, descriptor.fields, settings)?;
    let given = |key: &String| reader.text(key).is_some();
    let groups = &description.one_of;
    if !groups.is_empty() && !groups.iter().any(|group| group.iter().all(given)) {
        let ways: Vec<String> = groups.iter().map(|group| group.join(" and ")).collect();
        return Err(reader.error(format!("settings are missing: give {}", ways.join(", or "))));
    }
    let mut creds: Vars = (descriptor.fields.iter())
        .filter_map(|field| {
            Some((
                format!("cred.{}", field.key),
                reader.text(field.key)?.to_owned(),
            ))
        })
        .collect();
    for field in description.fields.iter().filter(|field| field.url) {
        if let Some(url) = creds.get_mut(&format!("cred.{}", field.key)) {
            let read = http::base_url(descriptor.code, url)
                .map_err(|error| error.of_setting(&field.key))?;
            *url = read.as_str().trim_end_matches('/').to_owned();
        }
    }
    let totp = description.fields.iter().filter(|field| field.totp);
    for field in totp {
        let secret = reader.text(&field.key);
        if secret.is_some_and(|secret| !otp::is_secret(secret)) {
            let what = format!("{} is no one-time password secret in Base32", field.key);
            return Err(reader.error(what));
        }
    }
    let base = match reader.text("base_url") {
        Some(text) => text.to_owned(),
        None => description.http.base.render(&creds),
    };
    let url =
        http::base_url(descriptor.code, &base).map_err(|error| error.of_setting("base_url"))?;
    let base = url.as_str().trim_end_matches('/').to_owned();
    let secrets: Vec<Secret<String>> = descriptor
        .fields
        .iter()
        .filter(|field| field.secret)
        .filter_map(|field| reader.secret(field.key))
        .collect();
    let who: Vec<&str> = descriptor
        .fields
        .iter()
        .filter(|field| !field.secret)
        .filter_map(|field| reader.text(field.key))
        .collect();
    let account = format!("{}/{base}/{}", descriptor.code, who.join("/"));
    let ttl = reader
        .text("ttl")
        .map(|_| reader.ttl("ttl", description.records.ttl))
        .transpose()?;
    Ok(Box::new(Declared {
        caller: Caller {
            code: descriptor.code,
            description,
            client: http::client(descriptor.code, &url, reader.text("ca_bundle"))?,
            base,
            creds,
            secrets,
            clock: context.clock.clone(),
            timeout: context.request_timeout,
            session: Mutex::new(None),
            logging_in: tokio::sync::Mutex::default(),
            account: context.accounts.account(pace(description)),
            zones: ZoneCache::default(),
        },
        caps: caps(description),
        locks: context.locks.clone(),
        account,
        ttl,
    }))
}
