//! The two pages, and the headers that every answer carries.

use reqwest::Method;

use super::scene::Scene;

#[tokio::test]
async fn the_pages_are_self_contained_and_allow_nothing_else() {
    let scene = Scene::sqlite().await;

    for (path, shows) in [
        ("/", "evercert cert issue"),
        ("/setup", "Make the administrator"),
    ] {
        let page = scene.client.get(scene.url(path)).send().await.unwrap();
        assert!(
            page.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
        let policy = page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        let html = page.text().await.unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(html.contains(shows) && !html.contains("{{"), "{html}");
        for tag in ["style", "script"] {
            assert!(
                allowed(&policy, &html, tag),
                "{tag} of {path} is refused by its own policy: {policy}"
            );
        }
    }
}

/// Whether the page's inline element stands in the policy by its hash.
fn allowed(policy: &str, html: &str, tag: &str) -> bool {
    use base64::Engine as _;
    let Some((_, rest)) = html.split_once(&format!("<{tag}>")) else {
        return true;
    };
    let content = rest.split_once(&format!("</{tag}>")).unwrap().0;
    let digest = evercert_x509::sha256(content.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(digest.0);
    policy.contains(&format!("{tag}-src 'sha256-{hash}'"))
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
