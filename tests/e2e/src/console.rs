//! A Console as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use evercert_testkit::port::free_addr;
use tokio::process::Command;

use crate::cli::Cli;
use crate::program::evercert;
use crate::role::Role;

/// How a Console is run; [`ConsoleSetup::new`] has run `evercert console init` for it.
#[derive(Clone, Debug)]
pub struct ConsoleSetup {
    /// Its data directory.
    pub dir: PathBuf,
    /// Where it listens, at every start.
    pub addr: SocketAddr,
    /// Database URL; SQLite in `dir` when absent.
    pub database: Option<String>,
    /// Resolver for look-ups of zones and CNAMEs.
    pub dns: Option<SocketAddr>,
    /// Directories whose programs DNS providers may run, and whose files they may write.
    pub dns_directories: Vec<PathBuf>,
}

/// A running Console.
#[derive(Debug)]
pub struct Console {
    /// The process.
    pub role: Role,
    /// How it was started.
    pub setup: ConsoleSetup,
}

impl ConsoleSetup {
    /// Prepares a data directory with an administrator and its token.
    ///
    /// # Errors
    /// When `evercert console init` fails.
    pub async fn new(dir: &Path, database: Option<&str>, dns: Option<SocketAddr>) -> Result<Self> {
        std::fs::create_dir_all(dir).context("making the data directory")?;
        let password = dir.join("admin.password");
        std::fs::write(&password, "correct horse battery staple")
            .context("writing the password")?;
        let setup = Self {
            dir: dir.to_owned(),
            addr: free_addr(),
            database: database.map(str::to_owned),
            dns,
            dns_directories: Vec::new(),
        };
        let mut init = Command::new(evercert());
        init.args(["console", "init", "--admin", "admin", "--data-dir"])
            .arg(dir);
        init.arg("--password-file")
            .arg(&password)
            .arg("--token-file")
            .arg(setup.token_file());
        if let Some(url) = database {
            init.args(["--database", url]);
        }
        let output = init
            .output()
            .await
            .context("running evercert console init")?;
        ensure!(
            output.status.success(),
            "console init: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(setup)
    }

    /// Prepares a further Console on the database of `first`: same master key, other directory.
    ///
    /// # Errors
    /// When the files cannot be copied.
    pub fn beside(first: &Self, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).context("making the data directory")?;
        for file in ["master.key", "admin.token"] {
            std::fs::copy(first.dir.join(file), dir.join(file))
                .with_context(|| format!("copying {file}"))?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            addr: free_addr(),
            ..first.clone()
        })
    }

    /// The administrator's API token.
    pub fn token_file(&self) -> PathBuf {
        self.dir.join("admin.token")
    }

    /// The Console's URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.addr)
    }

    /// The command that runs it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(evercert());
        command
            .args(["console", "--listen", &self.addr.to_string(), "--data-dir"])
            .arg(&self.dir);
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        if let Some(dns) = self.dns {
            command.args(["--dns-resolver", &dns.to_string()]);
        }
        for directory in &self.dns_directories {
            command.arg("--dns-directory").arg(directory);
        }
        command
    }

    /// The client commands against it.
    pub fn cli(&self) -> Cli {
        Cli {
            url: self.url(),
            token_file: self.token_file(),
            cacert: self.dir.join("console-ca.pem"),
        }
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(&self) -> Result<Console> {
        self.start_command(self.command()).await
    }

    /// Starts it with a variable set, and waits until it answers.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_with(&self, variable: &str, value: &str) -> Result<Console> {
        let mut command = self.command();
        command.env(variable, value);
        self.start_command(command).await
    }

    /// Starts it by a command made from [`Self::command`].
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_command(&self, command: Command) -> Result<Console> {
        let mut role = Role::spawn(command, &self.dir.join("console.log"))?;
        let cli = self.cli();
        role.wait_for("the Console's first answer", async || {
            cli.json(&["cert", "list"]).await.ok()
        })
        .await?;
        Ok(Console {
            role,
            setup: self.clone(),
        })
    }
}

impl Console {
    /// The client commands against it.
    pub fn cli(&self) -> Cli {
        self.setup.cli()
    }
}
