//! Terms: how a certificate, or everything of a vendor, is to be issued, beyond names and directory.

use std::net::IpAddr;

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
}

/// The parts of a subject (RFC 5280 §4.1.2.6) that an operator can ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTerms {
    /// `CN`; absent: none is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// `O`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// `OU`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<String>,
    /// `L`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// `ST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `C`, two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// `emailAddress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl SubjectTerms {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a certificate's private key lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCustody {
    /// In the Console, sealed.
    #[default]
    Console,
    /// Elsewhere: the Console knows the CSR only. Never in the zero-touch store.
    External,
}

/// What a vanished ACME profile means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileMode {
    /// The order goes on without it, with a warning.
    #[default]
    Preferred,
    /// The order fails.
    Required,
}

/// How an operator wants names to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChallengeChoice {
    /// A TXT record, written by a provider.
    #[serde(rename = "dns-01")]
    Dns01,
    /// A TXT record, written by the operator: the order waits for it.
    #[serde(rename = "dns-01-manual")]
    Dns01Manual,
    /// A file at `/.well-known/acme-challenge/`, served by the instances in scope or the Console (RFC 8555 §8.3).
    #[serde(rename = "http-01")]
    Http01,
    /// A TLS handshake with `acme-tls/1`, answered likewise (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
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
}
