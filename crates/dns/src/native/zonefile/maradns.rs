//! `MaraDNS`: a line in csv2 form, and a signal to duende, which starts the server anew.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use super::{Dialect, ZoneFile, caps, place, told};
use crate::error::{DnsError, Fault, Step};
use crate::name;
use crate::provider::{Context, Descriptor, Field, Maker, Provider, Settings, TxtTarget};
use crate::setting::Reader;

const CODE: &str = "maradns";

pub(in crate::native) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "MaraDNS",
    docs: "https://maradns.samiam.org/tutorial/man.csv2.html",
    least_privilege: Some(
        "Write access to the zone file and its directory, and the right to signal duende; the server runs on this host.",
    ),
    notes: &[
        "The Console must run on the server's host. The line is written as csv2 with a tilde at its end, as the records of the file must end too.",
        "Known from the csv2 manual and acme.sh's script; not tried with a running MaraDNS.",
        "The zone file and the process id file have to lie in the Console's dns_directories; an administrator enters them.",
    ],
    fields: &[
        Field::text(
            "zone_file",
            "Zone file",
            "Absolute path of the zone's csv2 file on this host.",
        )
        .env(&["MARA_ZONE_FILE"], &[]),
        Field::text("zone", "Zone", "Name of the zone in the file."),
        Field::text(
            "pid_file",
            "Process id file",
            "Absolute path of the file with duende's process id.",
        )
        .env(&["MARA_DUENDE_PID_PATH"], &[]),
    ],
    one_of: &[],
    unofficial: false,
    caps: caps(0),
    build: Maker::Native(build),
};

#[derive(Debug)]
struct MaraDns {
    pid_file: PathBuf,
    /// How long the signal may take.
    limit: Duration,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let (path, zone) = place(CODE, &reader, context)?;
    let pid_file = reader.required("pid_file")?;
    let pid_file = context.local.allow(CODE, "pid_file", pid_file)?;
    Ok(Box::new(ZoneFile {
        code: CODE,
        dialect: MaraDns {
            pid_file,
            limit: context.request_timeout,
        },
        path,
        zone,
        locks: context.locks.clone(),
        caps: caps(0),
        limit: context.request_timeout,
    }))
}

#[async_trait]
impl Dialect for MaraDns {
    fn line(&self, target: &TxtTarget) -> String {
        format!("{}. TXT '{}' ~", target.fqdn, target.value)
    }

    fn is(&self, line: &str, target: &TxtTarget) -> bool {
        let mut words = line.split_whitespace();
        let is_named = words
            .next()
            .is_some_and(|word| word.ends_with('.') && name::canonical(word) == target.fqdn);
        let rest: Vec<&str> = words.collect();
        let rest = match rest.as_slice() {
            [ttl, rest @ ..] if ttl.starts_with('+') => rest,
            rest => rest,
        };
        let value = format!("'{}'", target.value);
        is_named
            && matches!(rest, [kind, data, end @ ..] if kind.eq_ignore_ascii_case("TXT") && *data == value && matches!(end, [] | ["~"]))
    }

    fn raises_serial(&self) -> bool {
        false
    }

    async fn tell(&self, step: Step) -> Result<(), DnsError> {
        let pid = self.pid(step).await?;
        let kill = ["kill".to_owned(), "-HUP".to_owned(), pid];
        told::run(CODE, step, &kill, self.limit).await
    }

    async fn check(&self) -> Result<String, DnsError> {
        let pid = self.pid(Step::Check).await?;
        let kill = ["kill".to_owned(), "-0".to_owned(), pid.clone()];
        told::run(CODE, Step::Check, &kill, self.limit).await?;
        Ok(format!("duende is process {pid} and can be signalled."))
    }
}

impl MaraDns {
    async fn pid(&self, step: Step) -> Result<String, DnsError> {
        let shown = self.pid_file.display();
        let failed = |what: String| DnsError::new(CODE, step, Fault::Configuration, what);
        let text = tokio::fs::read_to_string(&self.pid_file).await;
        let text =
            text.map_err(|error| failed(format!("{shown} cannot be read")).caused_by(error))?;
        // 0 and 1 would be all processes, and the first.
        match text.trim().parse::<u32>() {
            Ok(pid) if pid > 1 => Ok(pid.to_string()),
            _ => Err(failed(format!("{shown} holds no process id"))),
        }
    }
}
