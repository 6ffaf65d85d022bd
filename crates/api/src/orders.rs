//! `/api/v1/orders`: the issuance and renewal log, one entry for each attempt.

use evercert_types::{DomainName, KeyAlgorithm, OperationId, OrderId, OrderState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::certificates::OrderError;

/// One attempt to issue or renew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderEntry {
    /// Its id.
    pub id: OrderId,
    /// Name of the certificate.
    pub certificate: String,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Name of the CA vendor; absent once that was removed.
    pub vendor: Option<String>,
    /// `issue` or `renew`.
    pub kind: String,
    /// Why it was made: `missing`, `forced`, `replaced`, `renewal_info`, `renew_before`, …
    pub reason: String,
    /// The reason in words.
    pub because: String,
    /// Who asked: `user:NAME`, `token:NAME` or `console`.
    pub actor: String,
    /// The operation it belongs to.
    pub operation: OperationId,
    /// How it ended, or that it has not.
    pub outcome: OrderOutcome,
    /// The last step that was persisted.
    pub state: OrderState,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How long it took, seconds.
    pub duration_secs: Option<i64>,
    /// What it failed with; of a running one, what its last step had to be tried again for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OrderError>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderOutcome {
    /// Not yet.
    Running,
    /// With a version in force.
    Succeeded,
    /// It was given up.
    Failed,
}

/// One attempt with its steps: `GET /api/v1/orders/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderDetail {
    /// The attempt.
    #[serde(flatten)]
    pub entry: OrderEntry,
    /// The names ordered.
    pub domains: Vec<DomainName>,
    /// ACME profile asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// ARI id of the certificate that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The order's URL at the CA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_url: Option<String>,
    /// The certificate's URL at the CA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_url: Option<String>,
    /// Generation of the version that it brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// What happened, oldest first.
    pub steps: Vec<OrderStep>,
}

/// One step of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderStep {
    /// When it was done.
    pub at: Timestamp,
    /// Stable name, such as `order.published` or `version.installed`.
    pub step: String,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// In one sentence.
    pub message: String,
    /// Milliseconds since the step before.
    pub took_ms: i64,
    /// The CA's problem document, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub problem: Option<serde_json::Value>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Details: names, URLs, the whole error.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}
