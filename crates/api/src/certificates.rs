//! `/api/v1/certificates`: the two stores.

use std::net::IpAddr;

use evercert_types::{
    CertificateId, CertificateState, ChallengeChoice, DomainName, Fingerprint, ItemState,
    KeyAlgorithm, Labels, OperationId, ProfileMode, RenewalMode, Secret, Selector, StoreKind,
    SubjectTerms, VersionId, VersionState,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::renewals::Renewal;
use crate::terms::{IssueTerms, nullable, yes};

/// A certificate to issue: `POST /api/v1/certificates`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// Unique name, 1 to 128 letters, digits, `-`, `_`, `.`, `*`.
    pub name: String,
    /// The names it is for, U-labels allowed; the first becomes the common name where the CA sets one. May be left
    /// out with `ips` or `csr_pem`.
    #[serde(default)]
    pub domains: Vec<DomainName>,
    /// IP addresses it is for (RFC 8738); proved by HTTP-01 or TLS-ALPN-01 only.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub ips: Vec<IpAddr>,
    /// Name of the CA vendor.
    #[serde(default)]
    pub vendor: String,
    /// Which store it goes to, for good.
    pub store: StoreKind,
    /// One key algorithm, or two of different families; default that of the uploaded key or CSR, else `ecdsa-p256`.
    #[serde(default)]
    pub keys: Vec<KeyAlgorithm>,
    /// A private key in PEM to use instead of a new one: for the first order, and with `reuse_key` for all.
    #[serde(default, skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    pub key_pem: Option<Secret<String>>,
    /// A CSR in PEM that is sent as it is. Without `key_pem` its key is elsewhere: the certificate store only.
    #[serde(default)]
    pub csr_pem: Option<String>,
    /// The subject asked for; default none: the names are enough.
    #[serde(default)]
    pub subject: SubjectTerms,
    /// Whether the Console renews it.
    #[serde(default)]
    pub auto_renew: bool,
    /// Which instances it goes to; default all.
    #[serde(default)]
    pub scope: Selector,
    /// Free labels.
    #[serde(default)]
    pub labels: Labels,
    /// Whether a renewal keeps the key; default a new key each time.
    #[serde(default)]
    pub reuse_key: bool,
    /// ACME profile; default the vendor's.
    #[serde(default)]
    pub profile: Option<String>,
    /// What happens when the CA has the profile no more; default `preferred`: the order goes on without.
    #[serde(default)]
    pub profile_mode: ProfileMode,
    /// Common name, or SHA-256 fingerprint, of the topmost issuer wanted; default the vendor's.
    #[serde(default)]
    pub preferred_chain: Option<String>,
    /// Lifetime to ask for, such as `30d`, where the CA honours it.
    #[serde(default)]
    pub lifetime: Option<String>,
    /// The DNS provider that proves all names; default by domain mapping.
    #[serde(default)]
    pub dns_provider: Option<String>,
    /// How names are proved; default DNS-01 where that is possible.
    #[serde(default)]
    pub challenge: Option<ChallengeChoice>,
    /// Name of the CA vendor that may stand in when the first one fails.
    #[serde(default)]
    pub failover: Option<String>,
    /// When renewals may run, such as `Sat,Sun 02:00-05:00 Europe/Zurich`; default the Console's setting.
    #[serde(default)]
    pub maintenance: Option<String>,
    /// Whether one order may serve a certificate of the other store as well that wants the very same; default true.
    #[serde(default = "yes")]
    pub share: bool,
    /// Issue although a certificate with the same configuration exists.
    #[serde(default)]
    pub force: bool,
}

impl IssueRequest {
    /// A request with every default.
    pub fn new(
        name: impl Into<String>,
        domains: Vec<DomainName>,
        vendor: impl Into<String>,
        store: StoreKind,
    ) -> Self {
        Self {
            name: name.into(),
            domains,
            ips: Vec::new(),
            vendor: vendor.into(),
            store,
            keys: Vec::new(),
            key_pem: None,
            csr_pem: None,
            subject: SubjectTerms::default(),
            auto_renew: false,
            scope: Selector::default(),
            labels: Labels::new(),
            reuse_key: false,
            profile: None,
            profile_mode: ProfileMode::default(),
            preferred_chain: None,
            lifetime: None,
            dns_provider: None,
            challenge: None,
            failover: None,
            maintenance: None,
            share: true,
            force: false,
        }
    }
}

