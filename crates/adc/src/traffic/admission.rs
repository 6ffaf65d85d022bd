//! Which requests are let in, and what is taken from them: one explicit, strict function.
//!
//! hyper checks syntax; what RFC 9112 §3.2, §6 and §7 leave to a proxy is checked here: one Host that agrees with the
//! target, one unambiguous length, only the chunked coding, no smuggled hop-by-hop fields, WebSocket upgrades only.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, StatusCode, Version};

use crate::config::UnderscoreHeaders;

/// What a request is judged by, besides itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) scheme: Scheme,
    /// The name of the TLS handshake.
    pub(crate) sni: Option<&'a str>,
    /// Whether the handshake asked for a client certificate.
    pub(crate) asks_clients: bool,
    pub(crate) underscores: UnderscoreHeaders,
    pub(crate) max_body: Option<u64>,
}

/// How the client reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A request let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// Host and port as the client wrote them; absent only in HTTP/1.0.
    pub(crate) authority: Option<Authority>,
    /// The target in origin form, or `*`.
    pub(crate) target: PathAndQuery,
    pub(crate) kind: Kind,
}

/// What the request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// A WebSocket by HTTP/1.1 Upgrade (RFC 6455).
    WebSocket,
    /// A WebSocket by extended CONNECT (RFC 8441).
    ExtendedConnect,
}

/// A request refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// One sentence for the client's developer.
    pub(crate) why: &'static str,
}

const fn refuse(status: StatusCode, why: &'static str) -> Refusal {
    Refusal { status, why }
}

const fn bad(why: &'static str) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, why)
}

impl Scheme {
    /// `http` or `https`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Judges a request's head.
///
/// # Errors
/// With the status and the sentence to answer.
pub(crate) fn admit(parts: &Parts, facts: &Facts<'_>) -> Result<Admitted, Refusal> {
    let kind = kind(parts)?;
    let authority = authority(parts, facts)?;
    check_same_connection(authority.as_ref(), facts)?;
    check_lengths(parts, facts)?;
    check_hop_by_hop(&parts.headers)?;
    check_names(&parts.headers, facts.underscores)?;
    check_expectation(&parts.headers)?;
    Ok(Admitted {
        authority,
        target: target(parts, facts)?,
        kind,
    })
}

fn kind(parts: &Parts) -> Result<Kind, Refusal> {
    let protocol = parts.extensions.get::<hyper::ext::Protocol>();
    match (&parts.method, protocol) {
        (&Method::CONNECT, Some(protocol)) if protocol.as_str() == "websocket" => {
            Ok(Kind::ExtendedConnect)
        }
        (&Method::CONNECT, Some(_)) => Err(refuse(
            StatusCode::NOT_IMPLEMENTED,
            "only the websocket protocol is supported by extended CONNECT",
        )),
        (&Method::CONNECT | &Method::TRACE, _) => Err(refuse(
            StatusCode::NOT_IMPLEMENTED,
            "this is a reverse proxy: CONNECT and TRACE are not supported",
        )),
        _ => upgrade(parts),
    }
}

/// An `Upgrade` to anything but WebSocket is ignored, as RFC 9110 §7.8 allows; a malformed one to it is refused.
fn upgrade(parts: &Parts) -> Result<Kind, Refusal> {
    let headers = &parts.headers;
    let wants = parts.version == Version::HTTP_11
        && has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket");
    if !wants {
        return Ok(Kind::Plain);
    }
    if parts.method != Method::GET {
        return Err(bad("a WebSocket is opened by GET"));
    }
    if headers.get_all(header::UPGRADE).iter().count() > 1
        || !is_exactly(headers, &header::UPGRADE, "websocket")
    {
        return Err(bad("Upgrade must name websocket alone"));
    }
    if headers.get_all(header::SEC_WEBSOCKET_KEY).iter().count() != 1
        || !is_exactly(headers, &header::SEC_WEBSOCKET_VERSION, "13")
    {
        return Err(bad(
            "a WebSocket needs one Sec-WebSocket-Key and version 13",
        ));
    }
    let no_body = headers
        .get(header::CONTENT_LENGTH)
        .is_none_or(|length| length == "0");
    if !no_body || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(bad("a WebSocket request has no body"));
    }
    Ok(Kind::WebSocket)
}

fn authority(parts: &Parts, facts: &Facts<'_>) -> Result<Option<Authority>, Refusal> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(bad("there is more than one Host"));
    }
    let host = host.map(parse_host).transpose()?;
    let of_target = parts.uri.authority().map(check_authority).transpose()?;
    match (host, of_target) {
        (Some(host), Some(target)) if !same_authority(&host, &target, facts.scheme) => {
            Err(bad("Host does not agree with the request target"))
        }
        (None, Some(_)) if parts.version == Version::HTTP_11 => Err(bad("there is no Host")),
        (Some(host), _) => Ok(Some(host)),
        (None, Some(target)) => Ok(Some(target)),
        (None, None) if parts.version == Version::HTTP_10 => Ok(None),
        (None, None) => Err(bad("there is no Host")),
    }
}

fn parse_host(value: &HeaderValue) -> Result<Authority, Refusal> {
    Authority::try_from(value.as_bytes())
        .map_err(|_| bad("Host is not a host name with an optional port"))
        .and_then(|authority| check_authority(&authority))
}

