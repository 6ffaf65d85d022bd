//! NetScaler's own errors: number, symbol and wording, rendered as the appliance renders them.

use std::fmt;

use crate::codes::ErrorCode;

/// One failure (or warning) as NetScaler words it: table text plus a detail in brackets.
///
/// `Display` gives NITRO's `message`; [`NsError::rendered`] gives the line of the command line interface.
#[derive(Clone, PartialEq, Eq)]
pub struct NsError {
    code: &'static ErrorCode,
    detail: Option<String>,
}

impl NsError {
    /// An error with the table text only, e.g. `Unmatched quote`.
    pub const fn new(code: &'static ErrorCode) -> Self {
        Self { code, detail: None }
    }

    /// An error about one thing, e.g. `No such argument [-lbMethd]`.
    pub fn about(code: &'static ErrorCode, what: impl Into<String>) -> Self {
        Self {
            code,
            detail: Some(what.into()),
        }
    }

    /// An error about an argument and its value, e.g. `No such resource [certkeyName, web9]`.
    pub fn argument(code: &'static ErrorCode, argument: &str, value: &str) -> Self {
        Self::about(code, format!("{argument}, {value}"))
    }

    /// NITRO's `errorcode`.
    pub const fn code(&self) -> u32 {
        self.code.code
    }

    /// The symbol of the code, e.g. `NSERR_NOENT`.
    pub const fn symbol(&self) -> &'static str {
        self.code.symbol
    }

    /// NITRO's `message`: the table text and the detail in brackets.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// What the brackets hold.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What a person can do about it.
    pub const fn remedy(&self) -> &'static str {
        self.code.remedy
    }

    /// The table row, to compare with [`crate::codes`].
    pub const fn kind(&self) -> &'static ErrorCode {
        self.code
    }

    /// Whether this is the given row of the table.
    pub const fn is(&self, code: &ErrorCode) -> bool {
        self.code.code == code.code
    }

    /// Whether the same command may succeed later without being changed.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.code.code, 293 | 316 | 1461)
    }

    /// The line of the command line interface: `ERROR: No such resource [name, vs9]`.
    pub fn rendered(&self) -> String {
        format!("ERROR: {self}")
    }

    /// The line of the command line interface when the command succeeded: `Warning: …`.
    pub fn rendered_as_warning(&self) -> String {
        format!("Warning: {self}")
    }
}

impl fmt::Display for NsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.text)?;
        match &self.detail {
            Some(detail) => write!(f, " [{detail}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for NsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NsError({} {self})", self.code.code)
    }
}

impl std::error::Error for NsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn is_rendered_as_the_appliance_renders_it() {
        let error = NsError::argument(&codes::NO_SUCH_RESOURCE, "policyName", "x");

        assert_eq!(error.rendered(), "ERROR: No such resource [policyName, x]");
        assert_eq!(error.message(), "No such resource [policyName, x]");
        assert_eq!((error.code(), error.symbol()), (258, "NSERR_NOENT"));
    }

    #[test]
    fn without_detail_there_are_no_brackets() {
        assert_eq!(
            NsError::new(&codes::UNMATCHED_QUOTE).rendered(),
            "ERROR: Unmatched quote"
        );
    }
}
