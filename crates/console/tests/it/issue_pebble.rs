//! At Pebble: a CSR alone, and a subject with a requested lifetime.

use evercert_api::certificates::{ExportRequest, IssueRequest};
use evercert_api::operations::OperationState;
use evercert_console::lifecycle::{certificates, dns, request, vendors};
use evercert_console::{Console, Environment, tasks};
use evercert_testkit::{Pebble, PebbleOptions, start_or_skip};
use evercert_types::{KeyAlgorithm, StoreKind, SystemClock};
use evercert_x509::{Chain, Csr, CsrParams, KeyPair, verify_key_matches};

use crate::world::{
    TSIG, ZONE, actor, ca_vendor, console_config, dns_provider, dns_server, ended, standing_clock,
    tidy, wanted,
};

async fn issued(console: &Console, request: IssueRequest) -> Chain {
    let name = request.name.clone();
    let id = request::request_issue(console, &actor(), request)
        .await
        .unwrap();
    let operation = ended(console, id).await;
    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    let export = certificates::export(console, &name, &ExportRequest::default())
        .await
        .unwrap();
    Chain::from_pem(&export.chain_pem).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_csr_alone_and_a_requested_lifetime_are_honoured() {
    let dns_server = dns_server(&standing_clock()).await;
    let options = PebbleOptions {
        dns_server: Some(dns_server.local_addr()),
        ..PebbleOptions::default()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let dir = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(SystemClock);
    let config = console_config(dir.path(), clock, dns_server.local_addr());
    let console = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    let bundle = pebble.ca_bundle_pem().to_owned();
    let vendor = ca_vendor("local", pebble.directory_url(), bundle);
    vendors::add_vendor(&console, &actor(), vendor)
        .await
        .unwrap();
    let provider = dns_provider("dns", dns_server.local_addr(), TSIG);
    dns::add_dns_provider(&console, &actor(), provider)
        .await
        .unwrap();
    dns::map_domain(&console, &actor(), &ZONE.parse().unwrap(), "dns")
        .await
        .unwrap();
    let running = tasks::start(&console);
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP384).unwrap();
    let params = CsrParams {
        names: vec!["csr.example.test".parse().unwrap()],
        ..CsrParams::default()
    };
    let csr = Csr::build(&params, &key).unwrap();
    let mut alone = IssueRequest::new("alone", Vec::new(), "local", StoreKind::Certificate);
    alone.csr_pem = Some(csr.to_pem());
    let mut short = wanted("short", &["short.example.test"]);
    short.lifetime = Some("10d".to_owned());
    short.subject = "CN=short.example.test,O=Example,C=CH".parse().unwrap();

    let alone = issued(&console, alone).await;
    let short = issued(&console, short).await;

    verify_key_matches(alone.leaf(), &key).unwrap();
    let leaf = short.leaf();
    let hours = leaf
        .not_before()
        .duration_until(leaf.not_after())
        .as_hours();
    assert!((239..=241).contains(&hours), "{hours} hours");
    tidy(&console, &dns_server).await;
    console.stop();
    running.wait().await;
}
