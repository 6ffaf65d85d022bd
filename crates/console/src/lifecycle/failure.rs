//! What went wrong with an order: where, whose fault, in whose words, what to do, and when to try again.

use evercert_acme::{AcmeError, Problem};
use evercert_api::certificates::OrderError;
use evercert_api::{Problem as ApiProblem, ProblemCode};
use evercert_db::{DbError, DbErrorKind};
use evercert_dns::{DnsError, PropagationError};
use evercert_types::VendorId;
use jiff::SignedDuration;
use serde_json::Value;

pub(crate) use super::backoff::next_try;
use super::messages;
use super::treatment::{self, Then};

/// Where it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Preflight,
    /// Our own count of the CA's rate limits.
    Ledger,
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
    /// Whether a rate limit is the cause.
    pub(crate) limited: bool,
    /// Whether the CA is still at work, and nothing was refused.
    pub(crate) unfinished: bool,
    /// The names at fault, without `*.`, where the CA says which.
    pub(crate) names: Vec<String>,
}

/// The longest wait before another look at what a CA has not finished.
const LONGEST_UNFINISHED: SignedDuration = SignedDuration::from_mins(10);

impl Stage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Ledger => "rate-limit",
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
            limited: false,
            unfinished: false,
            names: Vec::new(),
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
        let (class, then) = treatment::of(error);
        let mut failure = Self::new(stage, class, acme_code(error), sentence(error));
        failure.remedy = Some(error.remedy()).filter(|remedy| !remedy.is_empty());
        failure.problem = error.problem().map(verbatim);
        failure.retry_after = asked(error);
        failure.order_lost = order_lost;
        failure.limited = then == Then::Wait;
        failure.unfinished = matches!(error, AcmeError::Timeout { .. });
        failure.names = error.problem().map(refused_names).unwrap_or_default();
        if class == Class::Configuration && !failure.names.is_empty() {
            let names = failure.names.join(", ");
            failure.remedy = Some(format!(
                "Correct {names}, or order without: the CA refuses these names and says nothing against the \
                 others. A certificate is never ordered with fewer names than it is wanted for."
            ));
        }
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

/// How long the CA asks to wait. Some ask for a day when an order takes minutes: what is only not finished is looked at
/// sooner.
fn asked(error: &AcmeError) -> Option<SignedDuration> {
    let asked = SignedDuration::try_from(error.retry_after()?).ok()?;
    Some(match error {
        AcmeError::Timeout { .. } => asked.min(LONGEST_UNFINISHED),
        _ => asked,
    })
}

/// The names that the CA refuses, each once, without `*.`.
fn refused_names(problem: &Problem) -> Vec<String> {
    let mut names = Vec::new();
    for refused in problem
        .subproblems
        .iter()
        .filter_map(|one| one.identifier.as_ref())
    {
        let name = refused
            .value
            .strip_prefix("*.")
            .unwrap_or(&refused.value)
            .to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
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
