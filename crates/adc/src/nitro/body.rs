//! Bodies: JSON whatever its content type says, and the `object=` form of old clients.

use bytes::Bytes;
use evercert_ns::{NsError, codes};
use evercert_types::Secret;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value as Json;

use super::url::{Plus, decode};

/// Longest body, bytes: a file of several megabytes, in base64.
pub(super) const LIMIT: usize = 12 << 20;
/// Longest body of a request without credentials, bytes: a login.
pub(super) const LIMIT_BEFORE_LOGIN: usize = 64 << 10;

/// A body could not be had.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is longer than allowed.
    TooLarge,
    /// The connection broke.
    Broken,
    /// It is not JSON.
    Malformed(NsError),
}

/// A body that was read.
#[derive(Default)]
pub(super) struct Payload {
    /// The JSON, without what the old form adds.
    pub(super) json: Option<Json>,
    /// The session named in the body, as the old form does.
    pub(super) session: Option<Secret<String>>,
    /// Settings given in the body, as the old form does: `action`, `onerror`, `warning`.
    pub(super) settings: Vec<(String, String)>,
}

/// Reads a body up to `limit` bytes.
///
/// # Errors
/// See [`BodyError`].
pub(super) async fn read<B>(body: B, limit: usize) -> Result<Payload, BodyError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, limit).collect().await {
        Ok(collected) => parse(&collected.to_bytes()).map_err(BodyError::Malformed),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Broken),
    }
}

fn parse(bytes: &[u8]) -> Result<Payload, NsError> {
    let malformed = || NsError::new(&codes::INVALID_JSON);
    // A byte order mark comes from PowerShell files.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| malformed())?.trim();
    if text.is_empty() {
        return Ok(Payload::default());
    }
    let form = text.strip_prefix("object=").map(|form| {
        let form = form.split('&').next().unwrap_or_default();
        decode(form, Plus::Space)
    });
    let json: Json = match &form {
        // Old clients did not always encode the form.
        Some(form) => {
            serde_json::from_str(form).or_else(|_| serde_json::from_str(&text["object=".len()..]))
        }
        None => serde_json::from_str(text),
    }
    .map_err(|_| malformed())?;
    let Json::Object(mut members) = json else {
        return Err(malformed());
    };
    let mut payload = Payload::default();
    if let Some(Json::String(session)) = members.remove("sessionid") {
        payload.session = Some(Secret::new(session));
    }
    if let Some(Json::Object(settings)) = members.remove("params") {
        let settings = settings
            .into_iter()
            .filter_map(|(name, value)| match value {
                Json::String(text) => Some((name.to_ascii_lowercase(), text)),
                _ => None,
            });
        payload.settings = settings.collect();
    }
    payload.json = Some(Json::Object(members));
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_read_whatever_stands_around_it() {
        let expected = json!({"login": {"username": "u", "password": "a+b"}});
        let bodies = [
            r#"{"login":{"username":"u","password":"a+b"}}"#,
            "\u{feff} {\"login\":{\"username\":\"u\",\"password\":\"a+b\"}}\r\n",
            r#"object={"login":{"username":"u","password":"a%2Bb"}}"#,
            "object=%7B%22login%22:%7B%22username%22:%22u%22,%22password%22:%22a%2Bb%22%7D%7D",
        ];
        for body in bodies {
            let payload = parse(body.as_bytes()).unwrap();
            assert_eq!(payload.json, Some(expected.clone()), "{body}");
        }
    }

    #[test]
    fn the_old_form_names_session_and_settings_in_the_body() {
        let body = r###"object={"params":{"action":"enable"},"sessionid":"##1","lbvserver":{"name":"v"}}"###;

        let payload = parse(body.as_bytes()).unwrap();

        assert_eq!(payload.session.unwrap().expose(), "##1");
        assert_eq!(
            payload.settings,
            [("action".to_owned(), "enable".to_owned())]
        );
        assert_eq!(payload.json, Some(json!({"lbvserver": {"name": "v"}})));
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for body in ["{", "[1]", "object=", "\"x\"", "object=%7B"] {
            assert_eq!(
                parse(body.as_bytes()).err().map(|e| e.code()),
                Some(1233),
                "{body}"
            );
        }
        assert!(parse(b"").unwrap().json.is_none());
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let body = || http_body_util::Full::new(Bytes::from_static(b"{\"a\":{}}"));

        assert!(read(body(), 8).await.is_ok());
        assert!(matches!(read(body(), 7).await, Err(BodyError::TooLarge)));
    }
}
