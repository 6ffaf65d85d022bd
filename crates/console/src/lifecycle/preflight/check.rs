//! One check under way: what it is about, since when, and how it ended.

use std::time::Instant;

use evercert_api::preflight::{PreflightCheck, PreflightOutcome};

use crate::lifecycle::failure::Failure;

/// A check under way.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    name: &'static str,
    domain: Option<String>,
    since: Instant,
}

impl Probe {
    /// About everything; it begins now.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            domain: None,
            since: Instant::now(),
        }
    }

    /// About one domain; it begins now.
    pub(crate) fn about(name: &'static str, domain: &str) -> Self {
        Self {
            domain: Some(domain.to_owned()),
            ..Self::new(name)
        }
    }

    pub(crate) fn passed(self, detail: impl Into<String>) -> PreflightCheck {
        self.ended(PreflightOutcome::Passed, detail.into(), None)
    }

    pub(crate) fn warning(
        self,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> PreflightCheck {
        self.ended(
            PreflightOutcome::Warning,
            detail.into(),
            Some(remedy.into()),
        )
    }

    pub(crate) fn failed(
        self,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> PreflightCheck {
        self.ended(PreflightOutcome::Failed, detail.into(), Some(remedy.into()))
    }

    /// Not done, because of this.
    pub(crate) fn skipped(self, why: impl Into<String>) -> PreflightCheck {
        self.ended(PreflightOutcome::Skipped, why.into(), None)
    }

    /// Failed as an order would have.
    pub(crate) fn failed_as(self, failure: &Failure) -> PreflightCheck {
        PreflightCheck {
            known_as: failure.known_as.clone(),
            ..self.ended(
                PreflightOutcome::Failed,
                failure.message.clone(),
                failure.remedy.clone(),
            )
        }
    }

    fn ended(
        self,
        outcome: PreflightOutcome,
        detail: String,
        remedy: Option<String>,
    ) -> PreflightCheck {
        PreflightCheck {
            name: self.name.to_owned(),
            domain: self.domain,
            outcome,
            detail,
            known_as: None,
            remedy,
            duration_ms: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}
