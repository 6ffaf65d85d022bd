//! What can go wrong between us and a CA, and what to do about it.

use std::time::Duration;

use crate::authorization::Authorization;
use crate::fault::{Fault, TransportFault};
use crate::key::KeyError;
use crate::order::Order;
use crate::problem::{Problem, ProblemKind};
use crate::stage::Stage;

/// An ACME step did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcmeError {
    /// The directory could not be read or cannot be used.
    #[error("reading the ACME directory {url}: {}", describe_wrapped(.reason, .cause.as_deref()))]
    Directory {
        /// The directory's URL.
        url: String,
        /// What is wrong; where a request failed, the message has its words instead.
        reason: String,
        /// The failed request, if that was it; its words are in the message.
        cause: Option<Box<Self>>,
    },
    /// No nonce could be had, or the CA refused every one it gave.
    #[error("getting a nonce from {url}: {}", describe_wrapped(.reason, .cause.as_deref()))]
    Nonce {
        /// The newNonce URL.
        url: String,
        /// What is wrong; where a request failed, the message has its words instead.
        reason: String,
        /// The failed request, if that was it; its words are in the message.
        cause: Option<Box<Self>>,
    },
    /// The CA refused, and says why.
    #[error("{}", describe_problem(.0))]
    Problem(Box<Problem>),
    /// The request or its answer was lost on the way.
    #[error("{stage} at {url}: {}", describe_lost(*.fault, .cause))]
    Transport {
        /// The step.
        stage: Stage,
        /// The URL asked.
        url: String,
        /// On which layer it failed.
        fault: TransportFault,
        /// What the HTTP client says; the innermost of it is in the message.
        cause: reqwest::Error,
    },
    /// An HTTP error without a problem document: a proxy's or load balancer's page.
    #[error("{stage} at {url}: HTTP {status} and no ACME problem, but: {excerpt}")]
    Status {
        /// The step.
        stage: Stage,
        /// The URL asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The first 200 characters of the body.
        excerpt: String,
        /// From the `Retry-After` header.
        retry_after: Option<Duration>,
    },
    /// A redirect; a signed request is for one URL only, so none is followed.
    #[error("{stage} at {url}: the CA redirects to {location}, and ACME does not follow redirects")]
    Redirect {
        /// The step.
        stage: Stage,
        /// The URL asked.
        url: String,
        /// Where it points.
        location: String,
    },
    /// A success whose content cannot be used.
    #[error("{stage} at {url}: {what}: {excerpt}")]
    Malformed {
        /// The step.
        stage: Stage,
        /// The URL asked.
        url: String,
        /// What is wrong with it.
        what: String,
        /// The first 200 characters of the body.
        excerpt: String,
    },
    /// The deadline passed, or the CA asks to come back after it.
    #[error("{stage} at {url}: not finished in time, last state {last}")]
    Timeout {
        /// The step.
        stage: Stage,
        /// The URL asked.
        url: String,
        /// The last state seen, or `unknown`.
        last: String,
        /// When the CA wants to be asked again.
        retry_after: Option<Duration>,
        /// The last failed request, if requests failed.
        #[source]
        source: Option<Box<Self>>,
    },
    /// The order came to an end without a certificate.
    #[error("{}", describe_order(.order, .failures))]
    OrderInvalid {
        /// The order as last seen.
        order: Box<Order>,
        /// The authorizations that failed, if the order itself did not say why.
        failures: Vec<Authorization>,
    },
    /// An authorization came to an end without being valid.
    #[error("{}", describe_authorization(.0))]
    AuthorizationInvalid(Box<Authorization>),
    /// The CA's directory does not list what was asked for.
    #[error("{stage}: the CA at {url} does not offer it (no {member} in its directory)")]
    NotOffered {
        /// The step.
        stage: Stage,
        /// The directory's URL.
        url: String,
        /// The directory's missing member.
        member: &'static str,
    },
    /// The account key could not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The client's own settings cannot be used.
    #[error("setting up the ACME client for {url}: {reason}")]
    Configuration {
        /// The directory's URL.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

impl AcmeError {
    /// The step it arose at.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Directory { .. } | Self::Configuration { .. } => Some(Stage::Directory),
            Self::Nonce { .. } => Some(Stage::Nonce),
            Self::Problem(problem) => problem.stage,
            Self::Transport { stage, .. }
            | Self::Status { stage, .. }
            | Self::Redirect { stage, .. }
            | Self::Malformed { stage, .. }
            | Self::Timeout { stage, .. }
            | Self::NotOffered { stage, .. } => Some(*stage),
            Self::OrderInvalid { .. } => Some(Stage::Order),
            Self::AuthorizationInvalid(_) => Some(Stage::Authorization),
            Self::Key(_) => None,
        }
    }

    /// The CA's own words, if it gave any.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::OrderInvalid { order, failures } => order
                .error
                .as_ref()
                .or_else(|| failures.iter().find_map(Authorization::problem)),
            Self::AuthorizationInvalid(authorization) => authorization.problem(),
            Self::Directory { cause, .. } | Self::Nonce { cause, .. } => {
                cause.as_deref()?.problem()
            }
            Self::Timeout { source, .. } => source.as_deref()?.problem(),
            _ => None,
        }
    }

    /// Whose fault it is, and so which back-off applies.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Problem(problem) => problem.fault(),
            Self::OrderInvalid { .. } | Self::AuthorizationInvalid(_) => {
                self.problem().map_or(Fault::Validation, Problem::fault)
            }
            Self::Transport { fault, .. } if *fault == TransportFault::Tls => Fault::Configuration,
            Self::Status { status, .. } => match status {
                429 => Fault::RateLimited,
                408 | 500.. => Fault::Outage,
                _ => Fault::Configuration,
            },
            Self::Directory {
                cause: Some(cause), ..
            }
            | Self::Nonce {
                cause: Some(cause), ..
            } => cause.fault(),
            Self::Nonce { cause: None, .. } => Fault::Outage,
            Self::Transport { .. } | Self::Malformed { .. } => Fault::Outage,
            Self::Timeout { .. } => Fault::Transient,
            _ => Fault::Configuration,
        }
    }

    /// Whether the same step may succeed later with nothing changed here.
    pub fn is_retryable(&self) -> bool {
        match (self, self.problem()) {
            (Self::OrderInvalid { .. } | Self::AuthorizationInvalid(_), Some(problem)) => {
                problem.is_retryable()
            }
            (Self::Problem(problem), _) => problem.is_retryable(),
            _ => !matches!(self.fault(), Fault::Configuration),
        }
    }

    /// How long the CA asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem(problem) => problem.retry_after,
            Self::Status { retry_after, .. } | Self::Timeout { retry_after, .. } => *retry_after,
            Self::Directory { cause, .. } | Self::Nonce { cause, .. } => {
                cause.as_deref()?.retry_after()
            }
            _ => None,
        }
    }

    /// Whether newOrder may have been refused because of `replaces`: order once more without it.
    ///
    /// CAs refuse with 409, 403, 404 or `malformed` (RFC 9773 §5 and practice).
    pub fn may_be_due_to_replaces(&self) -> bool {
        let Self::Problem(problem) = self else {
            return false;
        };
        let kind = problem.kind();
        problem.stage == Some(Stage::NewOrder)
            && (matches!(
                kind,
                ProblemKind::AlreadyReplaced | ProblemKind::Malformed | ProblemKind::Conflict
            ) || matches!(problem.status, Some(403 | 404 | 409)))
    }

    /// What its reader can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Directory { cause, .. } | Self::Nonce { cause, .. } => match cause {
                Some(cause) if !matches!(**cause, Self::Problem(_)) => cause.remedy(),
                _ => CHECK_DIRECTORY.to_owned(),
            },
            Self::Transport { fault, .. } => fault.remedy().to_owned(),
            Self::Status { status: 500.., .. } => {
                "The CA or a proxy before it has trouble; it is tried again by itself.".to_owned()
            }
            Self::Status { status: 429, .. } => ProblemKind::RateLimited.remedy().to_owned(),
            Self::Status { .. } | Self::Malformed { .. } => CHECK_DIRECTORY.to_owned(),
            Self::Redirect { location, .. } => format!(
                "Enter the CA's final directory URL; a proxy that wants a log-in also redirects \
                 (here to {location})."
            ),
            Self::Timeout { .. } => {
                "The CA has not finished; the order is kept and asked for again.".to_owned()
            }
            Self::NotOffered { .. } => "Choose another CA for this, or do without it.".to_owned(),
            Self::Key(_) => "Register a new account with this CA.".to_owned(),
            Self::Configuration { .. } => "Correct the CA vendor's settings.".to_owned(),
            Self::Problem(_) | Self::OrderInvalid { .. } | Self::AuthorizationInvalid(_) => {
                self.problem().map_or_else(
                    || "Order again; the CA gives no reason.".to_owned(),
                    Problem::remedy,
                )
            }
        }
    }

    /// The sentence that NetScaler Console shows for it, for those who search for that.
    pub const fn alias(&self) -> Option<&'static str> {
        match self {
            Self::Directory { .. } | Self::Configuration { .. } => Some(
                "Cannot initialize API for the CA server. Please check the CA server configuration.",
            ),
            Self::Nonce { .. } => Some(
                "Could not get nonce from the CA server. Please check the CA server configuration.",
            ),
            _ => None,
        }
    }

    /// Whether asking again at once, or after `retry_after()`, makes sense within one operation.
    pub(crate) fn passes_soon(&self) -> bool {
        match self {
            Self::Transport { fault, .. } => *fault != TransportFault::Tls,
            Self::Status { .. } => self.is_retryable(),
            Self::Problem(problem) => {
                problem.kind() != ProblemKind::BadNonce
                    && problem.is_retryable()
                    && (matches!(problem.fault(), Fault::Outage) || problem.retry_after.is_some())
            }
            Self::Nonce { cause, .. } => cause.as_deref().is_some_and(Self::passes_soon),
            _ => false,
        }
    }

    /// Whether the CA surely did not act on the request.
    pub(crate) fn never_arrived(&self) -> bool {
        match self {
            Self::Transport { cause, fault, .. } => {
                cause.is_connect() && *fault != TransportFault::Tls
            }
            Self::Nonce { .. } => self.passes_soon(),
            Self::Status { status, .. } => *status == 503,
            Self::Problem(problem) => {
                problem.status == Some(503) && problem.kind() != ProblemKind::BadNonce
            }
            _ => false,
        }
    }

    /// Whether the CA may have acted on the request although no answer says so.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(
            self,
            Self::Transport { .. } | Self::Malformed { .. } | Self::Timeout { .. }
        ) || matches!(self, Self::Status { status: 500.., .. })
            || matches!(self, Self::Problem(p) if p.status.is_some_and(|status| status >= 500))
    }
}

