//! Content inspection: requests and answers shown to an ICAP server (RFC 3507) on their way through.
//!
//! [`Inspection`] holds the policies of a vserver. What an ICAP server gives back is streamed on while the original is
//! still being sent to it; up to 1 MiB of the original is kept, so that a message may pass as it was.

mod adapted;
mod chunk;
mod connection;
mod error;
mod head;
mod inspection;
mod message;
mod options;
mod pump;
mod service;
mod source;
mod target;
mod transaction;

pub(crate) use inspection::{Action, Decision, Failure, Inspection, Policy, PolicyCounts, Verdict};
pub(crate) use service::{IcapService, IcapSettings, Sender, header_lines};
