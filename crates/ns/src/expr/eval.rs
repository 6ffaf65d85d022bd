//! Evaluating a tree against a request.

use std::borrow::Cow;
use std::net::IpAddr;

use super::MAX_TEXT;
use super::error::Undef;
use super::request::{ClientCertificate, Request};
use super::sources::Part;
use super::syntax::{Argument, Chain, Comparison, Factor, Node, Root, Sign};
use super::text::{Shape, Text};

/// A value on its way.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(Text<'a>),
    Number(i64),
    Boolean(bool),
    Ip(IpAddr),
    Certificate(Option<&'a ClientCertificate>),
}

/// One evaluation.
pub(super) struct Evaluation<'a, R: Request + ?Sized> {
    pub(super) request: &'a R,
}

impl<R: Request + ?Sized> Clone for Evaluation<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Request + ?Sized> Copy for Evaluation<'_, R> {}

impl<'a, R: Request + ?Sized> Evaluation<'a, R> {
    pub(super) fn truth(self, node: &'a Node) -> Result<bool, Undef> {
        match node {
            Node::Boolean(truth) => Ok(*truth),
            Node::Not(inner) => Ok(!self.truth(inner)?),
            Node::All(nodes) => {
                for node in nodes {
                    if !self.truth(node)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Any(nodes) => {
                for node in nodes {
                    if self.truth(node)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Compare(left, comparison, right) => self.compare(left, *comparison, right),
            other => match self.value(other)? {
                Value::Boolean(truth) => Ok(truth),
                _ => Err(Undef),
            },
        }
    }

    pub(super) fn value(self, node: &'a Node) -> Result<Value<'a>, Undef> {
        match node {
            Node::Text(needle) => Ok(Value::Text(Text::new(needle.bytes()))),
            Node::Number(number) => Ok(Value::Number(*number)),
            Node::Ip(ip) => Ok(Value::Ip(*ip)),
            Node::Chain(chain) => self.chain(chain),
            Node::Negate(inner) => {
                let number = self.number(inner)?.checked_neg().ok_or(Undef)?;
                Ok(Value::Number(number))
            }
            Node::Alt(nodes) => nodes
                .iter()
                .map(|node| self.value(node))
                .find(Result::is_ok)
                .unwrap_or(Err(Undef)),
            Node::Concat(nodes) => self.concat(nodes),
            Node::Sum(nodes) => self.sum(nodes),
            Node::Product(nodes) => self.product(nodes),
            Node::Boolean(_)
            | Node::Not(_)
            | Node::Any(_)
            | Node::All(_)
            | Node::Compare(_, _, _) => self.truth(node).map(Value::Boolean),
        }
    }

    pub(super) fn number(self, node: &'a Node) -> Result<i64, Undef> {
        match self.value(node)? {
            Value::Number(number) => Ok(number),
            _ => Err(Undef),
        }
    }

    /// The value written out.
    pub(super) fn written(self, node: &'a Node) -> Result<Cow<'a, [u8]>, Undef> {
        self.value(node)?.written()
    }

    /// A host name of the request, or one that was cast.
    pub(super) fn hostname(self, bytes: impl Into<Cow<'a, [u8]>>) -> Text<'a> {
        let shape = Shape::Hostname(self.request.server().port());
        Text::new(bytes).shaped(shape).ignoring_case()
    }

    fn compare(self, left: &'a Node, by: Comparison, right: &'a Node) -> Result<bool, Undef> {
        match (self.value(left)?, self.value(right)?) {
            (Value::Number(a), Value::Number(b)) => Ok(by.of(&a, &b)),
            (Value::Boolean(a), Value::Boolean(b)) => Ok(by.of(&a, &b)),
            (Value::Ip(a), Value::Ip(b)) => Ok(by.of(&a, &b)),
            (Value::Text(a), Value::Text(b)) => {
                // Whichever side does not regard case decides.
                let alike = match b.mode.ignore_case {
                    true => b.equals(&a.bytes),
                    false => a.equals(&b.bytes),
                };
                Ok(alike == (by == Comparison::Eq))
            }
            _ => Err(Undef),
        }
    }

    fn concat(self, nodes: &'a [Node]) -> Result<Value<'a>, Undef> {
        let mut all = Vec::new();
        for node in nodes {
            all.extend_from_slice(&self.written(node)?);
            if all.len() > MAX_TEXT {
                return Err(Undef);
            }
        }
        Ok(Value::Text(Text::new(all)))
    }

    fn sum(self, nodes: &'a [(Sign, Node)]) -> Result<Value<'a>, Undef> {
        let mut total = 0_i64;
        for (sign, node) in nodes {
            let number = self.number(node)?;
            let sum = match sign {
                Sign::Plus => total.checked_add(number),
                Sign::Minus => total.checked_sub(number),
            };
            total = sum.ok_or(Undef)?;
        }
        Ok(Value::Number(total))
    }

    fn product(self, nodes: &'a [(Factor, Node)]) -> Result<Value<'a>, Undef> {
        let mut total = 1_i64;
        for (factor, node) in nodes {
            let number = self.number(node)?;
            let product = match factor {
                Factor::Times => total.checked_mul(number),
                Factor::Divided => total.checked_div(number),
                Factor::Modulo => total.checked_rem(number),
            };
            total = product.ok_or(Undef)?;
        }
        Ok(Value::Number(total))
    }

    fn chain(self, chain: &'a Chain) -> Result<Value<'a>, Undef> {
        let mut value = match &chain.root {
            Root::Source(source, arguments) => self.part(source.part, arguments)?,
            Root::Node(node) => self.value(node)?,
        };
        for call in &chain.calls {
            value = self.call(value, call)?;
        }
        Ok(value)
    }

    fn part(self, part: Part, arguments: &'a [Argument]) -> Result<Value<'a>, Undef> {
        let request = self.request;
        let text = |bytes: &'a [u8]| Text::new(bytes);
        Ok(match part {
            Part::Url => Value::Text(text(request.url()).shaped(Shape::Url { is_request: true })),
            Part::Hostname => Value::Text(self.hostname(request.host())),
            Part::ServerName => Value::Text(self.hostname(request.server_name().as_bytes())),
            Part::Method => Value::Text(text(request.method().as_bytes())),
            Part::Version => {
                let (major, minor) = request.version();
                Value::Text(Text::new(format!("HTTP/{major}.{minor}").into_bytes()))
            }
            Part::Header => {
                let Some(Argument::Name(name)) = arguments.first() else {
                    return Err(Undef);
                };
                let last = request.header(name, 0).unwrap_or_default();
                Value::Text(text(last).shaped(Shape::Header(name)))
            }
            Part::Cookie => Value::Text(cookies(request)),
            Part::Body => {
                let Some(Argument::Size(size)) = arguments.first() else {
                    return Err(Undef);
                };
                let body = request.body().ok_or(Undef)?;
                Value::Text(text(body.get(..*size).unwrap_or(body)))
            }
            Part::IsValid => Value::Boolean(true),
            Part::ContentLength => {
                let length = request.header("content-length", 0).unwrap_or(b"0");
                Value::Number(super::text::number(length, 10).ok_or(Undef)?)
            }
            Part::Source => Value::Ip(request.client().ip().to_canonical()),
            Part::Destination => Value::Ip(request.server().ip().to_canonical()),
            Part::SourcePort => Value::Number(request.client().port().into()),
            Part::DestinationPort => Value::Number(request.server().port().into()),
            Part::IsSsl => Value::Boolean(request.is_ssl()),
            Part::SslVersion => Value::Number(request.ssl_version().into()),
            Part::CipherName => Value::Text(text(request.cipher_name().as_bytes())),
            Part::Certificate => Value::Certificate(request.client_certificate()),
            Part::Now => Value::Number(request.now()),
        })
    }
}

impl<'a> Value<'a> {
    pub(super) fn written(self) -> Result<Cow<'a, [u8]>, Undef> {
        Ok(match self {
            Self::Text(text) => text.bytes,
            Self::Number(number) => number.to_string().into_bytes().into(),
            Self::Boolean(true) => b"TRUE".into(),
            Self::Boolean(false) => b"FALSE".into(),
            Self::Ip(ip) => ip.to_string().into_bytes().into(),
            Self::Certificate(_) => return Err(Undef),
        })
    }
}

/// HTTP/2 clients may send several fields (RFC 9113 §8.2.3).
fn cookies<R: Request + ?Sized>(request: &R) -> Text<'_> {
    let pairs = Shape::Pairs {
        between: b';',
        after_name: b'=',
    };
    let count = request.header_count("cookie");
    if count < 2 {
        return Text::new(request.header("cookie", 0).unwrap_or_default()).shaped(pairs);
    }
    let fields = (0..count).rev();
    let fields: Vec<_> = fields
        .filter_map(|at| request.header("cookie", at))
        .collect();
    Text::new(fields.join(&b"; "[..])).shaped(pairs)
}
