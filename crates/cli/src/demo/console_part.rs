//! The demo's Console.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evercert_console::{ConsoleConfig, ConsoleHandle};
use evercert_types::Secret;
use tokio::net::TcpListener;

use crate::client::Client;
use crate::commands::files::write_private;

/// A Console that can be stopped and started again where it was.
pub(crate) struct ConsolePart {
    addr: SocketAddr,
    dir: PathBuf,
    dns: SocketAddr,
    setup_url: Option<Secret<String>>,
    running: Option<ConsoleHandle>,
}

impl ConsolePart {
    /// Starts one on a free loopback port.
    pub(crate) async fn start(dir: &Path, dns: SocketAddr) -> Result<Self> {
        let mut part = Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            dir: dir.to_owned(),
            dns,
            setup_url: None,
            running: None,
        };
        part.start_again().await?;
        Ok(part)
    }

    /// Starts it where it was.
    pub(crate) async fn start_again(&mut self) -> Result<()> {
        let config = ConsoleConfig {
            listen: self.addr,
            dns_resolver: Some(self.dns),
            ..ConsoleConfig::new(&self.dir)
        };
        let listener = TcpListener::bind(self.addr)
            .await
            .with_context(|| format!("listening on {}", self.addr))?;
        let handle = evercert_console::run(config, listener)
            .await
            .context("starting the Console")?;
        self.addr = handle.addr;
        self.setup_url.clone_from(&handle.setup_url);
        self.running = Some(handle);
        Ok(())
    }

    /// Stops it.
    pub(crate) async fn stop(&mut self) {
        if let Some(handle) = self.running.take() {
            handle.shutdown().await;
        }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.addr)
    }

    /// The page that makes the first administrator, while there is none.
    pub(crate) fn setup_url(&self) -> Option<&Secret<String>> {
        self.setup_url.as_ref()
    }

    /// A client with an operator's token; the token is written to `file` for the visitor.
    pub(crate) async fn operator(&self, file: &Path) -> Result<Client> {
        let handle = self
            .running
            .as_ref()
            .context("the Console is not running")?;
        let token = handle
            .operator_token("demo")
            .await
            .context("making the demo's token")?;
        write_private(file, format!("{}\n", token.expose()))?;
        Client::new(&self.url(), token, Some(&handle.ca_pem))
    }
}
