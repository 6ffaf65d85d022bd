//! DNS providers, built from their saved settings and kept while those do not change.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evercert_api::dns_providers::{PropagationSettings, RecordSettings};
use evercert_db::dns_accounts::DnsAccount;
use evercert_db::dns_providers::DnsProvider;
use evercert_dns::{
    Accounts, Agreement, Caps, Context, DnsError, LocalAccess, LookupError, Propagation,
    PropagationMode, Provider, Resolver, Servers, build_with, placed, repeating,
};
use evercert_types::{DnsProviderId, parse_span};
use jiff::{SignedDuration, Timestamp};

use super::failure::{Class, Failure, Stage, sentence};
use super::messages;
use crate::config::ConsoleConfig;
use crate::state::Console;

/// Built providers by id.
#[derive(Debug)]
pub(crate) struct DnsClients {
    context: Context,
    /// Where providers' own directories are.
    state_dir: PathBuf,
    /// When nobody answered a question that can be left unasked, in Unix seconds.
    silent_since: AtomicI64,
    known: Mutex<HashMap<DnsProviderId, (Timestamp, Arc<DnsClient>)>>,
    /// Stale values at providers.
    sightings: Mutex<HashMap<Sighting, Timestamp>>,
}

/// A value at a name at a provider.
type Sighting = (DnsProviderId, String, String);

fn sighting(id: DnsProviderId, name: &str, value: &str) -> Sighting {
    (id, name.to_owned(), value.to_owned())
}

/// A provider ready for use, with the way its changes are watched.
#[derive(Debug)]
pub(crate) struct DnsClient {
    pub(crate) id: DnsProviderId,
    pub(crate) name: String,
    /// Code of its type.
    pub(crate) type_code: String,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) propagation: Watch,
}

impl DnsClient {
    /// The waiting for what it writes.
    pub(crate) fn watching(&self, console: &Console) -> Result<Propagation, LookupError> {
        let caps = self.provider.caps();
        self.propagation.watching(console, Some(&caps))
    }
}

/// How propagation is checked, read from the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) mode: WatchMode,
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) first_look: Option<Duration>,
    pub(crate) poll: Option<Duration>,
    pub(crate) agreement: Agreement,
    pub(crate) settle: Duration,
    pub(crate) follows_cnames: bool,
}

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchMode {
    Authoritative,
    Servers,
    Wait(Duration),
    Off,
}

/// Propagation settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("propagation: {reason}")]
pub(crate) struct WatchError {
    /// The setting that is meant, such as `servers`.
    pub(crate) part: &'static str,
    reason: String,
}

/// For so long servers that did not answer are not asked what can be left unasked.
const SILENCE: SignedDuration = SignedDuration::from_mins(10);
/// Nobody is given up on sooner, unless the operator wants it: what passes late costs nothing but time.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Providers that are worth looking at that seldom are slow.
const SLOW_POLL: Duration = Duration::from_secs(10);
const SLOW_FIRST_LOOK: Duration = Duration::from_secs(5);
/// Servers of the operator's own are near.
const OWN_POLL: Duration = Duration::from_secs(1);

impl DnsClients {
    pub(crate) fn new(config: &ConsoleConfig, accounts: Accounts) -> Self {
        let resolver = config.dns_resolver;
        let resolver =
            resolver.map(|server| at_port(Resolver::with_servers([server]), server.port()));
        Self {
            context: Context {
                clock: config.clock.clone(),
                resolver,
                accounts,
                local: LocalAccess::Within(config.dns_directories.clone()),
                ..Context::default()
            },
            state_dir: config.data_dir.join("dns"),
            silent_since: AtomicI64::new(i64::MIN),
            known: Mutex::default(),
            sightings: Mutex::default(),
        }
    }

    /// Whether nobody answered lately: orders do not wait again and again for what they can do without.
    pub(crate) fn is_silent(&self, now: Timestamp) -> bool {
        let since = self.silent_since.load(Ordering::Relaxed);
        now.as_second().saturating_sub(since) < SILENCE.as_secs()
    }

    /// Nobody answered.
    pub(crate) fn fell_silent(&self, now: Timestamp) {
        self.silent_since.store(now.as_second(), Ordering::Relaxed);
    }

