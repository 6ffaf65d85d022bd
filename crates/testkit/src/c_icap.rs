//! c-icap: an ICAP server whose echo service looks at a message and lets it pass, or sends it back.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::port::free_addr;
use crate::process::{Daemon, Probe, StartError, temp_dir, with_retries, write};
use crate::skip::require_program;

/// A running `c-icap` (Debian package `c-icap`) with the service `/echo`.
#[derive(Debug)]
pub struct CIcap {
    daemon: Daemon,
    addr: SocketAddr,
    dir: TempDir,
}

impl CIcap {
    /// Starts it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        with_retries(Self::attempt).await
    }

    async fn attempt() -> Result<Self, StartError> {
        let program = require_program("c-icap", "c-icap")?;
        let modules = modules()?;
        let dir = temp_dir("c-icap")?;
        let addr = free_addr();
        let conf = dir.path().join("c-icap.conf");
        write(&conf, &configuration(dir.path(), &modules, addr))?;
        let mut command = Command::new(program);
        command.arg("-N").arg("-f").arg(&conf);
        command.current_dir(dir.path());
        let mut daemon = Daemon::spawn("c-icap", command, &dir.path().join("log"))?;
        daemon.ready(&Probe::Tcp(addr)).await?;
        Ok(Self { daemon, addr, dir })
    }

    /// Where it answers.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it wrote about the requests it answered, one a line.
    pub fn access_log(&self) -> String {
        let file = self.dir.path().join("access.log");
        String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
    }
}

impl Drop for CIcap {
    /// Killed at once it would leave its child processes behind.
    fn drop(&mut self) {
        let Some(pid) = self.daemon.pid() else { return };
        let told = std::process::Command::new("kill")
            .arg(pid.to_string())
            .status();
        if told.is_ok_and(|status| status.success()) {
            self.daemon.wait_blocking(std::time::Duration::from_secs(5));
        }
    }
}

/// Where Debian keeps the services: below the directory of the architecture.
fn modules() -> Result<String, StartError> {
    let found = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("c_icap"))
        .find(|dir| dir.join("srv_echo.so").exists());
    found
        .map(|dir| dir.display().to_string())
        .ok_or(StartError::Missing {
            program: "srv_echo.so",
            package: "c-icap",
        })
}

fn configuration(dir: &Path, modules: &str, addr: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "PidFile {dir}/pid\n\
         CommandsSocket {dir}/ctl\n\
         Timeout 60\n\
         MaxKeepAliveRequests 1000\n\
         KeepAliveTimeout 60\n\
         StartServers 1\n\
         MaxServers 1\n\
         MinSpareThreads 5\n\
         MaxSpareThreads 20\n\
         ThreadsPerChild 20\n\
         Port {addr}\n\
         ServerAdmin nobody@localhost\n\
         ServerName localhost\n\
         TmpDir {dir}\n\
         ModulesDir {modules}\n\
         ServicesDir {modules}\n\
         LoadMagicFile /etc/c-icap/c-icap.magic\n\
         ServerLog {dir}/server.log\n\
         AccessLog {dir}/access.log\n\
         Service echo srv_echo.so\n"
    )
}
