//! Calls to the Console: JSON over HTTPS, with limits on time and size.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use evercert_api::Problem;
use evercert_api::sync::POLL_AFTER_HEADER;
use http::{StatusCode, header};
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::config::ConsoleLink;

/// Longest answer that is read.
const MAX_ANSWER: usize = 256 << 20;

/// A connection pool to one Console, with one identity.
#[derive(Debug)]
pub(crate) struct ConsoleClient {
    http: reqwest::Client,
    base: String,
    request_timeout: Duration,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    pub(crate) status: StatusCode,
    /// The body; none for 204 and 304.
    pub(crate) body: Option<R>,
    /// When the Console wants to be asked next, not long-polling.
    pub(crate) poll_after: Option<Duration>,
}

/// A call did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("calling {url}")]
    Transport {
        url: String,
        #[source]
        source: Innermost,
    },
    #[error("the Console answered {call} with {status}{}", detail(problem.as_deref()))]
    Status {
        call: &'static str,
        status: StatusCode,
        problem: Option<Box<Problem>>,
        retry_after: Option<Duration>,
    },
    #[error("the Console's answer to {call} cannot be read")]
    Malformed {
        call: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("the Console's answer to {call} is longer than {MAX_ANSWER} octets")]
    TooLong { call: &'static str },
}

/// The HTTP client's error, told by its last cause alone: the layers above it only say that a request was made.
#[derive(Debug)]
pub(crate) struct Innermost(reqwest::Error);

impl fmt::Display for Innermost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut innermost: &dyn Error = &self.0;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        write!(f, "{innermost}")
    }
}

impl Error for Innermost {}

/// How a call to an address fails.
fn transport(url: &str) -> impl Fn(reqwest::Error) -> CallError {
    move |source| CallError::Transport {
        url: url.to_owned(),
        source: Innermost(source.without_url()),
    }
}

fn detail(problem: Option<&Problem>) -> String {
    problem.map_or_else(String::new, |problem| format!(": {}", problem.detail))
}

impl CallError {
    /// What the Console wants to be waited for.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The HTTP status, if there was an answer.
    pub(crate) const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the Console does not know this instance, or not any more.
    pub(crate) fn is_unknown_identity(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::UNAUTHORIZED)
    }

    /// What to do about it, in the Console's words where it has any.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Status {
                problem: Some(problem),
                ..
            } if problem.remedy.is_some() => problem.remedy.clone().unwrap_or_default(),
            Self::Transport { .. } => {
                "Check that the Console runs and can be reached; certificates are served meanwhile."
                    .to_owned()
            }
            _ => "Look at the Console's log; certificates are served meanwhile.".to_owned(),
        }
    }
}

impl ConsoleClient {
    /// A client with the given TLS settings.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub(crate) fn new(link: &ConsoleLink, tls: ClientConfig) -> Result<Self, CallError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(link.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(90))
            .user_agent(concat!("evercert-adc/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(transport(&link.url))?;
        Ok(Self {
            http,
            base: link.url.trim_end_matches('/').to_owned(),
            request_timeout: link.request_timeout,
        })
    }

    /// Posts to a path; the Console may take `wait` longer than usual.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn post<B: Serialize + Sync, R: DeserializeOwned>(
        &self,
        call: &'static str,
        body: &B,
        wait: Duration,
    ) -> Result<Answer<R>, CallError> {
        let url = format!("{}{call}", self.base);
        let json = serde_json::to_vec(body);
        let json = json.map_err(|source| CallError::Malformed { call, source })?;
        let response = self
            .http
            .post(&url)
            .header(header::CONTENT_TYPE, "application/json")
            .timeout(self.request_timeout + wait)
            .body(json)
            .send()
            .await
            .map_err(transport(&url))?;
        let poll_after = seconds(response.headers(), POLL_AFTER_HEADER);
        let retry_after = seconds(response.headers(), header::RETRY_AFTER.as_str());
        let status = response.status();
        let bytes = read(call, &url, response).await?;
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok(Answer {
                status,
                body: None,
                poll_after,
            });
        }
        if !status.is_success() {
            return Err(CallError::Status {
                call,
                status,
                problem: serde_json::from_slice(&bytes).ok().map(Box::new),
                retry_after,
            });
        }
        let body = serde_json::from_slice(&bytes);
        Ok(Answer {
            status,
            body: Some(body.map_err(|source| CallError::Malformed { call, source })?),
            poll_after,
        })
    }
}

/// Reads an answer into memory that is wiped afterwards: it may hold keys.
async fn read(
    call: &'static str,
    url: &str,
    mut response: reqwest::Response,
) -> Result<Zeroizing<Vec<u8>>, CallError> {
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(transport(url))? {
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Err(CallError::TooLong { call });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn seconds(headers: &http::HeaderMap, name: &str) -> Option<Duration> {
    let text = headers.get(name)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
