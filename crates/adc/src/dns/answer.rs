//! From a question's octets to the answer's octets.

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::records::{Records, ancestors, key};
use super::{Server, Transport};

/// Longest chain of CNAMEs that is followed.
const CHAIN: usize = 8;
/// The longest datagram we send and offer to take; passes every usual path whole, and amplifies little.
const DATAGRAM: u16 = 1232;
/// The longest datagram for askers without EDNS (RFC 1035 §4.2.1).
const PLAIN_DATAGRAM: u16 = 512;

/// The answer to a message, or nothing when it is no question.
pub(super) fn reply(server: &Server, octets: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let header: [u8; 12] = octets.get(..12)?.try_into().ok()?;
    if header[2] & 0x80 != 0 {
        return None;
    }
    server.counts.questions.inc();
    let Ok(request) = Message::from_vec(octets) else {
        let id = u16::from_be_bytes([header[0], header[1]]);
        let opcode = OpCode::from_u8((header[2] >> 3) & 0xf);
        return Message::error_msg(id, opcode, ResponseCode::FormErr)
            .to_vec()
            .ok();
    };
    let reply = answered(server, &request);
    let octets = reply.to_vec().ok()?;
    let offered = request
        .edns
        .as_ref()
        .map_or(PLAIN_DATAGRAM, Edns::max_payload);
    let limit = match transport {
        Transport::Udp => usize::from(offered.clamp(PLAIN_DATAGRAM, DATAGRAM)),
        Transport::Tcp => usize::from(u16::MAX),
    };
    if octets.len() <= limit {
        return Some(octets);
    }
    server.counts.truncated.inc();
    reply.truncate().to_vec().ok()
}

/// An answer without records that asks to come again over TCP.
pub(super) fn come_by_tcp(octets: &[u8]) -> Option<Vec<u8>> {
    let request = Message::from_vec(octets).ok()?;
    bare(&request).truncate().to_vec().ok()
}

/// Header and question, so that the asker's spelling of the name comes back.
fn bare(request: &Message) -> Message {
    let mut reply = Message::new(request.id, MessageType::Response, request.op_code);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    reply.metadata.recursion_available = false;
    reply.add_queries(request.queries.iter().cloned());
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM);
        reply.set_edns(edns);
    }
    reply
}

fn answered(server: &Server, request: &Message) -> Message {
    let mut reply = bare(request);
    let version = request.edns.as_ref().map_or(0, Edns::version);
    let code = match (request.op_code, request.queries.as_slice()) {
        _ if version > 0 => Some(ResponseCode::BADVERS),
        (OpCode::Query, [query]) => {
            let records = server.records.load();
            fill(&mut reply, &records, query);
            None
        }
        (OpCode::Query, _) => Some(ResponseCode::FormErr),
        _ => Some(ResponseCode::NotImp),
    };
    if let Some(code) = code {
        reply.metadata.response_code = code;
    }
    count(server, &reply);
    reply
}

fn count(server: &Server, reply: &Message) {
    let counts = &server.counts;
    match reply.metadata.response_code {
        ResponseCode::NoError if !reply.answers.is_empty() => counts.answered.inc(),
        ResponseCode::NoError | ResponseCode::NXDomain => counts.negative.inc(),
        _ => counts.refused.inc(),
    };
}

/// Answers a question, following CNAMEs as far as our names reach.
fn fill(reply: &mut Message, records: &Records, query: &Query) {
    let kind = query.query_type();
    // Whole zones and whole names are for attackers more than for anybody (RFC 8482).
    let refused = matches!(kind, RecordType::ANY | RecordType::AXFR | RecordType::IXFR)
        || query.query_class() != DNSClass::IN;
    let mut owner = query.name().clone();
    for step in 0..CHAIN {
        let name = key(&owner.to_ascii());
        let found = match refused {
            true => Found::NotOurs,
            false => find(records, &name, kind),
        };
        match found {
            Found::NotOurs => {
                if step == 0 {
                    reply.metadata.response_code = ResponseCode::Refused;
                }
                return;
            }
            Found::Records(found) => {
                reply.metadata.authoritative = true;
                reply.add_answers(found.into_iter().map(|record| owned_by(record, &owner)));
                return;
            }
            Found::Alias(record, target) => {
                reply.metadata.authoritative = true;
                reply.add_answer(owned_by(record, &owner));
                owner = target;
            }
            Found::Referral(cut) => {
                refer(reply, records, cut);
                return;
            }
            Found::Nothing { zone, code } => {
                reply.metadata.authoritative = true;
                reply.metadata.response_code = code;
                reply.add_authorities(zone.and_then(|zone| negative(records, zone)));
                return;
            }
        }
    }
    reply.metadata.response_code = ResponseCode::ServFail;
}

