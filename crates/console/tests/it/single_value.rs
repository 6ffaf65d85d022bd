//! A DNS provider with room for one TXT value: the names of an order, and orders, are proved one after the other.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use evercert_api::dns_providers::{NewDnsProvider, PropagationSettings, RecordSettings};
use evercert_api::operations::OperationState;
use evercert_ca::LocalCa;
use evercert_console::lifecycle::{dns, request, vendors};
use evercert_console::{Console, Environment, tasks};
use evercert_dns::server::{AuthServer, RecordData, ServerConfig, ZoneConfig};
use evercert_types::{Secret, SystemClock};
use serde::Deserialize;

use crate::world::{
    actor, ca_config, ca_vendor, console_config, ended, standing_clock, tidy, wanted,
};

/// What `DuckDNS`'s one address takes (duckdns.org/spec.jsp).
#[derive(Deserialize)]
struct Update {
    domains: String,
    token: String,
    txt: String,
    clear: Option<String>,
}

/// A `DuckDNS`: the one TXT value of a name shows at every name below it; here at its challenge name.
async fn update(State(dns): State<Arc<AuthServer>>, Query(asked): Query<Update>) -> &'static str {
    if asked.token != "quack" {
        return "KO";
    }
    let name = format!("_acme-challenge.{}.duckdns.org", asked.domains);
    for value in dns.txt(&name) {
        dns.remove(&name, &RecordData::Txt(value));
    }
    if asked.clear.is_none() && dns.add(&name, &RecordData::Txt(asked.txt)).is_err() {
        return "KO";
    }
    "OK"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_share_one_value_are_proved_one_after_the_other() {
    let clock = standing_clock();
    let dns = ServerConfig {
        zones: vec![ZoneConfig::new("duckdns.org")],
        default_a: Some([127, 0, 0, 1].into()),
        clock: clock.clone(),
        ..ServerConfig::default()
    };
    let dns = Arc::new(AuthServer::start(dns).await.unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let duck = Router::new()
        .route("/update", get(update))
        .with_state(dns.clone());
    let duck = tokio::spawn(async move { axum::serve(listener, duck).await });
    let ca = LocalCa::start(ca_config(&clock, dns.local_addr()))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    // The second order waits for the first: time has to pass.
    let config = console_config(dir.path(), Arc::new(SystemClock), dns.local_addr());
    let console = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    let vendor = ca_vendor("local", ca.directory_url(), ca.tls_root_pem());
    vendors::add_vendor(&console, &actor(), vendor)
        .await
        .unwrap();
    let provider = NewDnsProvider {
        skip_test: true,
        records: RecordSettings::default(),
        name: "duck".to_owned(),
        type_code: "duckdns".to_owned(),
        settings: [
            ("token", "quack".to_owned()),
            ("base_url", format!("http://{address}")),
        ]
        .map(|(key, value)| (key.to_owned(), Secret::new(value)))
        .into(),
        propagation: PropagationSettings {
            first_look: Some("0s".to_owned()),
            ..PropagationSettings::default()
        },
    };
    dns::add_dns_provider(&console, &actor(), provider)
        .await
        .unwrap();
    let zone = "pond.duckdns.org".parse().unwrap();
    dns::map_domain(&console, &actor(), &zone, "duck")
        .await
        .unwrap();
    let running = tasks::start(&console);

    let names = ["pond.duckdns.org", "*.pond.duckdns.org"];
    let first = wanted("first", &names);
    let second = wanted("second", &names[..1]);
    let mut ids = Vec::new();
    for wish in [first, second] {
        let id = request::request_issue(&console, &actor(), wish).await;
        ids.push(id.unwrap());
    }

    for id in ids {
        let operation = ended(&console, id).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }
    tidy(&console, &dns).await;
    console.stop();
    running.wait().await;
    duck.abort();
}
