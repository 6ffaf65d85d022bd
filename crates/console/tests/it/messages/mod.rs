//! The fourteen messages of NetScaler Console, each provoked in the situation that it names.
//!
//! A stub CA, an own DNS server, and clocks that can be set apart.

mod at_ca;
mod at_dns;
mod before;
mod preflight;
mod real;

use std::sync::Arc;

use evercert_api::Problem;
use evercert_api::certificates::OrderError;
use evercert_api::operations::{Operation, OperationState};
use evercert_console::lifecycle::messages::MESSAGES;
use evercert_console::lifecycle::{LifecycleError, dns, request, vendors};
use evercert_console::{Console, Environment, tasks};
use evercert_dns::server::AuthServer;
use evercert_testkit::acme_stub::{AcmeStub, StubOptions};
use evercert_testkit::eventually;
use evercert_types::ManualClock;
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::world::{
    LIMIT, TSIG, ZONE, actor, ca_vendor, console_config, dns_provider, dns_server, ended,
    standing_clock, wanted,
};

/// Everything running, the Console furnished with vendor `local` (the stub), provider `dns` and the zone's mapping.
pub(crate) struct Stage {
    pub(crate) clock: Arc<ManualClock>,
    /// The DNS server's own clock.
    pub(crate) dns_clock: Arc<ManualClock>,
    /// The CA's own clock.
    pub(crate) ca_clock: Arc<ManualClock>,
    pub(crate) dns: AuthServer,
    pub(crate) stub: AcmeStub,
    pub(crate) console: Console,
    tasks: TaskTracker,
    _dir: TempDir,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let [clock, dns_clock, ca_clock] = [(); 3].map(|()| standing_clock());
        let dns = dns_server(&dns_clock).await;
        let options = StubOptions::default().with_clock(ca_clock.clone());
        let stub = AcmeStub::start(options).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = console_config(dir.path(), clock.clone(), dns.local_addr());
        let console = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        let bundle = stub.ca_bundle_pem().to_owned();
        let vendor = ca_vendor("local", stub.directory_url(), bundle);
        vendors::add_vendor(&console, &actor(), vendor)
            .await
            .unwrap();
        let provider = dns_provider("dns", dns.local_addr(), TSIG);
        dns::add_dns_provider(&console, &actor(), provider)
            .await
            .unwrap();
        let tasks = tasks::start(&console);
        let stage = Self {
            clock,
            dns_clock,
            ca_clock,
            dns,
            stub,
            console,
            tasks,
            _dir: dir,
        };
        stage.map(ZONE, "dns").await;
        stage
    }

    pub(crate) async fn strike(self) {
        self.console.stop();
        self.tasks.wait().await;
    }

    /// Time passes everywhere.
    pub(crate) fn pass(&self, span: SignedDuration) {
        for clock in [&self.clock, &self.dns_clock, &self.ca_clock] {
            clock.advance(span);
        }
    }

    pub(crate) async fn map(&self, domain: &str, provider: &str) {
        let domain = domain.parse().unwrap();
        dns::map_domain(&self.console, &actor(), &domain, provider)
            .await
            .unwrap();
    }

    /// Lets the stub count as Let's Encrypt, whose names must be public.
    pub(crate) async fn go_public(&self) {
        let found = self.console.db.vendor_by_name("local").await.unwrap();
        let mut vendor = found.unwrap();
        vendor.options.type_code = Some("lets-encrypt".to_owned());
        let mut tx = self.console.db.begin_write().await.unwrap();
        tx.update_vendor(&vendor, None).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Orders, and waits for the end.
    pub(crate) async fn issue(&self, name: &str, domains: &[&str]) -> Operation {
        let wanted = wanted(name, domains);
        let id = request::request_issue(&self.console, &actor(), wanted)
            .await
            .unwrap();
        ended(&self.console, id).await
    }

    /// Orders in vain; answers why.
    pub(crate) async fn fails(&self, name: &str, domains: &[&str]) -> OrderError {
        let operation = self.issue(name, domains).await;
        assert_eq!(operation.state, OperationState::Failed, "{operation:#?}");
        operation.orders[0].error.clone().unwrap()
    }

    /// Orders, and is refused before anything is written.
    pub(crate) async fn is_refused(&self, name: &str, domains: &[&str]) -> Problem {
        let wanted = wanted(name, domains);
        let refused = request::request_issue(&self.console, &actor(), wanted).await;
        let found = self.console.db.certificate_by_name(name).await.unwrap();
        assert!(found.is_none(), "{name} was saved");
        problem(refused)
    }

    /// Waits until the Console has tried to renew a certificate by itself, in vain.
    pub(crate) async fn renewal_fails(&self, name: &str) -> OrderError {
        let found = self.console.db.certificate_by_name(name).await.unwrap();
        let id = found.unwrap().id;
        eventually("a failed renewal", LIMIT, async || {
            self.console.wake_tasks();
            // Not what was foreseen when a provider was switched off: an order has failed.
            let mut log = self.log(name).await.into_iter();
            log.find(|entry| entry.kind == "order.failed")?;
            let slot = self.console.db.slots(id).await.unwrap().remove(0);
            let error = slot.last_error.filter(|_| slot.failures > 0)?;
            Some(serde_json::from_value(error).unwrap())
        })
        .await
    }

    /// The kinds of a certificate's log, newest first.
    pub(crate) async fn log(&self, name: &str) -> Vec<evercert_api::certificates::LogEntry> {
        use evercert_console::lifecycle::certificates;
        let page = certificates::log(&self.console, name, None, 100).await;
        page.unwrap().items
    }
}

