//! A server process: started, awaited until it answers, killed when dropped.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::wait::POLL;
use crate::zone;

/// How long a server may take to answer for the first time.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// How often a start is tried when the process ends at once (a port was taken meanwhile).
const ATTEMPTS: usize = 3;
/// How much of a server's log goes into an error.
const LOG_TAIL: usize = 4000;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program is not installed.
    #[error("{program} is missing; install it with apt-get install {package}")]
    Missing {
        /// Its name.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// Preparing its files, or starting it, failed.
    #[error("{what}: {reason}")]
    Setup {
        /// What was attempted.
        what: String,
        /// The cause in words.
        reason: String,
    },
    /// The process ended before it answered.
    #[error("{program} ended with {status} before it answered; its log:\n{log}")]
    Exited {
        /// Its name.
        program: &'static str,
        /// Exit status.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// The process runs but did not answer in time.
    #[error("{program} did not answer within {READY_LIMIT:?}; its log:\n{log}")]
    NotReady {
        /// Its name.
        program: &'static str,
        /// The end of its log.
        log: String,
    },
}

impl StartError {
    /// A failed preparation.
    pub fn setup(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Setup {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

/// How to see that a server is up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Probe {
    /// A TCP connection is accepted.
    Tcp(SocketAddr),
    /// A SOA query for the zone is answered over UDP.
    Dns(SocketAddr, String),
    /// A GET is answered with any status.
    Http(reqwest::Client, String),
    /// A command exits with 0.
    Command(PathBuf, Vec<String>),
}

impl Probe {
    /// Looks once; never longer than a second.
    pub async fn succeeds(&self) -> bool {
        tokio::time::timeout(Duration::from_secs(1), self.attempt())
            .await
            .unwrap_or(false)
    }

    async fn attempt(&self) -> bool {
        match self {
            Self::Tcp(addr) => tokio::net::TcpStream::connect(addr).await.is_ok(),
            Self::Dns(addr, zone) => zone::serves(*addr, zone).await,
            Self::Http(client, url) => client.get(url).send().await.is_ok(),
            Self::Command(program, args) => Command::new(program)
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .status()
                .await
                .is_ok_and(|status| status.success()),
        }
    }
}

/// A running server; dropping it kills the process.
#[derive(Debug)]
pub struct Daemon {
    program: &'static str,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts the command with its output going to `log`.
    ///
    /// # Errors
    /// When the log cannot be created or the program cannot be executed.
    pub fn spawn(
        program: &'static str,
        mut command: Command,
        log: &Path,
    ) -> Result<Self, StartError> {
        let failed = |e: std::io::Error| StartError::setup(format!("starting {program}"), e);
        let out = File::create(log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        Ok(Self {
            program,
            child,
            log: log.to_owned(),
        })
    }

    /// Waits until the probe succeeds.
    ///
    /// # Errors
    /// When the process ends first, or 30 s pass.
    pub async fn ready(&mut self, probe: &Probe) -> Result<(), StartError> {
        let end = Instant::now() + READY_LIMIT;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(StartError::Exited {
                    program: self.program,
                    status: status.to_string(),
                    log: self.log_tail(),
                });
            }
            if probe.succeeds().await {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(StartError::NotReady {
                    program: self.program,
                    log: self.log_tail(),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills the process and waits for its end.
    pub async fn stop(&mut self) {
        if let Err(error) = self.child.kill().await {
            eprintln!("stopping {}: {error}", self.program);
        }
    }

    /// As [`Daemon::wait_for_exit`], without a runtime.
    pub fn wait_blocking(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }

    /// Waits until the process ends by itself, at most for the given time; whether it did.
    pub async fn wait_for_exit(&mut self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.child.wait()).await.is_ok()
    }

    /// All that it printed.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The end of what it printed.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(LOG_TAIL);
        String::from_utf8_lossy(&text[from..]).into_owned()
    }
}

/// Runs a start again, with fresh ports, when the process ended at once.
pub(crate) async fn with_retries<T>(
    mut start: impl AsyncFnMut() -> Result<T, StartError>,
) -> Result<T, StartError> {
    for _ in 1..ATTEMPTS {
        match start().await {
            Err(StartError::Exited { .. }) => {}
            outcome => return outcome,
        }
    }
    start().await
}

/// A fresh temporary directory for a server's files.
pub(crate) fn temp_dir(program: &str) -> Result<tempfile::TempDir, StartError> {
    tempfile::Builder::new()
        .prefix(&format!("evercert-{program}-"))
        .tempdir()
        .map_err(|e| StartError::setup(format!("creating a directory for {program}"), e))
}

/// Writes one of a server's files.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), StartError> {
    std::fs::write(path, text)
        .map_err(|e| StartError::setup(format!("writing {}", path.display()), e))
}

/// Runs a preparing command to its end, at most 60 s.
pub(crate) async fn run(what: &str, command: &mut Command) -> Result<String, StartError> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(60), output)
        .await
        .map_err(|_| StartError::setup(what, "took longer than 60 s"))?
        .map_err(|e| StartError::setup(what, e))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(StartError::setup(what, said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_ends_at_once_is_reported_with_its_log() {
        let dir = temp_dir("sh").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no luck; exit 3"]);
        let mut daemon = Daemon::spawn("sh", command, &dir.path().join("log")).unwrap();

        let probe = Probe::Tcp(crate::port::free_addr());
        let error = daemon.ready(&probe).await.unwrap_err();

        assert!(matches!(error, StartError::Exited { .. }));
        assert!(error.to_string().contains("no luck"), "{error}");
    }

    #[tokio::test]
    async fn stopping_ends_the_process() {
        let dir = temp_dir("sleep").unwrap();
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut daemon = Daemon::spawn("sleep", command, &dir.path().join("log")).unwrap();
        let pid = daemon.pid().unwrap();

        daemon.stop().await;

        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
