//! NSD: a line in master file form, and a command that makes the server read the zone again.

use std::time::Duration;

use async_trait::async_trait;

use super::{Dialect, ZoneFile, caps, place, told};
use crate::error::{DnsError, Step};
use crate::local::LocalAccess;
use crate::name;
use crate::provider::{Context, Descriptor, Field, Maker, Provider, Settings, TxtTarget};
use crate::setting::{Reader, TTL};
use crate::txt;

const CODE: &str = "nsd";
const DEFAULT_TTL: u32 = 300;
const NSD_CONTROL: [&str; 3] = [
    "nsd-control",
    "/usr/sbin/nsd-control",
    "/usr/local/sbin/nsd-control",
];

pub(in crate::native) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "NLnetLabs NSD",
    docs: "https://nsd.docs.nlnetlabs.nl/",
    least_privilege: Some("Write access to the zone file and its directory, and to nsd-control's socket; the server runs on this host."),
    notes: &[
        "The zone file has to lie in one of the Console's dns_directories; an administrator enters it.",
        "The Console must run on the server's host. Tried with NSD 4.6 of Debian.",
        "The command is run as given, without a shell; nsd-control needs rights of its own for the Console's user.",
    ],
    fields: &[
        Field::text("zone_file", "Zone file", "Absolute path of the zone's file on this host.").env(&["Nsd_ZoneFile"], &[]),
        Field::text("zone", "Zone", "Name of the zone in the file."),
        Field::text("command", "Command", "Makes the server read the zone: a program and its arguments, no shell, such as nsd-control reload example.org.")
            .env(&["Nsd_Command"], &[]),
        Field::text("raise_serial", "Raise the serial number", "true where the zone has secondaries: the SOA's serial number is raised with each change.")
            .or("false"),
        TTL,
    ],
    one_of: &[],
    unofficial: false,
    caps: caps(DEFAULT_TTL),
    build: Maker::Native(build),
};

#[derive(Debug)]
struct Nsd {
    command: Vec<String>,
    /// How long the command may run.
    limit: Duration,
    raise_serial: bool,
    ttl: u32,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let (path, zone) = place(CODE, &reader, context)?;
    let raise_serial = match reader.required("raise_serial")? {
        "true" => true,
        "false" => false,
        _ => return Err(reader.error("raise_serial is neither true nor false")),
    };
    Ok(Box::new(ZoneFile {
        code: CODE,
        dialect: Nsd {
            command: command(&reader, context)?,
            limit: context.request_timeout,
            raise_serial,
            ttl: reader.ttl("ttl", DEFAULT_TTL)?,
        },
        path,
        zone,
        locks: context.locks.clone(),
        caps: caps(DEFAULT_TTL),
        limit: context.request_timeout,
    }))
}

/// The words of the command. NSD's own may be run wherever the system has it; another has to lie where programs may.
fn command(reader: &Reader<'_>, context: &Context) -> Result<Vec<String>, DnsError> {
    let words = reader.required("command")?.split_whitespace();
    let words: Vec<String> = words.map(str::to_owned).collect();
    let program = words.first().map(String::as_str).unwrap_or_default();
    if !NSD_CONTROL.contains(&program) && context.local != LocalAccess::Anywhere {
        context.local.allow(CODE, "command", program)?;
    }
    Ok(words)
}

#[async_trait]
impl Dialect for Nsd {
    fn line(&self, target: &TxtTarget) -> String {
        let ttl = target.ttl.unwrap_or(self.ttl);
        format!(
            "{}. {ttl} IN TXT {}",
            target.fqdn,
            txt::quote(&target.value)
        )
    }

    fn is(&self, line: &str, target: &TxtTarget) -> bool {
        let Some((head, data)) = line.split_once(" TXT ") else {
            return false;
        };
        let mut words = head.split_whitespace();
        let is_named = words
            .next()
            .is_some_and(|word| word.ends_with('.') && name::canonical(word) == target.fqdn);
        let plain = words.all(|word| word == "IN" || word.parse::<u32>().is_ok());
        is_named && plain && txt::unquote(data) == target.value
    }

    fn raises_serial(&self) -> bool {
        self.raise_serial
    }

    async fn tell(&self, step: Step) -> Result<(), DnsError> {
        told::run(CODE, step, &self.command, self.limit).await
    }

    async fn check(&self) -> Result<String, DnsError> {
        self.tell(Step::Check).await?;
        Ok(format!("\"{}\" was run.", self.command.join(" ")))
    }
}
