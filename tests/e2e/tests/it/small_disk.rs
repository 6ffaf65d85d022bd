//! A disk of a few megabytes, mounted over a directory in a mount namespace of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The disk; unmounted when dropped, with its namespace.
pub(crate) struct SmallDisk {
    holder: Child,
    dir: PathBuf,
}

impl SmallDisk {
    /// Mounts one over `dir`, with a copy of what lies there; none where mounting is not allowed.
    pub(crate) async fn around(dir: &Path) -> Option<Self> {
        let script = r#"set -e
            copy=$(mktemp -d)
            cp -a "$1/." "$copy/"
            mount -t tmpfs -o size=6m none "$1"
            cp -a "$copy/." "$1/"
            rm -rf "$copy"
            echo ready
            exec sleep 600"#;
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(holder.stdout.take()?).lines();
        let first = tokio::time::timeout(Duration::from_secs(10), lines.next_line())
            .await
            .ok()?
            .ok()?;
        (first.as_deref() == Some("ready")).then(|| Self {
            holder,
            dir: dir.to_owned(),
        })
    }

    /// The command, run where the disk is mounted.
    pub(crate) fn wrap(&self, command: Command) -> Command {
        let command = command.into_std();
        let mut wrapped = self.enter();
        wrapped.arg(command.get_program()).args(command.get_args());
        wrapped
    }

    /// Writes until nothing more fits.
    pub(crate) async fn fill(&self) {
        let mut write = self.enter();
        write
            .args(["dd", "if=/dev/zero", "bs=4k"])
            .arg(format!("of={}", self.filler().display()));
        let status = write.stderr(Stdio::null()).status().await.unwrap();
        assert!(!status.success(), "the disk did not fill");
    }

    /// Makes room again.
    pub(crate) async fn empty(&self) {
        assert!(
            self.enter()
                .arg("rm")
                .arg(self.filler())
                .status()
                .await
                .unwrap()
                .success()
        );
    }

    fn filler(&self) -> PathBuf {
        self.dir.join("filler")
    }

    fn enter(&self) -> Command {
        let pid = self
            .holder
            .id()
            .expect("the holder sleeps until it is dropped");
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &pid.to_string()]);
        command
    }
}
