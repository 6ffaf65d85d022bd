//! One order for both stores: two certificates that want the same are issued and renewed by one order at the CA.

use std::time::Duration;

use evercert_api::certificates::IssueRequest;
use evercert_api::operations::OperationState;
use evercert_console::lifecycle::{certificates, request};
use evercert_console::{Console, Environment, tasks};
use evercert_testkit::acme_stub::{AcmeStub, Finalize, StubOptions};
use evercert_testkit::{eventually, start_or_skip};
use evercert_types::{OperationId, OrderState, Secret, StoreKind};
use jiff::SignedDuration;

use crate::stub_world::{StubWorld, furnish};
use crate::world::{LIMIT, actor, console_config, dns_server, ended, standing_clock, wanted};

const NAMES: [&str; 2] = ["both.example.test", "*.both.example.test"];

/// The two certificates: `hand` in the certificate store, `auto` in the zero-touch store.
fn pair() -> [IssueRequest; 2] {
    [
        ("hand", StoreKind::Certificate),
        ("auto", StoreKind::ZeroTouch),
    ]
    .map(|(name, store)| IssueRequest {
        store,
        ..wanted(name, &NAMES)
    })
}

async fn in_force(console: &Console, name: &str) -> (i64, String) {
    let certificate = certificates::show(console, name).await.unwrap();
    let active = certificate.keys[0].active.as_ref().unwrap();
    (active.generation, active.fingerprint.to_string())
}

