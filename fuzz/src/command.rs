//! Command lines.

use evercert_ns::{Command, Value, grammar, nitro};

/// Stands for a secret; nothing that is shown may contain it.
const SECRET: &str = "S3cr3tT0k3n";

/// One line of the shell.
///
/// * A command that is read is printed and read back as the same command, and so is its NITRO request.
/// * A fault points into the line.
/// * No secret is shown by a fault, by `Debug`, or by the masked line.
pub fn cli_line(line: &str) {
    // A fuzzer finds the text out, and then it is no secret any more.
    if line.contains(SECRET) {
        return;
    }
    match grammar::parse_line(line) {
        Ok(command) => {
            round(&command);
            check_masked(&command);
        }
        Err(fault) => {
            assert!(line.get(fault.span()).is_some(), "a fault outside {line:?}");
            assert!(!fault.remedy().is_empty());
        }
    }
    let _candidates = grammar::complete(line);
    check_secrets(line);
}

/// The command through both languages.
pub(crate) fn round(command: &Command) {
    let line = grammar::print(command);
    assert_eq!(grammar::parse_line(&line).as_ref(), Ok(command), "{line}");
    let request = nitro::to_request(command);
    let read = nitro::from_request(&request);
    assert_eq!(read.as_deref(), Ok(std::slice::from_ref(command)), "{line}");
}

/// With another secret, what is shown of a command stays the same.
fn check_masked(command: &Command) {
    let mut other = command.clone();
    for attribute in command.attributes() {
        if let Some(Value::Secret(_)) = command.value(attribute.name) {
            other = other.with(attribute.name, Value::Secret(SECRET.to_owned().into()));
        }
    }
    assert_eq!(other.to_string(), command.to_string());
    assert!(!format!("{other:?}").contains(SECRET));
}

/// A secret put after the line, and before what the line has behind its first blank.
fn check_secrets(line: &str) {
    let (start, end) = line.split_at(line.find(' ').unwrap_or(line.len()));
    for place in [
        format!("{line} -passplain {SECRET}"),
        format!("{start} -password {SECRET} {end}"),
        format!("add system user u {SECRET} {line}"),
    ] {
        let before = place.split(SECRET).next().unwrap_or_default();
        // In a comment, or inside a quotation that the line left open, it is no argument any more.
        let whole = grammar::tokenize(before).is_ok_and(|tokens| !tokens.is_empty());
        // What follows may make a quotation of `q` and a character before it.
        let tokens = grammar::tokenize(&place).unwrap_or_default();
        let quoted = !tokens.is_empty() && tokens.iter().all(|token| token.text != SECRET);
        if !whole || quoted {
            continue;
        }
        let shown = match grammar::parse_line(&place) {
            Ok(command) => format!("{command:?}"),
            Err(fault) => format!("{fault} {fault:?} {}", fault.remedy()),
        };
        assert!(!shown.contains(SECRET), "{shown}");
        let masked = grammar::mask_line(&place);
        assert!(!masked.contains(SECRET), "{masked}");
    }
}
