//! The crate against real DNS servers on loopback, and against its own.

mod auth_server;
mod challtestsrv;
mod conformance;
mod exec;
mod harness;
mod nsupdate;
mod pdns;
mod propagation;
mod zones;
