//! `/api/v1/ca-vendors`: who issues.

use evercert_types::{Secret, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A CA vendor to add; saving it connects to the CA and registers the account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCaVendor {
    /// Unique name, 1 to 64 letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// The ACME directory (RFC 8555 §7.1.1), https.
    pub directory_url: String,
    /// Contact e-mail of the account.
    #[serde(default)]
    pub email: Option<String>,
    /// PEM of the roots that the directory's TLS certificate is checked against; default: the system's.
    #[serde(default)]
    pub ca_bundle: Option<String>,
    /// External account binding: key id (RFC 8555 §7.3.4).
    #[serde(default)]
    pub eab_kid: Option<String>,
    /// External account binding: HMAC key in base64url, as the CA shows it.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub eab_hmac: Option<Secret<String>>,
    /// Renew this long before expiry, such as `30d`; default: a third of the lifetime, a half below 10 days.
    #[serde(default)]
    pub renew_before: Option<String>,
    /// ACME profile to ask for.
    #[serde(default)]
    pub profile: Option<String>,
    /// Common name of the topmost issuer wanted, where the CA offers alternate chains.
    #[serde(default)]
    pub preferred_chain: Option<String>,
}

/// A configured CA vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaVendor {
    /// Its id.
    pub id: VendorId,
    /// Its unique name.
    pub name: String,
    /// The ACME directory.
    pub directory_url: String,
    /// Contact e-mail of the account.
    pub email: Option<String>,
    /// Key id of the external account binding, if one is used; its secret is never shown.
    pub eab_kid: Option<String>,
    /// Renew this long before expiry; absent: by fraction of the lifetime.
    pub renew_before: Option<String>,
    /// ACME profile asked for.
    pub profile: Option<String>,
    /// Wanted topmost issuer.
    pub preferred_chain: Option<String>,
    /// What the directory offers.
    pub capabilities: Capabilities,
    /// URL of the account at the CA, once registered.
    pub account_url: Option<String>,
    /// How many certificates are issued through it.
    pub certificates: u64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// What a CA's directory says it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capabilities {
    /// ACME Renewal Information (RFC 9773).
    pub ari: bool,
    /// Names of the profiles on offer.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Whether an account needs an external account binding.
    pub eab_required: bool,
    /// Terms of service.
    #[serde(default)]
    pub terms_of_service: Option<String>,
    /// What the CA calls itself in CAA records.
    #[serde(default)]
    pub caa_identities: Vec<String>,
}

/// The outcome of a test, step by step; used for CA vendors and DNS providers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestReport {
    /// Whether every step passed.
    pub ok: bool,
    /// The steps in order; those after a failed one are absent.
    pub steps: Vec<TestStep>,
}

/// One step of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestStep {
    /// What was tried, such as `directory`, `nonce`, `account`, `find zone`, `write TXT`.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What was found, or what went wrong.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}