/// A certificate made elsewhere: `POST /api/v1/certificates/import`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// Name; an existing certificate of that name gets a new version.
    pub name: String,
    /// Which store it goes to; must agree with an existing certificate's.
    pub store: StoreKind,
    /// Leaf and intermediates in PEM, in any order; a private key may stand among them.
    #[serde(default)]
    pub chain_pem: String,
    /// Instead of `chain_pem`: the Base64 of a file in PEM, DER or PKCS#12, with the key where it holds one.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub content: Option<Secret<String>>,
    /// What `content` is; default told by what is in it.
    #[serde(default)]
    pub format: ImportFormat,
    /// Opens `content` or the key, where they are encrypted.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Secret<String>>,
    /// The leaf's private key in PEM; may be left out in the certificate store only.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub key_pem: Option<Secret<String>>,
    /// Instead of `key_pem`: the Base64 of a key file in PEM or DER.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub key_content: Option<Secret<String>>,
    /// Free labels of a new certificate.
    #[serde(default)]
    pub labels: Labels,
    /// Which instances it goes to; default all.
    #[serde(default)]
    pub scope: Selector,
    /// Vendor that shall renew it.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Whether the Console renews it; needs a vendor.
    #[serde(default)]
    pub auto_renew: bool,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportFormat {
    /// What its contents say.
    #[default]
    Auto,
    /// Text.
    Pem,
    /// One certificate in binary.
    Der,
    /// `.p12` or `.pfx`.
    Pkcs12,
}

/// How to renew: `POST /api/v1/certificates/{name}/renew`; the body may be left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// Renew now, even where nothing is due; default true.
    #[serde(default)]
    pub force: Option<bool>,
}

/// What an export holds: `POST /api/v1/certificates/{name}/export`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Which key algorithm's version; default the first.
    #[serde(default)]
    pub key: Option<KeyAlgorithm>,
    /// Whether the private key is wanted; needs the right, and is audited.
    #[serde(default)]
    pub with_key: bool,
    /// In which format; PKCS#12 holds the key in any case.
    #[serde(default)]
    pub format: ExportFormat,
    /// What of it; DER holds one thing, the leaf or the key.
    #[serde(default)]
    pub part: ExportPart,
    /// PKCS#12 as old appliances and Windows Server 2016 read it.
    #[serde(default)]
    pub legacy: bool,
    /// Protects the key; PKCS#12 needs one.
    #[serde(default, skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Secret<String>>,
    /// Which generation; default the one in force.
    #[serde(default)]
    pub generation: Option<i64>,
}

/// In which format an export is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Text: `chain_pem` and `key_pem`.
    #[default]
    Pem,
    /// One certificate or key in binary: `content`.
    Der,
    /// Chain and key under a password: `content`.
    Pkcs12,
}

/// What of a version is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportPart {
    /// Leaf and intermediates.
    #[default]
    FullChain,
    /// The leaf alone.
    Leaf,
    /// What stands above the leaf.
    Intermediates,
    /// The private key alone.
    Key,
}

impl ExportRequest {
    /// Whether the export holds a private key, and so needs the right.
    pub fn holds_key(&self) -> bool {
        self.with_key || self.format == ExportFormat::Pkcs12 || self.part == ExportPart::Key
    }
}

/// An exported version. It is a secret when it holds a key: it has no `Debug`.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Export {
    /// In PEM: the part asked for, leaf first.
    #[serde(default)]
    pub chain_pem: String,
    /// In PEM: the private key in PKCS#8, encrypted where a password was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_pem: Option<String>,
    /// In DER and PKCS#12: the file, Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// A name for the file.
    #[serde(default)]
    pub file_name: String,
    /// Its media type.
    #[serde(default)]
    pub media_type: String,
}

/// What may be changed: `PATCH /api/v1/certificates/{name}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateChange {
    /// Move between automatic and manual renewal.
    #[serde(default)]
    pub renewal_mode: Option<RenewalMode>,
    /// Another scope.
    #[serde(default)]
    pub scope: Option<Selector>,
    /// Other labels.
    #[serde(default)]
    pub labels: Option<Labels>,
    /// Another CA vendor from the next renewal on; must be confirmed.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Confirms a change of vendor.
    #[serde(default)]
    pub confirm_vendor_change: bool,
    /// Pause it, or resume it.
    #[serde(default)]
    pub paused: Option<bool>,
    /// Other names; the next order is due at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<DomainName>>,
    /// Other IP addresses; the next order is due at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub ips: Option<Vec<IpAddr>>,
    /// Another subject from the next order on; an empty one asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectTerms>,
    /// All key algorithms from now on: new ones are issued, those left out are no longer served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<KeyAlgorithm>>,
    /// A private key in PEM for the next order.
    #[serde(default, skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    pub key_pem: Option<Secret<String>>,
    /// Another CSR in PEM for the next order and those after it; null: the Console makes CSRs itself.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(value_type = Option<String>)]
    pub csr_pem: Option<Option<String>>,
    /// Whether a renewal keeps the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse_key: Option<bool>,
    /// ACME profile from the next order on; null: the vendor's.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(value_type = Option<String>)]
    pub profile: Option<Option<String>>,
    /// What happens when the CA has the profile no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_mode: Option<ProfileMode>,
    /// Common name of the topmost issuer wanted; null: the vendor's.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(value_type = Option<String>)]
    pub preferred_chain: Option<Option<String>>,
    /// Lifetime to ask for, such as `30d`; null: the CA's.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(value_type = Option<String>)]
    pub lifetime: Option<Option<String>>,
    /// The DNS provider that proves all names; null: by domain mapping.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(value_type = Option<String>)]
    pub dns_provider: Option<Option<String>>,
    /// How names are proved; null: DNS-01 where that is possible.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(value_type = Option<ChallengeChoice>)]
    pub challenge: Option<Option<ChallengeChoice>>,
    /// Name of the CA vendor that may stand in; null: none may.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(value_type = Option<String>)]
    pub failover: Option<Option<String>>,
    /// When renewals may run; null: the Console's setting.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "nullable"
    )]
    #[schema(value_type = Option<String>)]
    pub maintenance: Option<Option<String>>,
    /// Whether one order may serve a certificate of the other store as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<bool>,
}

