//! `/api/v1/certificates/preflight`: whether an order would succeed, before it is placed.

use std::net::IpAddr;

use evercert_types::KeyAlgorithm;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What would be ordered: `POST /api/v1/certificates/preflight`. Nothing is saved, nothing is ordered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreflightRequest {
    /// The names, as they were written: what is wrong with one is told as a check of its own.
    pub domains: Vec<String>,
    /// IP addresses beside the names.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub ips: Vec<IpAddr>,
    /// Name of the CA vendor.
    pub vendor: String,
    /// Key algorithms; default `ecdsa-p256`.
    #[serde(default)]
    pub keys: Vec<KeyAlgorithm>,
    /// ACME profile; default the vendor's.
    #[serde(default)]
    pub profile: Option<String>,
    /// `dns-01` (default), `dns-01-manual`, `http-01` or `tls-alpn-01`.
    #[serde(default)]
    pub challenge: Option<String>,
    /// Name of the DNS provider for all names; default by domain mapping.
    #[serde(default)]
    pub provider: Option<String>,
    /// Whether a TXT value is written at each challenge name and removed again; default true.
    #[serde(default)]
    pub write: Option<bool>,
}

/// How to try a stored certificate's next renewal: `POST /api/v1/certificates/{name}/preflight`; the body may be
/// left out. The certificate is not touched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreflightOptions {
    /// Another CA vendor to try it with; default its own.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Whether a TXT value is written at each challenge name and removed again; default true.
    #[serde(default)]
    pub write: Option<bool>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreflightReport {
    /// Whether no check failed: warnings do not count.
    pub ok: bool,
    /// How many checks failed.
    pub failed: u32,
    /// How many have a warning.
    pub warnings: u32,
    /// The checks in order.
    pub checks: Vec<PreflightCheck>,
    /// When it was done.
    pub at: Timestamp,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreflightCheck {
    /// Stable name, such as `names`, `directory`, `mapping`, `write`, `caa`.
    pub name: String,
    /// Which domain it is about; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// How it ended.
    pub outcome: PreflightOutcome,
    /// What was found, or why it was left out.
    pub detail: String,
    /// The sentence that NetScaler Console shows for it, where it has one; `detail` begins with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_as: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PreflightOutcome {
    /// All is well.
    Passed,
    /// An order may fail for it, or soon will.
    Warning,
    /// An order would fail.
    Failed,
    /// Not done; the detail says why.
    Skipped,
}
