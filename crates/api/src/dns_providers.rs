//! `/api/v1/dns-providers` and `/api/v1/domain-mappings`: who answers DNS-01 for which domain.

use std::collections::BTreeMap;

use evercert_types::{DnsProviderId, DomainName, Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A DNS provider to add.
#[derive(Debug, Deserialize, ToSchema)]
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
    /// Give up after this long; default `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// When to look for the first time; default `2s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_look: Option<String>,
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
    /// Whether it may be used.
    pub active: bool,
    /// Domains mapped to it.
    pub domains: Vec<DomainName>,
    /// When it was added.
    pub created_at: Timestamp,
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
    /// What must or may be set.
    pub fields: Vec<DnsProviderField>,
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
}

/// A domain (and all names under it) answered through a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DomainMapping {
    /// The domain; the longest mapped one that holds a name decides.
    pub domain: DomainName,
    /// Name of the DNS provider.
    pub provider: String,
}

/// What to test of a DNS provider: `POST /api/v1/dns-providers/{name}/test`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsProviderTest {
    /// Write, see and remove a TXT record for this domain; without it only the credentials are tried.
    #[serde(default)]
    pub domain: Option<DomainName>,
}
