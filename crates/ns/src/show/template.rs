//! Lines with places for fields: `\tState: {curstate}`.
//!
//! `{field}` is the field's text; a line with a field that the row lacks is left out. `{field|text}` stands for `text`
//! then. A line that begins with `?field;` is written only where the row has the field (and it is not `NO`,
//! `NONE` or `DISABLED`), with `!field;` only where it has not. `{#}` is the number of the object, `{#1}` is 1 for the only one.

use crate::show::Row;
use crate::show::derived;

/// Writes the lines of a template that apply to the row.
pub(super) fn write(lines: &[&str], row: &Row, number: Option<usize>, text: &mut String) {
    for line in lines {
        if let Some(filled) = fill(line, row, number) {
            text.push_str(&filled);
            text.push('\n');
        }
    }
}

/// One line; `None` where the row lacks what it needs.
pub(super) fn fill(line: &str, row: &Row, number: Option<usize>) -> Option<String> {
    let mut rest = condition(line, row)?;
    let mut filled = String::with_capacity(rest.len() + 32);
    while let Some((before, after)) = rest.split_once('{') {
        let (place, behind) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&value(place, row, number)?);
        rest = behind;
    }
    filled.push_str(rest);
    Some(filled)
}

/// What follows the condition, where that holds.
fn condition<'l>(line: &'l str, row: &Row) -> Option<&'l str> {
    let wanted = match line.as_bytes().first() {
        Some(b'?') => true,
        Some(b'!') => false,
        _ => return Some(line),
    };
    let (field, rest) = line[1..].split_once(';')?;
    let given = derived::text(row, field)
        .is_some_and(|text| !matches!(text.as_str(), "NO" | "NONE" | "DISABLED" | "false"));
    if given == wanted {
        condition(rest, row)
    } else {
        None
    }
}

fn value(place: &str, row: &Row, number: Option<usize>) -> Option<String> {
    match place {
        "#" => return number.map(|number| number.to_string()),
        "#1" => return Some(number.unwrap_or(1).to_string()),
        _ => {}
    }
    let (field, otherwise) = match place.split_once('|') {
        Some((field, otherwise)) => (field, Some(otherwise)),
        None => (place, None),
    };
    derived::text(row, field).or_else(|| otherwise.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> Row {
        json!({"name": "a", "port": 80, "on": "DISABLED"})
            .as_object()
            .cloned()
            .unwrap_or_default()
    }

    #[test]
    fn fields_are_put_in_their_places() {
        assert_eq!(
            fill("{#})\t{name}:{port}", &row(), Some(2)),
            Some("2)\ta:80".to_owned())
        );
        assert_eq!(fill("{ip|*}", &row(), None), Some("*".to_owned()));
    }

    #[test]
    fn lines_whose_fields_are_missing_are_left_out() {
        assert_eq!(fill("State: {state}", &row(), None), None);
        assert_eq!(fill("?name;x", &row(), None), Some("x".to_owned()));
        assert_eq!(fill("!name;x", &row(), None), None);
        assert_eq!(fill("?on;x", &row(), None), None);
        assert_eq!(fill("?name;!ip;x", &row(), None), Some("x".to_owned()));
    }
}
