//! One CA: its directory, its connections, its nonces, and signed requests to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evercert_types::{SharedClock, SystemClock};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::directory::Directory;
use crate::error::AcmeError;
use crate::jws::{self, KeyName};
use crate::key::AccountKey;
use crate::nonce::{self, NoncePool};
use crate::pace::Pace;
use crate::problem::{Problem, ProblemKind};
use crate::reply::Reply;
use crate::stage::Stage;
use crate::transport::{Call, Transport};
use crate::vendors;

/// How to reach a CA.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The directory's URL; HTTPS, but for loopback.
    pub directory_url: String,
    /// The only roots to trust for the CA's HTTPS; without it, those of the platform.
    pub ca_bundle_pem: Option<String>,
    /// `evercert/<version>`; RFC 8555 §6.1 wants one.
    pub user_agent: String,
    /// Limit for the TCP and TLS handshakes: 10 s.
    pub connect_timeout: Duration,
    /// Limit for one request with its answer: 30 s.
    pub request_timeout: Duration,
    /// Limit for one call of this crate with all its repetitions: 60 s. Polls have a deadline of
    /// their own.
    pub operation_timeout: Duration,
    /// How often a request that was lost or met an outage is repeated: 5.
    pub retries: u32,
    /// The largest answer that is read: 1 MiB.
    pub max_response_bytes: usize,
    /// How many requests may be under way at once: 32, or fewer where the table of
    /// [`vendors`](crate::vendors) says that the CA bears no more.
    pub max_concurrent_requests: usize,
    /// How many requests may begin in a second: any number, or fewer where the same table says so.
    pub requests_per_second: Option<u16>,
    /// The shortest time between two looks at an object, where the CA names none: 50 ms, or longer likewise.
    pub min_poll_interval: Duration,
    /// Tells the time for `Retry-After` dates of CAs that send no `Date`.
    pub clock: SharedClock,
}

/// One CA, connected; cloning shares connections and nonces.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ClientConfig,
    transport: Transport,
    directory: Directory,
    nonces: NoncePool,
    min_poll_interval: Duration,
    /// Whether a URL of the directory was answered as if nothing were there.
    outdated: AtomicBool,
}

/// Whether a request may be sent again when no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is the same as once.
    Safe,
    /// Only if the first surely did not arrive.
    IfNeverArrived,
    /// The caller does it.
    Never,
}

/// A request to be signed.
#[derive(Clone, Debug)]
pub(crate) struct Post<'a> {
    pub(crate) stage: Stage,
    pub(crate) url: &'a str,
    /// JSON; empty for POST-as-GET (RFC 8555 §6.3).
    pub(crate) payload: Vec<u8>,
    pub(crate) accept: Option<&'static str>,
    pub(crate) repeat: Repeat,
}

impl<'a> Post<'a> {
    /// Asks for something to be done.
    pub(crate) fn act(stage: Stage, url: &'a str, payload: &Value, repeat: Repeat) -> Self {
        Self {
            stage,
            url,
            payload: payload.to_string().into_bytes(),
            accept: None,
            repeat,
        }
    }

    /// POST-as-GET.
    pub(crate) const fn read(stage: Stage, url: &'a str, repeat: Repeat) -> Self {
        Self {
            stage,
            url,
            payload: Vec::new(),
            accept: None,
            repeat,
        }
    }
}

impl ClientConfig {
    /// The defaults for a directory.
    pub fn new(directory_url: impl Into<String>) -> Self {
        Self {
            directory_url: directory_url.into(),
            ca_bundle_pem: None,
            user_agent: concat!("evercert/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(60),
            retries: 5,
            max_response_bytes: 1 << 20,
            max_concurrent_requests: 32,
            requests_per_second: None,
            min_poll_interval: Duration::from_millis(50),
            clock: Arc::new(SystemClock),
        }
    }
}

impl Client {
    /// Reads the CA's directory.
    ///
    /// # Errors
    /// [`AcmeError::Configuration`] for settings that cannot be used, [`AcmeError::Directory`] when
    /// the directory cannot be read or lacks what RFC 8555 §7.1.1 requires.
    pub async fn connect(config: ClientConfig) -> Result<Self, AcmeError> {
        let transport = Transport::new(&config)?;
        Self::with_transport(config, transport).await
    }

