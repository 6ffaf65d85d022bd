//! What each error type of ACME means for an order: one table, and nothing else decides it.

use evercert_acme::{AcmeError, Fault, Problem, ProblemKind};

use super::failure::Class;

/// What is done about a problem, beside the back-off of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The client signs anew with the nonce of the refusal, ten times; after that the CA is down.
    FreshNonce,
    /// The order waits as long as the CA says.
    Wait,
    /// The order is tried again by the back-off.
    TryAgain,
    /// Nothing is done before somebody edits something; one look a day.
    Stop,
    /// The names are validated again by a schedule, and their failures counted.
    Revalidate,
    /// The order is read again: it is not where it was thought to be.
    ReadAgain,
    /// The same order is placed once more without `replaces`.
    WithoutReplaces,
    /// What was asked for has happened already.
    Nothing,
}

/// Error types in an answer to a request (RFC 8555 §6.7, RFC 9773 §7.4, ACME profiles).
pub(crate) const TABLE: &[(ProblemKind, Class, Then)] = &[
    (
        ProblemKind::AccountDoesNotExist,
        Class::Configuration,
        Then::Stop,
    ),
    (
        ProblemKind::AgreementRequired,
        Class::Configuration,
        Then::Stop,
    ),
    (
        ProblemKind::AlreadyReplaced,
        Class::Transient,
        Then::WithoutReplaces,
    ),
    (
        ProblemKind::AlreadyRevoked,
        Class::Configuration,
        Then::Nothing,
    ),
    (ProblemKind::BadCsr, Class::Configuration, Then::Stop),
    (ProblemKind::BadNonce, Class::CaOutage, Then::FreshNonce),
    (ProblemKind::BadPublicKey, Class::Configuration, Then::Stop),
    (
        ProblemKind::BadRevocationReason,
        Class::Configuration,
        Then::Stop,
    ),
    (
        ProblemKind::BadSignatureAlgorithm,
        Class::Configuration,
        Then::Stop,
    ),
    (ProblemKind::Caa, Class::Validation, Then::Revalidate),
    (ProblemKind::Compound, Class::Configuration, Then::Stop),
    (ProblemKind::Conflict, Class::Transient, Then::TryAgain),
    (ProblemKind::Connection, Class::Validation, Then::Revalidate),
    (ProblemKind::Dns, Class::Validation, Then::Revalidate),
    (
        ProblemKind::ExternalAccountRequired,
        Class::Configuration,
        Then::Stop,
    ),
    (
        ProblemKind::IncorrectResponse,
        Class::Validation,
        Then::Revalidate,
    ),
    (
        ProblemKind::InvalidContact,
        Class::Configuration,
        Then::Stop,
    ),
    (
        ProblemKind::InvalidProfile,
        Class::Configuration,
        Then::Stop,
    ),
    (ProblemKind::Malformed, Class::Configuration, Then::Stop),
    (
        ProblemKind::OrderNotReady,
        Class::Transient,
        Then::ReadAgain,
    ),
    (ProblemKind::RateLimited, Class::Transient, Then::Wait),
    (
        ProblemKind::RejectedIdentifier,
        Class::Configuration,
        Then::Stop,
    ),
    (ProblemKind::ServerInternal, Class::CaOutage, Then::TryAgain),
    (ProblemKind::Tls, Class::Validation, Then::Revalidate),
    (ProblemKind::Unauthorized, Class::Configuration, Then::Stop),
    (
        ProblemKind::UnsupportedContact,
        Class::Configuration,
        Then::Stop,
    ),
    (
        ProblemKind::UnsupportedIdentifier,
        Class::Configuration,
        Then::Stop,
    ),
    (
        ProblemKind::UserActionRequired,
        Class::Configuration,
        Then::Stop,
    ),
];

/// What an error means.
pub(crate) fn of(error: &AcmeError) -> (Class, Then) {
    match (error.problem(), error) {
        // What the CA gave as the reason why it is not done is no verdict on the order.
        (_, AcmeError::Timeout { .. }) => (Class::Transient, Then::TryAgain),
        (Some(problem), _) => of_problem(problem),
        (None, _) => of_fault(error.fault()),
    }
}

