//! DER by hand: a strict reader and a writer, for what must be copied octet by octet.
//!
//! Only what certificates need: single-octet tags and definite, minimal lengths (X.690 §8.1, §10.1).

/// `BOOLEAN`.
pub const BOOLEAN: u8 = 0x01;
/// `INTEGER`.
pub const INTEGER: u8 = 0x02;
/// `BIT STRING`.
pub const BIT_STRING: u8 = 0x03;
/// `OCTET STRING`.
pub const OCTET_STRING: u8 = 0x04;
/// `NULL`.
pub const NULL: u8 = 0x05;
/// `OBJECT IDENTIFIER`.
pub const OID: u8 = 0x06;
/// `ENUMERATED`.
pub const ENUMERATED: u8 = 0x0a;
/// `UTF8String`.
pub const UTF8_STRING: u8 = 0x0c;
/// `PrintableString`.
pub const PRINTABLE_STRING: u8 = 0x13;
/// `TeletexString`.
pub const TELETEX_STRING: u8 = 0x14;
/// `IA5String`.
pub const IA5_STRING: u8 = 0x16;
/// `UTCTime`.
pub const UTC_TIME: u8 = 0x17;
/// `GeneralizedTime`.
pub const GENERALIZED_TIME: u8 = 0x18;
/// `BMPString`.
pub const BMP_STRING: u8 = 0x1e;
/// `SEQUENCE`.
pub const SEQUENCE: u8 = 0x30;
/// `SET`.
pub const SET: u8 = 0x31;

/// A context-specific tag of a primitive value: `[number] IMPLICIT`.
pub const fn context(number: u8) -> u8 {
    0x80 | number
}

/// A context-specific tag of a constructed value: `[number] EXPLICIT`, or `IMPLICIT` over a SEQUENCE.
pub const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its identifier octet.
    pub tag: u8,
    /// Its contents octets.
    pub content: &'a [u8],
    /// All of it.
    pub raw: &'a [u8],
}

/// The octets are not the DER that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DerError {
    /// They end within an element.
    #[error("the DER ends within an element")]
    Truncated,
    /// A tag of several octets.
    #[error("the DER has a tag of more than one octet")]
    LongTag,
    /// An indefinite or needlessly long length.
    #[error("the DER has a length that is indefinite or not minimal")]
    Length,
    /// Another element than the one looked for.
    #[error("the DER has the tag {found:#04x} where {wanted:#04x} was looked for")]
    Tag {
        /// What should be there.
        wanted: u8,
        /// What is there.
        found: u8,
    },
    /// Octets follow the last element.
    #[error("octets follow the DER's last element")]
    Trailing,
    /// An element's contents are not those of its type.
    #[error("the DER has a malformed {0}")]
    Content(&'static str),
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads these octets.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next element's tag, without reading it.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element.
    ///
    /// # Errors
    /// When there is none, or it is not DER.
    pub fn next_tlv(&mut self) -> Result<Tlv<'a>, DerError> {
        let [tag, first, ..] = *self.rest else {
            return Err(DerError::Truncated);
        };
        if tag & 0x1f == 0x1f {
            return Err(DerError::LongTag);
        }
        let (header, length) = match first {
            0..=0x7f => (2, usize::from(first)),
            0x81..=0x84 => self.long_length(usize::from(first & 0x7f))?,
            _ => return Err(DerError::Length),
        };
        let end = header + length;
        let raw = self.rest.get(..end).ok_or(DerError::Truncated)?;
        self.rest = &self.rest[end..];
        Ok(Tlv {
            tag,
            content: &raw[header..],
            raw,
        })
    }

    fn long_length(&self, octets: usize) -> Result<(usize, usize), DerError> {
        let digits = self.rest.get(2..2 + octets).ok_or(DerError::Truncated)?;
        let length = digits
            .iter()
            .fold(0usize, |sum, octet| (sum << 8) | usize::from(*octet));
        if digits[0] == 0 || length < 0x80 {
            return Err(DerError::Length);
        }
        Ok((2 + octets, length))
    }

    /// The next element, which has this tag.
    ///
    /// # Errors
    /// When it has another.
    pub fn expect(&mut self, tag: u8) -> Result<Tlv<'a>, DerError> {
        match self.peek() {
            Some(found) if found != tag => Err(DerError::Tag { wanted: tag, found }),
            _ => self.next_tlv(),
        }
    }

    /// The next element if it has this tag.
    ///
    /// # Errors
    /// When it has, and is not DER.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, DerError> {
        match self.peek() == Some(tag) {
            true => self.next_tlv().map(Some),
            false => Ok(None),
        }
    }

    /// What is inside the next element, which has this tag.
    ///
    /// # Errors
    /// When it has another.
    pub fn enter(&mut self, tag: u8) -> Result<Self, DerError> {
        self.expect(tag).map(|tlv| Self::new(tlv.content))
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub const fn finish(&self) -> Result<(), DerError> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(DerError::Trailing),
        }
    }
}

