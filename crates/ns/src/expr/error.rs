//! What can be wrong with an expression, and what an evaluation without result is.

use std::fmt;

/// An expression cannot be used: where, what was expected, what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    position: usize,
    expected: String,
    found: String,
}

impl ExprError {
    pub(super) fn new(
        position: usize,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            position,
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The character at which it goes wrong, counted from 1.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// What could stand there.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What stands there.
    pub fn found(&self) -> &str {
        &self.found
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "position {}: expected {}, found {}",
            self.position, self.expected, self.found
        )
    }
}

impl std::error::Error for ExprError {}

/// The expression has no value for this request: a bad cast, an element that is not there, a number too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undef;

impl fmt::Display for Undef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the expression is undefined for this request")
    }
}

impl std::error::Error for Undef {}
