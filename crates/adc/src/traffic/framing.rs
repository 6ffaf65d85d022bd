//! What the HTTP/1 parser does not tell: a second, minimal look at the bytes a client sends.
//!
//! hyper drops `Content-Length` when there is a `Transfer-Encoding` too, and repeated equal lengths, before we see
//! the request. A proxy must not guess what such a client meant (RFC 9112 §6.3), so the heads are counted and judged
//! here, and [`Wire::check`] refuses from the first bad one on.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// Longest line of a chunk size with its extensions.
const CHUNK_LINE: usize = 4096;
/// Longest trailer section.
const TRAILERS: usize = 64 << 10;

/// Why a head was found ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Violation {
    /// `Content-Length` and `Transfer-Encoding`.
    LengthAndCoding = 1,
    /// More than one `Content-Length` line.
    SeveralLengths = 2,
    /// A head or chunk that this parser cannot follow.
    Unparsable = 3,
}

/// What the reading side found, for the requests of one connection.
#[derive(Debug)]
pub(crate) struct Wire {
    bad_from: AtomicU64,
    reason: AtomicU8,
    opaque: AtomicBool,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            bad_from: AtomicU64::new(u64::MAX),
            reason: AtomicU8::new(0),
            opaque: AtomicBool::new(false),
        }
    }
}

impl Wire {
    /// Whether the connection's request number `index` (from 0) was framed unambiguously.
    pub(crate) fn check(&self, index: u64) -> Result<(), Violation> {
        if index < self.bad_from.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(match self.reason.load(Ordering::Acquire) {
            1 => Violation::LengthAndCoding,
            2 => Violation::SeveralLengths,
            _ => Violation::Unparsable,
        })
    }

    /// From now on the bytes are no HTTP: the connection was upgraded.
    pub(crate) fn upgraded(&self) {
        self.opaque.store(true, Ordering::Release);
    }

    pub(crate) fn is_opaque(&self) -> bool {
        self.opaque.load(Ordering::Acquire)
    }

    fn report(&self, head: u64, violation: Violation) {
        self.reason.store(violation as u8, Ordering::Release);
        self.bad_from.store(head, Ordering::Release);
    }
}

/// Follows the messages of one direction of one connection.
#[derive(Debug)]
pub(crate) struct Framing {
    state: State,
    /// The unfinished head, chunk line or trailer section.
    pending: Vec<u8>,
    heads: u64,
    max_head: usize,
    max_headers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    ChunkLine,
    /// Data and the line end after it.
    ChunkData(u64),
    Trailers,
    /// Given up: bad, or upgraded.
    Opaque,
}

/// How a head says its body is delimited.
enum Delimiter {
    None,
    Length(u64),
    Chunked,
}

impl Framing {
    /// Follows heads of at most so many bytes and header lines.
    pub(crate) const fn new(max_head: usize, max_headers: usize) -> Self {
        Self {
            state: State::Head,
            pending: Vec::new(),
            heads: 0,
            max_head,
            max_headers,
        }
    }

    /// Takes the next bytes, in any portions, and tells `wire` of the first bad head.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], wire: &Wire) {
        if wire.is_opaque() {
            self.state = State::Opaque;
        }
        while !bytes.is_empty() && self.state != State::Opaque {
            match self.step(bytes) {
                Ok(used) => bytes = &bytes[used..],
                Err(violation) => {
                    // A bad chunk spoils the head it belongs to, which was let through; what follows is refused.
                    wire.report(self.heads, violation);
                    self.state = State::Opaque;
                    self.pending = Vec::new();
                }
            }
        }
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        match self.state {
            State::Head => self.head(bytes),
            State::Body(left) => Ok(self.skip(left, bytes.len(), State::Body, State::Head)),
            State::ChunkData(left) => {
                Ok(self.skip(left, bytes.len(), State::ChunkData, State::ChunkLine))
            }
            State::ChunkLine => self.line(bytes, CHUNK_LINE),
            State::Trailers => self.line(bytes, TRAILERS),
            State::Opaque => Ok(bytes.len()),
        }
    }

    fn skip(&mut self, left: u64, available: usize, more: fn(u64) -> State, done: State) -> usize {
        let used = usize::try_from(left).map_or(available, |left| left.min(available));
        let rest = left - used as u64;
        self.state = if rest == 0 { done } else { more(rest) };
        used
    }

    fn head(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let start = self.pending.len().saturating_sub(3);
        self.pending.extend_from_slice(bytes);
        let mut from = start;
        while let Some(end) = head_end(&self.pending, from) {
            let mut headers = vec![httparse::EMPTY_HEADER; self.max_headers];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(&self.pending) {
                Ok(httparse::Status::Complete(length)) => {
                    let delimiter = judge(request.headers)?;
                    let before = self.pending.len() - bytes.len();
                    self.pending.clear();
                    self.begin_body(&delimiter);
                    return Ok(length.saturating_sub(before));
                }
                // Only empty lines so far.
                Ok(httparse::Status::Partial) => from = end,
                Err(_) => return Err(Violation::Unparsable),
            }
        }
        // hyper refuses longer heads by itself.
        if self.pending.len() > self.max_head {
            return Err(Violation::Unparsable);
        }
        Ok(bytes.len())
    }

    const fn begin_body(&mut self, delimiter: &Delimiter) {
        self.heads += 1;
        self.state = match delimiter {
            Delimiter::None | Delimiter::Length(0) => State::Head,
            Delimiter::Length(length) => State::Body(*length),
            Delimiter::Chunked => State::ChunkLine,
        };
    }

    /// Collects a line of at most `max` bytes and acts on it.
    fn line(&mut self, bytes: &[u8], max: usize) -> Result<usize, Violation> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(bytes.len(), |end| end + 1);
        self.pending.extend_from_slice(&bytes[..used]);
        if self.pending.len() > max {
            return Err(Violation::Unparsable);
        }
        if end.is_none() {
            return Ok(used);
        }
        let line = std::mem::take(&mut self.pending);
        let line = line.trim_ascii_end();
        self.state = match self.state {
            State::Trailers if line.is_empty() => State::Head,
            State::Trailers => State::Trailers,
            _ => match chunk_size(line).ok_or(Violation::Unparsable)? {
                0 => State::Trailers,
                // The line end after the data is CR LF; hyper insists on it.
                size => State::ChunkData(size.saturating_add(2)),
            },
        };
        Ok(used)
    }
}

