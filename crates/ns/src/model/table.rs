//! The objects of one resource type: in the order they were added, and by name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use crate::model::object::Object;
use crate::value::Value;
use crate::verb::Verb;

/// Objects by the number they were added with; names are found in any case.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    objects: BTreeMap<u64, Arc<Object>>,
    index: HashMap<String, u64>,
    /// Numbers of the objects that have an address; made when first asked for.
    by_address: OnceLock<HashMap<IpAddr, BTreeSet<u64>>>,
    /// The object handed out to be changed last; the index does not know it.
    changing: Option<u64>,
    /// Whether case tells names apart: the strings of TXT records are part of their names here.
    is_exact: bool,
}

/// Equal when the same objects were added in the same order; objects nobody adds have no order.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let telling = |table: &'_ Self| -> Vec<Arc<Object>> {
            let objects = table.objects.values();
            let mut objects: Vec<_> = objects
                .filter(|object| !object.says_nothing())
                .cloned()
                .collect();
            if objects
                .first()
                .is_some_and(|object| !object.resource().supports(Verb::Add))
            {
                objects.sort_by_cached_key(|object| object.key().to_ascii_lowercase());
            }
            objects
        };
        telling(self) == telling(other)
    }
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Object> {
        let number = self.number(key)?;
        self.objects.get(&number).map(|object| &**object)
    }

    pub(super) fn shared(&self, key: &str) -> Option<&Arc<Object>> {
        let number = self.index.get(&key.to_ascii_lowercase())?;
        self.objects.get(number)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Object> {
        let number = self.number(key)?;
        self.hand_out(number);
        self.objects.get_mut(&number).map(Arc::make_mut)
    }

    /// Puts an object in; one of the same name keeps its place and is replaced.
    pub(super) fn insert(&mut self, number: u64, mut object: Object) {
        let number = self.place(number, &object);
        object.set_number(number);
        if self.objects.contains_key(&number) {
            self.by_address.take();
        } else if let (Some(index), Some(ip)) = (self.by_address.get_mut(), address(&object)) {
            index.entry(ip).or_default().insert(number);
        }
        self.objects.insert(number, Arc::new(object));
    }

    /// The object of the same name, or else this one put in.
    pub(super) fn get_or_insert(&mut self, number: u64, mut object: Object) -> &mut Object {
        let number = self.place(number, &object);
        object.set_number(number);
        self.hand_out(number);
        Arc::make_mut(
            self.objects
                .entry(number)
                .or_insert_with(|| Arc::new(object)),
        )
    }

    /// Lets an object be given another name; it keeps its place.
    pub(super) fn rekey(&mut self, key: &str, change: impl FnOnce(&mut Object)) {
        let Some(number) = self.index.remove(&self.indexed(key)) else {
            return;
        };
        self.by_address.take();
        if let Some(object) = self.objects.get_mut(&number) {
            let object = Arc::make_mut(object);
            change(object);
            let key = object.key();
            self.index.insert(self.indexed(&key), number);
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> bool {
        let Some(number) = self.index.remove(&self.indexed(key)) else {
            return false;
        };
        let removed = self.objects.remove(&number);
        let ip = removed.as_deref().and_then(address);
        if let (Some(index), Some(ip)) = (self.by_address.get_mut(), ip) {
            index.entry(ip).or_default().remove(&number);
        }
        removed.is_some()
    }

    /// The objects whose argument `IPAddress` is the address, in the order they were added.
    pub(super) fn at_address(&self, ip: IpAddr) -> impl Iterator<Item = &Object> {
        let index = self.by_address.get_or_init(|| {
            let mut index: HashMap<IpAddr, BTreeSet<u64>> = HashMap::new();
            let settled = |number: &&u64| Some(**number) != self.changing;
            for (number, object) in self.objects.iter().filter(|(number, _)| settled(number)) {
                if let Some(ip) = address(object) {
                    index.entry(ip).or_default().insert(*number);
                }
            }
            index
        });
        let changed = self.changing.filter(|number| {
            let object = self.numbered(*number);
            object.and_then(address) == Some(ip)
        });
        let mut numbers: BTreeSet<u64> = index.get(&ip).cloned().unwrap_or_default();
        numbers.extend(changed);
        numbers
            .into_iter()
            .filter_map(|number| self.numbered(number))
    }

    /// Takes the object out of the index, because it is about to change, and puts the one before back.
    fn hand_out(&mut self, number: u64) {
        let Some(index) = self.by_address.get_mut() else {
            return;
        };
        if self.changing == Some(number) {
            return;
        }
        let address_of = |number: &u64| self.objects.get(number).and_then(|o| address(o));
        if let Some(before) = self.changing
            && let Some(ip) = address_of(&before)
        {
            index.entry(ip).or_default().insert(before);
        }
        if let Some(numbers) = address_of(&number).and_then(|ip| index.get_mut(&ip)) {
            numbers.remove(&number);
        }
        self.changing = Some(number);
    }

    /// The object that was added with the number.
    pub(super) fn numbered(&self, number: u64) -> Option<&Object> {
        self.objects.get(&number).map(|object| &**object)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().map(|object| &**object)
    }

    /// The number of the object of the same name, or else the given one.
    fn place(&mut self, number: u64, object: &Object) -> u64 {
        self.is_exact = !object.resource().identity.is_empty();
        let key = self.indexed(&object.key());
        *self.index.entry(key).or_insert(number)
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.index.get(&self.indexed(key)).copied()
    }

    /// The name as it stands in the index.
    fn indexed(&self, key: &str) -> String {
        if self.is_exact {
            key.to_owned()
        } else {
            key.to_ascii_lowercase()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }
}

/// Names of the objects that are not the very same in both.
pub(super) fn differences(now: Option<&Table>, then: Option<&Table>) -> Vec<String> {
    let missing_in = |table: Option<&Table>, other: Option<&Table>| -> Vec<String> {
        let objects = table.into_iter().flat_map(|table| table.objects.values());
        objects
            .filter(|object| {
                let same = other.and_then(|other| other.shared(&object.key()));
                !same.is_some_and(|same| Arc::ptr_eq(same, object))
            })
            .map(|object| object.key())
            .collect()
    };
    let mut keys = missing_in(now, then);
    let removed = missing_in(then, now);
    keys.extend(
        removed.into_iter().filter(|key| {
            !now.is_some_and(|now| now.index.contains_key(&key.to_ascii_lowercase()))
        }),
    );
    keys
}

fn address(object: &Object) -> Option<IpAddr> {
    object.value("IPAddress").and_then(Value::as_ip)
}
