//! OCSP stapling for zero-touch certificates (RFC 6960, RFC 6066 §8).
//!
//! A handshake never waits: it staples what is kept, and asks for something fresher when that is older than
//! `-ocspCacheTimeout`. [`stapler`] asks the responder named in the certificate, off the data path, and keeps what it
//! answers in the [`staple::Staple`] of the record; answers that stay in use are refreshed before they run out.

mod fetch;
mod settings;
mod source;
pub(crate) mod staple;
pub(crate) mod stapler;

pub(crate) use settings::Settings;
pub(crate) use source::Source;
pub(crate) use staple::Staple;
pub(crate) use stapler::Stapler;
