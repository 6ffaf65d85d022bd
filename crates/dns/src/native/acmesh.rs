//! The operator's own acme.sh and its `dnsapi` scripts, for services that are not described here.
//!
//! A script defines `dns_xx_add` and `dns_xx_rm`; acme.sh, read without arguments, brings the functions they call.
//! Neither is part of this program: they are the operator's to install.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::Secret;
use tokio::process::Command;

use super::process::{self, Ended};
use crate::error::{DnsError, Fault, Step};
use crate::local::variables;
use crate::lock::NameLocks;
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Multi, Provider, Receipt, Settings,
    TxtTarget,
};
use crate::setting::Reader;

const CODE: &str = "acmesh";
/// Scripts sleep for minutes.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// What decides which files acme.sh reads and writes, and what it sends.
const OWN: [&str; 6] = [
    "ACCOUNT_CONF_PATH",
    "DOMAIN_CONF",
    "DOMAIN_PATH",
    "HTTP_HEADER",
    "HTTPS_INSECURE",
    "USER_AGENT",
];

/// Arguments: acme.sh, the script, the function, name, value. acme.sh without arguments prints its help only.
const SCRIPT: &str = "umask 077; A=$1; S=$2; N=$3; F=$4; V=$5; set --; . \"$A\" >/dev/null || exit 1; . \"$S\" || exit 1; \"$N\" \"$F\" \"$V\"";

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "acme.sh script",
    docs: "https://github.com/acmesh-official/acme.sh/wiki/dnsapi",
    least_privilege: Some(
        "Several scripts remove all TXT values of a name, also those of others: delegate the challenge names to a zone of their own.",
    ),
    notes: &[
        "Off until the administrator of the host names the directory of acme.sh in the Console's dns_directories; an \
         administrator enters it. acme.sh is no part of this program, and runs as the Console's user.",
    ],
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
            "Absolute path of a private directory in which the script keeps what it has found out; default: one that the Console makes for it.",
        )
        .optional(),
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
    script: PathBuf,
    name: String,
    env: Vec<(String, Secret<String>)>,
    directory: PathBuf,
    timeout: Duration,
    locks: NameLocks,
}

/// Counts homes, so that no two have one name.
static HOMES: AtomicU64 = AtomicU64::new(0);

/// A script's home for one call.
struct Home(PathBuf);

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a script's home cannot be removed");
        }
    }
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let name = reader.required("script")?;
    let name = name.strip_suffix(".sh").unwrap_or(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with("dns_") || !name.chars().all(plain) {
        return Err(reader.error("script is no name such as dns_cf"));
    }
    let acme_sh = reader.required("acme_sh")?;
    let acme_sh = context.local.allow(CODE, "acme_sh", acme_sh)?;
    let script = acme_sh.with_file_name("dnsapi").join(format!("{name}.sh"));
    context
        .local
        .allow(CODE, "script", &script.to_string_lossy())?;
    let directory = match (reader.text("directory"), &context.state_dir) {
        (Some(given), _) => context.local.allow(CODE, "directory", given)?,
        (None, Some(own)) => own.clone(),
        (None, None) => return Err(reader.error("the setting directory (Directory) is missing")),
    };
    Ok(Box::new(AcmeSh {
        acme_sh,
        script,
        name: name.to_owned(),
        env: environment(&reader)?,
        directory,
        timeout: reader.span("timeout", TIMEOUT)?,
        locks: context.locks.clone(),
    }))
}

/// The variables for the script. acme.sh keeps them in a file between single quotes and reads that as shell code.
fn environment(reader: &Reader<'_>) -> Result<Vec<(String, Secret<String>)>, DnsError> {
    let env = variables(CODE, reader.text("env").unwrap_or_default())?;
    for (name, value) in &env {
        if name.starts_with('_') || name.starts_with("LE_") || OWN.contains(&name.as_str()) {
            let what = format!("env: {name} is a variable of acme.sh's own");
            return Err(reader.error(what));
        }
        if value.expose().contains('\'') {
            let what = format!(
                "env: {name} has a single quote, which acme.sh would take for the end of the value"
            );
            let remedy = "use a credential without a single quote";
            return Err(reader.error(what).with_remedy(remedy));
        }
    }
    Ok(env)
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
        for file in [&self.acme_sh, &self.script] {
            if !file.is_file() {
                return Err(failed(format!("{} is not there", file.display()))
                    .with_remedy("install acme.sh with its dnsapi directory on this host"));
            }
        }
        self.make_directory(Step::Check)?;
        let text = tokio::fs::read_to_string(&self.script).await;
        let text = text.map_err(|error| {
            failed(format!("{} cannot be read", self.script.display())).caused_by(error)
        })?;
        if !text.contains(&format!("{}_add", self.name)) {
            return Err(failed(format!(
                "{} does not define {}_add",
                self.script.display(),
                self.name
            )));
        }
        Ok(CheckReport {
            zone: None,
            notes: vec![format!(
                "{} is there; it was not run.",
                self.script.display()
            )],
        })
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

impl AcmeSh {
    /// The script's directory, and in it an empty home for one call; both for this user only.
    fn make_directory(&self, step: Step) -> Result<Home, DnsError> {
        let failed = |error| {
            let what = format!(
                "the directory {} cannot be made private",
                self.directory.display()
            );
            DnsError::new(CODE, step, Fault::Configuration, what)
                .with_remedy("let the Console's user own it, or leave the setting out")
                .caused_by(error)
        };
        let private = std::fs::Permissions::from_mode(0o700);
        let made = std::fs::create_dir_all(&self.directory);
        made.and_then(|()| std::fs::set_permissions(&self.directory, private))
            .map_err(failed)?;
        let number = HOMES.fetch_add(1, Ordering::Relaxed);
        let home = self
            .directory
            .join(format!("home-{}-{number}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        builder.mode(0o700).create(&home).map_err(failed)?;
        Ok(Home(home))
    }

    async fn run(&self, step: Step, what: &str, target: &TxtTarget) -> Result<(), DnsError> {
        // Scripts keep notes in the directory.
        let _guard = self
            .locks
            .lock(CODE, &self.directory.to_string_lossy())
            .await;
        let home = self.make_directory(step)?;
        let function = format!("{}_{what}", self.name);
        let error =
            |fault, what: String| DnsError::new(CODE, step, fault, what).at_name(&target.fqdn);
        let (failure, output) =
            match process::run(self.command(&function, target, &home), self.timeout).await {
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
                        error(Fault::Configuration, "sh cannot be started".to_owned())
                            .caused_by(cause),
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

    fn command(&self, function: &str, target: &TxtTarget, home: &Home) -> Command {
        let mut command = process::command("/bin/sh".as_ref());
        command
            .args(["-c", SCRIPT, "sh"])
            .arg(&self.acme_sh)
            .arg(&self.script)
            .args([function, &target.fqdn, &target.value])
            .current_dir(&self.directory)
            .env("HOME", &home.0)
            .env("LE_WORKING_DIR", &self.directory)
            .env("LE_CONFIG_HOME", &self.directory)
            .env("DOMAIN_PATH", &self.directory)
            .env("ACCOUNT_CONF_PATH", self.directory.join("account.conf"))
            .env("DOMAIN_CONF", self.directory.join("domain.conf"))
            .envs(self.env.iter().map(|(name, value)| (name, value.expose())));
        command
    }
}
