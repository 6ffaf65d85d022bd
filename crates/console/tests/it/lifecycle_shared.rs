//! Two Consoles on one PostgreSQL: everything is done once.

use std::time::Duration;

use evercert_api::operations::OperationState;
use evercert_ca::LocalCa;
use evercert_console::lifecycle::request;
use evercert_console::{Console, ConsoleConfig, Environment, tasks};
use evercert_testkit::{Postgres, eventually, start_or_skip};
use evercert_types::Secret;
use jiff::SignedDuration;

use crate::world::{
    LIMIT, actor, ca_config, console_config, dns_server, ended, furnish, standing_clock, tidy,
    wanted,
};

const CERTIFICATES: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_is_ordered_once() {
    let postgres = start_or_skip!(Postgres::start().await);
    let url = postgres.create_database().await.unwrap();
    let clock = standing_clock();
    let dns = dns_server(&clock).await;
    let ca = LocalCa::start(ca_config(&clock, dns.local_addr()))
        .await
        .unwrap();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = |dir: &tempfile::TempDir| ConsoleConfig {
        database_url: Some(url.clone()),
        renew_tick: Duration::from_millis(50),
        job_poll: Duration::from_millis(50),
        ..console_config(dir.path(), clock.clone(), dns.local_addr())
    };
    let mut environment = Environment::default();
    environment.master_key = Some(Secret::new("11".repeat(32)));
    let first = Console::open_in(config(&one), environment.clone())
        .await
        .unwrap();
    let second = Console::open_in(config(&two), environment).await.unwrap();
    furnish(&first, &ca, dns.local_addr()).await;
    let running = [tasks::start(&first), tasks::start(&second)];
    for n in 0..CERTIFICATES {
        let request = wanted(&format!("c{n}"), &[&format!("c{n}.example.test")]);
        let id = request::request_issue(&second, &actor(), request)
            .await
            .unwrap();
        let operation = ended(&first, id).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }
    assert_eq!(ca.issued(), CERTIFICATES);

    clock.advance(SignedDuration::from_hours(24 * 62));
    first.wake_tasks();
    second.wake_tasks();

    eventually("every certificate is renewed", LIMIT, async || {
        (ca.issued() >= 2 * CERTIFICATES).then_some(())
    })
    .await;
    tidy(&first, &dns).await;
    for n in 0..CERTIFICATES {
        let certificate = first
            .db
            .certificate_by_name(&format!("c{n}"))
            .await
            .unwrap()
            .unwrap();
        let orders = first
            .db
            .orders_of_certificate(certificate.id, 9)
            .await
            .unwrap();
        assert_eq!(orders.len(), 2, "{}: {orders:#?}", certificate.name);
    }
    assert_eq!(ca.issued(), 2 * CERTIFICATES);
    for console in [first, second] {
        console.stop();
    }
    for tasks in running {
        tasks.wait().await;
    }
}
