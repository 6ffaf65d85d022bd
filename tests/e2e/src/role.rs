//! A role of the program as a process: its log is kept, and it dies with its handle.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use evercert_testkit::wait::POLL;
use tokio::process::{Child, Command};

/// How long a role may take to be ready, or to stop.
const LIMIT: Duration = Duration::from_secs(60);

/// A running process.
#[derive(Debug)]
pub struct Role {
    child: Child,
    log: PathBuf,
}

impl Role {
    /// Starts the command; output goes to `log`.
    ///
    /// # Errors
    /// When the file or the process cannot be made.
    pub fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .context("opening the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("opening the log")?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .context("starting evercert")?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Waits until `ready` yields a value.
    ///
    /// # Errors
    /// When the process ends first, or the time is over; the log is in the message.
    pub async fn wait_for<T>(
        &mut self,
        what: &str,
        mut ready: impl AsyncFnMut() -> Option<T>,
    ) -> Result<T> {
        let end = tokio::time::Instant::now() + LIMIT;
        loop {
            if let Some(value) = ready().await {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait().context("looking at the process")? {
                bail!(
                    "{what}: the process ended with {status}; its log:\n{}",
                    self.log()
                );
            }
            if tokio::time::Instant::now() > end {
                bail!("{what}: not within {LIMIT:?}; its log:\n{}", self.log());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("killing evercert")
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        let pid = self.child.id().context("the process has ended already")?;
        let sent = Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()
            .await
            .context("sending SIGTERM")?;
        anyhow::ensure!(sent.success(), "sending SIGTERM failed");
        match tokio::time::timeout(LIMIT, self.child.wait()).await {
            Ok(status) => status.context("waiting for evercert"),
            Err(_) => bail!(
                "evercert did not stop within {LIMIT:?}; its log:\n{}",
                self.log()
            ),
        }
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        match tokio::time::timeout(LIMIT, self.child.wait()).await {
            Ok(status) => status.context("waiting for evercert"),
            Err(_) => bail!(
                "evercert did not end within {LIMIT:?}; its log:\n{}",
                self.log()
            ),
        }
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_else(|error| format!("(no log: {error})"))
    }
}
