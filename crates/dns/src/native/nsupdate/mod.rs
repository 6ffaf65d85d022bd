//! Dynamic updates to an authoritative server, signed with TSIG (RFC 2136, RFC 8945).
//!
//! Works with BIND, Knot, PowerDNS, NSD's front ends and every other server that takes updates. Each
//! value is added and removed by itself. After an addition the server is asked for the value, because
//! adding TXT at a name that owns a CNAME is answered with NOERROR and changes nothing.

mod descriptor;
mod refusal;
mod session;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::{Secret, SharedClock};
use hickory_proto::rr::RecordType;

use crate::error::{DnsError, Fault, Step};
use crate::keyfile;
use crate::lookup::{Limits, Transport};
use crate::name;
use crate::provider::{
    Caps, CheckReport, Context, Multi, Provider, Receipt, Servers, Settings, TxtRecord, TxtTarget,
};
use crate::setting::Reader;
use crate::tsig::{TsigAlgorithm, TsigKey};
use crate::update::Change;

pub(super) use descriptor::{DESCRIPTOR, KNOT};
use session::Session;

const TTL: u32 = 60;
const PORT: u16 = 53;

const fn caps(ttl: u32) -> Caps {
    Caps {
        multi: Multi::Append,
        default_ttl: ttl,
        propagation_limit: Duration::from_secs(60),
        propagation_poll: Duration::from_secs(2),
        servers: Servers::Own,
        ..Caps::PLAIN
    }
}

#[derive(Debug)]
struct Nsupdate {
    /// Of the descriptor it was built from.
    code: &'static str,
    servers: Vec<String>,
    key: Option<TsigKey>,
    zone: Option<String>,
    ttl: u32,
    transport: Transport,
    limits: Limits,
    clock: SharedClock,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    build_as(DESCRIPTOR.code, settings, context)
}

fn build_knot(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    build_as(KNOT.code, settings, context)
}

fn build_as(
    code: &'static str,
    settings: &Settings,
    context: &Context,
) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(code, DESCRIPTOR.fields, settings)?;
    let transport = match reader.required("transport")? {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        _ => return Err(reader.error("transport is neither udp nor tcp")),
    };
    let limits = Limits::default();
    Ok(Box::new(Nsupdate {
        code,
        servers: servers(&reader)?,
        key: key(&reader)?,
        zone: reader.text("zone").map(name::canonical),
        ttl: reader.ttl("ttl", TTL)?,
        transport,
        limits: Limits {
            timeout: reader.span("timeout", limits.timeout)?,
            ..limits
        },
        clock: context.clock.clone(),
    }))
}

/// The servers as host:port.
fn servers(reader: &Reader<'_>) -> Result<Vec<String>, DnsError> {
    let given = reader.required("server")?.split(',').map(str::trim);
    let servers: Vec<String> = given
        .filter(|server| !server.is_empty())
        .map(with_port)
        .collect();
    if servers.is_empty() {
        return Err(reader.error("server names no server"));
    }
    Ok(servers)
}

/// Adds port 53 to a host name or address that has none.
fn with_port(server: &str) -> String {
    if let Ok(ip) = server.trim_matches(['[', ']']).parse() {
        return SocketAddr::new(ip, PORT).to_string();
    }
    match server.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => server.to_owned(),
        _ => format!("{server}:{PORT}"),
    }
}

/// The key from whichever of the settings holds it.
fn key(reader: &Reader<'_>) -> Result<Option<TsigKey>, DnsError> {
    let parts = (reader.text("key_name"), reader.secret("key_secret"));
    let key = match (reader.secret("key"), reader.text("key_file"), parts) {
        (None, None, (None, None)) => return Ok(None),
        (Some(text), None, (None, None)) => TsigKey::parse(&text),
        (None, Some(path), (None, None)) => return key_from_file(reader, path).map(Some),
        (None, None, (Some(name), Some(secret))) => {
            let algorithm = reader.text("key_algorithm").unwrap_or("hmac-sha256");
            let algorithm = algorithm.parse::<TsigAlgorithm>();
            algorithm.and_then(|algorithm| TsigKey::new(name, algorithm, &secret))
        }
        _ => {
            let what =
                "give the TSIG key once: as key_name with key_secret, as key, or as key_file";
            return Err(reader.error(what));
        }
    };
    key.map(Some)
        .map_err(|e| reader.error("the TSIG key cannot be used").caused_by(e))
}

fn key_from_file(reader: &Reader<'_>, path: &str) -> Result<TsigKey, DnsError> {
    let text = std::fs::read_to_string(path)
        .map(Secret::new)
        .map_err(|e| {
            let what = format!("the key file {path} cannot be read");
            reader.error(what).caused_by(e)
        })?;
    let file_name = path.rsplit('/').next().unwrap_or(path);
    let key = if file_name.ends_with(".private") {
        keyfile::parse_private(file_name, &text)
    } else {
        TsigKey::parse(&text)
    };
    key.map_err(|e| {
        let what = format!("the key file {path} cannot be used");
        reader.error(what).caused_by(e)
    })
}

