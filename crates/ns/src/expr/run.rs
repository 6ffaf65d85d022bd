//! What each function does with a value.

use std::borrow::Cow;
use std::net::IpAddr;

use super::error::Undef;
use super::eval::{Evaluation, Value};
use super::functions::Op;
use super::request::{ClientCertificate, Patset, Request};
use super::syntax::{Argument, Call, masked};
use super::text::{self, Shape, Text};
use super::types::Type;
use super::{time, url};

impl<'a, R: Request + ?Sized> Evaluation<'a, R> {
    pub(super) fn call(self, value: Value<'a>, call: &'a Call) -> Result<Value<'a>, Undef> {
        let op = call.function.op;
        match (op, value) {
            (Op::ToText, value) => Ok(Value::Text(Text::new(value.written()?))),
            (_, Value::Text(text)) => self.of_text(text, call),
            (_, Value::Number(number)) => self.of_number(number, call),
            (Op::Not, Value::Boolean(truth)) => Ok(Value::Boolean(!truth)),
            (_, Value::Boolean(_)) => Err(Undef),
            (_, Value::Ip(ip)) => self.of_ip(ip, call),
            (_, Value::Certificate(certificate)) => self.of_certificate(op, certificate),
        }
    }

    fn of_text(self, text: Text<'a>, call: &'a Call) -> Result<Value<'a>, Undef> {
        let op = call.function.op;
        match op {
            Op::Eq
            | Op::Ne
            | Op::StartsWith
            | Op::EndsWith
            | Op::Contains
            | Op::MethodEq
            | Op::MethodNe
            | Op::HeaderContains
            | Op::RegexMatch
            | Op::EqualsAny
            | Op::StartsWithAny
            | Op::EndsWithAny
            | Op::ContainsAny
            | Op::Exists
            | Op::IsName
            | Op::HeaderExists => self.tested(&text, call).map(Value::Boolean),
            Op::Length
            | Op::Count
            | Op::HeaderCount
            | Op::Port
            | Op::Major
            | Op::Minor
            | Op::ToNumber
            | Op::ToNumberAt => self.counted(&text, call).map(Value::Number),
            Op::ToIp => {
                let ip = std::str::from_utf8(&text.bytes).ok();
                let ip = ip.and_then(|ip| ip.trim_ascii().parse().ok());
                ip.map(Value::Ip).ok_or(Undef)
            }
            Op::Path
            | Op::PathAndQuery
            | Op::Query
            | Op::Suffix
            | Op::UrlHost
            | Op::Server
            | Op::Domain
            | Op::Protocol => self.url_part(text, op).map(Value::Text),
            Op::HeaderInstance | Op::Value | Op::Name | Op::Get => {
                self.element(text, call).map(Value::Text)
            }
            Op::SetTextMode | Op::ToList | Op::ToPairs | Op::ToType => {
                self.cast(text, call).map(Value::Text)
            }
            _ => self.changed(text, call).map(Value::Text),
        }
    }

    fn tested(self, text: &Text<'a>, call: &'a Call) -> Result<bool, Undef> {
        let first = call.arguments.first();
        let needle = first.and_then(Argument::needle);
        Ok(match (call.function.op, first) {
            (Op::Exists, _) => !text.bytes.is_empty(),
            (Op::HeaderExists, _) => match text.shape {
                Shape::Header(name) => self.request.header_count(name) > 0,
                _ => return Err(Undef),
            },
            (Op::MethodEq, Some(Argument::Method(name))) => *text.bytes == *name.as_bytes(),
            (Op::MethodNe, Some(Argument::Method(name))) => *text.bytes != *name.as_bytes(),
            (Op::RegexMatch, Some(Argument::Pattern(pattern))) => {
                let regex = match text.mode.ignore_case {
                    true => &pattern.ignoring_case,
                    false => &pattern.regex,
                };
                regex.is_match(&text.bytes)
            }
            (op, Some(Argument::Patset(name))) => {
                any_of(text, self.request.patset(name).ok_or(Undef)?, op)
            }
            (Op::HeaderContains, _) => self.header_contains(text, call)?,
            (Op::Contains, _) if let Some(needle) = needle => text.find(needle).is_some(),
            (op, Some(Argument::Node(node))) => {
                let other = self.written(node)?;
                match op {
                    Op::Eq => text.equals(&other),
                    Op::Ne => !text.equals(&other),
                    Op::StartsWith => text.starts_with(&other),
                    Op::EndsWith => text.ends_with(&other),
                    Op::Contains => text.find_bytes(&other).is_some(),
                    Op::IsName => pair(text, &other).is_some(),
                    _ => return Err(Undef),
                }
            }
            _ => return Err(Undef),
        })
    }

    /// In any field of that name.
    fn header_contains(self, text: &Text<'a>, call: &'a Call) -> Result<bool, Undef> {
        let (Shape::Header(name), Some(Argument::Node(node))) =
            (text.shape, call.arguments.first())
        else {
            return Err(Undef);
        };
        let wanted = self.written(node)?;
        let needle = call.arguments.first().and_then(Argument::needle);
        let count = self.request.header_count(name);
        let mut fields = (0..count).filter_map(|at| self.request.header(name, at));
        Ok(fields.any(|field| {
            let field = Text {
                bytes: field.into(),
                ..text.clone()
            };
            match needle {
                Some(needle) => field.find(needle).is_some(),
                None => field.find_bytes(&wanted).is_some(),
            }
        }))
    }

    fn counted(self, text: &Text<'a>, call: &'a Call) -> Result<i64, Undef> {
        let size = |size: usize| i64::try_from(size).map_err(|_| Undef);
        let (major, minor) = self.request.version();
        match (call.function.op, call.arguments.first()) {
            (Op::Length, _) => size(text.bytes.len()),
            (Op::Count, _) => match text.shape {
                Shape::List(delimiter)
                | Shape::Pairs {
                    between: delimiter, ..
                } if !text.bytes.is_empty() => {
                    let delimiters = text.bytes.iter().filter(|byte| **byte == delimiter);
                    size(delimiters.count() + 1)
                }
                _ => Ok(0),
            },
            (Op::HeaderCount, _) => match text.shape {
                Shape::Header(name) => size(self.request.header_count(name)),
                _ => Err(Undef),
            },
            (Op::Major, _) => Ok(major.into()),
            (Op::Minor, _) => Ok(minor.into()),
            (Op::Port, _) => {
                let host = self.url_part(text.clone(), Op::UrlHost)?;
                let usual = if self.request.is_ssl() { 443 } else { 80 };
                Ok(url::port(&host.bytes).unwrap_or(usual))
            }
            (Op::ToNumber, Some(Argument::Word("HEX"))) => {
                text::number(&text.bytes, 16).ok_or(Undef)
            }
            (Op::ToNumber, _) => text::number(&text.bytes, 10).ok_or(Undef),
            (Op::ToNumberAt, _) => text::first_number(&text.bytes).ok_or(Undef),
            _ => Err(Undef),
        }
    }

    fn url_part(self, text: Text<'a>, op: Op) -> Result<Text<'a>, Undef> {
        let parts = match text.shape {
            Shape::Hostname(_) => return host_part(text, op),
            _ => url::parts(&text.bytes),
        };
        let length = text.bytes.len();
        Ok(match op {
            Op::Path => text
                .part(parts.host.1, parts.path_end)
                .shaped(Shape::List(b'/')),
            Op::PathAndQuery => text.part(parts.host.1, length),
            Op::Query => {
                let is_query = text.bytes.get(parts.path_end) == Some(&b'?');
                let start = if is_query { parts.path_end + 1 } else { length };
                text.part(start, length).shaped(Shape::Pairs {
                    between: b'&',
                    after_name: b'=',
                })
            }
            Op::Suffix => {
                let (start, end) = url::suffix(&text.bytes, parts);
                text.part(start, end)
            }
            Op::Protocol if parts.scheme > 0 => text.part(0, parts.scheme),
            Op::Protocol => Text::new(match self.request.is_ssl() {
                true => &b"https"[..],
                false => &b"http"[..],
            }),
            _ => {
                let is_request = text.shape == (Shape::Url { is_request: true });
                let host = match is_request && parts.scheme == 0 {
                    true => Text::new(self.request.host()),
                    false => text.part(parts.host.0, parts.host.1),
                };
                return host_part(self.hostname(host.bytes), op);
            }
        })
    }

    fn element(self, text: Text<'a>, call: &'a Call) -> Result<Text<'a>, Undef> {
        let Some(Argument::Node(node)) = call.arguments.first() else {
            return Err(Undef);
        };
        let key = self.value(node)?;
        match (call.function.op, text.shape, key) {
            (Op::HeaderInstance, Shape::Header(name), Value::Number(index)) => {
                let index = usize::try_from(index).map_err(|_| Undef)?;
                let field = self.request.header(name, index).ok_or(Undef)?;
                text.with(Cow::Borrowed(field))
            }
            (Op::Get, Shape::List(delimiter), Value::Number(index)) => {
                let index = usize::try_from(index).map_err(|_| Undef)?;
                let (start, end) = text.element(delimiter, index).ok_or(Undef)?;
                Ok(text.part(start, end))
            }
            (Op::Value, Shape::Pairs { .. }, Value::Text(name)) => {
                let (_, (start, end)) = pair(&text, &name.bytes).unwrap_or_default();
                Ok(text.part(start, end))
            }
            (op, Shape::Pairs { between, .. }, Value::Number(index)) => {
                let index = usize::try_from(index).map_err(|_| Undef)?;
                let place = text.element(between, index).ok_or(Undef)?;
                let (name, value) = split_pair(&text, place);
                let (start, end) = if op == Op::Name { name } else { value };
                Ok(text.part(start, end))
            }
            _ => Err(Undef),
        }
    }

    fn cast(self, text: Text<'a>, call: &'a Call) -> Result<Text<'a>, Undef> {
        let mut text = text;
        match (call.function.op, call.arguments.as_slice()) {
            (Op::SetTextMode, [Argument::Word(word)]) => match *word {
                "IGNORECASE" => text.mode.ignore_case = true,
                "NOIGNORECASE" => text.mode.ignore_case = false,
                "URLENCODED" => text.mode.url_encoded = true,
                _ => text.mode.url_encoded = false,
            },
            (Op::ToList, [Argument::Char(delimiter)]) => text.shape = Shape::List(*delimiter),
            (Op::ToPairs, [Argument::Char(after_name), Argument::Char(between)]) => {
                text.shape = Shape::Pairs {
                    between: *between,
                    after_name: *after_name,
                };
            }
            (Op::ToType, _)
                if call.function.gives == super::functions::Gives::Is(Type::Hostname) =>
            {
                text = self.hostname(text.bytes);
            }
            (Op::ToType, _) => text.shape = Shape::Url { is_request: false },
            _ => return Err(Undef),
        }
        Ok(text)
    }

    fn changed(self, text: Text<'a>, call: &'a Call) -> Result<Text<'a>, Undef> {
        let length = text.bytes.len();
        let number = |at: usize| match call.arguments.get(at) {
            Some(Argument::Node(node)) => usize::try_from(self.number(node)?).map_err(|_| Undef),
            _ => Err(Undef),
        };
        let other = |at: usize| match call.arguments.get(at) {
            Some(Argument::Node(node)) => self.written(node),
            _ => Err(Undef),
        };
        let bytes = &text.bytes;
        match call.function.op {
            Op::ToLower => text.with(bytes.to_ascii_lowercase().into()),
            Op::ToUpper => text.with(bytes.to_ascii_uppercase().into()),
            Op::UrlSafe => text.with(text::url_safe(bytes).into()),
            Op::HeaderSafe => text.with(text::header_safe(bytes).into()),
            Op::XmlSafe => text.with(text::xml_safe(bytes).into()),
            Op::Decode if text.mode.url_encoded => text.with(text::url_decoded(bytes).into()),
            Op::Decode => Ok(text),
            Op::Append => text.with([&**bytes, &*other(0)?].concat().into()),
            Op::Skip => Ok(text.part(number(0)?, length)),
            Op::Truncate => Ok(text.part(0, length.saturating_sub(number(0)?))),
            Op::Substr => {
                let (start, count) = (number(0)?, number(1)?);
                Ok(text.part(start, start.saturating_add(count)))
            }
            Op::After => {
                let wanted = other(0)?;
                let found = text.find_bytes(&wanted);
                Ok(text.part(found.map_or(length, |at| at + wanted.len()), length))
            }
            Op::Before => {
                let found = text.find_bytes(&other(0)?);
                Ok(text.part(0, found.unwrap_or(0)))
            }
            Op::Between => {
                let (left, right) = (other(0)?, other(1)?);
                let start = text.find_bytes(&left).map_or(length, |at| at + left.len());
                let rest = text.part(start, length);
                let end = rest.find_bytes(&right).unwrap_or(0);
                Ok(rest.part(0, end))
            }
            op @ (Op::StripStart | Op::StripEnd | Op::StripBoth) => {
                let chars = other(0)?;
                let kept = |byte: &u8| !chars.contains(byte);
                let start = bytes.iter().position(kept).unwrap_or(length);
                let end = bytes.iter().rposition(kept).map_or(0, |at| at + 1);
                Ok(match op {
                    Op::StripStart => text.part(start, length),
                    Op::StripEnd => text.part(0, end),
                    _ => text.part(start, end),
                })
            }
            Op::RegexSelect => {
                let Some(Argument::Pattern(pattern)) = call.arguments.first() else {
                    return Err(Undef);
                };
                let regex = match text.mode.ignore_case {
                    true => &pattern.ignoring_case,
                    false => &pattern.regex,
                };
                let found = regex.find(bytes).map(|found| (found.start(), found.end()));
                let (start, end) = found.unwrap_or_default();
                Ok(text.part(start, end))
            }
            _ => Err(Undef),
        }
    }

    fn of_number(self, number: i64, call: &'a Call) -> Result<Value<'a>, Undef> {
        let other = |at: usize| match call.arguments.get(at) {
            Some(Argument::Node(node)) => self.number(node),
            _ => Err(Undef),
        };
        Ok(match call.function.op {
            Op::NumberEq => Value::Boolean(number == other(0)?),
            Op::NumberNe => Value::Boolean(number != other(0)?),
            Op::Gt => Value::Boolean(number > other(0)?),
            Op::Ge => Value::Boolean(number >= other(0)?),
            Op::Lt => Value::Boolean(number < other(0)?),
            Op::Le => Value::Boolean(number <= other(0)?),
            Op::NumberBetween => Value::Boolean((other(0)?..=other(1)?).contains(&number)),
            op => Value::Number(time_part(number, op)?),
        })
    }

    fn of_ip(self, ip: IpAddr, call: &'a Call) -> Result<Value<'a>, Undef> {
        Ok(match (call.function.op, call.arguments.first()) {
            (op @ (Op::NumberEq | Op::NumberNe), Some(Argument::Node(node))) => {
                match self.value(node)? {
                    Value::Ip(other) => Value::Boolean((ip == other) == (op == Op::NumberEq)),
                    _ => return Err(Undef),
                }
            }
            (Op::InSubnet, Some(Argument::Subnet(subnet))) => Value::Boolean(subnet.contains(ip)),
            (Op::Subnet, Some(Argument::Node(node))) => {
                let bits = u8::try_from(self.number(node)?).map_err(|_| Undef)?;
                Value::Ip(masked(ip, bits).ok_or(Undef)?)
            }
            (Op::GetByte(index), _) => match ip {
                IpAddr::V4(ip) => {
                    let byte = ip.octets().get(usize::from(index)).copied();
                    Value::Number(byte.ok_or(Undef)?.into())
                }
                IpAddr::V6(_) => return Err(Undef),
            },
            (Op::IsIpv6, _) => Value::Boolean(ip.is_ipv6()),
            _ => return Err(Undef),
        })
    }

    fn of_certificate(
        self,
        op: Op,
        certificate: Option<&'a ClientCertificate>,
    ) -> Result<Value<'a>, Undef> {
        if op == Op::Exists {
            return Ok(Value::Boolean(certificate.is_some()));
        }
        let certificate = certificate.ok_or(Undef)?;
        let name = |name: &'a str| {
            Value::Text(Text::new(name.as_bytes()).shaped(Shape::Pairs {
                between: b'/',
                after_name: b'=',
            }))
        };
        Ok(match op {
            Op::Subject => name(&certificate.subject),
            Op::Issuer => name(&certificate.issuer),
            Op::SerialNumber => Value::Text(Text::new(certificate.serial.as_bytes())),
            Op::Fingerprint => Value::Text(Text::new(certificate.fingerprint.as_bytes())),
            Op::NotBefore => Value::Number(certificate.not_before),
            Op::NotAfter => Value::Number(certificate.not_after),
            Op::DaysToExpire => {
                let left = certificate.not_after.checked_sub(self.request.now());
                Value::Number(left.ok_or(Undef)?.div_euclid(86_400))
            }
            _ => return Err(Undef),
        })
    }
}

