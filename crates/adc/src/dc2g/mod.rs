//! Dynamic client certificates (DC2G): towards a server that asks for a client certificate, one made after the
//! client's own, signed by a CA that the server trusts for that.
//!
//! The way of one connection: the front-end handshake verifies the client and leaves a [`identity::VerifiedIdentity`],
//! which nothing else can make. A connection to a service carries it in a [`resolver::IdentityResolver`], which rustls
//! asks only when the server asked for a certificate; only then the [`forger::Forger`] of the back-end profile looks
//! into its cache or makes one. Whatever stands against it, the handshake with the server fails: no certificate is
//! ever replaced by another one, or by none.

pub(crate) mod audit;
pub(crate) mod cache;
pub(crate) mod deny;
pub(crate) mod forger;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod probe;
pub(crate) mod rate;
pub(crate) mod refusal;
pub(crate) mod registry;
pub(crate) mod resolver;
pub(crate) mod settings;
pub(crate) mod statistics;

pub(crate) use registry::Dc2g;
