//! From a message's octets to the reply's octets: signatures, questions, sections.

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use crate::name;
use crate::server::store::{Zone, Zones, is_of};
use crate::server::{Shared, update};
use crate::tsig::{self, Signing, TsigKey, TsigRcode, TsigRecord};
use crate::wire::Header;

/// Longest chain of CNAMEs that is followed.
const CHAIN: usize = 8;
/// What we offer by EDNS; avoids fragments on every usual path.
const EDNS_PAYLOAD: u16 = 1232;

/// The reply to a message, or nothing when it is no request.
pub(super) fn reply(shared: &Shared, octets: &[u8]) -> Option<Vec<u8>> {
    let header = Header::read(octets).ok()?;
    if header.is_response() {
        return None;
    }
    let Ok((bare, tsig)) = tsig::split(octets) else {
        return error_reply(header, ResponseCode::FormErr);
    };
    let now = u64::try_from(shared.config.clock.now().as_second()).unwrap_or(0);
    let signature = tsig.map(|tsig| Signature::check(shared, &bare, tsig, now));
    if let Some(Signature::Bad { tsig, rcode, key }) = &signature {
        let reply = error_reply(header, ResponseCode::NotAuth)?;
        return Some(reject(reply, tsig, *rcode, *key, now));
    }
    let reply = match Message::from_vec(&bare) {
        Ok(request) => answer(shared, &request, signature.is_some())
            .to_vec()
            .ok()?,
        Err(_) => error_reply(header, ResponseCode::FormErr)?,
    };
    match signature {
        Some(Signature::Good { key, mac }) => {
            let signing = Signing {
                time: now,
                request_mac: Some(&mac),
                ..Signing::default()
            };
            Some(key.sign(reply, signing).message)
        }
        _ => Some(reply),
    }
}

/// A request's signature.
enum Signature<'a> {
    Good {
        key: &'a TsigKey,
        mac: Vec<u8>,
    },
    Bad {
        tsig: TsigRecord,
        rcode: TsigRcode,
        /// The key to sign the refusal with; only a wrong time is refused signed.
        key: Option<&'a TsigKey>,
    },
}

impl<'a> Signature<'a> {
    /// RFC 8945 §5.2: first the key, then the MAC, then the time.
    fn check(shared: &'a Shared, bare: &[u8], tsig: TsigRecord, now: u64) -> Self {
        let mut keys = shared.config.updates.keys().iter();
        let Some(key) = keys.find(|key| key.is_named_by(&tsig)) else {
            return Self::bad(tsig, TsigRcode::Key, None);
        };
        if !key.verifies(bare, &tsig, None) {
            return Self::bad(tsig, TsigRcode::Signature, None);
        }
        if !tsig.is_timely(now) {
            return Self::bad(tsig, TsigRcode::Time, Some(key));
        }
        Self::Good {
            key,
            mac: tsig.mac().to_vec(),
        }
    }

    const fn bad(tsig: TsigRecord, rcode: TsigRcode, key: Option<&'a TsigKey>) -> Self {
        Self::Bad { tsig, rcode, key }
    }
}

/// Adds the TSIG record that says what is wrong with the request's.
fn reject(
    reply: Vec<u8>,
    tsig: &TsigRecord,
    rcode: TsigRcode,
    key: Option<&TsigKey>,
    now: u64,
) -> Vec<u8> {
    let Some(key) = key else {
        return tsig.unsigned_error(reply, rcode);
    };
    let signing = Signing {
        time: tsig.time(),
        request_mac: Some(tsig.mac()),
        error: rcode as u16,
        other: &now.to_be_bytes()[2..],
    };
    key.sign(reply, signing).message
}

/// A bare header with the request's id and a response code.
fn error_reply(header: Header, rcode: ResponseCode) -> Option<Vec<u8>> {
    let opcode = OpCode::from_u8(u8::try_from(header.opcode()).ok()?);
    Message::error_msg(header.id, opcode, rcode).to_vec().ok()
}

fn answer(shared: &Shared, request: &Message, signed: bool) -> Message {
    let mut reply = Message::new(request.id, MessageType::Response, request.op_code);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    reply.add_queries(request.queries.iter().cloned());
    match (request.op_code, request.queries.as_slice()) {
        (OpCode::Query, [query]) => shared.read(|zones| {
            let defaults = Defaults::of(shared);
            fill(&mut reply, zones, query, &defaults);
        }),
        (OpCode::Update, [zone]) => {
            reply.metadata.response_code = update::apply(shared, zone, request, signed);
        }
        (OpCode::Query | OpCode::Update, _) => {
            reply.metadata.response_code = ResponseCode::FormErr;
        }
        _ => reply.metadata.response_code = ResponseCode::NotImp,
    }
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(EDNS_PAYLOAD);
        reply.set_edns(edns);
    }
    reply
}

/// The addresses of names that have none.
struct Defaults {
    a: Option<RData>,
    aaaa: Option<RData>,
}

impl Defaults {
    fn of(shared: &Shared) -> Self {
        Self {
            a: shared.config.default_a.map(|address| RData::A(A(address))),
            aaaa: shared
                .config
                .default_aaaa
                .map(|address| RData::AAAA(AAAA(address))),
        }
    }

    const fn any(&self) -> bool {
        self.a.is_some() || self.aaaa.is_some()
    }

    const fn of_type(&self, kind: RecordType) -> Option<&RData> {
        match kind {
            RecordType::A => self.a.as_ref(),
            RecordType::AAAA => self.aaaa.as_ref(),
            _ => None,
        }
    }
}

