//! Where the lines of a type's objects and bindings are described.

use serde_json::Value as Json;

use crate::show::{Row, derived, lb, ssl, template, traffic};

/// How objects of one NITRO type are printed.
#[derive(Debug)]
pub(super) struct Layout {
    /// The NITRO type.
    pub(super) nitro: &'static str,
    /// The lines of one object among several; the first carries its number.
    pub(super) listed: &'static [&'static str],
    /// The lines of the one object asked for.
    pub(super) single: &'static [&'static str],
    /// What is bound to it, in this order; types with the same template are numbered on.
    pub(super) bound: &'static [Bound],
}

/// How bindings of some NITRO types are printed.
#[derive(Debug)]
pub(super) struct Bound {
    /// The NITRO types of the bindings, e.g. `sslvserver_sslcertkey_binding`.
    pub(super) nitro: &'static [&'static str],
    /// What stands before the first of them: nothing or an empty line.
    pub(super) lead: &'static str,
    /// The lines of one binding.
    pub(super) lines: &'static [&'static str],
}

/// The layouts, by group.
pub(super) static ALL: &[&[Layout]] = &[ssl::LAYOUTS, lb::LAYOUTS, traffic::LAYOUTS];

/// The layout of a NITRO type, if it has one of its own.
pub(super) fn of(nitro: &str) -> Option<&'static Layout> {
    ALL.iter()
        .copied()
        .flatten()
        .find(|layout| layout.nitro.eq_ignore_ascii_case(nitro))
}

impl Layout {
    /// Writes an object: with a number among several, without as the only one.
    pub(super) fn write(&self, row: &Row, number: Option<usize>, text: &mut String) {
        let lines = if number.is_some() {
            self.listed
        } else {
            self.single
        };
        template::write(lines, row, number, text);
        for bound in self.bound {
            bound.write(row, text);
        }
    }
}

impl Bound {
    fn write(&self, row: &Row, text: &mut String) {
        let mut rows: Vec<&Row> = self
            .nitro
            .iter()
            .flat_map(|nitro| rows_of(row, nitro))
            .collect();
        rows.sort_by_key(|bound| derived::rank(bound));
        if !rows.is_empty() {
            text.push_str(self.lead);
        }
        for (number, bound) in (1..).zip(rows) {
            template::write(self.lines, bound, Some(number), text);
        }
    }
}

/// The rows of a binding type within an object's row.
pub(super) fn rows_of<'r>(row: &'r Row, nitro: &str) -> impl Iterator<Item = &'r Row> {
    let array = row.get(nitro).and_then(Json::as_array);
    array.into_iter().flatten().filter_map(Json::as_object)
}
