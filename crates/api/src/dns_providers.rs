//! `/api/v1/dns-providers` and `/api/v1/domain-mappings`: who answers DNS-01 for which domain.

use std::collections::BTreeMap;

use evercert_types::{DnsProviderId, DomainName, Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;
use crate::ca_vendors::{TestReport, TestStep};

/// A DNS provider to add.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDnsProvider {
    /// Unique name.
    pub name: String,
    /// A code of `/api/v1/dns-providers/types`, such as `nsupdate` or `pdns`.
    #[serde(rename = "type")]
    pub type_code: String,
    /// Values of the type's fields; stored encrypted.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>, write_only)]
    pub settings: BTreeMap<String, Secret<String>>,
    /// How to find out that a record is public.
    #[serde(default)]
    pub propagation: PropagationSettings,
    /// How records are written.
    #[serde(default)]
    pub records: RecordSettings,
    /// Save without trying whether the provider takes the settings; default false.
    #[serde(default)]
    pub skip_test: bool,
}

/// How records are written through a DNS provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSettings {
    /// Time to live in seconds, at most 2147483647 (RFC 2181 §8); what the service does not take is raised to what it
    /// does. Default: the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// The zone to write into, for names that lie in it. Default: the provider is asked which it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// What may be changed of a DNS provider: `PATCH /api/v1/dns-providers/{name}`; absent parts stay as they are.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsProviderChange {
    /// Another unique name.
    #[serde(default)]
    pub name: Option<String>,
    /// Settings to be set, or removed by null; the others stay. Stored encrypted.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Option<String>>, write_only)]
    pub settings: BTreeMap<String, Option<Secret<String>>>,
    /// How to find out that a record is public, in place of all that was set.
    #[serde(default)]
    pub propagation: Option<PropagationSettings>,
    /// How records are written, in place of all that was set.
    #[serde(default)]
    pub records: Option<RecordSettings>,
    /// Whether it may be used.
    #[serde(default)]
    pub active: Option<bool>,
    /// Save without trying whether the provider takes the settings; default false.
    #[serde(default)]
    pub skip_test: bool,
}

/// A changed DNS provider, and what the change means for certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedDnsProvider {
    /// The provider as it is now.
    #[serde(flatten)]
    pub provider: DnsProvider,
    /// Certificates that cannot be renewed any more, since no active provider is left for one of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<String>,
}

/// A domain that is not mapped any more: the answer to `DELETE /api/v1/domain-mappings/{domain}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnmappedDomain {
    /// The domain.
    pub domain: DomainName,
    /// Certificates whose renewals stop until it is mapped again.
    pub blocked: Vec<String>,
}

/// Names whose delegation is to be looked at: `POST /api/v1/delegations/check`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegationQuery {
    /// The names that certificates are for.
    pub domains: Vec<DomainName>,
    /// The zone to delegate to; default the Console's `delegation_zone`.
    #[serde(default)]
    pub zone: Option<DomainName>,
}

/// How one name's challenges are delegated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delegation {
    /// The name, without a wildcard label.
    pub domain: DomainName,
    /// Where the CNAME stands: `_acme-challenge.` and the name.
    pub name: String,
    /// Where it should point, when a zone is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Where it leads now, step by step; empty without a CNAME.
    pub chain: Vec<String>,
    /// Name of the DNS provider that writes the record there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whether challenges can be answered so.
    pub ok: bool,
    /// What was found, in one sentence.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// How to find out that a TXT record can be seen by the CA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PropagationSettings {
    /// `authoritative` (default), `servers`, `wait` or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// For `servers`: `address:port` of the servers to ask. For `authoritative`: resolvers for finding them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// For `wait`: how long, such as `60s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
    /// Give up after this long; default `5m`, or longer where the provider type is known to be slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// When to look for the first time; default `2s`, `5s` for slow provider types, at once at servers of your own. `0s`
    /// says that the first complete look is to be believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_look: Option<String>,
    /// The longest pause between looks; default as the provider type wants it, between 1 and 60 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<String>,
    /// How many of the servers must show a record: `all` (default), `quorum` (more than half) or `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// How long to wait after the record was seen, for what cannot be seen from here; default not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<String>,
    /// Whether CNAMEs at challenge names are followed to where records are written; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_cnames: Option<bool>,
}

