//! Answers of zones to questions, as octets.

use evercert_ns::grammar;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use proptest::prelude::*;

use super::*;

const ZONE: &str = "add dns soaRec example.com -originServer ns1.example.com -contact admin.example.com -minimum 60
add dns nsRec example.com ns1.example.com
add dns nsRec example.com ns2.example.net
add dns addRec ns1.example.com 192.0.2.53
add dns addRec www.example.com 192.0.2.1
add dns addRec www.example.com 192.0.2.2
add dns aaaaRec www.example.com 2001:db8::1
add dns cnameRec alias.example.com www.example.com
add dns cnameRec out.example.com www.example.net
add dns cnameRec loop.example.com loop.example.com
add dns txtRec deep.under.example.com one two -TTL 30
add dns addRec *.wild.example.com 192.0.2.9
add dns caaRec example.com ca.example.net -tag issue -flag CRITICAL
add dns nsRec sub.example.com ns.sub.example.com
add dns addRec ns.sub.example.com 192.0.2.77
add dns zone example.com -proxyMode NO";

fn server(lines: &str) -> Server {
    let mut config = Config::new();
    for line in lines.lines() {
        let command = grammar::parse_line(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        config
            .apply(&command)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let server = Server::default();
    server.records.store(Arc::new(Records::of(&config)));
    server
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn asked(server: &Server, message: &Message) -> Message {
    let octets = answer::reply(server, &message.to_vec().unwrap(), Transport::Udp).unwrap();
    Message::from_vec(&octets).unwrap()
}

/// Code, whether authoritative, answers, and types of the authority section.
fn told(server: &Server, name: &str, kind: RecordType) -> String {
    let reply = asked(server, &question(name, kind));
    let answers = reply.answers.iter();
    let answers = answers.map(|record| format!("{} {}", record.name, record.data));
    let authorities = reply.authorities.iter();
    let authorities = authorities.map(|record| record.record_type().to_string());
    format!(
        "{}{} {:?} {:?}",
        reply.metadata.response_code,
        if reply.metadata.authoritative {
            " aa"
        } else {
            ""
        },
        answers.collect::<Vec<_>>(),
        authorities.collect::<Vec<_>>()
    )
}

#[test]
fn a_zone_is_answered_from_its_records() {
    let server = server(ZONE);
    let asked: Vec<_> = [
        ("www.example.com.", RecordType::A),
        ("WwW.eXample.com.", RecordType::AAAA),
        ("www.example.com.", RecordType::TXT),
        ("nobody.example.com.", RecordType::A),
        ("under.example.com.", RecordType::A),
        ("deep.under.example.com.", RecordType::TXT),
        ("alias.example.com.", RecordType::A),
        ("alias.example.com.", RecordType::CNAME),
        ("out.example.com.", RecordType::A),
        ("loop.example.com.", RecordType::A),
        ("x.wild.example.com.", RecordType::A),
        ("x.y.wild.example.com.", RecordType::A),
        ("x.wild.example.com.", RecordType::TXT),
        ("example.com.", RecordType::SOA),
        ("example.com.", RecordType::NS),
        ("example.com.", RecordType::CAA),
        ("www.sub.example.com.", RecordType::A),
        ("example.com.", RecordType::ANY),
        ("example.com.", RecordType::AXFR),
        ("example.net.", RecordType::A),
        (".", RecordType::NS),
    ]
    .iter()
    .map(|(name, kind)| format!("{name} {kind}: {}", told(&server, name, *kind)))
    .collect();
    insta::assert_snapshot!(asked.join("\n"));
}

#[test]
fn negative_answers_live_as_long_as_the_soa_says() {
    let server = server(ZONE);
    let reply = asked(&server, &question("nobody.example.com.", RecordType::A));
    assert_eq!(reply.authorities[0].ttl, 60);
    let referral = asked(&server, &question("www.sub.example.com.", RecordType::A));
    assert_eq!(referral.additionals.len(), 1);
}

#[test]
fn several_texts_at_a_name_are_answered_together_with_or_without_a_zone() {
    let name = "_acme-challenge.example.org";
    let server = server(&format!(
        "add dns txtRec {name} first -TTL 30\nadd dns txtRec {name}. second -TTL 30"
    ));
    let reply = asked(&server, &question(&format!("{name}."), RecordType::TXT));
    assert_eq!(reply.answers.len(), 2);
    assert!(reply.metadata.authoritative);
    assert_eq!(
        told(&server, "_acme-challenge.example.org.", RecordType::A),
        "No Error aa [] []"
    );
    assert_eq!(
        told(&server, "example.org.", RecordType::A),
        "Query Refused [] []"
    );
    assert_eq!(
        told(&server, "x._acme-challenge.example.org.", RecordType::TXT),
        "Query Refused [] []"
    );
}

#[test]
fn a_proxied_or_half_made_zone_is_not_answered_for() {
    let proxied = server(&ZONE.replace("-proxyMode NO", "-proxyMode YES"));
    assert_eq!(
        told(&proxied, "www.example.com.", RecordType::A),
        "Query Refused [] []"
    );
    let half = server(
        "add dns nsRec example.com ns1.example.com\nadd dns addRec www.example.com 192.0.2.1",
    );
    assert_eq!(
        told(&half, "nobody.example.com.", RecordType::A),
        "Query Refused [] []"
    );
}

#[test]
fn edns_is_answered_and_its_later_versions_refused() {
    let server = server(ZONE);
    let mut message = question("www.example.com.", RecordType::A);
    assert!(asked(&server, &message).edns.is_none());
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    message.set_edns(edns.clone());
    assert_eq!(asked(&server, &message).edns.unwrap().max_payload(), 1232);
    edns.set_version(1);
    message.set_edns(edns);
    // BADVERS; the same number means BADSIG elsewhere.
    let code = asked(&server, &message).metadata.response_code;
    assert_eq!(u16::from(code), 16);
}

#[test]
fn what_is_too_long_for_a_datagram_is_truncated_and_whole_over_tcp() {
    let lines: Vec<_> = (0..20)
        .map(|i| format!("add dns txtRec big.example.org {i}{}", "x".repeat(200)))
        .collect();
    let server = server(&lines.join("\n"));
    let mut message = question("big.example.org.", RecordType::TXT);
    let reply = asked(&server, &message);
    assert!(reply.metadata.truncation && reply.answers.is_empty());
    let mut edns = Edns::new();
    edns.set_max_payload(65_000);
    message.set_edns(edns);
    let octets = message.to_vec().unwrap();
    let udp = answer::reply(&server, &octets, Transport::Udp).unwrap();
    assert!(udp.len() < 512);
    let tcp = answer::reply(&server, &octets, Transport::Tcp).unwrap();
    assert_eq!(Message::from_vec(&tcp).unwrap().answers.len(), 20);
    assert_eq!(server.counts.truncated.get(), 2);
}

#[test]
fn names_are_compressed_and_come_back_as_they_were_spelled() {
    let server = server(ZONE);
    let message = question("wWw.eXAMPLE.com.", RecordType::A);
    let octets = answer::reply(&server, &message.to_vec().unwrap(), Transport::Udp).unwrap();
    let spelled = b"\x03wWw\x07eXAMPLE\x03com\0";
    let places = octets
        .windows(spelled.len())
        .filter(|w| w == spelled)
        .count();
    assert_eq!(places, 1);
    // Header, question, two records of a pointer and 14 octets.
    assert_eq!(octets.len(), 12 + spelled.len() + 4 + 2 * 16);
}

#[test]
fn what_is_no_question_is_not_answered_or_refused() {
    let server = server(ZONE);
    let reply = |octets: &[u8]| answer::reply(&server, octets, Transport::Udp);
    assert!(reply(b"short").is_none());
    let mut response = question("www.example.com.", RecordType::A);
    response.metadata.message_type = MessageType::Response;
    assert!(reply(&response.to_vec().unwrap()).is_none());
    let mut update = question("www.example.com.", RecordType::A);
    update.metadata.op_code = OpCode::Update;
    let refused = Message::from_vec(&reply(&update.to_vec().unwrap()).unwrap()).unwrap();
    assert_eq!(refused.metadata.response_code, ResponseCode::NotImp);
    let none = Message::new(7, MessageType::Query, OpCode::Query);
    assert_eq!(
        asked(&server, &none).metadata.response_code,
        ResponseCode::FormErr
    );
}

#[test]
fn a_text_of_several_strings_is_one_record() {
    let server = server(ZONE);
    let reply = asked(
        &server,
        &question("deep.under.example.com.", RecordType::TXT),
    );
    let RData::TXT(txt) = &reply.answers[0].data else {
        panic!("{:?}", reply.answers);
    };
    assert_eq!(txt.txt_data.len(), 2);
    assert_eq!(reply.answers[0].ttl, 30);
}

proptest! {
    #[test]
    fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..120)) {
        answer::reply(&server(ZONE), &octets, Transport::Udp);
    }

    #[test]
    fn no_datagram_is_answered_by_one_much_longer(name in "([a-z_]{1,12}|\\*)(\\.[a-z]{1,8}){0,4}", kind in 0u16..300) {
        let server = server(ZONE);
        let message = question(&format!("{name}.example.com."), RecordType::from(kind));
        let octets = message.to_vec().unwrap();
        let reply = answer::reply(&server, &octets, Transport::Udp).unwrap();
        prop_assert!(reply.len() <= 512);
    }
}