    /// Builds a provider, which need not be saved yet, with what was registered at it.
    pub(crate) fn build_knowing(
        &self,
        saved: &DnsProvider,
        accounts: Vec<DnsAccount>,
    ) -> Result<Arc<dyn Provider>, DnsError> {
        let accounts = accounts.into_iter();
        let context = Context {
            registered: accounts.map(|one| (one.domain, one.account)).collect(),
            state_dir: Some(self.state_dir.join(saved.id.to_string())),
            ..self.context.clone()
        };
        let records: RecordSettings =
            serde_json::from_value(saved.records.clone()).unwrap_or_default();
        let provider = build_with(&saved.type_code, &saved.settings, &context)?;
        Ok(placed(provider, records.ttl, records.zone.as_deref()))
    }

    /// When a stale value was seen for the first time, by this process.
    pub(crate) fn sighted(
        &self,
        id: DnsProviderId,
        name: &str,
        value: &str,
        now: Timestamp,
    ) -> Timestamp {
        let mut sightings = self.sightings();
        *sightings.entry(sighting(id, name, value)).or_insert(now)
    }

    /// A stale value is gone: should it come again, it is young again.
    pub(crate) fn forget_sighting(&self, id: DnsProviderId, name: &str, value: &str) {
        self.sightings().remove(&sighting(id, name, value));
    }

    fn sightings(&self) -> MutexGuard<'_, HashMap<Sighting, Timestamp>> {
        self.sightings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, id: DnsProviderId, changed: Timestamp) -> Option<Arc<DnsClient>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, client) = known.get(&id)?;
        (*at == changed).then(|| Arc::clone(client))
    }

    fn keep(&self, changed: Timestamp, client: &Arc<DnsClient>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(client.id, (changed, Arc::clone(client)));
    }
}

/// The provider of an id, built.
pub(crate) async fn client(
    console: &Console,
    id: DnsProviderId,
) -> Result<Arc<DnsClient>, Failure> {
    let saved = console.db.dns_provider(id).await?;
    let name = saved
        .as_ref()
        .map_or_else(|| id.to_string(), |saved| saved.name.clone());
    let saved = saved.filter(|saved| saved.active).ok_or_else(|| {
        Failure::new(
            Stage::DnsWrite,
            Class::Configuration,
            "dns_provider.not_found",
            format!("Nothing is written through the DNS provider \"{name}\"."),
        )
        .known_as(messages::provider_missing(&name))
        .with_remedy("Map the domain to another DNS provider: `evercert domain map`.")
    })?;
    if let Some(client) = console.dns.kept(id, saved.updated_at) {
        return Ok(client);
    }
    let accounts = console.db.dns_accounts(id).await?;
    let built = console.dns.build_knowing(&saved, accounts);
    let provider = repeating(built.map_err(|e| Failure::dns(&e))?);
    let client = Arc::new(DnsClient {
        id,
        type_code: saved.type_code.clone(),
        provider,
        propagation: watch_of(&saved)?,
        name: saved.name,
    });
    console.dns.keep(saved.updated_at, &client);
    Ok(client)
}

fn watch_of(saved: &DnsProvider) -> Result<Watch, Failure> {
    let settings = serde_json::from_value(saved.propagation.clone()).unwrap_or_default();
    Watch::parse(&settings).map_err(|error| {
        Failure::new(
            Stage::Propagation,
            Class::Configuration,
            "dns.configuration",
            error.to_string(),
        )
    })
}

impl Watch {
    /// As without any settings.
    pub(crate) const fn standard() -> Self {
        Self {
            mode: WatchMode::Authoritative,
            servers: Vec::new(),
            timeout: None,
            first_look: None,
            poll: None,
            agreement: Agreement::All,
            settle: Duration::ZERO,
            follows_cnames: true,
        }
    }

    pub(crate) fn parse(settings: &PropagationSettings) -> Result<Self, WatchError> {
        let servers = settings.servers.iter().map(|text| address(text));
        Ok(Self {
            mode: WatchMode::parse(settings)?,
            servers: servers.collect::<Result<_, _>>()?,
            timeout: span("timeout", settings.timeout.as_deref())?,
            first_look: span("first_look", settings.first_look.as_deref())?,
            poll: span("poll", settings.poll.as_deref())?,
            agreement: agreement(settings.agreement.as_deref())?,
            settle: span("settle", settings.settle.as_deref())?.unwrap_or_default(),
            follows_cnames: settings.follow_cnames.unwrap_or(true),
        })
    }

