//! A small world with the stub CA: everything it issues, and every request, can be looked at and steered.

use std::sync::Arc;

use evercert_api::Problem;
use evercert_api::certificates::{Certificate, IssueRequest};
use evercert_api::operations::Operation;
use evercert_console::lifecycle::request::Renewal;
use evercert_console::lifecycle::{certificates, dns, request, vendors};
use evercert_console::{Console, Environment, tasks};
use evercert_dns::server::AuthServer;
use evercert_testkit::acme_stub::{AcmeStub, Control, Endpoint, StubOptions};
use evercert_types::ManualClock;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::world::{
    TSIG, ZONE, actor, ca_vendor, console_config, dns_provider, dns_server, ended, standing_clock,
};

pub(crate) struct StubWorld {
    pub(crate) clock: Arc<ManualClock>,
    dns: AuthServer,
    pub(crate) stub: AcmeStub,
    pub(crate) console: Console,
    tasks: TaskTracker,
    _dir: TempDir,
}

impl StubWorld {
    /// The stub as vendor `local`, a DNS provider `dns` with the zone mapped.
    pub(crate) async fn start(options: StubOptions) -> Self {
        let clock = standing_clock();
        let dns = dns_server(&clock).await;
        let stub = AcmeStub::start(options.with_clock(clock.clone()))
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = console_config(dir.path(), clock.clone(), dns.local_addr());
        let console = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        furnish(&console, &stub, &dns).await;
        let tasks = tasks::start(&console);
        Self {
            clock,
            dns,
            stub,
            console,
            tasks,
            _dir: dir,
        }
    }

    pub(crate) const fn ca(&self) -> &Control {
        self.stub.control()
    }

    /// Requests a certificate and waits until its operation has ended.
    pub(crate) async fn issue(&self, request: IssueRequest) -> Operation {
        let id = request::request_issue(&self.console, &actor(), request)
            .await
            .unwrap();
        ended(&self.console, id).await
    }

    /// Requests a certificate that is refused.
    pub(crate) async fn refused(&self, request: IssueRequest) -> Problem {
        let answer = request::request_issue(&self.console, &actor(), request).await;
        answer.unwrap_err().to_problem()
    }

    /// Renews a certificate now, and waits until that has ended.
    pub(crate) async fn renew(&self, name: &str) -> Operation {
        let id = request::renew(&self.console, &actor(), name, Renewal::Forced)
            .await
            .unwrap();
        ended(&self.console, id).await
    }

    /// Renews a certificate that is not due.
    pub(crate) async fn not_renewed(&self, name: &str) -> Problem {
        let answer = request::renew(&self.console, &actor(), name, Renewal::IfDue).await;
        answer.unwrap_err().to_problem()
    }

    pub(crate) async fn show(&self, name: &str) -> Certificate {
        certificates::show(&self.console, name).await.unwrap()
    }

    /// Payloads of the newOrder requests so far.
    pub(crate) fn new_orders(&self) -> Vec<serde_json::Value> {
        let requests = self.ca().requests_to(Endpoint::NewOrder);
        requests.into_iter().map(|one| one.payload).collect()
    }

    /// Waits until no TXT value is left.
    pub(crate) async fn tidy(&self) {
        crate::world::tidy(&self.console, &self.dns).await;
    }

    pub(crate) async fn stop(self) {
        self.console.stop();
        self.tasks.wait().await;
    }
}

/// Adds the stub as vendor `local`, provider `dns` and the mapping of the zone.
pub(crate) async fn furnish(console: &Console, stub: &AcmeStub, dns: &AuthServer) {
    let vendor = ca_vendor(
        "local",
        stub.directory_url(),
        stub.ca_bundle_pem().to_owned(),
    );
    vendors::add_vendor(console, &actor(), vendor)
        .await
        .unwrap();
    let provider = dns_provider("dns", dns.local_addr(), TSIG);
    dns::add_dns_provider(console, &actor(), provider)
        .await
        .unwrap();
    dns::map_domain(console, &actor(), &ZONE.parse().unwrap(), "dns")
        .await
        .unwrap();
}
