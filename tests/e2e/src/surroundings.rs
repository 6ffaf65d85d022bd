//! What stands around a Console in a journey: a Local CA and an authoritative DNS server, in this process.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use evercert_ca::{CaConfig, LocalCa, ValidationDns};
use evercert_dns::server::AuthServer;
use jiff::SignedDuration;

use crate::cli::Cli;

/// The zone that all journeys use.
pub const ZONE: &str = "example.org";
/// Secret of the TSIG key `evercert`, Base64; the servers live for one test only.
pub const TSIG_SECRET: &str = "ZXZlcmNlcnQgdGVzdCBzZWNyZXQsIGZvcnR5LWVpZ2h0IG9jdGV0cyBsb25nISE=";

/// A CA and a DNS server that trust nobody but each other.
pub struct Surroundings {
    /// The DNS server, authoritative for [`ZONE`].
    pub dns: AuthServer,
    /// The CA, validating at that server.
    pub ca: LocalCa,
}

impl Surroundings {
    /// Starts both; the CA keeps its state in `dir`.
    ///
    /// # Errors
    /// When one cannot listen.
    pub async fn start(dir: &Path) -> Result<Self> {
        let dns = crate::zone::serve().await?;
        let ca = LocalCa::start(CaConfig {
            state_dir: Some(dir.join("ca")),
            resolver: ValidationDns::Server(dns.local_addr()),
            validity: SignedDuration::from_hours(90 * 24),
            ..CaConfig::default()
        })
        .await
        .context("starting the Local CA")?;
        std::fs::write(dir.join("ca-bundle.pem"), ca.tls_root_pem())
            .context("writing the CA's root")?;
        Ok(Self { dns, ca })
    }

    /// Adds both to a Console: vendor `local`, provider `dns`, [`ZONE`] mapped.
    ///
    /// # Errors
    /// When a command fails.
    pub async fn introduce(&self, cli: &Cli, dir: &Path) -> Result<()> {
        let bundle = dir.join("ca-bundle.pem");
        let bundle = bundle
            .to_str()
            .context("the test directory's path is UTF-8")?;
        cli.ok(&[
            "ca-vendor",
            "add",
            "local",
            "--directory-url",
            &self.ca.directory_url(),
            "--ca-bundle",
            bundle,
        ])
        .await?;
        add_nsupdate(cli, "dns", self.dns.local_addr(), TSIG_SECRET).await?;
        cli.ok(&["domain", "map", ZONE, "--provider", "dns"])
            .await?;
        Ok(())
    }
}

/// Adds an nsupdate provider whose records are looked for at that same server.
///
/// # Errors
/// When the command fails.
pub async fn add_nsupdate(cli: &Cli, name: &str, server: SocketAddr, secret: &str) -> Result<()> {
    add_nsupdate_with(cli, name, server, secret, &[]).await
}

/// The same with further arguments.
///
/// # Errors
/// When the command fails.
pub async fn add_nsupdate_with(
    cli: &Cli,
    name: &str,
    server: SocketAddr,
    secret: &str,
    more: &[&str],
) -> Result<()> {
    let (server_setting, secret) = (format!("server={server}"), format!("key_secret={secret}"));
    let server = server.to_string();
    let settings = [
        "--set",
        &server_setting,
        "--set",
        "key_name=evercert",
        "--set",
        "key_algorithm=hmac-sha256",
    ];
    let mut args = vec![
        "dns-provider",
        "add",
        name,
        "--type",
        "nsupdate",
        "--set",
        &secret,
    ];
    args.extend(settings);
    args.extend([
        "--propagation",
        "servers",
        "--propagation-server",
        &server,
        "--propagation-first-look",
        "0s",
    ]);
    args.extend(more);
    cli.ok(&args).await?;
    Ok(())
}
