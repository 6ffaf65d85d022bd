//! The only SQL: migrations, one module a noun, jobs, leases, sealing at rest.
//!
//! [`Db`] is the entry: [`Db::open`] migrates and hands out short reads and writes as methods;
//! [`Db::begin_write`] begins a unit of work, [`Tx`], whose methods take effect together at
//! [`Tx::commit`]. Each noun is one file with `impl Db` and `impl Tx` blocks. The same SQL runs on
//! SQLite and PostgreSQL; what that takes is written at the top of `migrations/0001_init.sql`, and the
//! few differences between the engines live in [`db`].
//!
//! Absence is `Ok(None)`; a row that cannot be read is [`DbErrorKind::Inconsistent`]. Nothing here
//! decides anything about certificates: that is `console::lifecycle`.

pub mod accounts;
pub mod api_tokens;
pub mod audit;
pub mod authorizations;
pub mod certificates;
pub mod challenge_responses;
mod conditions;
pub mod db;
pub mod dns_accounts;
pub mod dns_providers;
pub mod domain_mappings;
pub mod enrollment_tokens;
pub mod error;
pub mod event_log;
pub mod events;
pub mod failing_names;
pub mod instance_items;
pub mod instances;
pub mod jobs;
pub mod leases;
pub mod ledger;
pub mod listing;
pub mod migrate;
pub mod operations;
pub mod order_log;
pub mod orders;
pub mod plans;
mod probe;
pub mod registrations;
pub mod revocations;
pub(crate) mod row;
pub mod seal;
pub mod sessions;
pub mod settings;
pub mod slots;
pub mod store_items;
pub mod terms;
pub mod txt_journal;
pub mod txt_journal_list;
pub mod users;
pub mod vendors;
pub mod versions;

pub use db::{Db, DbConfig, Engine, Tx};
pub use error::{DbError, DbErrorKind};
