//! A hundred orders at Pebble, which rejects half of all nonces, proved through PowerDNS.

use std::time::Duration;

use evercert_e2e::console::ConsoleSetup;
use evercert_testkit::pdns::Pdns;
use evercert_testkit::pebble::{Pebble, PebbleOptions};
use evercert_testkit::zone::Zone;
use evercert_testkit::{eventually, start_or_skip};
use evercert_x509::{Certificate, Chain};
use serde_json::Value;

const ORDERS: usize = 100;

/// Half a minute on two idle cores; the rest is for machines that do something else as well.
const LIMIT: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_orders_survive_rejected_nonces_and_leave_no_record() {
    let pdns = start_or_skip!(Pdns::start(&[Zone::new("example.org")]).await);
    let options = PebbleOptions {
        dns_server: Some(pdns.addr()),
        nonce_reject_percent: 50,
        ..PebbleOptions::default()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let dir = tempfile::tempdir().unwrap();
    let setup = ConsoleSetup::new(&dir.path().join("console"), None, Some(pdns.addr()))
        .await
        .unwrap();
    let console = setup.start().await.unwrap();
    let cli = console.cli();
    let bundle = dir.path().join("pebble.pem");
    std::fs::write(&bundle, pebble.ca_bundle_pem()).unwrap();

    let bundle = bundle.to_str().unwrap();
    cli.ok(&[
        "ca-vendor",
        "add",
        "pebble",
        "--directory-url",
        &pebble.directory_url(),
        "--ca-bundle",
        bundle,
        "--agree-tos",
    ])
    .await
    .unwrap();
    let server = pdns.addr().to_string();
    let settings: Vec<String> = pdns
        .settings()
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut add = vec!["dns-provider", "add", "pdns", "--type", "pdns"];
    add.extend(
        settings
            .iter()
            .flat_map(|setting| ["--set", setting.as_str()]),
    );
    add.extend([
        "--propagation",
        "servers",
        "--propagation-server",
        &server,
        "--propagation-first-look",
        "0s",
    ]);
    cli.ok(&add).await.unwrap();
    cli.ok(&["domain", "map", "example.org", "--provider", "pdns"])
        .await
        .unwrap();

    for number in 0..ORDERS {
        let (name, apex) = (format!("site{number}"), format!("site{number}.example.org"));
        let wildcard = format!("*.{apex}");
        cli.ok(&[
            "cert", "issue", &name, "--domain", &apex, "--domain", &wildcard, "--vendor", "pebble",
        ])
        .await
        .unwrap();
    }
    let all_issued = async || {
        let list = cli.json(&["cert", "list"]).await.unwrap();
        let items = list["items"].as_array().unwrap();
        let slots = items.iter().map(|c| &c["keys"][0]);
        assert_no_attempt_failed(&console.role.log());
        (slots.filter(|slot| !slot["active"].is_null()).count() == ORDERS).then_some(())
    };
    eventually("100 certificates", LIMIT, all_issued).await;

    let root = Certificate::from_pem(&pebble.root_pem(0).await.unwrap()).unwrap();
    for number in [0, ORDERS / 2, ORDERS - 1] {
        let pem = cli
            .ok(&["cert", "export", &format!("site{number}")])
            .await
            .unwrap();
        let chain = Chain::from_pem(&pem).unwrap();
        evercert_x509::verify_chain_links(&chain).unwrap();
        let names: Vec<String> = chain
            .leaf()
            .dns_names()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            names.contains(&format!("*.site{number}.example.org")),
            "{names:?}"
        );
        let top = chain.certificates().last().unwrap();
        assert!(
            top.is_signed_by(&root),
            "the chain does not end at Pebble's root"
        );
    }
    let no_records = async || (pdns_txt_records(&pdns).await == 0).then_some(());
    eventually("no TXT record left", Duration::from_secs(30), no_records).await;
    assert_no_attempt_failed(&console.role.log());
    console.role.stop().await.unwrap();
}

/// A nonce that is rejected, or a change that PowerDNS does not take at once, is nothing that an order notices.
fn assert_no_attempt_failed(log: &str) {
    let told = ["failure.stage", "could not be removed"];
    let failed = log
        .lines()
        .find(|line| told.iter().any(|words| line.contains(words)));
    assert!(failed.is_none(), "{}\n{log}", failed.unwrap_or_default());
}

/// How many TXT sets the zone holds, by PowerDNS's own API.
pub(crate) async fn pdns_txt_records(pdns: &Pdns) -> usize {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let url = format!(
        "{}/api/v1/servers/localhost/zones/example.org.",
        pdns.api_url()
    );
    let zone: Value = client
        .get(url)
        .header("X-API-Key", pdns.api_key())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    zone["rrsets"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|set| set["type"] == "TXT")
        .count()
}