const CHECK_DIRECTORY: &str = "Check the CA's directory URL: it must be the ACME directory itself, \
    reached without a log-in page, and its newNonce, newAccount and newOrder must work.";

/// The words of the failed request without step and URL, which the wrapping message has said.
fn describe_wrapped(reason: &str, cause: Option<&AcmeError>) -> String {
    let Some(cause) = cause else {
        return reason.to_owned();
    };
    let text = cause.to_string();
    let place = match cause {
        AcmeError::Transport { stage, url, .. }
        | AcmeError::Status { stage, url, .. }
        | AcmeError::Redirect { stage, url, .. }
        | AcmeError::Malformed { stage, url, .. }
        | AcmeError::Timeout { stage, url, .. } => format!("{stage} at {url}: "),
        AcmeError::Problem(_) => return format!("{reason}: {text}"),
        _ => String::new(),
    };
    text.strip_prefix(&place).unwrap_or(&text).to_owned()
}

/// The layer and the innermost cause, where that says more.
fn describe_lost(fault: TransportFault, cause: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = cause;
    while let Some(deeper) = innermost.source() {
        innermost = deeper;
    }
    match fault {
        TransportFault::Refused | TransportFault::TimedOut => fault.to_string(),
        _ => format!("{fault}: {innermost}"),
    }
}