/// The elements inside some contents.
///
/// # Errors
/// When one is not DER.
pub fn elements(content: &[u8]) -> Result<Vec<Tlv<'_>>, DerError> {
    let mut reader = Reader::new(content);
    let mut found = Vec::new();
    while !reader.is_empty() {
        found.push(reader.next_tlv()?);
    }
    Ok(found)
}

/// Appends a tag and a length.
pub fn push_header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let octets = length.to_be_bytes();
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            // At most eight.
            out.push(0x80 | u8::try_from(octets.len() - zeros).unwrap_or(8));
            out.extend_from_slice(&octets[zeros..]);
        }
    }
}

/// Appends an element.
pub fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    push_header(out, tag, content.len());
    out.extend_from_slice(content);
}

/// An element of these contents.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 4);
    push(&mut out, tag, content);
    out
}

/// A constructed element of these elements.
pub fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + 4);
    push_header(&mut out, tag, parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A non-negative `INTEGER` of these octets, big end first.
pub fn unsigned(octets: &[u8]) -> Vec<u8> {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let digits = &octets[zeros..];
    let mut content = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|octet| octet & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    tlv(INTEGER, &content)
}

/// An object identifier's contents from its dotted form; `None` when it is none.
pub fn oid_content(dotted: &str) -> Option<Vec<u8>> {
    let arcs: Vec<u128> = dotted
        .split('.')
        .map(|arc| match arc.len() > 1 && arc.starts_with('0') {
            true => None,
            false => arc.parse().ok(),
        })
        .collect::<Option<_>>()?;
    let [first, second, rest @ ..] = arcs.as_slice() else {
        return None;
    };
    if *first > 2 || (*first < 2 && *second > 39) {
        return None;
    }
    let mut out = Vec::new();
    push_arc(&mut out, first * 40 + second);
    for arc in rest {
        push_arc(&mut out, *arc);
    }
    Some(out)
}

fn push_arc(out: &mut Vec<u8>, arc: u128) {
    let groups = (128 - arc.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let septet = u8::try_from((arc >> (group * 7)) & 0x7f).unwrap_or(0);
        out.push(if group > 0 { septet | 0x80 } else { septet });
    }
}

/// An object identifier's dotted form from its contents; what is malformed is shown in hexadecimal.
pub fn oid_text(content: &[u8]) -> String {
    let mut arcs: Vec<u128> = Vec::new();
    let mut arc = 0u128;
    for octet in content {
        if arc >> 121 != 0 {
            return crate::certificate::hex(content);
        }
        arc = (arc << 7) | u128::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            arcs.push(arc);
            arc = 0;
        }
    }
    let Some(first) = arcs.first().copied() else {
        return crate::certificate::hex(content);
    };
    let root = (first / 40).min(2);
    let mut text = format!("{root}.{}", first - root * 40);
    for arc in &arcs[1..] {
        text.push('.');
        text.push_str(&arc.to_string());
    }
    text
}

/// Seconds since 1970 of a `UTCTime` or `GeneralizedTime` as RFC 5280 §4.1.2.5 has them: with seconds, in UTC.
///
/// # Errors
/// When it is none.
pub fn time(tlv: &Tlv<'_>) -> Result<i64, DerError> {
    let malformed = DerError::Content("time");
    let digits = match (tlv.tag, tlv.content.len()) {
        (UTC_TIME, 13) => 2,
        (GENERALIZED_TIME, 15) => 4,
        _ => return Err(malformed),
    };
    let [body @ .., b'Z'] = tlv.content else {
        return Err(malformed);
    };
    if !body.iter().all(u8::is_ascii_digit) {
        return Err(malformed);
    }
    let number = |part: &[u8]| part.iter().fold(0i64, |n, d| n * 10 + i64::from(d - b'0'));
    let year = match (digits, number(&body[..digits])) {
        (2, year @ 0..50) => 2000 + year,
        (2, year) => 1900 + year,
        (_, year) => year,
    };
    let part = |index: usize| number(&body[digits + 2 * index..digits + 2 * index + 2]);
    let (month, day, hour, minute, second) = (part(0), part(1), part(2), part(3), part(4));
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return Err(malformed);
    }
    Ok(days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second)
}

