//! NetScaler's policy expressions (default syntax): a parser with types, and evaluation over a [`Request`].
//!
//! [`parse`] makes an [`Expr`] that is checked and compiled once; [`Expr::truth`] and [`Expr::text`] evaluate it in
//! time linear in the request, or answer [`Undef`]. `Display` writes the canonical form, which parses to an equal
//! `Expr`.
//!
//! ```
//! let rule = evercert_ns::expr::parse(r#"HTTP.REQ.URL.STARTSWITH("/a") && CLIENT.IP.SRC.IN_SUBNET(10.0.0.0/8)"#);
//! assert!(rule.is_ok());
//! let error = evercert_ns::expr::parse("HTTP.REQ.URL.STARTSWITH(5)").unwrap_err();
//! assert_eq!(error.position(), 25);
//! ```

mod argument;
mod cursor;
mod error;
mod eval;
mod functions;
mod parser;
mod print;
mod request;
mod run;
mod sources;
mod syntax;
mod text;
mod time;
mod types;
mod url;

use std::fmt;

pub use error::{ExprError, Undef};
pub use request::{ClientCertificate, Patset, Request};
pub use types::Type;

use eval::Evaluation;
use syntax::Node;

/// The most bytes an expression may have.
pub const MAX_LENGTH: usize = 16_384;
/// How deep parentheses, arguments and signs may be nested.
pub const MAX_DEPTH: usize = 32;
/// The most bytes a text may grow to while an expression is evaluated; beyond it the result is [`Undef`].
pub const MAX_TEXT: usize = 1 << 20;

/// An expression, checked and compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    node: Node,
    facts: Facts,
}

/// What a parser notices on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    body: usize,
    patsets: Vec<String>,
}

/// Parses an expression.
///
/// # Errors
/// With the place, what was expected there, and what was found.
pub fn parse(text: &str) -> Result<Expr, ExprError> {
    let (node, facts) = parser::parse(text)?;
    Ok(Expr { node, facts })
}

/// Parses a rule: an expression that is true or false.
///
/// # Errors
/// As [`parse`], and when the result is of another type.
pub fn parse_rule(text: &str) -> Result<Expr, ExprError> {
    let expr = parse(text)?;
    match expr.result() {
        Type::Boolean => Ok(expr),
        other => Err(ExprError::new(
            1,
            "an expression that is true or false",
            format!("one that gives {other}"),
        )),
    }
}

/// Parses a target: an expression that gives text.
///
/// # Errors
/// As [`parse`], and when the result is of another type.
pub fn parse_text(text: &str) -> Result<Expr, ExprError> {
    let expr = parse(text)?;
    match expr.result() {
        kind if kind.is_printable() => Ok(expr),
        other => Err(ExprError::new(
            1,
            "an expression that gives text",
            format!("one that gives {other}"),
        )),
    }
}

impl Expr {
    /// The type of its result.
    pub const fn result(&self) -> Type {
        self.node.kind()
    }

    /// How many bytes of the request's body it looks at; 0 when at none.
    pub const fn body_bytes(&self) -> usize {
        self.facts.body
    }

    /// Names of the pattern sets it uses, as written.
    pub fn patsets(&self) -> &[String] {
        &self.facts.patsets
    }

    /// Whether a request makes it true.
    ///
    /// # Errors
    /// [`Undef`] when it has no value for this request, or is not of type boolean.
    pub fn truth<R: Request + ?Sized>(&self, request: &R) -> Result<bool, Undef> {
        Evaluation { request }.truth(&self.node)
    }

    /// The text it gives for a request; numbers, booleans and addresses are written out.
    ///
    /// # Errors
    /// [`Undef`] when it has no value for this request.
    pub fn text<R: Request + ?Sized>(&self, request: &R) -> Result<Vec<u8>, Undef> {
        let text = Evaluation { request }.written(&self.node)?;
        Ok(text.into_owned())
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print::node(&self.node, f)
    }
}

#[cfg(test)]
mod tests;
