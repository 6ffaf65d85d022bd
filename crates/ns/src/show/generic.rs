//! Objects of types without a layout: `1)\tName: x`, then one `Label: value` a line.

use serde_json::Value as Json;

use crate::catalog::ResourceType;
use crate::show::{Row, derived, labels};

/// Fields that are no news to a person.
const HIDDEN: &[&str] = &[
    "__count",
    "_nextgenapiresource",
    "count",
    "feature",
    "flags",
];

/// Writes one object: what the catalogue names in its order, then read-only fields, then what is bound.
pub(super) fn write(resource: &ResourceType, row: &Row, number: Option<usize>, text: &mut String) {
    let mut lead = number.map_or_else(|| "\t".to_owned(), |number| format!("{number})\t"));
    for (field, value) in in_order(resource, row) {
        if let Some(word) = derived::plain(value) {
            let (label, unit) = (labels::of(resource, field), labels::unit(resource, field));
            text.push_str(&format!("{lead}{label}: {word}{unit}\n"));
            "\t".clone_into(&mut lead);
        }
    }
    let own: Vec<String> = resource.keys().map(|key| key.field()).collect();
    for (kind, value) in row {
        if let Json::Array(bound) = value {
            let rows = bound.iter().filter_map(Json::as_object);
            write_bound(resource, kind, rows, &own, text);
        }
    }
}

/// The fields: the catalogue's first, then the others by name.
fn in_order<'r>(resource: &ResourceType, row: &'r Row) -> Vec<(&'r String, &'r Json)> {
    let place = |field: &str| {
        resource
            .attributes
            .iter()
            .position(|attribute| attribute.has_field(field))
            .unwrap_or(usize::MAX)
    };
    let mut fields: Vec<_> = row
        .iter()
        .filter(|(field, _)| !HIDDEN.contains(&field.as_str()))
        .collect();
    fields.sort_by_key(|(field, _)| place(field));
    fields
}

/// One line for each thing bound, its fields separated by tabs.
fn write_bound<'r>(
    resource: &ResourceType,
    kind: &str,
    rows: impl Iterator<Item = &'r Row>,
    own: &[String],
    text: &mut String,
) {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|bound| derived::rank(bound));
    if !rows.is_empty() {
        text.push('\n');
    }
    let target = resource
        .bindings
        .iter()
        .find(|binding| binding.nitro.eq_ignore_ascii_case(kind))
        .and_then(|binding| binding.target());
    for (number, bound) in (1..).zip(rows) {
        let is_target = |field: &str| target.is_some_and(|target| target.has_field(field));
        let mut fields: Vec<_> = bound
            .iter()
            .filter(|(field, _)| !own.contains(field) && !HIDDEN.contains(&field.as_str()))
            .collect();
        fields.sort_by_key(|(field, _)| !is_target(field));
        let parts: Vec<_> = fields
            .into_iter()
            .filter_map(|(field, value)| {
                let word = derived::plain(value)?;
                Some(format!("{}: {word}", labels::of(resource, field)))
            })
            .collect();
        text.push_str(&format!("{number})\t{}\n", parts.join("\t")));
    }
}
