//! ICAP messages: the head of a request written, the head of an answer read (RFC 3507 §4.3, §4.4).

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Most bytes of an ICAP answer's head.
pub(super) const HEAD: usize = 64 << 10;
/// Most bytes of the HTTP heads in it.
pub(super) const ENCAPSULATED: u64 = 256 << 10;
/// Most fields of an ICAP answer.
const FIELDS: usize = 100;

/// What an ICAP server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IcapMethod {
    /// What it can do.
    Options,
    /// To look at a request.
    Reqmod,
    /// To look at an answer.
    Respmod,
}

impl IcapMethod {
    /// Its name on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Reqmod => "REQMOD",
            Self::Respmod => "RESPMOD",
        }
    }
}

/// An answer that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("the answer does not begin with ICAP/1.0 and a status")]
    Status,
    #[error("the answer's header fields are broken, or more than 100")]
    Fields,
    #[error("the answer's head is longer than {HEAD} bytes")]
    TooLong,
    #[error("the answer's Encapsulated field is \"{0}\"")]
    Encapsulated(String),
}

/// Part of an ICAP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    RequestHead,
    ResponseHead,
    /// Of either, or of OPTIONS.
    Body,
    NullBody,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// In the order of their offsets.
    pub(super) sections: Vec<(Section, u64)>,
}

/// Writes the first lines of a request, without the empty line that ends them.
pub(super) fn request_line(method: IcapMethod, uri: &str, host: &str) -> String {
    format!("{} {uri} ICAP/1.0\r\nHost: {host}\r\n", method.as_str())
}

/// Writes one field.
pub(super) fn field(out: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a String does not fail.
    write!(out, "{name}: {value}\r\n").unwrap_or_default();
}

/// Where an answer's head ends in `bytes`, its empty line included.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
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

/// Reads an answer's head, its empty line included.
pub(super) fn parse(head: &[u8]) -> Result<Answer, MessageError> {
    let line_end = head
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(MessageError::Status)?;
    let status = status(&head[..line_end]).ok_or(MessageError::Status)?;
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let Ok(httparse::Status::Complete((_, parsed))) =
        httparse::parse_headers(&head[line_end + 1..], &mut fields)
    else {
        return Err(MessageError::Fields);
    };
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(MessageError::Fields);
        };
        headers.append(name, value);
    }
    let sections = match headers.get("encapsulated").map(HeaderValue::to_str) {
        None => Vec::new(),
        Some(Ok(text)) => {
            sections(text).ok_or_else(|| MessageError::Encapsulated(text.to_owned()))?
        }
        Some(Err(_)) => return Err(MessageError::Fields),
    };
    Ok(Answer {
        status,
        headers,
        sections,
    })
}

fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let version = words.next()?;
    if !version.eq_ignore_ascii_case("ICAP/1.0") {
        return None;
    }
    let code = words.next()?;
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| code.parse().ok()).flatten()
}

/// `req-hdr=0, req-body=137`: from offset 0, ascending, a body last.
fn sections(text: &str) -> Option<Vec<(Section, u64)>> {
    let mut sections = Vec::new();
    for part in text.split(',') {
        let (name, offset) = part.split_once('=')?;
        let section = match name.trim().to_ascii_lowercase().as_str() {
            "req-hdr" => Section::RequestHead,
            "res-hdr" => Section::ResponseHead,
            "req-body" | "res-body" | "opt-body" => Section::Body,
            "null-body" => Section::NullBody,
            _ => return None,
        };
        sections.push((section, offset.trim().parse().ok()?));
    }
    let starts_at_zero = sections.first().is_some_and(|(_, offset)| *offset == 0);
    let ascends = sections.windows(2).all(|pair| pair[0].1 <= pair[1].1);
    let (last, heads) = sections.split_last()?;
    let is_body = |section: Section| matches!(section, Section::Body | Section::NullBody);
    let in_order = is_body(last.0) && !heads.iter().any(|(section, _)| is_body(*section));
    (starts_at_zero && ascends && in_order && last.1 <= ENCAPSULATED).then_some(sections)
}

impl Answer {
    /// Bytes of HTTP heads before the body.
    pub(super) fn heads_length(&self) -> usize {
        let last = self.sections.last().map_or(0, |(_, offset)| *offset);
        usize::try_from(last).unwrap_or(usize::MAX)
    }

    /// Whether a chunked body follows the heads.
    pub(super) fn has_body(&self) -> bool {
        matches!(self.sections.last(), Some((Section::Body, _)))
    }

    /// Cuts a head out of the bytes before the body.
    pub(super) fn head(&self, wanted: Section, heads: &Bytes) -> Option<Bytes> {
        let at = self
            .sections
            .iter()
            .position(|(section, _)| *section == wanted)?;
        let from = usize::try_from(self.sections[at].1).ok()?;
        let to = usize::try_from(self.sections.get(at + 1)?.1).ok()?;
        (to <= heads.len()).then(|| heads.slice(from..to))
    }

    /// Whether the server closes the connection after it.
    pub(super) fn closes(&self) -> bool {
        self.words("connection")
            .any(|word| word.eq_ignore_ascii_case("close"))
    }

    /// The words of a comma-separated field.
    pub(super) fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|word| !word.is_empty())
    }

    /// The number of a field.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_is_cut_at_its_offsets() {
        let text = b"ICAP/1.0 200 OK\r\nISTag: \"a\"\r\nEncapsulated: req-hdr=0, res-hdr=5, res-body=9\r\nConnection: close\r\n\r\n";
        assert_eq!(head_end(text), Some(text.len()));

        let answer = parse(text).unwrap();
        let heads = Bytes::from_static(b"abcdefghi");

        assert_eq!(
            (answer.status, answer.heads_length(), answer.has_body()),
            (200, 9, true)
        );
        assert_eq!(answer.head(Section::RequestHead, &heads).unwrap(), "abcde");
        assert_eq!(answer.head(Section::ResponseHead, &heads).unwrap(), "fghi");
        assert!(answer.closes());
    }

    #[test]
    fn answers_that_make_no_sense_are_refused() {
        for (text, error) in [
            ("HTTP/1.1 200 OK\r\n\r\n", MessageError::Status),
            ("ICAP/1.0 20x OK\r\n\r\n", MessageError::Status),
            (
                "ICAP/1.0 200 OK\r\nbad name: x\r\n\r\n",
                MessageError::Fields,
            ),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), error, "{text}");
        }
        for value in [
            "res-hdr=5, res-body=9",
            "res-hdr=0, res-body=-1",
            "res-body=0, res-hdr=9",
            "res-hdr=0",
            "req-hdr=0, res-hdr=9, null-body=4",
            "what=0, null-body=1",
            "res-hdr=0, res-body=99999999",
            "",
        ] {
            let text = format!("ICAP/1.0 200 OK\r\nEncapsulated: {value}\r\n\r\n");
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(matches!(error, MessageError::Encapsulated(_)), "{value}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(text in "ICAP/1.0 200 [ -~\r\n]{0,200}\r\n\r\n") {
            if let Ok(answer) = parse(text.as_bytes()) {
                answer.head(Section::RequestHead, &Bytes::new());
            }
        }
    }
}
