//! An ADC as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evercert_testkit::port::free_addr;
use tokio::process::Command;

use crate::cli::Cli;
use crate::program::evercert;
use crate::role::Role;

/// How an ADC is run.
#[derive(Clone, Debug)]
pub struct AdcSetup {
    /// Directory of ns.conf, state and log.
    pub dir: PathBuf,
    /// Its SSL virtual server.
    pub https: SocketAddr,
    console: Option<(String, String)>,
}

impl AdcSetup {
    /// Writes an ns.conf with one SSL virtual server before `backend`, and gets an enrolment token.
    ///
    /// # Errors
    /// When a file or the token cannot be made.
    pub async fn new(dir: &Path, backend: SocketAddr, console: Option<&Cli>) -> Result<Self> {
        std::fs::create_dir_all(dir).context("making the ADC's directory")?;
        let https = free_addr();
        let text = format!(
            "add server web1 {}\nadd service svc_web1 web1 HTTP {}\n\
             add lb vserver vs_https SSL {} {}\nbind lb vserver vs_https svc_web1\n",
            backend.ip(),
            backend.port(),
            https.ip(),
            https.port()
        );
        std::fs::write(dir.join("ns.conf"), text).context("writing ns.conf")?;
        let console = match console {
            Some(cli) => {
                let token = cli
                    .ok(&["instance", "token", "create", "--label", "site=test"])
                    .await?;
                Some((cli.url.clone(), token.trim().to_owned()))
            }
            None => None,
        };
        Ok(Self {
            dir: dir.to_owned(),
            https,
            console,
        })
    }

    /// Directory of identity and sealed cache.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// The command that runs it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(evercert());
        command
            .args(["adc", "--ns-conf"])
            .arg(self.dir.join("ns.conf"))
            .arg("--state-dir")
            .arg(self.state_dir());
        if let Some((url, token)) = &self.console {
            command.args([
                "--console",
                url,
                "--enroll-token",
                token,
                "--name",
                "adc-test",
            ]);
        }
        command
    }

    /// Starts it and waits until its virtual server accepts connections.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(&self) -> Result<Role> {
        let mut role = Role::spawn(self.command(), &self.dir.join("adc.log"))?;
        let https = self.https;
        role.wait_for("the virtual server", async || {
            tokio::net::TcpStream::connect(https).await.ok()
        })
        .await?;
        Ok(role)
    }
}
