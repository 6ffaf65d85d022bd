//! Providers without an interface for programs: their web pages are read and their forms filled in.
//!
//! Each page is read by a pure function over its [markup]; what is not as it was expected is told with the step and the
//! page's first words, because pages change without notice.

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
