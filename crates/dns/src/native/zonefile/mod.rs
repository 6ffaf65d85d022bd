//! Name servers without an interface, on this very host: a line is written to their zone file, and they are told.

mod file;
mod maradns;
mod nsd;
mod told;

pub(super) use maradns::DESCRIPTOR as MARADNS;
pub(super) use nsd::DESCRIPTOR as NSD;

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use self::file::{Edit, Failure};
use crate::error::{DnsError, Fault, Step};
use crate::lock::NameLocks;
use crate::name;
use crate::provider::{Caps, CheckReport, Context, Multi, Provider, Receipt, Servers, TxtTarget};
use crate::setting::Reader;

const fn caps(ttl: u32) -> Caps {
    Caps {
        multi: Multi::Append,
        default_ttl: ttl,
        propagation_limit: Duration::from_secs(120),
        propagation_poll: Duration::from_secs(5),
        servers: Servers::Own,
        ..Caps::PLAIN
    }
}

/// How a server's zone file is written, and the server told of it.
#[async_trait]
trait Dialect: Send + Sync + Debug {
    /// The line of a record.
    fn line(&self, target: &TxtTarget) -> String;

    /// Whether a line is that record, whatever its TTL.
    fn is(&self, line: &str, target: &TxtTarget) -> bool;

    /// Whether the zone's serial number is raised with each change.
    fn raises_serial(&self) -> bool;

    /// Makes the server read the file.
    async fn tell(&self, step: Step) -> Result<(), DnsError>;

    /// Sees whether the server could be told.
    async fn check(&self) -> Result<String, DnsError>;
}

/// A provider over one zone file.
#[derive(Debug)]
struct ZoneFile<D> {
    code: &'static str,
    dialect: D,
    path: PathBuf,
    zone: String,
    locks: NameLocks,
    caps: Caps,
    /// How long a lock is waited for.
    limit: Duration,
}

/// Path and zone of the settings.
fn place(
    code: &'static str,
    reader: &Reader<'_>,
    context: &Context,
) -> Result<(PathBuf, String), DnsError> {
    let path = reader.required("zone_file")?;
    let path = context.local.allow(code, "zone_file", path)?;
    Ok((path, name::canonical(reader.required("zone")?)))
}

#[async_trait]
impl<D: Dialect> Provider for ZoneFile<D> {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        self.within(target)?;
        let _guard = self.lock().await;
        let created = self.edit(Step::Add, target).await?;
        // Also when it was there: the server may not have been told.
        self.dialect
            .tell(Step::Add)
            .await
            .map_err(|error| error.at_name(&target.fqdn))?;
        Ok(Receipt {
            zone: self.zone.clone(),
            created,
            ..Receipt::default()
        })
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        self.within(target)?;
        let _guard = self.lock().await;
        self.edit(Step::Remove, target).await?;
        self.dialect
            .tell(Step::Remove)
            .await
            .map_err(|error| error.at_name(&target.fqdn))
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let checked = file::check(&self.path, self.limit).await;
        checked.map_err(|failure| self.error(Step::Check, failure))?;
        let mut notes = vec![format!("{} can be read and replaced.", self.path.display())];
        notes.push(self.dialect.check().await?);
        if let Some(name) = name {
            self.within(&TxtTarget::new(name, ""))?;
        }
        Ok(CheckReport {
            zone: name.map(|_| self.zone.clone()),
            notes,
        })
    }

    fn caps(&self) -> Caps {
        self.caps
    }
}

impl<D: Dialect> ZoneFile<D> {
    async fn lock(&self) -> crate::lock::NameGuard {
        self.locks
            .lock(self.code, &self.path.to_string_lossy())
            .await
    }

    /// Writes the line or takes it out; answers whether the file was changed.
    async fn edit(&self, step: Step, target: &TxtTarget) -> Result<bool, DnsError> {
        let line = self.dialect.line(target);
        let edit = Edit {
            path: &self.path,
            add: (step == Step::Add).then_some(line.as_str()),
            is: &|line| self.dialect.is(line, target),
            raise_serial: self.dialect.raises_serial(),
        };
        let edited = edit.run(self.limit).await;
        edited.map_err(|failure| {
            self.error(step, failure)
                .at_name(&target.fqdn)
                .in_zone(&self.zone)
        })
    }

    fn within(&self, target: &TxtTarget) -> Result<(), DnsError> {
        if name::is_within(&target.fqdn, &self.zone) {
            return Ok(());
        }
        let what = format!("the zone file is of {}", self.zone);
        Err(DnsError::new(self.code, Step::FindZone, Fault::Zone, what)
            .at_name(&target.fqdn)
            .with_remedy("map the domain to another DNS provider, or enter one for its zone file"))
    }

    fn error(&self, step: Step, failure: Failure) -> DnsError {
        match failure {
            Failure::Refused(what) => DnsError::new(self.code, step, Fault::Configuration, what)
                .with_remedy(
                    "let this host's service user read and write the zone file and its directory",
                ),
            Failure::Locked(path) => {
                let shown = path.display();
                let what = format!("{} is locked by another program", self.path.display());
                DnsError::new(self.code, step, Fault::Provider, what)
                    .with_remedy(format!("see with lslocks which program holds {shown}"))
            }
        }
    }
}
