//! Answers: status line with NetScaler's reason phrase, and the envelope around every body.
//!
//! The official Go client compares the whole status line, reason included; another client reads `errorcode`,
//! `message` and `severity` without looking whether they are there. So all of them always are.

use bytes::Bytes;
use evercert_ns::NsError;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::ext::ReasonPhrase;
use serde_json::{Map, Value as Json};

/// Header of an answer that a warning goes with.
const WARNING: HeaderName = HeaderName::from_static("x-nitro-warning");

/// The status of a success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Success {
    /// 200.
    Ok,
    /// 201.
    Created,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    status: u16,
    body: Vec<u8>,
    warning: Option<HeaderValue>,
    cookie: Option<HeaderValue>,
}

/// The head of an envelope.
struct Head<'a> {
    code: u32,
    message: &'a str,
    severity: &'static str,
}

const DONE: Head<'static> = Head {
    code: 0,
    message: "Done",
    severity: "NONE",
};

impl Reply {
    /// Success without content.
    pub(super) fn done(success: Success) -> Self {
        Self::new(success.status(), &DONE, &[])
    }

    /// Success with further members, such as rows under their type.
    pub(super) fn with(success: Success, members: &[(&str, Json)]) -> Self {
        Self::new(success.status(), &DONE, members)
    }

    /// Success, and what NetScaler would warn about; shown because the client asked for warnings.
    pub(super) fn warned(warnings: &[NsError], members: &[(&str, Json)]) -> Self {
        let text = warnings.iter().map(NsError::message).collect::<Vec<_>>();
        let text = text.join("; ");
        let code = warnings.first().map_or(0, NsError::code);
        let head = Head {
            code,
            message: &text,
            severity: "WARNING",
        };
        let mut reply = Self::new(209, &head, members);
        reply.warning = HeaderValue::from_str(&printable(&format!("{code} - {text}"))).ok();
        reply
    }

    /// A failure.
    pub(super) fn error(error: &NsError) -> Self {
        let message = error.message();
        Self::new(status_of(error.code()), &failed(error, &message), &[])
    }

    /// A failure of a request as such, under another status than its code has.
    pub(super) fn refused(status: u16, error: &NsError) -> Self {
        Self {
            status,
            ..Self::error(error)
        }
    }

    /// What became of each object of a bulk request, some of which failed.
    pub(super) fn bulk(outcomes: &[Result<(), NsError>]) -> Self {
        let each = outcomes.iter().map(|outcome| {
            let message;
            let head = match outcome {
                Ok(()) => DONE,
                Err(error) => {
                    message = error.message();
                    failed(error, &message)
                }
            };
            Json::Object(head.members())
        });
        let head = Head {
            code: 1243,
            message: "Bulk operation failed",
            severity: "ERROR",
        };
        Self::new(207, &head, &[("response", Json::Array(each.collect()))])
    }

    /// The same, with a cookie.
    pub(super) fn cookie(mut self, cookie: HeaderValue) -> Self {
        self.cookie = Some(cookie);
        self
    }

    fn new(status: u16, head: &Head<'_>, members: &[(&str, Json)]) -> Self {
        // By hand, so that the three that clients look for come first.
        let mut body = format!(
            r#"{{"errorcode":{},"message":{},"severity":"{}""#,
            head.code,
            Json::from(head.message),
            head.severity
        );
        for (name, value) in members {
            body.push_str(&format!(",{}:{value}", Json::from(*name)));
        }
        body.push('}');
        Self {
            status,
            body: body.into_bytes(),
            warning: None,
            cookie: None,
        }
    }

    /// The HTTP response.
    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reason = ReasonPhrase::from_static(reason(self.status).as_bytes());
        response.extensions_mut().insert(reason);
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, json);
        let fresh = HeaderValue::from_static("no-store, no-cache, must-revalidate");
        headers.insert(header::CACHE_CONTROL, fresh);
        if let Some(warning) = self.warning {
            headers.insert(WARNING, warning);
        }
        if let Some(cookie) = self.cookie {
            headers.insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl Success {
    const fn status(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::Created => 201,
        }
    }
}

