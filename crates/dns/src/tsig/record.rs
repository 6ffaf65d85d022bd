//! The TSIG record itself: put on messages, taken off them (RFC 8945 §4.2).

use super::TsigRcode;
use crate::wire::{Cursor, HEADER, Header, WireError, name_text};

const TYPE_TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;

/// A TSIG record without its MAC: what the MAC covers.
#[derive(Clone, Debug)]
pub(super) struct Unsigned {
    pub(super) key_name: Vec<u8>,
    pub(super) algorithm: Vec<u8>,
    pub(super) time: u64,
    pub(super) fudge: u16,
    pub(super) error: u16,
    pub(super) other: Vec<u8>,
}

impl Unsigned {
    /// The TSIG variables in digest order (RFC 8945 §4.3.3).
    pub(super) fn variables(&self) -> Vec<u8> {
        let mut octets = self.key_name.clone();
        octets.extend_from_slice(&CLASS_ANY.to_be_bytes());
        octets.extend_from_slice(&[0; 4]);
        octets.extend_from_slice(&self.algorithm);
        octets.extend_from_slice(&self.time.to_be_bytes()[2..]);
        octets.extend_from_slice(&self.fudge.to_be_bytes());
        octets.extend_from_slice(&self.error.to_be_bytes());
        octets.extend_from_slice(&length(&self.other));
        octets.extend_from_slice(&self.other);
        octets
    }

    pub(super) fn append_to(&self, message: &mut Vec<u8>, mac: &[u8], original_id: [u8; 2]) {
        let mut data = self.algorithm.clone();
        data.extend_from_slice(&self.time.to_be_bytes()[2..]);
        data.extend_from_slice(&self.fudge.to_be_bytes());
        data.extend_from_slice(&length(mac));
        data.extend_from_slice(mac);
        data.extend_from_slice(&original_id);
        data.extend_from_slice(&self.error.to_be_bytes());
        data.extend_from_slice(&length(&self.other));
        data.extend_from_slice(&self.other);

        message.extend_from_slice(&self.key_name);
        message.extend_from_slice(&TYPE_TSIG.to_be_bytes());
        message.extend_from_slice(&CLASS_ANY.to_be_bytes());
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&length(&data));
        message.extend_from_slice(&data);
        add_to_count(message, 1);
    }
}

pub(super) fn length(octets: &[u8]) -> [u8; 2] {
    u16::try_from(octets.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes()
}

/// Changes ARCOUNT by wrapping addition.
fn add_to_count(message: &mut [u8], by: u16) {
    let count = u16::from_be_bytes([message[10], message[11]]).wrapping_add(by);
    message[10..HEADER].copy_from_slice(&count.to_be_bytes());
}

/// A TSIG record taken off a message.
#[derive(Clone, Debug)]
pub(crate) struct TsigRecord {
    pub(super) unsigned: Unsigned,
    pub(super) mac: Vec<u8>,
}

impl TsigRecord {
    /// The key's name, for messages to people.
    pub(crate) fn key_name(&self) -> String {
        name_text(&self.unsigned.key_name)
    }

    pub(crate) fn mac(&self) -> &[u8] {
        &self.mac
    }

    /// The error the peer reports, 0 for none.
    pub(crate) const fn error(&self) -> u16 {
        self.unsigned.error
    }

    /// The time of signing, seconds since 1970.
    pub(crate) const fn time(&self) -> u64 {
        self.unsigned.time
    }

    /// Whether the signature is not older or newer than the peer allows.
    pub(crate) const fn is_timely(&self, now: u64) -> bool {
        self.unsigned.time.abs_diff(now) <= self.unsigned.fudge as u64
    }

    /// A reply with a TSIG record that reports an error and carries no MAC (RFC 8945 §5.3.2).
    pub(crate) fn unsigned_error(&self, mut reply: Vec<u8>, rcode: TsigRcode) -> Vec<u8> {
        let original_id = [reply[0], reply[1]];
        let record = Unsigned {
            error: rcode as u16,
            other: Vec::new(),
            ..self.unsigned.clone()
        };
        record.append_to(&mut reply, &[], original_id);
        reply
    }

    /// With BADTIME, the server's clock.
    pub(crate) fn server_time(&self) -> Option<u64> {
        Cursor::new(&self.unsigned.other).u48().ok()
    }
}

/// Takes the TSIG record off a message; the rest is as it was before signing.
pub(crate) fn split(message: &[u8]) -> Result<(Vec<u8>, Option<TsigRecord>), WireError> {
    let header = Header::read(message)?;
    let Some(start) = last_additional(message, header)? else {
        return Ok((message.to_vec(), None));
    };
    let mut cursor = Cursor::new(message);
    cursor.take(start)?;
    let key_name = cursor.name()?;
    if cursor.u16()? != TYPE_TSIG {
        return Ok((message.to_vec(), None));
    }
    let (record, original_id) = read_record(cursor, key_name)?;
    let mut bare = message[..start].to_vec();
    bare[..2].copy_from_slice(&original_id.to_be_bytes());
    add_to_count(&mut bare, u16::MAX);
    Ok((bare, Some(record)))
}

/// Where the last record of the additional section begins.
fn last_additional(message: &[u8], header: Header) -> Result<Option<usize>, WireError> {
    let [questions, answers, authorities, additionals] = header.counts;
    if additionals == 0 {
        return Ok(None);
    }
    let mut cursor = Cursor::new(message);
    cursor.take(HEADER)?;
    for _ in 0..questions {
        cursor.name()?;
        cursor.take(4)?;
    }
    let before = u32::from(answers) + u32::from(authorities) + u32::from(additionals) - 1;
    for _ in 0..before {
        cursor.name()?;
        cursor.take(8)?;
        let length = cursor.u16()?;
        cursor.take(length.into())?;
    }
    Ok(Some(cursor.position()))
}

/// The rest of a TSIG record after its type, to the message's end, and the original id.
///
/// Class, TTL and lengths are as RFC 8945 §4.2 fixes them, since the MAC takes that for granted.
fn read_record(mut cursor: Cursor<'_>, key_name: Vec<u8>) -> Result<(TsigRecord, u16), WireError> {
    let (class, ttl, length) = (cursor.u16()?, cursor.u32()?, cursor.u16()?);
    let start = cursor.position();
    let algorithm = cursor.name()?;
    let (time, fudge) = (cursor.u48()?, cursor.u16()?);
    let mac_length = cursor.u16()?;
    let mac = cursor.take(mac_length.into())?.to_vec();
    let (original_id, error) = (cursor.u16()?, cursor.u16()?);
    let other_length = cursor.u16()?;
    let other = cursor.take(other_length.into())?.to_vec();
    let whole = cursor.position() - start == usize::from(length) && cursor.is_at_end();
    if class != CLASS_ANY || ttl != 0 || !whole {
        return Err(WireError);
    }
    let unsigned = Unsigned {
        key_name,
        algorithm,
        time,
        fudge,
        error,
        other,
    };
    Ok((TsigRecord { unsigned, mac }, original_id))
}
