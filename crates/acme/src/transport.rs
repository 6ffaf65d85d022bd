//! The one way requests leave: limits on time, size and number, roots of trust, no redirects.

use std::error::Error;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evercert_types::SharedClock;
use evercert_x509::tls;
use jiff::SignedDuration;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response, Url, redirect};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::client::ClientConfig;
use crate::error::AcmeError;
use crate::fault::TransportFault;
use crate::reply::Reply;
use crate::stage::Stage;

/// How long an unused connection is kept: less than servers do, for they close without asking.
const IDLE: Duration = Duration::from_secs(30);

/// HTTP to one CA; cloning shares its connections.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    request_timeout: Duration,
    max_bytes: usize,
    permits: Arc<Semaphore>,
    gap: Arc<Mutex<Gap>>,
    clock: SharedClock,
    /// How far the CA's clock was ahead of ours at its last dated answer, seconds; `i64::MIN` before the first.
    skew: Arc<AtomicI64>,
}

/// The shortest time between the beginnings of two requests.
#[derive(Debug, Default)]
struct Gap {
    length: Duration,
    next: Option<Instant>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) stage: Stage,
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) accept: Option<&'static str>,
    /// A JWS.
    pub(crate) body: Option<Vec<u8>>,
}

impl Transport {
    /// # Errors
    /// [`AcmeError::Configuration`] for a directory URL that is not HTTPS (plain HTTP is for
    /// loopback) or a CA bundle that cannot be read.
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, AcmeError> {
        let failed = |reason: String| AcmeError::Configuration {
            url: config.directory_url.clone(),
            reason,
        };
        let way = way(&config.directory_url).map_err(failed)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(&config.user_agent)
            .connect_timeout(config.connect_timeout)
            // A request without answer gives its connection up; over HTTP/2 its repetition, and every
            // other request, would follow it down the same dead one.
            .http1_only()
            .pool_idle_timeout(IDLE)
            .https_only(way != Way::PlainLoopback)
            .redirect(redirect::Policy::none())
            .referer(false);
        if way != Way::Network {
            builder = builder.no_proxy();
        }
        if let Some(pem) = &config.ca_bundle_pem {
            let tls = tls::root_store(pem)
                .and_then(|roots| tls::client_config(roots, None, &[b"http/1.1"]))
                .map_err(|error| failed(format!("the CA bundle: {}", with_causes(&error))))?;
            builder = builder.tls_backend_preconfigured(tls);
        }
        Ok(Self {
            http: builder
                .build()
                .map_err(|error| failed(with_causes(&error)))?,
            request_timeout: config.request_timeout,
            max_bytes: config.max_response_bytes,
            permits: Arc::new(Semaphore::new(config.max_concurrent_requests.max(1))),
            gap: Arc::default(),
            clock: config.clock.clone(),
            skew: Arc::new(AtomicI64::new(i64::MIN)),
        })
    }

