//! PowerDNS's HTTP API, on a real server and on doubles that answer what a real one rarely does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use evercert_dns::{Fault, Provider, Settings, Step, TxtTarget};
use evercert_testkit::{Pdns, Zone, start_or_skip};

use crate::conformance::{Shown, Subject};
use crate::harness::{FIRST, NAME, SECOND, provider, settings, txt, with};

#[tokio::test]
async fn conforms() {
    let pdns = start_or_skip!(Pdns::start(&[Zone::new("example.org")]).await);
    let given = settings(&pdns.settings());
    let subject = Subject {
        code: "pdns",
        refused: Some((with(&given, "api_key", "wrong-key"), "wrong-key")),
        settings: given,
        shown: Shown::Dns(pdns.addr()),
        sees_presence: true,
    };

    crate::conformance::conforms(&subject).await;
}

#[tokio::test]
async fn the_longest_zone_is_changed_and_foreign_values_stay() {
    let parent = Zone::new("example.org");
    let child = Zone::new("www.example.org")
        .with(r#"_acme-challenge 300 IN TXT "foreign \"quoted\" value""#);
    let pdns = start_or_skip!(Pdns::start(&[parent, child]).await);
    let provider = provider("pdns", &settings(&pdns.settings()));
    let target = TxtTarget::new(NAME, FIRST);

    let receipt = provider.add(&target).await.unwrap();
    assert_eq!(receipt.zone, "www.example.org");
    let foreign = r#"foreign "quoted" value"#;
    assert_eq!(txt(pdns.addr(), NAME).await, [FIRST, foreign]);

    let listed = provider.listed(&target).await.unwrap().unwrap();
    let mut listed: Vec<_> = listed.into_iter().map(|record| record.value).collect();
    listed.sort();
    assert_eq!(listed, [FIRST, foreign]);

    provider.remove(&target, Some(&receipt)).await.unwrap();
    assert_eq!(txt(pdns.addr(), NAME).await, [foreign]);
}

#[tokio::test]
async fn a_zone_that_the_operator_names_is_used() {
    let pdns = start_or_skip!(Pdns::start(&[Zone::new("example.org")]).await);
    let provider = provider("pdns", &settings(&pdns.settings()));
    let target = |zone: &str| TxtTarget {
        zone_hint: Some(zone.to_owned()),
        ..TxtTarget::new(NAME, FIRST)
    };

    provider.add(&target("Example.org.")).await.unwrap();
    assert_eq!(txt(pdns.addr(), NAME).await, [FIRST]);
    let error = provider.add(&target("example.net")).await.unwrap_err();
    assert!(error.to_string().contains("no zone example.net"), "{error}");
}

#[tokio::test]
async fn refusals_carry_the_servers_words() {
    let zone = Zone::new("example.org").with("_acme-challenge.www CNAME elsewhere.example.net.");
    let pdns = start_or_skip!(Pdns::start(&[zone]).await);
    let given = settings(&pdns.settings());
    let failure = async |settings: &Settings, name: &str| {
        let provider = provider("pdns", settings);
        provider
            .add(&TxtTarget::new(name, FIRST))
            .await
            .unwrap_err()
    };

    let error = failure(&given, NAME).await;
    assert_eq!((error.step(), error.fault()), (Step::Add, Fault::Zone));
    assert_eq!(error.status(), Some("HTTP 422"));
    assert!(error.words().unwrap().contains("Conflicts with"), "{error}");

    let error = failure(&given, "_acme-challenge.example.net").await;
    assert_eq!((error.step(), error.fault()), (Step::FindZone, Fault::Zone));

    let error = failure(&with(&given, "server_id", "nobody"), NAME).await;
    assert_eq!(error.fault(), Fault::Configuration, "{error}");
    assert_eq!(error.status(), Some("HTTP 404"));

    let error = failure(&with(&given, "api_key", "wrong"), NAME).await;
    assert_eq!(error.status(), Some("HTTP 401"));
    assert_eq!(error.words(), Some("Unauthorized"));
}

#[tokio::test]
async fn a_server_that_is_down_is_a_network_fault() {
    let mut pdns = start_or_skip!(Pdns::start(&[Zone::new("example.org")]).await);
    let provider = provider("pdns", &settings(&pdns.settings()));
    pdns.daemon().stop().await;

    let error = provider
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();

    assert_eq!(error.fault(), Fault::Network, "{error}");
    assert!(error.is_retryable());
}

/// A double of the API that answers every request by the function.
async fn double<R: IntoResponse>(
    answer: impl Fn(&str) -> R + Clone + Send + Sync + 'static,
) -> Arc<dyn Provider> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let handler = move |request: axum::extract::Request| {
        let method = request.method().as_str().to_owned();
        std::future::ready(answer(&format!("{method} {}", request.uri())).into_response())
    };
    let service = Router::new().fallback(handler);
    tokio::spawn(async move { axum::serve(listener, service).await });
    let pairs = [
        ("url".to_owned(), url),
        ("api_key".to_owned(), "secret-key".to_owned()),
    ];
    provider("pdns", &settings(&pairs))
}

#[tokio::test]
async fn overload_is_retryable_and_says_when() {
    let provider = double(|_| {
        let retry_after = [("retry-after", "70")];
        (
            StatusCode::TOO_MANY_REQUESTS,
            retry_after,
            "slow down, secret-key",
        )
    })
    .await;

    let error = provider
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();

    assert!(error.is_retryable());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(70)));
    assert_eq!(error.words(), Some("slow down, ***"));
}

#[tokio::test]
async fn a_page_that_is_no_api_is_a_configuration_fault() {
    let provider = double(|_| "<html>Welcome</html>").await;

    let error = provider.check(None).await.unwrap_err();

    assert_eq!(error.fault(), Fault::Configuration, "{error}");
    assert!(error.words().unwrap().contains("Welcome"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let provider = double(|_| axum::response::Redirect::temporary("http://192.0.2.1/")).await;

    let error = provider.check(None).await.unwrap_err();

    assert_eq!(error.status(), Some("HTTP 307"), "{error}");
}

/// Another program writes the set right after our first write.
#[tokio::test]
async fn a_value_lost_to_another_writer_is_written_again() {
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&writes);
    let provider = double(move |request| {
        let zones = r#"[{"id":"example.org.","name":"example.org.","kind":"Native"}]"#;
        let written = counted.load(Ordering::SeqCst);
        if request.contains("zones?zone=example.org.") {
            return zones.to_owned();
        }
        if request.contains("zones?zone=") {
            return "[]".to_owned();
        }
        if request.starts_with("PATCH") {
            counted.fetch_add(1, Ordering::SeqCst);
            return String::new();
        }
        let value = if written < 2 { SECOND } else { FIRST };
        format!(
            r#"{{"rrsets":[{{"name":"{NAME}.","type":"TXT","ttl":60,"records":[{{"content":"\"{value}\"","disabled":false}}]}}]}}"#
        )
    })
    .await;

    let receipt = provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();

    assert!(receipt.created);
    assert_eq!(writes.load(Ordering::SeqCst), 2);
}
