//! One connection to an ICAP server: a half that is read and a half that is written, at the same time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::OwnedSemaphorePermit;

use super::chunk::{Decoder, Piece};
use super::error::IcapError;
use super::message::{self, Answer, MessageError};
use crate::traffic::backend::Stream;

/// The half that is written.
pub(super) type Writer = WriteHalf<Box<dyn Stream>>;

/// A connection between two messages.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) is_reused: bool,
    /// Counts against the server's `Max-Connections` while a message is on it.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>, permit: Option<OwnedSemaphorePermit>) -> Self {
        let (read, writer) = tokio::io::split(stream);
        Self {
            reader: Reader {
                half: read,
                buffer: BytesMut::new(),
            },
            writer,
            is_reused: false,
            permit,
        }
    }

    /// Whether the server has neither closed it nor sent anything unasked.
    pub(super) async fn is_quiet(&mut self) -> bool {
        if !self.reader.buffer.is_empty() {
            return false;
        }
        tokio::select! {
            biased;
            _ = self.reader.fill() => false,
            () = std::future::ready(()) => true,
        }
    }
}

/// The half that is read; what was read and not used yet stays in it.
#[derive(Debug)]
pub(super) struct Reader {
    half: ReadHalf<Box<dyn Stream>>,
    buffer: BytesMut,
}

impl Reader {
    /// The head of the next answer. May be cancelled and called again.
    pub(super) async fn answer(&mut self) -> Result<Answer, IcapError> {
        loop {
            if let Some(end) = message::head_end(&self.buffer) {
                let head = self.buffer.split_to(end);
                return Ok(message::parse(&head)?);
            }
            if self.buffer.len() > message::HEAD {
                return Err(MessageError::TooLong.into());
            }
            self.fill().await.map_err(IcapError::from_read)?;
        }
    }

    /// So many bytes. May be cancelled and called again.
    pub(super) async fn exactly(&mut self, count: usize) -> Result<Bytes, IcapError> {
        while self.buffer.len() < count {
            self.fill().await.map_err(IcapError::from_read)?;
        }
        Ok(self.buffer.split_to(count).freeze())
    }

    /// The next piece of a body.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        decoder: &mut Decoder,
    ) -> Poll<Result<Piece, IcapError>> {
        loop {
            if let Some(piece) = decoder.decode(&mut self.buffer)? {
                return Poll::Ready(Ok(piece));
            }
            ready!(self.poll_fill(cx)).map_err(IcapError::from_read)?;
        }
    }

    /// Whether something was read that no answer needed.
    pub(super) fn has_rest(&self) -> bool {
        !self.buffer.is_empty()
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.reserve(8 << 10);
        match self.half.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 16 << 10];
        let mut read = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.half).poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}
