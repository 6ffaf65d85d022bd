//! moto: a double of Amazon's services, among them Route 53.

use std::net::SocketAddr;

use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, temp_dir, with_retries};
use crate::skip::require_program;

/// A running `moto_server` (Python package `moto[server]`).
#[derive(Debug)]
pub struct Moto {
    _daemon: Daemon,
    addr: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Moto {
    /// Starts it with nothing in it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        with_retries(async || Self::attempt().await).await
    }

    async fn attempt() -> Result<Self, StartError> {
        let program = require_program("moto_server", "python package moto[server]")?;
        let dir = temp_dir("moto")?;
        let addr = free_addr();
        let mut command = Command::new(program);
        command
            .args(["-H", &addr.ip().to_string(), "-p", &addr.port().to_string()])
            .current_dir(dir.path());
        let mut daemon = Daemon::spawn("moto_server", command, &dir.path().join("log"))?;
        daemon.ready(&Probe::Tcp(addr)).await?;
        Ok(Self {
            _daemon: daemon,
            addr,
            _dir: dir,
        })
    }

    /// Where all of its services answer.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}
