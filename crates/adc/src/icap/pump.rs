//! Sends a body while the answer is being read: neither side of a connection waits for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::chunk::{LAST, encode};
use super::connection::Writer;
use super::source::Source;
use crate::traffic::body::{BodyError, MessageBody};

/// Most bytes of a chunk.
const CHUNK: usize = 32 << 10;

/// A body on its way to an ICAP server; dropping it stops the sending.
#[derive(Debug)]
pub(super) struct Pump<B> {
    pub(super) task: JoinHandle<Pumped<B>>,
    pub(super) progress: Arc<Progress>,
    stop: DropGuard,
}

/// What is left when the sending ended.
#[derive(Debug)]
pub(super) struct Pumped<B> {
    pub(super) source: Source<B>,
    pub(super) writer: Writer,
    pub(super) end: PumpEnd,
}

/// How the sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PumpEnd {
    /// With the body's end.
    Complete,
    /// Because the answer made the rest needless.
    Stopped,
    /// Because the server takes no more.
    Refused,
    /// Because the body did not arrive.
    Failed(BodyError),
}

/// When the last part was sent.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    millis: AtomicU64,
}

impl Progress {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            millis: AtomicU64::new(0),
        })
    }

    pub(super) fn last(&self) -> Instant {
        self.started + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn touch(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }
}

impl<B: MessageBody + 'static> Pump<B> {
    /// Sends the rest of a body and its end.
    pub(super) fn start(source: Source<B>, writer: Writer) -> Self {
        let stop = CancellationToken::new();
        let progress = Progress::new();
        Self {
            task: tokio::spawn(run(source, writer, stop.clone(), progress.clone())),
            progress,
            stop: stop.drop_guard(),
        }
    }

    /// Stops it; `None` when its task was lost.
    pub(super) async fn stop(self) -> Option<Pumped<B>> {
        drop(self.stop);
        self.task.await.ok()
    }
}

async fn run<B: MessageBody>(
    mut source: Source<B>,
    mut writer: Writer,
    stop: CancellationToken,
    progress: Arc<Progress>,
) -> Pumped<B> {
    let end = tokio::select! {
        end = send(&mut source, &mut writer, &progress) => end,
        () = stop.cancelled() => PumpEnd::Stopped,
    };
    Pumped {
        source,
        writer,
        end,
    }
}

async fn send<B: MessageBody>(
    source: &mut Source<B>,
    writer: &mut Writer,
    progress: &Progress,
) -> PumpEnd {
    let mut chunk = Vec::new();
    loop {
        let part = match source.take(CHUNK).await {
            Some(Ok(part)) => part,
            Some(Err(error)) => return PumpEnd::Failed(error),
            None => break,
        };
        chunk.clear();
        encode(&part, &mut chunk);
        if source.is_empty() {
            chunk.extend_from_slice(LAST);
        }
        if writer.write_all(&chunk).await.is_err() {
            return PumpEnd::Refused;
        }
        progress.touch();
        if source.is_empty() {
            return flush(writer).await;
        }
    }
    match writer.write_all(LAST).await {
        Ok(()) => flush(writer).await,
        Err(_) => PumpEnd::Refused,
    }
}

async fn flush(writer: &mut Writer) -> PumpEnd {
    match writer.flush().await {
        Ok(()) => PumpEnd::Complete,
        Err(_) => PumpEnd::Refused,
    }
}
