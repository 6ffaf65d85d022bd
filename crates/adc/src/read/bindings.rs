//! What is bound to objects: rows of `<type>_<other>_binding`, and all of an object's in `<type>_binding`.

use evercert_ns::catalog::{self, BindingType, Kind, ResourceType};
use evercert_ns::command::{Command, Verb};
use evercert_ns::model::{Bound, Object};
use evercert_ns::value::Value;
use evercert_ns::{NsError, codes, nitro};
use serde_json::{Value as Json, json};

use super::objects::{is_there, is_value};
use super::{Reader, Row, missing};

impl Reader<'_> {
    /// Rows of `<object>_binding`, where `object` is a type, or two joined by `_`; `None` for no such type.
    pub(super) fn bindings(&self, object: &str) -> Option<Result<Vec<Row>, NsError>> {
        if let Some(resource) = catalog::resource_by_nitro(object) {
            return Some(self.aggregate(resource));
        }
        let kind = format!("{object}_binding");
        let forward = catalog::bindings_by_nitro(&kind).next();
        if let Some((resource, _)) = forward {
            return Some(self.forward(resource, &kind));
        }
        self.reverse(object)
    }

    /// Everything that is bound to each object, by its NITRO type.
    fn aggregate(&self, resource: &'static ResourceType) -> Result<Vec<Row>, NsError> {
        let owners = self.owners(resource)?;
        let rows = owners.into_iter().map(|owner| {
            let mut row = Row::new();
            if let Some(key) = resource.keys().next() {
                row.insert(key.field(), json!(owner));
            }
            for kind in kinds(resource) {
                add_rows(&mut row, kind, self.bound_rows(resource, &owner, kind));
            }
            for (kind, rows) in self.all_reverse(resource, &owner) {
                add_rows(&mut row, &kind, rows);
            }
            row
        });
        Ok(rows.collect())
    }

    fn forward(&self, resource: &'static ResourceType, kind: &str) -> Result<Vec<Row>, NsError> {
        for (field, _) in &self.query.args {
            let mut bindings = catalog::bindings_by_nitro(kind);
            let of_binding = bindings.any(|(_, binding)| {
                let alias = binding
                    .aliases
                    .iter()
                    .any(|(_, own)| own.eq_ignore_ascii_case(field));
                alias || binding.attributes.iter().any(|a| a.has_field(field))
            });
            if !of_binding && !resource.keys().any(|key| key.has_field(field)) {
                return Err(NsError::about(&codes::NO_SUCH_ARGUMENT, field));
            }
        }
        let owners = self.owners(resource)?;
        let all = owners
            .iter()
            .flat_map(|owner| self.bound_rows(resource, owner, kind));
        let mut rows: Vec<_> = all.collect();
        rows.retain(|row| {
            self.query
                .args
                .iter()
                .all(|(field, wanted)| has(row, field, wanted))
        });
        Ok(rows)
    }

    /// The names of the objects whose bindings are asked for; one empty name for a singleton.
    pub(super) fn owners(&self, resource: &'static ResourceType) -> Result<Vec<String>, NsError> {
        if resource.is_singleton() {
            return Ok(vec![String::new()]);
        }
        let by_key = resource
            .keys()
            .next()
            .and_then(|key| self.arg(&key.field()));
        let Some(name) = self.query.name.as_deref().or(by_key) else {
            let owners: &[&str] = match resource.companion_of {
                [] => &[resource.name],
                owners => owners,
            };
            let objects = owners.iter().flat_map(|owner| self.config.objects(owner));
            return Ok(objects.map(Object::key).collect());
        };
        let owners = resource.companion_of.iter().copied();
        let mut places = std::iter::once(resource.name).chain(owners);
        let known = places.find_map(|place| self.config.object(place, name));
        known
            .map(|object| vec![object.key()])
            .ok_or_else(|| missing(resource, name))
    }

    fn bound_rows(&self, resource: &'static ResourceType, owner: &str, kind: &str) -> Vec<Row> {
        let object = self.config.object(resource.name, owner);
        let bound = object.map_or(&[][..], Object::bindings);
        let mut rows: Vec<_> = bound
            .iter()
            .filter(|bound| self.kind_of(bound).eq_ignore_ascii_case(kind))
            .map(|bound| self.bound_row(resource, owner, bound, kind))
            .collect();
        if rows.is_empty() {
            rows = implicit(resource, owner, kind);
        }
        rows
    }

    /// NITRO has a type for each kind of thing that may be bound; which it is, the name bound tells.
    pub(super) fn kind_of(&self, bound: &Bound) -> &'static str {
        let target = bound.target();
        let fits = |kind: &&str| {
            let bound_type = kind
                .strip_suffix("_binding")
                .and_then(|k| k.split_once('_'));
            bound_type.is_some_and(|(_, nitro)| is_there(self, nitro, &target))
        };
        let aliases = bound.kind.aliases.iter().map(|(alias, _)| *alias);
        let kinds = std::iter::once(bound.kind.nitro).chain(aliases);
        kinds.into_iter().find(fits).unwrap_or(bound.kind.nitro)
    }

    fn bound_row(
        &self,
        resource: &'static ResourceType,
        owner: &str,
        bound: &Bound,
        kind: &str,
    ) -> Row {
        let mut row = with_key(resource, owner, bound.kind, bound);
        let alias = bound.kind.aliases.iter().find(|(alias, _)| *alias == kind);
        if let (Some((_, field)), Some(target)) = (alias, bound.kind.target())
            && let Some(value) = row.remove(&target.field())
        {
            row.insert((*field).to_owned(), value);
        }
        self.enrich_binding(kind, &mut row);
        row
    }
}

