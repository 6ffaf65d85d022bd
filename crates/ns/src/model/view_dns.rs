//! Typed views of DNS records and zones.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::model::Config;
use crate::model::object::Object;
use crate::value::Value;

/// A record the appliance answers with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DnsRecordView {
    /// The name, without final dot; in the case it was typed in.
    pub name: String,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: DnsData,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum DnsData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Who may issue certificates (RFC 8659).
    Caa {
        /// Whether an issuer that does not know the property must refuse.
        is_critical: bool,
        /// `issue`, `issuewild` or `iodef`.
        tag: String,
        /// Value of the property.
        value: String,
    },
    /// The name it stands for.
    Cname(String),
    /// A mail server.
    Mx {
        /// Lower numbers are tried first.
        preference: u16,
        /// Name of the mail server.
        exchange: String,
    },
    /// A name server.
    Ns(String),
    /// Start of authority.
    Soa(SoaView),
    /// Strings of up to 255 characters.
    Txt(Vec<String>),
}

/// Start of authority of a zone; times in seconds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SoaView {
    /// Primary name server.
    pub origin_server: String,
    /// Mail address, with a dot in place of the `@`.
    pub contact: String,
    /// Version of the zone.
    pub serial: u32,
    /// How often secondaries look.
    pub refresh: u32,
    /// How soon they look again.
    pub retry: u32,
    /// When they stop without an answer.
    pub expire: u32,
    /// How long it is known that a name does not exist.
    pub minimum: u32,
}

/// A zone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DnsZoneView {
    /// Its name, without final dot.
    pub name: String,
    /// Whether the appliance answers from its own records (`-proxyMode NO`), given an SOA and an NS record of the name.
    pub is_own: bool,
}

impl Config {
    /// The records, type by type, in the order they were added.
    pub fn dns_records(&self) -> impl Iterator<Item = DnsRecordView> + use<'_> {
        RECORD_TYPES
            .iter()
            .flat_map(|name| self.objects(name))
            .filter_map(record)
    }

    /// The zones, in the order they were added.
    pub fn dns_zones(&self) -> impl Iterator<Item = DnsZoneView> + use<'_> {
        self.objects("dns zone").map(|object| DnsZoneView {
            name: object.name(),
            is_own: object.is("proxyMode", "NO"),
        })
    }
}

const RECORD_TYPES: &[&str] = &[
    "dns soaRec",
    "dns nsRec",
    "dns addRec",
    "dns aaaaRec",
    "dns cnameRec",
    "dns mxRec",
    "dns txtRec",
    "dns caaRec",
];

fn record(object: &Object) -> Option<DnsRecordView> {
    let text = |name: &str| object.text(name).map(str::to_owned);
    let ip = |name: &str| object.value(name).and_then(Value::as_ip);
    let data = match object.resource().name {
        "dns addRec" => match ip("IPAddress")? {
            std::net::IpAddr::V4(ip) => DnsData::A(ip),
            std::net::IpAddr::V6(_) => return None,
        },
        "dns aaaaRec" => match ip("IPv6Address")? {
            std::net::IpAddr::V6(ip) => DnsData::Aaaa(ip),
            std::net::IpAddr::V4(_) => return None,
        },
        "dns caaRec" => DnsData::Caa {
            is_critical: object.is("flag", "CRITICAL"),
            tag: text("tag").unwrap_or_else(|| "issue".to_owned()),
            value: text("valueString")?,
        },
        "dns cnameRec" => DnsData::Cname(text("canonicalName")?),
        "dns mxRec" => DnsData::Mx {
            preference: u16::try_from(object.integer("pref")?).ok()?,
            exchange: text("mx")?,
        },
        "dns nsRec" => DnsData::Ns(text("nameServer")?),
        "dns soaRec" => DnsData::Soa(SoaView {
            origin_server: text("originServer")?,
            contact: text("contact")?,
            serial: number(object, "serial"),
            refresh: number(object, "refresh"),
            retry: number(object, "retry"),
            expire: number(object, "expire"),
            minimum: number(object, "minimum"),
        }),
        _ => DnsData::Txt(object.value("String")?.as_list()?.to_vec()),
    };
    Some(DnsRecordView {
        name: object.name(),
        ttl: number(object, "TTL"),
        data,
    })
}

fn number(object: &Object, name: &str) -> u32 {
    object
        .integer(name)
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or_default()
}
