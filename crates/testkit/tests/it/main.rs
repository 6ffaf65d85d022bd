//! The stub ACME server, seen by our own client, and the double of acme-dns.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step is the test's failure; the lint knows only #[test] functions"
)]

mod account;
mod acme_dns;
mod answers;
mod authorization;
mod certificate;
mod finalize;
mod limits;
mod order;
mod presets;
mod renewal_info;
mod support;
mod volume;
