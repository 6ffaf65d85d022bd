//! A TLS client that looks at what an ADC serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use evercert_types::Fingerprint;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// One full handshake, verified against `roots` (PEM) and the name; answers the leaf's fingerprint.
///
/// # Errors
/// When it fails or takes longer than ten seconds.
pub async fn handshake(addr: SocketAddr, host: &str, roots: &str) -> Result<Fingerprint> {
    let roots = evercert_x509::tls::root_store(roots).context("reading the roots")?;
    let mut config =
        evercert_x509::tls::client_config(roots, None, &[b"http/1.1"]).context("preparing TLS")?;
    config.resumption = Resumption::disabled();
    let name = ServerName::try_from(host.to_owned()).context("reading the server name")?;
    let attempt = async {
        let tcp = TcpStream::connect(addr).await.context("connecting")?;
        TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
            .context("TLS handshake")
    };
    let stream = tokio::time::timeout(Duration::from_secs(10), attempt)
        .await
        .context("time-out")??;
    let leaf = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first)
        .context("no certificate shown")?;
    Ok(evercert_x509::sha256(leaf))
}
