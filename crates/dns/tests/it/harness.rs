//! What the tests share: settings from pairs, what a server shows, quick limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evercert_dns::server::{AuthServer, ServerConfig, UpdatePolicy, ZoneConfig};
use evercert_dns::{Limits, Provider, Resolver, Settings, TsigAlgorithm, TsigKey};
use evercert_types::Secret;

/// Two values as ACME makes them; the first begins like an option of a program.
pub(crate) const FIRST: &str = "-PsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo";
pub(crate) const SECOND: &str = "gfj9Xq_8lIHJJUCo3DoI5DUQ6mqkyTQSSLkM3_kPnCg";
pub(crate) const NAME: &str = "_acme-challenge.www.example.org";

pub(crate) fn settings(pairs: &[(String, String)]) -> Settings {
    pairs
        .iter()
        .map(|(key, value)| (key.clone(), Secret::new(value.clone())))
        .collect()
}

/// The settings with one of them changed.
pub(crate) fn with(settings: &Settings, key: &str, value: &str) -> Settings {
    let mut changed = settings.clone();
    changed.insert(key.to_owned(), Secret::new(value.to_owned()));
    changed
}

pub(crate) fn provider(code: &str, settings: &Settings) -> Arc<dyn Provider> {
    evercert_dns::build(code, settings).unwrap()
}

/// Gives up quickly: everything is on loopback.
pub(crate) fn quick() -> Limits {
    Limits {
        timeout: Duration::from_secs(2),
        tries: 1,
    }
}

pub(crate) fn resolver(server: SocketAddr) -> Resolver {
    Resolver::with_servers([server])
        .with_authority_port(server.port())
        .with_limits(quick())
}

/// The TXT values that a server shows, sorted.
pub(crate) async fn txt(server: SocketAddr, name: &str) -> Vec<String> {
    let mut values = resolver(server).txt(name).await.unwrap();
    values.sort_unstable();
    values
}

/// The key of the own server.
pub(crate) fn own_key() -> TsigKey {
    let secret = Secret::new("b3duIHNlcnZlcidzIHNlY3JldA==".to_owned());
    TsigKey::new("own", TsigAlgorithm::HmacSha256, &secret).unwrap()
}

/// The nsupdate settings for the own server.
pub(crate) fn own_settings(server: SocketAddr) -> Settings {
    settings(&[
        ("server".to_owned(), server.to_string()),
        (
            "key".to_owned(),
            "hmac-sha256:own:b3duIHNlcnZlcidzIHNlY3JldA==".to_owned(),
        ),
    ])
}

/// The own server with these zones, to be changed with [`own_key`].
pub(crate) async fn own_server(zones: Vec<ZoneConfig>) -> AuthServer {
    let config = ServerConfig {
        zones,
        updates: UpdatePolicy::Signed(vec![own_key()]),
        ..ServerConfig::default()
    };
    AuthServer::start(config).await.unwrap()
}
