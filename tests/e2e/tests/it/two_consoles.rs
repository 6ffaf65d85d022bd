//! Two Consoles on one PostgreSQL: what is due is ordered once.

use std::time::Duration;

use evercert_e2e::console::{Console, ConsoleSetup};
use evercert_e2e::surroundings::{Surroundings, ZONE};
use evercert_testkit::postgres::Postgres;
use evercert_testkit::{eventually, start_or_skip};
use tokio::process::Command;

const CERTIFICATES: usize = 50;
const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn two_consoles_order_each_due_certificate_once() {
    let postgres = start_or_skip!(Postgres::start().await);
    let database = postgres.create_database().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let around = Surroundings::start(dir.path()).await.unwrap();
    let dns = Some(around.dns.local_addr());
    let first = ConsoleSetup::new(&dir.path().join("one"), Some(&database), dns)
        .await
        .unwrap();
    let console = first.start().await.unwrap();
    around.introduce(&console.cli(), dir.path()).await.unwrap();
    for number in 0..CERTIFICATES {
        let (name, domain) = (format!("site{number}"), format!("site{number}.{ZONE}"));
        let issue = [
            "cert",
            "issue",
            &name,
            "--domain",
            &domain,
            "--vendor",
            "local",
            "--auto-renew",
        ];
        console.cli().ok(&issue).await.unwrap();
    }
    generation_reached(&console, 1).await;
    console.role.stop().await.unwrap();

    make_all_due(&postgres, &database).await;
    let second = ConsoleSetup::beside(&first, &dir.path().join("two")).unwrap();
    let (one, two) = (first.start().await.unwrap(), second.start().await.unwrap());
    generation_reached(&one, 2).await;
    // Both plan once more with nothing due: a second order of the same would show now.
    let before = around.ca.issued();
    for console in [&one, &two] {
        console.cli().ok(&["cert", "list"]).await.unwrap();
    }

    assert_eq!(
        before,
        2 * CERTIFICATES,
        "each was ordered once at first and once when due"
    );
    let at_both = two.cli().json(&["cert", "list"]).await.unwrap();
    assert_eq!(at_both["items"].as_array().unwrap().len(), CERTIFICATES);
    let worked = |console: &Console| console.role.log().matches("a version is in force").count();
    assert!(
        worked(&one) > 0 && worked(&two) > 0,
        "both took part: {} and {}",
        worked(&one),
        worked(&two)
    );
    one.role.stop().await.unwrap();
    two.role.stop().await.unwrap();
}

async fn generation_reached(console: &Console, generation: i64) {
    let reached = async || {
        let list = console.cli().json(&["cert", "list"]).await.unwrap();
        let slots = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| &c["keys"][0]["active"]["generation"]);
        let generations: Vec<i64> = slots.filter_map(serde_json::Value::as_i64).collect();
        assert!(
            generations.iter().all(|g| *g <= generation),
            "one was renewed twice: {generations:?}"
        );
        (generations.len() == CERTIFICATES && generations.iter().all(|g| *g == generation))
            .then_some(())
    };
    eventually(&format!("generation {generation} of all"), LIMIT, reached).await;
}

/// Makes every certificate look as if 80 of its 90 days had passed.
async fn make_all_due(postgres: &Postgres, database: &str) {
    let shift = 80 * 86_400;
    let sql = format!(
        "UPDATE versions SET not_before = not_before - {shift}, not_after = not_after - {shift}; \
         UPDATE certificate_slots SET due_at = 1, ari_start = NULL, ari_end = NULL, ari_chosen = NULL;"
    );
    let status = Command::new(postgres.program("psql"))
        .args([
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            database,
            "--command",
            &sql,
        ])
        .status()
        .await
        .unwrap();
    assert!(status.success());
}
