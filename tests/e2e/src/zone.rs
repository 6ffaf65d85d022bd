//! The journeys' zone.

use anyhow::{Context, Result};
use evercert_dns::TsigKey;
use evercert_dns::server::{AuthServer, ServerConfig, UpdatePolicy, ZoneConfig};
use evercert_types::Secret;

use crate::surroundings::{TSIG_SECRET, ZONE};

/// Serves [`ZONE`], to be changed by who has the key `evercert`; every name in it has the address 127.0.0.1.
///
/// # Errors
/// When no port is free.
pub async fn serve() -> Result<AuthServer> {
    let key = TsigKey::parse(&Secret::new(format!("hmac-sha256:evercert:{TSIG_SECRET}")))
        .context("reading the key")?;
    let config = ServerConfig {
        zones: vec![ZoneConfig::new(ZONE)],
        updates: UpdatePolicy::Signed(vec![key]),
        default_a: Some([127, 0, 0, 1].into()),
        ..ServerConfig::default()
    };
    AuthServer::start(config)
        .await
        .context("starting the DNS server")
}
