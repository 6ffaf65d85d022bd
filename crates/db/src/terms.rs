//! Terms: how a certificate, or everything of a vendor, is to be issued, beyond names and directory.

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use evercert_types::{ChallengeChoice, KeyCustody, ProfileMode, SubjectTerms};
use evercert_types::{DnsProviderId, VendorId};
use serde::{Deserialize, Serialize};

/// How a certificate is to be issued; an absent part means the default.
///
/// It is kept as JSON with the certificate, and copied to each order, so that an order under way keeps to what it
/// was made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// IP identifiers beside the DNS names (RFC 8738).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpAddr>,
    /// The subject asked for in the CSR.
    #[serde(skip_serializing_if = "SubjectTerms::is_empty")]
    pub subject: SubjectTerms,
    /// An uploaded CSR in PEM, used for every order as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// Where the private key lives.
    pub custody: KeyCustody,
    /// Requested lifetime in seconds (`notAfter` of the order, RFC 8555 §7.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_secs: Option<i64>,
    /// What a vanished ACME profile means.
    pub profile_mode: ProfileMode,
    /// Common name of the topmost issuer wanted; absent: the vendor's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_chain: Option<String>,
    /// The DNS provider that writes all its challenges; absent: by domain mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<DnsProviderId>,
    /// How names are proved; absent: DNS-01 where it can be, see the Console's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<ChallengeChoice>,
    /// When renewals may run, such as `Sat,Sun 02:00-05:00 Europe/Zurich`; absent: the Console's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<String>,
    /// The vendor that may stand in when the first one fails; absent: none may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<VendorId>,
    /// Keeps its orders to itself, though a certificate of the other store wants the same.
    #[serde(skip_serializing_if = "is_false")]
    pub alone: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What an operator chose for a vendor beyond its directory; an absent part means the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VendorOptions {
    /// Code of the built-in vendor it is one of, such as `lets-encrypt`; absent: a directory of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_code: Option<String>,
    /// The terms of service that were agreed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_agreed: Option<String>,
    /// Lifetime asked for in seconds, where the CA honours `notAfter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_secs: Option<i64>,
    /// Rate limits of the operator's own, by the word for the limit; they come before the vendor's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, LimitTerms>,
}

/// A rate limit as a token bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitTerms {
    /// So many at once; 0: no limit.
    pub burst: u32,
    /// Seconds until one more is allowed.
    pub refill_secs: u32,
    /// Orders that count nothing, `ari` and `renewal`; absent: as the vendor says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<Vec<String>>,
}
