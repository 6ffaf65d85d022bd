//! Running a program of the operator's: nothing of our environment, a time limit, its children with it.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// So much of a program's output is kept, from its end.
const OUTPUT_LIMIT: usize = 64 << 10;
/// How long output may still be read after the program ended: its end comes at once, unless children that outlive it
/// hold the pipe, or this host is very busy.
const DRAIN: Duration = Duration::from_secs(5);

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ended {
    Well,
    /// With another status than 0; what it said.
    Badly(ExitStatus, String),
    /// It was killed when its time was over; what it said until then.
    TooLate(String),
    /// It could not be started, or was lost.
    Never(std::io::Error),
}

/// A program with PATH and LANG and nothing else of an environment.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("LANG", "C.UTF-8");
    command
}

/// Runs it to its end.
pub(super) async fn run(mut command: Command, limit: Duration) -> Ended {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ended::Never(error),
    };
    let mut run = Run::new(child);
    match tokio::time::timeout(limit, run.child.wait()).await {
        Err(_) => {
            run.kill_group().await;
            Ended::TooLate(run.output().await)
        }
        Ok(Err(error)) => Ended::Never(error),
        Ok(Ok(status)) => {
            run.forget_group();
            match status.success() {
                true => Ended::Well,
                false => Ended::Badly(status, run.output().await),
            }
        }
    }
}

/// A running program with its process group, which goes when this is dropped.
#[derive(Debug)]
struct Run {
    child: Child,
    group: Option<u32>,
    output: Arc<Mutex<Vec<u8>>>,
    readers: JoinSet<()>,
}

impl Run {
    fn new(mut child: Child) -> Self {
        let (output, mut readers) = (Arc::default(), JoinSet::new());
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(collect(stdout, Arc::clone(&output)));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(collect(stderr, Arc::clone(&output)));
        }
        Self {
            group: child.id(),
            child,
            output,
            readers,
        }
    }

    /// The program ended by itself: what it left running is its own business.
    fn forget_group(&mut self) {
        self.group = None;
    }

    async fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            send_kill(group);
        }
        // It was killed; the wait only reaps it.
        drop(self.child.wait().await);
    }

    /// The end of what the program said.
    async fn output(mut self) -> String {
        let ended = async { while self.readers.join_next().await.is_some() {} };
        // A child that outlives the program may hold the pipe open; what came so far is enough.
        drop(tokio::time::timeout(DRAIN, ended).await);
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&output).into_owned()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            send_kill(group);
        }
    }
}

/// Reads to the end and keeps the last 64 KiB of both streams in order of arrival.
async fn collect(mut stream: impl AsyncRead + Unpin, output: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 8192];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend_from_slice(&buffer[..length]);
        let excess = output.len().saturating_sub(OUTPUT_LIMIT);
        output.drain(..excess);
    }
}

/// Kills a process group by the program `kill`: the system call would need unsafe code.
fn send_kill(group: u32) {
    let killed = std::process::Command::new("kill")
        .args(["-KILL", "--", &format!("-{group}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = killed {
        tracing::warn!(%error, process.group = group, "cannot kill a program's children");
    }
}
