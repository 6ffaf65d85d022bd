//! Ready-made authorities, keys and chains for the tests of this crate.
