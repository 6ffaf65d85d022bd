//! What can be done with each type: names, parameters, results.

use super::types::Type;

/// A function of a value, written after a dot.
#[derive(Debug, PartialEq)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) of: Type,
    pub(super) parameters: &'static [Parameter],
    pub(super) gives: Gives,
    pub(super) op: Op,
}

/// The type of a function's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Is(Type),
    /// That of the value.
    Same,
}

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Text,
    Number,
    TextOrNumber,
    Ip,
    Subnet,
    Method,
    Char,
    Pattern,
    Patset,
    HeaderName,
    /// A number that is written out.
    Size,
    Word(&'static [&'static str]),
}

/// What a function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    After,
    Append,
    Before,
    Between,
    Contains,
    ContainsAny,
    Count,
    Day,
    DaysToExpire,
    Decode,
    Domain,
    EndsWith,
    EndsWithAny,
    Eq,
    EqualsAny,
    Exists,
    Fingerprint,
    Ge,
    Get,
    GetByte(u8),
    Gt,
    HeaderContains,
    HeaderCount,
    HeaderExists,
    HeaderInstance,
    HeaderSafe,
    Hours,
    InSubnet,
    IsIpv6,
    IsName,
    Issuer,
    Le,
    Length,
    Lt,
    Major,
    MethodEq,
    MethodNe,
    Minor,
    Minutes,
    Month,
    Name,
    Ne,
    Not,
    NotAfter,
    NotBefore,
    NumberBetween,
    NumberEq,
    NumberNe,
    Path,
    PathAndQuery,
    Port,
    Protocol,
    Query,
    RegexMatch,
    RegexSelect,
    Seconds,
    SerialNumber,
    Server,
    SetTextMode,
    Skip,
    StartsWith,
    StartsWithAny,
    StripBoth,
    StripEnd,
    StripStart,
    Subject,
    Subnet,
    Substr,
    Suffix,
    ToIp,
    ToList,
    ToLower,
    ToNumber,
    ToNumberAt,
    ToPairs,
    ToText,
    ToType,
    ToUpper,
    Truncate,
    UrlHost,
    UrlSafe,
    Value,
    Weekday,
    XmlSafe,
    Year,
}

const TEXT_MODES: &[&str] = &["IGNORECASE", "NOIGNORECASE", "URLENCODED", "NOURLENCODED"];

const fn plain(of: Type, name: &'static str, gives: Type, op: Op) -> Function {
    with(of, name, &[], gives, op)
}

const fn with(
    of: Type,
    name: &'static str,
    parameters: &'static [Parameter],
    gives: Type,
    op: Op,
) -> Function {
    Function {
        name,
        of,
        parameters,
        gives: Gives::Is(gives),
        op,
    }
}

const fn test(name: &'static str, op: Op) -> Function {
    with(Type::Text, name, &[Text], Type::Boolean, op)
}

const fn test_any(name: &'static str, op: Op) -> Function {
    with(Type::Text, name, &[Parameter::Patset], Type::Boolean, op)
}

const fn compare(name: &'static str, op: Op) -> Function {
    with(Type::Number, name, &[Number], Type::Boolean, op)
}

use Parameter::{Char, Ip, Method, Number, Pattern, Text, TextOrNumber};

