//! The client commands, run as a user runs them.

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::program::evercert;

/// Longest that one command may take.
const LIMIT: Duration = Duration::from_secs(180);

/// Client commands against one Console.
#[derive(Clone, Debug)]
pub struct Cli {
    /// The Console's URL.
    pub url: String,
    /// File with an API token.
    pub token_file: PathBuf,
    /// File with the Console's CA.
    pub cacert: PathBuf,
}

impl Cli {
    /// Runs a command and answers what it did.
    ///
    /// # Errors
    /// When it cannot be run or does not end.
    pub async fn run(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(evercert());
        command
            .env("EVERCERT_URL", &self.url)
            .env("EVERCERT_TOKEN_FILE", &self.token_file)
            .env("EVERCERT_CACERT", &self.cacert)
            .args(args)
            .kill_on_drop(true);
        match tokio::time::timeout(LIMIT, command.output()).await {
            Ok(output) => output.with_context(|| format!("running evercert {args:?}")),
            Err(_) => bail!("evercert {args:?} did not end within {LIMIT:?}"),
        }
    }

    /// Runs a command that must succeed; answers its standard output.
    ///
    /// # Errors
    /// When it fails; its standard error is in the message.
    pub async fn ok(&self, args: &[&str]) -> Result<String> {
        let output = self.run(args).await?;
        if !output.status.success() {
            bail!(
                "evercert {args:?} exited with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command that must fail; answers exit code and standard error.
    ///
    /// # Errors
    /// When it succeeds.
    pub async fn fails(&self, args: &[&str]) -> Result<(i32, String)> {
        let output = self.run(args).await?;
        if output.status.success() {
            bail!(
                "evercert {args:?} succeeded: {}",
                String::from_utf8_lossy(&output.stdout)
            );
        }
        let code = output.status.code().context("ended by a signal")?;
        Ok((code, String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Runs a command with `-o json`; answers what it printed.
    ///
    /// # Errors
    /// When it fails or prints no JSON.
    pub async fn json(&self, args: &[&str]) -> Result<Value> {
        let with_format: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        let text = self.ok(&with_format).await?;
        serde_json::from_str(&text)
            .with_context(|| format!("evercert {args:?} printed no JSON: {text}"))
    }
}
