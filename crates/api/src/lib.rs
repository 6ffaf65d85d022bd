//! Wire shapes: what the Console's REST API and ZTS/1 say, and nothing about how.
//!
//! [`sync`] is ZTS/1, the contract between Console and instances; [`problem`] the catalogue of errors;
//! the other modules are the nouns of `/api/v1`. Every shape is additive within version 1: readers ignore
//! unknown fields.

pub mod bulk;
pub mod ca_vendors;
pub mod certificate_lists;
pub mod certificates;
pub mod challenge;
pub mod challenges;
pub mod digest;
pub mod dns_providers;
pub mod instances;
pub mod operations;
pub mod orders;
pub mod page;
pub mod preflight;
pub mod problem;
pub mod renewals;
pub mod revocations;
pub mod store;
pub mod sync;
pub mod terms;
pub mod txt_journal;
pub mod users;

pub use page::Page;
pub use problem::{Problem, ProblemCode};
