//! A client's byte stream as we watch it: framing of HTTP/1, activity, and writes that never end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::body::IdleTimer;
use super::framing::{Framing, Wire};

/// Tells a stream to end with a TCP reset instead of an orderly end.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResetSwitch(Arc<ResetState>);

#[derive(Debug, Default)]
struct ResetState {
    is_on: AtomicBool,
    turned: Notify,
}

impl ResetSwitch {
    /// The stream ends with a reset, and soon.
    pub(crate) fn turn(&self) {
        self.0.is_on.store(true, Ordering::Release);
        self.0.turned.notify_one();
    }

    /// Waits until it is turned; one task may wait.
    pub(crate) async fn turned(&self) {
        self.0.turned.notified().await;
    }

    fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::Acquire)
    }
}

/// A stream over TCP that can be reset.
pub(crate) trait Resettable {
    /// What is dropped next is reset.
    fn reset_when_dropped(&self) -> io::Result<()>;
}

impl Resettable for TcpStream {
    fn reset_when_dropped(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Resettable for TlsStream<TcpStream> {
    fn reset_when_dropped(&self) -> io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

/// A client's stream; a write that makes no progress for too long fails.
#[derive(Debug)]
pub(crate) struct ClientStream<S: Resettable> {
    inner: S,
    reset: ResetSwitch,
    framing: Option<(Framing, Arc<Wire>)>,
    stall: IdleTimer,
}

impl<S: Resettable> ClientStream<S> {
    /// Watches writes only.
    pub(crate) const fn new(inner: S, write_stall: Duration, reset: ResetSwitch) -> Self {
        Self {
            inner,
            reset,
            framing: None,
            stall: IdleTimer::new(write_stall),
        }
    }

    /// Follows HTTP/1 messages too, and reports to `wire`.
    pub(crate) fn with_framing(mut self, framing: Framing, wire: Arc<Wire>) -> Self {
        self.framing = Some((framing, wire));
        self
    }

    fn watch_write<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stall.progressed();
            return polled;
        }
        if self.stall.poll_expired(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: Resettable> Drop for ClientStream<S> {
    fn drop(&mut self) {
        if self.reset.is_on()
            && let Err(error) = self.inner.reset_when_dropped()
        {
            tracing::debug!(%error, "a connection is closed instead of reset");
        }
    }
}

impl<S: AsyncRead + Resettable + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let (Poll::Ready(Ok(())), Some((framing, wire))) = (&polled, &mut self.framing) {
            framing.feed(&buf.filled()[before..], wire);
        }
        polled
    }
}

impl<S: AsyncWrite + Resettable + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch_write(polled, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch_write(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch_write(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch_write(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// When something last happened; shared by the two directions of a relay.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    started: Instant,
    millis: Arc<AtomicU64>,
}

impl Activity {
    /// Something happened just now.
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            millis: Arc::default(),
        }
    }

    /// Something happened.
    pub(crate) fn touch(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    /// Waits until nothing has happened for `limit`.
    pub(crate) async fn silence(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.millis.load(Ordering::Relaxed));
            let deadline = self.started + last + limit;
            if Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

/// A stream that notes when bytes go either way.
#[derive(Debug)]
pub(crate) struct Noting<S> {
    inner: S,
    activity: Activity,
}

impl<S> Noting<S> {
    /// Notes on `activity`.
    pub(crate) const fn new(inner: S, activity: Activity) -> Self {
        Self { inner, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_ready() {
            self.activity.touch();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        if polled.is_ready() {
            self.activity.touch();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
