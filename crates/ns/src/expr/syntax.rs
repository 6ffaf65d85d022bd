//! The tree an expression is parsed to: typed, compiled, flat where sources are long.

use std::net::IpAddr;

use memchr::memmem::Finder;
use regex::bytes::Regex;

use super::functions::Function;
use super::sources::Source;
use super::types::Type;

/// An expression or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(Box<Needle>),
    Number(i64),
    Boolean(bool),
    Ip(IpAddr),
    /// A source or another node, and what is done with it, one after the other.
    Chain(Box<Chain>),
    Not(Box<Self>),
    Negate(Box<Self>),
    /// The first that has a value.
    Alt(Vec<Self>),
    Any(Vec<Self>),
    All(Vec<Self>),
    Compare(Box<Self>, Comparison, Box<Self>),
    Concat(Vec<Self>),
    /// The first is always added.
    Sum(Vec<(Sign, Self)>),
    /// The first is always multiplied.
    Product(Vec<(Factor, Self)>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chain {
    pub(super) root: Root,
    pub(super) calls: Vec<Call>,
    pub(super) kind: Type,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Root {
    Source(&'static Source, Vec<Argument>),
    Node(Node),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) arguments: Vec<Argument>,
}

/// What stands in a call's parentheses.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Node(Node),
    Subnet(Subnet),
    /// One of an enumeration.
    Word(&'static str),
    /// A method's name, in capitals.
    Method(Box<str>),
    Char(u8),
    Pattern(Pattern),
    /// A pattern set's name.
    Patset(Box<str>),
    /// A number known when parsing.
    Size(usize),
    /// A header's name.
    Name(Box<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    pub(super) fn of<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Factor {
    Times,
    Divided,
    Modulo,
}

/// A literal text, ready to be looked for with and without regard to case.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    finder: Finder<'static>,
    lower: Finder<'static>,
}

impl Needle {
    pub(super) fn boxed(bytes: &[u8]) -> Box<Self> {
        Box::new(Self {
            finder: Finder::new(bytes).into_owned(),
            lower: Finder::new(&bytes.to_ascii_lowercase()).into_owned(),
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.finder.needle()
    }

    pub(super) const fn exact(&self) -> &Finder<'static> {
        &self.finder
    }

    pub(super) const fn lower(&self) -> &Finder<'static> {
        &self.lower
    }
}

impl PartialEq for Needle {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

/// A regular expression, and how it was written.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    pub(super) ignoring_case: Regex,
    pub(super) delimiter: char,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str() && self.delimiter == other.delimiter
    }
}

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    pub(super) address: IpAddr,
    pub(super) bits: u8,
}

impl Subnet {
    pub(super) fn contains(self, ip: IpAddr) -> bool {
        matches!(
            (masked(self.address, self.bits), masked(ip, self.bits)),
            (Some(net), Some(masked)) if net == masked
        )
    }
}

/// The address with all but its first bits cleared; `None` when it has not so many.
pub(super) fn masked(ip: IpAddr, bits: u8) -> Option<IpAddr> {
    let bits = u32::from(bits);
    match ip {
        IpAddr::V4(ip) => {
            let cleared = 32_u32.checked_sub(bits)?;
            let mask = u32::MAX.checked_shl(cleared).unwrap_or(0);
            Some(IpAddr::V4((ip.to_bits() & mask).into()))
        }
        IpAddr::V6(ip) => {
            let cleared = 128_u32.checked_sub(bits)?;
            let mask = u128::MAX.checked_shl(cleared).unwrap_or(0);
            Some(IpAddr::V6((ip.to_bits() & mask).into()))
        }
    }
}

impl Node {
    pub(super) const fn kind(&self) -> Type {
        match self {
            Self::Text(_) | Self::Concat(_) => Type::Text,
            Self::Number(_) | Self::Negate(_) | Self::Sum(_) | Self::Product(_) => Type::Number,
            Self::Boolean(_)
            | Self::Not(_)
            | Self::Any(_)
            | Self::All(_)
            | Self::Compare(_, _, _) => Type::Boolean,
            Self::Ip(_) => Type::Ip,
            Self::Chain(chain) => chain.kind,
            // All of one kind; the first is always there.
            Self::Alt(nodes) => match nodes.as_slice() {
                [first, ..] => first.general_kind(),
                [] => Type::Text,
            },
        }
    }

    /// The kind without its special parts: what alternatives have in common.
    pub(super) const fn general_kind(&self) -> Type {
        match self.kind() {
            kind if kind.is_text() => Type::Text,
            kind if kind.is_number() => Type::Number,
            kind => kind,
        }
    }
}
