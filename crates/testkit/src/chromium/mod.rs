//! Chromium without a window, for tests of pages (Debian package `chromium`).
//!
//! It is driven over its debugging pipe (`--remote-debugging-pipe`): JSON messages of the `DevTools`
//! protocol, each ended by a zero byte, on its descriptors 3 and 4. So no port is opened, and no WebSocket is needed.

mod page;
mod pipe;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::process::{StartError, temp_dir};
use crate::skip::require_program;
pub use page::{Page, Scheme};
pub use pipe::ChromiumError;
use pipe::Pipe;

/// Puts the pipe, which comes as standard input and output, where Chromium expects it.
const REWIRE: &str = "exec 3<&0 4>&1 0</dev/null 1>&2; exec \"$@\"";

/// Nothing is asked of hosts other than this one, and nothing is left behind.
const FLAGS: [&str; 10] = [
    "--headless",
    "--remote-debugging-pipe",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--no-first-run",
];

/// A browser; dropping it ends the process.
#[derive(Debug)]
pub struct Chromium {
    _child: Child,
    _dir: TempDir,
}

impl Chromium {
    /// Starts the browser with one empty page. Certificates are not verified: the servers under test are in this
    /// process, on loopback.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start() -> Result<(Self, Page), StartError> {
        let program = require_program("chromium", "chromium")?;
        let dir = temp_dir("chromium")?;
        let log = std::fs::File::create(dir.path().join("log"))
            .map_err(|e| StartError::setup("creating Chromium's log", e))?;
        let mut command = command(&program, dir.path());
        let mut child = command
            .stderr(log)
            .spawn()
            .map_err(|e| StartError::setup("starting Chromium", e))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(StartError::setup("starting Chromium", "it has no pipes"));
        };
        let opened = open(Pipe::new(input, output)).await;
        let page = opened.map_err(|error| {
            let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
            StartError::setup("opening a page in Chromium", format!("{error}\n{log}"))
        })?;
        let browser = Self {
            _child: child,
            _dir: dir,
        };
        Ok((browser, page))
    }
}

fn command(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", REWIRE, "sh"])
        .arg(program)
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .env("HOME", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    // Chromium refuses to run as root with its sandbox.
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        command.arg("--no-sandbox");
    }
    command
}

async fn open(mut pipe: Pipe) -> Result<Page, ChromiumError> {
    let target = json!({ "url": "about:blank" });
    let target = pipe.call("Target.createTarget", target).await?;
    let attach = json!({ "targetId": target["targetId"], "flatten": true });
    let session = pipe.call("Target.attachToTarget", attach).await?;
    pipe.session = session["sessionId"].as_str().map(str::to_owned);
    for domain in ["Page", "Runtime", "Log"] {
        pipe.call(&format!("{domain}.enable"), json!({})).await?;
    }
    let ignore = json!({ "ignore": true });
    pipe.call("Security.setIgnoreCertificateErrors", ignore)
        .await?;
    Ok(Page::new(pipe))
}
