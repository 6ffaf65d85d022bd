//! A Console that dies at any persisted state takes the order up again where it was: one certificate, no rest.

use std::path::Path;
use std::time::Duration;

use evercert_api::operations::OperationState;
use evercert_ca::LocalCa;
use evercert_console::lifecycle::{operations, request};
use evercert_console::{Console, ConsoleConfig, Environment, tasks};
use evercert_testkit::eventually;
use evercert_types::{OperationId, OrderState};

use crate::world::{
    LIMIT, actor, ca_config, console_config, dns_server, ended, furnish, standing_clock, tidy,
    wanted,
};

const STATES: [OrderState; 13] = [
    OrderState::Pending,
    OrderState::Ordering,
    OrderState::Ordered,
    OrderState::Authorizing,
    OrderState::Published,
    OrderState::Propagated,
    OrderState::Validating,
    OrderState::Ready,
    OrderState::Keyed,
    OrderState::Finalizing,
    OrderState::Issued,
    OrderState::Downloaded,
    OrderState::Installed,
];

/// Runs a Console in a runtime of its own for so long, and takes the runtime away.
fn live_for(span: Duration, config: ConsoleConfig) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let console = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        let running = tasks::start(&console);
        tokio::time::sleep(span).await;
        drop(running);
    });
    runtime.shutdown_timeout(Duration::ZERO);
}

/// Runs a Console in a runtime of its own until it pauses, and then takes the runtime away: every task ends where it
/// waits, nothing is tidied up.
fn die_at(state: OrderState, config: ConsoleConfig, paused: &Path, id: OperationId) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let environment = Environment::default().pausing_at(state);
        let console = Console::open_in(config, environment).await.unwrap();
        let running = tasks::start(&console);
        eventually("the Console has paused", LIMIT, async || {
            paused.exists().then_some(())
        })
        .await;
        let operation = operations::operation(&console, id).await.unwrap();
        assert_eq!(operation.orders[0].state, state);
        drop(running);
    });
    runtime.shutdown_timeout(Duration::ZERO);
    std::fs::remove_file(paused).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_survives_a_death_at_every_state() {
    let clock = standing_clock();
    let dns = dns_server(&clock).await;
    let ca = LocalCa::start(ca_config(&clock, dns.local_addr()))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = console_config(dir.path(), clock.clone(), dns.local_addr());
    let console = Console::open_in(config.clone(), Environment::default())
        .await
        .unwrap();
    furnish(&console, &ca, dns.local_addr()).await;

    for (n, state) in (1..).zip(STATES) {
        let name = format!("at-{state}");
        let wanted = wanted(&name, &[&format!("{name}.example.test"), "*.example.test"]);
        let id = request::request_issue(&console, &actor(), wanted)
            .await
            .unwrap();
        let (config, paused) = (config.clone(), dir.path().join("paused"));
        tokio::task::spawn_blocking({
            let config = config.clone();
            move || die_at(state, config, &paused, id)
        })
        .await
        .unwrap();

        let revived = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        let running = tasks::start(&revived);
        let operation = ended(&revived, id).await;

        assert_eq!(
            operation.state,
            OperationState::Succeeded,
            "{state}: {operation:#?}"
        );
        tidy(&revived, &dns).await;
        assert_eq!(ca.issued(), n, "after {state}");
        let certificate = revived
            .db
            .certificate_by_name(&name)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            revived
                .db
                .orders_of_certificate(certificate.id, 9)
                .await
                .unwrap()
                .len(),
            1
        );
        assert_eq!(revived.db.versions(certificate.id).await.unwrap().len(), 1);
        revived.stop();
        running.wait().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deaths_at_any_moment_neither_lose_an_order_nor_double_it() {
    const ORDERS: usize = 12;
    let clock = standing_clock();
    let dns = dns_server(&clock).await;
    let ca = LocalCa::start(ca_config(&clock, dns.local_addr()))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = console_config(dir.path(), clock.clone(), dns.local_addr());
    let console = Console::open_in(config.clone(), Environment::default())
        .await
        .unwrap();
    furnish(&console, &ca, dns.local_addr()).await;
    let mut ids = Vec::new();
    for n in 0..ORDERS {
        let names = [format!("r{n}.example.test"), format!("*.r{n}.example.test")];
        let wanted = wanted(&format!("r{n}"), &[&names[0], &names[1]]);
        ids.push(
            request::request_issue(&console, &actor(), wanted)
                .await
                .unwrap(),
        );
    }

    for round in 0..25u64 {
        // Spans between 20 and 90 ms that repeat with every run: an order takes about 30 ms.
        let span = Duration::from_millis(20 + round * 37 % 71);
        let config = config.clone();
        tokio::task::spawn_blocking(move || live_for(span, config))
            .await
            .unwrap();
    }

    let revived = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    let running = tasks::start(&revived);
    for id in ids {
        let operation = ended(&revived, id).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }
    tidy(&revived, &dns).await;
    assert_eq!(ca.issued(), ORDERS);
    revived.stop();
    running.wait().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_order_leaves_nothing_behind_though_the_console_dies() {
    let clock = standing_clock();
    let (dns, elsewhere) = (dns_server(&clock).await, dns_server(&clock).await);
    let ca = LocalCa::start(ca_config(&clock, elsewhere.local_addr()))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = console_config(dir.path(), clock.clone(), dns.local_addr());
    let console = Console::open_in(config.clone(), Environment::default())
        .await
        .unwrap();
    furnish(&console, &ca, dns.local_addr()).await;
    let request = wanted("unseen", &["unseen.example.test"]);
    let id = request::request_issue(&console, &actor(), request)
        .await
        .unwrap();
    tokio::task::spawn_blocking({
        let (config, paused) = (config.clone(), dir.path().join("paused"));
        move || die_at(OrderState::Failed, config, &paused, id)
    })
    .await
    .unwrap();
    assert!(!dns.txt_names().is_empty());

    let revived = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    let running = tasks::start(&revived);

    tidy(&revived, &dns).await;
    revived.stop();
    running.wait().await;
}
