//! Why an inspection came to no result.

use std::io;

use super::chunk::ChunkError;
use super::head::HeadError;
use super::message::{IcapMethod, MessageError};
use crate::traffic::backend::ConnectError;
use crate::traffic::body::BodyError;

/// An inspection came to no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IcapError {
    #[error("the action has no ICAP server that is enabled")]
    NoServer,
    #[error("no connection to the ICAP server")]
    Connect(#[from] ConnectError),
    #[error(
        "the ICAP server has as many connections as its Max-Connections allows, and none became free"
    )]
    Busy,
    #[error("the connection to the ICAP server broke")]
    Io(#[source] io::Error),
    #[error("the ICAP server closed the connection before it answered")]
    Closed,
    #[error("the ICAP server did not answer in time")]
    Timeout,
    #[error("the ICAP server's answer cannot be read")]
    Message(#[from] MessageError),
    #[error("the ICAP server's answer cannot be used")]
    Head(#[from] HeadError),
    #[error("the ICAP server's answer cannot be used")]
    Chunk(#[from] ChunkError),
    #[error("the ICAP server answered {0}; check -uri of the ICAP profile, and the server's log")]
    Status(u16),
    #[error("the ICAP service does not offer {}; check -mode and -uri of the ICAP profile", .0.as_str())]
    Method(IcapMethod),
    #[error("the ICAP server's answer does not fit: {0}")]
    Unexpected(&'static str),
    /// The message itself did not arrive; nobody's fault at the ICAP server.
    #[error("the message's body did not arrive")]
    Body(#[source] BodyError),
}

impl IcapError {
    /// Whether an idle connection may have been closed meanwhile: once more, on a new one.
    pub(super) const fn may_be_stale(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Closed)
    }

    /// Whether another server may do better.
    pub(super) const fn is_of_this_server(&self) -> bool {
        !matches!(self, Self::Body(_) | Self::Timeout)
    }

    /// What a broken read means.
    pub(super) fn from_read(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}
