//! One configured object: its values and what is bound to it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::catalog::{Attribute, BindingType, ResourceType};
use crate::validate;
use crate::value::{Value, Values};

/// Where an object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was configured.
    Configured,
    /// Every appliance has it, with these values at first.
    Factory(Arc<Values>),
}

/// Something bound to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What kind of binding it is.
    pub kind: &'static BindingType,
    /// Its arguments, without the object's key.
    pub values: Values,
}

impl Bound {
    /// The name of what is bound.
    pub fn target(&self) -> String {
        let words = self
            .kind
            .selectors
            .first()
            .and_then(|name| self.values.get(name))
            .map(Value::words);
        words.unwrap_or_default().join(" ")
    }

    /// The value of an argument.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The number of an argument, or its default.
    pub fn integer(&self, name: &str) -> Option<u64> {
        let attribute = self.kind.attributes.iter().find(|a| a.name == name);
        let default = attribute.and_then(|a| a.default);
        match self.value(name) {
            Some(value) => value.as_integer(),
            None => default.and_then(|word| word.parse().ok()),
        }
    }
}

/// One configured object.
#[derive(Clone, Debug)]
pub struct Object {
    resource: &'static ResourceType,
    values: Values,
    bindings: Vec<Bound>,
    origin: Origin,
    number: u64,
}

impl Object {
    pub(super) const fn new(resource: &'static ResourceType, values: Values) -> Self {
        Self {
            resource,
            values,
            bindings: Vec::new(),
            origin: Origin::Configured,
            number: 0,
        }
    }

    pub(super) fn from_factory(resource: &'static ResourceType, values: Values) -> Self {
        Self {
            origin: Origin::Factory(Arc::new(values.clone())),
            ..Self::new(resource, values)
        }
    }

    /// The resource type.
    pub const fn resource(&self) -> &'static ResourceType {
        self.resource
    }

    /// The object's name: its key values joined by blanks; empty for a singleton.
    pub fn key(&self) -> String {
        self.resource.key_of(&self.values)
    }

    /// The value of its first key: what stands in a NITRO path; several objects of a type may share it.
    pub fn name(&self) -> String {
        self.resource.name_of(&self.values)
    }

    /// A number no other object of this configuration has, and that stays as long as the object: a record's `recordid`.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Where it comes from.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether every appliance has it.
    pub const fn is_factory(&self) -> bool {
        matches!(self.origin, Origin::Factory(_))
    }

    /// The values that were given, keys included.
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// The value of an attribute, if it was given.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The value of an attribute, or its default.
    pub fn effective(&self, name: &str) -> Option<Value> {
        self.value(name)
            .cloned()
            .or_else(|| default_of(self.resource, name))
    }

    /// The text of an attribute, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_text)
    }

    /// The number of an attribute, or its default.
    pub fn integer(&self, name: &str) -> Option<u64> {
        self.effective(name).as_ref().and_then(Value::as_integer)
    }

    /// The address of an attribute, if it was given.
    pub fn ip(&self, name: &str) -> Option<IpAddr> {
        self.value(name).and_then(Value::as_ip)
    }

    /// Whether a choice (or its default) is this word.
    pub fn is(&self, name: &str, word: &str) -> bool {
        let default = self.resource.attribute(name).and_then(|a| a.default);
        self.text(name).or(default) == Some(word)
    }

    /// What is bound to it, in the order it was bound.
    pub fn bindings(&self) -> &[Bound] {
        &self.bindings
    }

    /// What is bound to it with that argument as selector, e.g. `certkeyName`.
    pub fn bound(&self, selector: &str) -> impl Iterator<Item = &Bound> {
        self.bindings
            .iter()
            .filter(move |bound| bound.kind.selectors.first() == Some(&selector))
    }

    pub(super) const fn set_number(&mut self, number: u64) {
        self.number = number;
    }

    pub(super) const fn values_mut(&mut self) -> &mut Values {
        &mut self.values
    }

    pub(super) const fn bindings_mut(&mut self) -> &mut Vec<Bound> {
        &mut self.bindings
    }
}

/// Equal when they say the same: a value that is written out and equals its default is no difference.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.resource == other.resource
            && self.origin == other.origin
            && self.bindings == other.bindings
            && self.telling().eq(other.telling())
    }
}

impl Eq for Object {}

impl Object {
    /// Whether a configuration with it is the same as one without: nothing was set or bound, and nobody added it.
    pub(super) fn says_nothing(&self) -> bool {
        !self.is_factory()
            && !self.resource.supports(crate::verb::Verb::Add)
            && self.bindings.is_empty()
            && self.telling().all(|(name, value)| {
                let attribute = self.resource.attribute(name);
                let is_key = attribute.is_some_and(|attribute| attribute.is_key);
                is_key || value.as_list().is_some_and(<[String]>::is_empty)
            })
    }

    /// The values that differ from their defaults.
    fn telling(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.values
            .iter()
            .filter(|(name, value)| default_of(self.resource, name).as_ref() != Some(value))
    }
}

/// The default of the attribute of that name as a value.
pub(super) fn default_of(resource: &'static ResourceType, name: &str) -> Option<Value> {
    default_value(resource.attribute(name)?)
}

/// The default of an attribute as a value.
pub(super) fn default_value(attribute: &'static Attribute) -> Option<Value> {
    validate::value(attribute, attribute.default?).ok()
}
