//! The zones in memory: names with their record sets.

use std::collections::BTreeMap;
use std::io;

use hickory_proto::rr::rdata::{A, AAAA, CAA, CNAME, NS, SOA, TXT};
use hickory_proto::rr::{RData, Record, RecordType};

use crate::name;
use crate::server::{RecordData, ZoneConfig};
use crate::txt;

/// All zones, by name.
#[derive(Debug, Default)]
pub(super) struct Zones(BTreeMap<String, Zone>);

/// One zone.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) ttl: u32,
    serial: u32,
    primary: String,
    nodes: BTreeMap<String, Vec<Record>>,
}

impl Zones {
    pub(super) fn new(configs: &[ZoneConfig]) -> io::Result<Self> {
        let mut zones = Self::default();
        for config in configs {
            let zone = Zone::new(config)?;
            zones.0.insert(zone.name.clone(), zone);
        }
        Ok(zones)
    }

    /// The zone with the longest name that holds the name.
    pub(super) fn holding(&self, fqdn: &str) -> Option<&Zone> {
        name::suffixes(fqdn).find_map(|suffix| self.0.get(suffix))
    }

    pub(super) fn named_mut(&mut self, zone: &str) -> Option<&mut Zone> {
        self.0.get_mut(zone)
    }

    pub(super) fn txt(&self, fqdn: &str) -> Vec<String> {
        let zone = self.holding(fqdn);
        let records = zone.and_then(|zone| zone.nodes.get(fqdn));
        records
            .into_iter()
            .flatten()
            .filter_map(txt_value)
            .collect()
    }

    pub(super) fn txt_names(&self) -> Vec<String> {
        let nodes = self.0.values().flat_map(|zone| &zone.nodes);
        nodes
            .filter(|(_, records)| records.iter().any(|record| txt_value(record).is_some()))
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub(super) fn add_record(&mut self, fqdn: &str, data: &RecordData) -> io::Result<()> {
        let zone = self.holding(fqdn).map(|zone| zone.name.clone());
        let zone = zone.and_then(|zone| self.0.get_mut(&zone));
        let zone = zone.ok_or_else(|| invalid(format!("no zone holds {fqdn}")))?;
        let record = record(fqdn, zone.ttl, data)?;
        if zone.insert(record) {
            zone.bump();
        }
        Ok(())
    }

    pub(super) fn remove_record(&mut self, fqdn: &str, data: &RecordData) -> bool {
        let zone = self.holding(fqdn).map(|zone| zone.name.clone());
        let zone = zone.and_then(|zone| self.0.get_mut(&zone));
        let (Some(zone), Ok(record)) = (zone, record(fqdn, 0, data)) else {
            return false;
        };
        let removed = zone.delete(fqdn, |other| other.data == record.data);
        if removed {
            zone.bump();
        }
        removed
    }
}

impl Zone {
    fn new(config: &ZoneConfig) -> io::Result<Self> {
        let zone_name = name::canonical(&config.name);
        name::to_wire(&zone_name).ok_or_else(|| invalid(format!("bad zone {zone_name}")))?;
        let absolute = |relative: &str| match relative {
            "@" => zone_name.clone(),
            text if text.ends_with('.') => name::canonical(text),
            text => format!("{}.{zone_name}", name::canonical(text)),
        };
        let first = config.nameservers.first();
        let mut zone = Self {
            ttl: config.ttl,
            serial: 1,
            primary: first.map_or_else(|| zone_name.clone(), |server| absolute(server)),
            nodes: BTreeMap::from([(zone_name.clone(), Vec::new())]),
            name: zone_name.clone(),
        };
        for server in &config.nameservers {
            let data = RecordData::Ns(absolute(server));
            zone.insert(record(&zone.name, zone.ttl, &data)?);
        }
        for (owner, data) in &config.records {
            zone.insert(record(&absolute(owner), zone.ttl, data)?);
        }
        zone.soa()
            .ok_or_else(|| invalid(format!("bad name server of {zone_name}")))?;
        Ok(zone)
    }

