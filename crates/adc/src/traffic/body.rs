//! Bodies on their way through: streamed, with limits, and never waited for without end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::pool::Lease;

/// A body could not be carried to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is longer than allowed")]
    TooLong,
    #[error("the body stopped arriving")]
    Stalled,
    #[error("the body broke off")]
    BrokenOff,
}

/// What happened to a request's body, told to the side that waits for the answer.
#[derive(Debug)]
pub(crate) struct BodyProgress {
    fault: AtomicU8,
    /// The service would take more, and the client sends nothing.
    waiting: AtomicBool,
    /// Milliseconds since `started`.
    last_activity: AtomicU64,
    started: Instant,
}

impl BodyProgress {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            fault: AtomicU8::new(0),
            waiting: AtomicBool::new(false),
            last_activity: AtomicU64::new(0),
            started: Instant::now(),
        })
    }

    /// What ended it early.
    pub(crate) fn fault(&self) -> Option<BodyError> {
        match self.fault.load(Ordering::Acquire) {
            0 => None,
            1 => Some(BodyError::TooLong),
            2 => Some(BodyError::Stalled),
            _ => Some(BodyError::BrokenOff),
        }
    }

    /// When its last part arrived.
    pub(crate) fn last_activity(&self) -> Instant {
        let millis = self.last_activity.load(Ordering::Relaxed);
        self.started + Duration::from_millis(millis)
    }

    /// Whether it is the client that keeps the service waiting.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    fn touch(&self) {
        self.waiting.store(false, Ordering::Relaxed);
        let millis = self.started.elapsed().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.last_activity.store(millis, Ordering::Relaxed);
    }

    fn fail(&self, error: BodyError) -> BodyError {
        let code = match error {
            BodyError::TooLong => 1,
            BodyError::Stalled => 2,
            BodyError::BrokenOff => 3,
        };
        self.fault.store(code, Ordering::Release);
        error
    }
}

/// A body of a message on its way through, whatever it is made of.
pub(crate) trait MessageBody: Body<Data = Bytes, Error = BodyError> + Send + Unpin {}

impl<B: Body<Data = Bytes, Error = BodyError> + Send + Unpin> MessageBody for B {}

/// A request's body on its way to a service.
pub(crate) enum RequestBody {
    /// None, or none any more.
    Empty,
    /// What the client sends.
    Client {
        inner: Incoming,
        /// Bytes still allowed.
        allowance: u64,
        idle: IdleTimer,
        progress: Arc<BodyProgress>,
    },
    /// What content inspection let through.
    Inspected {
        inner: Box<dyn MessageBody>,
        progress: Arc<BodyProgress>,
    },
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Client { .. } => "Client",
            Self::Inspected { .. } => "Inspected",
        })
    }
}

impl RequestBody {
    /// Wraps a client's body with a limit of bytes and a limit on silence.
    pub(crate) fn new(inner: Incoming, max: Option<u64>, idle: Duration) -> Self {
        if inner.is_end_stream() {
            return Self::Empty;
        }
        Self::Client {
            inner,
            allowance: max.unwrap_or(u64::MAX),
            idle: IdleTimer::new(idle),
            progress: BodyProgress::new(),
        }
    }

    /// Wraps what content inspection let through; limits are those of what is in it.
    pub(crate) fn inspected(inner: impl MessageBody + 'static) -> Self {
        if inner.is_end_stream() {
            return Self::Empty;
        }
        Self::Inspected {
            inner: Box::new(inner),
            progress: BodyProgress::new(),
        }
    }

