//! The zero-touch names: a concurrent index for handshakes, and the one writer that keeps it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use evercert_types::{CertificateId, DomainName};

use super::record::Record;
use super::slot::{CertificateSet, Slot};

/// The index that handshakes read: no lock, no allocation.
#[derive(Debug, Default)]
pub(crate) struct Table {
    exact: papaya::HashMap<Box<str>, Arc<Slot>>,
    /// By the name without `*.`.
    wild: papaya::HashMap<Box<str>, Arc<Slot>>,
}

impl Table {
    /// What is held for this very name.
    pub(crate) fn exact(&self, name: &str) -> Option<Arc<Slot>> {
        self.exact.pin().get(name).cloned()
    }

    /// What is held for the wildcard that covers the name: `*.example.com` for `a.example.com`.
    pub(crate) fn wildcard(&self, name: &str) -> Option<Arc<Slot>> {
        self.wild.pin().get(wildcard_base(name)?).cloned()
    }

    /// Whether a client that sends this name, or a default of this name, gets a certificate.
    pub(crate) fn serves(&self, name: &str) -> bool {
        let slots = [self.exact(name), self.wildcard(name)];
        let mut slots = slots.into_iter().flatten();
        slots.any(|slot| !slot.load().served().is_empty())
    }

    /// How many names it holds, wildcards included.
    pub(crate) fn len(&self) -> usize {
        self.exact.len() + self.wild.len()
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        let (map, key) = self.place(name);
        map.pin().get(key).cloned()
    }

    fn point(&self, name: &str, slot: Arc<Slot>) {
        let (map, key) = self.place(name);
        map.pin().insert(key.into(), slot);
    }

    fn forget(&self, name: &str) {
        let (map, key) = self.place(name);
        map.pin().remove(key);
    }

    fn place<'a>(&self, name: &'a str) -> (&papaya::HashMap<Box<str>, Arc<Slot>>, &'a str) {
        match name.strip_prefix("*.") {
            Some(base) => (&self.wild, base),
            None => (&self.exact, name),
        }
    }
}

/// What follows the first label, when it is itself a name a wildcard can stand over.
pub(crate) fn wildcard_base(name: &str) -> Option<&str> {
    let (label, base) = name.split_once('.')?;
    (!label.is_empty() && label != "*" && !base.is_empty()).then_some(base)
}

/// The one writer; used by the control thread only.
///
/// A name that one certificate claims with all its records points to that certificate's slot. A name that several
/// claim, or only some of a certificate's records, is *special*: it has a slot of its own.
#[derive(Debug)]
pub(crate) struct TableWriter {
    table: Arc<Table>,
    certificates: HashMap<CertificateId, Entry>,
    specials: HashMap<Box<str>, Special>,
}

#[derive(Debug)]
struct Entry {
    slot: Arc<Slot>,
    records: Vec<Arc<Record>>,
    specials: usize,
}

#[derive(Debug)]
struct Special {
    slot: Arc<Slot>,
    owners: Vec<CertificateId>,
}

impl TableWriter {
    /// The writer of a table, which must have no other.
    pub(crate) fn new(table: Arc<Table>) -> Self {
        Self {
            table,
            certificates: HashMap::new(),
            specials: HashMap::new(),
        }
    }

    /// Makes these the records of a certificate that are served, replacing earlier ones; none removes it.
    ///
    /// Names that go are removed before the content they point to changes; names that come are published after it.
    pub(crate) fn set(&mut self, id: CertificateId, mut records: Vec<Arc<Record>>) {
        records.sort_by_key(|record| record.algorithm());
        if self.swap_in_place(id, &records) {
            return;
        }
        let before = self.certificates.get(&id).map(|entry| &entry.records[..]);
        let before = before.map(claims).unwrap_or_default();
        let after = claims(&records);
        for name in before.difference(&after) {
            self.release(id, name.as_str());
        }
        if records.is_empty() {
            if let Some(entry) = self.certificates.remove(&id) {
                entry.slot.store(CertificateSet::default());
            }
            return;
        }
        self.entry(id).records.clone_from(&records);
        let (special, plain): (Vec<_>, Vec<_>) =
            after.iter().partition(|name| self.is_special(id, name));
        for name in special {
            self.publish_special(id, name.as_str());
        }
        self.entry(id).slot.store(CertificateSet::choose(records));
        for name in plain {
            self.publish_plain(id, name.as_str());
        }
    }

