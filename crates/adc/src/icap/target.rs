//! One ICAP server: its idle connections and what it said it can do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::io::AsyncWriteExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::connection::{Connection, Reader, Writer};
use super::error::IcapError;
use super::message::{self, Answer, IcapMethod};
use super::options::Capabilities;
use crate::error::Causes;
use crate::traffic::backend::Asker;
use crate::traffic::backend::Service;

/// Idle connections kept to one server.
const IDLE: usize = 64;
/// How long they are kept.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// For the answer to OPTIONS.
const OPTIONS_WITHIN: Duration = Duration::from_secs(10);

/// One ICAP server.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) server: Arc<Service>,
    /// `icap://host:port/path?query`.
    pub(super) uri: Box<str>,
    /// `Host` of the requests.
    pub(super) host: Box<str>,
    idle: Mutex<Vec<Idle>>,
    known: ArcSwapOption<Capabilities>,
    is_asking: AtomicBool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Target {
    pub(super) fn new(server: Arc<Service>, host: Option<&str>, path: &str) -> Self {
        let host = host.unwrap_or(&server.address).to_owned();
        let slash = if path.starts_with('/') { "" } else { "/" };
        Self {
            uri: format!("icap://{host}{slash}{path}").into(),
            host: host.into(),
            server,
            idle: Mutex::new(Vec::new()),
            known: ArcSwapOption::empty(),
            is_asking: AtomicBool::new(false),
        }
    }

    /// The server's name in the configuration.
    pub(super) fn name(&self) -> &str {
        &self.server.name
    }

    /// What it can do: asked at first use, and again in the background when the answer is old.
    pub(super) async fn capabilities(self: &Arc<Self>) -> Result<Arc<Capabilities>, IcapError> {
        if let Some(known) = self.known.load_full() {
            if known.is_old() && !self.is_asking.swap(true, Ordering::AcqRel) {
                let target = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = target.ask().await {
                        tracing::warn!(icap.server = %target.name(), error = %Causes(&error), "OPTIONS failed");
                    }
                    target.is_asking.store(false, Ordering::Release);
                });
            }
            return Ok(known);
        }
        self.ask().await
    }

    /// Takes note that the service has changed.
    pub(super) fn noticed(&self, answer: &Answer) {
        if let Some(known) = &*self.known.load()
            && known.differs(answer)
        {
            self.known.store(None);
        }
    }

    async fn ask(&self) -> Result<Arc<Capabilities>, IcapError> {
        let known = match timeout(OPTIONS_WITHIN, self.ask_once(Reuse::Any)).await {
            Ok(Err(error)) if error.may_be_stale() => {
                timeout(OPTIONS_WITHIN, self.ask_once(Reuse::Never)).await
            }
            outcome => outcome,
        };
        let known = Arc::new(known.unwrap_or(Err(IcapError::Timeout))?);
        self.known.store(Some(known.clone()));
        Ok(known)
    }

    async fn ask_once(&self, reuse: Reuse) -> Result<Capabilities, IcapError> {
        let before = self.known.load_full();
        let Connection {
            mut reader,
            mut writer,
            permit,
            ..
        } = self.connection(None, reuse).await?;
        let mut request = message::request_line(IcapMethod::Options, &self.uri, &self.host);
        message::field(&mut request, "Encapsulated", "null-body=0");
        request.push_str("\r\n");
        writer
            .write_all(request.as_bytes())
            .await
            .map_err(IcapError::Io)?;
        writer.flush().await.map_err(IcapError::Io)?;
        let answer = reader.answer().await?;
        let known = match answer.status {
            200 | 204 => Capabilities::read(&answer, before.as_deref()),
            // Servers that do not know OPTIONS may know the rest.
            405 | 501 => Capabilities::unknown(),
            status => return Err(IcapError::Status(status)),
        };
        if !answer.closes() && !answer.has_body() {
            self.put(reader, writer, permit);
        }
        Ok(known)
    }

    /// A connection: an idle one that is alive, else a new one; within the server's limit.
    pub(super) async fn connection(
        &self,
        known: Option<&Capabilities>,
        reuse: Reuse,
    ) -> Result<Connection, IcapError> {
        let permit = match known.and_then(|known| known.connections.clone()) {
            None => None,
            Some(limit) => {
                let free = timeout(self.server.connect_timeout, limit.acquire_owned()).await;
                Some(free.ok().and_then(Result::ok).ok_or(IcapError::Busy)?)
            }
        };
        while let Some(mut connection) = self.take().filter(|_| reuse == Reuse::Any) {
            if connection.is_quiet().await {
                connection.permit = permit;
                return Ok(connection);
            }
        }
        let stream = self.server.connect(&Asker::ourselves()).await?;
        Ok(Connection::new(stream, permit))
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        let candidate = idle.pop()?;
        if candidate.since.elapsed() > IDLE_FOR {
            // What lies below is older still.
            idle.clear();
            return None;
        }
        Some(candidate.connection)
    }

    /// Keeps a connection whose exchange has ended.
    pub(super) fn put(&self, reader: Reader, writer: Writer, permit: Option<OwnedSemaphorePermit>) {
        drop(permit);
        if reader.has_rest() {
            return;
        }
        let mut idle = self.lock();
        idle.retain(|held| held.since.elapsed() <= IDLE_FOR);
        if idle.len() < IDLE {
            idle.push(Idle {
                connection: Connection {
                    reader,
                    writer,
                    is_reused: true,
                    permit: None,
                },
                since: Instant::now(),
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a connection may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// An idle one, if there is one.
    Any,
    /// A new one: an idle one was stale.
    Never,
}
