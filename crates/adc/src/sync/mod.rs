//! The zero-touch agent: keeps this instance's certificates equal to the Console's store.

pub(crate) mod agent;
pub(crate) mod cache;
pub(crate) mod client;
mod codec;
pub(crate) mod diff;
pub(crate) mod enroll;
pub(crate) mod keeper;
pub(crate) mod ledger;
mod random;
mod repair;
pub(crate) mod report;
#[cfg(test)]
pub(crate) mod samples;
mod seal;
pub(crate) mod store;
mod trust;
pub(crate) mod verify;
