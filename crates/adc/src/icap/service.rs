//! An ICAP service: the servers of one action, tried one after another.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_ns::expr::{Expr, Request};
use http::{HeaderName, HeaderValue};

use super::error::IcapError;
use super::message::{self};
use super::options::{Capabilities, Treatment};
use super::source::Source;
use super::target::{Reuse, Target};
use super::transaction::{Message, Outcome, Plan, run};
use crate::traffic::backend::Service;
use crate::traffic::body::MessageBody;
use crate::traffic::lb::Balancer;

/// Bytes of a body kept so that it can be sent on as it was.
const KEPT: usize = 1 << 20;

/// How to speak to the servers (`ns icapProfile`).
#[derive(Clone, Debug)]
pub(crate) struct IcapSettings {
    /// Path and query.
    pub(crate) path: String,
    /// `Host`, where it is not the server's address.
    pub(crate) host: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// Bytes of a body sent first.
    pub(crate) preview: Option<u64>,
    pub(crate) allow_204: bool,
    pub(crate) keep_alive: bool,
    /// Further fields.
    pub(crate) fields: Vec<(String, String)>,
    /// Gives further fields, as lines, for each request.
    pub(crate) headers: Option<Expr>,
    /// Longest silence of a server; the service's own limit otherwise.
    pub(crate) timeout: Option<Duration>,
}

/// Whose message it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) ip: IpAddr,
    /// The subject of the client's verified certificate: `/C=CH/O=Example/CN=alice`.
    pub(crate) subject: Option<&'a str>,
    /// Fields the profile computes from the request.
    pub(crate) fields: &'a [(String, String)],
    /// It waits for 100 Continue before it sends the body.
    pub(crate) waits: bool,
}

/// Header fields, one a line; `None` when a line is none.
pub(crate) fn header_lines(text: &str) -> Option<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            HeaderName::from_bytes(name.as_bytes()).ok()?;
            HeaderValue::from_str(value).ok()?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// The servers of one action.
#[derive(Debug)]
pub(crate) struct IcapService {
    settings: IcapSettings,
    balancer: Arc<Balancer>,
    targets: Vec<Arc<Target>>,
}

impl IcapService {
    /// No connections yet.
    pub(crate) fn new(settings: IcapSettings, balancer: Arc<Balancer>) -> Self {
        let target = |server: &Arc<Service>| {
            Arc::new(Target::new(
                server.clone(),
                settings.host.as_deref(),
                &settings.path,
            ))
        };
        Self {
            targets: balancer.services().iter().map(target).collect(),
            balancer,
            settings,
        }
    }

    /// The fields that depend on the request.
    pub(super) fn fields_for(&self, request: &impl Request) -> Vec<(String, String)> {
        let Some(headers) = &self.settings.headers else {
            return Vec::new();
        };
        let text = headers.text(request).ok();
        let lines = text.and_then(|text| header_lines(&String::from_utf8(text).ok()?));
        lines.unwrap_or_else(|| {
            tracing::warn!(icap.uri = %self.settings.path, "-insertICAPHeaders gave no header lines");
            Vec::new()
        })
    }

    /// Has a message inspected.
    pub(super) async fn inspect<B: MessageBody + 'static>(
        &self,
        message: Message<'_>,
        sender: &Sender<'_>,
        body: B,
    ) -> Outcome<B> {
        let mut source = Source::new(body, KEPT);
        let mut tried: Vec<Arc<Service>> = Vec::new();
        let mut reuse = Reuse::Any;
        let mut failure = IcapError::NoServer;
        while let Some(target) = self.next(&tried) {
            let prepared = self.prepare(&target, message, sender, reuse).await;
            let (plan, connection) = match prepared {
                Ok(Some(prepared)) => prepared,
                Ok(None) => return Outcome::Unchanged(source),
                Err(error) => {
                    failure = error;
                    tried.push(target.server.clone());
                    continue;
                }
            };
            let was_reused = connection.is_reused;
            let (error, rewound) = match run(&target, connection, &plan, message, source).await {
                Outcome::Failed(error, Some(rewound)) => (error, rewound),
                outcome => return outcome,
            };
            if was_reused && reuse == Reuse::Any && error.may_be_stale() {
                reuse = Reuse::Never;
            } else if error.is_of_this_server() {
                reuse = Reuse::Any;
                tried.push(target.server.clone());
            } else {
                return Outcome::Failed(error, Some(rewound));
            }
            (failure, source) = (error, rewound);
        }
        Outcome::Failed(failure, source.rewind())
    }

    fn next(&self, tried: &[Arc<Service>]) -> Option<Arc<Target>> {
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        let question = self.balancer.question_of(nobody, nobody);
        let server = self.balancer.pick(&question, tried)?;
        let is_it = |target: &&Arc<Target>| Arc::ptr_eq(&target.server, &server);
        self.targets.iter().find(is_it).cloned()
    }

    /// How to send it and over which connection; `None` when the server does not want to see it.
    async fn prepare(
        &self,
        target: &Arc<Target>,
        message: Message<'_>,
        sender: &Sender<'_>,
        reuse: Reuse,
    ) -> Result<Option<(Plan, super::connection::Connection)>, IcapError> {
        let known = target.capabilities().await?;
        if !known.offers(message.method()) {
            return Err(IcapError::Method(message.method()));
        }
        let Some(plan) = self.plan(target, &known, message, sender) else {
            return Ok(None);
        };
        let connection = target.connection(Some(&known), reuse).await?;
        Ok(Some((plan, connection)))
    }

    fn plan(
        &self,
        target: &Target,
        known: &Capabilities,
        message: Message<'_>,
        sender: &Sender<'_>,
    ) -> Option<Plan> {
        let settings = &self.settings;
        let treatment = known.treatment(message.request.uri.path());
        let wanted = match treatment {
            Treatment::Ignore => return None,
            Treatment::Complete => None,
            Treatment::Preview => settings.preview,
        };
        // Who waits for 100 Continue learns by the head alone whether its body is wanted.
        let wanted = wanted.map(|bytes| if sender.waits { 0 } else { bytes });
        Some(Plan {
            head: self.head(target, message, sender),
            preview: wanted.and_then(|bytes| known.preview.map(|most| bytes.min(most))),
            allow_204: settings.allow_204 && known.allow_204,
            patience: settings.timeout.unwrap_or(target.server.response_timeout),
            keep_alive: settings.keep_alive,
        })
    }

    fn head(&self, target: &Target, message: Message<'_>, sender: &Sender<'_>) -> String {
        let settings = &self.settings;
        let mut head = message::request_line(message.method(), &target.uri, &target.host);
        if let Some(agent) = &settings.user_agent {
            message::field(&mut head, "User-Agent", agent);
        }
        message::field(&mut head, "X-Client-IP", sender.ip.to_canonical());
        if let Some(subject) = sender.subject {
            let user = STANDARD.encode(format!("X509://{subject}"));
            message::field(&mut head, "X-Authenticated-User", user);
        }
        for (name, value) in settings.fields.iter().chain(sender.fields) {
            message::field(&mut head, name, value);
        }
        if !settings.keep_alive {
            message::field(&mut head, "Connection", "close");
        }
        head
    }
}
