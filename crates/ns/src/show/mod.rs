//! NITRO rows as the text that `show` and `stat` print on NetScaler.
//!
//! [`render`] is a pure function of a command and its rows. What is bound to an object is part of its row: the arrays of
//! `GET /<type>_binding/<name>`, under their NITRO types. [`companion`] says which request brings them.

mod appliance;
mod derived;
mod generic;
mod labels;
mod layout;
mod lb;
mod ssl;
mod ssl_blocks;
mod statistics;
mod template;
mod traffic;
mod zero_touch;

use serde_json::{Map, Value as Json};

use crate::command::{Command, Verb};
use crate::nitro::{Method, Request, Tree};

/// One object as NITRO shows it: fields, and arrays of what is bound to it.
pub type Row = Map<String, Json>;

/// What stands at the end of the answer to a command that succeeded.
pub const DONE: &str = " Done";

/// The text of a command's rows, each line ended; empty when there is nothing to print.
///
/// ```
/// # use serde_json::json;
/// let command = evercert_ns::grammar::parse_line("show ns hostName").unwrap();
/// let row = json!({"hostname": "adc1"}).as_object().cloned().unwrap();
/// assert_eq!(evercert_ns::show::render(&command, &[row]), "\tHostname:  adc1\n");
/// ```
pub fn render(command: &Command, rows: &[Row]) -> String {
    let kind = command
        .binding()
        .map_or(command.resource().nitro, |binding| binding.nitro);
    match command.verb() {
        Verb::Stat => statistics::render(command.resource(), rows, is_single(command)),
        _ => appliance::render(kind, rows)
            .or_else(|| zero_touch::render(kind, rows))
            .unwrap_or_else(|| objects(command, kind, rows)),
    }
}

/// The request for what is bound to the object a `show` names, whose arrays belong into the object's row.
pub fn companion(command: &Command) -> Option<Request> {
    let resource = command.resource();
    let name = resource
        .keys()
        .next()
        .and_then(|key| command.text(key.name));
    let bound = layout::of(resource.nitro).is_some_and(|layout| !layout.bound.is_empty())
        || !resource.bindings.is_empty();
    let shown = command.verb() == Verb::Show && bound;
    (shown && (name.is_some() || resource.is_singleton())).then(|| Request {
        method: Method::Get,
        tree: Tree::Config,
        kind: format!("{}_binding", resource.nitro),
        name: name.map(str::to_owned),
        action: None,
        args: Vec::new(),
        body: None,
    })
}

/// The line of a failure: `ERROR: No such resource [policyName, x]`.
pub fn error(message: &str) -> String {
    format!("ERROR: {message}")
}

/// The line of a warning beside a success: `Warning: Feature(s) not enabled [LB]`.
pub fn warning(message: &str) -> String {
    format!("Warning: {message}")
}

/// Whether the command names one object, or there can be only one.
fn is_single(command: &Command) -> bool {
    !command.key().is_empty() || command.resource().is_singleton()
}

fn objects(command: &Command, kind: &str, rows: &[Row]) -> String {
    let single = is_single(command) && rows.len() <= 1;
    let layout = layout::of(kind);
    let mut text = String::new();
    for (number, row) in (1..).zip(rows) {
        match layout {
            Some(layout) => layout.write(row, (!single).then_some(number), &mut text),
            None => generic::write(
                command.resource(),
                row,
                (!single).then_some(number),
                &mut text,
            ),
        }
    }
    text
}

/// Every layout, for the tests that look over them all.
#[cfg(test)]
fn layouts() -> impl Iterator<Item = &'static layout::Layout> {
    layout::ALL.iter().copied().flatten()
}

#[cfg(test)]
mod tests;
