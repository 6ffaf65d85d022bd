//! Who refers to whom: names must exist when they are used, and what is used cannot be removed.

use crate::catalog::{Attribute, Kind, ResourceType, is_internal_service};
use crate::codes;
use crate::error::NsError;
use crate::model::object::Object;
use crate::model::{Config, resource};
use crate::value::{Value, Values};

impl Config {
    /// The same values with every name in the spelling of the object it names.
    ///
    /// # Errors
    /// The error of the named resource type when there is no such object.
    pub(super) fn resolve<'a>(
        &self,
        attributes: impl Iterator<Item = &'a Attribute>,
        values: &Values,
    ) -> Result<Values, NsError> {
        let mut resolved = values.clone();
        for attribute in attributes {
            let Some(value) = values.get(attribute.name) else {
                continue;
            };
            if let Some(canonical) = self.resolve_one(attribute, value)? {
                resolved.insert(attribute.name, canonical);
            }
        }
        Ok(resolved)
    }

    fn resolve_one(&self, attribute: &Attribute, value: &Value) -> Result<Option<Value>, NsError> {
        let Kind::Reference { to, or } = attribute.kind else {
            return Ok(None);
        };
        let Some(name) = value.as_text().filter(|name| !or.contains(name)) else {
            return Ok(None);
        };
        let found = to.iter().find_map(|target| self.object(target, name));
        if let Some(object) = found {
            return Ok(Some(Value::Text(object.key())));
        }
        if to.contains(&"service") && is_internal_service(name) {
            return Ok(None);
        }
        let code = to
            .first()
            .and_then(|target| resource(target))
            .map_or(&codes::NO_SUCH_RESOURCE, |target| target.missing);
        Err(NsError::argument(code, attribute.name, name))
    }

    /// The first object that refers to this one, as `resource type name`.
    pub(super) fn referrer(&self, target: &'static ResourceType, key: &str) -> Option<String> {
        let objects = self.tables.values().flat_map(|table| table.iter());
        objects
            .filter(|object| {
                !(object.resource() == target && object.key().eq_ignore_ascii_case(key))
            })
            .find(|object| object.refers_to(target, key))
            .map(|object| format!("{} {}", object.resource().name, object.key()))
    }
}

impl Object {
    /// Whether it, or what is bound to it, names the object of that type.
    pub(super) fn refers_to(&self, target: &'static ResourceType, key: &str) -> bool {
        // The SSL side of a virtual server goes with it and does not hold it.
        let own = self
            .resource()
            .attributes
            .iter()
            .filter(|attribute| !attribute.is_key)
            .any(|attribute| names(attribute, self.value(attribute.name), target, key));
        own || self.bindings().iter().any(|bound| {
            let attributes = bound.kind.attributes.iter();
            attributes
                .filter_map(|attribute| Some((attribute, bound.value(attribute.name)?)))
                .any(|(attribute, value)| names(attribute, Some(value), target, key))
        })
    }
}

/// Whether the value of the attribute is the name of the object of that type.
pub(super) fn names(
    attribute: &Attribute,
    value: Option<&Value>,
    target: &'static ResourceType,
    key: &str,
) -> bool {
    let Some(value) = value else { return false };
    let of_type = match attribute.kind {
        Kind::Reference { to, .. } => to.contains(&target.name),
        Kind::Host { .. } => attribute.name == "serverName" && target.name == "server",
        _ => false,
    };
    of_type
        && match value {
            Value::Ip(ip) => ip.to_string().eq_ignore_ascii_case(key),
            other => other
                .as_text()
                .is_some_and(|name| name.eq_ignore_ascii_case(key)),
        }
}
