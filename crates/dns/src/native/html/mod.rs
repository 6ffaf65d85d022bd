//! Providers without an interface for programs: their web pages are read and their forms filled in.
//!
//! Each page is read by a pure function over its [markup]; what is not as it was expected is told with the step and the
//! page's first words, because pages change without notice.

use std::time::Duration;

use crate::provider::{Caps, Multi};

mod cyon;
mod freedns;
mod he;
mod markup;
mod one;
mod session;

pub(super) use cyon::DESCRIPTOR as CYON;
pub(super) use freedns::DESCRIPTOR as FREEDNS;
pub(super) use he::DESCRIPTOR as HE;
pub(super) use one::DESCRIPTOR as ONE;

/// What web sites have in common: a record for each value, one visitor at a time.
const CAPS: Caps = Caps {
    multi: Multi::Records,
    propagation_limit: Duration::from_secs(300),
    propagation_poll: Duration::from_secs(5),
    serial: Some(Duration::ZERO),
    ..Caps::PLAIN
};
