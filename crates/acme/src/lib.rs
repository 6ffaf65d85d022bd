//! An RFC 8555 client: accounts, orders, challenges, ARI, profiles, EAB, alternates.
//!
//! A [`Client`] is one CA: its directory, its connections and its nonces. An [`AccountKey`] signs;
//! [`Client::new_account`] registers it and gives an [`Account`], which places orders, answers
//! challenges, finalizes, downloads and revokes. Every call is one step with a time limit of its
//! own: what runs them in order, saves the state between them and decides when to come back is the
//! caller's. [`Order`], [`Authorization`] and [`Challenge`] can be serialised for that.
//!
//! Errors ([`AcmeError`]) keep the CA's problem document word for word, say at which [`Stage`] they
//! arose, and answer `is_retryable()`, `retry_after()`, `fault()` and `remedy()`.
//!
//! ```no_run
//! # async fn issue(csr_der: &[u8]) -> Result<(), evercert_acme::AcmeError> {
//! use std::time::Duration;
//! use evercert_acme::{
//!     AccountKey, ChallengeType, Client, ClientConfig, Identifier, NewAccount, NewOrder,
//!     SignatureAlgorithm, Until, dns01_value,
//! };
//! use tokio::time::Instant;
//!
//! let client = Client::connect(ClientConfig::new("https://ca.example/directory")).await?;
//! let key = AccountKey::generate(SignatureAlgorithm::Es256)?;
//! let account = client.new_account(&key, &NewAccount::agreed()).await?;
//! let name = "www.example.com".parse().expect("a domain name");
//! let order = account.new_order(&NewOrder::new([Identifier::dns(&name)])).await?;
//! let deadline = Instant::now() + Duration::from_secs(60);
//! for url in &order.authorizations {
//!     let authorization = account.authorization(url).await?;
//!     if let Some(challenge) = authorization.to_solve(&ChallengeType::Dns01) {
//!         let value = dns01_value(challenge.token(), &key);
//!         // … publish `value` at authorization.identifier, wait until it is seen …
//!         account.trigger_challenge(&challenge.url).await?;
//!         account.poll_authorization(url, deadline).await?;
//!     }
//! }
//! let order = account.poll_order(&order.url, Until::Ready, deadline).await?;
//! account.finalize(&order, csr_der).await?;
//! let order = account.poll_order(&order.url, Until::Valid, deadline).await?;
//! let downloaded = account.download(order.certificate_url()?).await?;
//! # drop(downloaded); Ok(()) }
//! ```
//!
//! Not here: creating keys and CSRs (`evercert-x509`), publishing DNS records (`evercert-dns`),
//! scheduling, and the database.

pub mod account;
pub mod authorization;
pub mod chain;
pub mod challenge;
pub mod client;
pub mod directory;
pub mod download;
pub mod error;
pub mod fault;
mod finalize;
mod jws;
pub mod key;
mod key_change;
mod link;
mod nonce;
pub mod order;
mod pace;
mod poll;
pub mod problem;
pub mod renewal_info;
mod reply;
pub mod revoke;
pub mod stage;
mod transport;
pub mod vendors;
mod wire;

pub use account::{Account, AccountDetails, AccountStatus, Eab, NewAccount};
pub use authorization::{Authorization, AuthorizationStatus};
pub use chain::{is_preferred, select_chain};
pub use challenge::{Challenge, ChallengeStatus, ChallengeType, dns01_value, key_authorization};
pub use client::{Client, ClientConfig};
pub use directory::{Directory, Meta};
pub use download::Downloaded;
pub use error::AcmeError;
pub use fault::{Fault, TransportFault};
pub use key::{AccountKey, KeyError, SignatureAlgorithm};
pub use order::{Identifier, IdentifierType, NewOrder, Order, OrderStatus, Until};
pub use problem::{Problem, ProblemKind, Subproblem};
pub use renewal_info::RenewalInfo;
pub use revoke::RevocationReason;
pub use stage::Stage;
pub use vendors::{EabRule, VENDORS, Vendor};
