//! pebble-challtestsrv: a toy DNS server with a management API.

use std::net::SocketAddr;

use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, temp_dir, with_retries};
use crate::skip::require_program;

/// A running `pebble-challtestsrv` (Debian package `pebble`).
///
/// Answers A queries for every name with 127.0.0.1; refuses SOA and NS queries and EDNS.
#[derive(Debug)]
pub struct Challtestsrv {
    daemon: Daemon,
    dns: SocketAddr,
    http01: SocketAddr,
    tls_alpn01: SocketAddr,
    management: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Challtestsrv {
    /// Starts it with all its listeners.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        with_retries(async || Self::attempt().await).await
    }

    async fn attempt() -> Result<Self, StartError> {
        let program = require_program("pebble-challtestsrv", "pebble")?;
        let dir = temp_dir("challtestsrv")?;
        let [dns, http01, tls_alpn01, management] = std::array::from_fn(|_| free_addr());
        let mut command = Command::new(program);
        command
            .args(["-https01", "", "-defaultIPv6", ""])
            .args(["-dns01", &dns.to_string()])
            .args(["-http01", &http01.to_string()])
            .args(["-tlsalpn01", &tls_alpn01.to_string()])
            .args(["-management", &management.to_string()]);
        let mut daemon = Daemon::spawn("pebble-challtestsrv", command, &dir.path().join("log"))?;
        daemon.ready(&Probe::Tcp(management)).await?;
        daemon.ready(&Probe::Tcp(dns)).await?;
        Ok(Self {
            daemon,
            dns,
            http01,
            tls_alpn01,
            management,
            _dir: dir,
        })
    }

    /// Where it answers DNS, UDP and TCP.
    pub const fn addr(&self) -> SocketAddr {
        self.dns
    }

    /// Where it answers HTTP-01 challenges.
    pub const fn http01_addr(&self) -> SocketAddr {
        self.http01
    }

    /// Where it answers TLS-ALPN-01 challenges.
    pub const fn tls_alpn01_addr(&self) -> SocketAddr {
        self.tls_alpn01
    }

    /// Base URL of its management API.
    pub fn management_url(&self) -> String {
        format!("http://{}", self.management)
    }

    /// The settings of the challtestsrv provider.
    pub fn settings(&self) -> Vec<(String, String)> {
        vec![
            ("url".to_owned(), self.management_url()),
            ("dns_server".to_owned(), self.dns.to_string()),
        ]
    }

    /// The process, to stop it or read its log.
    pub const fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn starts_with_all_listeners() {
        let server = crate::start_or_skip!(Challtestsrv::start().await);

        for addr in [
            server.addr(),
            server.http01_addr(),
            server.tls_alpn01_addr(),
        ] {
            let accepts = async || Probe::Tcp(addr).succeeds().await.then_some(());
            crate::eventually("listening", Duration::from_secs(10), accepts).await;
        }
    }
}
