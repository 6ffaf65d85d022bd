//! The types of expressions.

use std::fmt;

/// The type of an expression's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Bytes.
    Text,
    /// A URL: text with parts.
    Url,
    /// A host name with an optional port: text whose case does not count.
    Hostname,
    /// A header field: text, and how often it is there.
    Header,
    /// Names and values in a text, such as a query or cookies.
    Pairs,
    /// Elements in a text, such as the segments of a path.
    List,
    /// A protocol version: text with a major and a minor number.
    Version,
    /// A request method, compared with an enumeration.
    Method,
    /// A certificate.
    Certificate,
    /// A point in time: a number of seconds with parts.
    Time,
    /// A number of 64 bits with sign.
    Number,
    /// True or false.
    Boolean,
    /// An IPv4 or IPv6 address.
    Ip,
}

impl Type {
    /// Whether everything that is done with text can be done with it.
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text
                | Self::Url
                | Self::Hostname
                | Self::Header
                | Self::Pairs
                | Self::List
                | Self::Version
                | Self::Method
        )
    }

    /// Whether it can be calculated with.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Time)
    }

    /// Whether it can be written out as text.
    pub const fn is_printable(self) -> bool {
        !matches!(self, Self::Certificate)
    }

    /// Whether a value of this type can stand where the other type is asked for.
    pub(super) const fn fits(self, wanted: Self) -> bool {
        match wanted {
            Self::Text => self.is_text(),
            Self::Number => self.is_number(),
            other => self as u8 == other as u8,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Url => "a URL",
            Self::Hostname => "a host name",
            Self::Header => "a header",
            Self::Pairs => "names and values",
            Self::List => "a list",
            Self::Version => "a version",
            Self::Method => "a method",
            Self::Certificate => "a certificate",
            Self::Time => "a time",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Ip => "an IP address",
        })
    }
}
