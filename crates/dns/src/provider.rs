//! What a DNS provider is: the trait, its descriptor, and the values that go in and out.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evercert_types::{Secret, SharedClock, SystemClock};
use serde::{Deserialize, Serialize};

use crate::account::Accounts;
use crate::engine::Description;
use crate::error::{DnsError, Fault, Step};
use crate::local::LocalAccess;
use crate::lock::NameLocks;
use crate::name;
use crate::proof::Proof;
use crate::resolver::Resolver;

/// A place where TXT values can be published.
///
/// Every call has its own time limit; dropping a call's future stops it.
#[async_trait]
pub trait Provider: Send + Sync + Debug {
    /// Publishes one value, beside those that are there; a value already there is a success.
    ///
    /// # Errors
    /// [`DnsError`]; nothing may be concluded about whether the value is there.
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError>;

    /// Withdraws one value and leaves the others; an absent value is a success.
    ///
    /// Works without the receipt too: the process may have restarted since.
    ///
    /// # Errors
    /// [`DnsError`].
    async fn remove(&self, target: &TxtTarget, receipt: Option<&Receipt>) -> Result<(), DnsError>;

    /// Tests address and credentials, and finds the zone of `name` if one is given; changes nothing.
    ///
    /// # Errors
    /// [`DnsError`].
    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError>;

    /// The TXT records that it has at the target's name, whatever the target's value, and those of the zone that it
    /// lists along with them; `None` when it cannot tell. Changes nothing.
    ///
    /// # Errors
    /// [`DnsError`].
    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        let _ = target;
        Ok(None)
    }

    /// What it can and how quick it is.
    fn caps(&self) -> Caps;

    /// Whom to ask, where a person writes the records and no program does.
    fn by_hand(&self) -> Option<&str> {
        None
    }

    /// Where a domain's challenge name must lead by CNAME, seen that it leads to `effective` now: for providers that can
    /// write at names of their own only. Others need no such thing.
    fn alias(&self, _domain: &str, _effective: &str) -> Alias {
        Alias::NotNeeded
    }

    /// Makes the provider give the domain a name of its own, where [`alias`](Self::alias) says that it has none yet. What
    /// comes back is to be kept, and given back in [`Context::registered`].
    ///
    /// # Errors
    /// [`DnsError`]; always for providers that know no such thing.
    async fn register(&self, domain: &str) -> Result<Registration, DnsError> {
        let what = "this type of DNS provider registers no accounts";
        let error = DnsError::new("dns", Step::Register, Fault::Configuration, what);
        Err(error.at_name(domain))
    }
}

/// Whether a challenge name has to be a CNAME of a name of the provider's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alias {
    /// The provider can write where the challenge name leads.
    NotNeeded,
    /// The challenge name has to be a CNAME of this name.
    At(String),
    /// It has to be one, and the provider has no name for the domain yet: see [`Provider::register`].
    Unregistered,
}

/// What a provider gave a domain.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The name that the challenge name has to be a CNAME of.
    pub target: String,
    /// The right to write there, to be kept sealed.
    pub account: Secret<String>,
}

/// One TXT value at one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxtTarget {
    /// Effective name (after CNAMEs): lower case, no final dot.
    pub fqdn: String,
    /// The value, without quotes.
    pub value: String,
    /// Time to live in seconds; the provider's own default when absent.
    pub ttl: Option<u32>,
    /// The zone to use, when the operator named one.
    pub zone_hint: Option<String>,
}

impl TxtTarget {
    /// A value at a name, with the provider's TTL and zone; the name is brought to canonical form.
    pub fn new(fqdn: &str, value: impl Into<String>) -> Self {
        Self {
            fqdn: name::canonical(fqdn),
            value: value.into(),
            ttl: None,
            zone_hint: None,
        }
    }
}

/// A TXT value that a provider has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TxtRecord {
    /// At which name: lower case, no final dot.
    pub fqdn: String,
    /// The value, without quotes.
    pub value: String,
}

impl TxtRecord {
    /// Values that stand at one name.
    pub(crate) fn all_at(fqdn: &str, values: impl IntoIterator<Item = String>) -> Vec<Self> {
        let values = values.into_iter();
        values
            .map(|value| Self {
                fqdn: fqdn.to_owned(),
                value,
            })
            .collect()
    }
}

/// What a provider did, kept for the removal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The zone that was changed.
    pub zone: String,
    /// Ids of the provider's records, when it has such.
    #[serde(default)]
    pub record_ids: Vec<String>,
    /// Whatever else the provider wants to see again.
    #[serde(default)]
    pub opaque: serde_json::Value,
    /// Whether the value was not there before; if `false`, it is not ours to remove.
    pub created: bool,
}

/// What a test of a provider found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The zone of the name that was asked for.
    pub zone: Option<String>,
    /// What was tried and seen, a sentence each.
    pub notes: Vec<String>,
}

/// How a provider stores several values at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Multi {
    /// Values are added and removed by themselves.
    Append,
    /// Each value is a record with an id.
    Records,
    /// The whole set is read and written: writers of one name must not overlap.
    Rrset,
    /// There is room for one value: names that need two are proved one after the other.
    Single,
    /// The newest two values of a name stay, and push older ones out: orders that need more wait for each other.
    Newest,
    /// The whole zone is read and written: writers of one zone must not overlap.
    Zone,
}

/// Whose name servers show a provider's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Servers {
    /// The operator's own: what one address shows once it goes on showing.
    Own,
    /// A service's: many machines may answer at one address, so that one answer says little.
    Service,
}

