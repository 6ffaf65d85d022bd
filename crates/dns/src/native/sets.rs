//! Services that keep whole sets: read, changed by one value, written back, looked at.

use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::{DnsError, Fault, Step};
use crate::lock::NameLocks;
use crate::name;
use crate::provider::{Caps, CheckReport, Provider, Receipt, TxtRecord, TxtTarget};
use crate::zone_cache::ZoneCache;

/// How often a set is written when another writer interferes.
const WRITES: usize = 5;

/// A zone at the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeldZone {
    /// Canonical name.
    pub(super) name: String,
    /// What the service calls it.
    pub(super) id: String,
}

/// The TXT records of a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TxtSet {
    pub(super) ttl: u32,
    pub(super) entries: Vec<Entry>,
    /// What tells this version of the set from another.
    pub(super) version: Option<String>,
}

/// One value of a set, and how the service writes it: foreign ones go back as they came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) value: String,
    pub(super) raw: Value,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was taken; the id of the change where it has one.
    Done(Option<String>),
    /// The set is not as it was read any more.
    Overtaken,
}

/// A change that was made; its id where the service gives one.
type Change = Option<String>;

/// A service that reads and writes whole sets.
#[async_trait]
pub(super) trait SetStore: Send + Sync + Debug {
    /// Shows the credentials; answers with a sentence about it.
    async fn log_in(&self) -> Result<String, DnsError>;

    /// The zone with the longest name that holds `fqdn`, or the one of the hint.
    async fn find_zone(&self, fqdn: &str, hint: Option<&str>)
    -> Result<Option<HeldZone>, DnsError>;

    /// The set of a name, if there is one.
    async fn read(&self, zone: &HeldZone, fqdn: &str) -> Result<Option<TxtSet>, DnsError>;

    /// Puts `new` in the place of `old`; an empty one takes it away.
    async fn write(
        &self,
        step: Step,
        place: (&HeldZone, &str),
        old: Option<&TxtSet>,
        new: &TxtSet,
    ) -> Result<Written, DnsError>;

    /// How the service writes a value.
    fn raw(&self, value: &str) -> Value;

    /// Waits until a change is at the service's name servers, as far as it tells.
    async fn settle(&self, zone: &HeldZone, change: &str) -> Result<(), DnsError>;

    /// The error of a name whose zone the account does not have.
    fn no_zone(&self, fqdn: &str, hint: Option<&str>) -> DnsError;

    /// The provider's code.
    fn code(&self) -> &'static str;
}

/// A provider over such a service.
#[derive(Debug)]
pub(super) struct Sets<S> {
    pub(super) store: S,
    pub(super) locks: NameLocks,
    /// Names the account in locks.
    pub(super) account: String,
    pub(super) ttl: u32,
    pub(super) caps: Caps,
    pub(super) zones: ZoneCache<HeldZone>,
}

#[async_trait]
impl<S: SetStore> Provider for Sets<S> {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let (zone, change) = self.change_in_zone(Step::Add, target, None).await?;
        let receipt = Receipt {
            zone: zone.name.clone(),
            created: change.is_some(),
            ..Receipt::default()
        };
        if let Some(Some(id)) = change {
            self.store.settle(&zone, &id).await?;
        }
        Ok(receipt)
    }

    async fn remove(&self, target: &TxtTarget, receipt: Option<&Receipt>) -> Result<(), DnsError> {
        let known = receipt.map(|receipt| receipt.zone.as_str());
        let known = known.filter(|zone| !zone.is_empty());
        let changed = self.change_in_zone(Step::Remove, target, known).await;
        changed.map(drop)
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let mut report = CheckReport {
            zone: None,
            notes: vec![self.store.log_in().await?],
        };
        if let Some(name) = name {
            let target = TxtTarget::new(name, "");
            let zone = self.zone(&target, None).await?;
            report.notes.push(format!("It holds zone {}.", zone.name));
            self.store.read(&zone, &target.fqdn).await?;
            report.notes.push("Its records can be read.".to_owned());
            report.zone = Some(zone.name);
        }
        Ok(report)
    }

    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        let zone = self.zone(target, None).await?;
        let set = self.store.read(&zone, &target.fqdn).await;
        let set = set.map_err(|error| error.at_name(&target.fqdn).in_zone(&zone.name))?;
        let entries = set.unwrap_or_default().entries.into_iter();
        let values = entries.map(|entry| entry.value);
        Ok(Some(TxtRecord::all_at(&target.fqdn, values)))
    }

    fn caps(&self) -> Caps {
        self.caps
    }
}