impl Head<'_> {
    fn members(&self) -> Map<String, Json> {
        Map::from_iter([
            ("errorcode".to_owned(), self.code.into()),
            ("message".to_owned(), self.message.into()),
            ("severity".to_owned(), self.severity.into()),
        ])
    }
}

fn failed<'a>(error: &NsError, message: &'a str) -> Head<'a> {
    Head {
        code: error.code(),
        message,
        severity: "ERROR",
    }
}

/// The HTTP status that goes with an error code; 599 is the appliance's own.
pub(super) const fn status_of(code: u32) -> u16 {
    match code {
        256 => 503,
        258 => 404,
        273 | 528 => 409,
        352 | 354 | 355 | 444 | 1025 | 1026 | 1027 | 1244 => 401,
        2138 => 403,
        1090 | 1232 | 1233 | 1234 | 1236 | 1237 | 1238 | 1240 => 400,
        _ => 599,
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        207 => "Multi Status",
        209 => "X-NITRO-WARNING",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        503 => "Service Unavailable",
        599 => "Netscaler specific error",
        _ => "Internal Server Error",
    }
}

/// Only what a header may hold.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii() && !c.is_ascii_control() {
                c
            } else {
                '?'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use evercert_ns::codes;
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    async fn shown(reply: Reply) -> (String, String) {
        let response = reply.into_response();
        let reason = response.extensions().get::<ReasonPhrase>().unwrap();
        let reason = String::from_utf8(reason.as_bytes().to_vec()).unwrap();
        let line = format!("{} {reason}", response.status().as_u16());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (line, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_envelope_is_compact_and_never_without_its_three_members() {
        let rows = json!([{"certkey": "a"}, {"certkey": "b"}]);

        let (line, body) = shown(Reply::with(Success::Ok, &[("sslcertkey", rows)])).await;

        assert_eq!(line, "200 OK");
        assert_eq!(
            body,
            r#"{"errorcode":0,"message":"Done","severity":"NONE","sslcertkey":[{"certkey":"a"},{"certkey":"b"}]}"#
        );
    }

    #[tokio::test]
    async fn an_error_has_the_status_and_reason_that_clients_compare() {
        let cases = [
            (&codes::NO_SUCH_RESOURCE, "404 Not Found"),
            (&codes::RESOURCE_EXISTS, "409 Conflict"),
            (&codes::ACTION_EXISTS, "409 Conflict"),
            (&codes::CERTIFICATE_MISSING, "599 Netscaler specific error"),
            (&codes::NO_SERVICE, "599 Netscaler specific error"),
            (&codes::INVALID_JSON, "400 Bad Request"),
            (&codes::NO_SUCH_ARGUMENT, "400 Bad Request"),
        ];
        for (code, expected) in cases {
            let error = NsError::argument(code, "name", "we\"b9");
            let (line, body) = shown(Reply::error(&error)).await;
            let body: Json = serde_json::from_str(&body).unwrap();

            assert_eq!(line, expected);
            assert_eq!(body["errorcode"], code.code);
            assert_eq!(body["message"], format!("{} [name, we\"b9]", code.text));
            assert_eq!(body["severity"], "ERROR");
        }
    }

    #[tokio::test]
    async fn a_warning_has_a_status_of_its_own_and_stands_in_a_header() {
        let warning = NsError::about(&codes::FEATURE_NOT_ENABLED, "LB");
        let reply = Reply::warned(&[warning], &[]);
        let header = reply.warning.clone().unwrap();

        let (line, body) = shown(reply).await;

        assert_eq!(line, "209 X-NITRO-WARNING");
        assert_eq!(header, "1067 - Feature(s) not enabled [LB]");
        let body: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&body["severity"], &body["errorcode"]),
            (&json!("WARNING"), &json!(1067))
        );
    }

    #[tokio::test]
    async fn a_bulk_answer_tells_of_each_object() {
        let exists = NsError::new(&codes::RESOURCE_EXISTS);

        let (line, body) = shown(Reply::bulk(&[Err(exists), Ok(())])).await;

        assert_eq!(line, "207 Multi Status");
        let body: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(body["errorcode"], 1243);
        assert_eq!(body["response"][0]["errorcode"], 273);
        assert_eq!(body["response"][1]["message"], "Done");
    }
}
