//! One line that stands for several commands: `rm server a b`, `add server s[1-3] 192.0.2.[1-3]`.

use crate::catalog::{Attribute, Kind, ResourceType};
use crate::codes;
use crate::command::{Command, Verb};
use crate::error::NsError;
use crate::grammar::fault::{ParseError, fault};
use crate::grammar::lexer::Token;

/// The most commands a line may stand for.
const MOST: usize = 1000;

/// A part of a name or address that counts: `[1-3]`, `[a-c]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    before: String,
    members: Vec<String>,
    after: String,
}

/// The arguments of each command the line stands for; `read` tells what the words mean.
pub(super) fn variants(
    verb: Verb,
    resource: &'static ResourceType,
    tokens: &[Token],
    read: &dyn Fn(&[Token]) -> Result<Command, ParseError>,
) -> Result<Vec<Vec<Token>>, ParseError> {
    let mut all = Vec::new();
    for one in separate_names(verb, resource, tokens) {
        all.extend(counted(&one, read)?);
        if all.len() > MOST {
            return Err(too_many(&one[0]));
        }
    }
    Ok(all)
}

/// `rm` takes several names: one line of arguments for each.
fn separate_names(
    verb: Verb,
    resource: &'static ResourceType,
    tokens: &[Token],
) -> Vec<Vec<Token>> {
    let places = resource
        .attributes_for(verb, None)
        .filter(|a| a.positional.contains(verb))
        .count();
    let names = tokens
        .iter()
        .take_while(|token| token.option().is_none())
        .count();
    if verb != Verb::Rm || places != 1 || names < 2 {
        return vec![tokens.to_vec()];
    }
    let (names, rest) = tokens.split_at(names);
    names
        .iter()
        .map(|name| std::iter::once(name).chain(rest).cloned().collect())
        .collect()
}

/// The same arguments with every range counted through, all ranges in step.
fn counted(
    tokens: &[Token],
    read: &dyn Fn(&[Token]) -> Result<Command, ParseError>,
) -> Result<Vec<Vec<Token>>, ParseError> {
    let mut ranges: Vec<(usize, Range)> = tokens
        .iter()
        .enumerate()
        .filter_map(|(at, token)| Some((at, range(token)?)))
        .collect();
    if ranges.is_empty() {
        return Ok(vec![tokens.to_vec()]);
    }
    // What the ranges belong to shows in the first command they make.
    if let Ok(first) = read(&member(tokens, &ranges, 0)) {
        ranges.retain(|(_, range)| is_counted(&first, &range.member(0)));
    }
    let Some(((at, first), rest)) = ranges.split_first() else {
        return Ok(vec![tokens.to_vec()]);
    };
    if first.members.len() > MOST {
        return Err(too_many(&tokens[*at]));
    }
    if let Some((at, _)) = rest
        .iter()
        .find(|(_, range)| range.members.len() != first.members.len())
    {
        let expected = format!("a range of {}, as the first one", first.members.len());
        return Err(fault(
            &codes::INVALID_ARGUMENT_VALUE,
            &tokens[*at],
            expected,
        ));
    }
    Ok((0..first.members.len())
        .map(|index| member(tokens, &ranges, index))
        .collect())
}

fn member(tokens: &[Token], ranges: &[(usize, Range)], index: usize) -> Vec<Token> {
    let mut tokens = tokens.to_vec();
    for (at, range) in ranges {
        tokens[*at].text = range.member(index);
    }
    tokens
}

/// Whether the word is the name or address of something, which can be counted.
fn is_counted(command: &Command, word: &str) -> bool {
    let countable = |attribute: &Attribute| {
        matches!(
            attribute.kind,
            Kind::Host { .. } | Kind::Ip | Kind::Name(_) | Kind::Reference { .. }
        )
    };
    command
        .attributes()
        .filter(|attribute| countable(attribute))
        .filter_map(|attribute| command.value(attribute.name))
        .any(|value| value.words().concat() == word)
}

/// The range in an unquoted word, if there is exactly one.
fn range(token: &Token) -> Option<Range> {
    if token.quoted {
        return None;
    }
    let (before, rest) = token.text.split_once('[')?;
    let (inner, after) = rest.split_once(']')?;
    if after.contains(['[', ']']) {
        return None;
    }
    let (from, to) = inner.split_once('-')?;
    let members = numbers(from, to).or_else(|| letters(from, to))?;
    Some(Range {
        before: before.to_owned(),
        members,
        after: after.to_owned(),
    })
}

