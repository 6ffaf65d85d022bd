//! How a certificate is issued beyond names, vendor and store: as it is asked for, changed and shown.

use std::net::IpAddr;

use evercert_types::{ChallengeChoice, KeyCustody, ProfileMode, SubjectTerms};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// How a certificate is issued; what is absent follows vendor and Console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssueTerms {
    /// IP addresses it is for, beside its domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub ips: Vec<IpAddr>,
    /// The subject asked for.
    #[serde(default, skip_serializing_if = "SubjectTerms::is_empty")]
    pub subject: SubjectTerms,
    /// Where its private key lives: `console`, or `external` when only a CSR was given.
    #[serde(default)]
    pub custody: KeyCustody,
    /// The uploaded CSR in PEM that every order uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr_pem: Option<String>,
    /// Whether a renewal keeps the key.
    #[serde(default)]
    pub reuse_key: bool,
    /// ACME profile; absent: the vendor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What happens when the CA has the profile no more.
    #[serde(default)]
    pub profile_mode: ProfileMode,
    /// Common name of the topmost issuer wanted; absent: the vendor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_chain: Option<String>,
    /// Lifetime asked for, such as `30d`; absent: the CA's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<String>,
    /// The DNS provider that proves all its names; absent: by domain mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_provider: Option<String>,
    /// How its names are proved; absent: DNS-01 where that is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<ChallengeChoice>,
    /// Name of the CA vendor that may stand in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<String>,
    /// When renewals may run; absent: the Console's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<String>,
    /// Whether one order may serve a certificate of the other store as well that wants the very same.
    #[serde(default = "yes")]
    pub share: bool,
}

pub(crate) const fn yes() -> bool {
    true
}

/// Reads a member that may be null: absent is `None`, null is `Some(None)`.
pub(crate) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(d).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_the_default() {
        let terms: IssueTerms = serde_json::from_str("{}").unwrap();

        assert!(terms.share);
        assert_eq!(terms.custody, KeyCustody::Console);
        let text = serde_json::to_string(&terms).unwrap();
        assert_eq!(serde_json::from_str::<IssueTerms>(&text).unwrap(), terms);
    }
}
