//! What went wrong with an order: where, whose fault, in whose words, what to do, and when to try again.

use evercert_acme::{AcmeError, Fault as AcmeFault, Problem};
use evercert_api::certificates::OrderError;
use evercert_api::{Problem as ApiProblem, ProblemCode};
use evercert_db::{DbError, DbErrorKind};
use evercert_dns::{DnsError, PropagationError};
use evercert_types::VendorId;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::messages;

/// Where it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Preflight,
    Account,
    Order,
    DnsWrite,
    Propagation,
    Validation,
    Finalize,
    Download,
    Install,
    Revocation,
}

/// Whose fault it is, and so which back-off applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Passes by itself.
    Transient,
    /// The CA could not validate a name.
    Validation,
    /// Stays until somebody edits something.
    Configuration,
    /// The CA or the way to it is down.
    CaOutage,
}

/// A failed step of an order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure(Box<Facts>);

/// What is known of a failure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) stage: Stage,
    pub(crate) class: Class,
    /// Stable, such as `acme.new_order.rateLimited`.
    pub(crate) code: String,
    pub(crate) message: String,
    /// The sentence that `message` begins with, where NetScaler Console has one for it.
    pub(crate) known_as: Option<String>,
    pub(crate) remedy: Option<String>,
    /// The CA's problem document.
    pub(crate) problem: Option<Value>,
    /// How long the other side asks to wait.
    pub(crate) retry_after: Option<SignedDuration>,
    /// Whether the CA's order cannot be gone on with.
    pub(crate) order_lost: bool,
}

/// Waits after the first, second, … failure; the last one from then on.
const LADDER: [SignedDuration; 4] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(100),
    SignedDuration::from_hours(24),
];
/// No wait is shorter than this, whatever is about to expire.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// Let's Encrypt allows five failed validations an hour for each name.
const SHORTEST_VALIDATION: SignedDuration = SignedDuration::from_mins(15);

impl Stage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Account => "account",
            Self::Order => "order",
            Self::DnsWrite => "dns-write",
            Self::Propagation => "propagation",
            Self::Validation => "validation",
            Self::Finalize => "finalize",
            Self::Download => "download",
            Self::Install => "install",
            Self::Revocation => "revocation",
        }
    }
}

impl Class {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Validation => "validation",
            Self::Configuration => "configuration",
            Self::CaOutage => "ca_outage",
        }
    }
}

