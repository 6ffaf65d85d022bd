//! Where expressions begin: the parts of a request that have names.

use super::functions::Parameter;
use super::types::Type;

/// One of them.
#[derive(Debug, PartialEq)]
pub(super) struct Source {
    /// Written with dots, in capitals.
    pub(super) path: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) gives: Type,
    pub(super) part: Part,
}

/// What it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Url,
    Hostname,
    Method,
    Version,
    Header,
    Cookie,
    Body,
    IsValid,
    ContentLength,
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    IsSsl,
    SslVersion,
    CipherName,
    ServerName,
    Certificate,
    Now,
}

const fn source(path: &'static str, gives: Type, part: Part) -> Source {
    Source {
        path,
        parameters: &[],
        gives,
        part,
    }
}

/// All of them. None is the beginning of another.
pub(super) static SOURCES: &[Source] = &[
    source("CLIENT.IP.DST", Type::Ip, Part::Destination),
    source("CLIENT.IP.SRC", Type::Ip, Part::Source),
    source("CLIENT.IPV6.DST", Type::Ip, Part::Destination),
    source("CLIENT.IPV6.SRC", Type::Ip, Part::Source),
    source("CLIENT.SSL.CIPHER_NAME", Type::Text, Part::CipherName),
    source(
        "CLIENT.SSL.CLIENT_CERT",
        Type::Certificate,
        Part::Certificate,
    ),
    source(
        "CLIENT.SSL.CLIENT_HELLO.SNI",
        Type::Hostname,
        Part::ServerName,
    ),
    source("CLIENT.SSL.IS_SSL", Type::Boolean, Part::IsSsl),
    source("CLIENT.SSL.SNI_HOSTNAME", Type::Hostname, Part::ServerName),
    source("CLIENT.SSL.VERSION", Type::Number, Part::SslVersion),
    source("CLIENT.TCP.DSTPORT", Type::Number, Part::DestinationPort),
    source("CLIENT.TCP.SRCPORT", Type::Number, Part::SourcePort),
    Source {
        parameters: &[Parameter::Size],
        ..source("HTTP.REQ.BODY", Type::Text, Part::Body)
    },
    source("HTTP.REQ.CONTENT_LENGTH", Type::Number, Part::ContentLength),
    source("HTTP.REQ.COOKIE", Type::Pairs, Part::Cookie),
    Source {
        parameters: &[Parameter::HeaderName],
        ..source("HTTP.REQ.HEADER", Type::Header, Part::Header)
    },
    source("HTTP.REQ.HOSTNAME", Type::Hostname, Part::Hostname),
    source("HTTP.REQ.IS_VALID", Type::Boolean, Part::IsValid),
    source("HTTP.REQ.METHOD", Type::Method, Part::Method),
    source("HTTP.REQ.URL", Type::Url, Part::Url),
    source("HTTP.REQ.VERSION", Type::Version, Part::Version),
    source("SYS.TIME", Type::Time, Part::Now),
];

/// The words that may follow a path, without repetition.
pub(super) fn following(path: &str) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = SOURCES
        .iter()
        .filter_map(|source| match path {
            "" => Some(source.path),
            _ => source.path.strip_prefix(path)?.strip_prefix('.'),
        })
        .map(|rest| rest.split('.').next().unwrap_or(rest))
        .collect();
    words.dedup();
    words
}
