//! How long pages are.

use evercert_api::{Problem, ProblemCode};

use crate::problem::ApiError;

/// How many entries a page has where nothing is said.
const DEFAULT: u32 = 100;
/// How many it may have.
const MOST: u32 = 500;

/// Reads a wanted page length.
///
/// # Errors
/// When it is 0 or more than 500.
pub(crate) fn limit(wanted: Option<u32>) -> Result<u32, ApiError> {
    match wanted.unwrap_or(DEFAULT) {
        limit @ 1..=MOST => Ok(limit),
        _ => {
            let detail = "a page has 1 to 500 entries";
            Err(Problem::new(ProblemCode::Invalid, detail)
                .at("/limit")
                .into())
        }
    }
}
