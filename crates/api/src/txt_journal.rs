//! `/api/v1/dns-providers/{name}/journal`: the TXT values that were written through a provider and are not removed.

use evercert_types::OrderId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A TXT value that stands at a provider, or may stand there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalValue {
    /// At which name.
    pub name: String,
    /// Which value.
    pub value: String,
    /// How far it is.
    pub state: JournalValueState,
    /// For which order it was written; tests and preflights count as one.
    pub order: OrderId,
    /// When it was planned.
    pub created_at: Timestamp,
    /// How often its removal failed.
    pub attempts: u32,
    /// When its removal is tried again; absent while its order is in charge, and when it is tried at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<Timestamp>,
    /// What the last removal failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// How far a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JournalValueState {
    /// It is being written, or may have been.
    Intended,
    /// It stands.
    Written,
    /// It could not be removed: that is tried every hour for a week, then every day.
    NotRemoved,
}

/// What comes of `POST /api/v1/dns-providers/{name}/journal/retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalRetry {
    /// How many values are tried to be removed again, now.
    pub values: u64,
}
