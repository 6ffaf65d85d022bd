//! One HTTP answer of a CA, and what its headers and body mean.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LINK, LOCATION, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::AcmeError;
use crate::link;
use crate::problem::{Problem, ProblemKind};
use crate::stage::Stage;
use crate::wire::excerpt;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) stage: Stage,
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Our clock when it came, for dates without a `Date` header to compare with.
    pub(crate) received: Timestamp,
}

impl Reply {
    /// The nonce for the next request, if it is one (RFC 8555 §6.5.1).
    pub(crate) fn nonce(&self) -> Option<String> {
        let nonce = self.header("replay-nonce")?;
        let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=');
        (!nonce.is_empty() && nonce.bytes().all(base64url)).then(|| nonce.to_owned())
    }

    /// How long to wait, by `Retry-After` in seconds or as date (RFC 9110 §10.2.3).
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let at = Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()?;
        Some(self.until(at))
    }

    /// What kind of content it says it is, without parameters, in lower case.
    pub(crate) fn content_type(&self) -> String {
        let text = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let bare = text.split(';').next().unwrap_or_default();
        bare.trim().to_ascii_lowercase()
    }

    /// The `Location`, made absolute.
    ///
    /// # Errors
    /// [`AcmeError::Malformed`] when it is missing.
    pub(crate) fn location(&self) -> Result<String, AcmeError> {
        let location = self.header(LOCATION.as_str()).filter(|l| !l.is_empty());
        location
            .map(|location| self.absolute(location))
            .ok_or_else(|| self.malformed("the answer has no Location header".to_owned()))
    }

    /// The absolute targets of its links with this relation.
    pub(crate) fn links(&self, relation: &str) -> Vec<String> {
        let headers = self.headers.get_all(LINK);
        let texts = headers.iter().filter_map(|value| value.to_str().ok());
        link::targets(texts, relation)
            .iter()
            .map(|target| self.absolute(target))
            .collect()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`AcmeError::Malformed`] when it is something else, or cut off.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, AcmeError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            self.malformed(format!("the answer is not the JSON of ACME ({error})"))
        })
    }

    /// Passes 2xx on, and makes everything else the error it is.
    ///
    /// # Errors
    /// [`AcmeError::Redirect`], [`AcmeError::Problem`] or [`AcmeError::Status`].
    pub(crate) fn check(self) -> Result<Self, AcmeError> {
        match self.status {
            200..=299 => Ok(self),
            300..=399 => Err(AcmeError::Redirect {
                location: self
                    .header(LOCATION.as_str())
                    .unwrap_or("nowhere")
                    .to_owned(),
                stage: self.stage,
                url: self.url,
            }),
            _ => match self.problem() {
                Some(problem) => Err(AcmeError::Problem(Box::new(problem))),
                None => Err(AcmeError::Status {
                    stage: self.stage,
                    status: self.status,
                    excerpt: excerpt(&self.body),
                    retry_after: self.retry_after(),
                    url: self.url,
                }),
            },
        }
    }

    /// An error about this answer's content.
    pub(crate) fn malformed(&self, what: String) -> AcmeError {
        AcmeError::Malformed {
            stage: self.stage,
            url: self.url.clone(),
            what,
            excerpt: excerpt(&self.body),
        }
    }

    fn problem(&self) -> Option<Problem> {
        let value: Value = serde_json::from_slice(&self.body).ok()?;
        let members = ["type", "detail", "title"];
        if !members.iter().any(|member| value.get(member).is_some()) {
            return None;
        }
        let mut problem = Problem::from_json(&value);
        problem.verbatim = String::from_utf8_lossy(&self.body).into_owned();
        problem.status = Some(self.status);
        problem.stage = Some(self.stage);
        // Both are the CA's word: the later one is safe.
        problem.retry_after = self.retry_after().max(self.date_in_detail(&problem));
        Some(problem)
    }

    /// Let's Encrypt writes `retry after 2026-01-05 12:34:56 UTC` into the detail.
    fn date_in_detail(&self, problem: &Problem) -> Option<Duration> {
        let detail = problem.detail.as_deref()?;
        let (_, after) = detail.split_once("retry after ")?;
        let text = after
            .get(..19)
            .filter(|_| problem.kind() == ProblemKind::RateLimited)?;
        let at: Timestamp = format!("{}Z", text.replacen(' ', "T", 1)).parse().ok()?;
        Some(self.until(at))
    }

    /// From the answer's own `Date`, so that a skewed clock here does not matter.
    fn until(&self, at: Timestamp) -> Duration {
        let wait: SignedDuration = at.duration_since(self.date().unwrap_or(self.received));
        wait.try_into().unwrap_or(Duration::ZERO)
    }

    /// The server's clock when it answered (RFC 9110 §6.6.1).
    pub(crate) fn date(&self) -> Option<Timestamp> {
        self.header(DATE.as_str())
            .and_then(|text| httpdate::parse_http_date(text).ok())
            .and_then(|time: SystemTime| Timestamp::try_from(time).ok())
    }

    fn absolute(&self, target: &str) -> String {
        reqwest::Url::parse(&self.url)
            .and_then(|base| base.join(target))
            .map_or_else(|_| target.to_owned(), String::from)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> Reply {
        Reply {
            stage: Stage::NewOrder,
            url: "https://ca.test/new-order".to_owned(),
            status,
            headers: headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect(),
            body: body.as_bytes().to_vec(),
            received: "2026-01-05T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_date() {
        let by_seconds = reply(200, &[("retry-after", "7")], "");
        let by_our_clock = reply(200, &[("retry-after", "Mon, 05 Jan 2026 12:01:00 GMT")], "");
        let by_its_clock = reply(
            200,
            &[
                ("retry-after", "Mon, 05 Jan 2026 13:00:30 GMT"),
                ("date", "Mon, 05 Jan 2026 13:00:00 GMT"),
            ],
            "",
        );
        let past = reply(200, &[("retry-after", "Mon, 05 Jan 2026 11:00:00 GMT")], "");
        let garbled = reply(200, &[("retry-after", "-1 or so")], "");

        assert_eq!(by_seconds.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(by_our_clock.retry_after(), Some(Duration::from_secs(60)));
        assert_eq!(by_its_clock.retry_after(), Some(Duration::from_secs(30)));
        assert_eq!(past.retry_after(), Some(Duration::ZERO));
        assert_eq!(garbled.retry_after(), None);
    }

    #[test]
    fn a_rate_limit_date_in_the_detail_is_understood() {
        let body = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates already issued, retry after 2026-01-05 12:34:56 UTC: see https://ca.test/limits"}"#;

        let error = reply(429, &[], body).check().unwrap_err();
        let asked = |seconds| {
            let reply = reply(429, &[("retry-after", seconds)], body);
            reply.check().unwrap_err().retry_after()
        };

        let by_date = Some(Duration::from_secs(34 * 60 + 56));
        assert_eq!(error.retry_after(), by_date);
        assert_eq!(asked("60"), by_date);
        assert_eq!(asked("7200"), Some(Duration::from_secs(7_200)));
        assert_eq!(error.problem().unwrap().verbatim, body);
        assert_eq!(error.stage(), Some(Stage::NewOrder));
    }

    #[test]
    fn errors_without_a_problem_show_the_body_s_beginning() {
        let html = reply(
            502,
            &[("content-type", "text/html")],
            "<h1>Bad gateway</h1>",
        );
        let gateway = reply(403, &[], r#"{"message":"Missing Authentication Token"}"#);

        let html = html.check().unwrap_err();
        let gateway = gateway.check().unwrap_err();

        assert!(
            html.to_string()
                .ends_with("HTTP 502 and no ACME problem, but: <h1>Bad gateway</h1>")
        );
        assert!(gateway.to_string().contains("Missing Authentication Token"));
        assert!(html.is_retryable() && !gateway.is_retryable());
    }

    #[test]
    fn locations_and_links_become_absolute() {
        let relative = reply(
            201,
            &[
                ("location", "/order/1"),
                ("link", "</c/1>;rel=\"alternate\""),
            ],
            "",
        );

        assert_eq!(relative.location().unwrap(), "https://ca.test/order/1");
        assert_eq!(relative.links("alternate"), ["https://ca.test/c/1"]);
        assert!(reply(201, &[], "").location().is_err());
    }

    #[test]
    fn only_base64url_is_a_nonce() {
        assert!(
            reply(200, &[("replay-nonce", "a-B_9")], "")
                .nonce()
                .is_some()
        );
        assert!(reply(200, &[("replay-nonce", "a b")], "").nonce().is_none());
        assert!(reply(200, &[], "").nonce().is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_body_of_an_error_becomes_an_error(status in 400u16..600, body in "\\PC{0,300}") {
            let error = reply(status, &[], &body).check().unwrap_err();
            proptest::prop_assert!(!error.to_string().is_empty());
            proptest::prop_assert!(!error.remedy().is_empty());
        }
    }
}