pub(crate) fn problem<T: std::fmt::Debug>(outcome: Result<T, LifecycleError>) -> Problem {
    outcome.unwrap_err().to_problem()
}

/// The words of a message, by its number.
pub(crate) fn words(number: usize) -> &'static str {
    MESSAGES[number - 1].words
}

/// A failure begins with the words, keeps them apart too, and says what to do.
pub(crate) fn assert_said(error: &OrderError, words: &str) {
    assert_eq!(error.known_as.as_deref(), Some(words), "{error:#?}");
    assert!(error.message.starts_with(words), "{error:#?}");
    assert!(error.message.len() > words.len(), "no detail: {error:#?}");
    assert!(
        error
            .remedy
            .as_ref()
            .is_some_and(|remedy| !remedy.is_empty()),
        "{error:#?}"
    );
}

/// The same of an answer to a request.
pub(crate) fn assert_answered(problem: &Problem, words: &str) {
    assert_eq!(problem.known_as.as_deref(), Some(words), "{problem:#?}");
    assert!(problem.detail.starts_with(words), "{problem:#?}");
    assert!(
        problem.detail.len() > words.len(),
        "no detail: {problem:#?}"
    );
    assert!(
        problem
            .remedy
            .as_ref()
            .is_some_and(|remedy| !remedy.is_empty()),
        "{problem:#?}"
    );
}

#[test]
fn every_message_has_its_test() {
    let sources = [
        include_str!("at_ca.rs"),
        include_str!("at_dns.rs"),
        include_str!("before.rs"),
    ];
    for message in &MESSAGES {
        let head = format!("async fn {}()", message.test);
        let count = sources
            .iter()
            .filter(|source| source.contains(&head))
            .count();
        assert_eq!(count, 1, "{}", message.test);
    }
}

/// `EVERCERT_BLESS=1` writes it.
#[test]
fn the_reference_has_the_table() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/messages.md"
    );
    let page = std::fs::read_to_string(path).unwrap();
    let (head, rest) = page.split_once("evercert-console reference -->\n").unwrap();
    let (table, tail) = rest.split_once("<!-- end -->").unwrap();
    if std::env::var_os("EVERCERT_BLESS").is_some() {
        let whole = [
            head,
            "evercert-console reference -->\n",
            &expected(),
            "<!-- end -->",
            tail,
        ];
        std::fs::write(path, whole.concat()).unwrap();
        return;
    }
    assert_eq!(table, expected(), "EVERCERT_BLESS=1 writes the table anew");
}

fn expected() -> String {
    let head =
        "| # | words | when | code | we add | remedy | test |\n|---|---|---|---|---|---|---|\n";
    let rows = MESSAGES.iter().map(|message| {
        format!(
            "| {} | `{}` | {} | `{}` | {} | {} | `{}` |\n",
            message.number,
            message.words,
            message.when,
            message.code.replace(", ", "`, `"),
            message.adds,
            message.remedy,
            message.test,
        )
    });
    head.to_owned() + &rows.collect::<String>()
}
