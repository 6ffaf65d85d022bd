//! Text while an expression is evaluated: bytes, and how they are compared.

use std::borrow::Cow;

use memchr::memmem;

use super::MAX_TEXT;
use super::error::Undef;
use super::syntax::Needle;

/// Bytes with what is known of them.
#[derive(Clone, Debug)]
pub(super) struct Text<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) mode: Mode,
    pub(super) shape: Shape<'a>,
}

/// How texts are compared and decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) ignore_case: bool,
    pub(super) url_encoded: bool,
}

/// What the bytes are, besides bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    Plain,
    /// The request's own URL, or one that was cast to a URL.
    Url {
        is_request: bool,
    },
    /// With the port the client reached, which is as usual as 80 and 443.
    Hostname(u16),
    Header(&'a str),
    List(u8),
    Pairs {
        between: u8,
        after_name: u8,
    },
}

impl<'a> Text<'a> {
    pub(super) fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self {
            bytes: bytes.into(),
            mode: Mode::default(),
            shape: Shape::Plain,
        }
    }

    pub(super) const fn shaped(mut self, shape: Shape<'a>) -> Self {
        self.shape = shape;
        self
    }

    pub(super) const fn ignoring_case(mut self) -> Self {
        self.mode.ignore_case = true;
        self
    }

    /// Other bytes, in the same mode.
    pub(super) fn with(&self, bytes: Cow<'a, [u8]>) -> Result<Self, Undef> {
        match bytes.len() <= MAX_TEXT {
            true => Ok(Self {
                bytes,
                mode: self.mode,
                shape: Shape::Plain,
            }),
            false => Err(Undef),
        }
    }

    /// A part of the bytes, in the same mode.
    pub(super) fn part(self, start: usize, end: usize) -> Self {
        let end = end.min(self.bytes.len());
        let start = start.min(end);
        let bytes = match self.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(start..end).unwrap_or_default()),
            Cow::Owned(mut bytes) => {
                bytes.truncate(end);
                bytes.drain(..start);
                Cow::Owned(bytes)
            }
        };
        Self {
            bytes,
            mode: self.mode,
            shape: Shape::Plain,
        }
    }

    pub(super) fn equals(&self, other: &[u8]) -> bool {
        match self.shape {
            Shape::Hostname(port) => without_usual_port(&self.bytes, port)
                .eq_ignore_ascii_case(without_usual_port(other, port)),
            _ if self.mode.ignore_case => self.bytes.eq_ignore_ascii_case(other),
            _ => *self.bytes == *other,
        }
    }

    pub(super) fn starts_with(&self, other: &[u8]) -> bool {
        let start = self.bytes.get(..other.len());
        start.is_some_and(|start| self.same(start, other))
    }

    pub(super) fn ends_with(&self, other: &[u8]) -> bool {
        let start = self.bytes.len().checked_sub(other.len());
        let end = start.and_then(|start| self.bytes.get(start..));
        end.is_some_and(|end| self.same(end, other))
    }

    fn same(&self, a: &[u8], b: &[u8]) -> bool {
        match self.mode.ignore_case {
            true => a.eq_ignore_ascii_case(b),
            false => a == b,
        }
    }

    /// Where a literal begins first.
    pub(super) fn find(&self, needle: &Needle) -> Option<usize> {
        match self.mode.ignore_case {
            true => needle.lower().find(&self.bytes.to_ascii_lowercase()),
            false => needle.exact().find(&self.bytes),
        }
    }

    /// Where other bytes begin first.
    pub(super) fn find_bytes(&self, other: &[u8]) -> Option<usize> {
        match self.mode.ignore_case {
            true => memmem::find(
                &self.bytes.to_ascii_lowercase(),
                &other.to_ascii_lowercase(),
            ),
            false => memmem::find(&self.bytes, other),
        }
    }

    /// The elements between delimiters.
    pub(super) fn element(&self, delimiter: u8, index: usize) -> Option<(usize, usize)> {
        let mut start = 0;
        for (at, part) in self.bytes.split(|byte| *byte == delimiter).enumerate() {
            if at == index {
                return Some((start, start + part.len()));
            }
            start += part.len() + 1;
        }
        None
    }
}

/// `www.example.com:443` is the host `www.example.com`.
fn without_usual_port(host: &[u8], reached: u16) -> &[u8] {
    let length = super::url::server_length(host);
    match super::url::port(host).map(u16::try_from) {
        Some(Ok(port)) if matches!(port, 80 | 443) || port == reached => {
            host.get(..length).unwrap_or(host)
        }
        _ => host,
    }
}

/// `%HH` decoded; what is no escape stays as it is.
pub(super) fn url_decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| {
        let byte = bytes.get(at)?;
        char::from(*byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (*byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            (byte, _, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// Everything that may not stand in a URL, as `%HH`.
pub(super) fn url_safe(bytes: &[u8]) -> Vec<u8> {
    escaped(bytes, |byte, into| {
        let is_safe = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?#[]%".contains(&byte);
        match is_safe {
            true => into.push(byte),
            false => into.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    })
}

/// What would end a header field, as `%HH`.
pub(super) fn header_safe(bytes: &[u8]) -> Vec<u8> {
    escaped(bytes, |byte, into| match byte {
        b'\r' | b'\n' | 0 => into.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        _ => into.push(byte),
    })
}

/// What has a meaning in HTML or XML, as an entity.
pub(super) fn xml_safe(bytes: &[u8]) -> Vec<u8> {
    escaped(bytes, |byte, into| match byte {
        b'<' => into.extend_from_slice(b"&lt;"),
        b'>' => into.extend_from_slice(b"&gt;"),
        b'&' => into.extend_from_slice(b"&amp;"),
        b'"' => into.extend_from_slice(b"&quot;"),
        b'\'' => into.extend_from_slice(b"&#39;"),
        _ => into.push(byte),
    })
}

fn escaped(bytes: &[u8], escape: impl Fn(u8, &mut Vec<u8>)) -> Vec<u8> {
    let mut safe = Vec::with_capacity(bytes.len());
    for byte in bytes {
        escape(*byte, &mut safe);
    }
    safe
}

/// The number a text is, with an optional sign.
pub(super) fn number(bytes: &[u8], radix: u32) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?.trim_ascii();
    let text = match radix {
        16 => text.strip_prefix("0x").unwrap_or(text),
        _ => text,
    };
    i64::from_str_radix(text, radix).ok()
}

/// The first number in a text.
pub(super) fn first_number(bytes: &[u8]) -> Option<i64> {
    let start = bytes.iter().position(u8::is_ascii_digit)?;
    let digits = bytes.get(start..)?;
    let end = digits.iter().position(|b| !b.is_ascii_digit());
    let magnitude = number(digits.get(..end.unwrap_or(digits.len()))?, 10)?;
    let is_negative = start > 0 && bytes.get(start - 1) == Some(&b'-');
    Some(if is_negative { -magnitude } else { magnitude })
}
