//! The contents of the sealed cache as bytes: length-prefixed fields, chains written once.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use evercert_api::sync::ItemId;
use evercert_types::{DomainName, Fingerprint};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::ledger::{Held, HeldState};
use super::store::Contents;
use super::verify::Rejection;
use crate::tls::intern::{Intermediates, Interner};
use crate::tls::record::{Record, RecordParts};

/// Longest frame that is read.
const MAX_FRAME: usize = 16 << 20;

const HEADER: u8 = 1;
const CHAIN: u8 = 2;
const ITEM: u8 = 3;
const END: u8 = 4;

/// Writes contents, frame by frame.
///
/// # Errors
/// When `out` fails.
pub(crate) fn write(contents: &Contents, out: &mut impl Write) -> io::Result<()> {
    let mut header = Frame::new(HEADER);
    header.text(&contents.cursor.scope);
    header.integer(contents.cursor.epoch);
    header.integer(contents.cursor.revision);
    header.write_to(out)?;
    let mut chains: HashMap<*const Intermediates, i64> = HashMap::new();
    for (id, held) in &contents.items {
        for record in [held.record(), held.previous.as_ref()]
            .into_iter()
            .flatten()
        {
            let chain = &record.parts().chain;
            let next = chains.len() as i64;
            if let std::collections::hash_map::Entry::Vacant(vacant) =
                chains.entry(Arc::as_ptr(chain))
            {
                vacant.insert(next);
                chain_frame(chain).write_to(out)?;
            }
        }
        item_frame(id, held, &chains).write_to(out)?;
    }
    let mut end = Frame::new(END);
    end.integer(contents.items.len() as i64);
    end.write_to(out)
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// `InvalidData` with what is wrong; or as `input` fails.
pub(crate) fn read(input: &mut impl Read) -> io::Result<Contents> {
    let mut interner = Interner::default();
    let mut chains: Vec<Arc<Intermediates>> = Vec::new();
    let mut contents = Contents::default();
    loop {
        let frame = read_frame(input)?;
        let mut fields = Fields(&frame);
        match fields.byte()? {
            HEADER => {
                contents.cursor.scope = fields.text()?.to_owned();
                contents.cursor.epoch = fields.integer()?;
                contents.cursor.revision = fields.integer()?;
            }
            CHAIN => {
                let count = fields.integer()?;
                let ders = (0..count).map(|_| fields.bytes().map(<[u8]>::to_vec));
                chains.push(interner.intern(ders.collect::<io::Result<_>>()?));
            }
            ITEM => contents.items.push(read_item(&mut fields, &chains)?),
            END if fields.integer()? == contents.items.len() as i64 => return Ok(contents),
            _ => return Err(invalid("an unknown or misplaced frame")),
        }
    }
}

fn chain_frame(chain: &Intermediates) -> Frame {
    let mut frame = Frame::new(CHAIN);
    frame.integer(chain.len() as i64);
    for der in chain {
        frame.bytes(der);
    }
    frame
}

fn item_frame(id: &ItemId, held: &Held, chains: &HashMap<*const Intermediates, i64>) -> Frame {
    let mut frame = Frame::new(ITEM);
    frame.text(&id.to_string());
    frame.integer(held.generation);
    frame.bytes(&held.fingerprint.0);
    frame.text(&held.name);
    match &held.state {
        HeldState::Active(record) => {
            frame.byte(0);
            frame.record(record, chains);
        }
        HeldState::Staged(record) => {
            frame.byte(1);
            frame.record(record, chains);
        }
        HeldState::Expired(at) => {
            frame.byte(2);
            frame.integer(at.as_second());
        }
        HeldState::Rejected(rejection) => {
            frame.byte(3);
            frame.text(&rejection.code);
            frame.text(&rejection.detail);
        }
    }
    match &held.previous {
        None => frame.byte(0),
        Some(record) => {
            frame.byte(1);
            frame.record(record, chains);
        }
    }
    frame
}

fn read_item(fields: &mut Fields<'_>, chains: &[Arc<Intermediates>]) -> io::Result<(ItemId, Held)> {
    let id: ItemId = fields.text()?.parse().map_err(invalid)?;
    let generation = fields.integer()?;
    let fingerprint = fields.fingerprint()?;
    let name = fields.text()?.into();
    let state = match fields.byte()? {
        0 => HeldState::Active(fields.record(id, chains)?),
        1 => HeldState::Staged(fields.record(id, chains)?),
        2 => HeldState::Expired(fields.time()?),
        3 => HeldState::Rejected(Rejection {
            code: fields.text()?.to_owned(),
            detail: fields.text()?.to_owned(),
        }),
        _ => return Err(invalid("an unknown item state")),
    };
    let previous = match fields.byte()? {
        0 => None,
        _ => Some(fields.record(id, chains)?),
    };
    let held = Held {
        generation,
        fingerprint,
        name,
        state,
        previous,
    };
    Ok((id, held))
}

/// One frame being written; wiped afterwards, since it may hold a key.
struct Frame(Zeroizing<Vec<u8>>);

impl Frame {
    fn new(tag: u8) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        bytes.push(tag);
        Self(bytes)
    }

    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn integer(&mut self, integer: i64) {
        self.0.extend_from_slice(&integer.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.integer(bytes.len() as i64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn record(&mut self, record: &Record, chains: &HashMap<*const Intermediates, i64>) {
        let parts = record.parts();
        self.integer(parts.generation);
        self.bytes(&parts.fingerprint.0);
        self.text(&parts.name);
        self.integer(parts.names.len() as i64);
        for name in parts.names.iter() {
            self.text(name.as_str());
        }
        self.integer(parts.not_before.as_second());
        self.integer(parts.not_after.as_second());
        self.integer(parts.committed_at_ms);
        self.integer(
            chains
                .get(&Arc::as_ptr(&parts.chain))
                .copied()
                .unwrap_or(-1),
        );
        self.bytes(record.leaf());
        self.bytes(record.pkcs8());
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let length = u32::try_from(self.0.len()).map_err(invalid)?;
        out.write_all(&length.to_be_bytes())?;
        out.write_all(&self.0)
    }
}

fn read_frame(input: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(invalid("a frame is too long"));
    }
    let mut frame = Zeroizing::new(vec![0; length]);
    input.read_exact(&mut frame)?;
    Ok(frame)
}

/// The fields of a frame, from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> io::Result<&'a [u8]> {
        let (head, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| invalid("a field is cut off"))?;
        self.0 = rest;
        Ok(head)
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn integer(&mut self) -> io::Result<i64> {
        let bytes = self.take(8)?.try_into().map_err(invalid)?;
        Ok(i64::from_be_bytes(bytes))
    }

    fn bytes(&mut self) -> io::Result<&'a [u8]> {
        let length = usize::try_from(self.integer()?).map_err(invalid)?;
        self.take(length)
    }

    fn text(&mut self) -> io::Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(invalid)
    }

    fn time(&mut self) -> io::Result<Timestamp> {
        Timestamp::from_second(self.integer()?).map_err(invalid)
    }

    fn fingerprint(&mut self) -> io::Result<Fingerprint> {
        Ok(Fingerprint(self.bytes()?.try_into().map_err(invalid)?))
    }

    fn record(&mut self, item: ItemId, chains: &[Arc<Intermediates>]) -> io::Result<Arc<Record>> {
        let generation = self.integer()?;
        let fingerprint = self.fingerprint()?;
        let name = self.text()?.into();
        let count = self.integer()?;
        let names = (0..count).map(|_| DomainName::new(self.text()?).map_err(invalid));
        let names = names.collect::<io::Result<_>>()?;
        let (not_before, not_after) = (self.time()?, self.time()?);
        let committed_at_ms = self.integer()?;
        let chain = usize::try_from(self.integer()?).map_err(invalid)?;
        let chain = chains
            .get(chain)
            .ok_or_else(|| invalid("a chain is missing"))?
            .clone();
        let parts = RecordParts {
            item,
            generation,
            name,
            names,
            not_before,
            not_after,
            fingerprint,
            committed_at_ms,
            chain,
        };
        Ok(Arc::new(Record::new(parts, self.bytes()?, self.bytes()?)))
    }
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use evercert_types::CertificateId;
    use proptest::prelude::*;

    use super::super::ledger::Ledger;
    use super::super::samples::{Store, chains};
    use super::super::verify::verify;
    use super::*;
    use crate::tls::samples::now;

    fn contents() -> Contents {
        let store = Store::new();
        let mut ledger = Ledger::default();
        let mut interner = Interner::default();
        let id = CertificateId::new();
        for (certificate, generation, from, to) in [
            (id, 1, 0, 10),
            (id, 2, 5, 20),
            (CertificateId::new(), 1, 0, 9),
        ] {
            let item = store.item_of(certificate, "a.example b.example", generation, from, to);
            let verified = verify(&item, &chains(&store), None, now(), &mut interner);
            ledger.stage(item.id, verified.unwrap().record, now());
        }
        let item = store.item("bad.example").id;
        let rejection = Rejection::new("key_mismatch", "why");
        ledger.reject(item, 4, Fingerprint([1; 32]), "bad", rejection);
        ledger.advance_to("scope", 3, 77);
        Contents {
            cursor: ledger.cursor(),
            items: ledger
                .iter()
                .map(|(id, held)| (*id, held.clone()))
                .collect(),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let contents = contents();
        let mut bytes = Vec::new();
        write(&contents, &mut bytes).unwrap();

        let read = read(&mut bytes.as_slice()).unwrap();

        let mut again = Vec::new();
        write(&read, &mut again).unwrap();
        assert!(bytes == again);
        let mut ledger = Ledger::default();
        for (id, held) in read.items {
            ledger.put(id, held);
        }
        assert_eq!(ledger.digest(), contents.cursor.digest);
        assert_eq!(read.cursor.revision, 77);
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(at in 0usize..6000, with in any::<u8>(), cut in 0usize..6000) {
            let mut bytes = Vec::new();
            write(&contents(), &mut bytes).unwrap();
            let at = at % bytes.len();
            bytes[at] = with;
            bytes.truncate(cut.max(1));
            drop(read(&mut bytes.as_slice()));
        }
    }
}
