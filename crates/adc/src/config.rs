//! How an ADC instance is started.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evercert_types::{Secret, SharedClock, SystemClock};

/// Everything an instance needs to know before it starts.
#[derive(Clone, Debug)]
pub struct AdcConfig {
    /// The wanted instance name, such as the host name.
    pub name: String,
    /// The configuration, in NetScaler's language.
    pub ns_conf: NsConf,
    /// What becomes of lines of it that cannot be carried out.
    pub unsupported: Unsupported,
    /// Where identity, sealed cache and status socket lie; made with mode 0700 when missing.
    pub state_dir: PathBuf,
    /// The Console to follow; without one, zero touch serves what the sealed cache holds.
    pub console: Option<ConsoleLink>,
    /// The wall clock.
    pub clock: SharedClock,
    /// Where vservers listen instead of their configured address, by vserver name; port 0 takes a free one.
    pub listen: BTreeMap<String, SocketAddr>,
    /// A further port that answers http-01 of CAs and nothing else, where no vserver speaks HTTP at port 80.
    pub challenge_listen: Option<SocketAddr>,
    /// Served where nothing else fits: the name of a certkey, or a name that a zero-touch certificate serves.
    pub default_certificate: Option<String>,
    /// The key file of the sealed cache, such as a systemd credential; default `<state_dir>/cache.key`, made at
    /// first start.
    pub cache_key: Option<PathBuf>,
    /// Limits and timeouts.
    pub limits: Limits,
    /// Where NetScaler's API is offered; nowhere unless asked.
    pub nitro: NitroConfig,
}

/// Where NITRO, NetScaler's HTTP API, is offered besides the status socket.
#[derive(Clone, Debug, Default)]
pub struct NitroConfig {
    /// Address of HTTPS.
    pub https: Option<SocketAddr>,
    /// Address of HTTP, where passwords travel in clear text.
    pub http: Option<SocketAddr>,
    /// From where HTTP may be reached.
    pub http_exposure: Exposure,
    /// The certkey HTTPS is served with; default `ns-server-certificate`. One without files is stood in for by a
    /// certificate made once in the state directory.
    pub certificate: Option<String>,
}

/// From where something may be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// From this machine.
    #[default]
    Loopback,
    /// From everywhere.
    Anywhere,
}

/// An `ns.conf`.
#[derive(Clone, Debug, Default)]
pub struct NsConf {
    /// Its commands, one a line.
    pub text: String,
    /// Where it lies: certificate files are relative to its directory, and errors name it.
    pub path: PathBuf,
}

/// What becomes of lines of ns.conf that are not supported, or cannot be carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// The instance does not start; all of them are told.
    #[default]
    Fail,
    /// They are left out, and reported with their numbers; `save ns config` writes them back.
    Skip,
}

/// How to reach the Console.
#[derive(Clone, Debug)]
pub struct ConsoleLink {
    /// Its base URL, `https://host:port`.
    pub url: String,
    /// One-time enrolment token; not needed once an identity is in the state directory.
    pub enroll_token: Option<Secret<String>>,
    /// How often to ask when not long-polling, and the longest back-off; default 600 s.
    pub poll_interval: Duration,
    /// Whether to wait at the Console for changes.
    pub polling: Polling,
    /// Limit for connecting; default 10 s.
    pub connect_timeout: Duration,
    /// Limit for one answer, on top of the time it was asked to wait; default 30 s.
    pub request_timeout: Duration,
}

/// Whether to wait at the Console for changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polling {
    /// A call waits up to 55 s, so that a change arrives at once.
    #[default]
    Long,
    /// Ask every `poll_interval` and be answered at once.
    Plain,
}

/// Limits and timeouts of the data plane.
#[derive(Clone, Debug)]
pub struct Limits {
    /// TLS handshakes under way at once; further ones wait. Default 1024.
    pub handshakes: usize,
    /// For the whole handshake, waiting included. Default 10 s.
    pub handshake_timeout: Duration,
    /// Keys kept parsed. Default 50,000.
    pub hot_keys: usize,
    /// Header lines of a request. Default 100.
    pub headers: usize,
    /// Bytes of a request's head. Default 64 KiB.
    pub header_bytes: usize,
    /// From the end of one request to the end of the next one's head (HTTP/1), or without any request (HTTP/2);
    /// overridden by the vserver's `-cltTimeout`. Default 180 s.
    pub client_idle: Duration,
    /// Without a byte of a body or of an answer going either way. Default 60 s.
    pub body_idle: Duration,
    /// Without a byte of a WebSocket or of a raw connection. Default 1 h for those without `-cltTimeout`.
    pub tunnel_idle: Duration,
    /// Bytes of a request's body; none by default.
    pub body_bytes: Option<u64>,
    /// Concurrent requests of one HTTP/2 connection. Default 128.
    pub http2_streams: u32,
    /// For a connection to a service, TLS included. Default 5 s.
    pub connect_timeout: Duration,
    /// For the head of a service's answer; overridden by its `-svrTimeout`. Default 360 s.
    pub response_timeout: Duration,
    /// Idle connections kept to a service. Default 64.
    pub idle_connections: usize,
    /// Idle connections kept to a service on behalf of clients with certificates of their own (DC2G), all together.
    /// Default 10,000.
    pub client_connections: usize,
    /// How long they are kept. Default 30 s.
    pub idle_connection_timeout: Duration,
    /// What becomes of header names with underscores. Default: refused.
    pub underscores: UnderscoreHeaders,
    /// How often validity is looked at. Default 1 s.
    pub tick: Duration,
}

/// What becomes of request headers whose names contain underscores, which CGI-like services cannot tell from
/// hyphens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnderscoreHeaders {
    /// The request is answered with 400.
    #[default]
    Refuse,
    /// They are removed.
    Remove,
    /// They are passed on.
    Pass,
}

impl AdcConfig {
    /// A configuration with defaults: system clock, no Console, no overrides.
    pub fn new(ns_conf: NsConf, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            name: "adc".to_owned(),
            ns_conf,
            unsupported: Unsupported::default(),
            state_dir: state_dir.into(),
            console: None,
            clock: Arc::new(SystemClock),
            listen: BTreeMap::new(),
            challenge_listen: None,
            default_certificate: None,
            cache_key: None,
            limits: Limits::default(),
            nitro: NitroConfig::default(),
        }
    }
}

impl ConsoleLink {
    /// A link with defaults: long-poll, 600 s otherwise.
    pub fn new(url: impl Into<String>, enroll_token: Option<Secret<String>>) -> Self {
        Self {
            url: url.into(),
            enroll_token,
            poll_interval: Duration::from_secs(evercert_api::sync::DEFAULT_POLL_SECS.into()),
            polling: Polling::Long,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes: 1024,
            handshake_timeout: Duration::from_secs(10),
            hot_keys: 50_000,
            headers: 100,
            header_bytes: 64 << 10,
            client_idle: Duration::from_secs(180),
            body_idle: Duration::from_secs(60),
            tunnel_idle: Duration::from_secs(3600),
            body_bytes: None,
            http2_streams: 128,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(360),
            idle_connections: 64,
            client_connections: 10_000,
            idle_connection_timeout: Duration::from_secs(30),
            underscores: UnderscoreHeaders::Refuse,
            tick: Duration::from_secs(1),
        }
    }
}
