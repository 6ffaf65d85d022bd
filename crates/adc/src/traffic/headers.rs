//! Header fields on their way through: hop-by-hop ones are dropped, forwarding ones are added.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{self, Authority, PathAndQuery, Uri};
use http::{Method, Request, Version};

use super::admission::{Admitted, Kind, Scheme, tokens};
use crate::config::UnderscoreHeaders;

/// `X-Forwarded-For`.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Fields of one connection only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Who asks, for the forwarding fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) ip: IpAddr,
    pub(crate) scheme: Scheme,
}

/// Turns a client's request head into the one a service gets: HTTP/1.1, origin form.
pub(crate) fn to_service(
    mut parts: Parts,
    admitted: &Admitted,
    client: &Client,
    underscores: UnderscoreHeaders,
) -> Parts {
    let wants_trailers = (parts.headers.get_all(header::TE).iter().flat_map(tokens))
        .any(|token| token.eq_ignore_ascii_case(b"trailers"));
    strip_hop_by_hop(&mut parts.headers);
    // The server side of the proxy answers 100 itself, when the body is first asked for.
    parts.headers.remove(header::EXPECT);
    if underscores == UnderscoreHeaders::Remove {
        strip_underscores(&mut parts.headers);
    }
    join_cookies(&mut parts.headers);
    add_forwarding(&mut parts.headers, client);
    match admitted.kind {
        Kind::Plain if wants_trailers => {
            let headers = &mut parts.headers;
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        }
        Kind::Plain => {}
        Kind::WebSocket | Kind::ExtendedConnect => ask_for_websocket(&mut parts),
    }
    parts.headers.remove(header::HOST);
    if let Some(host) = (admitted.authority.as_ref())
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
    {
        parts.headers.insert(header::HOST, host);
    }
    parts.version = Version::HTTP_11;
    parts.uri = Uri::from(admitted.target.clone());
    parts.extensions.clear();
    parts
}

/// A request as HTTP/1.1 has it: origin form, and a Host.
pub(crate) fn as_http1<B>(request: Request<B>) -> Request<B> {
    let (mut parts, body) = request.into_parts();
    if let Some(authority) = parts.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str());
        let target = parts.uri.path_and_query().cloned();
        if let Ok(host) = host {
            parts.headers.insert(header::HOST, host);
        }
        parts.uri = target.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    parts.version = Version::HTTP_11;
    Request::from_parts(parts, body)
}

/// A request as HTTP/2 has it: authority and scheme instead of a Host, and nothing about the connection (RFC 9113
/// §8.2.2).
pub(crate) fn as_http2<B>(request: Request<B>) -> Request<B> {
    let (mut parts, body) = request.into_parts();
    let host = parts.headers.remove(header::HOST);
    parts.headers.remove(header::CONNECTION);
    if let Some(authority) = host.and_then(|host| Authority::from_maybe_shared(host).ok()) {
        let mut uri = uri::Parts::default();
        uri.scheme = Some(uri::Scheme::HTTPS);
        uri.authority = Some(authority);
        uri.path_and_query = Some(
            (parts.uri.path_and_query().cloned()).unwrap_or_else(|| PathAndQuery::from_static("/")),
        );
        if let Ok(uri) = Uri::from_parts(uri) {
            parts.uri = uri;
        }
    }
    parts.version = Version::HTTP_2;
    Request::from_parts(parts, body)
}

/// Fields in which proxies tell a service of the client's certificate. On the way to a service for which certificates
/// are made the client's own word for them must not arrive.
pub(crate) fn strip_client_certificate(headers: &mut HeaderMap) {
    let told: Vec<HeaderName> = (headers.keys())
        .filter(|name| tells_of_certificate(name.as_str()))
        .cloned()
        .collect();
    for name in told {
        headers.remove(name);
    }
}

