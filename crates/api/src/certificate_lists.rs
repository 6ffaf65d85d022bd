//! `/api/v1/certificates/summary` and `/duplicates`: the stores at a glance.

use std::collections::BTreeMap;

use evercert_types::{CertificateState, DomainName, RenewalMode, StoreKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which certificates: `GET /api/v1/certificates`, its summary, and the filter of a bulk action.
///
/// What is absent does not restrict; what is there must hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CertificateFilter {
    /// `automatic` or `manual`: the two tabs of the renewals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewal_mode: Option<RenewalMode>,
    /// `certificate` or `zero_touch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreKind>,
    /// Name of a CA vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// One or more states, separated by commas: `failing,blocked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Labels that it carries: `site=fra,tier=edge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Part of the issuer of a version in force, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Part of the name, or of one of its domains, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// A version in force ends before: an instant (RFC 3339), or a span from now such as `30d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_before: Option<String>,
    /// A key is due before: an instant (RFC 3339), or a span from now such as `7d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_before: Option<String>,
}

impl CertificateFilter {
    /// Whether it lets every certificate through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Counts of certificates: `GET /api/v1/certificates/summary`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateSummary {
    /// All of them.
    pub total: u64,
    /// By state; every state is there.
    pub by_state: BTreeMap<CertificateState, u64>,
    /// By who starts renewals; both are there.
    pub by_renewal_mode: BTreeMap<RenewalMode, u64>,
    /// By store; both are there.
    pub by_store: BTreeMap<StoreKind, u64>,
    /// By name of the CA vendor; those without one stand under the empty name.
    pub by_vendor: BTreeMap<String, u64>,
    /// How many share all their names with another certificate.
    pub duplicates: u64,
}

/// Certificates with the very same names: an entry of `GET /api/v1/certificates/duplicates`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DuplicateGroup {
    /// The names.
    pub domains: Vec<DomainName>,
    /// Who has them, by name.
    pub certificates: Vec<Duplicate>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Duplicate {
    /// Its name.
    pub name: String,
    /// Its store.
    pub store: StoreKind,
    /// Name of its CA vendor.
    pub vendor: Option<String>,
    /// Who starts its renewals.
    pub renewal_mode: RenewalMode,
}
