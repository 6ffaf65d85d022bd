//! Dynamic updates: prerequisites, then changes, all or nothing (RFC 2136 §3).

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use crate::name;
use crate::server::store::{Zone, is_of};
use crate::server::{Shared, UpdatePolicy};

/// Carries the update out and says with which response code.
pub(super) fn apply(
    shared: &Shared,
    zone: &Query,
    request: &Message,
    signed: bool,
) -> ResponseCode {
    let allowed = match &shared.config.updates {
        UpdatePolicy::Refused => false,
        UpdatePolicy::Signed(_) => signed,
        UpdatePolicy::Open => true,
    };
    if zone.query_type() != RecordType::SOA {
        return ResponseCode::FormErr;
    }
    let zone = name::from_wire(zone.name());
    shared.write(|zones| match zones.named_mut(&zone) {
        None => ResponseCode::NotAuth,
        Some(_) if !allowed => ResponseCode::Refused,
        Some(zone) => change(zone, request).err().unwrap_or(ResponseCode::NoError),
    })
}

fn change(zone: &mut Zone, request: &Message) -> Result<(), ResponseCode> {
    for prerequisite in &request.answers {
        check_prerequisite(zone, prerequisite)?;
    }
    for record in &request.authorities {
        check_change(zone, record)?;
    }
    let mut changed = false;
    for record in &request.authorities {
        changed |= make_change(zone, record);
    }
    if changed {
        zone.bump();
    }
    Ok(())
}

fn owner_in(zone: &Zone, record: &Record) -> Result<String, ResponseCode> {
    let owner = name::from_wire(&record.name);
    if name::is_within(&owner, &zone.name) {
        Ok(owner)
    } else {
        Err(ResponseCode::NotZone)
    }
}

/// RFC 2136 §3.2.
fn check_prerequisite(zone: &Zone, record: &Record) -> Result<(), ResponseCode> {
    let owner = owner_in(zone, record)?;
    if record.ttl != 0 {
        return Err(ResponseCode::FormErr);
    }
    let node = zone.node(&owner).unwrap_or_default();
    let kind = record.record_type();
    let name_used = !node.is_empty() || owner == zone.name;
    let set_exists = node.iter().any(|other| is_of(other, kind))
        || (kind == RecordType::SOA && owner == zone.name);
    match (record.dns_class, kind) {
        (DNSClass::ANY, RecordType::ANY) => require(name_used, ResponseCode::NXDomain),
        (DNSClass::ANY, _) => require(set_exists, ResponseCode::NXRRSet),
        (DNSClass::NONE, RecordType::ANY) => require(!name_used, ResponseCode::YXDomain),
        (DNSClass::NONE, _) => require(!set_exists, ResponseCode::YXRRSet),
        (DNSClass::IN, _) => {
            let there = node.iter().any(|other| other.data == record.data);
            require(there, ResponseCode::NXRRSet)
        }
        _ => Err(ResponseCode::FormErr),
    }
}

fn require(holds: bool, otherwise: ResponseCode) -> Result<(), ResponseCode> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// RFC 2136 §3.4.1: a malformed change anywhere refuses them all.
fn check_change(zone: &Zone, record: &Record) -> Result<(), ResponseCode> {
    owner_in(zone, record)?;
    let empty = matches!(record.data, RData::Update0(_));
    let sound = match record.dns_class {
        DNSClass::IN => !empty && is_storable(&record.data),
        DNSClass::ANY => record.ttl == 0 && empty,
        DNSClass::NONE => record.ttl == 0 && !empty && record.record_type() != RecordType::ANY,
        _ => false,
    };
    require(sound, ResponseCode::FormErr)
}

const fn is_storable(data: &RData) -> bool {
    matches!(
        data,
        RData::A(_) | RData::AAAA(_) | RData::CNAME(_) | RData::NS(_) | RData::TXT(_)
    )
}

/// RFC 2136 §3.4.2; whether the zone changed.
fn make_change(zone: &mut Zone, record: &Record) -> bool {
    let owner = name::from_wire(&record.name);
    let is_apex = owner == zone.name;
    let kind = record.record_type();
    match record.dns_class {
        DNSClass::IN => {
            // A CNAME stands alone: what would stand beside it is ignored without an error.
            let node = zone.node(&owner).unwrap_or_default();
            let has_alias = node.iter().any(|other| is_of(other, RecordType::CNAME));
            let has_other = is_apex || node.iter().any(|other| !is_of(other, RecordType::CNAME));
            let is_alias = kind == RecordType::CNAME;
            if (is_alias && has_other) || (!is_alias && has_alias) {
                return false;
            }
            if is_alias {
                zone.delete(&owner, |other| other.data != record.data);
            }
            zone.insert(record.clone())
        }
        DNSClass::ANY => zone.delete(&owner, |other| {
            let protected = is_apex && is_of(other, RecordType::NS);
            !protected && (kind == RecordType::ANY || is_of(other, kind))
        }),
        _ => zone.delete(&owner, |other| other.data == record.data),
    }
}