/// `X-Client-Cert`, `X-SSL-Client-…`, `SSL-Client-…`, `X-Forwarded-Client-Cert`, `X-ARR-ClientCert`, `Client-Cert` (RFC
/// 9440) and the like, with hyphens or underscores.
fn tells_of_certificate(name: &str) -> bool {
    let name: String = name.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    let name = name.strip_prefix('x').unwrap_or(&name);
    [
        "clientcert",
        "sslclient",
        "forwardedclientcert",
        "arrclientcert",
        "sslcert",
        "tlsclient",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

/// Drops what belongs to the connection it came on.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(tokens)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn strip_underscores(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().contains('_'))
        .cloned()
        .collect();
    for name in named {
        headers.remove(name);
    }
}

/// HTTP/2 may split Cookie; HTTP/1.1 has one (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in std::iter::once(second).chain(cookies) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

fn add_forwarding(headers: &mut HeaderMap, client: &Client) {
    let ip = client.ip.to_canonical();
    let mut forwarded: Vec<u8> = Vec::new();
    for value in headers.get_all(&FORWARDED_FOR) {
        forwarded.extend_from_slice(value.as_bytes());
        forwarded.extend_from_slice(b", ");
    }
    forwarded.extend_from_slice(ip.to_string().as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&forwarded) {
        headers.insert(FORWARDED_FOR, value);
    }
    let scheme = HeaderValue::from_static(client.scheme.as_str());
    headers.insert(FORWARDED_PROTO, scheme);
}

/// Asks a service for a WebSocket by HTTP/1.1, whichever way the client asked (RFC 8441 §5).
fn ask_for_websocket(parts: &mut Parts) {
    let headers = &mut parts.headers;
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    parts.method = Method::GET;
    if !headers.contains_key(header::SEC_WEBSOCKET_KEY) {
        headers.insert(header::SEC_WEBSOCKET_KEY, websocket_key());
        headers.insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
    }
}

fn websocket_key() -> HeaderValue {
    use base64::Engine as _;
    let mut nonce = [0u8; 16];
    // The key only has to differ between requests; it protects nothing (RFC 6455 §10.3).
    if aws_lc_rs::rand::fill(&mut nonce).is_err() {
        nonce = *b"evercert-adc-key";
    }
    let text = base64::engine::general_purpose::STANDARD.encode(nonce);
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(request: http::request::Builder, kind: Kind) -> Parts {
        let parts = request.body(()).unwrap().into_parts().0;
        let admitted = Admitted {
            authority: Some(Authority::from_static("a.example")),
            target: PathAndQuery::from_static("/x"),
            kind,
        };
        let client = Client {
            ip: "::ffff:192.0.2.7".parse().unwrap(),
            scheme: Scheme::Https,
        };
        to_service(parts, &admitted, &client, UnderscoreHeaders::Remove)
    }

    #[test]
    fn hop_by_hop_fields_stay_behind_and_forwarding_fields_are_added() {
        let request = Request::get("https://a.example/x")
            .header("Connection", "close, X-Secret")
            .header("X-Secret", "1")
            .header("Keep-Alive", "5")
            .header("TE", "trailers, deflate")
            .header("Proxy-Connection", "close")
            .header("Expect", "100-continue")
            .header("a_b", "1")
            .header("X-Forwarded-For", "198.51.100.1")
            .header("X-Forwarded-Proto", "ftp")
            .header("Accept", "*/*");

        let parts = forward(request, Kind::Plain);

        let mut fields: Vec<_> = (parts.headers.iter())
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        fields.sort();
        assert_eq!(
            fields,
            [
                "accept: */*",
                "connection: te",
                "host: a.example",
                "te: trailers",
                "x-forwarded-for: 198.51.100.1, 192.0.2.7",
                "x-forwarded-proto: https",
            ]
        );
        assert_eq!(
            (parts.version, parts.uri.to_string()),
            (Version::HTTP_11, "/x".to_owned())
        );
    }

    #[test]
    fn what_tells_of_a_client_certificate_is_known_however_it_is_written() {
        for told in [
            "x-client-cert",
            "x-client-certificate",
            "client-cert",
            "client-cert-chain",
            "x_ssl_client_s_dn",
            "ssl-client-verify",
            "x-forwarded-client-cert",
            "x-arr-clientcert",
            "x-ssl-cert",
            "x-tls-client-serial",
        ] {
            assert!(tells_of_certificate(told), "{told}");
        }
        for other in [
            "x-client-ip",
            "x-forwarded-for",
            "certificate",
            "client",
            "x-ssl",
        ] {
            assert!(!tells_of_certificate(other), "{other}");
        }
    }

    #[test]
    fn requests_become_those_of_the_other_version_and_back() {
        let request = Request::post("/x?y=1")
            .header("Host", "a.example:8443")
            .header("Connection", "te")
            .header("TE", "trailers")
            .body(())
            .unwrap();

        let second = as_http2(request);
        assert_eq!(second.uri(), "https://a.example:8443/x?y=1");
        assert_eq!(second.version(), Version::HTTP_2);
        let fields: Vec<_> = second.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(fields, ["te"]);
        let first = as_http1(second);
        assert_eq!(
            (first.uri().to_string().as_str(), first.version()),
            ("/x?y=1", Version::HTTP_11)
        );
        assert_eq!(first.headers()[header::HOST], "a.example:8443");
    }

    #[test]
    fn split_cookies_are_joined() {
        let request = Request::get("/")
            .header("Cookie", "a=1")
            .header("Cookie", "b=2");

        let parts = forward(request, Kind::Plain);

        assert_eq!(parts.headers[header::COOKIE], "a=1; b=2");
        assert_eq!(parts.headers.get_all(header::COOKIE).iter().count(), 1);
    }

    #[test]
    fn an_extended_connect_becomes_an_upgrade() {
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("https://a.example/x");

        let parts = forward(request, Kind::ExtendedConnect);

        assert_eq!(parts.method, Method::GET);
        assert_eq!(parts.headers[header::UPGRADE], "websocket");
        assert_eq!(parts.headers[header::SEC_WEBSOCKET_KEY].len(), 24);
    }
}
