//! The zero-touch agent: keeps this instance's certificates equal to the Console's store.

pub(crate) mod report;
