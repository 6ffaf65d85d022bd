//! `/api/v1/operations`: long-running requests and how far they got.

use evercert_types::{KeyAlgorithm, OperationId, OrderState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::certificates::{LogEntry, OrderError};
use crate::revocations::RevocationProgress;

/// A long-running request, such as an issuance of two key algorithms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// `issue`, `renew` or `revoke`.
    pub kind: String,
    /// Name of the certificate.
    pub certificate: Option<String>,
    /// `running`, `succeeded` or `failed`.
    pub state: OperationState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Its orders, one a key algorithm.
    pub orders: Vec<OrderProgress>,
    /// What it revokes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocations: Vec<RevocationProgress>,
    /// What happened so far, oldest first.
    pub steps: Vec<LogEntry>,
}

/// Whether an operation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// Some order is not finished.
    Running,
    /// Every order brought a version into force.
    Succeeded,
    /// At least one order was given up.
    Failed,
}

/// How far one order got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderProgress {
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// The last persisted step.
    pub state: OrderState,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OrderError>,
}
