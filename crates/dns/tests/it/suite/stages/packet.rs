//! DNS messages octet by octet, as RFC 1035 §4, RFC 2136 §2 and RFC 8945 §4 have them; nothing of the crate's own reading.

use aws_lc_rs::hmac;

pub(crate) const SERVFAIL: u8 = 2;
pub(crate) const REFUSED: u8 = 5;
pub(crate) const NOTZONE: u8 = 10;

const UPDATE: u8 = 5;
const TXT: u16 = 16;
const TSIG: u16 = 250;
const NONE: u16 = 254;
const IN: u16 = 1;

pub(crate) fn is_update(message: &[u8]) -> bool {
    message[2] >> 3 & 0xf == UPDATE
}

/// A bare header: the message's id and operation, and a response code.
pub(crate) fn header(message: &[u8], rcode: u8) -> Vec<u8> {
    let mut reply = vec![message[0], message[1], message[2] & 0x78 | 0x80, rcode];
    reply.extend([0; 8]);
    reply
}

/// A reply that stops within its first name.
pub(crate) fn cut(message: &[u8]) -> Vec<u8> {
    let mut reply = header(message, 0);
    reply[5] = 1;
    reply.extend(b"\x3fabc");
    reply
}

/// The reply to a question for TXT records.
pub(crate) fn txt_reply(message: &[u8], values: impl Fn(&str) -> Vec<String>) -> Vec<u8> {
    let (name, end) = name_at(message, 12);
    let question = &message[12..end + 4];
    let values = values(&name);
    let mut reply = header(message, 0);
    reply[2] |= 0x04;
    reply[5] = 1;
    reply[7] = u8::try_from(values.len()).unwrap();
    reply.extend(question);
    for value in values {
        let length = u8::try_from(value.len()).unwrap();
        reply.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 1, 0, length + 1, length]);
        reply.extend(value.as_bytes());
    }
    reply
}

/// A name in lower case without final dot, and where it ends.
fn name_at(message: &[u8], mut at: usize) -> (String, usize) {
    let (mut labels, mut end) = (Vec::new(), None);
    loop {
        let length = usize::from(message[at]);
        match length {
            0 => return (labels.join("."), end.unwrap_or(at + 1)),
            0xc0.. => {
                end = end.or(Some(at + 2));
                at = (length & 0x3f) << 8 | usize::from(message[at + 1]);
            }
            _ => {
                let label = &message[at + 1..=at + length];
                labels.push(String::from_utf8_lossy(label).to_lowercase());
                at += length + 1;
            }
        }
    }
}

fn number(message: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([message[at], message[at + 1]])
}

struct Record {
    start: usize,
    name: String,
    kind: u16,
    class: u16,
    data: std::ops::Range<usize>,
}

/// The records of all sections; those of an update's zone section are questions.
fn records(message: &[u8]) -> Vec<Record> {
    let mut at = 12;
    for _ in 0..number(message, 4) {
        at = name_at(message, at).1 + 4;
    }
    let count = number(message, 6) + number(message, 8) + number(message, 10);
    (0..count)
        .map(|_| {
            let start = at;
            let (name, end) = name_at(message, at);
            let data = end + 10..end + 10 + usize::from(number(message, end + 8));
            at = data.end;
            Record {
                start,
                name,
                kind: number(message, end),
                class: number(message, end + 2),
                data,
            }
        })
        .collect()
}

/// What is wrong with an update: it may add or take away single TXT records and nothing else.
pub(crate) fn strange_changes(message: &[u8]) -> Vec<String> {
    let records = records(message);
    let changes = records.iter().filter(|record| record.kind != TSIG);
    let strange = changes.filter(|record| record.kind != TXT || !matches!(record.class, IN | NONE));
    strange
        .map(|one| {
            format!(
                "a change of type {} and class {} at {}",
                one.kind, one.class, one.name
            )
        })
        .collect()
}

/// Whether the message is signed with HMAC-SHA256 by the key (RFC 8945 §4.3).
pub(crate) fn is_signed(message: &[u8], key_name: &str, secret: &[u8]) -> bool {
    let records = records(message);
    let Some(tsig) = records.last().filter(|record| record.kind == TSIG) else {
        return false;
    };
    let (algorithm, at) = name_at(message, tsig.data.start);
    let length = usize::from(number(message, at + 8));
    let mac = &message[at + 10..at + 10 + length];
    let after = at + 10 + length;
    let mut signed = message[..tsig.start].to_vec();
    signed[..2].copy_from_slice(&message[after..after + 2]);
    let additional = number(message, 10) - 1;
    signed[10..12].copy_from_slice(&additional.to_be_bytes());
    signed.extend(wire(&tsig.name));
    signed.extend([0, 255, 0, 0, 0, 0]);
    signed.extend(wire(&algorithm));
    // Time and fudge, then error and other data.
    signed.extend(&message[at..at + 8]);
    signed.extend(&message[after + 2..tsig.data.end]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    algorithm == "hmac-sha256" && tsig.name == key_name && hmac::verify(&key, &signed, mac).is_ok()
}

fn wire(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.') {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}
