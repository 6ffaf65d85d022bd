//! `/api/v1/certificates/{name}/challenges`: how the names of running orders are proved, and what waits for people.

use evercert_types::{KeyAlgorithm, OrderState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How one identifier of a running order is proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChallengeView {
    /// Key algorithm of the order.
    pub algorithm: KeyAlgorithm,
    /// The DNS name or IP address.
    pub identifier: String,
    /// `dns-01`, `dns-01-manual`, `http-01` or `tls-alpn-01`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The CA's word for how the authorization stands: `pending`, `valid`, …
    pub status: String,
    /// How far its order is.
    pub order_state: OrderState,
    /// Whether the order waits until the operator has written `record`.
    pub waits_for_operator: bool,
    /// The record that the operator writes, for `dns-01-manual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<TxtRecord>,
    /// When the CA gives the order up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A record to be written into the DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TxtRecord {
    /// Its full name, no final dot; behind CNAMEs, where those end.
    pub name: String,
    /// `TXT`.
    #[serde(rename = "type")]
    pub record_type: String,
    /// Its value, beside others that stand at the name.
    pub value: String,
    /// How long it may be cached, seconds.
    pub ttl: u32,
}

/// The operator says that the records are there: `POST /api/v1/certificates/{name}/challenges/confirm`; the body may be
/// left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmChallenges {
    /// Believe it though this Console cannot see them; default false.
    #[serde(default)]
    pub force: bool,
}