/// No user information, a host of letters that hosts have, a port of digits.
fn check_authority(authority: &Authority) -> Result<Authority, Refusal> {
    let text = authority.as_str();
    let host = authority.host();
    let is_literal = host.starts_with('[') && host.ends_with(']');
    let good_host = is_literal
        || (!host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')));
    let port = text.strip_prefix(host).unwrap_or("@");
    let good_port = match port.strip_prefix(':') {
        Some(digits) => digits.is_empty() || authority.port_u16().is_some_and(|port| port > 0),
        None => port.is_empty(),
    };
    if good_host && good_port {
        Ok(authority.clone())
    } else {
        Err(bad("Host is not a host name with an optional port"))
    }
}

fn same_authority(a: &Authority, b: &Authority, scheme: Scheme) -> bool {
    let port = |authority: &Authority| {
        authority.port_u16().unwrap_or(match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        })
    };
    a.host().eq_ignore_ascii_case(b.host()) && port(a) == port(b)
}

/// Where clients authenticate by certificate, a connection serves only the name it was made for (RFC 9110 §7.4).
fn check_same_connection(authority: Option<&Authority>, facts: &Facts<'_>) -> Result<(), Refusal> {
    if !facts.asks_clients {
        return Ok(());
    }
    let host = authority.map(|authority| authority.host().trim_end_matches('.'));
    let agrees = match (host, facts.sni) {
        (Some(host), Some(sni)) => host.eq_ignore_ascii_case(sni),
        (_, None) => true,
        (None, Some(_)) => false,
    };
    if agrees {
        Ok(())
    } else {
        Err(refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "this connection was authenticated for another server name; open a new one",
        ))
    }
}

fn check_lengths(parts: &Parts, facts: &Facts<'_>) -> Result<(), Refusal> {
    let headers = &parts.headers;
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let coding = codings.next();
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next();
    if codings.next().is_some() {
        return Err(bad("there is more than one Transfer-Encoding"));
    }
    if lengths.next().is_some() {
        return Err(bad("there is more than one Content-Length"));
    }
    if let Some(coding) = coding {
        if length.is_some() {
            return Err(bad("there are both Content-Length and Transfer-Encoding"));
        }
        if parts.version != Version::HTTP_11 {
            return Err(bad("only HTTP/1.1 has Transfer-Encoding"));
        }
        if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(refuse(
                StatusCode::NOT_IMPLEMENTED,
                "only the chunked transfer coding is supported",
            ));
        }
    }
    check_content_length(length, facts.max_body)
}

fn check_content_length(length: Option<&HeaderValue>, max: Option<u64>) -> Result<(), Refusal> {
    let Some(length) = length else {
        return Ok(());
    };
    let length: u64 = length
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| bad("Content-Length is not a number"))?;
    match max {
        Some(max) if length > max => Err(BODY_TOO_LARGE),
        _ => Ok(()),
    }
}

/// The body is longer than the instance takes.
pub(crate) const BODY_TOO_LARGE: Refusal = refuse(
    StatusCode::PAYLOAD_TOO_LARGE,
    "the body is longer than this server takes",
);

/// `Connection` must not name fields that decide framing, routing or identity.
fn check_hop_by_hop(headers: &HeaderMap) -> Result<(), Refusal> {
    const KEPT: [&str; 8] = [
        "host",
        "content-length",
        "transfer-encoding",
        "authorization",
        "cookie",
        "x-forwarded-for",
        "x-forwarded-proto",
        "content-type",
    ];
    let names_kept = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(tokens)
        .any(|token| {
            KEPT.iter()
                .any(|kept| token.eq_ignore_ascii_case(kept.as_bytes()))
        });
    if names_kept {
        return Err(bad("Connection names a field that is not hop-by-hop"));
    }
    Ok(())
}

fn check_names(headers: &HeaderMap, underscores: UnderscoreHeaders) -> Result<(), Refusal> {
    let refused = underscores == UnderscoreHeaders::Refuse
        && headers.keys().any(|name| name.as_str().contains('_'));
    if refused {
        return Err(bad("a header name has an underscore"));
    }
    Ok(())
}

fn check_expectation(headers: &HeaderMap) -> Result<(), Refusal> {
    let unknown = headers
        .get_all(header::EXPECT)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if unknown {
        return Err(refuse(
            StatusCode::EXPECTATION_FAILED,
            "only 100-continue can be expected",
        ));
    }
    Ok(())
}

fn target(parts: &Parts, facts: &Facts<'_>) -> Result<PathAndQuery, Refusal> {
    let is_http2 = parts.version == Version::HTTP_2;
    if let Some(scheme) = parts.uri.scheme_str() {
        // Behind another TLS terminator HTTP/2 clients may name either scheme; HTTP/1.1 proxies must not.
        if !is_http2 && scheme != facts.scheme.as_str() {
            return Err(bad(
                "the scheme of the request target is not that of the connection",
            ));
        }
    }
    let path = parts.uri.path_and_query();
    match path.map(PathAndQuery::as_str) {
        None | Some("") => Ok(PathAndQuery::from_static("/")),
        Some("*") if parts.method == Method::OPTIONS => Ok(PathAndQuery::from_static("*")),
        Some(text) if text.starts_with('/') => Ok(path
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"))),
        Some(text) if text.starts_with('?') => PathAndQuery::try_from(format!("/{text}"))
            .map_err(|_| bad("the request target is not a path")),
        Some(_) => Err(bad("the request target is not a path")),
    }
}

/// The tokens of a comma-separated field, trimmed.
pub(crate) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(tokens)
        .any(|token| token.eq_ignore_ascii_case(wanted.as_bytes()))
}

fn is_exactly(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    headers
        .get(name)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
