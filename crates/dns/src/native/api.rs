//! What the hand-written HTTP providers share: sending with patience, and telling what an answer means.

use std::sync::Arc;
use std::time::Duration;

use evercert_types::Secret;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::account::{Account, Pace};
use crate::error::{DnsError, Fault, Step};
use crate::http::{self, Reply};
use crate::provider::Context;

/// How often a request is sent that was told to come later, or whose connection failed.
const TRIES: u32 = 3;
/// The longest wait that is waited here; a longer one is told to the caller.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Whether a request that may have been carried out is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It reads, or does the same a second time.
    Always,
    /// Only when the service said that it did nothing.
    WhenRefused,
}

/// One account at one service.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) code: &'static str,
    pub(super) client: Client,
    /// Without final slash.
    pub(super) base: String,
    /// What must not be shown.
    pub(super) secrets: Vec<Secret<String>>,
    timeout: Duration,
    account: Arc<Account>,
}

impl Api {
    /// # Errors
    /// When the URL or the CA bundle cannot be used.
    pub(super) fn new(
        code: &'static str,
        base: &str,
        ca_bundle: Option<&str>,
        context: &Context,
    ) -> Result<Self, DnsError> {
        let url = http::base_url(code, base).map_err(|error| error.of_setting("base_url"))?;
        Self::at(code, &url, ca_bundle, context)
    }

    /// At a URL that [`http::base_url`] has read.
    ///
    /// # Errors
    /// When the CA bundle cannot be used.
    pub(super) fn at(
        code: &'static str,
        url: &reqwest::Url,
        ca_bundle: Option<&str>,
        context: &Context,
    ) -> Result<Self, DnsError> {
        Ok(Self {
            code,
            client: http::client(code, url, ca_bundle)?,
            base: url.as_str().trim_end_matches('/').to_owned(),
            secrets: Vec::new(),
            timeout: context.request_timeout,
            account: context.accounts.account(Pace::default()),
        })
    }

    /// For the metadata service of a cloud: a link-local address, asked directly.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub(super) fn metadata(
        code: &'static str,
        url: &str,
        context: &Context,
    ) -> Result<Self, DnsError> {
        let wrong = || DnsError::setting(code, "metadata_url is no http:// or https:// URL");
        let url: reqwest::Url = url.parse().map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        Ok(Self {
            code,
            client: http::metadata_client(code, &url)?,
            base: url.as_str().trim_end_matches('/').to_owned(),
            secrets: Vec::new(),
            timeout: context.request_timeout,
            account: context.accounts.account(Pace::default()),
        })
    }

    /// Sends a request, again where that may help; it is made anew each time, for its signature.
    pub(super) async fn send(
        &self,
        step: Step,
        repeat: Repeat,
        make: impl Fn() -> RequestBuilder + Send + Sync,
    ) -> Result<Reply, DnsError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let last = attempt >= TRIES;
            let request = make().timeout(self.timeout);
            let place = self.account.place().await;
            let sent = http::send(self.code, step, request).await;
            drop(place);
            let reply = match sent {
                Ok(reply) => reply,
                Err(error) if last || repeat == Repeat::WhenRefused || !error.is_retryable() => {
                    return Err(error);
                }
                Err(_) => {
                    tokio::time::sleep(pause(attempt, None)).await;
                    continue;
                }
            };
            let again = match reply.status.as_u16() {
                429 | 503 => true,
                502 | 504 => repeat == Repeat::Always,
                _ => false,
            };
            let wait = pause(attempt, reply.retry_after);
            if !again || last || wait > LONGEST_WAIT {
                return Ok(reply);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// The error that an answer is, by its status; `words` are the service's own.
    pub(super) fn refused(&self, step: Step, reply: &Reply, words: &str) -> DnsError {
        let (fault, what) = match reply.status.as_u16() {
            401 => (Fault::Credentials, "the credentials are not accepted"),
            403 => (Fault::Permission, "the credentials may not do this"),
            404 => (Fault::Zone, "the service does not hold this zone or record"),
            408 | 425 | 429 | 500..=599 => (Fault::Provider, "the service is busy or failed"),
            _ => (Fault::Provider, "the service refused"),
        };
        let error = self.error(step, fault, what, reply, words);
        match reply.status.as_u16() {
            408 | 425 | 429 | 500..=599 => error,
            _ => error.permanent(),
        }
    }

    /// An error with the answer's status and words.
    pub(super) fn error(
        &self,
        step: Step,
        fault: Fault,
        what: &str,
        reply: &Reply,
        words: &str,
    ) -> DnsError {
        let secrets: Vec<&Secret<String>> = self.secrets.iter().collect();
        DnsError::new(self.code, step, fault, what)
            .with_status(format!("HTTP {}", reply.status.as_u16()))
            .with_words(words, &secrets)
            .with_retry_after(reply.retry_after)
    }

    /// An answer that says success and is none.
    pub(super) fn strange(&self, step: Step, reply: &Reply) -> DnsError {
        let what = "the answer is not what this service answers";
        self.error(step, Fault::Provider, what, reply, &reply.text())
    }

    /// A success as JSON.
    pub(super) fn json(&self, step: Step, reply: &Reply) -> Result<Value, DnsError> {
        serde_json::from_slice(&reply.body).map_err(|_| self.strange(step, reply))
    }

    /// A service that has not the zone.
    pub(super) fn no_zone(&self, fqdn: &str, hint: Option<&str>) -> DnsError {
        let what = match hint {
            Some(hint) => format!("the account has no zone {hint}"),
            None => "the account holds no zone of that name".to_owned(),
        };
        DnsError::new(self.code, Step::FindZone, Fault::Zone, what)
            .at_name(fqdn)
            .with_remedy("add the zone to the account, let the credentials see it, or map the domain to another DNS provider")
    }
}

fn pause(attempt: u32, asked: Option<Duration>) -> Duration {
    asked.unwrap_or_else(|| Duration::from_millis(250 << attempt.min(6)))
}

/// The relative name in a zone; empty for the zone's own.
pub(super) fn relative<'a>(fqdn: &'a str, zone: &str) -> &'a str {
    fqdn.strip_suffix(zone)
        .unwrap_or(fqdn)
        .trim_end_matches('.')
}
