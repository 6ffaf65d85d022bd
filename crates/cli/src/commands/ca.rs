//! `evercert ca`: the Local CA alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use evercert_ca::{CaConfig, LocalCa, ValidationDns};
use evercert_types::parse_span;

/// `evercert ca`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen (HTTPS).
    #[arg(long, default_value = "127.0.0.1:14000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Keep keys, accounts and certificates here; without it a restart is another CA.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Ask this DNS server when validating; default: the system's resolvers.
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns: Option<SocketAddr>,
    /// Port of HTTP-01 validation.
    #[arg(long, default_value_t = 80, value_name = "PORT")]
    http01_port: u16,
    /// Port of TLS-ALPN-01 validation.
    #[arg(long, default_value_t = 443, value_name = "PORT")]
    tls_alpn01_port: u16,
    /// Lifetime of certificates, such as 90d.
    #[arg(long, default_value = "90d", value_name = "SPAN", value_parser = parse_span)]
    validity: jiff::SignedDuration,
    /// Write the root certificate (PEM) here, for clients to trust.
    #[arg(long, value_name = "FILE")]
    root_file: Option<PathBuf>,
}

/// Runs it until it is stopped.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let config = CaConfig {
        listen: args.listen,
        state_dir: args.state_dir,
        resolver: args
            .dns
            .map_or(ValidationDns::System, ValidationDns::Server),
        http01_port: args.http01_port,
        tls_alpn01_port: args.tls_alpn01_port,
        validity: args.validity,
        ..CaConfig::default()
    };
    let ca = LocalCa::start(config)
        .await
        .context("starting the Local CA")?;
    if let Some(file) = &args.root_file {
        std::fs::write(file, ca.root_pem())
            .with_context(|| format!("writing {}", file.display()))?;
    }
    eprintln!("Local CA: directory {}", ca.directory_url());
    match &args.root_file {
        Some(file) => eprintln!("          root certificate in {}", file.display()),
        None => eprint!("{}", ca.root_pem()),
    }
    let signal = super::stop::requested().await?;
    eprintln!("{signal}: stopping");
    ca.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
