//! `/api/v1/ca-vendors`: who issues.

use std::collections::BTreeMap;

use evercert_types::{DomainName, KeyAlgorithm, RenewalMode, Secret, StoreKind, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A CA vendor to add; saving it connects to the CA and registers the account.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCaVendor {
    /// Unique name, 1 to 64 letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// Code of a CA that the Console knows, see `GET /ca-vendors/types`; without it, the one that the directory URL
    /// belongs to, else `acme`.
    #[serde(default, rename = "type")]
    pub type_code: Option<String>,
    /// Which of the type's directories, where it has several: `staging`, `eu`; default: its usual one.
    #[serde(default)]
    pub environment: Option<String>,
    /// The ACME directory (RFC 8555 §7.1.1), https; may be left out where the type knows it.
    #[serde(default)]
    pub directory_url: Option<String>,
    /// Contact e-mail of the account.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether the terms of service were read and are agreed to, where the CA has some.
    #[serde(default)]
    pub terms_agreed: bool,
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
    /// The same in whole days; one of the two.
    #[serde(default)]
    pub renew_before_days: Option<u32>,
    /// ACME profile to ask for.
    #[serde(default)]
    pub profile: Option<String>,
    /// Common name of the topmost issuer wanted, where the CA offers alternate chains.
    #[serde(default)]
    pub preferred_chain: Option<String>,
    /// Lifetime to ask for, such as `30d`, where the CA honours `notAfter` in orders.
    #[serde(default)]
    pub lifetime: Option<String>,
}

/// What to change of a CA vendor; an absent part stays as it is, `null` takes away what may be absent.
///
/// Another directory or binding registers a new account, and another bundle connects anew, before anything is saved.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaVendorChange {
    /// New name.
    #[serde(default)]
    pub name: Option<String>,
    /// Contact e-mail; the CA is told.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    /// Another directory.
    #[serde(default)]
    pub directory_url: Option<String>,
    /// Another directory of the vendor's type, by its code.
    #[serde(default)]
    pub environment: Option<String>,
    /// PEM of the roots for the directory's TLS certificate.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub ca_bundle: Option<Option<String>>,
    /// Key id of another external account binding.
    #[serde(default)]
    pub eab_kid: Option<String>,
    /// Its HMAC key.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub eab_hmac: Option<Secret<String>>,
    /// Registers a new account even if neither directory nor binding changes, as when the CA lost the old one.
    #[serde(default)]
    pub register_anew: bool,
    /// Agrees to the terms of service that the directory names now.
    #[serde(default)]
    pub terms_agreed: bool,
    /// Renew this long before expiry.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub renew_before: Option<Option<String>>,
    /// The same in whole days; one of the two.
    #[serde(default)]
    pub renew_before_days: Option<u32>,
    /// ACME profile to ask for.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub profile: Option<Option<String>>,
    /// Common name of the topmost issuer wanted.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub preferred_chain: Option<Option<String>>,
    /// Lifetime to ask for.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub lifetime: Option<Option<String>>,
}

/// A member that is there, be it `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A configured CA vendor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CaVendor {
    /// Its id.
    pub id: VendorId,
    /// Its unique name.
    pub name: String,
    /// Code of the CA it is, such as `lets-encrypt`; `acme` for one that the Console does not know.
    #[serde(default, rename = "type")]
    pub type_code: String,
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
    /// Lifetime asked for.
    #[serde(default)]
    pub lifetime: Option<String>,
    /// The terms of service that were agreed to.
    #[serde(default)]
    pub terms_agreed: Option<String>,
    /// What the directory offers.
    pub capabilities: Capabilities,
    /// What is known of the CA beyond its directory.
    #[serde(default)]
    pub traits: VendorTraits,
    /// URL of the account at the CA, once registered.
    pub account_url: Option<String>,
    /// How many certificates are issued through it.
    pub certificates: u64,
    /// What somebody should look at.
    #[serde(default)]
    pub warnings: Vec<VendorWarning>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A vendor just added, with what the scan of both stores found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AddedCaVendor {
    /// The vendor.
    #[serde(flatten)]
    pub vendor: CaVendor,
    /// Certificates by issuing CA: this one first, then `Other CA`.
    pub scan: Vec<IssuerCount>,
}

/// Something about a vendor that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VendorWarning {
    /// Stable code: `account.missing`, `account.changed`, `capabilities.old`, `contact.refused`, `profile.vanished`,
    /// `renew_before.long`, `terms.changed`.
    pub code: String,
    /// What it is.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What a CA's directory says it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capabilities {
    /// ACME Renewal Information (RFC 9773).
    pub ari: bool,
    /// Names of the profiles on offer.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// What the CA says about each of them: a text or a URL.
    #[serde(default)]
    pub profile_descriptions: BTreeMap<String, String>,
    /// Whether an account needs an external account binding.
    pub eab_required: bool,
    /// Terms of service.
    #[serde(default)]
    pub terms_of_service: Option<String>,
    /// The CA's site.
    #[serde(default)]
    pub website: Option<String>,
    /// What the CA calls itself in CAA records.
    #[serde(default)]
    pub caa_identities: Vec<String>,
    /// Whether account keys can be changed (RFC 8555 §7.3.5).
    #[serde(default)]
    pub key_change: bool,
    /// Whether certificates can be revoked (RFC 8555 §7.6).
    #[serde(default)]
    pub revocation: bool,
    /// Whether names can be authorized before an order (RFC 8555 §7.4.1).
    #[serde(default)]
    pub pre_authorization: bool,
    /// Whether the account lists its orders (RFC 8555 §7.1.2.1); absent: not known.
    #[serde(default)]
    pub orders_list: Option<bool>,
    /// When the directory was read.
    #[serde(default)]
    pub read_at: Option<Timestamp>,
}