    /// Who is asked where CNAMEs point and which servers a zone has.
    ///
    /// The servers to watch come first, because inside a split horizon only they may know. Those that refuse, such as
    /// acme-dns for the zone whose challenge names lead to it, leave the question to the Console's resolver.
    pub(crate) fn resolver(&self, console: &Console) -> Result<Resolver, LookupError> {
        let general = match console.config.dns_resolver {
            Some(server) => Ok(at_port(Resolver::with_servers([server]), server.port())),
            None => Resolver::system(),
        };
        let Some(first) = self.servers.first() else {
            return general;
        };
        let general = general.map_or_else(|_| Vec::new(), |one| one.servers().to_vec());
        let mut servers = self.servers.clone();
        servers.extend(general);
        Ok(at_port(Resolver::with_servers(servers), first.port()))
    }

    /// The waiting itself. A first look at once (`first_look = 0s`) says that the servers are near: one
    /// complete look is then enough.
    pub(crate) fn propagation(&self, console: &Console) -> Result<Propagation, LookupError> {
        self.watching(console, None)
    }

    /// As [`Self::propagation`], at the pace of the provider that writes.
    fn watching(&self, console: &Console, caps: Option<&Caps>) -> Result<Propagation, LookupError> {
        let resolver = match self.mode {
            WatchMode::Off | WatchMode::Wait(_) => Resolver::with_servers([]),
            _ => self.resolver(console)?,
        };
        let mut propagation = Propagation::authoritative(resolver);
        propagation.mode = match self.mode {
            WatchMode::Authoritative => PropagationMode::Authoritative,
            WatchMode::Servers => PropagationMode::Servers(self.servers.clone()),
            WatchMode::Wait(span) => PropagationMode::Wait(span),
            WatchMode::Off => PropagationMode::Off,
        };
        propagation.timeout = TIMEOUT;
        if let Some(caps) = caps {
            pace(&mut propagation, caps);
        }
        if self.first_look == Some(Duration::ZERO) {
            propagation = propagation.immediate();
        }
        propagation.timeout = self.timeout.unwrap_or(propagation.timeout);
        propagation.first_look = self.first_look.unwrap_or(propagation.first_look);
        propagation.poll = self.poll.unwrap_or(propagation.poll);
        propagation.agreement = self.agreement;
        propagation.settle = self.settle;
        Ok(propagation)
    }
}

/// How patiently, and how often, a provider's changes are looked for.
fn pace(propagation: &mut Propagation, caps: &Caps) {
    propagation.servers = caps.servers;
    propagation.timeout = propagation.timeout.max(caps.propagation_limit);
    if !caps.propagation_poll.is_zero() {
        propagation.poll = caps.propagation_poll;
    }
    match caps.servers {
        Servers::Own => {
            propagation.first_look = Duration::ZERO;
            propagation.poll = propagation.poll.min(OWN_POLL);
        }
        _ if propagation.poll >= SLOW_POLL => propagation.first_look = SLOW_FIRST_LOOK,
        _ => {}
    }
}

fn agreement(text: Option<&str>) -> Result<Agreement, WatchError> {
    match text.unwrap_or("all") {
        "all" => Ok(Agreement::All),
        "quorum" => Ok(Agreement::Majority),
        "any" => Ok(Agreement::Any),
        other => {
            let reason = "is no agreement of servers; use all, quorum or any";
            Err(WatchError::new(
                "agreement",
                format!("\"{other}\" {reason}"),
            ))
        }
    }
}

impl WatchMode {
    fn parse(settings: &PropagationSettings) -> Result<Self, WatchError> {
        let fail = |part, why: &str| Err(WatchError::new(part, why));
        match settings.mode.as_deref().unwrap_or("authoritative") {
            "authoritative" => Ok(Self::Authoritative),
            "servers" if settings.servers.is_empty() => {
                fail("servers", "mode servers needs servers")
            }
            "servers" => Ok(Self::Servers),
            "wait" => match span("wait", settings.wait.as_deref())? {
                Some(wait) => Ok(Self::Wait(wait)),
                None => fail("wait", "mode wait needs wait, such as 60s"),
            },
            "off" => Ok(Self::Off),
            other => {
                let reason = "is not a mode; use authoritative, servers, wait or off";
                fail("mode", &format!("\"{other}\" {reason}"))
            }
        }
    }
}