/// Every NITRO type of a resource type's bindings.
fn kinds(resource: &'static ResourceType) -> Vec<&'static str> {
    let all = resource.bindings.iter().flat_map(|binding| {
        let aliases = binding.aliases.iter().map(|(alias, _)| *alias);
        std::iter::once(binding.nitro).chain(aliases)
    });
    let mut kinds: Vec<&str> = Vec::new();
    for kind in all {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

fn add_rows(row: &mut Row, kind: &str, rows: Vec<Row>) {
    if !rows.is_empty() {
        let rows = rows.into_iter().map(Json::Object).collect();
        row.insert(kind.to_owned(), Json::Array(rows));
    }
}

/// The binding's arguments with the object's key; numbers as text, and switches that are off.
fn with_key(
    resource: &'static ResourceType,
    owner: &str,
    binding: &'static BindingType,
    bound: &Bound,
) -> Row {
    let mut command =
        Command::binding_of(Verb::Bind, resource, binding).with_values(bound.values.clone());
    if let Some(key) = resource.keys().next() {
        command = command.with(key.name, Value::Text(owner.to_owned()));
    }
    let Json::Object(mut row) = nitro::to_json(&command) else {
        return Row::new();
    };
    for value in row.values_mut() {
        if let Json::Number(number) = value {
            *value = Json::String(number.to_string());
        }
    }
    for attribute in binding.attributes {
        let off = match (attribute.kind, attribute.default) {
            (Kind::Flag, _) => json!(false),
            (_, Some(default)) => json!(default),
            _ => continue,
        };
        row.entry(attribute.field()).or_insert(off);
    }
    row
}

/// What is bound as long as nothing was bound by hand, such as the default curves.
fn implicit(resource: &'static ResourceType, owner: &str, kind: &str) -> Vec<Row> {
    let bindings = resource.bindings.iter();
    let mut of_kind = bindings.filter(|binding| binding.nitro.eq_ignore_ascii_case(kind));
    let Some((binding, target)) = of_kind.find_map(|b| Some((b, b.target()?))) else {
        return Vec::new();
    };
    let rows = binding.implicit.iter().map(|value| {
        let mut row = Row::new();
        if let Some(key) = resource.keys().next() {
            row.insert(key.field(), json!(owner));
        }
        row.insert(target.field(), json!(value));
        row
    });
    rows.collect()
}

fn has(row: &Row, field: &str, wanted: &str) -> bool {
    let own = row
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(field));
    own.is_some_and(|(_, value)| is_value(value, wanted))
}
