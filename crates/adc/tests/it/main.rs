//! The data plane from outside: real sockets on loopback, a backend, and a Console that speaks ZTS/1.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails its test"
)]

mod authority;
mod backend;
mod client;
mod console;
mod icap_server;
mod origin;
mod world;

mod acme;
mod admission;
mod back_end;
mod balancing;
mod c_icap;
mod cache;
mod certkeys;
mod choice;
mod clients;
mod dc2g;
mod dc2g_many;
mod dc2g_settings;
mod dns;
mod http1;
mod http2;
mod icap;
mod icap_servers;
mod live;
mod nitro;
mod ocsp;
mod policy;
mod raw;
mod revocation;
mod swap;
mod sync;
mod websocket;
mod zero_touch;
