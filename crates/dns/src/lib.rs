//! Publish and withdraw one TXT value at a DNS provider; find zones; watch propagation.
//!
//! A [`Provider`] does one thing: add or remove **one value at one name**, leaving every other value
//! there alone. What is the same for all of them stands beside it: the [`Resolver`] finds the
//! effective name behind CNAMEs and the zone it lies in, [`Propagation`] waits until the authoritative
//! servers show the values, [`NameLocks`] keep two writers of one name apart, [`Accounts`] keep to what a service lets
//! one account do. [`server`] is a small
//! authoritative DNS server for demos and tests.
//!
//! The crate knows nothing of ACME, certificates or storage.
//!
//! ```no_run
//! # async fn publish() -> Result<(), Box<dyn std::error::Error>> {
//! use evercert_dns::{Propagation, Resolver, Settings, TxtTarget};
//!
//! let settings: Settings = [
//!     ("server", "192.0.2.53:53"),
//!     ("key", "hmac-sha256:evercert:c2VjcmV0"),
//! ]
//! .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
//! .into();
//! let provider = evercert_dns::build("nsupdate", &settings)?;
//!
//! let resolver = Resolver::system()?;
//! let name = resolver.follow_cname("_acme-challenge.www.example.com").await?;
//! let target = TxtTarget::new(&name, "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo");
//! let receipt = provider.add(&target).await?;
//! Propagation::authoritative(resolver).wait(&[target.clone()]).await?;
//! provider.remove(&target, Some(&receipt)).await?;
//! # Ok(())
//! # }
//! ```

mod account;
mod authority;
mod bounded;
mod breaker;
mod caa;
mod delegation;
mod engine;
mod error;
mod http;
mod keyfile;
mod local;
mod lock;
mod lookup;
mod name;
mod native;
mod otp;
mod placed;
mod proof;
mod propagation;
mod provider;
mod quiet;
mod repeat;
mod resolver;
pub mod server;
mod setting;
mod tsig;
mod txt;
mod update;
mod wire;
mod zone;
mod zone_cache;

pub use account::Accounts;
pub use authority::zone_candidates;
pub use caa::{CaaIssuer, CaaRecord, CaaSet, CaaTree, CaaVerdict};
pub use delegation::Delegation;
pub use error::{DnsError, Fault, Step};
pub use local::LocalAccess;
pub use lock::{NameGuard, NameLocks};
pub use lookup::{Limits, LookupError, Transport};
pub use name::registrable;
pub use native::{PROVIDERS, build, build_with, descriptor, is_local};
pub use placed::placed;
pub use proof::Proof;
pub use propagation::{
    Agreement, Lacking, Propagation, PropagationError, PropagationMode, PropagationReport,
};
pub use provider::{
    Alias, Caps, CheckReport, Context, Descriptor, Field, Multi, Provider, Receipt, Registration,
    Servers, Settings, TxtRecord, TxtTarget,
};
pub use repeat::repeating;
pub use resolver::{Resolver, Soa};
pub use tsig::{TsigAlgorithm, TsigKey, TsigKeyError};
pub use zone::Zone;
