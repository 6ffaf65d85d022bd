//! Vectors: requests as parsed, and what becomes of them.

use http::Request;

use super::*;

fn facts() -> Facts<'static> {
    Facts {
        scheme: Scheme::Https,
        sni: Some("a.example"),
        asks_clients: false,
        underscores: UnderscoreHeaders::Refuse,
        max_body: Some(1000),
    }
}

/// `GET /path HTTP/1.1|Name: value|…`
fn parts(text: &str) -> Parts {
    let mut lines = text.split('|');
    let mut words = lines.next().unwrap().split(' ');
    let mut request = Request::builder()
        .method(words.next().unwrap())
        .uri(words.next().unwrap())
        .version(match words.next() {
            Some("HTTP/1.0") => Version::HTTP_10,
            Some("HTTP/2") => Version::HTTP_2,
            _ => Version::HTTP_11,
        });
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn good_requests_are_let_in_with_their_target_in_origin_form() {
    for (text, authority, target) in [
        ("GET / HTTP/1.1|Host: a.example", Some("a.example"), "/"),
        (
            "GET /a?b=c HTTP/1.1|Host: A.Example:8443",
            Some("A.Example:8443"),
            "/a?b=c",
        ),
        (
            "GET https://a.example/x HTTP/1.1|Host: a.example",
            Some("a.example"),
            "/x",
        ),
        (
            "GET https://a.example HTTP/1.1|Host: a.example:443",
            Some("a.example:443"),
            "/",
        ),
        ("GET / HTTP/1.0", None, "/"),
        ("GET / HTTP/1.0|Host: a.example", Some("a.example"), "/"),
        ("OPTIONS * HTTP/1.1|Host: a.example", Some("a.example"), "*"),
        ("GET https://a.example/y HTTP/2", Some("a.example"), "/y"),
        (
            "GET https://a.example/y HTTP/2|Host: a.example",
            Some("a.example"),
            "/y",
        ),
        (
            "GET / HTTP/1.1|Host: [2001:db8::1]:443",
            Some("[2001:db8::1]:443"),
            "/",
        ),
        ("GET / HTTP/1.1|Host: a_b.example", Some("a_b.example"), "/"),
        (
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: Chunked",
            Some("a"),
            "/",
        ),
        (
            "POST / HTTP/1.1|Host: a|Content-Length: 1000",
            Some("a"),
            "/",
        ),
        (
            "GET / HTTP/1.1|Host: a|Upgrade: h2c|Connection: upgrade",
            Some("a"),
            "/",
        ),
    ] {
        let admitted = admit(&parts(text), &facts()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(
            admitted.authority.as_ref().map(Authority::as_str),
            authority,
            "{text}"
        );
        assert_eq!(
            (admitted.target.as_str(), admitted.kind),
            (target, Kind::Plain),
            "{text}"
        );
    }
}

#[test]
fn ambiguous_or_unsupported_requests_are_refused() {
    for (status, text) in [
        // Host.
        (400, "GET / HTTP/1.1"),
        (400, "GET / HTTP/1.1|Host: "),
        (400, "GET / HTTP/1.1|Host: a.example|Host: a.example"),
        (400, "GET / HTTP/1.1|Host: a.example|Host: b.example"),
        (400, "GET / HTTP/1.1|Host: user@a.example"),
        (400, "GET / HTTP/1.1|Host: a.example/x"),
        (400, "GET / HTTP/1.1|Host: a.example b.example"),
        (400, "GET / HTTP/1.1|Host: a.example,b.example"),
        (400, "GET / HTTP/1.1|Host: a.example:99999"),
        (400, "GET / HTTP/1.1|Host: a.example:0"),
        (400, "GET / HTTP/1.1|Host: a.example:8x"),
        (400, "GET https://b.example/ HTTP/1.1|Host: a.example"),
        (400, "GET https://a.example:444/ HTTP/1.1|Host: a.example"),
        (400, "GET https://a.example/ HTTP/1.1"),
        (400, "GET http://a.example/ HTTP/1.1|Host: a.example"),
        (400, "GET https://a.example/ HTTP/2|Host: b.example"),
        (
            400,
            "GET https://a.example/ HTTP/2|Host: a.example|Host: a.example",
        ),
        (400, "GET / HTTP/2"),
        // Framing.
        (
            400,
            "POST / HTTP/1.1|Host: a|Content-Length: 3|Transfer-Encoding: chunked",
        ),
        (
            400,
            "POST / HTTP/1.1|Host: a|Content-Length: 3|Content-Length: 3",
        ),
        (400, "POST / HTTP/1.1|Host: a|Content-Length: 3, 3"),
        (400, "POST / HTTP/1.1|Host: a|Content-Length: +3"),
        (400, "POST / HTTP/1.1|Host: a|Content-Length: 0x3"),
        (400, "POST / HTTP/1.1|Host: a|Content-Length: "),
        (
            400,
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked",
        ),
        (400, "POST / HTTP/1.0|Host: a|Transfer-Encoding: chunked"),
        (400, "POST https://a/ HTTP/2|Transfer-Encoding: chunked"),
        (
            501,
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked",
        ),
        (501, "POST / HTTP/1.1|Host: a|Transfer-Encoding: identity"),
        (501, "POST / HTTP/1.1|Host: a|Transfer-Encoding: xchunked"),
        (413, "POST / HTTP/1.1|Host: a|Content-Length: 1001"),
        // Hop-by-hop.
        (400, "GET / HTTP/1.1|Host: a|Connection: close, Host"),
        (400, "GET / HTTP/1.1|Host: a|Connection: X-Forwarded-For"),
        (400, "GET / HTTP/1.1|Host: a|Connection: content-length"),
        // Names, expectations, methods, targets.
        (400, "GET / HTTP/1.1|Host: a|X_Forwarded_For: 1.2.3.4"),
        (417, "POST / HTTP/1.1|Host: a|Expect: magic"),
        (501, "CONNECT a.example:443 HTTP/1.1|Host: a.example:443"),
        (501, "TRACE / HTTP/1.1|Host: a.example"),
        (400, "GET * HTTP/1.1|Host: a.example"),
        // WebSocket.
        (
            400,
            "POST / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: websocket",
        ),
        (
            400,
            "GET / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: websocket",
        ),
        (
            400,
            "GET / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: websocket, h2c|Sec-WebSocket-Key: x|Sec-WebSocket-Version: 13",
        ),
        (
            400,
            "GET / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: websocket|Sec-WebSocket-Key: x|Sec-WebSocket-Version: 8",
        ),
        (
            400,
            "GET / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: websocket|Sec-WebSocket-Key: x|Sec-WebSocket-Version: 13|Content-Length: 5",
        ),
    ] {
        let refusal = admit(&parts(text), &facts()).expect_err(text);
        assert_eq!(refusal.status.as_u16(), status, "{text}: {}", refusal.why);
    }
}

#[test]
fn a_connection_with_client_authentication_serves_its_own_name_only() {
    let strict = Facts {
        asks_clients: true,
        ..facts()
    };

    assert!(admit(&parts("GET / HTTP/1.1|Host: A.example:8443"), &strict).is_ok());
    let refusal = admit(&parts("GET https://b.example/ HTTP/2"), &strict).unwrap_err();
    assert_eq!(refusal.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(admit(&parts("GET https://b.example/ HTTP/2"), &facts()).is_ok());
}

#[test]
fn a_websocket_request_is_recognised() {
    let text = "GET /chat HTTP/1.1|Host: a|Connection: keep-alive, Upgrade|Upgrade: WebSocket\
                |Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Sec-WebSocket-Version: 13";

    assert_eq!(admit(&parts(text), &facts()).unwrap().kind, Kind::WebSocket);
    // HTTP/2 has no Upgrade; the field is hop-by-hop there and ignored.
    let h2 = text.replace("GET /chat HTTP/1.1|Host: a", "GET https://a/chat HTTP/2");
    assert_eq!(admit(&parts(&h2), &facts()).unwrap().kind, Kind::Plain);
}

#[test]
fn underscores_may_be_passed_or_removed_instead() {
    for underscores in [UnderscoreHeaders::Remove, UnderscoreHeaders::Pass] {
        let lenient = Facts {
            underscores,
            ..facts()
        };
        assert!(admit(&parts("GET / HTTP/1.1|Host: a|A_b: c"), &lenient).is_ok());
    }
}
