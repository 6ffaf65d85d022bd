//! Writes a command as a line, for ns.conf and the shell, or masked for logs.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use crate::catalog::{Attribute, Kind, RESOURCES, ResourceType};
use crate::command::{Command, Verb};
use crate::grammar::lexer::{Token, quote, tokenize};
use crate::validate::ANY_PORT;
use crate::value::Value;

/// What stands for a secret.
const MASK: &str = "***";

/// Whether secrets are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Shown,
    Masked,
}

/// The command as a line, secrets included: for ns.conf and for sending, never for logs.
///
/// [`crate::grammar::parse_line`] reads it back as the same command.
pub fn print(command: &Command) -> String {
    write(command, Secrets::Shown)
}

/// The command as a line with `***` for every secret.
pub fn print_masked(command: &Command) -> String {
    write(command, Secrets::Masked)
}

/// A line, as typed or read, with `***` for every word that may be secret; also when it is no command.
pub fn mask_line(line: &str) -> String {
    if let Ok(command) = super::parse_line(line) {
        return print_masked(&command);
    }
    let mut masked = String::with_capacity(line.len());
    let mut copied = 0;
    for span in secret_spans(line) {
        masked.push_str(&line[copied..span.start]);
        masked.push_str(MASK);
        copied = span.end;
    }
    masked.push_str(&line[copied..]);
    masked
}

/// Whether a line may hold a secret, so that it must not be kept in a history.
pub fn has_secret(line: &str) -> bool {
    !secret_spans(line).is_empty()
}

/// Where in a line words stand that may be secret, as far as can be told without understanding it.
pub(super) fn secret_spans(line: &str) -> Vec<Range<usize>> {
    if let Ok(tokens) = tokenize(line) {
        return (0..tokens.len())
            .filter(|index| is_secret(&tokens, *index))
            .map(|index| tokens[index].span.clone())
            .collect();
    }
    // Where words end is unknown: from the first secret on, everything may be part of it.
    let words = words_at_blanks(line);
    (0..words.len())
        .find(|index| is_secret(&words, *index))
        .map(|index| words[index].span.start..line.len())
        .into_iter()
        .collect()
}

fn write(command: &Command, secrets: Secrets) -> String {
    let verb = command.verb();
    let mut line = format!("{verb} {}", command.resource().name);
    let mut written: Vec<&str> = Vec::new();
    for attribute in command.attributes() {
        let Some(value) = command.value(attribute.name) else {
            continue;
        };
        if written.contains(&attribute.name) {
            continue;
        }
        if !attribute.positional.contains(verb) {
            line.push_str(" -");
            line.push_str(attribute.name);
        }
        if verb == Verb::Unset && !attribute.positional.contains(verb) {
            continue;
        }
        push_words(&mut line, attribute, value, secrets);
        let mut tail = attribute.tail;
        while let Some(next) = tail.and_then(|name| command.attribute(name)) {
            let Some(value) = command.value(next.name) else {
                break;
            };
            push_words(&mut line, next, value, secrets);
            written.push(next.name);
            tail = next.tail;
        }
    }
    line
}

fn push_words(line: &mut String, attribute: &Attribute, value: &Value, secrets: Secrets) {
    if matches!(value, Value::Secret(_)) && secrets == Secrets::Masked {
        line.push(' ');
        line.push_str(MASK);
        return;
    }
    if matches!(attribute.kind, Kind::Port) && value.as_integer() == Some(ANY_PORT) {
        line.push_str(" *");
        return;
    }
    for word in value.words() {
        line.push(' ');
        line.push_str(&quote(&word));
    }
}

fn words_at_blanks(line: &str) -> Vec<Token> {
    let mut at = 0;
    line.split(char::is_whitespace)
        .filter_map(|word| {
            let start = at;
            at += word.len()
                + line[at + word.len()..]
                    .chars()
                    .next()
                    .map_or(0, char::len_utf8);
            (!word.is_empty()).then(|| Token {
                text: word.to_owned(),
                span: start..start + word.len(),
                quoted: false,
            })
        })
        .collect()
}

/// Whether the word follows the name of a secret argument, or stands where `system user` has its password.
///
/// All words up to the next argument name count: a pass phrase that was not quoted is several words.
fn is_secret(tokens: &[Token], index: usize) -> bool {
    if tokens[index].option().is_some() {
        return false;
    }
    match tokens[..index].iter().rev().find_map(Token::option) {
        Some(name) => may_name_a_secret(name),
        None => tokens
            .iter()
            .take(3)
            .position(|token| token.text.eq_ignore_ascii_case("user"))
            .is_some_and(|user| index >= user + 2),
    }
}

fn may_name_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !NAMES.harmless.contains(&name)
        && (name.contains("pass") || NAMES.secret.iter().any(|secret| secret.starts_with(&name)))
}

