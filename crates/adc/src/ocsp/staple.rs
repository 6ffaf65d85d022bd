//! What is known of a record's status: the response to staple, how long it counts, when to ask again.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use evercert_x509::ocsp::Status;
use jiff::{SignedDuration, Timestamp};
use rustls::sign::CertifiedKey;

/// How long a failed question is not repeated.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(60);

/// The outcome of asking.
#[derive(Debug)]
pub(crate) struct Staple {
    /// The response as DER; empty where there was none.
    response: Vec<u8>,
    status: Option<Status>,
    asked_at: Timestamp,
    /// When the response runs out.
    until: Timestamp,
    failed: bool,
    /// The record's key and chain with the response, for handshakes.
    pub(crate) certified: ArcSwapOption<CertifiedKey>,
}

impl Staple {
    /// A response that is believed.
    pub(crate) fn new(response: Vec<u8>, status: Status, now: Timestamp, until: Timestamp) -> Self {
        Self {
            response,
            status: Some(status),
            asked_at: now,
            until,
            failed: false,
            certified: ArcSwapOption::empty(),
        }
    }

    /// No answer; an earlier one counts on.
    pub(crate) fn failed(earlier: Option<&Self>, now: Timestamp) -> Self {
        Self {
            response: earlier.map_or_else(Vec::new, |earlier| earlier.response.clone()),
            status: earlier.and_then(|earlier| earlier.status),
            asked_at: now,
            until: earlier.map_or(now, |earlier| earlier.until),
            failed: true,
            certified: ArcSwapOption::empty(),
        }
    }

    /// The response, if it says good and still counts; what is revoked is never vouched for.
    pub(crate) fn good(&self, now: Timestamp) -> Option<&[u8]> {
        (self.status == Some(Status::Good) && now < self.until).then_some(self.response.as_slice())
    }

    /// Whether a handshake at this time asks for something fresher.
    pub(crate) fn is_stale(&self, now: Timestamp, cache_timeout: SignedDuration) -> bool {
        let age = now.duration_since(self.asked_at);
        age >= if self.failed {
            AFTER_FAILURE
        } else {
            cache_timeout
        }
    }

    /// Whether half of its time is over.
    pub(crate) fn is_ageing(&self, now: Timestamp) -> bool {
        let whole = self.until.duration_since(self.asked_at);
        let age = now.duration_since(self.asked_at);
        age >= (whole / 2).max(AFTER_FAILURE)
    }

    /// In NetScaler's words for `ocspresponsestatus`, and two of ours.
    pub(crate) fn word(&self, now: Timestamp) -> &'static str {
        match self.status {
            Some(Status::Revoked { .. }) => "REVOKED",
            Some(Status::Unknown) => "UNKNOWN",
            Some(Status::Good) if now < self.until => "VALID",
            Some(Status::Good) => "EXPIRED",
            None => "NONE",
        }
    }

    /// The same key and chain with the response; made once.
    pub(crate) fn staple_to(
        &self,
        plain: &CertifiedKey,
        now: Timestamp,
    ) -> Option<Arc<CertifiedKey>> {
        let response = self.good(now)?;
        if let Some(made) = self.certified.load_full() {
            return Some(made);
        }
        let mut with = CertifiedKey::new(plain.cert.clone(), plain.key.clone());
        with.ocsp = Some(response.to_vec());
        let with = Arc::new(with);
        self.certified.store(Some(with.clone()));
        Some(with)
    }
}
