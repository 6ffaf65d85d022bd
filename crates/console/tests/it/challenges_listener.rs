//! http-01 and tls-alpn-01 answered by the Console's own listeners, from the database.

use std::net::SocketAddr;

use evercert_api::operations::{Operation, OperationState};
use evercert_ca::{CaConfig, LocalCa};
use evercert_console::lifecycle::{request, vendors};
use evercert_console::{ConsoleConfig, ConsoleHandle, run};
use evercert_dns::server::AuthServer;
use evercert_testkit::eventually;
use evercert_testkit::port::free_addr;
use evercert_types::SystemClock;
use reqwest::StatusCode;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::world::{
    LIMIT, actor, ca_config, ca_vendor, console_config, dns_server, ended, standing_clock, wanted,
};

/// A Console with listeners for challenges and no DNS provider, and a CA that looks there.
struct Shop {
    console: ConsoleHandle,
    http: SocketAddr,
    _ca: LocalCa,
    _dns: AuthServer,
    _dir: TempDir,
}

impl Shop {
    async fn open(listen: impl FnOnce(&mut ConsoleConfig, SocketAddr, SocketAddr)) -> Self {
        let clock = standing_clock();
        let dns = dns_server(&clock).await;
        let (http, tls) = (free_addr(), free_addr());
        let ca = LocalCa::start(CaConfig {
            http01_port: http.port(),
            tls_alpn01_port: tls.port(),
            ..ca_config(&clock, dns.local_addr())
        })
        .await
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let system = std::sync::Arc::new(SystemClock);
        let mut config = console_config(dir.path(), system, dns.local_addr());
        listen(&mut config, http, tls);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let console = run(config, listener).await.unwrap();
        let vendor = ca_vendor("local", ca.directory_url(), ca.tls_root_pem());
        vendors::add_vendor(&console.console, &actor(), vendor)
            .await
            .unwrap();
        Self {
            console,
            http,
            _ca: ca,
            _dns: dns,
            _dir: dir,
        }
    }

    async fn issue(&self, name: &str, domains: &[&str]) -> Operation {
        let console = &self.console.console;
        let id = request::request_issue(console, &actor(), wanted(name, domains)).await;
        ended(console, id.unwrap()).await
    }

    async fn get(&self, host: &str, path: &str) -> (StatusCode, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client
            .get(format!("http://{}{path}", self.http))
            .header("host", host)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}

fn kinds_chosen(operation: &Operation) -> Vec<String> {
    let steps = operation.steps.iter();
    let chosen = steps.filter(|step| step.kind == "order.authorizing");
    let all = chosen.flat_map(|step| step.detail["challenges"].as_array().cloned());
    all.flatten()
        .map(|one| one["type"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unmapped_name_is_proved_by_http_through_the_listener() {
    let shop = Shop::open(|config, http, _| config.challenge_http_listen = Some(http)).await;

    let operation = shop
        .issue("www", &["www.example.test", "shop.example.test"])
        .await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert_eq!(kinds_chosen(&operation), ["http-01", "http-01"]);
    let db = &shop.console.console.db;
    eventually("nothing is shown any more", LIMIT, async || {
        db.challenge_responses()
            .await
            .unwrap()
            .is_empty()
            .then_some(())
    })
    .await;
    let (status, _) = shop
        .get(
            "www.example.test",
            "/.well-known/acme-challenge/unknown-token",
        )
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    shop.console.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unmapped_name_is_proved_by_tls_through_the_listener() {
    let shop = Shop::open(|config, _, tls| config.challenge_tls_listen = Some(tls)).await;

    let operation = shop.issue("www", &["www.example.test"]).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert_eq!(kinds_chosen(&operation), ["tls-alpn-01"]);
    shop.console.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wildcard_without_a_provider_is_refused_in_the_known_words() {
    let shop = Shop::open(|config, http, _| config.challenge_http_listen = Some(http)).await;
    let console = &shop.console.console;

    let wish = wanted("all", &["*.example.test"]);
    let refused = request::request_issue(console, &actor(), wish).await;

    let problem = refused.unwrap_err().to_problem();
    let text = serde_json::to_string(&problem).unwrap();
    assert!(text.contains("/domains/0"), "{text}");
    shop.console.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_is_shown_for_its_name_alone() {
    use evercert_db::challenge_responses::NewChallengeResponse;
    let shop = Shop::open(|config, http, _| config.challenge_http_listen = Some(http)).await;
    let mut tx = shop.console.console.db.begin_write().await.unwrap();
    let response = NewChallengeResponse {
        order_id: evercert_types::OrderId::new(),
        kind: "http-01",
        identifier: "a.example.test",
        token: "tok",
        key_authorization: "tok.thumb",
        selector: &Default::default(),
        expires_at: tx.now() + jiff::SignedDuration::from_hours(1),
    };
    tx.publish_challenge(&response).await.unwrap();
    tx.commit().await.unwrap();

    let path = "/.well-known/acme-challenge/tok";
    assert_eq!(
        shop.get("b.example.test", path).await.0,
        StatusCode::NOT_FOUND
    );
    // The sweep takes it away before long: no order needs it. Until then it is shown.
    let (status, text) = shop.get("a.example.test", path).await;
    assert!(
        (status, text.as_str()) == (StatusCode::OK, "tok.thumb") || status == StatusCode::NOT_FOUND
    );
    shop.console.console.wake_tasks();
    let db = &shop.console.console.db;
    eventually("a response of no order is swept", LIMIT, async || {
        db.challenge_responses()
            .await
            .unwrap()
            .is_empty()
            .then_some(())
    })
    .await;
    shop.console.shutdown().await;
}
