//! The parts of URLs and host names.

use std::net::IpAddr;

/// Where the parts of a URL begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// The scheme's length; 0 without scheme and authority.
    pub(super) scheme: usize,
    /// Start and end of the authority.
    pub(super) host: (usize, usize),
    /// End of the path; it starts where the host ends.
    pub(super) path_end: usize,
}

/// Takes a URL apart; one without scheme is path and query.
pub(super) fn parts(url: &[u8]) -> Parts {
    let scheme = memchr::memmem::find(url, b"://")
        .filter(|end| url.iter().take(*end).all(u8::is_ascii_alphanumeric))
        .unwrap_or(0);
    let start = if scheme > 0 { scheme + 3 } else { 0 };
    let from = |at: usize, ends: &[u8]| {
        let rest = url.get(at..).unwrap_or_default();
        let end = rest.iter().position(|byte| ends.contains(byte));
        end.map_or(url.len(), |end| at + end)
    };
    let host_end = if scheme > 0 { from(start, b"/?#") } else { 0 };
    Parts {
        scheme,
        host: (start, host_end),
        path_end: from(host_end, b"?#"),
    }
}

/// What follows the last point of the last segment of a path.
pub(super) fn suffix(url: &[u8], parts: Parts) -> (usize, usize) {
    let path = url.get(parts.host.1..parts.path_end).unwrap_or_default();
    let segment = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |at| at + 1);
    let point = path.iter().skip(segment).rposition(|byte| *byte == b'.');
    match point {
        Some(point) => (parts.host.1 + segment + point + 1, parts.path_end),
        None => (parts.path_end, parts.path_end),
    }
}

/// How long the host is without its port.
pub(super) fn server_length(host: &[u8]) -> usize {
    let literal = host
        .iter()
        .position(|byte| *byte == b']')
        .map(|end| end + 1);
    let start = literal.unwrap_or(0);
    let colon = host.iter().skip(start).position(|byte| *byte == b':');
    colon.map_or(host.len(), |colon| start + colon)
}

/// The port, if one is written.
pub(super) fn port(host: &[u8]) -> Option<i64> {
    let port = host.get(server_length(host) + 1..)?;
    super::text::number(port, 10).filter(|port| (0..=65535).contains(port))
}

/// Where the last two labels of a host name begin; an address has none.
pub(super) fn domain_start(server: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(server).ok()?;
    if text.starts_with('[') || text.parse::<IpAddr>().is_ok() {
        return None;
    }
    let mut points = text.trim_end_matches('.').rmatch_indices('.');
    points.next();
    Some(points.next().map_or(0, |(at, _)| at + 1))
}
