//! Validation: is the response to a challenge where the standard says (RFC 8555 §8, RFC 8737)?

mod dns;
mod dns01;
mod http01;
mod tls_alpn01;
mod tls_client;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::config::{CaConfig, ValidationDns};
use crate::identifier::{Identifier, Subject};
use crate::order::later;
use crate::problem::{Kind, Problem};
use crate::shared::Shared;
use crate::store::{AuthorizationStatus, ChallengeKind, ChallengeStatus, Record};
use dns::DnsClient;

/// How many validations run at a time.
const PARALLEL: usize = 64;
/// How long one connection attempt may take: a second address is tried after it.
const CONNECT: Duration = Duration::from_secs(3);
/// How long after a failure to record an outcome it is tried again: the disk was full.
const AGAIN: Duration = Duration::from_secs(5);

/// Looks at the network.
#[derive(Debug)]
pub(crate) struct Validator {
    dns: DnsClient,
    http_port: u16,
    tls_port: u16,
    timeout: Duration,
    slots: Semaphore,
}

impl Validator {
    /// # Errors
    /// When the system's name servers are wanted and cannot be read.
    pub(crate) fn new(config: &CaConfig) -> std::io::Result<Self> {
        Ok(Self {
            dns: match config.resolver {
                ValidationDns::System => DnsClient::system()?,
                ValidationDns::Server(addr) => DnsClient::new(vec![addr]),
            },
            http_port: config.http01_port,
            tls_port: config.tls_alpn01_port,
            timeout: config.validation_timeout,
            slots: Semaphore::new(PARALLEL),
        })
    }

    async fn validate(&self, task: &Task) -> Result<(), Problem> {
        let _slot = self.slots.acquire().await;
        let looking = async {
            match task.kind {
                ChallengeKind::Dns01 => dns01::validate(self, task).await,
                ChallengeKind::Http01 => http01::validate(self, task).await,
                ChallengeKind::TlsAlpn01 => tls_alpn01::validate(self, task).await,
            }
        };
        tokio::time::timeout(self.timeout, looking)
            .await
            .unwrap_or_else(|_| {
                Err(Problem::new(
                    Kind::Connection,
                    format!(
                        "validating {} by {} took longer than {:?}",
                        task.identifier.value,
                        task.kind.as_str(),
                        self.timeout
                    ),
                ))
            })
    }

    /// The addresses of a host, IPv6 first; an IP identifier is its own address.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Problem> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        let (six, four) = tokio::join!(self.dns.aaaa(host), self.dns.a(host));
        match (six, four) {
            (Err(problem), Err(_)) => Err(problem),
            (six, four) => {
                let mut all = six.unwrap_or_default();
                all.extend(four.unwrap_or_default());
                if all.is_empty() {
                    return Err(Problem::new(
                        Kind::Dns,
                        format!("{host} has no A and no AAAA record"),
                    ));
                }
                Ok(all)
            }
        }
    }

    /// A connection to the first address of the host that takes one; at most two are tried.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Problem> {
        let mut failures = Vec::new();
        let all = self.addresses(host).await?;
        let six = all.iter().find(|ip| ip.is_ipv6());
        let four = all.iter().find(|ip| ip.is_ipv4());
        for ip in [six, four].into_iter().flatten() {
            match tokio::time::timeout(CONNECT, TcpStream::connect((*ip, port))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failures.push(format!("{ip} port {port}: {error}")),
                Err(_) => failures.push(format!("{ip} port {port}: no answer")),
            }
        }
        Err(Problem::new(
            Kind::Connection,
            format!("cannot connect to {host}: {}", failures.join("; ")),
        ))
    }
}

/// What is to be validated.
#[derive(Debug)]
struct Task {
    kind: ChallengeKind,
    identifier: Identifier,
    token: String,
    /// `token.thumbprint` (RFC 8555 §8.1).
    key_authorization: String,
}

impl Task {
    fn subject(&self) -> Result<Subject, Problem> {
        self.identifier
            .subject()
            .ok_or_else(|| Problem::malformed("the authorization's identifier cannot be read"))
    }
}

/// Validates a challenge in the background and records the outcome.
pub(crate) fn spawn(shared: &Arc<Shared>, authorization: String, index: usize) {
    let shared_task = shared.clone();
    shared.tasks.spawn(async move {
        let shared = shared_task;
        let Some(task) = task(&shared, &authorization, index) else {
            return;
        };
        let outcome = tokio::select! {
            outcome = shared.validator.validate(&task) => outcome,
            // It stays in processing and is validated after the next start.
            () = shared.stop.cancelled() => return,
        };
        while let Err(problem) = record(&shared, &authorization, index, outcome.clone()) {
            tracing::error!(error = %problem.detail(), "validation outcome not recorded");
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = shared.stop.cancelled() => return,
            }
        }
    });
}

fn task(shared: &Shared, authorization: &str, index: usize) -> Option<Task> {
    let store = shared.store();
    let found = store.authorization(authorization)?;
    let challenge = found.challenges.get(index)?;
    // The account's key now: after a rollover the response is made with the new one.
    let account = store.account(&found.account)?;
    Some(Task {
        kind: challenge.kind,
        identifier: found.identifier.clone(),
        token: challenge.token.clone(),
        key_authorization: format!("{}.{}", challenge.token, account.thumbprint),
    })
}

fn record(
    shared: &Shared,
    authorization: &str,
    index: usize,
    outcome: Result<(), Problem>,
) -> Result<(), Problem> {
    let now = shared.now();
    let mut store = shared.store();
    let Some(mut found) = store.authorization(authorization).cloned() else {
        return Ok(());
    };
    let pending = found.status == AuthorizationStatus::Pending;
    let Some(challenge) = found.challenges.get_mut(index) else {
        return Ok(());
    };
    let name = &found.identifier.value;
    match outcome {
        Ok(()) => {
            tracing::info!(ca.name = %name, challenge = challenge.kind.as_str(), "validated");
            challenge.status = ChallengeStatus::Valid;
            challenge.validated = Some(now);
            if pending {
                found.status = AuthorizationStatus::Valid;
                found.expires = later(now, shared.config.authorization_lifetime);
            }
        }
        Err(problem) => {
            tracing::info!(ca.name = %name, challenge = challenge.kind.as_str(),
                error = %problem.detail(), "validation failed");
            challenge.status = ChallengeStatus::Invalid;
            challenge.error = Some(problem);
            if pending {
                found.status = AuthorizationStatus::Invalid;
            }
        }
    }
    shared.commit(&mut store, vec![Record::Authorization(found)])
}
