//! NetScaler's configuration language: one resource catalogue, and what follows from it.
//!
//! [`catalog`] describes every resource type as static data. Pure functions of it are the command line ([`grammar`]),
//! [`nitro`] JSON, [`nsconf`] files, [`validate`], the texts of [`show`] and the [`reference`]. [`model`] is the running
//! configuration that commands change, with typed views for the data plane.
//!
//! [`expr`] parses and evaluates policy expressions.
//!
//! Not here: files, sockets, certificates' contents.
//!
//! Start with [`Command`], then [`grammar::parse_line`] and [`model::Config::apply`].

pub mod catalog;
pub mod codes;
pub mod command;
pub mod error;
pub mod expr;
pub mod grammar;
pub mod model;
pub mod nitro;
pub mod nsconf;
pub mod reference;
pub mod show;
pub mod validate;
pub mod value;
pub mod verb;

pub use command::{Command, Verb};
pub use error::NsError;
pub use model::Config;
pub use value::{Value, Values};