    /// Whether there is nothing to send.
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Its progress, where there is a body.
    pub(crate) fn progress(&self) -> Option<Arc<BodyProgress>> {
        match self {
            Self::Empty => None,
            Self::Client { progress, .. } | Self::Inspected { progress, .. } => {
                Some(progress.clone())
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let (inner, allowance, idle, progress) = match &mut *self {
            Self::Empty => return Poll::Ready(None),
            Self::Inspected { inner, progress } => return poll_inspected(inner, progress, cx),
            Self::Client {
                inner,
                allowance,
                idle,
                progress,
            } => (inner, allowance, idle, progress),
        };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                idle.progressed();
                progress.touch();
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                let Some(left) = allowance.checked_sub(length) else {
                    return Poll::Ready(Some(Err(progress.fail(BodyError::TooLong))));
                };
                *allowance = left;
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                Poll::Ready(Some(Err(progress.fail(BodyError::BrokenOff))))
            }
            Poll::Ready(None) => {
                progress.touch();
                Poll::Ready(None)
            }
            Poll::Pending if idle.poll_expired(cx) => {
                Poll::Ready(Some(Err(progress.fail(BodyError::Stalled))))
            }
            Poll::Pending => {
                progress.waiting.store(true, Ordering::Relaxed);
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client { inner, .. } => inner.is_end_stream(),
            Self::Inspected { inner, .. } => inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client { inner, .. } => inner.size_hint(),
            Self::Inspected { inner, .. } => inner.size_hint(),
        }
    }
}

fn poll_inspected(
    inner: &mut Box<dyn MessageBody>,
    progress: &BodyProgress,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
    let polled = Pin::new(inner).poll_frame(cx);
    match &polled {
        Poll::Ready(Some(Err(error))) => {
            progress.fail(*error);
        }
        Poll::Ready(_) => progress.touch(),
        Poll::Pending => progress.waiting.store(true, Ordering::Relaxed),
    }
    polled
}

/// An answer's body on its way to the client.
pub(crate) enum ReplyBody {
    /// Written by ourselves.
    Text(Bytes),
    /// What a service sends.
    Service(Box<ServiceBody>),
    /// What content inspection let through.
    Inspected(Box<dyn MessageBody>),
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Service(_) => "Service",
            Self::Inspected(_) => "Inspected",
        })
    }
}

/// What a service sends, with the connection it comes on.
#[derive(Debug)]
pub(crate) struct ServiceBody {
    inner: Incoming,
    lease: Option<Lease>,
    idle: IdleTimer,
}

impl ReplyBody {
    /// Streams a service's body; its connection is given back when it has ended.
    pub(crate) fn stream(inner: Incoming, lease: Lease, idle: Duration) -> Self {
        let mut body = ServiceBody {
            inner,
            lease: Some(lease),
            idle: IdleTimer::new(idle),
        };
        body.give_back_at_end();
        Self::Service(Box::new(body))
    }

    /// Wraps what content inspection let through.
    pub(crate) fn inspected(inner: impl MessageBody + 'static) -> Self {
        Self::Inspected(Box::new(inner))
    }
}

impl ServiceBody {
    fn give_back_at_end(&mut self) {
        if self.inner.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle.progressed();
                self.give_back_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                self.lease = None;
                Poll::Ready(Some(Err(BodyError::BrokenOff)))
            }
            Poll::Ready(None) => {
                if let Some(lease) = self.lease.take() {
                    lease.give_back();
                }
                Poll::Ready(None)
            }
            Poll::Pending if self.idle.poll_expired(cx) => {
                self.lease = None;
                Poll::Ready(Some(Err(BodyError::Stalled)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Text(text) if text.is_empty() => Poll::Ready(None),
            Self::Text(text) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            Self::Service(body) => body.poll(cx),
            Self::Inspected(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Service(body) => body.inner.is_end_stream(),
            Self::Inspected(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.len() as u64),
            Self::Service(body) => body.inner.size_hint(),
            Self::Inspected(body) => body.size_hint(),
        }
    }
}

/// A limit on silence whose timer exists only while there is some.
#[derive(Debug)]
pub(crate) struct IdleTimer {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl IdleTimer {
    /// A limit that has not begun to run.
    pub(crate) const fn new(limit: Duration) -> Self {
        Self {
            limit,
            sleep: None,
            running: false,
        }
    }

    /// Something happened.
    pub(crate) const fn progressed(&mut self) {
        self.running = false;
    }

    /// Nothing happened: begins or continues the wait, and tells whether it was too long.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = Instant::now() + self.limit;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.running {
            self.running = true;
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx).is_ready()
    }
}
