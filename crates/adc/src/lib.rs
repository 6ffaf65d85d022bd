//! The data plane: a TLS reverse proxy in NetScaler's language, fed by the zero-touch store.

pub mod config;
pub mod error;
mod metrics;
pub mod status;
mod sync;
mod tls;
mod traffic;
