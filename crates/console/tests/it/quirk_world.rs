//! The small world with a stub in the CA's place: one that can be told to misbehave.

use std::sync::Arc;

use evercert_api::ca_vendors::{LimitSetting, LimitsReport};
use evercert_api::certificates::{IssueRequest, KeySlot, OrderError};
use evercert_api::operations::Operation;
use evercert_console::lifecycle::ledger::show;
use evercert_console::lifecycle::{certificates, dns, operations, request, vendors};
use evercert_console::{Console, Environment, tasks};
use evercert_dns::server::AuthServer;
use evercert_testkit::acme_stub::{AcmeStub, Control, Endpoint, StubOptions, Switches};
use evercert_testkit::eventually;
use evercert_types::{ManualClock, OperationId};
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::world::{
    LIMIT, TSIG, ZONE, actor, ca_vendor, console_config, dns_provider, dns_server, ended,
    standing_clock, wanted,
};

pub(crate) struct QuirkWorld {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dns: AuthServer,
    pub(crate) stub: AcmeStub,
    pub(crate) console: Console,
    tasks: Option<TaskTracker>,
    dir: TempDir,
}

impl QuirkWorld {
    /// A stub that behaves, as vendor `local`.
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, switched before the vendor registers.
    pub(crate) async fn with(change: impl FnOnce(&mut Switches)) -> Self {
        let mut options = StubOptions::default();
        change(&mut options.switches);
        Self::like(options).await
    }

    /// A stub that begins like this, on this world's clock.
    pub(crate) async fn like(options: StubOptions) -> Self {
        let clock = standing_clock();
        let dns = dns_server(&clock).await;
        let stub = AcmeStub::start(StubOptions {
            clock: clock.clone(),
            ..options
        })
        .await
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = console_config(dir.path(), clock.clone(), dns.local_addr());
        let console = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        let mut world = Self {
            clock,
            dns,
            stub,
            console,
            tasks: None,
            dir,
        };
        world.furnish().await;
        world.tasks = Some(tasks::start(&world.console));
        world
    }

    async fn furnish(&self) {
        let (url, bundle) = (self.stub.directory_url(), self.stub.ca_bundle_pem());
        self.add_vendor("local", &url, bundle).await;
        let provider = dns_provider("dns", self.dns.local_addr(), TSIG);
        dns::add_dns_provider(&self.console, &actor(), provider)
            .await
            .unwrap();
        for domain in [ZONE, "acme.test"] {
            let domain = domain.parse().unwrap();
            dns::map_domain(&self.console, &actor(), &domain, "dns")
                .await
                .unwrap();
        }
    }

    pub(crate) async fn add_vendor(&self, name: &str, url: &str, bundle: &str) {
        let vendor = ca_vendor(name, url.to_owned(), bundle.to_owned());
        vendors::add_vendor(&self.console, &actor(), vendor)
            .await
            .unwrap();
    }

    pub(crate) fn control(&self) -> Control {
        self.stub.control().clone()
    }

    /// How often the CA was asked for this.
    pub(crate) fn asked(&self, endpoint: Endpoint) -> usize {
        self.control().requests_to(endpoint).len()
    }

    pub(crate) async fn stop(mut self) {
        self.console.stop();
        if let Some(tasks) = self.tasks.take() {
            tasks.wait().await;
        }
    }

    /// Ends the Console and opens it again on the same data.
    pub(crate) async fn restart(mut self) -> Self {
        self.console.stop();
        if let Some(tasks) = self.tasks.take() {
            tasks.wait().await;
        }
        self.console.db.close().await;
        let config = console_config(self.dir.path(), self.clock.clone(), self.dns.local_addr());
        self.console = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        self.tasks = Some(tasks::start(&self.console));
        self
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
        self.console.wake_tasks();
    }

    pub(crate) async fn request(&self, request: IssueRequest) -> OperationId {
        request::request_issue(&self.console, &actor(), request)
            .await
            .unwrap()
    }

    /// Requests a certificate of these names and waits until its operation has ended; time does not pass.
    pub(crate) async fn issue(&self, name: &str, domains: &[&str]) -> Operation {
        let id = self.request(wanted(name, domains)).await;
        ended(&self.console, id).await
    }

    /// Waits until an operation has ended, while time passes: 2 seconds, then a fifth more each look.
    pub(crate) async fn patiently(&self, id: OperationId) -> Operation {
        let mut step = SignedDuration::from_secs(2);
        eventually("the operation has ended, in its time", LIMIT, async || {
            let operation = operations::operation(&self.console, id).await.unwrap();
            if operation.state != evercert_api::operations::OperationState::Running {
                return Some(operation);
            }
            self.advance(step);
            step = (step * 6 / 5).min(SignedDuration::from_mins(1));
            None
        })
        .await
    }

    /// Waits until an operation's first order waits for something, and answers its error.
    pub(crate) async fn waiting(&self, id: OperationId) -> OrderError {
        eventually("the order waits", LIMIT, async || {
            let operation = operations::operation(&self.console, id).await.unwrap();
            operation.orders.into_iter().find_map(|order| order.error)
        })
        .await
    }

    pub(crate) async fn first_key(&self, name: &str) -> KeySlot {
        let mut shown = certificates::show(&self.console, name).await.unwrap();
        shown.keys.remove(0)
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

    /// Renews at once and waits for the end; time does not pass.
    pub(crate) async fn renew(&self, name: &str) -> Operation {
        let id = self.order_renewal(name).await;
        ended(&self.console, id).await
    }

    pub(crate) async fn order_renewal(&self, name: &str) -> OperationId {
        let forced = request::Renewal::Forced;
        request::renew(&self.console, &actor(), name, forced)
            .await
            .unwrap()
    }

    pub(crate) async fn limits(&self) -> LimitsReport {
        show::limits(&self.console, "local", &[]).await.unwrap()
    }

    /// Sets rate limits of the vendor: word, tokens, seconds for one more.
    pub(crate) async fn set_limits(&self, limits: &[(&str, u32, u32)]) {
        let limits = limits
            .iter()
            .map(|(word, burst, refill)| (*word, *burst, *refill, &[][..]));
        self.set_limits_but(&limits.collect::<Vec<_>>()).await;
    }

    /// The same, with the orders that are exempt.
    pub(crate) async fn set_limits_but(&self, limits: &[(&str, u32, u32, &[&str])]) {
        let settings = limits.iter().map(|(word, burst, refill_secs, exempt)| {
            let setting = LimitSetting {
                burst: *burst,
                refill_secs: *refill_secs,
                exempt: Some(exempt.iter().map(|word| (*word).to_owned()).collect()),
            };
            ((*word).to_owned(), setting)
        });
        let settings = settings.collect();
        show::set_limits(&self.console, &actor(), "local", &settings)
            .await
            .unwrap();
    }

    /// What the log says of a certificate: kinds of events, oldest first.
    pub(crate) async fn log(&self, name: &str) -> Vec<(String, String)> {
        let events = self
            .console
            .db
            .events_of_certificate(name, None, 500)
            .await
            .unwrap();
        let told = events.into_iter().map(|event| (event.kind, event.message));
        let mut told: Vec<_> = told.collect();
        told.reverse();
        told
    }
}

/// The error of an operation's first order.
pub(crate) fn error_of(operation: &Operation) -> OrderError {
    operation.orders[0].error.clone().unwrap()
}
