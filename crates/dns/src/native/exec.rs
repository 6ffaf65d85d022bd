//! A program of the operator's that changes the DNS, called the way lego calls one.
//!
//! `PROGRAM [ARG…] present NAME. VALUE` publishes, `PROGRAM [ARG…] cleanup NAME. VALUE` withdraws; exit
//! status 0 is success. No shell is involved; the environment holds PATH, HOME, LANG and the configured
//! variables, nothing of this process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::Secret;
use tokio::process::Command;

use super::process::{self, Ended};
use crate::error::{DnsError, Fault, Step};
use crate::local::variables;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt, Settings,
    TxtTarget,
};
use crate::setting::Reader;

const CODE: &str = "exec";
const TIMEOUT: Duration = Duration::from_secs(120);

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Program (exec hook)",
    docs: "https://go-acme.github.io/lego/dns/exec/",
    least_privilege: Some(
        "The program runs as the Console's user: it should hold a key for TXT records of _acme-challenge names only.",
    ),
    notes: &[
        "The program has to lie in one of the Console's dns_directories; an administrator enters it.",
        "lego's RAW mode (domain, token and key authorization in place of name and value) is not offered: it follows no \
         CNAME, and after a crash nothing could be withdrawn.",
    ],
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
    one_of: &[],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    multi: Multi::Append,
    default_ttl: 120,
    propagation_limit: Duration::from_secs(120),
    propagation_poll: Duration::from_secs(4),
    // The time limit that may be set is an hour at most.
    operation_limit: Duration::from_secs(3_700),
    ..Caps::PLAIN
};

#[derive(Debug)]
struct Exec {
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(String, Secret<String>)>,
    directory: PathBuf,
    timeout: Duration,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let allow = |key: &str, path: &str| context.local.allow(CODE, key, path);
    let directory = match reader.required("directory")? {
        // Nothing lies there that a program would pick up.
        "/" => PathBuf::from("/"),
        given => allow("directory", given)?,
    };
    let lines = |key: &str| reader.text(key).unwrap_or_default().lines();
    Ok(Box::new(Exec {
        program: allow("program", reader.required("program")?)?,
        args: lines("args").map(str::to_owned).collect(),
        env: variables(CODE, reader.text("env").unwrap_or_default())?,
        directory,
        timeout: reader.span("timeout", TIMEOUT)?,
    }))
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
        let run = process::run(self.command(action, target), self.timeout).await;
        let (failure, output) = match run {
            Ended::Well => return Ok(()),
            Ended::Badly(status, output) => {
                let failure = error(Fault::Provider, format!("{program} {action} failed"))
                    .with_status(status.to_string())
                    .with_remedy(
                        "see the program's output; run it by hand with the same arguments",
                    );
                (failure, output)
            }
            Ended::TooLate(output) => {
                let what = format!("{program} {action} did not end within {:?}", self.timeout);
                (error(Fault::Provider, what), output)
            }
            Ended::Never(cause) => {
                let what = format!("{program} cannot be started");
                return Err(error(Fault::Configuration, what).caused_by(cause));
            }
        };
        let secrets: Vec<&Secret<String>> = self.env.iter().map(|(_, value)| value).collect();
        Err(failure.with_output(&output, &secrets))
    }

    fn command(&self, action: &str, target: &TxtTarget) -> Command {
        let mut command = process::command(&self.program);
        command
            .args(&self.args)
            .arg(action)
            .arg(format!("{}.", target.fqdn))
            .arg(&target.value)
            .current_dir(&self.directory)
            .env("HOME", &self.directory)
            .envs(self.env.iter().map(|(name, value)| (name, value.expose())));
        command
    }
}

pub(super) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
