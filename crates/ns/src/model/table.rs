//! The objects of one resource type: in the order they were added, and by name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::object::Object;

/// Objects by the number they were added with; names are found in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    objects: BTreeMap<u64, Arc<Object>>,
    index: HashMap<String, u64>,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Object> {
        let number = self.index.get(&key.to_ascii_lowercase())?;
        self.objects.get(number).map(|object| &**object)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Object> {
        let number = self.index.get(&key.to_ascii_lowercase())?;
        self.objects.get_mut(number).map(Arc::make_mut)
    }

    /// Puts an object in; one of the same name keeps its place and is replaced.
    pub(super) fn insert(&mut self, number: u64, object: Object) {
        let number = *self
            .index
            .entry(object.key().to_ascii_lowercase())
            .or_insert(number);
        self.objects.insert(number, Arc::new(object));
    }

    /// The object of the same name, or else this one put in.
    pub(super) fn get_or_insert(&mut self, number: u64, object: Object) -> &mut Object {
        let number = *self
            .index
            .entry(object.key().to_ascii_lowercase())
            .or_insert(number);
        Arc::make_mut(
            self.objects
                .entry(number)
                .or_insert_with(|| Arc::new(object)),
        )
    }

    pub(super) fn remove(&mut self, key: &str) -> bool {
        let Some(number) = self.index.remove(&key.to_ascii_lowercase()) else {
            return false;
        };
        self.objects.remove(&number).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().map(|object| &**object)
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }
}
