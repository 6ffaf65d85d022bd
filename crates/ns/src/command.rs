//! One command: a verb, a resource type, and values. Every face of the configuration speaks in it.

use std::fmt;
use std::net::IpAddr;

use crate::catalog::{Attribute, BindingType, ResourceType};
use crate::value::{Value, Values};
pub use crate::verb::Verb;

/// What one line of the shell, one line of ns.conf, or one NITRO request asks for.
///
/// `Display` and `Debug` mask secrets; [`crate::grammar::print`] writes them.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    verb: Verb,
    resource: &'static ResourceType,
    binding: Option<&'static BindingType>,
    values: Values,
}

impl Command {
    /// A command without values; add them with [`Command::with`].
    pub const fn new(verb: Verb, resource: &'static ResourceType) -> Self {
        Self {
            verb,
            resource,
            binding: None,
            values: Values::new(),
        }
    }

    /// A `bind` or `unbind` of one binding type.
    pub const fn binding_of(
        verb: Verb,
        resource: &'static ResourceType,
        binding: &'static BindingType,
    ) -> Self {
        Self {
            verb,
            resource,
            binding: Some(binding),
            values: Values::new(),
        }
    }

    /// The same command with the value put in, if the command knows the attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        if let Some(attribute) = self.attribute(name) {
            self.values.insert(attribute.name, value);
        }
        self
    }

    /// The same command with these values instead.
    #[must_use]
    pub fn with_values(mut self, values: Values) -> Self {
        self.values = values;
        self
    }

    /// The verb.
    pub const fn verb(&self) -> Verb {
        self.verb
    }

    /// The resource type.
    pub const fn resource(&self) -> &'static ResourceType {
        self.resource
    }

    /// What is bound, when the verb is `bind` or `unbind`.
    pub const fn binding(&self) -> Option<&'static BindingType> {
        self.binding
    }

    /// The values given.
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// The object's name: its key values joined by blanks; empty for a singleton or a `show` of all.
    pub fn key(&self) -> String {
        self.resource.key_of(&self.values)
    }

    /// The value of the first key: what stands in a NITRO path; empty when none was given.
    pub fn name(&self) -> String {
        self.resource.name_of(&self.values)
    }

    /// The value of an attribute, by its name in the catalogue.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_text)
    }

    /// The number of an attribute.
    pub fn integer(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(Value::as_integer)
    }

    /// The address of an attribute.
    pub fn ip(&self, name: &str) -> Option<IpAddr> {
        self.value(name).and_then(Value::as_ip)
    }

    /// Whether the attribute was given.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains(name)
    }

    /// The attributes this command may carry, positional ones first, in the order they are written.
    pub fn attributes(&self) -> impl Iterator<Item = &'static Attribute> + use<> {
        self.resource.attributes_for(self.verb, self.binding)
    }

    /// The attribute of that name, in the catalogue's spelling, if this command may carry it.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes().find(|attribute| attribute.name == name)
    }

    /// Whether it names several objects by what they share: the name without what tells them apart.
    pub(crate) fn names_several(&self) -> bool {
        let identity = self.resource.identity;
        !identity.is_empty() && !self.has("recordId") && !identity.iter().any(|name| self.has(name))
    }

    pub(crate) const fn values_mut(&mut self) -> &mut Values {
        &mut self.values
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::grammar::print_masked(self))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn debug_and_display_mask_secrets() {
        let command = Command::new(Verb::Add, &catalog::SSL_CERTKEY)
            .with("certkeyName", Value::Text("web1".to_owned()))
            .with("cert", Value::Text("web1.pfx".to_owned()))
            .with("passplain", Value::Secret("hunter2".to_owned().into()));

        assert_eq!(
            format!("{command:?}"),
            "Command(add ssl certKey web1 -cert web1.pfx -passplain ***)"
        );
        assert!(crate::grammar::print(&command).contains("hunter2"));
    }

    #[test]
    fn a_value_the_command_does_not_know_is_not_taken() {
        let command = Command::new(Verb::Link, &catalog::SSL_CERTKEY)
            .with("cert", Value::Text("web1.pem".to_owned()));

        assert!(command.values().is_empty());
    }
}
