//! What happens to certificates, from the request to the version in force: the only place that decides.
//!
//! The journey in order: [`request`] writes what is wanted; `issue` drives one order through its
//! states with the steps of `authorize`, `publish`, `finalize` and `install`, each persisted before the
//! next begins; `failure` says what a failed step means; `policy` says when the next order is due and why,
//! `replan` writes that down, and `plan` makes it. The other modules are what people do: [`certificates`], [`change`], [`import`],
//! [`vendors`], [`dns`], [`operations`].

pub(crate) mod acme_clients;
pub(crate) mod ari;
mod authorize;
mod backoff;
pub mod bulk;
pub mod certificates;
pub(crate) mod chains;
pub mod challenge;
pub mod change;
mod coverage;
mod csr;
pub mod delegation;
pub mod dns;
pub mod dns_accounts;
pub(crate) mod dns_clients;
pub mod dns_mapping;
pub mod dns_test;
pub mod dns_types;
pub(crate) mod enrol;
mod export;
mod failover;
pub(crate) mod failure;
mod finalize;
pub mod import;
mod install;
pub(crate) mod issue;
pub mod journal;
pub mod ledger;
pub mod list;
mod material;
pub mod messages;
mod new_order;
pub mod operations;
pub mod order_log;
pub mod orphans;
pub(crate) mod plan;
pub(crate) mod policy;
pub mod preflight;
mod publish;
mod rebuild;
pub mod renewals;
pub(crate) mod replan;
pub mod request;
pub mod revoke;
pub(crate) mod revoke_job;
pub(crate) mod rounds;
pub(crate) mod share;
pub(crate) mod standing;
pub(crate) mod terms;
mod terms_change;
mod treatment;
pub mod vendors;
pub(crate) mod withdraw;

use std::fmt;

use evercert_api::{Problem, ProblemCode};
use evercert_db::DbError;

use crate::problem::database_problem;

/// Who asked: as the audit log and the operations name them, such as `user:anna`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// Someone, as `kind:name`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The Console by itself.
    pub fn console() -> Self {
        Self("console".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request that was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// It cannot be, for a reason that its sender can do something about.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl LifecycleError {
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    /// As the API tells it.
    pub fn to_problem(&self) -> Problem {
        match self {
            Self::Problem(problem) => (**problem).clone(),
            Self::Database(error) => database_problem(error),
        }
    }
}

impl From<Box<Problem>> for LifecycleError {
    fn from(problem: Box<Problem>) -> Self {
        Self::Problem(problem)
    }
}

impl From<Problem> for LifecycleError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// A name that an operator gives to something: letters, digits and a few marks, of limited length.
pub(crate) fn check_name(
    name: &str,
    longest: usize,
    marks: &str,
    pointer: &str,
) -> Result<(), LifecycleError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    if !name.is_empty() && name.len() <= longest && name.chars().all(allowed) {
        return Ok(());
    }
    let marks: Vec<String> = marks.chars().map(|c| format!("'{c}'")).collect();
    let detail = format!(
        "\"{name}\" is not a usable name: it has 1 to {longest} letters, digits, {}",
        marks.join(", ")
    );
    Err(Problem::new(ProblemCode::Invalid, detail)
        .at(pointer)
        .into())
}
