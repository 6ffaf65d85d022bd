//! `stat`: a summary of each object, and its counters with their rates.

use serde_json::Value as Json;

use crate::catalog::ResourceType;
use crate::show::{Row, derived, labels};

/// How counters' names begin.
const TOTALS: &[&str] = &["total", "tot", "ssltot"];

/// The counters of one object, or a line for each of several.
pub(super) fn render(resource: &ResourceType, rows: &[Row], single: bool) -> String {
    match rows {
        [row] if single => one(resource, row),
        rows => summary(resource, rows),
    }
}

fn one(resource: &ResourceType, row: &Row) -> String {
    let title = title(resource);
    let mut text = format!("\n{title} Summary\n");
    for (field, value) in key_first(resource, row) {
        if !is_counter(row, field)
            && let Some(word) = derived::plain(value)
        {
            text.push_str(&format!("{:<40}{word:>20}\n", labels::of(resource, field)));
        }
    }
    let counters: Vec<_> = row
        .iter()
        .filter(|(field, _)| is_counter(row, field) && !field.ends_with("rate"))
        .collect();
    if !counters.is_empty() {
        text.push_str(&format!(
            "\n{:<40}{:>20}{:>20}\n",
            format!("{title} Statistics"),
            "Rate (/s)",
            "Total"
        ));
    }
    for (field, value) in counters {
        let rate = derived::text(row, &rate_of(field)).unwrap_or_else(|| "0".to_owned());
        let total = derived::plain(value).unwrap_or_else(|| "0".to_owned());
        let label = labels::of(resource, base(field));
        text.push_str(&format!("{label:<40}{rate:>20}{total:>20}\n"));
    }
    text
}

/// One line for each object: the columns are the fields that are no counters.
fn summary(resource: &ResourceType, rows: &[Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let columns: Vec<&String> = key_first(resource, first)
        .into_iter()
        .filter(|(field, value)| !is_counter(first, field) && !value.is_array())
        .map(|(field, _)| field)
        .collect();
    let mut table = vec![
        columns
            .iter()
            .map(|field| labels::of(resource, field))
            .collect::<Vec<_>>(),
    ];
    for row in rows {
        let cells = columns
            .iter()
            .map(|field| derived::text(row, field).unwrap_or_else(|| "-".to_owned()));
        table.push(cells.collect());
    }
    format!("\n{} Summary\n{}", title(resource), aligned(&table))
}

/// The object's name before everything else.
fn key_first<'r>(resource: &ResourceType, row: &'r Row) -> Vec<(&'r String, &'r Json)> {
    let key = resource.keys().next();
    let mut fields: Vec<_> = row.iter().collect();
    fields.sort_by_key(|(field, _)| !key.is_some_and(|key| key.has_field(field)));
    fields
}

fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = table.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in table {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column == 0 {
                text.push_str(&format!("{cell:<width$}"));
            } else {
                text.push_str(&format!("  {cell:>width$}"));
            }
        }
        text.push('\n');
    }
    text
}

fn title(resource: &ResourceType) -> String {
    match resource.noun() {
        "vserver" => "Virtual Server".to_owned(),
        "service" => "Service".to_owned(),
        "serviceGroup" => "Service Group".to_owned(),
        "certKey" => "Certificate".to_owned(),
        noun => {
            let mut letters = noun.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect()
            })
        }
    }
}

/// `tothits` with `hitsrate`, or a field that has a rate beside it.
fn is_counter(row: &Row, field: &str) -> bool {
    let is_number = |value: &Json| match value {
        Json::Number(_) => true,
        Json::String(text) => text.parse::<f64>().is_ok(),
        _ => false,
    };
    let named = TOTALS.iter().any(|total| field.starts_with(total)) || field.ends_with("rate");
    named && row.get(field).is_some_and(is_number)
}

fn base(field: &str) -> &str {
    TOTALS
        .iter()
        .find_map(|total| field.strip_prefix(total))
        .filter(|base| !base.is_empty())
        .unwrap_or(field)
}

fn rate_of(field: &str) -> String {
    format!("{}rate", base(field))
}