impl Failure {
    pub(crate) fn new(
        stage: Stage,
        class: Class,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Facts {
            stage,
            class,
            code: code.into(),
            message: message.into(),
            known_as: None,
            remedy: None,
            problem: None,
            retry_after: None,
            order_lost: false,
        }))
    }

    /// The CA's order cannot be gone on with.
    #[must_use]
    pub(crate) fn losing_the_order(mut self) -> Self {
        self.order_lost = true;
        self
    }

    #[must_use]
    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Begins with the sentence that NetScaler Console shows for it, for those who search for that.
    #[must_use]
    pub(crate) fn known_as(mut self, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        if !self.message.starts_with(&sentence) {
            self.message = format!("{sentence} {}", self.message);
        }
        self.known_as = Some(sentence);
        self
    }

    /// As the answer to a request that met it.
    pub(crate) fn to_problem(&self, code: ProblemCode) -> ApiProblem {
        let mut problem = ApiProblem::new(code, &self.message);
        problem.known_as.clone_from(&self.known_as);
        match &self.remedy {
            Some(remedy) => problem.with_remedy(remedy),
            None => problem,
        }
    }

    /// The vendor of an order is gone.
    pub(crate) fn vendor_missing(id: VendorId) -> Self {
        Self::new(
            Stage::Preflight,
            Class::Configuration,
            "ca_vendor.not_found",
            format!("The CA vendor {id} was removed."),
        )
        .known_as(messages::NO_VENDOR)
        .with_remedy("Give the certificate another CA vendor.")
    }

    pub(crate) fn acme(stage: Stage, error: &AcmeError) -> Self {
        let order_lost = matches!(
            error,
            AcmeError::OrderInvalid { .. } | AcmeError::AuthorizationInvalid(_)
        );
        let stage = match stage {
            Stage::Order if order_lost => Stage::Validation,
            stage => stage,
        };
        let class = match error.fault() {
            AcmeFault::Validation => Class::Validation,
            AcmeFault::Configuration => Class::Configuration,
            AcmeFault::Outage => Class::CaOutage,
            _ => Class::Transient,
        };
        let mut failure = Self::new(stage, class, acme_code(error), sentence(error));
        failure.remedy = Some(error.remedy()).filter(|remedy| !remedy.is_empty());
        failure.problem = error.problem().map(verbatim);
        failure.retry_after = error.retry_after().and_then(|wait| wait.try_into().ok());
        failure.order_lost = order_lost;
        match messages::of_acme(stage, error) {
            Some(sentence) => failure.known_as(sentence),
            None => failure,
        }
    }

    pub(crate) fn dns(error: &DnsError) -> Self {
        let class = if error.is_retryable() {
            Class::Transient
        } else {
            Class::Configuration
        };
        let mut failure = Self::new(
            Stage::DnsWrite,
            class,
            format!("dns.{}", error.fault().as_str()),
            sentence(error),
        )
        .with_remedy(error.remedy());
        failure.retry_after = error.retry_after().and_then(|wait| wait.try_into().ok());
        failure
    }

    pub(crate) fn propagation(error: &PropagationError) -> Self {
        let code = match error {
            PropagationError::TimedOut { .. } => "dns.propagation.timeout",
            PropagationError::NoServers { .. } => "dns.propagation.no_servers",
            _ => "dns.propagation.lookup",
        };
        let class = if error.is_retryable() {
            Class::Transient
        } else {
            Class::Configuration
        };
        Self::new(Stage::Propagation, class, code, sentence(error)).with_remedy(error.remedy())
    }

    /// A value could not be written, as [`Self::dns`].
    pub(crate) fn dns_write(error: &DnsError) -> Self {
        Self::dns(error).known_as(messages::of_dns(error))
    }

    /// What people and the database see.
    pub(crate) fn to_api(&self) -> OrderError {
        OrderError {
            stage: self.stage.as_str().to_owned(),
            code: self.code.clone(),
            class: self.class.as_str().to_owned(),
            message: self.message.clone(),
            known_as: self.known_as.clone(),
            remedy: self.remedy.clone(),
            problem: self.problem.clone(),
        }
    }

    /// The same as JSON.
    pub(crate) fn to_json(&self) -> Value {
        serde_json::to_value(self.to_api()).unwrap_or(Value::Null)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        let (class, code) = match error.kind() {
            DbErrorKind::Unavailable | DbErrorKind::Conflict => {
                (Class::Transient, "database.unavailable")
            }
            DbErrorKind::Sealed => (Class::Configuration, "database.sealed"),
            _ => (Class::Configuration, "database.inconsistent"),
        };
        let failure = Self::new(Stage::Install, class, code, sentence(&error));
        match error.remedy() {
            Some(remedy) => failure.with_remedy(remedy),
            None => failure,
        }
    }
}

impl std::ops::Deref for Failure {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl std::ops::DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Facts {
        &mut self.0
    }
}

