//! The data plane: a TLS reverse proxy in NetScaler's language, fed by the zero-touch store.
//!
//! [`Adc::start`] reads an `ns.conf` and the sealed cache, opens the vservers' sockets, and follows a Console: what is
//! in its zero-touch store is served here by itself. Start reading at `tls::resolver` (which certificate a handshake
//! gets), `traffic::listener` (what becomes of a connection) and `sync::agent` (how certificates get here).
//!
//! ```no_run
//! # async fn run() -> Result<(), evercert_adc::error::StartError> {
//! use evercert_adc::config::{AdcConfig, ConsoleLink, NsConf};
//! use evercert_types::Secret;
//!
//! let text = "add lb vserver web SSL 192.0.2.1 443".to_owned();
//! let mut config = AdcConfig::new(NsConf { text, path: "/etc/evercert/ns.conf".into() }, "/var/lib/evercert-adc");
//! let token = Secret::new("ect1.…".to_owned());
//! config.console = Some(ConsoleLink::new("https://console.example.com:8443", Some(token)));
//! let adc = evercert_adc::Adc::start(config).await?;
//! adc.shutdown(std::time::Duration::from_secs(30)).await;
//! # Ok(())
//! # }
//! ```

pub mod admin;
mod challenges;
pub mod config;
mod control;
mod dc2g;
mod dns;
pub mod error;
mod files;
mod handle;
mod icap;
mod instance;
pub mod measure;
mod metrics;
mod nitro;
mod ocsp;
mod policy;
mod read;
mod running;
pub mod status;
mod sync;
mod tls;
mod traffic;

pub use config::{AdcConfig, ConsoleLink, NitroConfig, NsConf, Unsupported};
pub use error::StartError;
pub use handle::{Adc, AdcHandle, Executed, NitroAddrs};
pub use status::Status;
pub use tls::explain::{
    Candidate, ExplainQuery, ExplainedStep, Explanation, Outcome, SignatureName, SignatureNameError,
};
pub use traffic::drain::Drained;
