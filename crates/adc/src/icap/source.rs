//! A body that can be read again: what was sent to an ICAP server may still have to reach the other side as it was.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};

use crate::traffic::body::{BodyError, MessageBody};

/// A body, with what was taken from it so far as long as that is not too much.
///
/// As a [`Body`] it yields what has not been taken yet; [`Source::rewind`] puts back what was.
#[derive(Debug)]
pub(crate) struct Source<B> {
    front: VecDeque<Bytes>,
    body: B,
    trailers: Option<HeaderMap>,
    /// `None` once more was taken than may be kept.
    taken: Option<Vec<Bytes>>,
    kept: usize,
    limit: usize,
    ended: bool,
}

impl<B: MessageBody> Source<B> {
    /// Keeps up to `limit` bytes of what is taken.
    pub(crate) const fn new(body: B, limit: usize) -> Self {
        Self {
            front: VecDeque::new(),
            body,
            trailers: None,
            taken: Some(Vec::new()),
            kept: 0,
            limit,
            ended: false,
        }
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.front.is_empty() && (self.ended || self.body.is_end_stream())
    }

    /// Whether all of it can be kept: its length is known and small enough.
    pub(crate) fn can_be_kept(&self) -> bool {
        self.size_hint()
            .exact()
            .is_some_and(|length| length <= self.limit as u64)
    }

    /// The next part, at most `most` bytes; `None` at the end.
    pub(crate) async fn take(&mut self, most: usize) -> Option<Result<Bytes, BodyError>> {
        let mut part = match poll_fn(|cx| self.poll_part(cx)).await? {
            Ok(part) => part,
            Err(error) => return Some(Err(error)),
        };
        if part.len() > most {
            let rest = part.split_off(most);
            self.front.push_front(rest);
        }
        self.keep(&part);
        Some(Ok(part))
    }

    /// The body from its beginning, or `None` when too much was taken.
    pub(crate) fn rewind(mut self) -> Option<Self> {
        for part in self.taken.replace(Vec::new())?.into_iter().rev() {
            self.front.push_front(part);
        }
        self.kept = 0;
        Some(self)
    }

    fn keep(&mut self, part: &Bytes) {
        self.kept = self.kept.saturating_add(part.len());
        if self.kept > self.limit {
            self.taken = None;
        }
        if let Some(taken) = &mut self.taken {
            taken.push(part.clone());
        }
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            if let Some(part) = self.front.pop_front() {
                return Poll::Ready(Some(Ok(part)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let frame = match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
            };
            match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Poll::Ready(Some(Ok(data))),
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
        }
    }
}

impl<B: MessageBody> Body for Source<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match std::task::ready!(self.poll_part(cx)) {
            Some(Ok(part)) => Poll::Ready(Some(Ok(Frame::data(part)))),
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => Poll::Ready(
                self.trailers
                    .take()
                    .map(|trailers| Ok(Frame::trailers(trailers))),
            ),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let front = self.front.iter().map(Bytes::len).sum::<usize>() as u64;
        if self.ended {
            return SizeHint::with_exact(front);
        }
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(front));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(front));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn source(parts: &[&'static str], limit: usize) -> Source<impl MessageBody> {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", http::HeaderValue::from_static("1"));
        let frames: Vec<Result<_, BodyError>> = (parts.iter())
            .map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes()))))
            .chain([Ok(Frame::trailers(trailers))])
            .collect();
        Source::new(StreamBody::new(futures_util::stream::iter(frames)), limit)
    }

    #[tokio::test]
    async fn what_was_taken_comes_again_after_a_rewind() {
        let mut source = source(&["abc", "", "defg", "h"], 6);

        assert_eq!(source.take(2).await, Some(Ok(Bytes::from("ab"))));
        assert_eq!(source.take(9).await, Some(Ok(Bytes::from("c"))));
        let mut again = source.rewind().unwrap();
        assert_eq!(again.take(9).await, Some(Ok(Bytes::from("ab"))));
        let rest = again.rewind().unwrap().collect().await.unwrap();

        assert_eq!(rest.trailers().unwrap()["x-sum"], "1");
        assert_eq!(rest.to_bytes(), "abcdefgh");
    }

    #[tokio::test]
    async fn more_than_the_limit_cannot_be_rewound() {
        let mut source = source(&["abc", "defg", "h"], 6);
        while let Some(part) = source.take(usize::MAX).await {
            part.unwrap();
        }

        assert!(source.is_empty());
        assert!(source.rewind().is_none());
    }
}
