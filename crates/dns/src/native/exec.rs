//! A program of the operator's that changes the DNS, called the way lego calls one.
//!
//! `PROGRAM [ARG…] present NAME. VALUE` publishes, `PROGRAM [ARG…] cleanup NAME. VALUE` withdraws; exit
//! status 0 is success. No shell is involved; the environment holds PATH, HOME, LANG and the configured
//! variables, nothing of this process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::Secret;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::error::{DnsError, Fault, Step};
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt, Settings,
    TxtTarget,
};
use crate::setting::Reader;

const CODE: &str = "exec";
const TIMEOUT: Duration = Duration::from_secs(120);
/// So much of the program's output is kept, from its end.
const OUTPUT_LIMIT: usize = 64 << 10;
/// How long output may still arrive after the program ended, from children that outlive it.
const DRAIN: Duration = Duration::from_millis(500);

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Program (exec hook)",
    docs: "https://go-acme.github.io/lego/dns/exec/",
    least_privilege: None,
    fields: &[
        Field {
            key: "program",
            label: "Program",
            secret: false,
            optional: false,
            default: None,
            help: "Absolute path of the program; it gets present or cleanup, the name with a final dot, and the value.",
            acme_sh_env: &[],
            lego_env: &["EXEC_PATH"],
        },
        Field {
            key: "args",
            label: "Arguments",
            secret: false,
            optional: true,
            default: None,
            help: "Arguments before present or cleanup, one a line.",
            acme_sh_env: &[],
            lego_env: &[],
        },
        Field {
            key: "env",
            label: "Environment",
            secret: true,
            optional: true,
            default: None,
            help: "Variables for the program, NAME=value, one a line.",
            acme_sh_env: &[],
            lego_env: &[],
        },
        Field {
            key: "directory",
            label: "Working directory",
            secret: false,
            optional: true,
            default: Some("/"),
            help: "Absolute path of the directory in which the program runs.",
            acme_sh_env: &[],
            lego_env: &[],
        },
        Field {
            key: "timeout",
            label: "Time limit",
            secret: false,
            optional: true,
            default: None,
            help: "How long the program may run, such as 120s; then it is killed with its children.",
            acme_sh_env: &[],
            lego_env: &[],
        },
    ],
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    multi: Multi::Append,
    default_ttl: 120,
    propagation_limit: Duration::from_secs(120),
    propagation_poll: Duration::from_secs(4),
};

#[derive(Debug)]
struct Exec {
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(String, Secret<String>)>,
    directory: PathBuf,
    timeout: Duration,
}

fn build(settings: &Settings, _: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let absolute = |key: &str| {
        let path = PathBuf::from(reader.required(key)?);
        let wrong = || reader.error(format!("{key} is not an absolute path"));
        path.is_absolute().then_some(path).ok_or_else(wrong)
    };
    let lines = |key: &str| reader.text(key).unwrap_or_default().lines();
    let env = lines("env")
        .filter(|line| !line.trim().is_empty())
        .map(|line| variable(line).ok_or_else(|| reader.error("env is not NAME=value, one a line")))
        .collect::<Result<_, _>>()?;
    Ok(Box::new(Exec {
        program: absolute("program")?,
        args: lines("args").map(str::to_owned).collect(),
        env,
        directory: absolute("directory")?,
        timeout: reader.span("timeout", TIMEOUT)?,
    }))
}

fn variable(line: &str) -> Option<(String, Secret<String>)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let proper = !name.is_empty() && name.chars().all(plain);
    proper.then(|| (name.to_owned(), Secret::new(value.to_owned())))
}

#[async_trait]
impl Provider for Exec {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        self.run(Step::Add, "present", target).await?;
        Ok(Receipt {
            created: true,
            ..Receipt::default()
        })
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        self.run(Step::Remove, "cleanup", target).await
    }

    async fn check(&self, _: Option<&str>) -> Result<CheckReport, DnsError> {
        let program = self.program.display();
        if !is_executable(&self.program) {
            let what = format!("{program} is not there or not executable");
            return Err(DnsError::new(CODE, Step::Check, Fault::Configuration, what)
                .with_remedy("install the program where this host's service user can execute it"));
        }
        if !self.directory.is_dir() {
            let what = format!("{} is not a directory", self.directory.display());
            let error = DnsError::new(CODE, Step::Check, Fault::Configuration, what);
            return Err(error);
        }
        Ok(CheckReport {
            zone: None,
            notes: vec![format!("{program} is executable; it was not run.")],
        })
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

impl Exec {
    async fn run(&self, step: Step, action: &str, target: &TxtTarget) -> Result<(), DnsError> {
        let error =
            |fault, what: String| DnsError::new(CODE, step, fault, what).at_name(&target.fqdn);
        let program = self.program.display();
        let child = self.command(action, target).spawn().map_err(|e| {
            let what = format!("{program} cannot be started");
            error(Fault::Configuration, what).caused_by(e)
        })?;
        let mut run = Run::new(child);
        let Ok(ended) = tokio::time::timeout(self.timeout, run.child.wait()).await else {
            run.kill_group().await;
            let what = format!("{program} {action} did not end within {:?}", self.timeout);
            return Err(self.with_output(error(Fault::Provider, what), run).await);
        };
        let status = ended.map_err(|e| {
            let what = format!("{program} {action} was lost");
            error(Fault::Provider, what).caused_by(e)
        })?;
        run.forget_group();
        if status.success() {
            return Ok(());
        }
        let failure = error(Fault::Provider, format!("{program} {action} failed"))
            .with_status(status.to_string())
            .with_remedy("see the program's output; run it by hand with the same arguments");
        Err(self.with_output(failure, run).await)
    }

    fn command(&self, action: &str, target: &TxtTarget) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .arg(action)
            .arg(format!("{}.", target.fqdn))
            .arg(&target.value)
            .current_dir(&self.directory)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", &self.directory)
            .env("LANG", "C.UTF-8")
            .envs(self.env.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    async fn with_output(&self, error: DnsError, run: Run) -> DnsError {
        let secrets: Vec<&Secret<String>> = self.env.iter().map(|(_, value)| value).collect();
        error.with_output(&run.output().await, &secrets)
    }
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
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
