//! A small world: DNS server, CA and Console, all on loopback and by one clock.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evercert_api::ca_vendors::NewCaVendor;
use evercert_api::certificates::{Certificate, IssueRequest, KeySlot};
use evercert_api::dns_providers::{NewDnsProvider, PropagationSettings, RecordSettings};
use evercert_api::operations::{Operation, OperationState};
use evercert_ca::{CaConfig, LocalCa, ValidationDns};
use evercert_console::lifecycle::{certificates, dns, operations, request, vendors};
use evercert_console::{Actor, Console, ConsoleConfig, Environment, tasks};
use evercert_dns::TsigKey;
use evercert_dns::server::{AuthServer, RecordData, ServerConfig, UpdatePolicy, ZoneConfig};
use evercert_testkit::eventually;
use evercert_types::{
    Clock as _, ManualClock, OperationId, Secret, SharedClock, StoreKind, SystemClock,
};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

/// The zone that the DNS server holds.
pub(crate) const ZONE: &str = "example.test";
/// The TSIG key that may change it.
pub(crate) const TSIG: &str = "hmac-sha256:test:c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTMyMzI=";
/// As long as anything may take, on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dns: AuthServer,
    pub(crate) ca: LocalCa,
    pub(crate) console: Console,
    tasks: TaskTracker,
    _dir: TempDir,
}

/// A clock that stands at the real time until it is moved.
pub(crate) fn standing_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemClock.now()))
}

/// A DNS server with the zone, and a second one to delegate to, both open to the TSIG key.
pub(crate) async fn dns_server(clock: &Arc<ManualClock>) -> AuthServer {
    let delegated = ZoneConfig::new("acme.test");
    let zone = ZoneConfig::new(ZONE).with(
        "_acme-challenge.delegated",
        RecordData::Cname("token.acme.test".to_owned()),
    );
    let key = TsigKey::parse(&Secret::new(TSIG.to_owned())).unwrap();
    let config = ServerConfig {
        zones: vec![zone, delegated],
        updates: UpdatePolicy::Signed(vec![key]),
        default_a: Some([127, 0, 0, 1].into()),
        clock: clock.clone(),
        ..ServerConfig::default()
    };
    AuthServer::start(config).await.unwrap()
}

/// A CA that validates at the DNS server.
pub(crate) fn ca_config(clock: &Arc<ManualClock>, dns: SocketAddr) -> CaConfig {
    CaConfig {
        resolver: ValidationDns::Server(dns),
        clock: clock.clone(),
        ..CaConfig::default()
    }
}

/// A Console's configuration in a directory.
pub(crate) fn console_config(dir: &Path, clock: SharedClock, dns: SocketAddr) -> ConsoleConfig {
    ConsoleConfig {
        dns_resolver: Some(dns),
        clock,
        renew_tick: Duration::from_millis(500),
        job_poll: Duration::from_millis(500),
        ..ConsoleConfig::new(dir)
    }
}

pub(crate) fn actor() -> Actor {
    Actor::new("user:tester")
}

pub(crate) fn dns_provider(name: &str, server: SocketAddr, tsig: &str) -> NewDnsProvider {
    NewDnsProvider {
        skip_test: true,
        records: RecordSettings::default(),
        name: name.to_owned(),
        type_code: "nsupdate".to_owned(),
        settings: [("server", server.to_string()), ("key", tsig.to_owned())]
            .map(|(key, value)| (key.to_owned(), Secret::new(value)))
            .into(),
        propagation: PropagationSettings {
            first_look: Some("0s".to_owned()),
            ..PropagationSettings::default()
        },
    }
}

pub(crate) fn ca_vendor(name: &str, directory_url: String, ca_bundle: String) -> NewCaVendor {
    NewCaVendor {
        name: name.to_owned(),
        directory_url: Some(directory_url),
        email: Some("ops@example.test".to_owned()),
        ca_bundle: Some(ca_bundle),
        terms_agreed: true,
        ..NewCaVendor::default()
    }
}

pub(crate) fn wanted(name: &str, domains: &[&str]) -> IssueRequest {
    let domains = domains
        .iter()
        .map(|domain| domain.parse().unwrap())
        .collect();
    IssueRequest {
        auto_renew: true,
        ..IssueRequest::new(name, domains, "local", StoreKind::ZeroTouch)
    }
}

/// Adds vendor `local`, provider `dns` and the mapping of the zone.
pub(crate) async fn furnish(console: &Console, ca: &LocalCa, dns_addr: SocketAddr) {
    let vendor = ca_vendor("local", ca.directory_url(), ca.tls_root_pem());
    vendors::add_vendor(console, &actor(), vendor)
        .await
        .unwrap();
    let provider = dns_provider("dns", dns_addr, TSIG);
    dns::add_dns_provider(console, &actor(), provider)
        .await
        .unwrap();
    for domain in [ZONE, "acme.test"] {
        dns::map_domain(console, &actor(), &domain.parse().unwrap(), "dns")
            .await
            .unwrap();
    }
}

impl World {
    /// Everything running, and the Console furnished.
    pub(crate) async fn start() -> Self {
        Self::with_ca(|config| config).await
    }

    /// The same with other settings of the CA.
    pub(crate) async fn with_ca(change: impl FnOnce(CaConfig) -> CaConfig) -> Self {
        let clock = standing_clock();
        let dns = dns_server(&clock).await;
        let ca = LocalCa::start(change(ca_config(&clock, dns.local_addr())))
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = console_config(dir.path(), clock.clone(), dns.local_addr());
        let console = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        furnish(&console, &ca, dns.local_addr()).await;
        let tasks = tasks::start(&console);
        Self {
            clock,
            dns,
            ca,
            console,
            tasks,
            _dir: dir,
        }
    }

    pub(crate) async fn stop(self) {
        self.console.stop();
        self.tasks.wait().await;
    }

    /// Requests a certificate and waits until its operation has ended.
    pub(crate) async fn issue(&self, request: IssueRequest) -> Operation {
        let id = request::request_issue(&self.console, &actor(), request)
            .await
            .unwrap();
        self.ended(id).await
    }

    pub(crate) async fn ended(&self, id: OperationId) -> Operation {
        ended(&self.console, id).await
    }

    pub(crate) async fn show(&self, name: &str) -> Certificate {
        certificates::show(&self.console, name).await.unwrap()
    }

    pub(crate) async fn first_key(&self, name: &str) -> KeySlot {
        self.show(name).await.keys.remove(0)
    }

    /// Waits until the first key of a certificate has this generation in force.
    pub(crate) async fn generation(&self, name: &str, wanted: i64) -> KeySlot {
        eventually("a generation in force", LIMIT, async || {
            let slot = self.first_key(name).await;
            let generation = slot.active.as_ref().map(|version| version.generation);
            (generation == Some(wanted)).then_some(slot)
        })
        .await
    }

    /// Waits until no TXT value is left, in the journal or in DNS.
    pub(crate) async fn tidy(&self) {
        tidy(&self.console, &self.dns).await;
    }
}

pub(crate) async fn ended(console: &Console, id: OperationId) -> Operation {
    eventually("the operation has ended", LIMIT, async || {
        let operation = operations::operation(console, id).await.unwrap();
        (operation.state != OperationState::Running).then_some(operation)
    })
    .await
}

pub(crate) async fn tidy(console: &Console, dns: &AuthServer) {
    eventually("no TXT value is left", LIMIT, async || {
        let journal = console.db.journal_size().await.unwrap();
        (journal == 0 && dns.txt_names().is_empty()).then_some(())
    })
    .await;
}
