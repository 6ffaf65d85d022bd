//! What is tried in each case.

pub(crate) mod access;
pub(crate) mod answers;
pub(crate) mod failures;
pub(crate) mod names;
pub(crate) mod values;
