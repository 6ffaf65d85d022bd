//! The data plane: a TLS reverse proxy in NetScaler's language, fed by the zero-touch store.

pub mod config;
mod metrics;
mod sync;
mod tls;
mod traffic;
