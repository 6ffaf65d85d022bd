//! What an object is made of: itself, its SSL side, and everything it refers to.
//!
//! Who builds something from the configuration keeps the closure of its root; when a later configuration has the same
//! closure, what was built is still right. Objects are shared between configurations until they change, so comparing
//! costs a few pointers.

use std::collections::HashSet;
use std::sync::Arc;

use crate::catalog::{Attribute, Kind, RESOURCES, ResourceType};
use crate::model::Config;
use crate::model::object::Object;
use crate::value::Value;

/// Objects reached from a root, in the order they were found; equal when they are the very same.
#[derive(Clone, Debug, Default)]
pub struct Closure {
    objects: Vec<Arc<Object>>,
}

impl Closure {
    /// The objects, roots first.
    pub fn objects(&self) -> &[Arc<Object>] {
        &self.objects
    }

    /// The closure without the objects of a type.
    #[must_use]
    pub fn without(mut self, resource: &str) -> Self {
        self.objects
            .retain(|object| object.resource().name != resource);
        self
    }
}

impl PartialEq for Closure {
    fn eq(&self, other: &Self) -> bool {
        self.objects.len() == other.objects.len()
            && self
                .objects
                .iter()
                .zip(&other.objects)
                .all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl Eq for Closure {}

impl Config {
    /// Everything the objects of these types and names are made of; a name that is not there adds nothing.
    pub fn closure<'a>(&self, roots: impl IntoIterator<Item = (&'a str, &'a str)>) -> Closure {
        let mut walk = Walk::new(self);
        for (resource, key) in roots {
            walk.visit(resource, key);
        }
        walk.finish()
    }

    /// These objects alone, without what they refer to.
    pub fn selection<'a>(&self, names: impl IntoIterator<Item = (&'a str, &'a str)>) -> Closure {
        let shared = |(resource, key): (&'a str, &'a str)| self.shared_object(resource, key);
        Closure {
            objects: names.into_iter().filter_map(shared).collect(),
        }
    }

    /// The one object of every singleton type but these, and everything they are made of.
    pub fn singletons_except(&self, inert: &[&str]) -> Closure {
        let types = self.tables.keys().filter(|name| !inert.contains(name));
        self.closure(types.map(|name| (*name, "")))
    }

    /// Types and names of the objects that differ from another configuration: added, changed or removed.
    pub fn changes_since(&self, before: &Self) -> Vec<(&'static str, String)> {
        let mut changes = Vec::new();
        let names: HashSet<&'static str> = self
            .tables
            .keys()
            .chain(before.tables.keys())
            .copied()
            .collect();
        for name in names {
            match (self.tables.get(name), before.tables.get(name)) {
                (Some(now), Some(then)) if Arc::ptr_eq(now, then) => {}
                (now, then) => {
                    let now = now.map(|table| &**table);
                    let keys = super::table::differences(now, then.map(|table| &**table));
                    changes.extend(keys.into_iter().map(|key| (name, key)));
                }
            }
        }
        changes.sort();
        changes
    }
}

struct Walk<'c> {
    config: &'c Config,
    seen: HashSet<(&'static str, String)>,
    found: Vec<Arc<Object>>,
    /// How many of those found were looked into.
    done: usize,
}

impl<'c> Walk<'c> {
    fn new(config: &'c Config) -> Self {
        Self {
            config,
            seen: HashSet::new(),
            found: Vec::new(),
            done: 0,
        }
    }

    fn finish(mut self) -> Closure {
        while let Some(object) = self.found.get(self.done).cloned() {
            self.done += 1;
            self.look_into(&object);
        }
        Closure {
            objects: self.found,
        }
    }

    fn look_into(&mut self, object: &Object) {
        let resource = object.resource();
        for (name, value) in object.values().iter() {
            if let Some(attribute) = resource.attribute(name) {
                self.follow(attribute, value);
            }
        }
        for bound in object.bindings() {
            for (name, value) in bound.values.iter() {
                if let Some(attribute) = bound.kind.attributes.iter().find(|a| a.name == name) {
                    self.follow(attribute, value);
                }
            }
        }
        for companion in companions(resource) {
            self.visit(companion, &object.key());
        }
    }

    fn follow(&mut self, attribute: &Attribute, value: &Value) {
        match attribute.kind {
            Kind::Reference { to, .. } => {
                for name in value.words() {
                    for target in to {
                        self.visit(target, &name);
                    }
                }
            }
            Kind::Host { .. } => self.visit("server", &value.words().concat()),
            _ => {}
        }
    }

    fn visit(&mut self, resource: &str, key: &str) {
        let Some(object) = self.config.shared_object(resource, key) else {
            return;
        };
        let identity = (object.resource().name, key.to_ascii_lowercase());
        if self.seen.insert(identity) {
            self.found.push(object);
        }
    }
}

/// Types whose objects come and go with those of this type.
fn companions(resource: &'static ResourceType) -> impl Iterator<Item = &'static str> {
    RESOURCES
        .iter()
        .filter(move |companion| companion.companion_of.contains(&resource.name))
        .map(|companion| companion.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::config;

    const SITE: &str = "add server s1 192.0.2.11\nadd service svc1 s1 HTTP 80\n\
                        add lb vserver v1 SSL 192.0.2.80 443\nbind lb vserver v1 svc1\n\
                        add ssl profile p -sslProfileType FrontEnd\nset ssl vserver v1 -sslProfile p\n\
                        add lb vserver v2 HTTP 192.0.2.80 80";

    fn names(closure: &Closure) -> Vec<String> {
        let name = |object: &Arc<Object>| format!("{} {}", object.resource().name, object.key());
        closure.objects().iter().map(name).collect()
    }

    #[test]
    fn a_vserver_is_made_of_its_services_their_servers_and_its_profile() {
        let config = config(SITE);

        let closure = config.closure([("lb vserver", "V1")]);

        assert_eq!(
            names(&closure),
            [
                "lb vserver v1",
                "service svc1",
                "ssl vserver v1",
                "server s1",
                "ssl profile p"
            ]
        );
    }

    #[test]
    fn only_a_change_of_what_it_is_made_of_changes_the_closure() {
        let before = config(SITE);
        let mut after = before.clone();
        let closure = |config: &Config, name| config.closure([("lb vserver", name)]);

        let command = crate::grammar::parse_line("disable server s1").unwrap();
        after.apply(&command).unwrap();

        assert!(closure(&before, "v1") != closure(&after, "v1"));
        assert!(closure(&before, "v2") == closure(&after, "v2"));
        assert_eq!(after.changes_since(&before), [("server", "s1".to_owned())]);
        assert_eq!(before.changes_since(&before), []);
    }
}
