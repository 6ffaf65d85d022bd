//! Heads of HTTP messages as text, as they are encapsulated in ICAP messages (RFC 3507 §4.4).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri, Version};

use crate::traffic::headers::strip_hop_by_hop;

/// Most header fields of an encapsulated message.
const FIELDS: usize = 200;

/// Fields that no ICAP server sees or changes.
const OF_THE_CONNECTION: [HeaderName; 3] = [header::CONNECTION, header::TE, header::UPGRADE];

/// A head that is no HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the encapsulated {0} is no valid HTTP/1.1")]
pub(crate) struct HeadError(&'static str);

/// Writes a request's head, HTTP/1.1, without fields of the connection.
pub(super) fn request_text(head: &http::request::Parts, out: &mut Vec<u8>) {
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.uri.to_string().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    fields_text(&head.headers, out);
}

/// Writes an answer's head, HTTP/1.1, without fields of the connection.
pub(super) fn response_text(head: &http::response::Parts, out: &mut Vec<u8>) {
    let reason = head.status.canonical_reason().unwrap_or_default();
    out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", head.status.as_str()).as_bytes());
    fields_text(&head.headers, out);
}

fn fields_text(fields: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in fields {
        if OF_THE_CONNECTION.contains(name) || *name == header::TRANSFER_ENCODING {
            continue;
        }
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// A request as the ICAP server changed it; fields of the connection stay those of the original.
pub(super) fn parse_request(
    text: &[u8],
    original: &http::request::Parts,
) -> Result<http::request::Parts, HeadError> {
    const BAD: HeadError = HeadError("request");
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(text) {
        Ok(httparse::Status::Complete(_)) => {}
        _ => return Err(BAD),
    }
    let mut head = original.clone();
    let method = parsed.method.unwrap_or_default();
    head.method = Method::from_bytes(method.as_bytes()).map_err(|_| BAD)?;
    head.uri = target(parsed.path.unwrap_or_default()).ok_or(BAD)?;
    head.version = Version::HTTP_11;
    head.headers = header_map(parsed.headers).ok_or(BAD)?;
    for name in OF_THE_CONNECTION {
        if let Some(value) = original.headers.get(&name) {
            head.headers.insert(name, value.clone());
        }
    }
    if !head.headers.contains_key(header::HOST)
        && let Some(host) = original.headers.get(header::HOST)
    {
        head.headers.insert(header::HOST, host.clone());
    }
    Ok(head)
}

/// An answer as the ICAP server gave it.
pub(super) fn parse_response(text: &[u8]) -> Result<http::response::Parts, HeadError> {
    const BAD: HeadError = HeadError("response");
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    match parsed.parse(text) {
        Ok(httparse::Status::Complete(_)) => {}
        _ => return Err(BAD),
    }
    let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(|_| BAD)?;
    if status.is_informational() {
        return Err(BAD);
    }
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = status;
    head.version = Version::HTTP_11;
    head.headers = header_map(parsed.headers).ok_or(BAD)?;
    Ok(head)
}

/// Origin form, whichever form the ICAP server used.
fn target(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let path = uri.path_and_query()?.clone();
    Some(Uri::from(path))
}

fn header_map(fields: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    strip_hop_by_hop(&mut map);
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> http::request::Parts {
        let request = http::Request::post("/a?b=c")
            .header("Host", "shop.example")
            .header("TE", "trailers")
            .header("Connection", "te")
            .header("X-Old", "1");
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_is_written_without_the_connections_fields_and_gets_them_back() {
        let mut text = Vec::new();
        request_text(&request(), &mut text);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "POST /a?b=c HTTP/1.1\r\nhost: shop.example\r\nx-old: 1\r\n\r\n"
        );

        let changed =
            b"PUT http://shop.example/x HTTP/1.1\r\nX-New: 2\r\nTransfer-Encoding: chunked\r\n\r\n";
        let head = parse_request(changed, &request()).unwrap();

        assert_eq!(
            (head.method.as_str(), head.uri.to_string()),
            ("PUT", "/x".to_owned())
        );
        assert_eq!(head.headers["te"], "trailers");
        assert_eq!(head.headers["host"], "shop.example");
        assert_eq!(head.headers["x-new"], "2");
        assert!(
            !head.headers.contains_key("x-old") && !head.headers.contains_key("transfer-encoding")
        );
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for text in [
            &b""[..],
            b"HTTP/1.1 200",
            b"HTTP/1.1 101 X\r\n\r\n",
            b"ICAP/1.0 200 OK\r\n\r\n",
        ] {
            assert!(parse_response(text).is_err(), "{text:?}");
        }
        for text in [
            &b"GET"[..],
            b"GET  HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nbad name: x\r\n\r\n",
        ] {
            assert!(parse_request(text, &request()).is_err(), "{text:?}");
        }
        assert!(parse_response(b"HTTP/1.0 403 No\r\nA: b\r\n\r\n").is_ok());
    }
}
