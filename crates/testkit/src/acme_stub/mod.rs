//! A CA that can be told to misbehave: what Pebble lacks, and what goes wrong at real ones.
//!
//! An ACME server (RFC 8555) over TLS on loopback. Signatures, nonces and URLs are really checked,
//! certificates really signed; only validation looks nothing up: the switches decide it. Everything
//! is in memory and nothing sleeps, so that months of a large site pass in seconds on a clock that a
//! test moves.
//!
//! ```no_run
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use evercert_testkit::acme_stub::{AcmeStub, Answer, Endpoint, Finalize, StubOptions};
//!
//! let stub = AcmeStub::start(StubOptions::lets_encrypt()).await?;
//! println!("{} trusts {}", stub.directory_url(), stub.ca_bundle_pem());
//! let busy = Answer::problem(503, "rateLimited", "busy").retry_after(Duration::from_secs(2));
//! stub.control().queue(Endpoint::NewOrder, busy);
//! stub.control().switch(|switches| switches.finalize = Finalize::Endless);
//! // … the client under test …
//! let orders = stub.control().requests_to(Endpoint::NewOrder);
//! # drop(orders); Ok(()) }
//! ```
//!
//! Without preparation every answer is that of a good CA. A [`StubOptions`] preset resembles one
//! that people use; [`Switches`] change standing behaviour; [`Control::queue`] gives single answers
//! word for word.

mod account;
mod answer;
mod authorization;
mod certificate;
mod control;
mod endpoint;
mod finalize;
mod identifier;
mod issuer;
mod journal;
mod jws;
mod limits;
mod options;
mod order;
mod order_rules;
mod problem;
mod routes;
mod server;
mod switches;
mod world;

pub use answer::Answer;
pub use authorization::VENDOR_CHALLENGE;
pub use control::{Control, IssuedCertificate};
pub use endpoint::Endpoint;
pub use journal::Recorded;
pub use limits::{Bucket, LimitKind, Limits};
pub use options::StubOptions;
pub use server::AcmeStub;
pub use switches::{
    AlternateLinks, Ari, AriWindow, Authz, ChainFormat, ChainOrder, ChainShape, Contacts, Dates,
    Eab, Failure, Finalize, IdentifierPolicy, Ips, LineEnds, Nonce, OrderLists, OrderReuse, Pause,
    Profile, RateLimit, Replaces, RootInChain, Subject, Suffixes, Switches, Terms,
};
