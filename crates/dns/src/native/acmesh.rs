//! The operator's own acme.sh and its `dnsapi` scripts, for services that are not described here.
//!
//! A script defines `dns_xx_add` and `dns_xx_rm`; acme.sh, read without arguments, brings the functions they call.
//! Neither is part of this program: they are the operator's to install.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::Secret;
use tokio::process::Command;

use super::exec::variable;
use super::process::{self, Ended};
use crate::error::{DnsError, Fault, Step};
use crate::lock::NameLocks;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt, Settings,
    TxtTarget,
};
use crate::setting::Reader;

const CODE: &str = "acmesh";
/// Scripts sleep for minutes.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Arguments: acme.sh, the script, the function, name, value. acme.sh without arguments prints its help only.
const SCRIPT: &str = "A=$1; S=$2; N=$3; F=$4; V=$5; set --; . \"$A\" >/dev/null || exit 1; . \"$S\" || exit 1; \"$N\" \"$F\" \"$V\"";

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "acme.sh script",
    docs: "https://github.com/acmesh-official/acme.sh/wiki/dnsapi",
    least_privilege: Some(
        "Several scripts remove all TXT values of a name, also those of others: delegate the challenge names to a zone of their own.",
    ),
    notes: &[],
    fields: &[
        Field::text(
            "acme_sh",
            "acme.sh",
            "Absolute path of the operator's acme.sh; its scripts lie in dnsapi beside it.",
        ),
        Field::text(
            "script",
            "Script",
            "Name of the script without ending, such as dns_cf.",
        ),
        Field::text(
            "env",
            "Environment",
            "Variables that the script wants, NAME=value, one a line.",
        )
        .secret()
        .optional(),
        Field::text(
            "directory",
            "Directory",
            "Absolute path of a private directory in which the script keeps what it has found out.",
        ),
        Field::text(
            "timeout",
            "Time limit",
            "How long the script may run, such as 15m; then it is killed with its children.",
        )
        .optional(),
    ],
    one_of: &[],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    multi: Multi::Append,
    default_ttl: 0,
    propagation_limit: Duration::from_secs(900),
    propagation_poll: Duration::from_secs(5),
    // The time limit that may be set is an hour at most.
    operation_limit: Duration::from_secs(3_700),
    ..Caps::PLAIN
};

#[derive(Debug)]
struct AcmeSh {
    acme_sh: PathBuf,
    name: String,
    env: Vec<(String, Secret<String>)>,
    directory: PathBuf,
    timeout: Duration,
    locks: NameLocks,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let absolute = |key: &str| {
        let path = PathBuf::from(reader.required(key)?);
        let wrong = || reader.error(format!("{key} is not an absolute path"));
        path.is_absolute().then_some(path).ok_or_else(wrong)
    };
    let name = reader.required("script")?;
    let name = name.strip_suffix(".sh").unwrap_or(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with("dns_") || !name.chars().all(plain) {
        return Err(reader.error("script is no name such as dns_cf"));
    }
    let lines = reader.text("env").unwrap_or_default().lines();
    let env = lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| variable(line).ok_or_else(|| reader.error("env is not NAME=value, one a line")))
        .collect::<Result<_, _>>()?;
    Ok(Box::new(AcmeSh {
        acme_sh: absolute("acme_sh")?,
        name: name.to_owned(),
        env,
        directory: absolute("directory")?,
        timeout: reader.span("timeout", TIMEOUT)?,
        locks: context.locks.clone(),
    }))
}

#[async_trait]
impl Provider for AcmeSh {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        self.run(Step::Add, "add", target).await?;
        Ok(Receipt {
            created: true,
            ..Receipt::default()
        })
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        self.run(Step::Remove, "rm", target).await
    }

    async fn check(&self, _: Option<&str>) -> Result<CheckReport, DnsError> {
        let failed = |what: String| DnsError::new(CODE, Step::Check, Fault::Configuration, what);
        for file in [&self.acme_sh, &self.script()] {
            if !file.is_file() {
                return Err(failed(format!("{} is not there", file.display()))
                    .with_remedy("install acme.sh with its dnsapi directory on this host"));
            }
        }
        if !self.directory.is_dir() {
            return Err(failed(format!(
                "{} is no directory",
                self.directory.display()
            )));
        }
        let text = tokio::fs::read_to_string(self.script()).await;
        let text = text.map_err(|error| {
            failed(format!("{} cannot be read", self.script().display())).caused_by(error)
        })?;
        if !text.contains(&format!("{}_add", self.name)) {
            return Err(failed(format!(
                "{} does not define {}_add",
                self.script().display(),
                self.name
            )));
        }
        Ok(CheckReport {
            zone: None,
            notes: vec![format!(
                "{} is there; it was not run.",
                self.script().display()
            )],
        })
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

impl AcmeSh {
    fn script(&self) -> PathBuf {
        let beside = self.acme_sh.with_file_name("dnsapi");
        beside.join(format!("{}.sh", self.name))
    }

    async fn run(&self, step: Step, what: &str, target: &TxtTarget) -> Result<(), DnsError> {
        // Scripts keep notes in the directory.
        let _guard = self
            .locks
            .lock(CODE, &self.directory.to_string_lossy())
            .await;
        let function = format!("{}_{what}", self.name);
        let error =
            |fault, what: String| DnsError::new(CODE, step, fault, what).at_name(&target.fqdn);
        let (failure, output) = match process::run(self.command(&function, target), self.timeout)
            .await
        {
            Ended::Well => return Ok(()),
            Ended::Badly(status, output) => (
                error(Fault::Provider, format!("{function} failed"))
                    .with_status(status.to_string()),
                output,
            ),
            Ended::TooLate(output) => (
                error(
                    Fault::Provider,
                    format!("{function} did not end within {:?}", self.timeout),
                ),
                output,
            ),
            Ended::Never(cause) => {
                return Err(
                    error(Fault::Configuration, "sh cannot be started".to_owned()).caused_by(cause),
                );
            }
        };
        let secrets: Vec<&Secret<String>> = self.env.iter().map(|(_, value)| value).collect();
        Err(failure
            .with_remedy(
                "see the script's output, and its documentation for the variables it wants",
            )
            .with_output(&output, &secrets))
    }

    fn command(&self, function: &str, target: &TxtTarget) -> Command {
        let mut command = process::command("/bin/sh".as_ref());
        command
            .args(["-c", SCRIPT, "sh"])
            .arg(&self.acme_sh)
            .arg(self.script())
            .args([function, &target.fqdn, &target.value])
            .current_dir(&self.directory)
            .env("HOME", &self.directory)
            .env("LE_WORKING_DIR", &self.directory)
            .env("LE_CONFIG_HOME", &self.directory)
            .env("DOMAIN_PATH", &self.directory)
            .env("ACCOUNT_CONF_PATH", self.directory.join("account.conf"))
            .env("DOMAIN_CONF", self.directory.join("domain.conf"))
            .envs(self.env.iter().map(|(name, value)| (name, value.expose())));
        command
    }
}