/// Names of arguments in lower case, by whether their values are secret in every type.
struct Names {
    harmless: HashSet<String>,
    secret: HashSet<String>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names {
        harmless: HashSet::new(),
        secret: HashSet::new(),
    };
    let bound = |resource: &'static ResourceType| {
        resource
            .bindings
            .iter()
            .flat_map(|binding| binding.attributes)
    };
    let all = RESOURCES
        .iter()
        .copied()
        .flat_map(|resource| resource.attributes.iter().chain(bound(resource)));
    for attribute in all {
        let name = attribute.name.to_ascii_lowercase();
        if attribute.kind.is_secret() {
            names.secret.insert(name);
        } else {
            names.harmless.insert(name);
        }
    }
    names
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::parse_line;

    fn round(line: &str) -> String {
        print(&parse_line(line).unwrap())
    }

    #[test]
    fn lines_are_written_in_the_catalogues_spelling_and_order() {
        insta::assert_snapshot!(round("ADD LB VS v ssl 10.0.0.1 443 -clttimeout 180 -lbm roundrobin"), @"add lb vserver v SSL 10.0.0.1 443 -lbMethod ROUNDROBIN -cltTimeout 180");
        insta::assert_snapshot!(round("bind ssl vs v -SNIC --certkeyName web1"), @"bind ssl vserver v -certkeyName web1 -SNICert");
        insta::assert_snapshot!(round("bind servicegroup g 10.0.0.9 *"), @"bind serviceGroup g 10.0.0.9 *");
        insta::assert_snapshot!(round("clear config -force BASIC"), @"clear ns config basic -force");
        insta::assert_snapshot!(round("unset lb vserver v -lbMethod -persistenceType"), @"unset lb vserver v -persistenceType -lbMethod");
        insta::assert_snapshot!(round("set lb monitor stasecure CITRIX-STA-SERVICE -interval 2 min"), @"set lb monitor stasecure CITRIX-STA-SERVICE -interval 2 MIN");
        insta::assert_snapshot!(round("add service s s1 HTTP 80 -cip ENABLED X-Forwarded-For -usip NO"), @"add service s s1 HTTP 80 -cip ENABLED X-Forwarded-For -usip NO");
        insta::assert_snapshot!(round("enable feature lb ssl LB"), @"enable ns feature LB SSL");
        insta::assert_snapshot!(round("shsslvs"), @"show ssl vserver");
    }

    #[test]
    fn values_that_look_like_something_else_are_quoted() {
        insta::assert_snapshot!(round(r#"add lb vserver "my vs" HTTP -comment "-not an option""#), @r#"add lb vserver "my vs" HTTP -comment "-not an option""#);
        insta::assert_snapshot!(round(r#"add responder action a respondwith q{"HTTP/1.1 200 OK\r\n\r\n" + HTTP.REQ.URL}"#), @r#"add responder action a respondwith "\"HTTP/1.1 200 OK\\r\\n\\r\\n\" + HTTP.REQ.URL""#);
    }

    #[test]
    fn masked_lines_show_no_secret() {
        let line = "add ssl certKey c -cert a -passplain hunter2 -inform PFX";

        insta::assert_snapshot!(print_masked(&parse_line(line).unwrap()), @"add ssl certKey c -cert a -inform PFX -passplain ***");
        insta::assert_snapshot!(mask_line(line), @"add ssl certKey c -cert a -inform PFX -passplain ***");
    }

    #[test]
    fn lines_with_secrets_are_told_from_others() {
        assert!(has_secret("add system user u hunter2"));
        assert!(has_secret("add ssl certKey c -cert a -passpl hunter2"));
        assert!(!has_secret("add ssl certKey c -cert a -password -key b"));
        assert!(!has_secret("show ssl certKey"));
    }

    #[test]
    fn lines_that_are_no_command_show_no_secret_either() {
        insta::assert_snapshot!(mask_line("add ssl certKey c -crt a -pass hunter2"), @"add ssl certKey c -crt a -pass ***");
        insta::assert_snapshot!(mask_line("add system user u hunter2 -tmeout 5"), @"add system user u *** -tmeout 5");
        insta::assert_snapshot!(mask_line("add system user u hunter2 and more -tmeout 5"), @"add system user u *** *** *** -tmeout 5");
        insta::assert_snapshot!(mask_line("add ssl certKey c -cert \"a -passplain hunter2 x"), @r#"add ssl certKey c -cert "a -passplain ***"#);
        insta::assert_snapshot!(mask_line("add responder action a redirect \"x"), @r#"add responder action a redirect "x"#);
        insta::assert_snapshot!(mask_line("frob x -password hunter2 -y"), @"frob x -password *** -y");
        insta::assert_snapshot!(mask_line("add ssl certKey c -key web.key -passplain \"hunter2"), @"add ssl certKey c -key web.key -passplain ***");
    }
}