fn of_problem(problem: &Problem) -> (Class, Then) {
    let is_in_authorization = problem.stage.is_none();
    match problem.kind() {
        ProblemKind::RateLimited if problem.unpause_url().is_some() => {
            (Class::Configuration, Then::Stop)
        }
        // A CA that is busy says so with 503 as well.
        _ if problem.status.is_some_and(|status| status >= 500) => {
            (Class::CaOutage, Then::TryAgain)
        }
        ProblemKind::Unauthorized if is_in_authorization => (Class::Validation, Then::Revalidate),
        ProblemKind::Compound | ProblemKind::Other => of_fault(problem.fault()),
        kind => {
            let row = TABLE.iter().find(|(listed, ..)| *listed == kind);
            row.map_or_else(
                || of_fault(problem.fault()),
                |(_, class, then)| (*class, *then),
            )
        }
    }
}

const fn of_fault(fault: Fault) -> (Class, Then) {
    match fault {
        Fault::RateLimited => (Class::Transient, Then::Wait),
        Fault::Validation => (Class::Validation, Then::Revalidate),
        Fault::Configuration => (Class::Configuration, Then::Stop),
        Fault::Outage => (Class::CaOutage, Then::TryAgain),
        _ => (Class::Transient, Then::TryAgain),
    }
}

#[cfg(test)]
mod tests {
    use evercert_acme::Stage;
    use serde_json::json;

    use super::*;

    fn problem(kind: &str, status: u16, detail: &str, stage: Option<Stage>) -> Problem {
        let mut problem = Problem::from_json(&json!({
            "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail,
        }));
        problem.status = Some(status);
        problem.stage = stage;
        problem
    }

    fn asked(kind: &str, status: u16) -> (Class, Then) {
        of_problem(&problem(kind, status, "", Some(Stage::NewOrder)))
    }

    #[test]
    fn every_registered_type_has_its_row() {
        for kind in ProblemKind::ALL {
            let rows = TABLE.iter().filter(|(listed, ..)| listed == kind).count();
            assert_eq!(rows, 1, "{kind:?}");
        }
        assert_eq!(TABLE.len(), ProblemKind::ALL.len());
    }

    #[test]
    fn each_type_is_treated_as_the_reference_says() {
        use Class::{CaOutage, Configuration, Transient, Validation};
        let cases = [
            ("badNonce", 400, CaOutage, Then::FreshNonce),
            ("rateLimited", 429, Transient, Then::Wait),
            ("rateLimited", 503, CaOutage, Then::TryAgain),
            ("serverInternal", 500, CaOutage, Then::TryAgain),
            ("malformed", 502, CaOutage, Then::TryAgain),
            ("externalAccountRequired", 401, Configuration, Then::Stop),
            ("userActionRequired", 403, Configuration, Then::Stop),
            ("accountDoesNotExist", 400, Configuration, Then::Stop),
            ("unauthorized", 403, Configuration, Then::Stop),
            ("malformed", 400, Configuration, Then::Stop),
            ("badCSR", 400, Configuration, Then::Stop),
            ("badPublicKey", 400, Configuration, Then::Stop),
            ("badSignatureAlgorithm", 400, Configuration, Then::Stop),
            ("rejectedIdentifier", 400, Configuration, Then::Stop),
            ("unsupportedIdentifier", 400, Configuration, Then::Stop),
            ("invalidProfile", 400, Configuration, Then::Stop),
            ("unsupportedContact", 400, Configuration, Then::Stop),
            ("invalidContact", 400, Configuration, Then::Stop),
            ("caa", 403, Validation, Then::Revalidate),
            ("orderNotReady", 403, Transient, Then::ReadAgain),
            ("alreadyReplaced", 409, Transient, Then::WithoutReplaces),
            ("alreadyRevoked", 400, Configuration, Then::Nothing),
            ("somethingNew", 400, Configuration, Then::Stop),
            ("somethingNew", 429, Transient, Then::Wait),
        ];

        for (kind, status, class, then) in cases {
            assert_eq!(asked(kind, status), (class, then), "{kind} {status}");
        }
    }

    #[test]
    fn in_an_authorization_it_is_the_names_that_failed() {
        for kind in [
            "dns",
            "connection",
            "tls",
            "incorrectResponse",
            "unauthorized",
            "caa",
        ] {
            let problem = problem(kind, 403, "", None);
            assert_eq!(
                of_problem(&problem),
                (Class::Validation, Then::Revalidate),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_pause_is_for_the_operator_and_not_waited_for() {
        let detail = "Your account is temporarily prevented from requesting certificates for a.example. \
                      Please visit: https://ca.example/unpause?jwt=x";
        let paused = problem("rateLimited", 429, detail, Some(Stage::NewOrder));

        assert_eq!(of_problem(&paused), (Class::Configuration, Then::Stop));
    }
}
