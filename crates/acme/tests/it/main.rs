//! The client against a scripted stub, which does what CAs do wrong, and against Pebble.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod account;
mod directory;
mod download;
mod finalize;
mod local_ca;
mod nonce;
mod order;
mod pebble;
mod polling;
mod renewal_info;
mod revoke;
mod stub;
mod support;
