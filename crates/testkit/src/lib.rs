//! Real servers for tests, each on loopback in a temporary directory: Pebble, DNS servers, PostgreSQL; and doubles of
//! services that cannot be had: an ACME CA ([`acme_stub`]), acme-dns, Route 53's name servers.
//!
//! Every starter returns a value that owns the process: dropping it kills the process and removes its
//! directory. A starter whose program is not installed answers [`StartError::Missing`]; tests turn that
//! into a loud skip with [`start_or_skip!`]:
//!
//! ```no_run
//! # async fn test() {
//! use evercert_testkit::{Knot, Pebble, PebbleOptions, Zone, start_or_skip};
//!
//! let knot = start_or_skip!(Knot::start(&[Zone::new("example.org")]).await);
//! let pebble = start_or_skip!(
//!     Pebble::start(PebbleOptions { dns_server: Some(knot.addr()), ..PebbleOptions::default() }).await
//! );
//! println!("{} trusts {}", pebble.directory_url(), pebble.ca_bundle_pem());
//! # }
//! ```

pub mod acme_dns;
pub mod acme_stub;
pub mod bind;
pub mod c_icap;
pub mod card;
pub mod challtestsrv;
pub mod chromium;
pub mod knot;
pub mod moto;
pub mod name_server;
pub mod nsd;
pub mod pdns;
pub mod pebble;
pub mod port;
pub mod postgres;
pub mod process;
pub mod route53_dns;
pub mod skip;
pub mod wait;
pub mod zone;

pub use acme_dns::AcmeDns;
pub use bind::{Bind, BindOptions};
pub use c_icap::CIcap;
pub use challtestsrv::Challtestsrv;
pub use chromium::Chromium;
pub use knot::Knot;
pub use moto::Moto;
pub use nsd::Nsd;
pub use pdns::Pdns;
pub use pebble::{Pebble, PebbleOptions, ValidationDelay};
pub use port::free_port;
pub use postgres::Postgres;
pub use process::{Daemon, Probe, StartError};
pub use route53_dns::Route53Dns;
pub use wait::eventually;
pub use zone::{TsigKey, Zone};
