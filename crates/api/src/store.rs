//! `/api/v1/zero-touch-store`: the store as a whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the zero-touch store stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ZeroTouchStore {
    /// Begins anew, and larger, when the Console was restored from a backup.
    pub epoch: i64,
    /// Counts up with every change.
    pub revision: i64,
    /// How many items it holds: one for each key algorithm of a certificate.
    pub items: u64,
    /// Until when instances are told that removing most of their set is meant.
    pub purge_intended_until: Option<Timestamp>,
}

/// Says that removing most of the store is meant: `POST /api/v1/zero-touch-store/purge-intent`.
///
/// Instances refuse to remove more than a fifth of their set at once, unless this stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeIntent {
    /// For how long it stands, such as `1h`, which is the default; at most `24h`.
    #[serde(default)]
    pub expires_in: Option<String>,
}