/// Go back to an older version: `POST /api/v1/certificates/{name}/rollback`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Generation to go back to; default the newest good one before the active.
    #[serde(default)]
    pub generation: Option<i64>,
    /// Which key algorithm; default all that have such a version.
    #[serde(default)]
    pub key: Option<KeyAlgorithm>,
}

/// A certificate: the named thing that lives for years.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Its id.
    pub id: CertificateId,
    /// Its unique name.
    pub name: String,
    /// Its store.
    pub store: StoreKind,
    /// How it stands: as the gravest of its keys.
    pub state: CertificateState,
    /// Whether it is neither renewed nor ordered until it is resumed.
    #[serde(default)]
    pub paused: bool,
    /// The names it is for.
    pub domains: Vec<DomainName>,
    /// Name of its CA vendor; imported ones may have none.
    pub vendor: Option<String>,
    /// Who starts its renewals.
    pub renewal_mode: RenewalMode,
    /// Which instances it goes to.
    pub scope: Selector,
    /// Free labels.
    pub labels: Labels,
    /// One entry a key algorithm.
    pub keys: Vec<KeySlot>,
    /// Other certificates, of either store, with the very same names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<String>,
    /// Those of the duplicates, in the other store, that one order serves together with this one; the rest is
    /// renewed by orders of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares_orders_with: Vec<String>,
    /// How it is issued.
    #[serde(flatten)]
    pub terms: IssueTerms,
    /// What should be known of what is in force: an incomplete chain, an expired member; of one certificate, not in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One key algorithm of a certificate: what is in force, and when it is renewed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeySlot {
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
    /// How it stands.
    pub state: CertificateState,
    /// The version in force; none before the first issuance.
    pub active: Option<Version>,
    /// When it will be renewed, if automatic.
    pub due_at: Option<Timestamp>,
    /// Why then: `renewal_info`, `renew_before`, `lifetime_fraction`, `forced`, `revoked`, `missing`, …
    pub due_reason: Option<String>,
    /// Failed attempts since the last success.
    pub failures: u32,
    /// No attempt before this time.
    pub retry_at: Option<Timestamp>,
    /// What the last attempt failed with.
    pub last_error: Option<OrderError>,
    /// The whole plan with its reasons; where one certificate is shown, not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
}

/// One issued certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// Counts up with each version of the certificate's slot.
    pub generation: i64,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// SHA-256 of the leaf's DER.
    pub fingerprint: Fingerprint,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// The leaf's issuer.
    pub issuer: String,
    /// Validity begins.
    pub not_before: Timestamp,
    /// Validity ends.
    pub not_after: Timestamp,
    /// Whether it may be served.
    pub state: VersionState,
    /// Whether it is the one in force.
    pub active: bool,
    /// When it was committed to its store.
    pub committed_at: Timestamp,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderError {
    /// Where: `preflight`, `account`, `order`, `dns-write`, `propagation`, `validation`, `finalize`, `download`, `install`.
    pub stage: String,
    /// Stable code, such as `acme.nonce.unreachable`.
    pub code: String,
    /// `transient`, `validation`, `configuration` or `ca_outage`.
    pub class: String,
    /// What happened; it begins with `known_as`.
    pub message: String,
    /// The sentence that NetScaler Console shows for it, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_as: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The CA's problem document, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub problem: Option<serde_json::Value>,
}

/// How far one certificate got on one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// Name of the instance.
    pub instance: String,
    /// Key algorithm of the item.
    pub algorithm: KeyAlgorithm,
    /// Generation the report speaks of.
    pub generation: i64,
    /// How far it got; `observed` is the truth of it.
    pub state: ItemState,
    /// Handshakes seen with this generation.
    pub handshakes: u64,
    /// When the first of them was reported.
    pub first_observed_at: Option<Timestamp>,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One line of the issuance and renewal log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// When.
    pub at: Timestamp,
    /// Name of the certificate.
    pub certificate: String,
    /// The operation it belongs to.
    pub operation: Option<OperationId>,
    /// Stable name, such as `order.published` or `version.installed`.
    pub kind: String,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// In one sentence.
    pub message: String,
    /// Details: problem, remedy, names, URLs.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}
