//! The Console is killed at every persisted step of an order, and the order is finished all the same.

use std::time::Duration;

use evercert_e2e::cli::Cli;
use evercert_e2e::console::ConsoleSetup;
use evercert_e2e::surroundings::{Surroundings, ZONE};
use evercert_testkit::eventually;
use evercert_types::OrderState;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_order_survives_sigkill_at_every_step() {
    let dir = tempfile::tempdir().unwrap();
    let around = Surroundings::start(dir.path()).await.unwrap();
    let setup = ConsoleSetup::new(
        &dir.path().join("console"),
        None,
        Some(around.dns.local_addr()),
    )
    .await
    .unwrap();
    let console = setup.start().await.unwrap();
    around.introduce(&console.cli(), dir.path()).await.unwrap();
    console.role.stop().await.unwrap();

    let steps: Vec<OrderState> = OrderState::ALL
        .iter()
        .copied()
        .filter(|s| !s.is_finished())
        .collect();
    for step in &steps {
        kill_at(&setup, *step).await;
    }

    let console = setup.start().await.unwrap();
    let list = console.cli().json(&["cert", "list"]).await.unwrap();
    for step in &steps {
        let certificate = by_name(&list, &format!("at-{step}"));
        assert_eq!(
            certificate["keys"][0]["active"]["generation"], 1,
            "{step}: ordered twice, or not at all"
        );
    }
    assert_eq!(
        around.ca.issued(),
        steps.len(),
        "some order was sent to the CA twice"
    );
    let clean = async || around.dns.txt_names().is_empty().then_some(());
    eventually("no TXT record left", LIMIT, clean).await;
    console.role.stop().await.unwrap();
}

/// Orders a certificate, kills the Console when the order stands at `step`, starts it again and waits for the end.
async fn kill_at(setup: &ConsoleSetup, step: OrderState) {
    let name = format!("at-{step}");
    let paused = setup.dir.join("paused");
    drop(std::fs::remove_file(&paused));
    let mut console = setup
        .start_with("EVERCERT_PAUSE_AT", step.as_str())
        .await
        .unwrap();
    let (apex, wildcard) = (format!("{step}.{ZONE}"), format!("*.{step}.{ZONE}"));
    let issue = [
        "cert", "issue", &name, "--domain", &apex, "--domain", &wildcard, "--vendor", "local",
    ];
    console.cli().ok(&issue).await.unwrap();
    console
        .role
        .wait_for(&format!("the pause at {step}"), async || {
            paused.exists().then_some(())
        })
        .await
        .unwrap();
    console.role.kill().await.unwrap();

    let console = setup.start().await.unwrap();
    let cli = console.cli();
    let issued = async || {
        let list = cli.json(&["cert", "list"]).await.unwrap();
        let slot = &by_name(&list, &name)["keys"][0];
        assert!(
            slot["last_error"].is_null(),
            "{step}: {}\n{}",
            slot["last_error"],
            console.role.log()
        );
        (!slot["active"].is_null()).then_some(())
    };
    eventually(
        &format!("the certificate after a kill at {step}"),
        LIMIT,
        issued,
    )
    .await;
    let chain = checked_export(&cli, &name).await;
    assert!(chain.contains("BEGIN CERTIFICATE"), "{step}");
    console.role.stop().await.unwrap();
}

/// The chain, whose leaf fits the exported key.
async fn checked_export(cli: &Cli, name: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key.pem");
    let key = key.to_str().unwrap();
    let chain = cli
        .ok(&["cert", "export", name, "--key", key])
        .await
        .unwrap();
    let pem = std::fs::read_to_string(key).unwrap();
    let pair = evercert_x509::KeyPair::from_pem(&pem).unwrap();
    let leaf = evercert_x509::Chain::from_pem(&chain)
        .unwrap()
        .leaf()
        .clone();
    evercert_x509::verify_key_matches(&leaf, &pair).unwrap();
    chain
}

fn by_name<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .find(|c| c["name"] == name)
        .unwrap_or_else(|| panic!("{name} is missing"))
}
