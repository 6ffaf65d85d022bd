//! The same journey at Pebble, Let's Encrypt's test server, which refuses half of all nonces.

use evercert_api::operations::OperationState;
use evercert_console::lifecycle::{dns, request, vendors};
use evercert_console::{Console, Environment, tasks};
use evercert_testkit::{Pebble, PebbleOptions, start_or_skip};
use evercert_types::SystemClock;

use crate::world::{
    TSIG, ZONE, actor, ca_vendor, console_config, dns_provider, dns_server, ended, standing_clock,
    tidy, wanted,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_succeed_though_half_of_the_nonces_are_refused() {
    let dns = dns_server(&standing_clock()).await;
    let options = PebbleOptions {
        dns_server: Some(dns.local_addr()),
        nonce_reject_percent: 50,
        ..PebbleOptions::default()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let dir = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(SystemClock);
    let config = console_config(dir.path(), clock, dns.local_addr());
    let console = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    let bundle = pebble.ca_bundle_pem().to_owned();
    let vendor = ca_vendor("local", pebble.directory_url(), bundle);
    vendors::add_vendor(&console, &actor(), vendor)
        .await
        .unwrap();
    let provider = dns_provider("dns", dns.local_addr(), TSIG);
    dns::add_dns_provider(&console, &actor(), provider)
        .await
        .unwrap();
    dns::map_domain(&console, &actor(), &ZONE.parse().unwrap(), "dns")
        .await
        .unwrap();
    let running = tasks::start(&console);

    let mut ids = Vec::new();
    for n in 0..10 {
        let names = [format!("p{n}.example.test"), format!("*.p{n}.example.test")];
        let wanted = wanted(&format!("p{n}"), &[&names[0], &names[1]]);
        ids.push(
            request::request_issue(&console, &actor(), wanted)
                .await
                .unwrap(),
        );
    }

    for id in ids {
        let operation = ended(&console, id).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }
    tidy(&console, &dns).await;
    console.stop();
    running.wait().await;
}
