//! The place in an expression's source, and the smallest things read there.

use std::net::IpAddr;

use super::error::ExprError;

/// Most characters of the source that a message repeats.
const SHOWN: usize = 24;

/// A place in the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// The rest after white space.
    pub(super) fn skip_space(&mut self) -> &'a str {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    /// Takes that text if it comes next, after white space.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.skip_space().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Demands that text.
    pub(super) fn demand(&mut self, text: &'static str) -> Result<(), ExprError> {
        match self.take(text) {
            true => Ok(()),
            false => Err(self.fault(format!("\"{text}\""))),
        }
    }

    /// Takes the longest run of such characters that comes next, without white space.
    pub(super) fn run(&mut self, is_one: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_one(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// Takes an identifier; empty if there is none.
    pub(super) fn identifier(&mut self) -> &'a str {
        let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
        match self.skip_space().starts_with(starts) {
            true => self.run(|c| c.is_ascii_alphanumeric() || c == '_'),
            false => "",
        }
    }

    /// Takes this word, any case, if it is the next identifier.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let found = ahead.identifier().eq_ignore_ascii_case(word);
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes an address if one is written out here.
    pub(super) fn address(&mut self) -> Option<IpAddr> {
        let mut ahead = *self;
        ahead.skip_space();
        let text = ahead.run(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':'));
        let ip = text.parse().ok()?;
        *self = ahead;
        Some(ip)
    }

    /// Takes a number without sign; `0x` introduces hexadecimal digits.
    pub(super) fn number(&mut self) -> Result<i64, ExprError> {
        self.skip_space();
        let start = *self;
        let text = self.run(|c| c.is_ascii_alphanumeric());
        let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) if !digits.starts_with('+') => i64::from_str_radix(digits, 16),
            _ => text.parse(),
        };
        parsed.map_err(|_| start.fault("a number of at most 63 bits"))
    }

    /// A character of a literal: itself, or what its escape stands for.
    pub(super) fn literal_char(&mut self, into: &mut Vec<u8>) -> Result<(), ExprError> {
        let start = *self;
        let Some(c) = self.rest().chars().next() else {
            return Err(self.fault("a closing \""));
        };
        self.at += c.len_utf8();
        if c != '\\' {
            into.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        let escaped = self.rest().chars().next().unwrap_or(' ');
        self.at += escaped.len_utf8().min(self.rest().len());
        into.push(match escaped {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '"' | '\\' | '\'' | '/' => u8::try_from(escaped).unwrap_or(b'?'),
            'x' => {
                let digits = self.rest().get(..2).unwrap_or_default();
                let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
                let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex);
                let byte = byte.ok_or_else(|| self.fault("two hexadecimal digits after \\x"))?;
                self.at += 2;
                byte
            }
            _ => return Err(start.fault("an escape: \\\" \\\\ \\r \\n \\t \\xHH")),
        });
        Ok(())
    }

    /// Takes a text in quotation marks, if one begins here.
    pub(super) fn quoted(&mut self) -> Result<Option<Vec<u8>>, ExprError> {
        if !self.take("\"") {
            return Ok(None);
        }
        let mut text = Vec::new();
        while !self.rest().starts_with('"') {
            self.literal_char(&mut text)?;
        }
        self.at += 1;
        Ok(Some(text))
    }

    /// Takes one character.
    pub(super) fn next_char(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// The complaint that something else was expected here.
    pub(super) fn fault(&self, expected: impl Into<String>) -> ExprError {
        let mut at = *self;
        let rest = at.skip_space();
        let found = match rest.char_indices().nth(SHOWN) {
            _ if rest.is_empty() => "the end".to_owned(),
            Some((end, _)) => format!("{}…", rest.get(..end).unwrap_or_default()),
            None => rest.to_owned(),
        };
        at.found(expected, found)
    }

    /// The complaint about this place that names what was found.
    pub(super) fn found(&self, expected: impl Into<String>, found: impl Into<String>) -> ExprError {
        let before = self.source.get(..self.at).unwrap_or_default();
        ExprError::new(before.chars().count() + 1, expected, found)
    }
}
