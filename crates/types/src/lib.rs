//! The nouns of Evercert: ids, names, key algorithms, states, clock, secrets.
//!
//! Plain values with their parsers and printers. Nothing here does I/O, knows SQL, HTTP or a runtime.
//! Start with [`name::DomainName`] (what a certificate is for), [`store::StoreKind`] (where it lies)
//! and [`state`] (how far an order, a version or an instance got).

pub mod clock;
pub mod fingerprint;
pub mod id;
pub mod key;
pub mod label;
pub mod name;
pub mod secret;
pub mod span;
pub mod state;
pub mod store;
pub mod subject;
pub mod terms;

pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use fingerprint::Fingerprint;
pub use id::{
    AccountId, AuditId, CertificateId, DnsProviderId, InstanceId, JobId, OperationId, OrderId,
    TokenId, UserId, VendorId, VersionId,
};
pub use key::{KeyAlgorithm, KeyFamily};
pub use label::{Labels, Selector};
pub use name::{DomainName, INVALID_DOMAIN_NAME, NameError};
pub use secret::Secret;
pub use span::{format_span, parse_span};
pub use state::{CertificateState, ItemState, OrderState, RenewalMode, VersionState};
pub use store::StoreKind;
pub use subject::{SubjectError, SubjectTerms};
pub use terms::{ChallengeChoice, KeyCustody, ProfileMode};
