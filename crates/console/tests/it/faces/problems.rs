//! Whatever is wrong with a request, the answer is a problem document that says what to do.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::scene::{Scene, problem};

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let scene = Scene::sqlite().await;

    for path in ["/api/v1/nothing", "/zts/v1/nothing", "/nothing"] {
        let problem = problem(scene.request(Method::GET, path).send().await.unwrap()).await;
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (404, "not_found"),
            "{path}"
        );
        assert!(problem.remedy.is_some());
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let scene = Scene::sqlite().await;

    for path in ["/api/v1/certificates", "/zts/v1/sync", "/setup"] {
        let response = scene.request(Method::PUT, path).send().await.unwrap();
        assert!(response.headers().contains_key("allow"), "{path}");
        assert_eq!(problem(response).await.code, "method_not_allowed", "{path}");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_told_apart() {
    let scene = Scene::sqlite().await;
    let post = async |kind: &str, body: String| {
        let request = scene
            .request(Method::POST, "/api/v1/domain-mappings")
            .header("content-type", kind);
        problem(request.body(body).send().await.unwrap()).await
    };

    for (kind, body, status, code) in [
        ("application/json", "{".to_owned(), 400, "malformed_json"),
        ("application/json", "{}".to_owned(), 422, "invalid"),
        (
            "application/json",
            r#"{"domain":"a..b","provider":"p"}"#.to_owned(),
            422,
            "invalid",
        ),
        (
            "application/json",
            r#"{"domain":"a.b","provider":"p"}"#.to_owned(),
            422,
            "dns_provider.not_found",
        ),
        (
            "application/json",
            r#"{"domain":"a.b","provider":"p","x":1}"#.to_owned(),
            422,
            "invalid",
        ),
        ("text/plain", "{}".to_owned(), 415, "unsupported_media_type"),
        (
            "application/json",
            format!("\"{}\"", "x".repeat(1 << 20)),
            413,
            "too_large",
        ),
    ] {
        let shown: String = body.chars().take(40).collect();
        let problem = post(kind, body).await;
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (status, code),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_a_problem() {
    let scene = Scene::sqlite().await;

    for path in [
        "/api/v1/certificates/%FF",
        "/api/v1/certificates?limit=0",
        "/api/v1/certificates?limit=many",
        "/api/v1/certificates?store=elsewhere",
        "/api/v1/certificates?lmit=1",
        "/api/v1/audit?cursor=x",
        "/api/v1/logs?level=loud",
        "/api/v1/operations/op_0190a3b2c4d57e8f9a0b1c2d3e4f5061?wait=-1",
    ] {
        let problem = problem(scene.request(Method::GET, path).send().await.unwrap()).await;
        assert_eq!(problem.status, 422, "{path}: {problem:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let scene = Scene::sqlite().await;

    for (method, path, code) in [
        (
            Method::GET,
            "/api/v1/certificates/web",
            "certificate.not_found",
        ),
        (
            Method::GET,
            "/api/v1/certificates/web/deployments",
            "certificate.not_found",
        ),
        (Method::GET, "/api/v1/ca-vendors/le", "ca_vendor.not_found"),
        (
            Method::GET,
            "/api/v1/dns-providers/dns",
            "dns_provider.not_found",
        ),
        (Method::GET, "/api/v1/instances/edge", "instance.not_found"),
        (
            Method::DELETE,
            "/api/v1/instances/edge",
            "instance.not_found",
        ),
        (
            Method::GET,
            "/api/v1/operations/op_0190a3b2c4d57e8f9a0b1c2d3e4f5061",
            "not_found",
        ),
        (
            Method::DELETE,
            "/api/v1/tokens/tok_0190a3b2c4d57e8f9a0b1c2d3e4f5061",
            "not_found",
        ),
        (Method::DELETE, "/api/v1/enrollment-tokens/x", "not_found"),
    ] {
        let problem = problem(scene.request(method, path).send().await.unwrap()).await;
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (404, code),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_certificate_cannot_take_a_path_of_the_api_as_its_name() {
    let scene = Scene::sqlite().await;
    let body = json!({ "name": "import", "domains": ["a.example.com"], "vendor": "le", "store": "zero_touch" });

    let response = scene
        .request(Method::POST, "/api/v1/certificates")
        .json(&body)
        .send()
        .await
        .unwrap();

    let problem = problem(response).await;
    assert_eq!(
        (problem.status, problem.pointer.as_deref()),
        (422, Some("/name"))
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_a_problem_and_not_ready() {
    let scene = Scene::sqlite().await;
    scene.handle.console.db.close().await;

    let ready = scene.client.get(scene.url("/readyz")).send().await.unwrap();
    let live = scene.client.get(scene.url("/livez")).send().await.unwrap();
    let listed = scene
        .request(Method::GET, "/api/v1/certificates")
        .send()
        .await
        .unwrap();

    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text().await.unwrap().contains("database"));
    assert_eq!(live.status(), StatusCode::OK);
    assert!(listed.headers().contains_key("retry-after"));
    let problem = problem(listed).await;
    assert_eq!(problem.code, "database.unavailable");
    assert!(problem.remedy.is_some());
}

#[tokio::test]
async fn who_does_not_speak_tls_does_not_disturb() {
    let scene = Scene::sqlite().await;
    let mut silent = tokio::net::TcpStream::connect(scene.handle.addr)
        .await
        .unwrap();
    let mut plain = tokio::net::TcpStream::connect(scene.handle.addr)
        .await
        .unwrap();

    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(15), plain.read_to_end(&mut answer)).await;

    assert!(read.is_ok(), "a connection without TLS is closed");
    let live = scene.client.get(scene.url("/livez")).send().await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);
    silent.shutdown().await.unwrap();
}
