//! NITRO: NetScaler's HTTP API, at `/nitro/v1/config/…` and `/nitro/v1/stat/…`.

mod body;
mod credentials;
mod envelope;
mod filter;
pub(crate) mod sessions;
mod throttle;
pub(crate) mod url;