/// Answers a question from the zones, following CNAMEs as far as the zones reach.
fn fill(reply: &mut Message, zones: &Zones, query: &Query, defaults: &Defaults) {
    let is_internet = matches!(query.query_class(), DNSClass::IN | DNSClass::ANY);
    let mut fqdn = name::from_wire(query.name());
    if !is_internet || zones.holding(&fqdn).is_none() {
        reply.metadata.response_code = ResponseCode::Refused;
        return;
    }
    reply.metadata.authoritative = true;
    for _ in 0..CHAIN {
        let Some(zone) = zones.holding(&fqdn) else {
            return;
        };
        match find(zone, &fqdn, query.query_type(), defaults) {
            Found::Records(records) => {
                reply.add_answers(records);
                return;
            }
            Found::Alias(record, target) => {
                reply.add_answer(*record);
                fqdn = target;
            }
            Found::Nothing(rcode) => {
                reply.metadata.response_code = rcode;
                reply.add_authorities(zone.soa());
                return;
            }
        }
    }
    reply.metadata.response_code = ResponseCode::ServFail;
}

/// What a zone knows about a name.
enum Found {
    Records(Vec<Record>),
    Alias(Box<Record>, String),
    Nothing(ResponseCode),
}

fn find(zone: &Zone, fqdn: &str, kind: RecordType, defaults: &Defaults) -> Found {
    let node = zone.node(fqdn).or_else(|| zone.wildcard(fqdn));
    let Some(records) = node else {
        return find_default(zone, fqdn, kind, defaults);
    };
    if let Some((record, target)) = alias(records)
        && !matches!(kind, RecordType::CNAME | RecordType::ANY)
    {
        return Found::Alias(Box::new(owned_by(record, fqdn)), target);
    }
    let matching = |record: &&Record| kind == RecordType::ANY || is_of(record, kind);
    let found = records.iter().filter(matching);
    let mut found: Vec<Record> = found.map(|record| owned_by(record, fqdn)).collect();
    if fqdn == zone.name && matches!(kind, RecordType::SOA | RecordType::ANY) {
        found.extend(zone.soa());
    }
    if found.is_empty() {
        return find_default(zone, fqdn, kind, defaults).but_there();
    }
    Found::Records(found)
}

impl Found {
    /// The name is there, only the type is not.
    fn but_there(self) -> Self {
        match self {
            Self::Nothing(_) => Self::Nothing(ResponseCode::NoError),
            found => found,
        }
    }
}

/// The default address, or the right way to say that there is nothing.
fn find_default(zone: &Zone, fqdn: &str, kind: RecordType, defaults: &Defaults) -> Found {
    let owner = name::to_wire(fqdn);
    match (defaults.of_type(kind), owner) {
        (Some(data), Some(owner)) => {
            Found::Records(vec![Record::from_rdata(owner, zone.ttl, data.clone())])
        }
        _ if defaults.any() => Found::Nothing(ResponseCode::NoError),
        _ => Found::Nothing(ResponseCode::NXDomain),
    }
}

fn alias(records: &[Record]) -> Option<(&Record, String)> {
    records.iter().find_map(|record| match &record.data {
        RData::CNAME(target) => Some((record, name::from_wire(&target.0))),
        _ => None,
    })
}

/// A wildcard's record takes the name that was asked for.
fn owned_by(record: &Record, fqdn: &str) -> Record {
    let mut record = record.clone();
    if let Some(owner) = name::to_wire(fqdn) {
        record.name = owner;
    }
    record
}

#[cfg(test)]
mod tests {
    use std::sync::RwLock;
    use std::sync::atomic::AtomicU64;

    use evercert_types::Secret;
    use proptest::prelude::*;

    use super::*;
    use crate::server::{ServerConfig, UpdatePolicy, ZoneConfig};
    use crate::tsig::TsigAlgorithm;
    use crate::update::{Change, message};

    fn key() -> TsigKey {
        let secret = Secret::new("c2VjcmV0".to_owned());
        TsigKey::new("key", TsigAlgorithm::HmacSha256, &secret).unwrap()
    }

    fn shared() -> Shared {
        let zones = vec![ZoneConfig::new("example.org")];
        Shared {
            zones: RwLock::new(Zones::new(&zones).unwrap()),
            config: ServerConfig {
                updates: UpdatePolicy::Signed(vec![key()]),
                ..ServerConfig::default()
            },
            replies: AtomicU64::new(0),
        }
    }

    fn signed_update(time: u64) -> Vec<u8> {
        let change = Change::Add {
            fqdn: "_acme-challenge.example.org",
            value: "value",
            ttl: 60,
        };
        let bare = message(7, "example.org", Some(change)).unwrap();
        let signing = Signing {
            time,
            ..Signing::default()
        };
        key().sign(bare, signing).message
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..120)) {
            reply(&shared(), &octets);
        }

        /// No change of a signed update gets through, and none brings the server down.
        #[test]
        fn a_signed_update_cannot_be_changed(at in 2usize..130, flip in 1u8..) {
            let shared = shared();
            let now = u64::try_from(shared.config.clock.now().as_second()).unwrap();
            let mut octets = signed_update(now);
            let at = at % octets.len();
            // The key's and the algorithm's names are compared without case.
            prop_assume!(at > 1 && flip != 0x20);
            octets[at] ^= flip;

            reply(&shared, &octets);

            let values = shared.read(|zones| zones.txt("_acme-challenge.example.org"));
            prop_assert_eq!(values, Vec::<String>::new());
        }
    }

    #[test]
    fn a_signed_update_is_taken() {
        let shared = shared();
        let now = u64::try_from(shared.config.clock.now().as_second()).unwrap();

        let reply = reply(&shared, &signed_update(now)).unwrap();

        assert_eq!(Header::read(&reply).unwrap().flags & 0xf, 0);
        let values = shared.read(|zones| zones.txt("_acme-challenge.example.org"));
        assert_eq!(values, ["value"]);
    }
}
