//! The Local CA seen from outside: raw protocol by a small client of its own, and real clients.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod account;
mod certbot;
mod directory;
mod issuance;
mod jws;
mod order;
mod persistence;
mod renewal;
mod revocation;
mod rollover;
mod speed;
mod uacme;
mod validation;

mod support {
    //! What the tests stand on.
    pub(crate) mod client;
    pub(crate) mod dns;
    pub(crate) mod key;
    pub(crate) mod program;
    pub(crate) mod responder;
    pub(crate) mod world;
}
