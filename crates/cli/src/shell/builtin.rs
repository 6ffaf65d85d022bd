//! What the shell answers by itself: help, who is asking, batches, leaving.

use std::path::PathBuf;

use evercert_ns::catalog::{RESOURCES, ResourceType};
use evercert_ns::grammar::{self, Candidate, tokenize};
use evercert_ns::{Verb, catalog};

/// A command of the shell's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    /// Text that needs no ADC.
    Text(String),
    /// `whoami`.
    WhoAmI,
    /// `source FILE`, `batch -fileName FILE`.
    Batch(PathBuf),
    /// `history`.
    History,
    /// `exit`, `quit`.
    Leave,
}

/// The line's own command, if it is none of the catalogue's; an error if it is used wrongly.
pub(super) fn of(line: &str) -> Result<Option<Builtin>, String> {
    let Ok(tokens) = tokenize(line) else {
        return Ok(None);
    };
    let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    let Some((first, rest)) = words.split_first() else {
        return Ok(None);
    };
    Ok(Some(match first.to_ascii_lowercase().as_str() {
        "help" | "man" | "?" => Builtin::Text(help(rest)?),
        "whoami" => Builtin::WhoAmI,
        "exit" | "quit" | "logout" => Builtin::Leave,
        "history" => Builtin::History,
        "cls" => Builtin::Text("\x1b[2J\x1b[H".to_owned()),
        "source" => Builtin::Batch(file(rest.first(), rest.get(1))?),
        "batch" => match rest.split_first() {
            Some((option, rest)) if is_file_name(option) => {
                Builtin::Batch(file(rest.first(), rest.get(1))?)
            }
            _ => return Err("Required argument missing [fileName]".to_owned()),
        },
        "shell" => {
            return Err(
                "There is no system shell behind this command line; `exit` leaves it".to_owned(),
            );
        }
        _ => return Ok(None),
    }))
}

fn is_file_name(option: &str) -> bool {
    let name = option.trim_start_matches('-').to_ascii_lowercase();
    option.starts_with('-') && !name.is_empty() && "filename".starts_with(&name)
}

fn file(name: Option<&&str>, more: Option<&&str>) -> Result<PathBuf, String> {
    match (name, more) {
        (Some(name), None) => Ok(PathBuf::from(name)),
        (None, _) => Err("Required argument missing [fileName]".to_owned()),
        (_, Some(more)) => Err(format!("No such argument [{more}]")),
    }
}

const OWN: &str = "\
The shell's own commands:
  help | man [<verb> [<object type>]]   this text, a verb's object types, or a command's arguments
  batch -fileName <file>                execute the file's lines (also: source <file>)
  history                               lines typed before
  whoami                                who you are, and where
  exit | quit                           leave
  <command> | grep [-i] [-v] [-c] <word>    only the lines with the word
Words may be abbreviated as far as they are unique. ? shows what may come next, Tab completes it.
";

fn help(words: &[&str]) -> Result<String, String> {
    let Some((word, rest)) = words.split_first() else {
        return Ok(grammar::overview() + OWN);
    };
    let verb = verb(word).ok_or_else(|| format!("No such command [{word}]"))?;
    if rest.is_empty() {
        return Ok(types(verb));
    }
    let name = rest.join(" ");
    match resource(verb, &name) {
        Some(resource) => Ok(grammar::usage(verb, resource)),
        None => Err(format!("No such command [{verb} {name}]")),
    }
}

fn verb(word: &str) -> Option<Verb> {
    let word = word.to_ascii_lowercase();
    let mut all = Verb::ALL.iter().copied();
    all.find(|verb| verb.word() == word)
        .or_else(|| (word == "sh").then_some(Verb::Show))
        .or_else(|| {
            let mut begun = Verb::ALL
                .iter()
                .filter(|verb| verb.word().starts_with(&word));
            begun.next().copied().filter(|_| begun.next().is_none())
        })
}

fn resource(verb: Verb, name: &str) -> Option<&'static ResourceType> {
    catalog::resource(name)
        .filter(|resource| resource.supports(verb))
        .or_else(|| {
            let mut named = RESOURCES.iter().copied().filter(|resource| {
                resource.supports(verb) && resource.noun().eq_ignore_ascii_case(name)
            });
            named.next().filter(|_| named.next().is_none())
        })
}

fn types(verb: Verb) -> String {
    let known = RESOURCES.iter().filter(|resource| resource.supports(verb));
    let lines = known.map(|resource| format!("  {verb} {:<28} {}\n", resource.name, resource.doc));
    lines.collect()
}

/// What may come next on an unfinished line, one a line: what `?` shows.
pub(super) fn next(line: &str, names: &dyn Fn(&str) -> Vec<String>) -> String {
    let mut candidates = grammar::complete_with(line, names);
    let parsed = grammar::parse_all(line);
    if parsed.is_ok() && (line.is_empty() || line.ends_with(char::is_whitespace)) {
        let enter = Candidate {
            text: "<Enter>".to_owned(),
            doc: "Execute the command.".to_owned(),
        };
        candidates.insert(0, enter);
    }
    if let (Err(fault), true) = (parsed, candidates.is_empty()) {
        return format!("  → {}\n", fault.remedy());
    }
    let width = candidates
        .iter()
        .map(|candidate| candidate.text.chars().count())
        .max()
        .unwrap_or(0);
    let lines = candidates
        .iter()
        .map(|candidate| format!("  {:<width$}  {}\n", candidate.text, candidate.doc));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> String {
        match of(line) {
            Ok(Some(Builtin::Text(text))) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn help_goes_from_verbs_to_arguments() {
        assert!(text("help").contains("add "));
        assert!(text("help link").contains("link ssl certKey"));
        let usage = text("man link ssl certKey");
        assert!(
            usage.contains("link ssl certKey <certkeyName> <linkCertKeyName>"),
            "{usage}"
        );
        assert!(text("help sh certKey").contains("show ssl certKey"));
        assert!(of("help frob").is_err());
        assert!(of("help link lb vserver").is_err());
    }

    #[test]
    fn batches_name_a_file() {
        assert_eq!(
            of("batch -fileName /tmp/x"),
            Ok(Some(Builtin::Batch("/tmp/x".into())))
        );
        assert_eq!(of("source x"), Ok(Some(Builtin::Batch("x".into()))));
        assert!(of("batch x").is_err());
        assert!(of("source").is_err());
        assert!(of("source a b").is_err());
    }

    #[test]
    fn other_lines_are_the_adcs() {
        assert_eq!(of("show ssl certKey"), Ok(None));
        assert_eq!(of("quit"), Ok(Some(Builtin::Leave)));
        assert!(of("shell").is_err());
    }

    #[test]
    fn a_question_mark_shows_what_comes_next() {
        let none = |_: &str| Vec::new();

        assert!(next("show ssl ", &none).contains("certKey"));
        assert!(next("link ", &none).contains("ssl"));
        assert!(next("show ns version ", &none).contains("<Enter>"));
    }
}