/// When to try again: the ladder, what the other side asks for, and sooner when little life is left.
///
/// `failures` counts this one; `life` is that of the version in force; `jitter` lies between 0 and 1.
pub(crate) fn next_try(
    failure: &Failure,
    failures: u32,
    now: Timestamp,
    life: Option<Life>,
    jitter: f64,
) -> Timestamp {
    let rung = match failure.class {
        Class::Configuration => LADDER.len() - 1,
        _ => (failures.max(1) as usize - 1).min(LADDER.len() - 1),
    };
    let shortest = match failure.class {
        Class::Validation => SHORTEST_VALIDATION,
        _ => SHORTEST,
    };
    let mut wait = LADDER[rung];
    if let Some(life) = life.filter(|life| life.is_nearly_over(now)) {
        let left = now.duration_until(life.not_after).max(SignedDuration::ZERO);
        wait = wait.min((left / 10).max(shortest));
    }
    wait = spread(wait, jitter);
    if let Some(asked) = failure.retry_after {
        wait = wait.max(asked);
    }
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Validity of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Life {
    /// From notBefore to notAfter.
    pub(crate) fn length(self) -> SignedDuration {
        self.not_before
            .duration_until(self.not_after)
            .max(SignedDuration::ZERO)
    }

    fn is_nearly_over(self, now: Timestamp) -> bool {
        now.duration_until(self.not_after) < self.length() / 10
    }
}

/// Up to a tenth longer, so that many failures do not come back together.
fn spread(wait: SignedDuration, jitter: f64) -> SignedDuration {
    let extra = wait.as_secs_f64() * 0.1 * jitter.clamp(0.0, 1.0);
    wait + SignedDuration::from_secs(extra as i64)
}

/// The CA's problem document as it came.
fn verbatim(problem: &Problem) -> Value {
    serde_json::from_str(&problem.verbatim)
        .unwrap_or_else(|_| Value::String(problem.verbatim.clone()))
}

fn acme_code(error: &AcmeError) -> String {
    let stage = error.stage().map_or("client", |stage| stage.as_str());
    let what = match (error.problem(), error) {
        (Some(problem), _) if !problem.kind().as_str().is_empty() => problem.kind().as_str(),
        (_, AcmeError::Directory { cause: None, .. }) => "malformed",
        (
            _,
            AcmeError::Directory { .. } | AcmeError::Nonce { .. } | AcmeError::Transport { .. },
        ) => "unreachable",
        (_, AcmeError::Timeout { .. }) => "timeout",
        (_, AcmeError::Status { .. }) => "http_status",
        (_, AcmeError::Redirect { .. }) => "redirect",
        (_, AcmeError::Malformed { .. }) => "malformed",
        (_, AcmeError::OrderInvalid { .. } | AcmeError::AuthorizationInvalid(_)) => "invalid",
        (_, AcmeError::NotOffered { .. }) => "not_offered",
        (_, AcmeError::Key(_)) => "key",
        _ => "refused",
    };
    format!("acme.{stage}.{what}")
}

/// An error and its causes in one line.
pub(crate) fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let words = current.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failure(class: Class) -> Failure {
        Failure::new(Stage::Order, class, "x", "x")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn wait(class: Class, failures: u32, life: Option<Life>) -> i64 {
        next_try(&failure(class), failures, at(1_000_000), life, 0.0).as_second() - 1_000_000
    }

    #[test]
    fn waits_grow_to_a_day() {
        let waits: Vec<_> = (1..=6).map(|n| wait(Class::Transient, n, None)).collect();

        assert_eq!(waits, [60, 600, 6_000, 86_400, 86_400, 86_400]);
        assert_eq!(wait(Class::Configuration, 1, None), 86_400);
    }

    #[test]
    fn little_life_left_shortens_the_wait() {
        let life = Some(Life {
            not_before: at(1_000_000 - 9_990_000),
            not_after: at(1_000_000 + 10_000),
        });

        assert_eq!(wait(Class::CaOutage, 9, life), 1_000);
        assert_eq!(wait(Class::Validation, 9, life), 1_000);
        assert_eq!(wait(Class::Configuration, 1, life), 1_000);
    }

    #[test]
    fn what_the_ca_asks_for_is_kept() {
        let mut failure = failure(Class::Transient);
        failure.retry_after = Some(SignedDuration::from_hours(30));

        let next = next_try(&failure, 1, at(0), None, 0.5);

        assert_eq!(next, at(30 * 3_600));
    }

    proptest! {
        #[test]
        fn no_wait_is_hot(failures in 0u32..1000, left in -10_000i64..10_000_000,
                          lifetime in 1i64..40_000_000, jitter in -1.0f64..2.0, class in 0..4) {
            let class = [Class::Transient, Class::Validation, Class::Configuration, Class::CaOutage]
                [class as usize];
            let now = at(1_790_000_000);
            let not_after = at(1_790_000_000 + left);
            let life = Life { not_before: at(1_790_000_000 + left - lifetime), not_after };

            let next = next_try(&failure(class), failures, now, Some(life), jitter);

            prop_assert!(now.duration_until(next) >= SHORTEST);
            prop_assert!(now.duration_until(next) <= SignedDuration::from_hours(27));
        }
    }
}
