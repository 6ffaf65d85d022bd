//! A whole HTTP/1 answer as text, made into one that can be sent over any version.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::ext::ReasonPhrase;

/// Most header fields an answer may have.
const MAX_HEADERS: usize = 64;

/// Reads status line, header fields and body; `None` when it is no final answer of HTTP/1.
///
/// The body's length is what is there: `Content-Length` and other fields about one connection are left out, `Connection:
/// close` is kept.
pub(super) fn answer(text: &[u8]) -> Option<Response<Bytes>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut fields);
    // Some write the last header line and nothing after it.
    let ended: Vec<u8>;
    let (text, length) = match head.parse(text).ok()? {
        httparse::Status::Complete(length) => (text, length),
        httparse::Status::Partial => {
            ended = [text.trim_ascii_end(), b"\r\n\r\n"].concat();
            fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
            head = httparse::Response::new(&mut fields);
            match head.parse(&ended).ok()? {
                httparse::Status::Complete(length) => (&ended[..], length),
                httparse::Status::Partial => return None,
            }
        }
    };
    let status = StatusCode::from_u16(head.code?).ok()?;
    if status.is_informational() {
        return None;
    }
    let body = Bytes::copy_from_slice(text.get(length..).unwrap_or_default());
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let reason = head.reason.unwrap_or_default();
    if status.canonical_reason() != Some(reason)
        && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes().to_vec())
    {
        answer.extensions_mut().insert(reason);
    }
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(field.value).ok()?;
        let closes = name == header::CONNECTION && value.as_bytes().eq_ignore_ascii_case(b"close");
        if closes || !OF_ONE_CONNECTION.contains(&name) {
            answer.headers_mut().append(name, value);
        }
    }
    Some(answer)
}

/// Fields that say how this message travels.
static OF_ONE_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
    header::TE,
];
