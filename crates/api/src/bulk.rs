//! `POST /api/v1/certificates/bulk`: the same done to many certificates.

use evercert_types::OperationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::certificate_lists::CertificateFilter;
use crate::problem::Problem;
use crate::revocations::RevocationReason;

/// What to do, and to which certificates: by name, or by what they have in common; at most 10,000.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// What to do.
    pub action: BulkAction,
    /// Names of certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Instead of names: what they have in common; at least one thing.
    #[serde(default, skip_serializing_if = "CertificateFilter::is_empty")]
    pub filter: CertificateFilter,
    /// CA vendor that shall renew them: needed by `switch_vendor`, allowed with `migrate_automatic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Confirms that certificates of another vendor come from that one from now on.
    #[serde(default)]
    pub confirm_vendor_change: bool,
    /// With `switch_vendor`: renew now, instead of when it is due.
    #[serde(default)]
    pub renew_now: bool,
    /// With `revoke_and_replace`: why.
    #[serde(default)]
    pub reason: RevocationReason,
    /// Only tell what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What can be done to many certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// The Console renews them from now on.
    MigrateAutomatic,
    /// The operator renews them from now on.
    MigrateManual,
    /// Renew now: they become due, and orders are made at the pace that the CA allows.
    Renew,
    /// Neither renew nor order them until they are resumed.
    Pause,
    /// Renew them again.
    Resume,
    /// Renew them through another CA vendor from now on.
    SwitchVendor,
    /// Order replacements, and revoke each version when its replacement is in force.
    RevokeAndReplace,
}

/// What was done to which certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BulkResult {
    /// Whether nothing was done in fact.
    pub dry_run: bool,
    /// How many were done at once.
    pub done: usize,
    /// For how many orders will be made.
    pub queued: usize,
    /// How many were so already.
    pub unchanged: usize,
    /// How many could not be done.
    pub refused: usize,
    /// Each certificate, in the order of the names given, or by name.
    pub items: Vec<BulkItem>,
}

/// What became of one certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BulkItem {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: BulkOutcome,
    /// In words, where the outcome does not say it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Why it could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The operation that follows it, if it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
}

/// What became of one certificate in a bulk action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkOutcome {
    /// It is done.
    Done,
    /// It is due now; its order follows.
    Queued,
    /// It was so already.
    Unchanged,
    /// It could not be done; the problem says why.
    Refused,
}