fn numbers(from: &str, to: &str) -> Option<Vec<String>> {
    let number = |text: &str| -> Option<u32> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let (first, last) = (number(from)?, number(to)?);
    let width = if from.starts_with('0') { from.len() } else { 1 };
    // One more than the most is enough to tell that there are too many.
    (first <= last).then(|| {
        (first..=last)
            .take(MOST + 1)
            .map(|number| format!("{number:0width$}"))
            .collect()
    })
}

fn letters(from: &str, to: &str) -> Option<Vec<String>> {
    let letter = |text: &str| match text.as_bytes() {
        [byte] if byte.is_ascii_alphabetic() => Some(*byte),
        _ => None,
    };
    let (first, last) = (letter(from)?, letter(to)?);
    let same_case = first.is_ascii_lowercase() == last.is_ascii_lowercase();
    (same_case && first <= last).then(|| {
        (first..=last)
            .map(|byte| char::from(byte).to_string())
            .collect()
    })
}

fn too_many(token: &Token) -> ParseError {
    ParseError {
        error: NsError::about(&codes::TOO_MANY_VALUES, &token.text),
        word: token.text.clone(),
        span: token.span.clone(),
        expected: format!("a range of at most {MOST}"),
    }
}

impl Range {
    fn member(&self, index: usize) -> String {
        format!("{}{}{}", self.before, self.members[index], self.after)
    }
}

#[cfg(test)]
mod tests {
    use crate::grammar::{parse_all, print};

    fn read(line: &str) -> Vec<String> {
        match parse_all(line) {
            Ok(commands) => commands.iter().map(print).collect(),
            Err(fault) => vec![format!("{fault} | {}", fault.remedy())],
        }
    }

    #[test]
    fn several_names_are_removed_one_after_the_other() {
        assert_eq!(
            read("rm ssl certKey a b -deleteFromDevice"),
            [
                "rm ssl certKey a -deleteFromDevice",
                "rm ssl certKey b -deleteFromDevice"
            ]
        );
        assert_eq!(read("rm server a"), ["rm server a"]);
        assert_eq!(
            read("rm dns txtRec a.example x y"),
            ["rm dns txtRec a.example x y"]
        );
    }

    #[test]
    fn ranges_are_counted_in_step() {
        assert_eq!(
            read("add server s[1-3] 192.0.2.[11-13]"),
            [
                "add server s1 192.0.2.11",
                "add server s2 192.0.2.12",
                "add server s3 192.0.2.13"
            ]
        );
        assert_eq!(
            read("enable lb vserver v[08-10]"),
            [
                "enable lb vserver v08",
                "enable lb vserver v09",
                "enable lb vserver v10"
            ]
        );
        assert_eq!(
            read("rm server [a-b]x c"),
            ["rm server ax", "rm server bx", "rm server c"]
        );
        assert_eq!(
            read("bind lb vserver v svc[1-2] -weight 3"),
            [
                "bind lb vserver v svc1 -weight 3",
                "bind lb vserver v svc2 -weight 3"
            ]
        );
    }

    #[test]
    fn brackets_that_name_nothing_stay() {
        assert_eq!(
            read("add dns txtRec a.example v[1-2]"),
            ["add dns txtRec a.example v[1-2]"]
        );
        assert_eq!(
            read(r#"add system cmdPolicy p ALLOW "^show [a-c]""#),
            [r#"add system cmdPolicy p ALLOW "^show [a-c]""#]
        );
        assert_eq!(
            read("set lb vserver v -comment [1-2]"),
            ["set lb vserver v -comment [1-2]"]
        );
    }

    #[test]
    fn ranges_that_do_not_go_together_are_refused() {
        insta::assert_debug_snapshot!(read("add server s[1-3] 192.0.2.[1-2]"), @r#"
        [
            "Invalid argument value [192.0.2.[1-2]] | Expected a range of 3, as the first one.",
        ]
        "#);
        insta::assert_debug_snapshot!(read("enable lb vserver v[1-4000000000]"), @r#"
        [
            "Argument has too many values [v[1-4000000000]] | Expected a range of at most 1000.",
        ]
        "#);
        insta::assert_debug_snapshot!(read("enable lb vserver v[3-1]"), @r#"
        [
            "Invalid name; names must begin with an alphanumeric character or underscore and must contain only alphanumerics, _ # . space : @ = or - [name, v[3-1]] | Expected a name of up to 127 characters for name.",
        ]
        "#);
    }
}
