//! The requests that came, for assertions.

use std::collections::VecDeque;

use axum::http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::jws::Jws;
use super::problem::Problem;
use super::world::Call;

/// One request as it came, believed or not.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// What the path is.
    pub endpoint: Endpoint,
    /// The payload; null for POST-as-GET, and for what is no signed message.
    pub payload: Value,
    /// The account URL it claims to come from.
    pub account: Option<String>,
    /// When it came, by the stub's clock.
    pub at: Timestamp,
    /// The status it was answered with; 200 for what was not answered.
    pub status: u16,
}

/// The newest requests.
#[derive(Debug)]
pub(super) struct Journal {
    entries: VecDeque<Recorded>,
    limit: usize,
}

impl Journal {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            limit,
        }
    }

    /// Notes a request; the answer's status follows.
    pub(super) fn note(
        &mut self,
        call: &Call,
        endpoint: Endpoint,
        jws: Option<&Result<Jws, Problem>>,
        at: Timestamp,
    ) -> Recorded {
        let jws = jws.and_then(|jws| jws.as_ref().ok());
        Recorded {
            method: call.method.clone(),
            path: call.path.clone(),
            endpoint,
            payload: jws.and_then(|jws| jws.json().ok()).unwrap_or_default(),
            account: jws.and_then(|jws| jws.member("kid")).map(str::to_owned),
            at,
            status: 0,
        }
    }

    pub(super) fn answered(&mut self, mut entry: Recorded, status: u16) {
        if self.limit == 0 {
            return;
        }
        if self.entries.len() >= self.limit {
            self.entries.pop_front();
        }
        entry.status = status;
        self.entries.push_back(entry);
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Recorded> {
        self.entries.iter()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}