/// Both have this generation in force, of the same leaf, each in its own store and with its own copy of the key.
async fn verify_shared(console: &Console, generation: i64) {
    let (hand, auto) = (
        in_force(console, "hand").await,
        in_force(console, "auto").await,
    );
    assert_eq!(hand, auto);
    assert_eq!(hand.0, generation);
    for name in ["hand", "auto"] {
        let export = evercert_api::certificates::ExportRequest {
            with_key: true,
            ..Default::default()
        };
        let export = certificates::export(console, name, &export).await.unwrap();
        let chain = evercert_x509::Chain::from_pem(&export.chain_pem).unwrap();
        let key = evercert_x509::KeyPair::from_pem(&export.key_pem.unwrap()).unwrap();
        evercert_x509::verify_key_matches(chain.leaf(), &key).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_order_serves_both_stores_at_issue_and_at_renewal() {
    let world = StubWorld::start(StubOptions::default()).await;
    let [hand, auto] = pair();
    let first = request::request_issue(&world.console, &actor(), hand)
        .await
        .unwrap();
    let second = request::request_issue(&world.console, &actor(), auto)
        .await
        .unwrap();
    for id in [first, second] {
        let operation = ended(&world.console, id).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }
    assert_eq!(world.new_orders().len(), 1);
    verify_shared(&world.console, 1).await;
    let hand = world.show("hand").await;
    assert_eq!(hand.shares_orders_with, ["auto"]);
    assert_eq!(hand.duplicates, ["auto"]);

    world.clock.advance(SignedDuration::from_hours(24 * 62));
    world.console.wake_tasks();

    eventually("both are renewed", LIMIT, async || {
        let hand = in_force(&world.console, "hand").await;
        let auto = in_force(&world.console, "auto").await;
        (hand.0 == 2 && auto.0 == 2).then_some(())
    })
    .await;
    verify_shared(&world.console, 2).await;
    assert_eq!(world.new_orders().len(), 2);
    let log = certificates::log(&world.console, "auto", None, 100)
        .await
        .unwrap();
    let told = log
        .items
        .iter()
        .any(|entry| entry.message.contains("serves both stores"));
    assert!(told, "{log:#?}");
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_there_serves_a_certificate_that_comes_later() {
    let world = StubWorld::start(StubOptions::default()).await;
    let [hand, auto] = pair();
    world.issue(hand).await;

    let operation = world.issue(auto).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert!(
        operation
            .steps
            .iter()
            .any(|step| step.kind == "order.served"),
        "{operation:#?}"
    );
    assert_eq!(world.new_orders().len(), 1);
    verify_shared(&world.console, 1).await;
    let revision = world
        .console
        .db
        .store_states()
        .await
        .unwrap()
        .zero_touch
        .revision;
    assert_eq!(revision, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_terms_or_the_wish_to_be_alone_make_orders_of_their_own() {
    let world = StubWorld::start(StubOptions::default()).await;
    let [hand, auto] = pair();
    world.issue(hand).await;

    let alone = IssueRequest {
        share: false,
        ..auto.clone()
    };
    world.issue(alone).await;
    let mut kept = auto;
    kept.name = "kept".to_owned();
    kept.reuse_key = true;
    kept.force = true;
    world.issue(kept).await;

    assert_eq!(world.new_orders().len(), 3);
    assert!(world.show("auto").await.shares_orders_with.is_empty());
    assert_ne!(
        in_force(&world.console, "hand").await.1,
        in_force(&world.console, "auto").await.1
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manual_certificate_is_not_renewed_by_the_order_of_another() {
    let world = StubWorld::start(StubOptions::default()).await;
    let [mut hand, auto] = pair();
    hand.auto_renew = false;
    world.issue(hand).await;
    world.issue(auto).await;

    let operation = world.renew("auto").await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert_eq!(in_force(&world.console, "auto").await.0, 2);
    assert_eq!(in_force(&world.console, "hand").await.0, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_order_is_not_tried_twice_as_often_for_two_stores() {
    let world = StubWorld::start(StubOptions::default()).await;
    for request in pair() {
        world.issue(request).await;
    }
    let failure = evercert_testkit::acme_stub::Failure {
        kind: "unauthorized".to_owned(),
        detail: "wrong value".to_owned(),
    };
    world.ca().switch(|switches| {
        switches
            .failing_names
            .insert("both.example.test".to_owned(), failure);
    });
    world.ca().forget_requests();
    world.clock.advance(SignedDuration::from_hours(24 * 62));
    world.console.wake_tasks();

    for round in 1..=2u32 {
        eventually("an order has failed", LIMIT, async || {
            let (hand, auto) = (world.show("hand").await, world.show("auto").await);
            let failures = [hand.keys[0].failures, auto.keys[0].failures];
            (failures.iter().max() == Some(&round)).then(|| {
                // The pass that ordered for one of them has looked at the other.
                assert_eq!(failures.iter().min(), Some(&0));
            })
        })
        .await;
        assert_eq!(world.new_orders().len(), round as usize);
        world.clock.advance(SignedDuration::from_hours(1));
        world.console.wake_tasks();
    }
    world.stop().await;
}

/// Runs a Console in a runtime of its own until it pauses, and takes the runtime away.
fn die_at(state: OrderState, config: evercert_console::ConsoleConfig, paused: &std::path::Path) {
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
        drop(running);
    });
    runtime.shutdown_timeout(Duration::ZERO);
    std::fs::remove_file(paused).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_state_leaves_one_order_and_both_served() {
    for state in [
        OrderState::Pending,
        OrderState::Ordering,
        OrderState::Validating,
        OrderState::Finalizing,
        OrderState::Downloaded,
        OrderState::Installed,
        OrderState::Done,
    ] {
        let clock = standing_clock();
        let dns = dns_server(&clock).await;
        let stub = AcmeStub::start(StubOptions::default().with_clock(clock.clone()))
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = console_config(dir.path(), clock, dns.local_addr());
        let console = Console::open_in(config.clone(), Environment::default())
            .await
            .unwrap();
        furnish(&console, &stub, &dns).await;
        let mut ids: Vec<OperationId> = Vec::new();
        for request in pair() {
            let id = request::request_issue(&console, &actor(), request).await;
            ids.push(id.unwrap());
        }
        let (dying, paused) = (config.clone(), dir.path().join("paused"));
        tokio::task::spawn_blocking(move || die_at(state, dying, &paused))
            .await
            .unwrap();

        let revived = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        let running = tasks::start(&revived);
        for id in ids {
            let operation = ended(&revived, id).await;
            assert_eq!(
                operation.state,
                OperationState::Succeeded,
                "{state}: {operation:#?}"
            );
        }
        assert_eq!(stub.control().issued(), 1, "after {state}");
        verify_shared(&revived, 1).await;
        revived.stop();
        running.wait().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_consoles_make_one_order_for_both_stores() {
    const PAIRS: usize = 8;
    let postgres = start_or_skip!(evercert_testkit::Postgres::start().await);
    let url = postgres.create_database().await.unwrap();
    let clock = standing_clock();
    let dns = dns_server(&clock).await;
    let mut options = StubOptions::default().with_clock(clock.clone());
    options.switches.finalize = Finalize::Processing {
        looks: 1,
        retry_after: None,
    };
    let stub = AcmeStub::start(options).await.unwrap();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut environment = Environment::default();
    environment.master_key = Some(Secret::new("11".repeat(32)));
    let mut consoles = Vec::new();
    for dir in &dirs {
        let config = evercert_console::ConsoleConfig {
            database_url: Some(url.clone()),
            renew_tick: Duration::from_millis(50),
            job_poll: Duration::from_millis(50),
            ..console_config(dir.path(), clock.clone(), dns.local_addr())
        };
        let console = Console::open_in(config, environment.clone()).await;
        consoles.push(console.unwrap());
    }
    furnish(&consoles[0], &stub, &dns).await;
    let running: Vec<_> = consoles.iter().map(tasks::start).collect();

    let mut ids = Vec::new();
    for n in 0..PAIRS {
        let request = |store, console: &Console| {
            let request = IssueRequest {
                store,
                ..wanted(&format!("{store}-{n}"), &[&format!("p{n}.example.test")])
            };
            let console = console.clone();
            async move { request::request_issue(&console, &actor(), request).await }
        };
        let (one, two) = tokio::join!(
            request(StoreKind::Certificate, &consoles[0]),
            request(StoreKind::ZeroTouch, &consoles[1])
        );
        ids.extend([one.unwrap(), two.unwrap()]);
    }
    for id in ids {
        let operation = ended(&consoles[0], id).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }
    assert_eq!(stub.control().issued(), PAIRS);

    clock.advance(SignedDuration::from_hours(24 * 62));
    for console in &consoles {
        console.wake_tasks();
    }
    for n in 0..PAIRS {
        for store in [StoreKind::Certificate, StoreKind::ZeroTouch] {
            let name = format!("{store}-{n}");
            eventually("the second generation", LIMIT, async || {
                (in_force(&consoles[0], &name).await.0 == 2).then_some(())
            })
            .await;
        }
    }
    assert_eq!(stub.control().issued(), 2 * PAIRS);
    for console in consoles {
        console.stop();
    }
    for tasks in running {
        tasks.wait().await;
    }
}
