//! The crate against real DNS servers on loopback, and against its own.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach functions they share"
)]

mod acmedns;
mod acmesh;
mod auth_server;
mod aws;
mod caa;
mod challtestsrv;
mod conformance;
mod exec;
mod harness;
mod httpreq;
mod lego;
mod metadata;
mod nsupdate;
mod pdns;
mod propagation;
mod registry;
mod second_factor;
mod suite;
mod zonefile;
mod zones;