/// A configured DNS provider; credentials are never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DnsProvider {
    /// Its id.
    pub id: DnsProviderId,
    /// Its unique name.
    pub name: String,
    /// Code of its type.
    #[serde(rename = "type")]
    pub type_code: String,
    /// Settings that are no secrets; secrets appear as `***`.
    pub settings: BTreeMap<String, String>,
    /// How propagation is checked.
    pub propagation: PropagationSettings,
    /// How records are written.
    #[serde(default)]
    pub records: RecordSettings,
    /// Whether it may be used.
    pub active: bool,
    /// How its last test ended; absent when none was made with these settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_test: Option<LastDnsTest>,
    /// Domains mapped to it.
    pub domains: Vec<DomainName>,
    /// Names of its own that it registered for domains (acme-dns), with the CNAMEs that must lead there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<DnsAlias>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// How a test of a DNS provider ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastDnsTest {
    /// When.
    pub at: Timestamp,
    /// Whether every step passed.
    pub ok: bool,
    /// The domain below which a value was written; absent when only the log-in was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<DomainName>,
    /// The step that did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_step: Option<String>,
}

/// One line of a test that is told as it goes: `POST /api/v1/dns-providers/{name}/test` with
/// `Accept: application/x-ndjson`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DnsTestNews {
    /// A step of this name began.
    Begun(String),
    /// The step ended.
    Step(TestStep),
    /// The test ended: the last line.
    Report(TestReport),
    /// The Console could not go on: the last line, too.
    Problem(Problem),
}

/// A name that a DNS provider registered for a domain: the only one at which it can write for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DnsAlias {
    /// The domain, without a wildcard's label.
    pub domain: String,
    /// Where the CNAME stands: `_acme-challenge.` and the domain.
    pub name: String,
    /// Where it points.
    pub target: String,
    /// The record to create, in one sentence.
    pub create: String,
}

/// A domain to register at a DNS provider: `POST /api/v1/dns-providers/{name}/aliases`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDnsAlias {
    /// The domain whose challenge name shall lead to the provider.
    pub domain: DomainName,
}

/// A kind of DNS provider that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DnsProviderType {
    /// Give it as `type`.
    pub code: String,
    /// Its usual name.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// What rights its credentials need at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_privilege: Option<String>,
    /// Whether it has no interface made for programs: web pages are used, which may change without notice.
    pub unofficial: bool,
    /// What its user must know, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whether it runs programs or writes files of the Console's host: an administrator enters it, and the host's
    /// configuration says what it may use.
    #[serde(default)]
    pub local: bool,
    /// How it is known that it works.
    pub proof: DnsProof,
    /// What must or may be set.
    pub fields: Vec<DnsProviderField>,
    /// Groups of fields of which every one of some group must be given; empty: only what is not optional.
    pub one_of: Vec<Vec<String>>,
    /// What it can, and how quick it is.
    pub capabilities: DnsCapabilities,
}

/// How it is known that a kind of DNS provider works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DnsProof {
    /// Tried against the real software.
    RealServer,
    /// Tried against exchanges written from a recording or a published test of somebody else.
    Recording,
    /// Tried against exchanges written from documentation or from scripts in wide use.
    Documentation,
}

/// What a kind of DNS provider can, and how quick it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DnsCapabilities {
    /// How several values at one name are kept.
    pub values: DnsValues,
    /// Time to live of new records in seconds, when nothing else is set; absent: the service has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ttl: Option<u32>,
    /// The least time to live it takes, in seconds; smaller ones are raised to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ttl: Option<u32>,
    /// The only times to live it takes, in seconds; others are raised to the next. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_ttls: Vec<u32>,
    /// Requests go one after the other, with this pause between, in milliseconds; absent: several at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_pause_ms: Option<u64>,
    /// How long its servers may need until all show a change, in milliseconds.
    pub propagation_limit_ms: u64,
    /// How often looking is worth while, in milliseconds.
    pub propagation_poll_ms: u64,
}

/// How several values at one name are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DnsValues {
    /// Values are added and removed by themselves.
    OneByOne,
    /// Each value is a record.
    RecordEach,
    /// The whole set is read and written.
    Set,
    /// There is room for one: names that need two are proved one after the other.
    OneOnly,
}