impl<S: SetStore> Sets<S> {
    /// Changes the set in the zone that was found some minutes ago, or, where that is gone, in the one found now.
    async fn change_in_zone(
        &self,
        step: Step,
        target: &TxtTarget,
        known: Option<&str>,
    ) -> Result<(HeldZone, Option<Change>), DnsError> {
        let hint = target.zone_hint.as_deref().or(known);
        let kept = self.zones.kept(&target.fqdn, hint, Instant::now());
        if let Some(zone) = kept {
            match self.change(step, &zone, target).await {
                Err(error) if error.fault() == Fault::Zone => {
                    self.zones.forget(&target.fqdn, hint);
                }
                Err(error) => return Err(error.at_name(&target.fqdn).in_zone(&zone.name)),
                Ok(change) => return Ok((zone, change)),
            }
        }
        let zone = self.zone(target, known).await?;
        self.zones.keep(&target.fqdn, hint, &zone, Instant::now());
        let changed = self.change(step, &zone, target).await;
        let change = changed.map_err(|error| error.at_name(&target.fqdn).in_zone(&zone.name))?;
        Ok((zone, change))
    }

    async fn zone(&self, target: &TxtTarget, known: Option<&str>) -> Result<HeldZone, DnsError> {
        let hint = target.zone_hint.as_deref().or(known).map(name::canonical);
        let found = self.store.find_zone(&target.fqdn, hint.as_deref()).await?;
        found.ok_or_else(|| self.store.no_zone(&target.fqdn, hint.as_deref()))
    }

    /// Brings the value in or out; answers with the change, if one was needed.
    async fn change(
        &self,
        step: Step,
        zone: &HeldZone,
        target: &TxtTarget,
    ) -> Result<Option<Change>, DnsError> {
        let _guard = self.locks.lock(&self.account, &target.fqdn).await;
        let mut done = None;
        for _ in 0..WRITES {
            let old = self.store.read(zone, &target.fqdn).await?;
            let Some(new) = self.changed(step, old.as_ref(), target) else {
                return Ok(done);
            };
            let place = (zone, target.fqdn.as_str());
            match self.store.write(step, place, old.as_ref(), &new).await? {
                Written::Done(change) => done = Some(change),
                // It may have been this one, whose answer was lost.
                Written::Overtaken => drop(done.get_or_insert(None)),
            }
        }
        let what = "the service accepted the change but does not show it";
        Err(
            DnsError::new(self.store.code(), step, Fault::Provider, what)
                .with_remedy("see whether another program writes the TXT records of this name"),
        )
    }

    /// The set as it shall be, or nothing when it is so.
    fn changed(&self, step: Step, old: Option<&TxtSet>, target: &TxtTarget) -> Option<TxtSet> {
        let there = |set: &TxtSet| set.entries.iter().any(|entry| entry.value == target.value);
        if old.is_some_and(there) == (step == Step::Add) {
            return None;
        }
        let mut new = old.cloned().unwrap_or_default();
        if step == Step::Add {
            let raw = self.store.raw(&target.value);
            let value = target.value.clone();
            new.entries.push(Entry { value, raw });
        } else {
            new.entries.retain(|entry| entry.value != target.value);
        }
        if old.is_none() {
            new.ttl = target.ttl.unwrap_or(self.ttl);
        }
        Some(new)
    }
}
