//! NetScaler's command line: lines in, NITRO requests out, rows back as NetScaler's text.
//!
//! [`Session`] executes one line. Where lines come from is [`editor`] (a person) or [`batch`] (a file, a pipe, `-c`).

pub(crate) mod batch;
mod builtin;
pub(crate) mod editor;
mod filter;
mod history;
mod pin;
mod remote;
mod session;
mod socket;
#[cfg(test)]
mod stub;
mod wire;

pub(crate) use pin::Pin;
pub(crate) use remote::{Login, Remote, Trust};
pub(crate) use session::{Answer, Asking, Failure, Session};
pub(crate) use socket::Socket;
pub(crate) use wire::Wire;