impl WatchError {
    fn new(part: &'static str, reason: impl ToString) -> Self {
        let reason = reason.to_string();
        Self { part, reason }
    }
}

fn span(part: &'static str, text: Option<&str>) -> Result<Option<Duration>, WatchError> {
    let Some(text) = text else { return Ok(None) };
    let span = parse_span(text).map_err(|e| WatchError::new(part, e))?;
    let span = Duration::try_from(span).map_err(|e| WatchError::new(part, e))?;
    Ok(Some(span))
}

fn address(text: &str) -> Result<SocketAddr, WatchError> {
    text.parse()
        .map_err(|_| WatchError::new("servers", format!("\"{text}\" is not an address:port")))
}

/// Labs serve DNS at another port than 53; the authoritative servers are then at the same one.
const fn at_port(resolver: Resolver, port: u16) -> Resolver {
    resolver.with_authority_port(port)
}

/// A look-up failed while a name was being prepared.
pub(crate) fn lookup_failure(stage: Stage, error: &LookupError) -> Failure {
    let class = if error.is_retryable() {
        Class::Transient
    } else {
        Class::Configuration
    };
    Failure::new(stage, class, "dns.lookup", sentence(error)).with_remedy(error.remedy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(mode: &str) -> PropagationSettings {
        PropagationSettings {
            mode: Some(mode.to_owned()),
            ..PropagationSettings::default()
        }
    }

    #[test]
    fn the_default_asks_authoritative_servers() {
        let watch = Watch::parse(&PropagationSettings::default()).unwrap();

        assert_eq!(watch.mode, WatchMode::Authoritative);
        assert_eq!(watch, Watch::standard());
    }

    #[test]
    fn what_a_mode_needs_is_asked_for() {
        assert!(Watch::parse(&settings("servers")).is_err());
        assert!(Watch::parse(&settings("wait")).is_err());
        assert!(Watch::parse(&settings("hope")).is_err());
        assert!(Watch::parse(&settings("off")).is_ok());
    }

    #[test]
    fn servers_are_addresses_with_ports() {
        let mut settings = settings("servers");
        settings.servers = vec!["127.0.0.1:5353".to_owned()];
        assert_eq!(Watch::parse(&settings).unwrap().servers[0].port(), 5353);

        settings.servers = vec!["localhost".to_owned()];
        assert_eq!(Watch::parse(&settings).unwrap_err().part, "servers");
    }

    #[test]
    fn servers_agree_all_most_of_them_or_any() {
        for (text, wanted) in [
            ("all", Agreement::All),
            ("quorum", Agreement::Majority),
            ("any", Agreement::Any),
        ] {
            let mut settings = settings("authoritative");
            settings.agreement = Some(text.to_owned());
            settings.settle = Some("10s".to_owned());
            let watch = Watch::parse(&settings).unwrap();
            assert_eq!(watch.agreement, wanted);
            assert_eq!(watch.settle, Duration::from_secs(10));
        }
        let mut none = settings("authoritative");
        none.agreement = Some("none".to_owned());
        assert!(Watch::parse(&none).is_err());
    }

    /// What is waited for a provider type without settings.
    fn pace_of(code: &str) -> Propagation {
        let caps = evercert_dns::descriptor(code).unwrap().caps;
        let mut propagation = Propagation::authoritative(Resolver::with_servers([]));
        propagation.timeout = TIMEOUT;
        pace(&mut propagation, &caps);
        propagation
    }

    #[test]
    fn slow_providers_are_given_the_time_they_need() {
        let namecheap = pace_of("namecheap");
        assert_eq!(namecheap.timeout, Duration::from_secs(3_600));
        assert_eq!(namecheap.poll, Duration::from_secs(15));
        assert_eq!(namecheap.first_look, SLOW_FIRST_LOOK);
        let cloudflare = pace_of("cf");
        assert_eq!(cloudflare.timeout, TIMEOUT);
        assert_eq!(cloudflare.first_look, Duration::from_secs(2));
        assert_eq!(cloudflare.rounds, 2);
    }

    #[test]
    fn own_servers_are_looked_at_at_once() {
        for code in ["nsupdate", "knot", "pdns", "nsd", "acmedns"] {
            let own = pace_of(code);
            assert_eq!(own.servers, Servers::Own, "{code}");
            assert_eq!(own.first_look, Duration::ZERO, "{code}");
            assert!(own.poll <= OWN_POLL, "{code}");
        }
    }
}
