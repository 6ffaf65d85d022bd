//! Splits a line into words: blanks, quotation marks, and the `q{…}` forms.

use std::ops::Range;

use crate::codes;
use crate::error::NsError;

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word without quotation marks and escapes.
    pub text: String,
    /// Where it stands in the line, in bytes, quotation marks included.
    pub span: Range<usize>,
    /// Whether it was quoted, so that a leading dash belongs to the value.
    pub quoted: bool,
}

impl Token {
    /// The argument name if the word is one: `-name` or `--name`, unquoted.
    pub fn option(&self) -> Option<&str> {
        if self.quoted {
            return None;
        }
        let name = self.text.strip_prefix('-')?;
        let name = name.strip_prefix('-').unwrap_or(name);
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            .then_some(name)
    }
}

/// A line could not be split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LexError {
    /// NetScaler's error.
    pub error: NsError,
    /// Where the word with the fault begins and ends, in bytes.
    pub span: Range<usize>,
}

/// The words of a line; none for a comment or an empty line.
///
/// # Errors
/// [`codes::UNMATCHED_QUOTE`] when a quotation is not closed, [`codes::EXPRESSION_UNQUOTED`] when a bare word with
/// quotation marks inside was cut at a blank.
pub fn tokenize(line: &str) -> Result<Vec<Token>, LexError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at += blanks(&line[at..]);
        let rest = &line[at..];
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        if first == '#' && tokens.is_empty() {
            return Ok(tokens);
        }
        let (token, length) = match first {
            '"' | '\'' => quotation(rest, first, at)?,
            'q' | 'Q' => match delimited(rest, at)? {
                Some(found) => found,
                None => bare(rest, at)?,
            },
            _ => bare(rest, at)?,
        };
        tokens.push(token);
        at += length;
    }
}

/// A word as it must be written so that [`tokenize`] gives it back as one word that is no argument name.
pub fn quote(word: &str) -> String {
    let special = |c: char| c.is_whitespace() || "\"'\\".contains(c);
    let quoted_form =
        word.starts_with(['q', 'Q']) && word[1..].starts_with(|c: char| DELIMITERS.contains(c));
    if !word.is_empty() && !word.contains(special) && !word.starts_with(['-', '#']) && !quoted_form
    {
        return word.to_owned();
    }
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for c in word.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// Characters that may follow `q` to open a quotation.
const DELIMITERS: &str = "/{<|~$^+=&%@`?";
/// Those after which a missing end is a fault; after the others the word is taken as it stands.
const STRONG_DELIMITERS: &str = "/{<|";

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// A word up to the next blank.
fn bare(rest: &str, at: usize) -> Result<(Token, usize), LexError> {
    let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let text = &rest[..length];
    let span = at..at + length;
    let cut = text.matches('"').count() % 2 == 1 && length < rest.len();
    if cut {
        let error = NsError::about(&codes::EXPRESSION_UNQUOTED, text);
        return Err(LexError { error, span });
    }
    let token = Token {
        text: text.to_owned(),
        span,
        quoted: false,
    };
    Ok((token, length))
}

/// `"…"` with `\"` and `\\`, or `'…'` with `\'`; other backslashes stay, the expression parser reads them.
fn quotation(rest: &str, mark: char, at: usize) -> Result<(Token, usize), LexError> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((index, c)) = characters.next() {
        match c {
            '\\' => {
                let next = characters.peek().map(|(_, next)| *next);
                let escapes = next == Some(mark) || (mark == '"' && next == Some('\\'));
                if escapes && let Some((_, escaped)) = characters.next() {
                    text.push(escaped);
                } else {
                    text.push('\\');
                }
            }
            c if c == mark => {
                let length = index + mark.len_utf8();
                return closed(rest, text, at, length);
            }
            c => text.push(c),
        }
    }
    Err(unmatched(rest, at))
}

/// `q{…}`, `q/…/` and the like; `None` when the word only looks like it.
fn delimited(rest: &str, at: usize) -> Result<Option<(Token, usize)>, LexError> {
    let Some(open) = rest[1..].chars().next().filter(|c| DELIMITERS.contains(*c)) else {
        return Ok(None);
    };
    let Some(end) = closing(&rest[2..], open) else {
        return if STRONG_DELIMITERS.contains(open) {
            Err(unmatched(rest, at))
        } else {
            Ok(None)
        };
    };
    let length = 2 + end + 1;
    let followed = rest[length..].starts_with(|c: char| !c.is_whitespace());
    if followed && !STRONG_DELIMITERS.contains(open) {
        return Ok(None);
    }
    closed(rest, rest[2..2 + end].to_owned(), at, length).map(Some)
}

