//! The Local CA: an RFC 8555 server as a library.
//!
//! A real ACME server with a real hierarchy (root, intermediate, leaves) for the demo, for internal
//! names and for tests: accounts with or without external binding, dns-01, http-01 and tls-alpn-01
//! validated over the network, finalize with full CSR checks, alternates, revocation, key rollover,
//! ARI (RFC 9773), profiles. [`LocalCa::start`] runs it on a port of your choice; start reading at
//! [`CaConfig`].
//!
//! Inside: [`server`] accepts connections, `routes` lists the resources, `post` checks each JWS,
//! one module a resource does the work on `store`, `validate` looks at the network, `issuer` signs.

mod account;
mod authorization;
mod certificate;
pub mod config;
mod directory;
mod finalize;
mod identifier;
mod issuer;
mod journal;
mod jwk;
mod jws;
mod key_change;
mod nonce;
mod order;
mod post;
mod problem;
mod renewal_info;
mod revoke;
mod routes;
pub mod server;
mod shared;
mod store;
mod tls;
mod validate;

pub use config::{CaConfig, ExternalAccounts, Profile, ValidationDns};
pub use server::{CaError, LocalCa};
