//! `rename`: an object gets another name, and whatever names it follows.

use crate::catalog::{Attribute, Kind, RESOURCES, ResourceType};
use crate::codes;
use crate::command::Command;
use crate::error::NsError;
use crate::model::Config;
use crate::model::apply::Effect;
use crate::model::object::Object;
use crate::value::{Value, Values};

impl Config {
    pub(super) fn rename(&mut self, command: &Command) -> Result<Effect, NsError> {
        let resource = command.resource();
        self.check_exists(command)?;
        let Some(new) = command.text("newName") else {
            return Err(NsError::about(&codes::ARGUMENT_MISSING, "newName"));
        };
        let Some(object) = self.object(resource.name, &command.key()) else {
            return Err(self.about_key(resource.missing, command));
        };
        let old = object.key();
        if object.is_factory() {
            return Err(NsError::about(&codes::NOT_PERMITTED, old));
        }
        if old == new {
            return Ok(Effect::Unchanged);
        }
        let taken = self.object(resource.name, new).is_some() || self.has_namesake(resource, new);
        if taken && !old.eq_ignore_ascii_case(new) {
            return Err(NsError::argument(resource.exists, "newName", new));
        }
        self.rekey(resource, &old, new);
        for companion in RESOURCES {
            if companion.companion_of.contains(&resource.name) {
                self.rekey(companion, &old, new);
            }
        }
        self.follow(resource, &old, new);
        Ok(Effect::Changed)
    }

    /// Gives the object its new name, in its old place.
    fn rekey(&mut self, resource: &'static ResourceType, old: &str, new: &str) {
        let Some(key) = resource.keys().next() else {
            return;
        };
        if self.object(resource.name, old).is_some() {
            self.table_mut(resource).rekey(old, |object| {
                object
                    .values_mut()
                    .insert(key.name, Value::Text(new.to_owned()));
            });
        }
    }

    /// Everything that named the object by its old name names it by its new one.
    fn follow(&mut self, target: &'static ResourceType, old: &str, new: &str) {
        let resources: Vec<_> = RESOURCES
            .iter()
            .copied()
            .filter(|resource| may_name(resource, target))
            .collect();
        for resource in resources {
            let keys: Vec<String> = self
                .objects(resource.name)
                .filter(|object| object.refers_to(target, old))
                .map(Object::key)
                .collect();
            for key in keys {
                if let Some(object) = self.object_mut(resource, &key) {
                    rename_in(resource.attributes, object.values_mut(), target, old, new);
                    for bound in object.bindings_mut() {
                        rename_in(bound.kind.attributes, &mut bound.values, target, old, new);
                    }
                }
            }
        }
    }
}

fn may_name(resource: &ResourceType, target: &ResourceType) -> bool {
    let bound = resource.bindings.iter().flat_map(|b| b.attributes);
    resource
        .attributes
        .iter()
        .chain(bound)
        .any(|attribute| match attribute.kind {
            Kind::Reference { to, .. } => to.contains(&target.name),
            Kind::Host { .. } => true,
            _ => false,
        })
}

fn rename_in(
    attributes: &'static [Attribute],
    values: &mut Values,
    target: &'static ResourceType,
    old: &str,
    new: &str,
) {
    for attribute in attributes.iter().filter(|attribute| !attribute.is_key) {
        if super::references::names(attribute, values.get(attribute.name), target, old) {
            values.insert(attribute.name, Value::Text(new.to_owned()));
        }
    }
}