/// Where the first empty line after `from` ends.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(newline) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let next = at + newline + 1;
        match &bytes[next..] {
            [b'\n', ..] => return Some(next + 1),
            [b'\r', b'\n', ..] => return Some(next + 2),
            _ => at = next,
        }
    }
    None
}

fn judge(headers: &[httparse::Header<'_>]) -> Result<Delimiter, Violation> {
    let mut lengths = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next();
    let coded = headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("transfer-encoding"));
    if coded && length.is_some() {
        return Err(Violation::LengthAndCoding);
    }
    if lengths.next().is_some() {
        return Err(Violation::SeveralLengths);
    }
    let Some(length) = length else {
        return Ok(if coded {
            Delimiter::Chunked
        } else {
            Delimiter::None
        });
    };
    std::str::from_utf8(length.value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .map(Delimiter::Length)
        .ok_or(Violation::Unparsable)
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii_end();
    let text = std::str::from_utf8(digits).ok()?;
    let all_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    all_hex
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome(portions: &[&[u8]]) -> (u64, State, Option<(u64, Violation)>) {
        let wire = Wire::default();
        let mut framing = Framing::new(64 << 10, 100);
        for portion in portions {
            framing.feed(portion, &wire);
        }
        let bad = wire.bad_from.load(Ordering::Acquire);
        let violation = wire.check(bad).err().map(|violation| (bad, violation));
        let violation = violation.filter(|(bad, _)| *bad != u64::MAX);
        (framing.heads, framing.state, violation)
    }

    #[test]
    fn bodies_are_stepped_over() {
        let stream =
            b"\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /x HTTP/1.1\r\n\r\n\
            POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nGET \r\n0\r\nA: b\r\n\r\n\
            GET / HTTP/1.1\n\n";

        assert_eq!(outcome(&[stream.as_slice()]), (3, State::Head, None));
    }

    #[test]
    fn length_with_coding_and_repeated_lengths_are_found_in_either_order() {
        let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for (fields, violation) in [
            (
                "Content-Length: 3\r\nTransfer-Encoding: chunked",
                Violation::LengthAndCoding,
            ),
            (
                "transfer-encoding: chunked\r\ncontent-length: 3",
                Violation::LengthAndCoding,
            ),
            (
                "Content-Length: 3\r\nContent-Length: 3",
                Violation::SeveralLengths,
            ),
            ("Content-Length: 3, 3", Violation::Unparsable),
            ("Content-Length: +3", Violation::Unparsable),
        ] {
            let stream = format!("{good}POST / HTTP/1.1\r\n{fields}\r\n\r\n");
            let (_, _, found) = outcome(&[stream.as_bytes()]);
            assert_eq!(found, Some((1, violation)), "{fields}");
        }
    }

    proptest! {
        #[test]
        fn portions_do_not_matter(
            lengths in prop::collection::vec(0usize..40, 1..6),
            chunked in any::<bool>(),
            bad in prop::option::of(0usize..6),
            cuts in prop::collection::vec(1usize..50, 1..40),
        ) {
            let mut stream = Vec::new();
            for (i, length) in lengths.iter().enumerate() {
                let body = "G".repeat(*length);
                let extra = if bad == Some(i) { "Content-Length: 1\r\n" } else { "" };
                stream.extend(match chunked {
                    true if *length > 0 => format!(
                        "PUT / HTTP/1.1\r\n{extra}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
                    ),
                    true => format!("PUT / HTTP/1.1\r\n{extra}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                    false => format!("PUT / HTTP/1.1\r\n{extra}Content-Length: {length}\r\n\r\n{body}"),
                }.into_bytes());
            }
            let mut portions = Vec::new();
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                portions.push(head);
                rest = tail;
            }

            let whole = outcome(&[&stream]);
            prop_assert_eq!(outcome(&portions), whole);
            let expected_bad = bad.filter(|bad| *bad < lengths.len());
            prop_assert_eq!(whole.2.map(|(at, _)| at), expected_bad.map(|at| at as u64));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            outcome(&[&bytes]);
        }
    }
}