fn any_of(text: &Text<'_>, patset: &Patset, op: Op) -> bool {
    let ignore_case = text.mode.ignore_case;
    if op == Op::ContainsAny && ignore_case {
        let lower = text.bytes.to_ascii_lowercase();
        return patset
            .iter(true)
            .any(|pattern| memchr::memmem::find(&lower, pattern).is_some());
    }
    patset.iter(ignore_case).any(|pattern| match op {
        Op::EqualsAny => text.equals(pattern),
        Op::StartsWithAny => text.starts_with(pattern),
        Op::EndsWithAny => text.ends_with(pattern),
        _ => text.find_bytes(pattern).is_some(),
    })
}

/// The host itself, or a part of it; `text` is a host name.
fn host_part(text: Text<'_>, op: Op) -> Result<Text<'_>, Undef> {
    let server = url::server_length(&text.bytes);
    let (mode, shape) = (text.mode, text.shape);
    let mut part = match op {
        Op::Server => text.part(0, server),
        Op::Domain => {
            let name = text.bytes.get(..server).unwrap_or_default();
            let start = url::domain_start(name).ok_or(Undef)?;
            text.part(start, server)
        }
        _ => text,
    };
    part.mode = mode;
    Ok(part.shaped(shape))
}

/// Start and end.
type Place = (usize, usize);

/// The first pair of that name; names of another case count where the text ignores case.
fn pair(text: &Text<'_>, name: &[u8]) -> Option<(Place, Place)> {
    let Shape::Pairs { between, .. } = text.shape else {
        return None;
    };
    let mut start = 0;
    for part in text.bytes.split(|byte| *byte == between) {
        let (key, value) = split_pair(text, (start, start + part.len()));
        let bytes = text.bytes.get(key.0..key.1).unwrap_or_default();
        let is_same = match text.mode.ignore_case {
            true => bytes.eq_ignore_ascii_case(name),
            false => bytes == name,
        };
        if is_same {
            return Some((key, value));
        }
        start += part.len() + 1;
    }
    None
}

/// Name and value of a pair, without the blanks around them.
fn split_pair(text: &Text<'_>, (start, end): Place) -> (Place, Place) {
    let Shape::Pairs { after_name, .. } = text.shape else {
        return ((start, end), (end, end));
    };
    let all = text.bytes.get(start..end).unwrap_or_default();
    let split = all.iter().position(|byte| *byte == after_name);
    let name_end = start + split.unwrap_or(all.len());
    let value_start = (name_end + 1).min(end);
    let trimmed = |(start, end): Place| {
        let bytes = text.bytes.get(start..end).unwrap_or_default();
        let left = bytes.len() - bytes.trim_ascii_start().len();
        (start + left, start + left + bytes.trim_ascii().len())
    };
    (trimmed((start, name_end)), trimmed((value_start, end)))
}

fn time_part(seconds: i64, op: Op) -> Result<i64, Undef> {
    let time = time::civil(seconds)?;
    Ok(match op {
        Op::Year => time.year().into(),
        Op::Month => time.month().into(),
        Op::Day => time.day().into(),
        Op::Hours => time.hour().into(),
        Op::Minutes => time.minute().into(),
        Op::Seconds => time.second().into(),
        Op::Weekday => time.weekday().to_sunday_zero_offset().into(),
        _ => return Err(Undef),
    })
}
