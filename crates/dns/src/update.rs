//! UPDATE messages that add or remove one TXT value (RFC 2136).

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use crate::name;
use crate::txt;

/// A change of one TXT value at one name; never of the whole set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'a> {
    Add {
        fqdn: &'a str,
        value: &'a str,
        ttl: u32,
    },
    Remove {
        fqdn: &'a str,
        value: &'a str,
    },
}

/// The message's octets, unsigned; without a change it only asks whether updates are allowed.
///
/// `None` when a name is no domain name.
pub(crate) fn message(id: u16, zone: &str, change: Option<Change<'_>>) -> Option<Vec<u8>> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Update);
    message.add_query(Query::query(name::to_wire(zone)?, RecordType::SOA));
    if let Some(change) = change {
        message.add_authority(record(change)?);
    }
    message.to_vec().ok()
}

fn record(change: Change<'_>) -> Option<Record> {
    let (fqdn, value, ttl, class) = match change {
        Change::Add { fqdn, value, ttl } => (fqdn, value, ttl, DNSClass::IN),
        Change::Remove { fqdn, value } => (fqdn, value, 0, DNSClass::NONE),
    };
    let data = RData::TXT(TXT::from_bytes(txt::strings(value)));
    let mut record = Record::from_rdata(name::to_wire(fqdn)?, ttl, data);
    record.dns_class = class;
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_removed_by_class_none_and_never_by_class_any() {
        let change = Change::Remove {
            fqdn: "_acme-challenge.example.org",
            value: "abc",
        };

        let octets = message(7, "example.org", Some(change)).unwrap();

        let read = Message::from_vec(&octets).unwrap();
        assert_eq!(read.op_code, OpCode::Update);
        assert_eq!(read.queries[0].query_type(), RecordType::SOA);
        assert_eq!(read.authorities.len(), 1);
        assert_eq!(read.authorities[0].dns_class, DNSClass::NONE);
        assert_eq!(read.authorities[0].ttl, 0);
    }
}