    /// Sends one request and reads the whole answer, of any status.
    ///
    /// # Errors
    /// [`AcmeError::Transport`], [`AcmeError::Timeout`], or [`AcmeError::Malformed`] when the
    /// answer is too large.
    pub(crate) async fn send(&self, call: Call<'_>, deadline: Instant) -> Result<Reply, AcmeError> {
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        if let Some(turn) = self.turn() {
            tokio::time::sleep_until(turn.min(deadline)).await;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if !matches!(permit, Ok(Ok(_))) || left.is_zero() {
            return Err(out_of_time(&call));
        }
        let started = Instant::now();
        let reply = self.exchange(&call, left.min(self.request_timeout)).await;
        let duration_ms = started.elapsed().as_millis();
        match &reply {
            Ok(reply) => tracing::debug!(
                acme.stage = call.stage.as_str(),
                acme.url = call.url,
                http.status = reply.status,
                duration_ms,
                "asked the CA"
            ),
            Err(error) => tracing::debug!(
                acme.stage = call.stage.as_str(),
                acme.url = call.url,
                error = error as &dyn Error,
                duration_ms,
                "asking the CA failed"
            ),
        }
        reply
    }

    /// Lowers the number of requests that may be under way at once.
    pub(crate) fn bear_at_most(&self, requests: usize) {
        let surplus = self.permits.available_permits().saturating_sub(requests);
        self.permits.forget_permits(surplus);
    }

    /// Lowers the number of requests that may begin in a second.
    pub(crate) fn pace_at_most(&self, per_second: u16) {
        let mut gap = self.gap.lock().unwrap_or_else(PoisonError::into_inner);
        let length = Duration::from_secs(1) / u32::from(per_second.max(1));
        gap.length = gap.length.max(length);
    }

    /// When the next request may begin, if not at once.
    fn turn(&self) -> Option<Instant> {
        let mut gap = self.gap.lock().unwrap_or_else(PoisonError::into_inner);
        if gap.length.is_zero() {
            return None;
        }
        let now = Instant::now();
        let turn = gap.next.map_or(now, |next| next.max(now));
        gap.next = Some(turn + gap.length);
        Some(turn).filter(|turn| *turn > now)
    }

    async fn exchange(&self, call: &Call<'_>, limit: Duration) -> Result<Reply, AcmeError> {
        let mut request = self
            .http
            .request(call.method.clone(), call.url)
            .timeout(limit);
        if let Some(accept) = call.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/jose+json")
                .body(body.clone());
        }
        let lost = |source| failure(call, source);
        let mut response = request.send().await.map_err(lost)?;
        let mut reply = self.begin(call, &response);
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            if reply.body.len() + piece.len() > self.max_bytes {
                return Err(reply.malformed(format!("larger than {} bytes", self.max_bytes)));
            }
            reply.body.extend_from_slice(&piece);
        }
        Ok(reply)
    }

    /// How far the CA's clock is ahead of ours, by the `Date` of its last answer; negative: behind.
    pub(crate) fn clock_skew(&self) -> Option<SignedDuration> {
        let seconds = self.skew.load(Ordering::Relaxed);
        (seconds != i64::MIN).then(|| SignedDuration::from_secs(seconds))
    }

    fn begin(&self, call: &Call<'_>, response: &Response) -> Reply {
        let reply = Reply {
            stage: call.stage,
            url: call.url.to_owned(),
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: Vec::new(),
            received: self.clock.now(),
        };
        if let Some(theirs) = reply.date() {
            let skew = theirs.as_second() - reply.received.as_second();
            self.skew.store(skew, Ordering::Relaxed);
        }
        reply
    }
}

/// How a directory's host is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Over a network, by HTTPS.
    Network,
    /// On this machine, by HTTPS.
    Loopback,
    /// On this machine, by plain HTTP.
    PlainLoopback,
}

fn way(directory_url: &str) -> Result<Way, String> {
    let url = Url::parse(directory_url).map_err(|error| format!("the directory URL: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>();
    let loopback = bare == "localhost" || address.is_ok_and(|ip| ip.is_loopback());
    match (url.scheme(), loopback) {
        ("https", false) => Ok(Way::Network),
        ("https", true) => Ok(Way::Loopback),
        ("http", true) => Ok(Way::PlainLoopback),
        _ => Err("the directory URL must begin with https://".to_owned()),
    }
}

/// The request was lost; or never sent, because the CA gave a URL that is none or not HTTPS.
fn failure(call: &Call<'_>, source: reqwest::Error) -> AcmeError {
    let (stage, url) = (call.stage, call.url.to_owned());
    if source.is_builder() {
        return AcmeError::Malformed {
            stage,
            what: "the CA gave a URL that cannot be asked".to_owned(),
            excerpt: with_causes(&source.without_url()),
            url,
        };
    }
    AcmeError::Transport {
        stage,
        url,
        fault: TransportFault::of(&source),
        cause: source.without_url(),
    }
}

fn out_of_time(call: &Call<'_>) -> AcmeError {
    AcmeError::Timeout {
        stage: call.stage,
        url: call.url.to_owned(),
        last: "unknown".to_owned(),
        retry_after: None,
        source: None,
    }
}

/// For errors whose causes end in a text field of ours.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text.push_str(&format!(": {current}"));
        cause = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_begin_no_faster_than_the_ca_bears() {
        let config = ClientConfig::new("https://ca.example/dir");
        let transport = Transport::new(&config).unwrap();
        assert_eq!((transport.turn(), transport.turn()), (None, None));

        transport.pace_at_most(20);
        transport.pace_at_most(2);
        transport.pace_at_most(50);

        let first = transport.turn();
        let (second, third) = (transport.turn().unwrap(), transport.turn().unwrap());
        assert_eq!(first, None);
        assert_eq!(third - second, Duration::from_millis(500));
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert_eq!(way("https://ca.example/dir"), Ok(Way::Network));
        assert_eq!(way("https://127.0.0.1:14000/dir"), Ok(Way::Loopback));
        for loopback in ["127.0.0.1:1", "[::1]:1", "localhost"] {
            let url = format!("http://{loopback}/dir");
            assert_eq!(way(&url), Ok(Way::PlainLoopback), "{url}");
        }
        for bad in [
            "http://ca.example/dir",
            "ftp://ca.example",
            "ca.example",
            "",
        ] {
            assert!(way(bad).is_err(), "{bad}");
        }
    }
}