/// All of them; those of a special type stand before those of text and number in general.
pub(super) static FUNCTIONS: &[Function] = &[
    // A URL.
    plain(Type::Url, "PATH", Type::List, Op::Path),
    plain(Type::Url, "PATH_AND_QUERY", Type::Text, Op::PathAndQuery),
    plain(Type::Url, "QUERY", Type::Pairs, Op::Query),
    plain(Type::Url, "SUFFIX", Type::Text, Op::Suffix),
    plain(Type::Url, "HOSTNAME", Type::Hostname, Op::UrlHost),
    plain(Type::Url, "SERVER", Type::Hostname, Op::Server),
    plain(Type::Url, "DOMAIN", Type::Hostname, Op::Domain),
    plain(Type::Url, "PORT", Type::Number, Op::Port),
    plain(Type::Url, "PROTOCOL", Type::Text, Op::Protocol),
    // A host name.
    plain(Type::Hostname, "SERVER", Type::Hostname, Op::Server),
    plain(Type::Hostname, "DOMAIN", Type::Hostname, Op::Domain),
    plain(Type::Hostname, "PORT", Type::Number, Op::Port),
    // A header.
    plain(Type::Header, "EXISTS", Type::Boolean, Op::HeaderExists),
    plain(Type::Header, "COUNT", Type::Number, Op::HeaderCount),
    with(
        Type::Header,
        "VALUE",
        &[Number],
        Type::Text,
        Op::HeaderInstance,
    ),
    with(
        Type::Header,
        "INSTANCE",
        &[Number],
        Type::Text,
        Op::HeaderInstance,
    ),
    with(
        Type::Header,
        "CONTAINS",
        &[Text],
        Type::Boolean,
        Op::HeaderContains,
    ),
    // Names and values.
    with(Type::Pairs, "VALUE", &[TextOrNumber], Type::Text, Op::Value),
    with(Type::Pairs, "NAME", &[Number], Type::Text, Op::Name),
    with(Type::Pairs, "IS_NAME", &[Text], Type::Boolean, Op::IsName),
    plain(Type::Pairs, "COUNT", Type::Number, Op::Count),
    plain(Type::Pairs, "EXISTS", Type::Boolean, Op::Exists),
    // A list.
    with(Type::List, "GET", &[Number], Type::Text, Op::Get),
    plain(Type::List, "COUNT", Type::Number, Op::Count),
    // A version, a method.
    plain(Type::Version, "MAJOR", Type::Number, Op::Major),
    plain(Type::Version, "MINOR", Type::Number, Op::Minor),
    with(Type::Method, "EQ", &[Method], Type::Boolean, Op::MethodEq),
    with(Type::Method, "NE", &[Method], Type::Boolean, Op::MethodNe),
    // A certificate.
    plain(Type::Certificate, "EXISTS", Type::Boolean, Op::Exists),
    plain(Type::Certificate, "SUBJECT", Type::Pairs, Op::Subject),
    plain(Type::Certificate, "ISSUER", Type::Pairs, Op::Issuer),
    plain(
        Type::Certificate,
        "SERIALNUMBER",
        Type::Text,
        Op::SerialNumber,
    ),
    plain(
        Type::Certificate,
        "FINGERPRINT",
        Type::Text,
        Op::Fingerprint,
    ),
    plain(
        Type::Certificate,
        "VALID_NOT_BEFORE",
        Type::Time,
        Op::NotBefore,
    ),
    plain(
        Type::Certificate,
        "VALID_NOT_AFTER",
        Type::Time,
        Op::NotAfter,
    ),
    plain(
        Type::Certificate,
        "DAYS_TO_EXPIRE",
        Type::Number,
        Op::DaysToExpire,
    ),
    // A time.
    plain(Type::Time, "YEAR", Type::Number, Op::Year),
    plain(Type::Time, "MONTH", Type::Number, Op::Month),
    plain(Type::Time, "DAY", Type::Number, Op::Day),
    plain(Type::Time, "WEEKDAY", Type::Number, Op::Weekday),
    plain(Type::Time, "HOURS", Type::Number, Op::Hours),
    plain(Type::Time, "MINUTES", Type::Number, Op::Minutes),
    plain(Type::Time, "SECONDS", Type::Number, Op::Seconds),
    // Any text.
    test("EQ", Op::Eq),
    test("NE", Op::Ne),
    test("STARTSWITH", Op::StartsWith),
    test("ENDSWITH", Op::EndsWith),
    test("CONTAINS", Op::Contains),
    test_any("EQUALS_ANY", Op::EqualsAny),
    test_any("STARTSWITH_ANY", Op::StartsWithAny),
    test_any("ENDSWITH_ANY", Op::EndsWithAny),
    test_any("CONTAINS_ANY", Op::ContainsAny),
    with(
        Type::Text,
        "REGEX_MATCH",
        &[Pattern],
        Type::Boolean,
        Op::RegexMatch,
    ),
    with(
        Type::Text,
        "REGEX_SELECT",
        &[Pattern],
        Type::Text,
        Op::RegexSelect,
    ),
    plain(Type::Text, "LENGTH", Type::Number, Op::Length),
    Function {
        gives: Gives::Same,
        ..with(
            Type::Text,
            "SET_TEXT_MODE",
            &[Parameter::Word(TEXT_MODES)],
            Type::Text,
            Op::SetTextMode,
        )
    },
    plain(Type::Text, "DECODE_USING_TEXT_MODE", Type::Text, Op::Decode),
    plain(Type::Text, "TO_LOWER", Type::Text, Op::ToLower),
    plain(Type::Text, "TO_UPPER", Type::Text, Op::ToUpper),
    with(Type::Text, "AFTER_STR", &[Text], Type::Text, Op::After),
    with(Type::Text, "BEFORE_STR", &[Text], Type::Text, Op::Before),
    with(
        Type::Text,
        "BETWEEN",
        &[Text, Text],
        Type::Text,
        Op::Between,
    ),
    with(
        Type::Text,
        "SUBSTR",
        &[Number, Number],
        Type::Text,
        Op::Substr,
    ),
    with(Type::Text, "SKIP", &[Number], Type::Text, Op::Skip),
    with(Type::Text, "TRUNCATE", &[Number], Type::Text, Op::Truncate),
    with(Type::Text, "APPEND", &[Text], Type::Text, Op::Append),
    with(
        Type::Text,
        "STRIP_CHARS",
        &[Text],
        Type::Text,
        Op::StripBoth,
    ),
    with(
        Type::Text,
        "STRIP_START_CHARS",
        &[Text],
        Type::Text,
        Op::StripStart,
    ),
    with(
        Type::Text,
        "STRIP_END_CHARS",
        &[Text],
        Type::Text,
        Op::StripEnd,
    ),
    plain(Type::Text, "HTTP_URL_SAFE", Type::Text, Op::UrlSafe),
    plain(Type::Text, "HTTP_HEADER_SAFE", Type::Text, Op::HeaderSafe),
    plain(Type::Text, "HTML_XML_SAFE", Type::Text, Op::XmlSafe),
    plain(Type::Text, "TYPECAST_NUM_AT", Type::Number, Op::ToNumberAt),
    with(
        Type::Text,
        "TYPECAST_NUM_T",
        &[Parameter::Word(&["DECIMAL", "HEX"])],
        Type::Number,
        Op::ToNumber,
    ),
    plain(Type::Text, "TYPECAST_IP_ADDRESS_AT", Type::Ip, Op::ToIp),
    with(
        Type::Text,
        "TYPECAST_LIST_T",
        &[Char],
        Type::List,
        Op::ToList,
    ),
    with(
        Type::Text,
        "TYPECAST_NVLIST_T",
        &[Char, Char],
        Type::Pairs,
        Op::ToPairs,
    ),
    plain(Type::Text, "TYPECAST_HTTP_URL_T", Type::Url, Op::ToType),
    plain(
        Type::Text,
        "TYPECAST_HTTP_HOSTNAME_T",
        Type::Hostname,
        Op::ToType,
    ),
    plain(Type::Text, "TYPECAST_TEXT_T", Type::Text, Op::ToText),
    // Any number.
    compare("EQ", Op::NumberEq),
    compare("NE", Op::NumberNe),
    compare("GT", Op::Gt),
    compare("GE", Op::Ge),
    compare("LT", Op::Lt),
    compare("LE", Op::Le),
    with(
        Type::Number,
        "BETWEEN",
        &[Number, Number],
        Type::Boolean,
        Op::NumberBetween,
    ),
    plain(Type::Number, "TYPECAST_TEXT_T", Type::Text, Op::ToText),
    // True or false.
    plain(Type::Boolean, "NOT", Type::Boolean, Op::Not),
    plain(Type::Boolean, "TYPECAST_TEXT_T", Type::Text, Op::ToText),
    // An address.
    with(Type::Ip, "EQ", &[Ip], Type::Boolean, Op::NumberEq),
    with(Type::Ip, "NE", &[Ip], Type::Boolean, Op::NumberNe),
    with(
        Type::Ip,
        "IN_SUBNET",
        &[Parameter::Subnet],
        Type::Boolean,
        Op::InSubnet,
    ),
    with(Type::Ip, "SUBNET", &[Number], Type::Ip, Op::Subnet),
    plain(Type::Ip, "GET1", Type::Number, Op::GetByte(0)),
    plain(Type::Ip, "GET2", Type::Number, Op::GetByte(1)),
    plain(Type::Ip, "GET3", Type::Number, Op::GetByte(2)),
    plain(Type::Ip, "GET4", Type::Number, Op::GetByte(3)),
    plain(Type::Ip, "IS_IPV6", Type::Boolean, Op::IsIpv6),
    plain(Type::Ip, "TYPECAST_TEXT_T", Type::Text, Op::ToText),
];

/// The function of that name for a value of the type; any case.
pub(super) fn function(of: Type, name: &str) -> Option<&'static Function> {
    FUNCTIONS
        .iter()
        .find(|function| of.fits(function.of) && function.name.eq_ignore_ascii_case(name))
}

/// What there is for a type, for messages: its own functions, or those in general.
pub(super) fn known(of: Type) -> impl Iterator<Item = &'static str> {
    FUNCTIONS
        .iter()
        .filter(move |function| of.fits(function.of))
        .map(|function| function.name)
}