/// Where the quotation ends; braces and angle brackets nest.
fn closing(text: &str, open: char) -> Option<usize> {
    let close = match open {
        '{' => '}',
        '<' => '>',
        other => return text.find(other),
    };
    let mut depth = 0_usize;
    for (index, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            if depth == 0 {
                return Some(index);
            }
            depth -= 1;
        }
    }
    None
}

/// The quoted word, unless something stands directly behind it.
fn closed(rest: &str, text: String, at: usize, length: usize) -> Result<(Token, usize), LexError> {
    if rest[length..].starts_with(|c: char| !c.is_whitespace()) {
        return Err(unmatched(rest, at));
    }
    let token = Token {
        text,
        span: at..at + length,
        quoted: true,
    };
    Ok((token, length))
}

fn unmatched(rest: &str, at: usize) -> LexError {
    LexError {
        error: NsError::new(&codes::UNMATCHED_QUOTE),
        span: at..at + rest.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        tokenize(line)
            .unwrap()
            .into_iter()
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn words_are_split_at_blanks() {
        assert_eq!(
            words("  add\tserver  s1 192.0.2.1 "),
            ["add", "server", "s1", "192.0.2.1"]
        );
        assert!(words("   ").is_empty());
        assert!(words("# add server s1 192.0.2.1").is_empty());
        assert_eq!(words("a #b"), ["a", "#b"]);
    }

    #[test]
    fn quotation_marks_keep_blanks_and_escapes() {
        assert_eq!(words(r#""my vs" 'your vs'"#), ["my vs", "your vs"]);
        assert_eq!(
            words(r#""HTTP.REQ.URL.CONTAINS(\"/x\")" 'URL.EQ("/y")'"#),
            [r#"HTTP.REQ.URL.CONTAINS("/x")"#, r#"URL.EQ("/y")"#]
        );
        assert_eq!(words(r#""a\r\nb\\c""#), [r"a\r\nb\c"]);
        assert_eq!(words(r"'it\'s a\\b'"), [r"it's a\\b"]);
        assert_eq!(words(r#""""#), [""]);
    }

    #[test]
    fn q_forms_take_everything_up_to_their_end() {
        assert_eq!(words(r#"q{a "b" \ c} d"#), [r#"a "b" \ c"#, "d"]);
        assert_eq!(words("q{re{a}b}"), ["re{a}b"]);
        assert_eq!(words("q<a b> q|a b| q/a b/"), ["a b", "a b", "a b"]);
        assert_eq!(words("q~a b~"), ["a b"]);
    }

    #[test]
    fn words_that_only_look_like_q_forms_are_words() {
        assert_eq!(
            words("q1 queue q@home q=1 qa"),
            ["q1", "queue", "q@home", "q=1", "qa"]
        );
    }

    #[test]
    fn an_open_quotation_is_a_fault() {
        for line in [
            r#"add "x"#,
            "add 'x",
            "add q{x",
            "add q/x",
            r#""a"b"#,
            r#""a\""#,
        ] {
            let error = tokenize(line).unwrap_err();
            assert_eq!(error.error.code(), 1115, "{line}");
        }
    }

    #[test]
    fn a_bare_expression_with_a_blank_must_be_quoted() {
        let error = tokenize(r#"add cs policy p -rule URL.CONTAINS("a b")"#).unwrap_err();

        insta::assert_snapshot!(error.error.rendered(), @r#"ERROR: Expression must be enclosed in quotes [URL.CONTAINS("a]"#);
    }

    #[test]
    fn two_dashes_are_one() {
        let tokens = tokenize("-CA --certkeyName '-x' -5 -").unwrap();
        let options: Vec<_> = tokens.iter().map(Token::option).collect();

        assert_eq!(options, [Some("CA"), Some("certkeyName"), None, None, None]);
    }

    proptest! {
        #[test]
        fn a_quoted_word_is_read_back(word in "\\PC*") {
            let tokens = tokenize(&format!("x {} y", quote(&word))).unwrap();

            prop_assert_eq!(tokens.len(), 3);
            prop_assert_eq!(&tokens[1].text, &word);
            prop_assert_eq!(tokens[1].option(), None);
        }

        #[test]
        fn spans_lie_in_the_line(line in "\\PC*") {
            let spans: Vec<_> = match tokenize(&line) {
                Ok(tokens) => tokens.into_iter().map(|token| token.span).collect(),
                Err(error) => vec![error.span],
            };
            for span in spans {
                prop_assert!(line.get(span).is_some());
            }
        }
    }
}
