//! Looking at the beginning of a request's body before it goes on, unchanged.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};

use super::body::{BodyError, RequestBody};

/// The first bytes of a body, and the whole of it.
///
/// # Errors
/// When it breaks off, stalls or is too long before so many bytes were there.
pub(crate) async fn peek(
    mut body: RequestBody,
    bytes: usize,
) -> Result<(Bytes, RequestBody), BodyError> {
    if body.is_empty() {
        return Ok((Bytes::new(), body));
    }
    let mut start = BytesMut::new();
    let mut frames = VecDeque::new();
    while start.len() < bytes {
        let Some(frame) = body.frame().await else {
            break;
        };
        let frame = frame?;
        let room = bytes - start.len();
        if let Some(data) = frame.data_ref() {
            start.extend_from_slice(data.get(..room).unwrap_or(data));
        }
        frames.push_back(frame);
    }
    let peeked = Peeked { frames, rest: body };
    Ok((start.freeze(), RequestBody::inspected(peeked)))
}

/// A body whose first frames were looked at.
struct Peeked {
    frames: VecDeque<Frame<Bytes>>,
    rest: RequestBody,
}

impl Body for Peeked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let seen = self.frames.iter().filter_map(Frame::data_ref);
        let seen = seen.map(|data| data.len() as u64).sum::<u64>();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(seen));
        }
        hint.set_lower(rest.lower().saturating_add(seen));
        hint
    }
}
