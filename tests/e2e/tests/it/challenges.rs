//! Names proved by an ADC that the Console only knows by zero touch: http-01 and tls-alpn-01, at Pebble.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use evercert_e2e::adc::AdcSetup;
use evercert_e2e::cli::Cli;
use evercert_e2e::console::ConsoleSetup;
use evercert_e2e::role::Role;
use evercert_testkit::pebble::{Pebble, PebbleOptions};
use evercert_testkit::port::free_addr;
use evercert_testkit::{eventually, start_or_skip};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(90);

/// An ADC with a port for http-01 beside its virtual server, and Pebble that looks there.
struct Edge {
    adc: AdcSetup,
    http: SocketAddr,
}

impl Edge {
    /// Pebble first: the ADC's token needs a Console, and that needs the resolver.
    async fn pebble(
        https: SocketAddr,
        http: SocketAddr,
        dns: SocketAddr,
    ) -> Result<Pebble, evercert_testkit::StartError> {
        Pebble::start(PebbleOptions {
            dns_server: Some(dns),
            http_port: Some(http.port()),
            tls_port: Some(https.port()),
            ..PebbleOptions::default()
        })
        .await
    }

    async fn start(&self) -> Role {
        let mut command = self.adc.command();
        command.args(["--challenge-listen", &self.http.to_string()]);
        let mut role = Role::spawn(command, &self.adc.dir.join("adc.log")).unwrap();
        let http = self.http;
        role.wait_for("the port for challenges", async || {
            tokio::net::TcpStream::connect(http).await.ok()
        })
        .await
        .unwrap();
        role
    }

    async fn challenges(&self, cli: &Cli) -> u64 {
        let dir = self.adc.state_dir();
        let dir = dir.to_str().unwrap();
        let status = cli.json(&["adc", "status", "--state-dir", dir]).await;
        status.unwrap()["zero_touch"]["challenges"]
            .as_u64()
            .unwrap()
    }
}

async fn add_pebble(cli: &Cli, pebble: &Pebble, dir: &Path) {
    let bundle = dir.join("pebble.pem");
    std::fs::write(&bundle, pebble.ca_bundle_pem()).unwrap();
    let (url, bundle) = (pebble.directory_url(), bundle.to_str().unwrap());
    let add = [
        "ca-vendor",
        "add",
        "pebble",
        "--directory-url",
        &url,
        "--ca-bundle",
        bundle,
        "--agree-tos",
    ];
    cli.ok(&add).await.unwrap();
}

async fn enrolled(cli: &Cli) {
    eventually(
        "the ADC is enrolled and answers challenges",
        LIMIT,
        async || {
            let list = cli.json(&["instance", "list"]).await.unwrap();
            let items = list["items"].as_array().unwrap();
            (!items.is_empty() && !items[0]["last_seen_at"].is_null()).then_some(())
        },
    )
    .await;
}

async fn issued(cli: &Cli, name: &str) -> Value {
    eventually(&format!("{name} is issued"), LIMIT, async || {
        let shown = cli.json(&["cert", "show", name]).await.unwrap();
        let slot = shown["certificate"]["keys"][0].clone();
        assert!(slot["last_error"].is_null(), "{slot:#}");
        (!slot["active"].is_null()).then_some(slot)
    })
    .await
}

/// How the log says that a certificate's names were proved.
async fn chosen(cli: &Cli, name: &str) -> Vec<String> {
    let log = cli.json(&["cert", "log", name]).await.unwrap();
    let items = log["items"].as_array().unwrap();
    let steps = items
        .iter()
        .filter(|one| one["kind"] == "order.authorizing");
    let all = steps.flat_map(|one| one["detail"]["challenges"].as_array().cloned());
    all.flatten()
        .map(|one| one["type"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adc_proves_names_to_pebble_and_a_killed_console_leaves_nothing_behind() {
    let dns = evercert_e2e::zone::serve().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("console");
    let setup = ConsoleSetup::new(&place, None, Some(dns.local_addr()));
    let setup = setup.await.unwrap();
    let console = setup.start().await.unwrap();
    let cli = console.cli();
    let place = dir.path().join("adc");
    let adc = AdcSetup::new(&place, free_addr(), Some(&cli)).await;
    let edge = Edge {
        adc: adc.unwrap(),
        http: free_addr(),
    };
    let pebble = start_or_skip!(Edge::pebble(edge.adc.https, edge.http, dns.local_addr()).await);
    add_pebble(&cli, &pebble, dir.path()).await;
    let adc = edge.start().await;
    enrolled(&cli).await;

    // No DNS provider at all: the ADC answers.
    let issue = [
        "cert",
        "issue",
        "web",
        "--domain",
        "www.example.org",
        "--vendor",
        "pebble",
    ];
    cli.ok(&issue).await.unwrap();
    issued(&cli, "web").await;
    assert_eq!(chosen(&cli, "web").await, ["http-01"]);
    let mut tls = vec!["cert", "issue", "tls", "--domain", "tls.example.org"];
    tls.extend(["--vendor", "pebble", "--challenge", "tls-alpn-01"]);
    cli.ok(&tls).await.unwrap();
    issued(&cli, "tls").await;
    assert_eq!(chosen(&cli, "tls").await, ["tls-alpn-01"]);
    eventually("the ADC shows nothing more", LIMIT, async || {
        (edge.challenges(&cli).await == 0).then_some(())
    })
    .await;

    // Killed between publishing and validation, the Console goes on where it was.
    console.role.stop().await.unwrap();
    let mut console = setup
        .start_with("EVERCERT_PAUSE_AT", "published")
        .await
        .unwrap();
    let issue = [
        "cert",
        "issue",
        "late",
        "--domain",
        "late.example.org",
        "--vendor",
        "pebble",
    ];
    cli.ok(&issue).await.unwrap();
    let paused = setup.dir.join("paused");
    let reached = async || paused.exists().then_some(());
    console.role.wait_for("the pause", reached).await.unwrap();
    eventually("the ADC shows the response", LIMIT, async || {
        (edge.challenges(&cli).await == 1).then_some(())
    })
    .await;
    console.role.kill().await.unwrap();
    let console = setup.start().await.unwrap();
    issued(&cli, "late").await;
    eventually("the ADC shows nothing more", LIMIT, async || {
        (edge.challenges(&cli).await == 0).then_some(())
    })
    .await;
    adc.stop().await.unwrap();
    console.role.stop().await.unwrap();
}
