//! The records of the configuration, arranged for answers.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use evercert_ns::Config;
use evercert_ns::model::Object;
use evercert_ns::value::Value;
use hickory_proto::rr::rdata::{A, AAAA, CAA, CNAME, MX, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// All records and zones.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// By name in lower case without the last point.
    names: HashMap<String, Vec<Record>>,
    /// Names below which there are names.
    parents: HashSet<String>,
    /// Names of zones: where SOA and NS records are, and no zone says `-proxyMode YES`.
    zones: HashSet<String>,
    /// Zones that are passed on: nothing of them is answered here.
    proxied: HashSet<String>,
}

impl Records {
    /// Those of a configuration. What cannot be put into a record is left out; the configuration refuses it.
    pub(crate) fn of(config: &Config) -> Self {
        let mut records = Self::default();
        for kind in KINDS {
            for object in config.objects(kind) {
                let owner = object.text("domain").or_else(|| object.text("hostName"));
                let owner = owner.or_else(|| object.text("aliasName"));
                if let Some(owner) = owner
                    && let Some(record) = record(kind, owner, object)
                {
                    records.names.entry(key(owner)).or_default().push(record);
                }
            }
        }
        let proxied = config
            .objects("dns zone")
            .filter(|zone| zone.is("proxyMode", "YES"));
        records.proxied = proxied.map(|zone| key(&zone.name())).collect();
        let has = |records: &[Record], kind| records.iter().any(|r| r.record_type() == kind);
        records.zones = (records.names.iter())
            .filter(|(name, at)| {
                has(at, RecordType::SOA)
                    && has(at, RecordType::NS)
                    && !records.proxied.contains(*name)
            })
            .map(|(name, _)| name.clone())
            .collect();
        records.parents = (records.names.keys())
            .flat_map(|name| ancestors(name).skip(1))
            .map(str::to_owned)
            .collect();
        records
    }

    /// The records at a name.
    pub(super) fn at(&self, name: &str) -> &[Record] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether the name is there: with records, or only with names below it (RFC 8020).
    pub(super) fn exists(&self, name: &str) -> bool {
        self.names.contains_key(name) || self.parents.contains(name)
    }

    /// The innermost zone the name lies in.
    pub(super) fn zone(&self, name: &str) -> Option<&str> {
        ancestors(name)
            .take_while(|ancestor| !self.proxied.contains(*ancestor))
            .find_map(|ancestor| self.zones.get(ancestor).map(String::as_str))
    }

    /// Whether the name's zone is passed on.
    pub(super) fn is_proxied(&self, name: &str) -> bool {
        let innermost =
            ancestors(name).find(|name| self.proxied.contains(*name) || self.zones.contains(*name));
        innermost.is_some_and(|name| self.proxied.contains(name))
    }
}

const KINDS: [&str; 8] = [
    "dns soaRec",
    "dns nsRec",
    "dns addRec",
    "dns aaaaRec",
    "dns cnameRec",
    "dns txtRec",
    "dns caaRec",
    "dns mxRec",
];

/// A name as it is looked up.
pub(super) fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The name itself, then what is above it; not the root.
pub(super) fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    let first = Some(name).filter(|name| !name.is_empty());
    std::iter::successors(first, |name| name.split_once('.').map(|(_, rest)| rest))
}

fn record(kind: &str, owner: &str, object: &Object) -> Option<Record> {
    let domain = |attribute: &str| wire(object.text(attribute)?);
    let number = |attribute: &str| {
        let value = object.integer(attribute)?;
        u32::try_from(value).ok()
    };
    let data = match kind {
        "dns soaRec" => {
            let seconds = |attribute: &str| i32::try_from(object.integer(attribute)?).ok();
            RData::SOA(SOA::new(
                domain("originServer")?,
                domain("contact")?,
                number("serial")?,
                seconds("refresh")?,
                seconds("retry")?,
                seconds("expire")?,
                number("minimum")?,
            ))
        }
        "dns nsRec" => RData::NS(NS(domain("nameServer")?)),
        "dns addRec" => match object.ip("IPAddress")? {
            IpAddr::V4(ip) => RData::A(A(ip)),
            IpAddr::V6(_) => return None,
        },
        "dns aaaaRec" => match object.ip("IPv6Address")? {
            IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
            IpAddr::V4(_) => return None,
        },
        "dns cnameRec" => RData::CNAME(CNAME(domain("canonicalName")?)),
        "dns txtRec" => {
            let strings = match object.value("String")? {
                Value::List(strings) => strings.iter().map(String::as_bytes).collect(),
                other => vec![other.as_text()?.as_bytes()],
            };
            RData::TXT(TXT::from_bytes(strings))
        }
        "dns caaRec" => {
            let critical = object.is("flag", "CRITICAL");
            let mut caa = CAA::new_issue(critical, None, Vec::new());
            let tag = object.effective("tag")?;
            tag.as_text()?.clone_into(&mut caa.tag);
            caa.value = object.text("valueString")?.as_bytes().to_vec();
            RData::CAA(caa)
        }
        "dns mxRec" => {
            let preference = u16::try_from(object.integer("pref")?).ok()?;
            RData::MX(MX::new(preference, domain("mx")?))
        }
        _ => return None,
    };
    Some(Record::from_rdata(wire(owner)?, number("TTL")?, data))
}

/// A domain name of the configuration; always absolute.
pub(super) fn wire(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}