/// What a provider can and how quick it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// How several values at a name are kept.
    pub multi: Multi,
    /// Time to live of new records in seconds, when nothing else is said; 0: the service has none.
    pub default_ttl: u32,
    /// The least it takes, seconds; 0: nothing is known of such a limit.
    pub min_ttl: u32,
    /// The only ones it takes, seconds: the next larger is sent. Empty: any.
    pub allowed_ttls: &'static [u32],
    /// Changes of one account go one after the other, with this pause between; `None`: several at once.
    pub serial: Option<Duration>,
    /// How long its servers may need until all show a change.
    pub propagation_limit: Duration,
    /// How often looking is worth while.
    pub propagation_poll: Duration,
    /// How long adding or removing a value may take altogether; then it is given up.
    pub operation_limit: Duration,
    /// Whose name servers show its changes.
    pub servers: Servers,
}

impl Caps {
    /// What holds where nothing else is said.
    pub(crate) const PLAIN: Self = Self {
        multi: Multi::Append,
        default_ttl: 0,
        min_ttl: 0,
        allowed_ttls: &[],
        serial: None,
        propagation_limit: Duration::from_secs(120),
        propagation_poll: Duration::from_secs(5),
        operation_limit: Duration::from_secs(300),
        servers: Servers::Service,
    };
}

/// A provider type: what it is called, which settings it wants, how it is built.
#[derive(Debug)]
pub struct Descriptor {
    /// Stable code, such as `pdns`.
    pub code: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Where its interface is documented.
    pub docs: &'static str,
    /// What rights its credentials need at least.
    pub least_privilege: Option<&'static str>,
    /// What somebody who uses it must know, a sentence or two each: quirks, and what is not certain.
    pub notes: &'static [&'static str],
    /// Its settings.
    pub fields: &'static [Field],
    /// Groups of fields of which every one of some group must be given; empty: only what is not optional.
    pub one_of: &'static [&'static [&'static str]],
    /// There is no interface made for programs: web pages are used, which may change without notice.
    pub unofficial: bool,
    /// What it can when built with default settings.
    pub caps: Caps,
    /// Builds one from its settings.
    pub(crate) build: Maker,
}

impl Descriptor {
    /// How it is known that it works.
    pub fn proof(&self) -> Proof {
        Proof::of(self.code)
    }
}

/// Builds a provider from its settings.
pub(crate) type Build = fn(&Settings, &Context) -> Result<Box<dyn Provider>, DnsError>;

/// How a provider is made of its settings; refuses missing, unknown and malformed ones.
pub(crate) enum Maker {
    /// By code.
    Native(Build),
    /// By its description.
    Described(&'static Description),
}

impl Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Native(_) => "Native",
            Self::Described(_) => "Described",
        })
    }
}

/// One setting of a provider type.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Stable key, such as `api_key`.
    pub key: &'static str,
    /// Label in forms.
    pub label: &'static str,
    /// Whether it is kept sealed and never shown.
    pub secret: bool,
    /// Whether it may be left out.
    pub optional: bool,
    /// Value when left out.
    pub default: Option<&'static str>,
    /// One sentence for people.
    pub help: &'static str,
    /// Environment variables of acme.sh with the same meaning.
    pub acme_sh_env: &'static [&'static str],
    /// Environment variables of lego with the same meaning.
    pub lego_env: &'static [&'static str],
}

impl Field {
    /// A required text that may be shown.
    pub(crate) const fn text(key: &'static str, label: &'static str, help: &'static str) -> Self {
        Self {
            key,
            label,
            secret: false,
            optional: false,
            default: None,
            help,
            acme_sh_env: &[],
            lego_env: &[],
        }
    }

    pub(crate) const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    pub(crate) const fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }

    pub(crate) const fn or(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            optional: true,
            ..self
        }
    }

    /// The variables of acme.sh and of lego with the same meaning.
    pub(crate) const fn env(
        self,
        acme_sh_env: &'static [&'static str],
        lego_env: &'static [&'static str],
    ) -> Self {
        Self {
            acme_sh_env,
            lego_env,
            ..self
        }
    }
}

/// A provider's settings by key; all are treated as secret.
pub type Settings = BTreeMap<String, Secret<String>>;

/// What providers share with the rest of the process.
#[derive(Clone, Debug)]
pub struct Context {
    /// The time, for signatures.
    pub clock: SharedClock,
    /// Keeps writers of one name apart.
    pub locks: NameLocks,
    /// Keeps to what an account may do at once, and how often.
    pub accounts: Accounts,
    /// How long one request may take; default 30 s.
    pub request_timeout: Duration,
    /// What was registered at this provider, by domain: [`Registration::account`]; default nothing.
    pub registered: BTreeMap<String, Secret<String>>,
    /// Who is asked for zones, by those that do not find them themselves; default the system's resolver.
    pub resolver: Option<Resolver>,
    /// Which files and programs of this host may be used; default any.
    pub local: LocalAccess,
    /// A directory of this provider's own, for what its program wants to keep; made when needed. Default none.
    pub state_dir: Option<PathBuf>,
}

impl Default for Context {
    /// The system's clock and the locks of this process.
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            locks: NameLocks::of_process(),
            accounts: Accounts::of_process(),
            request_timeout: Duration::from_secs(30),
            registered: BTreeMap::new(),
            resolver: None,
            local: LocalAccess::Anywhere,
            state_dir: None,
        }
    }
}
