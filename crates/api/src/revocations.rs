//! `POST /api/v1/certificates/{name}/revoke`: taking back what a CA has signed.

use evercert_types::KeyAlgorithm;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::certificates::OrderError;

/// What to revoke, and why; the body may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RevokeRequest {
    /// Why; default `unspecified`.
    pub reason: RevocationReason,
    /// Which generation; default the one in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Which key algorithm; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyAlgorithm>,
    /// Order a replacement first, and revoke when that is in force.
    pub replace: bool,
    /// Name of the CA vendor that issued it, where that is not known, as of an imported certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
}

/// Why a certificate is revoked: the reasons that CAs take from subscribers (RFC 5280 §5.3.1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum RevocationReason {
    /// 0: no reason is given.
    #[default]
    Unspecified,
    /// 1: the private key is known to others; a replacement gets a new key in any case.
    #[serde(alias = "key_compromise")]
    KeyCompromise,
    /// 3: the organisation's name or affiliation changed.
    #[serde(alias = "affiliation_changed")]
    AffiliationChanged,
    /// 4: another certificate took its place.
    Superseded,
    /// 5: the names are no longer used.
    #[serde(alias = "cessation_of_operation")]
    CessationOfOperation,
}

/// Which chains to build anew: `POST /api/v1/certificates/{name}/rebuild-chain`; the body may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RebuildRequest {
    /// Which key algorithm; default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyAlgorithm>,
}

/// How far one revocation is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevocationProgress {
    /// Key algorithm of the version.
    pub algorithm: KeyAlgorithm,
    /// Its generation.
    pub generation: i64,
    /// Why it is revoked.
    pub reason: RevocationReason,
    /// `waiting` for its replacement, `pending`, `done` or `failed`.
    pub state: String,
    /// What the last attempt failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OrderError>,
}

impl RevocationReason {
    /// Every reason, by its code.
    pub const ALL: [Self; 5] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
    ];

    /// Its name in RFC 5280.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
        }
    }
}

impl std::fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for RevocationReason {
    type Err = String;

    /// Reads the name, in any case and with or without `_` and `-`, or the code.
    fn from_str(text: &str) -> Result<Self, String> {
        let plain: String = text
            .chars()
            .filter(|c| !matches!(c, '_' | '-'))
            .flat_map(char::to_lowercase)
            .collect();
        let codes = ["0", "1", "3", "4", "5"];
        Self::ALL
            .into_iter()
            .zip(codes)
            .find(|(reason, code)| reason.as_str().to_lowercase() == plain || *code == plain)
            .map(|(reason, _)| reason)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::as_str).join(", ");
                format!("\"{text}\" is no reason for a revocation; use one of {names}")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_as_they_are_written_and_otherwise() {
        for reason in RevocationReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        for text in ["key_compromise", "KeyCompromise", "key-compromise", "1"] {
            assert_eq!(text.parse(), Ok(RevocationReason::KeyCompromise), "{text}");
        }
        for text in ["2", "cACompromise", ""] {
            assert!(text.parse::<RevocationReason>().is_err(), "{text}");
        }
    }
}