#[async_trait]
impl Provider for Nsupdate {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let mut receipt = Receipt::default();
        for server in self.sessions(Step::Add, target).await? {
            let present = server.values(Step::Read).await?.contains(&target.value);
            if !present {
                server.change(Step::Add, Some(server.addition())).await?;
                server.verify().await?;
            }
            receipt.created |= !present;
            receipt.zone = server.zone;
        }
        Ok(receipt)
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        for server in self.sessions(Step::Remove, target).await? {
            let change = Change::Remove {
                fqdn: &target.fqdn,
                value: &target.value,
            };
            server.change(Step::Remove, Some(change)).await?;
        }
        Ok(())
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let mut report = CheckReport::default();
        let Some(name) = name.or(self.zone.as_deref()) else {
            return self.check_reachable().await;
        };
        for server in self
            .sessions(Step::Check, &TxtTarget::new(name, ""))
            .await?
        {
            server.change(Step::Check, None).await?;
            let Session { label, zone, .. } = server;
            let note = format!("{label} holds zone {zone} and takes updates from here.");
            report.notes.push(note);
            report.zone = Some(zone);
        }
        Ok(report)
    }

    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        let mut values = BTreeSet::new();
        for server in self.sessions(Step::Read, target).await? {
            values.extend(server.values(Step::Read).await?);
        }
        Ok(Some(TxtRecord::all_at(&target.fqdn, values)))
    }

    fn caps(&self) -> Caps {
        caps(self.ttl)
    }
}

impl Nsupdate {
    /// One session with each server; the zone is found on the way.
    async fn sessions<'a>(
        &'a self,
        step: Step,
        target: &'a TxtTarget,
    ) -> Result<Vec<Session<'a>>, DnsError> {
        let mut sessions = Vec::new();
        for label in &self.servers {
            let mut session = Session {
                provider: self,
                label,
                addresses: self.resolve(step, label).await?,
                target,
                zone: String::new(),
            };
            session.zone = match target.zone_hint.as_deref().or(self.zone.as_deref()) {
                Some(zone) => name::canonical(zone),
                None => session.find_zone().await?,
            };
            sessions.push(session);
        }
        Ok(sessions)
    }

    async fn resolve(&self, step: Step, label: &str) -> Result<Vec<SocketAddr>, DnsError> {
        let error = |what: String| DnsError::new(self.code, step, Fault::Network, what);
        let lookup = tokio::time::timeout(self.limits.timeout, tokio::net::lookup_host(label));
        let found = lookup
            .await
            .map_err(|_| error(format!("looking up {label} takes too long")))?
            .map_err(|e| error(format!("{label} has no address")).caused_by(e))?;
        Ok(found.collect())
    }

    /// Without a name, a signed question shows whether most servers know the key.
    async fn check_reachable(&self) -> Result<CheckReport, DnsError> {
        let mut report = CheckReport::default();
        let target = TxtTarget::new("evercert-check.invalid", "");
        for label in &self.servers {
            let session = Session {
                provider: self,
                label,
                addresses: self.resolve(Step::Check, label).await?,
                target: &target,
                zone: String::new(),
            };
            let name = &target.fqdn;
            let reply = session.question(Step::Check, name, RecordType::SOA);
            report
                .notes
                .push(match (reply.await?.authentic, &self.key) {
                    (true, Some(key)) => format!("{label} knows key {}.", key.name()),
                    // Knot looks at signatures only in zones that it holds.
                    (false, Some(_)) => {
                        format!("{label} answers; name a domain of it to test the key.")
                    }
                    (_, None) => format!("{label} answers."),
                });
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_get_port_53_unless_they_name_one() {
        for (given, expected) in [
            ("ns1.example.org", "ns1.example.org:53"),
            ("ns1.example.org:5300", "ns1.example.org:5300"),
            ("192.0.2.1", "192.0.2.1:53"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5300", "[2001:db8::1]:5300"),
        ] {
            assert_eq!(with_port(given), expected);
        }
    }

    #[test]
    fn a_key_given_twice_or_by_half_is_refused() {
        for pairs in [
            &[("key_name", "a")][..],
            &[("key_name", "a"), ("key_secret", "YQ=="), ("key", "a YQ==")],
            &[("key", "hmac-md4:a:YQ==")],
            &[("key_file", "/no/such/file")],
        ] {
            let mut settings =
                Settings::from([("server".to_owned(), "192.0.2.1".to_owned().into())]);
            for (key, value) in pairs {
                settings.insert((*key).to_owned(), (*value).to_owned().into());
            }
            let error = build(&settings, &Context::default()).err().unwrap();
            assert_eq!(error.fault(), Fault::Configuration, "{error}");
        }
    }
}
