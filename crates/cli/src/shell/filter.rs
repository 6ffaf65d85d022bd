//! `show … | grep WORD`: lines of an answer picked as on NetScaler's command line.

use evercert_ns::grammar::tokenize;

/// What follows a `|`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Lines with (or without) a word.
    Grep {
        /// The word; `^` and `$` tie it to the line's ends.
        word: String,
        /// `-i`: letters' case is nothing.
        any_case: bool,
        /// `-v`: the other lines.
        inverted: bool,
        /// `-c`: only how many.
        counted: bool,
    },
    /// `more`: all lines.
    More,
}

/// A line's command and its filters, or why a filter is none.
pub(super) fn split(line: &str) -> Result<(&str, Vec<Filter>), String> {
    let Ok(tokens) = tokenize(line) else {
        return Ok((line, Vec::new()));
    };
    let bars: Vec<usize> = tokens
        .iter()
        .filter(|token| !token.quoted && token.text == "|")
        .map(|token| token.span.start)
        .collect();
    let Some(first) = bars.first() else {
        return Ok((line, Vec::new()));
    };
    let mut filters = Vec::new();
    for (index, bar) in bars.iter().enumerate() {
        let end = bars.get(index + 1).copied().unwrap_or(line.len());
        filters.push(read(&line[bar + 1..end])?);
    }
    Ok((line[..*first].trim_end(), filters))
}

fn read(text: &str) -> Result<Filter, String> {
    let words: Vec<String> = tokenize(text)
        .map_err(|fault| fault.error.message())?
        .into_iter()
        .map(|token| token.text)
        .collect();
    let (mut any_case, mut inverted, mut counted) = (false, false, false);
    match words.split_first() {
        Some((name, [])) if name == "more" => Ok(Filter::More),
        Some((name, rest)) if name == "grep" => {
            let mut word = None;
            for part in rest {
                match part
                    .strip_prefix('-')
                    .filter(|flags| !flags.is_empty() && flags.chars().all(|c| "ivc".contains(c)))
                {
                    Some(flags) => {
                        any_case |= flags.contains('i');
                        inverted |= flags.contains('v');
                        counted |= flags.contains('c');
                    }
                    None if word.is_none() => word = Some(part.clone()),
                    None => return Err(format!("grep takes one word, not also [{part}]")),
                }
            }
            let word = word.ok_or("grep wants a word")?;
            Ok(Filter::Grep {
                word,
                any_case,
                inverted,
                counted,
            })
        }
        _ => Err(format!(
            "only grep [-i] [-v] [-c] <word> and more may follow |, not [{}]",
            text.trim()
        )),
    }
}

impl Filter {
    /// The text's lines that pass.
    pub(super) fn apply(&self, text: &str) -> String {
        let Self::Grep {
            word,
            any_case,
            inverted,
            counted,
        } = self
        else {
            return text.to_owned();
        };
        let fold = |text: &str| {
            if *any_case {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        };
        let word = fold(word);
        let passing: Vec<&str> = text
            .lines()
            .filter(|line| matches(&fold(line), &word) != *inverted)
            .collect();
        if *counted {
            return format!("{}\n", passing.len());
        }
        passing.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn matches(line: &str, word: &str) -> bool {
    let (begins, word) = match word.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let (ends, word) = match word.strip_suffix('$') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    match (begins, ends) {
        (true, true) => line == word,
        (true, false) => line.starts_with(word),
        (false, true) => line.ends_with(word),
        (false, false) => line.contains(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(line: &str, text: &str) -> Result<String, String> {
        let (_, filters) = split(line)?;
        Ok(filters
            .iter()
            .fold(text.to_owned(), |text, filter| filter.apply(&text)))
    }

    #[test]
    fn lines_are_picked() {
        let text = "add server a\nadd lb vserver b\nset ssl parameter\n";

        assert_eq!(
            filtered("show run | grep \"lb vserver\"", text).unwrap(),
            "add lb vserver b\n"
        );
        assert_eq!(
            filtered("show run | grep -iv ADD", text).unwrap(),
            "set ssl parameter\n"
        );
        assert_eq!(
            filtered("show run | grep ^add | grep -c a$", text).unwrap(),
            "1\n"
        );
        assert_eq!(filtered("show run | more", text).unwrap(), text);
    }

    #[test]
    fn the_command_stands_before_the_first_bar() {
        assert_eq!(split("show run | grep x").unwrap().0, "show run");
        let quoted = "add responder policy p \"a | b\" NOOP";
        assert_eq!(split(quoted).unwrap(), (quoted, Vec::new()));
        let expression = "add responder policy p HTTP.REQ.IS_VALID||TRUE NOOP";
        assert_eq!(split(expression).unwrap().0, expression);
    }

    #[test]
    fn other_programs_are_refused() {
        assert!(split("show run | sh -c x").unwrap_err().contains("grep"));
        assert!(split("show run | grep a b").is_err());
    }
}
