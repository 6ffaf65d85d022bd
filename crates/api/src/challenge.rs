//! What everybody who answers a CA's challenges has to know: where the CA looks, and for whom it asks.

use std::net::IpAddr;

/// What the paths of http-01 begin with (RFC 8555 §8.3).
pub const HTTP01_PREFIX: &str = "/.well-known/acme-challenge/";

/// Longest token that is looked up, characters; CAs use 43.
const LONGEST_TOKEN: usize = 256;

/// The token that a path asks for; none when it is no path of http-01, or its last part no token.
pub fn http01_token(path: &str) -> Option<&str> {
    let token = path.strip_prefix(HTTP01_PREFIX)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits = (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(is_token);
    fits.then_some(token)
}

/// Whether a `Host` (with or without port) is the identifier, a DNS name or an IP address.
pub fn host_is(host: &str, identifier: &str) -> bool {
    let name = without_port(host);
    match (name.parse::<IpAddr>(), identifier.parse::<IpAddr>()) {
        (Ok(host), Ok(identifier)) => host == identifier,
        (Err(_), Err(_)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name.eq_ignore_ascii_case(identifier)
        }
        _ => false,
    }
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    match host.split_once(':') {
        // An IPv6 address without brackets has more than one colon, and no port.
        Some((_, rest)) if rest.contains(':') => host,
        Some((name, _)) => name,
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_base64url_right_below_the_prefix() {
        assert_eq!(
            http01_token("/.well-known/acme-challenge/aZ-9_"),
            Some("aZ-9_")
        );
        for path in [
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/a/b",
            "/.well-known/acme-challenge/../a",
            "/.well-known/acme-challenge/a%2e",
            "/x/.well-known/acme-challenge/a",
        ] {
            assert_eq!(http01_token(path), None, "{path}");
        }
    }

    #[test]
    fn hosts_are_compared_without_port_and_case() {
        assert!(host_is("WWW.example.com:80", "www.example.com"));
        assert!(host_is("www.example.com.", "www.example.com"));
        assert!(host_is("203.0.113.7:8080", "203.0.113.7"));
        assert!(host_is("[2001:db8:0::1]:80", "2001:db8::1"));
        assert!(!host_is("example.com", "www.example.com"));
        assert!(!host_is("evil.test:80", "www.example.com"));
    }
}
