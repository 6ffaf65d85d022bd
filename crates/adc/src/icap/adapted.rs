//! The body of a message that an ICAP server gave, read while the original may still be on its way there.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::chunk::{Decoder, Piece};
use super::connection::Reader;
use super::error::IcapError;
use super::pump::PumpEnd;
use super::target::Target;
use super::transaction::{Sending, settle};
use crate::error::Causes;
use crate::traffic::body::{BodyError, IdleTimer, MessageBody};

/// Bodies up to this length get a length instead of the chunked coding.
const SMALL: usize = 64 << 10;

/// A connection on which a body arrives.
pub(super) struct Live<B> {
    pub(super) target: Arc<Target>,
    pub(super) reader: Reader,
    pub(super) sending: Sending<B>,
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// Whether it may be used again.
    pub(super) keep: bool,
}

/// A body given by an ICAP server.
pub(super) struct Adapted<B> {
    live: Option<Live<B>>,
    decoder: Decoder,
    /// Read before it was asked for.
    front: VecDeque<Frame<Bytes>>,
    fault: Option<BodyError>,
    idle: IdleTimer,
}

impl<B> std::fmt::Debug for Adapted<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Adapted({})",
            if self.live.is_some() {
                "arriving"
            } else {
                "here"
            }
        )
    }
}

impl<B: MessageBody + 'static> Adapted<B> {
    pub(super) fn new(live: Live<B>, has_body: bool, patience: Duration) -> Self {
        let mut adapted = Self {
            live: Some(live),
            decoder: Decoder::default(),
            front: VecDeque::new(),
            fault: None,
            idle: IdleTimer::new(patience),
        };
        if !has_body {
            adapted.end();
        }
        adapted
    }

    /// Reads a body that calls itself small, so that its length is known.
    pub(super) async fn collect_small(&mut self, declared: Option<usize>) {
        if declared.is_none_or(|length| length > SMALL) {
            return;
        }
        let mut read = 0;
        while read <= SMALL && self.live.is_some() {
            match poll_fn(|cx| self.poll_live(cx)).await {
                Some(Ok(frame)) => {
                    read += frame.data_ref().map_or(0, Bytes::len);
                    self.front.push_back(frame);
                }
                Some(Err(error)) => self.fault = Some(error),
                None => {}
            }
        }
    }

    /// The body has ended; the connection is kept if all of the original was sent.
    fn end(&mut self) {
        let Some(live) = self.live.take() else {
            return;
        };
        match live.sending {
            Sending::Done(writer, _) if live.keep => {
                live.target.put(live.reader, writer, live.permit);
            }
            sending @ Sending::Pump(_) => {
                // The end of the original may be written just now, or its rest is not wanted any more.
                let (target, reader, permit, keep) =
                    (live.target, live.reader, live.permit, live.keep);
                tokio::spawn(async move {
                    if let (Some(writer), _) = settle(sending).await
                        && keep
                    {
                        target.put(reader, writer, permit);
                    }
                });
            }
            _ => {}
        }
    }

    fn poll_live(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(live) = &mut self.live else {
            return Poll::Ready(None);
        };
        if let Some(error) = live.poll_sending(cx) {
            return Poll::Ready(Some(Err(self.fail(&IcapError::Body(error), error))));
        }
        match live.reader.poll_piece(cx, &mut self.decoder) {
            Poll::Ready(Ok(Piece::Data(data))) => {
                self.idle.progressed();
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Ok(Piece::End(trailers))) => {
                self.end();
                Poll::Ready((!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers))))
            }
            Poll::Ready(Err(error)) => {
                Poll::Ready(Some(Err(self.fail(&error, BodyError::BrokenOff))))
            }
            Poll::Pending if live.is_sending() => {
                // As long as the original is on its way, nothing is overdue; its sender has limits of its own.
                self.idle.progressed();
                Poll::Pending
            }
            Poll::Pending if self.idle.poll_expired(cx) => Poll::Ready(Some(Err(
                self.fail(&IcapError::Timeout, BodyError::BrokenOff)
            ))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn fail(&mut self, why: &IcapError, error: BodyError) -> BodyError {
        if let Some(live) = self.live.take() {
            let server = live.target.name();
            tracing::warn!(icap.server = %server, error = %Causes(why), "an inspected body broke off");
        }
        error
    }
}

impl<B: MessageBody + 'static> Live<B> {
    const fn is_sending(&self) -> bool {
        matches!(self.sending, Sending::Pump(_))
    }

    /// Takes note of the end of the sending; an error is one of the original's body.
    fn poll_sending(&mut self, cx: &mut Context<'_>) -> Option<BodyError> {
        let Sending::Pump(pump) = &mut self.sending else {
            return None;
        };
        let Poll::Ready(pumped) = Pin::new(&mut pump.task).poll(cx) else {
            return None;
        };
        let (sending, error) = match pumped {
            Ok(pumped) => match pumped.end {
                PumpEnd::Complete => (Sending::Done(pumped.writer, pumped.source), None),
                PumpEnd::Failed(error) => (Sending::Over(None), Some(error)),
                _ => (Sending::Over(None), None),
            },
            Err(_) => (Sending::Over(None), Some(BodyError::BrokenOff)),
        };
        self.sending = sending;
        error
    }
}

impl<B: MessageBody + 'static> Body for Adapted<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(frame) = self.front.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Some(Err(fault)));
        }
        self.poll_live(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.front.is_empty() && self.live.is_none() && self.fault.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let front = self
            .front
            .iter()
            .filter_map(Frame::data_ref)
            .map(Bytes::len)
            .sum::<usize>();
        match (&self.live, self.fault) {
            (None, None) => SizeHint::with_exact(front as u64),
            _ => {
                let mut hint = SizeHint::new();
                hint.set_lower(front as u64);
                hint
            }
        }
    }
}

impl<B> Unpin for Adapted<B> {}
