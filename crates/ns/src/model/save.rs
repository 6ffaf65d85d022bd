//! The commands that would make this configuration: dependencies first, defaults left out.

use crate::catalog::{Attribute, ResourceType, SSL_CERTKEY, Save};
use crate::command::{Command, Verb};
use crate::model::Config;
use crate::model::object::{Object, Origin, default_value};
use crate::validate;
use crate::value::{Value, Values};

/// One part of a saved configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The objects of a type: `add`, `set` or `enable`.
    Objects(&'static str),
    /// Arguments that name other objects of the type, and links.
    Later(&'static str),
    /// What is bound to the objects of a type.
    Bindings(&'static str),
}

use Step::{Bindings, Later, Objects};

/// The parts in NetScaler's order: system, network, SSL, servers, services, virtual servers, policies, bindings, DNS,
/// routes, and the SSL side of everything last.
pub(super) static ORDER: &[Step] = &[
    Objects("ns config"),
    Objects("ns feature"),
    Objects("ns mode"),
    Objects("system parameter"),
    Objects("system cmdPolicy"),
    Objects("system user"),
    Objects("system group"),
    Objects("ns encryptionParams"),
    Objects("ns rpcNode"),
    Objects("ns hostName"),
    Objects("HA node"),
    Objects("ns partition"),
    Objects("ns ip"),
    Objects("ns tcpProfile"),
    Objects("ns httpProfile"),
    Objects("ns param"),
    Objects("ns icapProfile"),
    Objects("ssl parameter"),
    Objects("ssl zeroTouchParam"),
    Objects("ssl certKey"),
    Later("ssl certKey"),
    Objects("ssl cipher"),
    Bindings("ssl cipher"),
    Objects("ssl certKeyBundle"),
    Objects("ssl caCertBundle"),
    Objects("ssl caCertGroup"),
    Bindings("ssl caCertGroup"),
    Objects("ssl crl"),
    Objects("ssl ocspResponder"),
    Bindings("ssl certKey"),
    Objects("ssl action"),
    Objects("ssl policy"),
    Objects("ssl profile"),
    Objects("server"),
    Objects("service"),
    Objects("serviceGroup"),
    Objects("lb monitor"),
    Objects("lb vserver"),
    Objects("cs vserver"),
    Objects("vpn vserver"),
    Objects("authentication vserver"),
    Later("lb vserver"),
    Later("cs vserver"),
    Objects("policy patset"),
    Bindings("policy patset"),
    Objects("cs action"),
    Objects("cs policy"),
    Objects("responder param"),
    Objects("responder action"),
    Objects("responder policy"),
    Objects("contentInspection action"),
    Objects("contentInspection policy"),
    Bindings("contentInspection global"),
    Bindings("lb vserver"),
    Bindings("cs vserver"),
    Objects("dns nameServer"),
    Objects("dns nsRec"),
    Objects("dns addRec"),
    Objects("dns aaaaRec"),
    Objects("dns cnameRec"),
    Objects("dns mxRec"),
    Objects("dns txtRec"),
    Objects("dns caaRec"),
    Objects("dns soaRec"),
    Objects("dns zone"),
    Bindings("responder global"),
    Bindings("vpn global"),
    Bindings("lb monitor"),
    Bindings("service"),
    Bindings("serviceGroup"),
    Objects("route"),
    Bindings("system user"),
    Bindings("system group"),
    Objects("ssl service"),
    Objects("ssl serviceGroup"),
    Objects("ssl vserver"),
    Bindings("ssl profile"),
    Bindings("ssl service"),
    Bindings("ssl serviceGroup"),
    Bindings("ssl vserver"),
];

impl Config {
    /// The commands that make this configuration from a factory one, in an order in which each can be carried out.
    ///
    /// Values equal to the default are left out, and so is what every appliance has.
    pub fn to_commands(&self) -> Vec<Command> {
        let mut commands = Vec::new();
        for step in ORDER {
            let name = match step {
                Objects(name) | Later(name) | Bindings(name) => name,
            };
            for object in self.in_saved_order(name) {
                match step {
                    Objects(_) => commands.extend(object_command(object)),
                    Later(_) => commands.extend(later_commands(object)),
                    Bindings(_) => commands.extend(binding_commands(object)),
                }
            }
        }
        commands
    }

    /// In the order they were added; the SSL sides of virtual servers and services in the order of those.
    fn in_saved_order(&self, name: &str) -> Vec<&Object> {
        let mut objects: Vec<&Object> = self.objects(name).collect();
        let mains = objects
            .first()
            .map_or(&[][..], |object| object.resource().companion_of);
        if !mains.is_empty() {
            objects.sort_by_cached_key(|object| {
                let key = object.key();
                let main = mains.iter().enumerate().find_map(|(index, main)| {
                    let main = self.object(main, &key)?;
                    Some((index, main.number()))
                });
                (main, key.to_ascii_lowercase())
            });
        }
        objects
    }
}

/// The line that makes the object; none for what every appliance has and nobody changed.
fn object_command(object: &Object) -> Option<Command> {
    let resource = object.resource();
    match object.origin() {
        _ if resource.supports(Verb::Enable) && resource.is_singleton() => enable_command(object),
        Origin::Factory(values) => changed_command(object, values),
        Origin::Configured if resource.supports(Verb::Add) => own_command(object, Verb::Add),
        Origin::Configured => own_command(object, Verb::Set),
    }
}

/// The object's values that are not defaults.
fn own_command(object: &Object, verb: Verb) -> Option<Command> {
    let resource = object.resource();
    let mut values = Values::new();
    for attribute in written(resource, verb) {
        let Some(value) = object.value(attribute.name) else {
            continue;
        };
        let needed = attribute.is_key || attribute.required.contains(verb);
        if needed || default_value(attribute).as_ref() != Some(value) {
            values.insert(attribute.name, value.clone());
        }
    }
    if values.is_empty() {
        return None;
    }
    // A `set` that names nothing but the object is refused, and says nothing either.
    validate::complete(Command::new(verb, resource).with_values(values)).ok()
}

/// The values that differ from those of the factory.
fn changed_command(object: &Object, factory: &Values) -> Option<Command> {
    if *object.values() == *factory {
        return None;
    }
    let resource = object.resource();
    // Only `add` can name other files for the built-in certificates.
    let verb = if *resource == SSL_CERTKEY {
        Verb::Add
    } else {
        Verb::Set
    };
    let mut values = Values::new();
    let mut changed = false;
    for attribute in written(resource, verb) {
        let default = || default_value(attribute);
        let Some(now) = object.value(attribute.name).cloned().or_else(default) else {
            continue;
        };
        let before = factory.get(attribute.name).cloned().or_else(default);
        let differs = before.as_ref() != Some(&now);
        changed |= differs;
        let place = attribute.positional.contains(verb) || attribute.required.contains(verb);
        if differs || place {
            values.insert(attribute.name, now);
        }
    }
    let command = Command::new(verb, resource).with_values(values);
    changed.then(|| validate::complete(command).ok()).flatten()
}

/// The arguments of the object's line.
fn written(
    resource: &'static ResourceType,
    verb: Verb,
) -> impl Iterator<Item = &'static Attribute> {
    resource
        .attributes_for(verb, None)
        .filter(|attribute| attribute.save == Save::WithObject)
}

fn enable_command(object: &Object) -> Option<Command> {
    let resource = object.resource();
    let listed = object.values().iter().next()?;
    let empty = listed.1.as_list().is_none_or(<[String]>::is_empty);
    (!empty).then(|| Command::new(Verb::Enable, resource).with(listed.0, listed.1.clone()))
}

/// `link` for certificates, and `set` for arguments that name another object of the type.
fn later_commands(object: &Object) -> Vec<Command> {
    let resource = object.resource();
    let mut commands = Vec::new();
    if let Some(issuer) = object.value("linkCertKeyName") {
        let values = with_keys(object, [("linkCertKeyName", issuer.clone())]);
        commands.push(Command::new(Verb::Link, resource).with_values(values));
    }
    let later: Vec<_> = resource
        .attributes
        .iter()
        .filter(|attribute| attribute.save == Save::After)
        .filter_map(|attribute| Some((attribute.name, object.value(attribute.name)?.clone())))
        .collect();
    if !later.is_empty() {
        commands.push(Command::new(Verb::Set, resource).with_values(with_keys(object, later)));
    }
    commands
}

fn binding_commands(object: &Object) -> impl Iterator<Item = Command> {
    object.bindings().iter().filter_map(|bound| {
        let values = bound
            .values
            .iter()
            .map(|(name, value)| (name, value.clone()));
        let command = Command::binding_of(Verb::Bind, object.resource(), bound.kind)
            .with_values(with_keys(object, values));
        validate::complete(command).ok()
    })
}

fn with_keys(object: &Object, values: impl IntoIterator<Item = (&'static str, Value)>) -> Values {
    let mut all = Values::new();
    for key in object.resource().keys() {
        if let Some(value) = object.value(key.name) {
            all.insert(key.name, value.clone());
        }
    }
    for (name, value) in values {
        all.insert(name, value);
    }
    all
}

/// Whether objects of the type are part of a saved configuration.
#[cfg(test)]
fn is_saved(resource: &ResourceType) -> bool {
    let is_made = [Verb::Add, Verb::Set, Verb::Enable];
    !resource.is_outside && is_made.iter().any(|verb| resource.supports(*verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{RESOURCES, resource};

    #[test]
    fn every_type_that_can_be_configured_is_saved_once() {
        for resource in RESOURCES {
            let objects = ORDER.iter().filter(|step| **step == Objects(resource.name));
            let bindings = ORDER
                .iter()
                .filter(|step| **step == Bindings(resource.name));
            let later = ORDER.iter().filter(|step| **step == Later(resource.name));
            let has_later = resource.attributes.iter().any(|a| a.save == Save::After)
                || resource.supports(Verb::Link);

            assert_eq!(
                objects.count(),
                usize::from(is_saved(resource)),
                "{}",
                resource.name
            );
            assert_eq!(
                bindings.count(),
                usize::from(!resource.bindings.is_empty()),
                "{}",
                resource.name
            );
            assert_eq!(later.count(), usize::from(has_later), "{}", resource.name);
        }
    }

    #[test]
    fn every_part_names_a_type() {
        for step in ORDER {
            let (Objects(name) | Later(name) | Bindings(name)) = step;
            assert!(resource(name).is_some(), "{name}");
        }
    }
}
