//! What is wrong with a line: NetScaler's error, the word, and what was expected instead.

use std::fmt;
use std::ops::Range;

use crate::codes::ErrorCode;
use crate::error::NsError;
use crate::grammar::lexer::Token;
use crate::grammar::print::secret_spans;

/// A line is no command: NetScaler's error, the word at fault, and what was expected there.
///
/// `Display` is NetScaler's message; the rest is ours. A word that may be secret is never repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub(super) error: NsError,
    pub(super) word: String,
    pub(super) span: Range<usize>,
    pub(super) expected: String,
}

impl ParseError {
    /// NetScaler's error.
    pub const fn error(&self) -> &NsError {
        &self.error
    }

    /// The word at fault, or the name of the argument that is missing.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Where the word stands in the line, in bytes; the end of the line when something is missing.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What was expected.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The same without the word, if that stands where a secret does.
    pub(super) fn without_secrets(mut self, line: &str) -> Self {
        let hidden = secret_spans(line)
            .iter()
            .any(|secret| secret.start < self.span.end && self.span.start < secret.end);
        if hidden {
            self.word.clear();
            self.error = NsError::new(self.error.kind());
        }
        self
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> String {
        if self.expected.is_empty() {
            self.error.remedy().to_owned()
        } else {
            let dot = if self.expected.ends_with('…') {
                ""
            } else {
                "."
            };
            format!("Expected {}{dot}", self.expected)
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for ParseError {}

/// The fault of one word.
pub(super) fn fault(code: &'static ErrorCode, token: &Token, expected: String) -> ParseError {
    ParseError {
        error: NsError::about(code, &token.text),
        word: token.text.clone(),
        span: token.span.clone(),
        expected,
    }
}