/// Appends an instant as RFC 5280 §4.1.2.5 wants it: `UTCTime` through 2049, `GeneralizedTime` from 2050.
pub fn push_time(out: &mut Vec<u8>, seconds: i64) {
    let (year, month, day) = civil(seconds.div_euclid(86400));
    let of_day = seconds.rem_euclid(86400);
    let parts = [month, day, of_day / 3600, of_day / 60 % 60, of_day % 60];
    let mut content = Vec::with_capacity(15);
    let tag = match year {
        1950..2050 => UTC_TIME,
        _ => {
            push_two(&mut content, year / 100);
            GENERALIZED_TIME
        }
    };
    push_two(&mut content, year % 100);
    for part in parts {
        push_two(&mut content, part);
    }
    content.push(b'Z');
    push(out, tag, &content);
}

fn push_two(out: &mut Vec<u8>, number: i64) {
    let digit = |n: i64| b'0' + u8::try_from(n.rem_euclid(10)).unwrap_or(0);
    out.extend([digit(number / 10), digit(number)]);
}

/// Days since 1970 of a date in the Gregorian calendar.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a number of days since 1970.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let written = tlv(OCTET_STRING, &content);
            let mut reader = Reader::new(&written);
            let read = reader.expect(OCTET_STRING).unwrap();
            assert_eq!((read.content, read.raw), (&content[..], &written[..]));
            reader.finish().unwrap();
        }
    }

    #[test]
    fn lengths_that_are_not_minimal_and_long_tags_are_refused() {
        let refused = |octets: &[u8]| Reader::new(octets).next_tlv().unwrap_err();

        assert_eq!(refused(&[4, 0x81, 1, 0]), DerError::Length);
        assert_eq!(refused(&[4, 0x80, 0, 0]), DerError::Length);
        assert_eq!(refused(&[4, 0x82, 0, 0x80]), DerError::Length);
        assert_eq!(refused(&[0x1f, 0x21, 0]), DerError::LongTag);
        assert_eq!(refused(&[4, 2, 0]), DerError::Truncated);
        assert_eq!(refused(&[4]), DerError::Truncated);
    }

    #[test]
    fn object_identifiers_are_read_and_written() {
        for dotted in [
            "2.5.29.17",
            "1.3.6.1.4.1.311.25.2",
            "2.999.1",
            "0.0",
            "2.25.329800735698586629295641978511506172918",
        ] {
            assert_eq!(oid_text(&oid_content(dotted).unwrap()), dotted);
        }
        for wrong in ["", "1", "3.1", "1.40", "1.2.x", "1.02.3", "1..2", "-1.2"] {
            assert_eq!(oid_content(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_read_and_written_on_both_sides_of_2050() {
        for (seconds, text) in [
            (0, "700101000000Z"),
            (2_524_607_999, "491231235959Z"),
            (2_524_608_000, "20500101000000Z"),
            (1_709_164_800, "240229000000Z"),
            (253_402_300_799, "99991231235959Z"),
        ] {
            let mut out = Vec::new();
            push_time(&mut out, seconds);
            assert_eq!(&out[2..], text.as_bytes());
            let read = Reader::new(&out).next_tlv().unwrap();
            assert_eq!(time(&read), Ok(seconds));
        }
        for wrong in [
            "700101000000+",
            "701301000000Z",
            "7001010000Z",
            "70010100000xZ",
        ] {
            let out = tlv(UTC_TIME, wrong.as_bytes());
            let read = Reader::new(&out).next_tlv().unwrap();
            assert!(time(&read).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unsigned_integers_are_minimal_and_positive() {
        assert_eq!(unsigned(&[0, 0, 1]), [2, 1, 1]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[]), [2, 1, 0]);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_octets_never_panic(octets: Vec<u8>) {
            let mut reader = Reader::new(&octets);
            while let Ok(tlv) = reader.next_tlv() {
                proptest::prop_assert!(time(&tlv).is_err() || tlv.raw.len() <= 17);
                proptest::prop_assert!(oid_text(tlv.content).is_ascii());
                proptest::prop_assert!(elements(tlv.content).is_ok_and(|e| e.len() <= octets.len()) || !tlv.content.is_empty());
            }
        }
    }
}