    /// A client with the directory read anew: CAs move URLs without notice, so do it daily.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn reload(&self) -> Result<Self, AcmeError> {
        Self::with_transport(self.0.config.clone(), self.0.transport.clone()).await
    }

    /// What the CA offers.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Whether the CA tells when to renew (RFC 9773).
    pub fn has_ari(&self) -> bool {
        self.0.directory.renewal_info.is_some()
    }

    /// How far the CA's clock is ahead of the given one, by the `Date` of its last answer; negative: behind.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        self.0.transport.clock_skew()
    }

    /// Whether the CA answered 404 or 405 at a URL of its directory: it may have moved, and the directory should be
    /// read anew. (A 404 may also mean that the CA does not know a certificate.)
    pub fn is_outdated(&self) -> bool {
        self.0.outdated.load(Ordering::Relaxed)
    }

    /// The shortest time between two looks at an object, where the CA names none.
    pub(crate) fn min_poll_interval(&self) -> Duration {
        self.0.min_poll_interval
    }

    /// Asks for a nonce and keeps it: a cheap way to see whether the CA works beyond its directory.
    ///
    /// # Errors
    /// [`AcmeError::Nonce`].
    pub async fn probe(&self) -> Result<(), AcmeError> {
        let nonce = self.fetch_nonce(self.deadline()).await?;
        self.0.nonces.put(nonce, Instant::now());
        Ok(())
    }

    /// When a call that begins now has to end.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.0.config.operation_timeout
    }

    /// An unsigned GET, repeated while it may help.
    pub(crate) async fn get(
        &self,
        stage: Stage,
        url: &str,
        deadline: Instant,
    ) -> Result<Reply, AcmeError> {
        let retries = self.0.config.retries;
        let reply = get(&self.0.transport, retries, stage, url, deadline).await;
        self.note_missing(url, reply.as_ref().err());
        reply
    }

    /// CAs move URLs without notice; Let's Encrypt did so with renewal information in July 2025.
    fn note_missing(&self, url: &str, error: Option<&AcmeError>) {
        let status = match error {
            Some(AcmeError::Status { status, .. }) => Some(*status),
            Some(AcmeError::Problem(problem)) => problem.status,
            _ => None,
        };
        if matches!(status, Some(404 | 405)) && self.0.directory.lists(url) {
            self.0.outdated.store(true, Ordering::Relaxed);
        }
    }

    /// A signed request, repeated as far as `post.repeat` allows.
    pub(crate) async fn post(
        &self,
        key: &AccountKey,
        name: KeyName<'_>,
        post: &Post<'_>,
        deadline: Instant,
    ) -> Result<Reply, AcmeError> {
        let mut pace = Pace::new(self.0.config.retries, deadline);
        loop {
            let error = match self.post_once(key, name, post, deadline).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let again = match post.repeat {
                Repeat::Safe => error.passes_soon(),
                Repeat::IfNeverArrived => error.never_arrived(),
                Repeat::Never => false,
            };
            if !again || !pace.pause(error.retry_after()).await {
                return Err(error);
            }
        }
    }

    /// A signed request, signed anew with the nonce of each refusal for its nonce (RFC 8555 §6.5).
    async fn post_once(
        &self,
        key: &AccountKey,
        name: KeyName<'_>,
        post: &Post<'_>,
        deadline: Instant,
    ) -> Result<Reply, AcmeError> {
        let mut nonce = self.nonce(deadline).await?;
        let mut refusal = None;
        for _ in 0..nonce::TRIES {
            let body = jws::sign(key, name, Some(&nonce), post.url, &post.payload)?;
            let call = Call {
                stage: post.stage,
                method: Method::POST,
                url: post.url,
                accept: post.accept,
                body: Some(body),
            };
            let reply = self.0.transport.send(call, deadline).await?;
            let fresh = reply.nonce();
            let checked = reply.check();
            self.note_missing(post.url, checked.as_ref().err());
            match checked {
                Err(AcmeError::Problem(problem)) if problem.kind() == ProblemKind::BadNonce => {
                    refusal = Some(problem);
                    nonce = match fresh {
                        Some(fresh) => fresh,
                        None => self.nonce(deadline).await?,
                    };
                }
                result => {
                    if let Some(fresh) = fresh {
                        self.0.nonces.put(fresh, Instant::now());
                    }
                    return result;
                }
            }
        }
        Err(self.nonces_refused(refusal))
    }

    async fn nonce(&self, deadline: Instant) -> Result<String, AcmeError> {
        match self.0.nonces.take(Instant::now()) {
            Some(nonce) => Ok(nonce),
            None => self.fetch_nonce(deadline).await,
        }
    }

    /// HEAD of newNonce, and GET where HEAD brings none (RFC 8555 §7.2).
    async fn fetch_nonce(&self, deadline: Instant) -> Result<String, AcmeError> {
        let url = &self.0.directory.new_nonce;
        let failed = |reason: &str, cause| AcmeError::Nonce {
            url: url.clone(),
            reason: reason.to_owned(),
            cause,
        };
        for method in [Method::HEAD, Method::GET] {
            let call = Call {
                stage: Stage::Nonce,
                method: method.clone(),
                url,
                accept: None,
                body: None,
            };
            let reply = self.0.transport.send(call, deadline).await;
            match reply.and_then(|reply| Ok((reply.nonce(), reply.check()?))) {
                Ok((Some(nonce), _)) => return Ok(nonce),
                Err(AcmeError::Status { status: 405, .. }) if method == Method::HEAD => {}
                Err(error) => {
                    self.note_missing(url, Some(&error));
                    return Err(failed("the request failed", Some(Box::new(error))));
                }
                Ok((None, _)) => {}
            }
        }
        Err(failed("the answer has no usable Replay-Nonce header", None))
    }

    fn nonces_refused(&self, refusal: Option<Box<Problem>>) -> AcmeError {
        tracing::warn!(
            acme.directory = self.0.directory.url,
            tries = nonce::TRIES,
            "the CA refuses every nonce it gives"
        );
        AcmeError::Nonce {
            url: self.0.directory.new_nonce.clone(),
            reason: format!("the CA refused {} nonces in a row", nonce::TRIES),
            cause: refusal.map(|problem| Box::new(AcmeError::Problem(problem))),
        }
    }

    async fn with_transport(config: ClientConfig, transport: Transport) -> Result<Self, AcmeError> {
        let url = &config.directory_url;
        let deadline = Instant::now() + config.operation_timeout;
        let reply = get(&transport, config.retries, Stage::Directory, url, deadline)
            .await
            .map_err(|error| AcmeError::Directory {
                url: url.clone(),
                reason: "it could not be read".to_owned(),
                cause: Some(Box::new(error)),
            })?;
        let directory = Directory::from_reply(&reply)?;
        let vendor = vendors::recognise(&directory);
        if let Some(vendor) = vendor {
            transport.bear_at_most(vendor.max_concurrent_requests);
        }
        let known = vendor.and_then(|vendor| vendor.requests_per_second);
        for per_second in [known, config.requests_per_second].into_iter().flatten() {
            transport.pace_at_most(per_second);
        }
        let known = vendor.map_or(Duration::ZERO, |vendor| vendor.min_poll_interval);
        let min_poll_interval = config.min_poll_interval.max(known);
        Ok(Self(Arc::new(Inner {
            config,
            transport,
            directory,
            nonces: NoncePool::default(),
            min_poll_interval,
            outdated: AtomicBool::new(false),
        })))
    }
}

async fn get(
    transport: &Transport,
    retries: u32,
    stage: Stage,
    url: &str,
    deadline: Instant,
) -> Result<Reply, AcmeError> {
    let mut pace = Pace::new(retries, deadline);
    loop {
        let call = Call {
            stage,
            method: Method::GET,
            url,
            accept: Some("application/json"),
            body: None,
        };
        let error = match transport.send(call, deadline).await.and_then(Reply::check) {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        if !error.passes_soon() || !pace.pause(error.retry_after()).await {
            return Err(error);
        }
    }
}