    /// The usual renewal: same names, all served by one slot. One pointer store.
    fn swap_in_place(&mut self, id: CertificateId, records: &[Arc<Record>]) -> bool {
        let Some(entry) = self.certificates.get_mut(&id) else {
            return false;
        };
        let same_names = match (entry.records.first(), records.first()) {
            (Some(old), Some(new)) => old.parts().names == new.parts().names,
            _ => false,
        };
        if entry.specials > 0 || !same_names || !uniform(&entry.records) || !uniform(records) {
            return false;
        }
        entry.slot.store(CertificateSet::choose(records.to_vec()));
        entry.records = records.to_vec();
        true
    }

    fn entry(&mut self, id: CertificateId) -> &mut Entry {
        self.certificates.entry(id).or_insert_with(|| Entry {
            slot: Arc::new(Slot::new(Some(id), CertificateSet::default())),
            records: Vec::new(),
            specials: 0,
        })
    }

    /// Whether another certificate claims the name too, or some record of this one does not.
    fn is_special(&self, id: CertificateId, name: &DomainName) -> bool {
        let name = name.as_str();
        let others = match self.specials.get(name) {
            Some(special) => special.owners.iter().any(|owner| *owner != id),
            None => (self.table.slot(name)).is_some_and(|slot| slot.owner() != Some(id)),
        };
        others || !self.covers_fully(id, name)
    }

    fn covers_fully(&self, id: CertificateId, name: &str) -> bool {
        self.certificates
            .get(&id)
            .is_some_and(|entry| entry.records.iter().all(|record| record.claims(name)))
    }

    fn publish_special(&mut self, id: CertificateId, name: &str) {
        let mut owners = match self.specials.get(name) {
            Some(special) => special.owners.clone(),
            None => (self.table.slot(name).and_then(|slot| slot.owner()))
                .into_iter()
                .collect(),
        };
        if !owners.contains(&id) {
            owners.push(id);
        }
        let content = self.contest(&owners, name);
        if let Some(special) = self.specials.get_mut(name) {
            if special.owners.len() < owners.len() {
                special.owners = owners;
                self.entry(id).specials += 1;
            }
            self.specials[name].slot.store(content);
            return;
        }
        for owner in &owners {
            self.entry(*owner).specials += 1;
        }
        let slot = Arc::new(Slot::new(None, content));
        self.table.point(name, slot.clone());
        self.specials.insert(name.into(), Special { slot, owners });
    }

    fn publish_plain(&mut self, id: CertificateId, name: &str) {
        if self.specials.remove(name).is_some() {
            self.entry(id).specials -= 1;
        }
        let slot = self.entry(id).slot.clone();
        let points_there =
            (self.table.slot(name)).is_some_and(|present| Arc::ptr_eq(&present, &slot));
        if !points_there {
            self.table.point(name, slot);
        }
    }

    /// Takes a certificate's claim on a name away.
    fn release(&mut self, id: CertificateId, name: &str) {
        let Some(special) = self.specials.get_mut(name) else {
            self.table.forget(name);
            return;
        };
        special.owners.retain(|owner| *owner != id);
        let owners = special.owners.clone();
        self.entry(id).specials -= 1;
        match owners[..] {
            [] => {
                self.table.forget(name);
                self.specials.remove(name);
            }
            [last] if self.covers_fully(last, name) => self.publish_plain(last, name),
            _ => {
                let content = self.contest(&owners, name);
                self.specials[name].slot.store(content);
            }
        }
    }

    fn contest(&self, owners: &[CertificateId], name: &str) -> CertificateSet {
        let candidates = owners
            .iter()
            .filter_map(|owner| self.certificates.get(owner))
            .flat_map(|entry| &entry.records)
            .filter(|record| record.claims(name))
            .cloned()
            .collect();
        CertificateSet::choose(candidates)
    }
}

fn claims(records: &[Arc<Record>]) -> BTreeSet<DomainName> {
    records
        .iter()
        .flat_map(|record| record.parts().names.iter().cloned())
        .collect()
}

fn uniform(records: &[Arc<Record>]) -> bool {
    records
        .windows(2)
        .all(|pair| pair[0].parts().names == pair[1].parts().names)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