    /// The SOA record as it is now.
    pub(super) fn soa(&self) -> Option<Record> {
        let owner = name::to_wire(&self.name)?;
        let primary = name::to_wire(&self.primary)?;
        let mailbox = name::to_wire(&format!("hostmaster.{}", self.name))?;
        let soa = SOA::new(primary, mailbox, self.serial, 3600, 600, 86_400, self.ttl);
        Some(Record::from_rdata(owner, self.ttl, RData::SOA(soa)))
    }

    /// Raises the serial, once for each change of the zone.
    pub(super) const fn bump(&mut self) {
        self.serial = self.serial.wrapping_add(1);
    }

    /// The records at a name; `None` when the name is not there at all.
    pub(super) fn node(&self, fqdn: &str) -> Option<&[Record]> {
        if let Some(records) = self.nodes.get(fqdn) {
            return Some(records);
        }
        // An empty non-terminal: nothing here, but names below.
        let below = format!(".{fqdn}");
        let has_below = self.nodes.keys().any(|name| name.ends_with(&below));
        has_below.then_some(&[])
    }

    /// The records of the wildcard that stands for a name that is not there (RFC 4592 §3.3.1).
    pub(super) fn wildcard(&self, fqdn: &str) -> Option<&[Record]> {
        let closest = name::suffixes(fqdn)
            .skip(1)
            .find(|ancestor| self.node(ancestor).is_some())?;
        let records = self.nodes.get(&format!("*.{closest}"))?;
        Some(records)
    }

    /// Adds a record unless it is there; an existing one gets the new TTL. Whether it was new.
    pub(super) fn insert(&mut self, record: Record) -> bool {
        let owner = name::from_wire(&record.name);
        let records = self.nodes.entry(owner).or_default();
        match records.iter_mut().find(|other| other.data == record.data) {
            Some(present) => {
                present.ttl = record.ttl;
                false
            }
            None => {
                records.push(record);
                true
            }
        }
    }

    /// Removes the records that match; whether there were any.
    pub(super) fn delete(&mut self, fqdn: &str, matches: impl Fn(&Record) -> bool) -> bool {
        let Some(records) = self.nodes.get_mut(fqdn) else {
            return false;
        };
        let before = records.len();
        records.retain(|record| !matches(record));
        let removed = records.len() < before;
        if records.is_empty() && fqdn != self.name {
            self.nodes.remove(fqdn);
        }
        removed
    }
}

/// The value of a TXT record, its strings joined.
fn txt_value(record: &Record) -> Option<String> {
    match &record.data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    }
}

fn record(fqdn: &str, ttl: u32, data: &RecordData) -> io::Result<Record> {
    let wire = |text: &str| {
        let bad = || invalid(format!("\"{text}\" is not a domain name"));
        name::to_wire(&name::canonical(text)).ok_or_else(bad)
    };
    let data = match data {
        RecordData::A(address) => RData::A(A(*address)),
        RecordData::Aaaa(address) => RData::AAAA(AAAA(*address)),
        RecordData::Caa(flags, tag, value) => RData::CAA(caa(*flags, tag, value)),
        RecordData::Cname(target) => RData::CNAME(CNAME(wire(target)?)),
        RecordData::Ns(server) => RData::NS(NS(wire(server)?)),
        RecordData::Txt(value) => RData::TXT(TXT::from_bytes(txt::strings(value))),
    };
    Ok(Record::from_rdata(wire(fqdn)?, ttl, data))
}

fn caa(flags: u8, tag: &str, value: &str) -> CAA {
    let mut caa = CAA::new_issue(flags & 0x80 != 0, None, Vec::new());
    caa.reserved_flags = flags & 0x7f;
    tag.clone_into(&mut caa.tag);
    value.as_bytes().clone_into(&mut caa.value);
    caa
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

/// Whether a record is of the type.
pub(super) fn is_of(record: &Record, kind: RecordType) -> bool {
    record.record_type() == kind
}