/// What is known about a name.
enum Found<'a> {
    /// Neither is it in one of our zones, nor has it records.
    NotOurs,
    Records(Vec<&'a Record>),
    Alias(&'a Record, Name),
    /// Its zone is elsewhere; the name where authority ends.
    Referral(&'a str),
    Nothing {
        zone: Option<&'a str>,
        code: ResponseCode,
    },
}

fn find<'a>(records: &'a Records, name: &'a str, kind: RecordType) -> Found<'a> {
    if records.is_proxied(name) {
        return Found::NotOurs;
    }
    let zone = records.zone(name);
    if let Some(zone) = zone
        && let Some(cut) = cut(records, zone, name)
    {
        return Found::Referral(cut);
    }
    let own = records.at(name);
    let at = match (own.is_empty(), zone) {
        (true, Some(zone)) if !records.exists(name) => wildcard(records, zone, name),
        _ => own,
    };
    let asked: Vec<_> = at.iter().filter(|r| r.record_type() == kind).collect();
    if !asked.is_empty() {
        return Found::Records(asked);
    }
    let alias = at.iter().find_map(|record| match &record.data {
        RData::CNAME(target) => Some((record, target.0.clone())),
        _ => None,
    });
    match (alias, zone) {
        (Some((record, target)), _) => Found::Alias(record, target),
        // A name without zone is answered for as long as it has records.
        (None, None) if own.is_empty() => Found::NotOurs,
        (None, zone) => Found::Nothing {
            zone,
            code: match at.is_empty() && !records.exists(name) {
                true => ResponseCode::NXDomain,
                false => ResponseCode::NoError,
            },
        },
    }
}

/// The highest name between the zone's and this one that is delegated to others.
fn cut<'a>(records: &'a Records, zone: &str, name: &'a str) -> Option<&'a str> {
    let below = ancestors(name).take_while(|ancestor| *ancestor != zone);
    let delegated = below.filter(|name| {
        let at = records.at(name).iter();
        at.into_iter().any(|r| r.record_type() == RecordType::NS)
    });
    delegated.last()
}

/// The records of the wildcard that stands for a name that is not there (RFC 4592 §3.3.1).
fn wildcard<'a>(records: &'a Records, zone: &str, name: &str) -> &'a [Record] {
    let closest = ancestors(name)
        .skip(1)
        .find(|ancestor| records.exists(ancestor) || *ancestor == zone);
    closest.map_or(&[], |closest| records.at(&format!("*.{closest}")))
}

fn refer(reply: &mut Message, records: &Records, cut: &str) {
    for record in records.at(cut) {
        let RData::NS(server) = &record.data else {
            continue;
        };
        reply.add_authority(record.clone());
        let glue = records.at(&key(&server.0.to_ascii())).iter();
        let glue = glue.filter(|r| matches!(r.record_type(), RecordType::A | RecordType::AAAA));
        reply.add_additionals(glue.cloned());
    }
}

/// The zone's SOA with the time for which it is known that something is not there (RFC 2308 §3).
fn negative(records: &Records, zone: &str) -> Option<Record> {
    let soa = records
        .at(zone)
        .iter()
        .find_map(|record| match &record.data {
            RData::SOA(soa) => Some((record, soa)),
            _ => None,
        });
    let (record, soa) = soa?;
    let mut record = record.clone();
    record.ttl = record.ttl.min(soa.minimum);
    Some(record)
}

/// With the name as it was asked for: its spelling, and a wildcard's stand-in.
fn owned_by(record: &Record, owner: &Name) -> Record {
    let mut record = record.clone();
    record.name = owner.clone();
    record
}
