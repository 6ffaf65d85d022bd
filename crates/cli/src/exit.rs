//! Exit codes, and errors as people read them.

use std::process::ExitCode;

use evercert_api::Problem;

/// The exit code for something that does not exist.
pub(crate) const NOT_FOUND: u8 = 3;

/// The exit code when some of many could not be done.
#[cfg(feature = "client")]
pub(crate) const PARTLY: u8 = 7;

/// The exit code after Ctrl-C, as shells count it.
#[cfg(feature = "demo")]
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints an error with its causes and remedy; answers the exit code of its kind.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    let problem = error.downcast_ref::<Problem>();
    if let Some(remedy) = problem.and_then(|p| p.remedy.as_deref()) {
        eprintln!("  → {remedy}");
    }
    if let Some(request) = problem
        .and_then(|p| p.request_id.as_deref())
        .filter(|_| problem.is_some_and(|p| p.status >= 500))
    {
        eprintln!("  request {request}");
    }
    ExitCode::from(problem.map_or(1, code))
}

/// The exit code for a problem of the API.
pub(crate) const fn code(problem: &Problem) -> u8 {
    match problem.status {
        401 | 403 => 4,
        404 => NOT_FOUND,
        409 | 412 | 428 => 5,
        429 | 503 => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use evercert_api::ProblemCode;

    use super::*;

    #[test]
    fn kinds_of_problem_have_their_own_exit_codes() {
        for (kind, expected) in [
            (ProblemCode::CertificateNotFound, 3),
            (ProblemCode::Unauthorized, 4),
            (ProblemCode::Conflict, 5),
            (ProblemCode::DatabaseUnavailable, 6),
            (ProblemCode::Invalid, 1),
        ] {
            assert_eq!(code(&Problem::new(kind, "x")), expected, "{kind:?}");
        }
    }
}