fn describe_problem(problem: &Problem) -> String {
    let stage = problem
        .stage
        .map_or("asking the CA".to_owned(), |s| s.to_string());
    match problem.status {
        Some(status) => format!("{stage}: the CA answered {status}: {problem}"),
        None => format!("{stage}: the CA answered: {problem}"),
    }
}

fn describe_order(order: &Order, failures: &[Authorization]) -> String {
    let mut text = format!("the order {} became {}", order.url, order.status);
    if let Some(problem) = &order.error {
        text.push_str(&format!(": {problem}"));
    }
    for failure in failures {
        text.push_str(&format!("; {}", describe_authorization(failure)));
    }
    text
}

fn describe_authorization(authorization: &Authorization) -> String {
    let name = authorization.name();
    let status = &authorization.status;
    match authorization.problem() {
        Some(problem) => format!("the authorization of {name} is {status}: {problem}"),
        None => format!("the authorization of {name} is {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_member() -> AcmeError {
        AcmeError::Directory {
            url: "https://ca.test/dir".to_owned(),
            reason: "it lacks newNonce".to_owned(),
            cause: None,
        }
    }

    #[test]
    fn the_console_sentences_are_kept_as_aliases() {
        let nonce = AcmeError::Nonce {
            url: "https://ca.test/nonce".to_owned(),
            reason: "no Replay-Nonce header".to_owned(),
            cause: None,
        };

        assert_eq!(
            nonce.alias(),
            Some(
                "Could not get nonce from the CA server. Please check the CA server configuration."
            )
        );
        assert_eq!(
            missing_member().alias(),
            Some(
                "Cannot initialize API for the CA server. Please check the CA server configuration."
            )
        );
    }

    #[test]
    fn an_unusable_directory_waits_for_an_editor_and_a_proxy_page_does_not() {
        let page = AcmeError::Status {
            stage: Stage::Directory,
            url: "https://ca.test/dir".to_owned(),
            status: 502,
            excerpt: "<html>".to_owned(),
            retry_after: Some(Duration::from_secs(5)),
        };
        let wrapped = AcmeError::Directory {
            url: "https://ca.test/dir".to_owned(),
            reason: "it could not be read".to_owned(),
            cause: Some(Box::new(page)),
        };

        assert_eq!(missing_member().fault(), Fault::Configuration);
        assert!(!missing_member().is_retryable());
        assert_eq!(wrapped.fault(), Fault::Outage);
        assert_eq!(wrapped.retry_after(), Some(Duration::from_secs(5)));
        assert!(wrapped.passes_soon() || wrapped.is_retryable());
    }

    #[test]
    fn only_a_refused_new_order_blames_replaces() {
        let refused = |stage, status| {
            let mut problem = Problem::from_json(&serde_json::json!({"type": "about:blank"}));
            problem.stage = Some(stage);
            problem.status = Some(status);
            AcmeError::Problem(Box::new(problem))
        };

        for status in [403, 404, 409] {
            assert!(refused(Stage::NewOrder, status).may_be_due_to_replaces());
        }
        assert!(!refused(Stage::NewOrder, 429).may_be_due_to_replaces());
        assert!(!refused(Stage::Finalize, 403).may_be_due_to_replaces());
    }
}
