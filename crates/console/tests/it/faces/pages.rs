//! The two pages, and the headers that every answer carries.

use reqwest::Method;

use super::scene::Scene;

#[tokio::test]
async fn pages_load_the_consoles_own_files_and_nothing_else() {
    let scene = Scene::sqlite().await;

    for (path, shows) in [
        ("/", "evercert cert issue"),
        ("/setup", "Make the administrator"),
        ("/sign-in", "Sign in to Evercert"),
        ("/dns-providers", "Loading"),
    ] {
        let page = scene.client.get(scene.url(path)).send().await.unwrap();
        let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(header("content-type").starts_with("text/html"));
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(
            !policy.contains("unsafe") && !policy.contains("http"),
            "{policy}"
        );
        let html = page.text().await.unwrap();
        assert!(html.contains(shows) && !html.contains("{{"), "{html}");
    }
}

#[tokio::test]
async fn scripts_and_styles_are_sent_once_and_asked_for_by_their_tag() {
    let scene = Scene::sqlite().await;
    let url = scene.url("/ui/dns/paste.js");

    let first = scene.client.get(&url).send().await.unwrap();
    assert_eq!(first.status(), 200);
    assert_eq!(
        first.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(first.headers()["cache-control"], "no-cache");
    let tag = first.headers()["etag"].clone();
    assert!(
        first
            .text()
            .await
            .unwrap()
            .contains("export function parseSettings")
    );

    let again = scene.client.get(&url).header("if-none-match", tag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.text().await.unwrap(), "");
    for nothing in [
        "/ui/",
        "/ui/dns",
        "/ui/../Cargo.toml",
        "/ui/%2e%2e/Cargo.toml",
    ] {
        let answer = scene.client.get(scene.url(nothing)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{nothing}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let scene = Scene::sqlite().await;

    for path in [
        "/",
        "/livez",
        "/api/v1/certificates",
        "/nothing",
        "/api/v1/openapi.json",
    ] {
        let answer = scene.request(Method::GET, path).send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert!(
            header("strict-transport-security").contains("max-age"),
            "{path}"
        );
        assert!(
            header("content-security-policy").contains("default-src 'none'"),
            "{path}"
        );
        assert!(header("x-request-id").starts_with("req_"), "{path}");
    }
}

#[tokio::test]
async fn metrics_tell_of_requests_and_instances() {
    let scene = Scene::sqlite().await;
    scene.import("web", serde_json::json!({})).await;
    let mut agent = super::agent::Agent::enrolled(&scene, "edge", &[]).await;
    agent.catch_up().await;
    agent.sync(0).await;

    let text = scene
        .request(Method::GET, "/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();

    for line in [
        "evercert_instances 1",
        "evercert_instances_in_sync 1",
        "evercert_store_items 1",
        "evercert_store_revision 1",
        "evercert_sync_calls_total{result=\"Snapshot\"} 1",
        "evercert_sync_calls_total{result=\"Unchanged\"} 2",
        "evercert_certificate_not_after_timestamp_seconds{name=\"web\",store=\"zero_touch\",algorithm=\"ecdsa-p256\"}",
        "evercert_http_requests_total{method=\"POST\",route=\"/api/v1/certificates/import\",status=\"201\"} 1",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}
