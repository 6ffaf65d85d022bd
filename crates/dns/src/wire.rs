//! Reading DNS messages octet by octet, where signatures need the exact octets (RFC 1035 §4).

/// Octets of a message's header.
pub(crate) const HEADER: usize = 12;
/// A name has at most so many octets (RFC 1035 §3.1).
const NAME: usize = 255;

/// The octets are no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the DNS message is cut short or malformed")]
pub(crate) struct WireError;

/// A position in a message.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.at == self.message.len()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(length).ok_or(WireError)?;
        let octets = self.message.get(self.at..end).ok_or(WireError)?;
        self.at = end;
        Ok(octets)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.take(N)?.try_into().map_err(|_| WireError)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u48(&mut self) -> Result<u64, WireError> {
        let [a, b, c, d, e, f] = self.array()?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// A name, uncompressed and in lower case: the canonical form of RFC 4034 §6.2.
    pub(crate) fn name(&mut self) -> Result<Vec<u8>, WireError> {
        let mut name = Vec::new();
        let mut reader = self.clone();
        let mut after = None;
        loop {
            let start = reader.at;
            let length = usize::from(reader.array::<1>()?[0]);
            match length {
                0 => {
                    name.push(0);
                    self.at = after.unwrap_or(reader.at);
                    return Ok(name);
                }
                1..=63 => {
                    name.extend_from_slice(&[reader.message[start]]);
                    name.extend(reader.take(length)?.iter().map(u8::to_ascii_lowercase));
                }
                0xc0.. => {
                    let target = (length & 0x3f) << 8 | usize::from(reader.array::<1>()?[0]);
                    after.get_or_insert(reader.at);
                    // Only backwards, so that a loop is impossible.
                    if target >= start {
                        return Err(WireError);
                    }
                    reader.at = target;
                }
                _ => return Err(WireError),
            }
            if name.len() >= NAME {
                return Err(WireError);
            }
        }
    }
}

/// A message's header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) counts: [u16; 4],
}

impl Header {
    pub(crate) fn read(message: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(message);
        let (id, flags) = (cursor.u16()?, cursor.u16()?);
        let counts = [cursor.u16()?, cursor.u16()?, cursor.u16()?, cursor.u16()?];
        Ok(Self { id, flags, counts })
    }

    pub(crate) const fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(crate) const fn is_truncated(self) -> bool {
        self.flags & 0x0200 != 0
    }

    pub(crate) const fn opcode(self) -> u16 {
        self.flags >> 11 & 0xf
    }
}

/// A domain name's text in canonical wire form; `None` when it is no domain name.
pub(crate) fn encode_name(text: &str) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len() + 2);
    for label in text.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok()?;
        if !(1..=63).contains(&length) || !label.is_ascii() {
            return None;
        }
        name.push(length);
        name.extend(label.bytes().map(|octet| octet.to_ascii_lowercase()));
    }
    name.push(0);
    (name.len() <= NAME).then_some(name)
}

/// The text of a canonical wire name, for messages to people.
pub(crate) fn name_text(name: &[u8]) -> String {
    let (mut text, mut rest) = (String::new(), name);
    while let [length, tail @ ..] = rest
        && *length > 0
    {
        let (label, tail) = tail.split_at(tail.len().min(usize::from(*length)));
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&String::from_utf8_lossy(label));
        rest = tail;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_names_are_followed_backwards_only() {
        let mut message = encode_name("Example.org").unwrap();
        let second = message.len();
        message.extend_from_slice(&[3, b'W', b'w', b'w', 0xc0, 0]);
        let looped = message.len();
        let pointer = u8::try_from(looped).unwrap();
        message.extend_from_slice(&[0xc0, pointer]);

        let mut cursor = Cursor::new(&message);
        cursor.take(second).unwrap();
        assert_eq!(name_text(&cursor.name().unwrap()), "www.example.org");
        assert_eq!(cursor.position(), looped);
        assert_eq!(cursor.name(), Err(WireError));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", "a..b", &"a".repeat(64), &"abcdefg.".repeat(33)] {
            assert!(encode_name(bad).is_none(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(message in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let mut cursor = Cursor::new(&message);
            while cursor.name().is_ok() && cursor.position() < message.len() {}
        }
    }
}