/// What is known of a CA beyond its directory; `depends` means: by product or account, or not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VendorTraits {
    /// External account binding: `not_used`, `optional`, `required`, `required_once` (good for one account).
    pub eab: String,
    /// Renewal information: `yes`, `no`, `depends`; a directory's own word comes first.
    pub ari: String,
    /// Wildcard names: `yes`, `no`, `depends`.
    pub wildcard: String,
    /// IP addresses: `yes`, `no`, `depends`.
    pub ip_identifiers: String,
    /// Whether an asked-for lifetime is honoured: `yes`, `no`, `depends`.
    pub not_after: String,
    /// Whether a CNAME at `_acme-challenge` is followed: `yes`, `no`, `depends`.
    pub cname_followed: String,
    /// Whether names may be validated beforehand, at the CA's portal: `yes`, `no`, `depends`.
    pub prevalidated: String,
    /// Most names in a certificate, where it is one number.
    pub max_names: Option<u16>,
    /// Certificate keys taken.
    pub key_types: Vec<KeyAlgorithm>,
    /// Account keys taken, as JWS algorithms; the first is used.
    pub account_keys: Vec<String>,
    /// Profiles that the CA was seen to offer.
    #[serde(default)]
    pub known_profiles: Vec<KnownProfile>,
    /// Requests at once, at most.
    pub max_concurrent_requests: u32,
    /// Requests a second, at most.
    pub requests_per_second: Option<u16>,
    /// Published rate limits.
    #[serde(default)]
    pub limits: Vec<VendorLimit>,
    /// What an operator should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A profile that a CA was seen to offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownProfile {
    /// Its name.
    pub name: String,
    /// Lifetime of its certificates, hours.
    pub lifetime_hours: u32,
    /// Most names.
    pub max_names: u16,
    /// IP addresses: `yes`, `no`, `depends`.
    pub ip_identifiers: String,
}

/// A rate limit that a CA publishes: a token bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VendorLimit {
    /// What is counted, such as `new_orders_per_account`.
    pub kind: String,
    /// The same in words.
    pub description: String,
    /// So many at once.
    pub burst: u32,
    /// Seconds until one more is allowed.
    pub refill_every_secs: u64,
    /// Whether orders that ARI asked for count nothing.
    pub exempt_ari: bool,
    /// Whether renewals of the same names count nothing.
    pub exempt_renewal: bool,
}

/// A CA that the Console knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VendorType {
    /// The word for it: `lets-encrypt`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Where it explains its ACME service.
    pub docs: String,
    /// Its directories, the usual one first; none where each customer has their own.
    pub environments: Vec<VendorEnvironment>,
    /// Whether an account needs a contact e-mail.
    pub email_required: bool,
    /// How to come by an external account binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eab_help: Option<String>,
    /// What it can do.
    pub traits: VendorTraits,
}

/// One of a CA's directories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VendorEnvironment {
    /// The word for it: `production`, `staging`, `eu`.
    pub code: String,
    /// What it is for.
    pub label: String,
    /// Its URL.
    pub url: String,
}

/// How many certificates a CA issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuerCount {
    /// Name of the CA, or `Other CA`.
    pub issuer: String,
    /// How many.
    pub count: u64,
}

/// The certificates of both stores as they stand to a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VendorCertificates {
    /// Over all of them, whatever page this is: by issuing CA, this one first, then `Other CA`. Those mapped to
    /// another vendor are not counted here.
    pub counts: Vec<IssuerCount>,
    /// How many are mapped to other vendors; they are in none of the lists until they are removed there.
    pub mapped_elsewhere: u64,
    /// Mapped to this vendor.
    pub selected: Vec<ScannedCertificate>,
    /// Issued by this CA, and mapped to no vendor.
    pub offered: Vec<ScannedCertificate>,
    /// Issued by another CA, and mapped to no vendor: adding one needs `confirm_vendor_change`.
    pub other: Vec<ScannedCertificate>,
    /// Pass it as `cursor` for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A certificate as the scan found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScannedCertificate {
    /// Its name.
    pub name: String,
    /// Its store.
    pub store: StoreKind,
    /// The names it is for.
    pub domains: Vec<DomainName>,
    /// Distinguished name of the issuer of the version in force; absent when none was issued yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The CA that this is, as far as its name tells; absent: one that the Console does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Whether this vendor's CA issued it.
    pub issued_here: bool,
    /// Who starts its renewals.
    pub renewal_mode: RenewalMode,
    /// The earliest expiry of its versions in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// Which certificates are to be renewed through a vendor; all of it or nothing.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VendorSelection {
    /// Names of certificates to renew automatically through this vendor.
    pub add: Vec<String>,
    /// Names of certificates to take from it: they are mapped to no vendor then, and renewed by hand.
    pub remove: Vec<String>,
    /// Confirms that certificates of another CA come from this one at their next renewal.
    pub confirm_vendor_change: bool,
}

/// How to remove a vendor.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct VendorRemoval {
    /// Also closes the account at the CA, for good.
    pub deactivate_account: bool,
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
    /// Whether it passed, or was not needed.
    pub ok: bool,
    /// Whether it was left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// What was found, why it was left out, or what went wrong.
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