/// What must be given, in words: `token, or email and key`.
pub fn settings_wanted(fields: &[DnsProviderField], one_of: &[Vec<String>]) -> String {
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| !field.optional)
        .map(|field| field.key.as_str())
        .collect();
    let ways: Vec<String> = one_of.iter().map(|group| group.join(" and ")).collect();
    match (required.is_empty(), ways.is_empty()) {
        (true, _) => ways.join(", or "),
        (false, true) => required.join(", "),
        (false, false) => format!("{}; {}", required.join(", "), ways.join(", or ")),
    }
}

/// A setting of a kind of DNS provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DnsProviderField {
    /// Key in `settings`.
    pub key: String,
    /// What people call it.
    pub label: String,
    /// Whether it is a secret.
    pub secret: bool,
    /// Whether it may be left out.
    pub optional: bool,
    /// What is used when it is left out.
    pub default: Option<String>,
    /// What to fill in, and where to find it.
    pub help: String,
    /// Variables of acme.sh with the same meaning.
    #[serde(default)]
    pub acme_sh_env: Vec<String>,
    /// Variables of lego with the same meaning.
    #[serde(default)]
    pub lego_env: Vec<String>,
}

/// A domain (and all names under it) answered through a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DomainMapping {
    /// The domain; the longest mapped one that holds a name decides.
    pub domain: DomainName,
    /// Name of the DNS provider.
    pub provider: String,
}

/// Domains to map to a DNS provider: `POST /api/v1/domain-mappings`. All of them are mapped, or none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDomainMappings {
    /// A domain; all names under it go with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<DomainName>,
    /// More domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainName>,
    /// Name of the DNS provider.
    pub provider: String,
    /// Map without asking the provider whether it has the zones; default false.
    #[serde(default)]
    pub skip_test: bool,
}

/// What was mapped: the answer to `POST /api/v1/domain-mappings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewlyMapped {
    /// The first of the domains.
    #[serde(flatten)]
    pub first: DomainMapping,
    /// All of them.
    pub mapped: Vec<MappedDomain>,
}

/// A domain that was mapped, and what the provider said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappedDomain {
    /// The domain.
    pub domain: DomainName,
    /// The provider's zone that holds it; absent when the provider cannot say, or was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What may keep records from being seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Which stale values to remove: `POST /api/v1/dns-providers/{name}/orphans/remove`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrphanRemoval {
    /// Only values that this Console saw for the first time so long ago; default `10m`. Younger ones may be of another
    /// ACME client's order under way.
    #[serde(default)]
    pub older_than: Option<String>,
    /// Only values at this name.
    #[serde(default)]
    pub name: Option<String>,
}

/// Stale challenge values at a DNS provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrphanReport {
    /// Name of the DNS provider.
    pub provider: String,
    /// How many names were looked at.
    pub names: u64,
    /// Values of the form of a challenge's (RFC 8555 §8.4) that no order here knows.
    pub orphans: Vec<Orphan>,
    /// Names that could not be looked at, and why.
    pub failures: Vec<OrphanFailure>,
}

/// A challenge value that no order here knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Orphan {
    /// Where it stands.
    pub name: String,
    /// The value.
    pub value: String,
    /// Who showed it.
    pub seen_at: OrphanSource,
    /// When this Console saw it for the first time since it was started.
    pub first_seen_at: Timestamp,
    /// What became of it.
    pub state: OrphanState,
    /// Why it was not removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Who showed a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrphanSource {
    /// The provider, asked for what it has.
    Provider,
    /// The zone's authoritative servers, since the provider cannot tell.
    Dns,
}

/// What became of a stale value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrphanState {
    /// It stands.
    Found,
    /// It was removed.
    Removed,
    /// It was left, since it is too young.
    Left,
    /// It could not be removed; the journal knows it, and it is tried again.
    Failed,
}

/// A name that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrphanFailure {
    /// The name.
    pub name: String,
    /// What went wrong.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What to test of a DNS provider: `POST /api/v1/dns-providers/{name}/test`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsProviderTest {
    /// Write, see and remove a TXT record for this domain; without it only the credentials are tried.
    #[serde(default)]
    pub domain: Option<DomainName>,
}
