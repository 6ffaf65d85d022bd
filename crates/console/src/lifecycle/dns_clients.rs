//! DNS providers, built from their saved settings and kept while those do not change.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evercert_api::dns_providers::PropagationSettings;
use evercert_db::dns_providers::DnsProvider;
use evercert_dns::{
    Accounts, Context, DnsError, LookupError, Propagation, PropagationMode, Provider, Resolver,
    build_with, repeating,
};
use evercert_types::{DnsProviderId, SharedClock, parse_span};
use jiff::{SignedDuration, Timestamp};

use super::failure::{Class, Failure, Stage, sentence};
use super::messages;
use crate::state::Console;

/// Built providers by id.
#[derive(Debug)]
pub(crate) struct DnsClients {
    context: Context,
    /// When nobody answered a question that can be left unasked, in Unix seconds.
    silent_since: AtomicI64,
    known: Mutex<HashMap<DnsProviderId, (Timestamp, Arc<DnsClient>)>>,
}

/// A provider ready for use, with the way its changes are watched.
#[derive(Debug)]
pub(crate) struct DnsClient {
    pub(crate) id: DnsProviderId,
    pub(crate) name: String,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) propagation: Watch,
}

/// How propagation is checked, read from the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) mode: WatchMode,
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) timeout: Duration,
    pub(crate) first_look: Option<Duration>,
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
const TIMEOUT: Duration = Duration::from_secs(300);

impl DnsClients {
    pub(crate) fn new(clock: SharedClock, accounts: Accounts) -> Self {
        Self {
            context: Context {
                clock,
                accounts,
                ..Context::default()
            },
            silent_since: AtomicI64::new(i64::MIN),
            known: Mutex::default(),
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

    /// Builds a provider that need not be saved yet.
    pub(crate) fn build(&self, saved: &DnsProvider) -> Result<Arc<dyn Provider>, DnsError> {
        build_with(&saved.type_code, &saved.settings, &self.context)
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
    let provider = console.dns.build(&saved).map_err(|e| Failure::dns(&e))?;
    let provider = repeating(provider);
    let client = Arc::new(DnsClient {
        id,
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
            timeout: TIMEOUT,
            first_look: None,
        }
    }

    pub(crate) fn parse(settings: &PropagationSettings) -> Result<Self, WatchError> {
        let servers = settings.servers.iter().map(|text| address(text));
        Ok(Self {
            mode: WatchMode::parse(settings)?,
            servers: servers.collect::<Result<_, _>>()?,
            timeout: span("timeout", settings.timeout.as_deref())?.unwrap_or(TIMEOUT),
            first_look: span("first_look", settings.first_look.as_deref())?,
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
        if self.first_look == Some(Duration::ZERO) {
            propagation = propagation.immediate();
        }
        propagation.timeout = self.timeout;
        propagation.first_look = self.first_look.unwrap_or(propagation.first_look);
        Ok(propagation)
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
        assert_eq!(watch.timeout, TIMEOUT);
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
}
