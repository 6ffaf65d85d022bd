//! `/api/v1/ca-vendors`: who issues.

use std::collections::BTreeMap;

use evercert_types::{DomainName, Secret, VendorId};
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

/// What a CA allows, what is used of it, and who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitsReport {
    /// Name of the vendor.
    pub vendor: String,
    /// Each limit; of those counted for each name or domain, every one that is in use.
    pub limits: Vec<LimitLine>,
    /// Names that failed since they last succeeded.
    pub names: Vec<FailingName>,
    /// Orders that wait for their next step, soonest first.
    pub waiting: Vec<WaitingOrder>,
    /// What an order of the names asked about would find; absent when none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderBudget>,
}

/// What an order would find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderBudget {
    /// The names asked about.
    pub domains: Vec<DomainName>,
    /// When it could be placed.
    pub ready_at: Timestamp,
    /// What it would wait for; absent: nothing.
    pub reason: Option<String>,
    /// How often it could be placed from now on without waiting; absent: no limit is known.
    pub left: Option<u32>,
}

/// One limit, as a token bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitLine {
    /// The limit, such as `new_orders_per_account`.
    pub kind: String,
    /// What is counted.
    pub description: String,
    /// For what: a registered domain, a set of names, a name; empty where nothing is told apart or nothing is used.
    pub subject: String,
    /// So many at once; 0: only the CA knows.
    pub burst: u32,
    /// So many are used.
    pub used: u32,
    /// So many are left.
    pub left: u32,
    /// Seconds until one more is allowed.
    pub refill_secs: u32,
    /// When the next can be had; absent: at once.
    pub next_at: Option<Timestamp>,
    /// When all can be had again; absent: now.
    pub full_at: Option<Timestamp>,
    /// Until when the CA itself asked to be left alone.
    pub held_until: Option<Timestamp>,
    /// Which orders count nothing: `ari`, those that replace a certificate inside its renewal window; `renewal`, those
    /// for names issued together in the last 120 days.
    pub exempt: Vec<String>,
    /// Whether an operator set it.
    pub own: bool,
}

/// A name that failed since it last succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailingName {
    /// The name without `*.`.
    pub name: String,
    /// How often in a row.
    pub failures: u64,
    /// After how many it is left alone.
    pub left_alone_after: u32,
    /// When last.
    pub failed_at: Timestamp,
    /// Until when it is left alone; absent: it may be tried.
    pub left_alone_until: Option<Timestamp>,
    /// Where the account's holder ends the CA's pause, if the CA paused it.
    pub unpause_url: Option<String>,
}

/// An order that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingOrder {
    /// Name of its certificate.
    pub certificate: String,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// Rate limits of the operator's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// By the word for the limit; what is absent goes back to what the vendor publishes.
    pub limits: BTreeMap<String, LimitSetting>,
}

/// One limit of the operator's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitSetting {
    /// So many at once; 0: no limit.
    pub burst: u32,
    /// Seconds until one more is allowed.
    #[serde(default)]
    pub refill_secs: u32,
    /// Which orders count nothing, of `ari` and `renewal`; absent: as the vendor says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<Vec<String>>,
}
