//! A Console whose tasks run when a test says so, against the stub CA: months pass in seconds.

use std::sync::Arc;

use evercert_api::certificates::{Certificate, IssueRequest};
use evercert_api::dns_providers::PropagationSettings;
use evercert_api::renewals::Renewal;
use evercert_console::lifecycle::{certificates, dns, request, vendors};
use evercert_console::{Console, Environment, tasks};
use evercert_dns::TsigKey;
use evercert_dns::server::{AuthServer, ServerConfig, UpdatePolicy, ZoneConfig};
use evercert_testkit::acme_stub::{AcmeStub, Control, StubOptions};
use evercert_types::{ManualClock, Secret};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::world::{TSIG, actor, ca_vendor, console_config, dns_provider, standing_clock, wanted};

/// Everything below this domain is in the lab's DNS.
pub(crate) const TOP: &str = "test";

pub(crate) struct Lab {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) stub: AcmeStub,
    pub(crate) console: Console,
    _dns: AuthServer,
    _dir: TempDir,
}

impl Lab {
    /// A lab whose vendor `local` is the stub, asked for a profile or not.
    pub(crate) async fn start(options: StubOptions, profile: Option<&str>) -> Self {
        let clock = standing_clock();
        let stub = AcmeStub::start(options.with_clock(clock.clone()))
            .await
            .unwrap();
        let key = TsigKey::parse(&Secret::new(TSIG.to_owned())).unwrap();
        let config = ServerConfig {
            zones: vec![ZoneConfig::new(TOP)],
            updates: UpdatePolicy::Signed(vec![key]),
            clock: clock.clone(),
            ..ServerConfig::default()
        };
        let dns = AuthServer::start(config).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = console_config(dir.path(), clock.clone(), dns.local_addr());
        let console = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        let mut vendor = ca_vendor(
            "local",
            stub.directory_url(),
            stub.ca_bundle_pem().to_owned(),
        );
        vendor.profile = profile.map(str::to_owned);
        vendors::add_vendor(&console, &actor(), vendor)
            .await
            .unwrap();
        let mut provider = dns_provider("dns", dns.local_addr(), TSIG);
        provider.propagation = PropagationSettings {
            mode: Some("off".to_owned()),
            ..PropagationSettings::default()
        };
        dns::add_dns_provider(&console, &actor(), provider)
            .await
            .unwrap();
        let top = TOP.parse().unwrap();
        dns::map_domain(&console, &actor(), &top, "dns")
            .await
            .unwrap();
        Self {
            clock,
            stub,
            console,
            _dns: dns,
            _dir: dir,
        }
    }

    pub(crate) fn control(&self) -> &Control {
        self.stub.control()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.console.now()
    }

    /// Lets time pass, then everything happen that is due.
    pub(crate) async fn pass(&self, span: SignedDuration) {
        self.clock.advance(span);
        self.catch_up().await;
    }

    pub(crate) async fn catch_up(&self) {
        tasks::catch_up(&self.console).await.unwrap();
    }

    pub(crate) async fn request(&self, request: IssueRequest) {
        request::request_issue(&self.console, &actor(), request)
            .await
            .unwrap();
    }

    /// Issues a certificate of one name.
    pub(crate) async fn issue(&self, name: &str, domain: &str) {
        self.request(wanted(name, &[domain])).await;
        self.catch_up().await;
    }

    pub(crate) async fn show(&self, name: &str) -> Certificate {
        certificates::show(&self.console, name).await.unwrap()
    }

    pub(crate) async fn renewal(&self, name: &str) -> Renewal {
        self.show(name).await.keys.remove(0).renewal.unwrap()
    }

    pub(crate) async fn generation(&self, name: &str) -> i64 {
        self.show(name)
            .await
            .keys
            .remove(0)
            .active
            .unwrap()
            .generation
    }

    /// Why the newest order was made.
    pub(crate) async fn last_reason(&self, name: &str) -> String {
        let id = self.show(name).await.id;
        let orders = self.console.db.orders_of_certificate(id, 1).await.unwrap();
        orders.first().unwrap().reason.clone()
    }
}
