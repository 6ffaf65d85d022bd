//! Every endpoint, and what each role gets there.

use std::collections::BTreeSet;

use evercert_api::users::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::scene::Scene;

/// Method, path as described, and the least role; none: anybody.
const ENDPOINTS: &[(&str, &str, Option<Role>)] = &[
    ("POST", "/api/v1/setup", None),
    ("GET", "/api/v1/session", Some(Role::Viewer)),
    ("POST", "/api/v1/session", None),
    ("DELETE", "/api/v1/session", Some(Role::Viewer)),
    ("GET", "/api/v1/tokens", Some(Role::Admin)),
    ("POST", "/api/v1/tokens", Some(Role::Admin)),
    ("DELETE", "/api/v1/tokens/{id}", Some(Role::Admin)),
    ("GET", "/api/v1/audit", Some(Role::Admin)),
    ("GET", "/api/v1/audit/verify", Some(Role::Admin)),
    ("GET", "/api/v1/ca-vendors", Some(Role::Viewer)),
    ("POST", "/api/v1/ca-vendors", Some(Role::Operator)),
    ("GET", "/api/v1/ca-vendors/types", Some(Role::Viewer)),
    ("GET", "/api/v1/ca-vendors/{name}", Some(Role::Viewer)),
    ("PATCH", "/api/v1/ca-vendors/{name}", Some(Role::Operator)),
    ("DELETE", "/api/v1/ca-vendors/{name}", Some(Role::Operator)),
    (
        "GET",
        "/api/v1/ca-vendors/{name}/limits",
        Some(Role::Viewer),
    ),
    (
        "PUT",
        "/api/v1/ca-vendors/{name}/limits",
        Some(Role::Operator),
    ),
    (
        "GET",
        "/api/v1/ca-vendors/{name}/certificates",
        Some(Role::Viewer),
    ),
    (
        "POST",
        "/api/v1/ca-vendors/{name}/certificates",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/ca-vendors/{name}/rotate-account-key",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/ca-vendors/{name}/test",
        Some(Role::Operator),
    ),
    ("GET", "/api/v1/dns-providers", Some(Role::Viewer)),
    ("POST", "/api/v1/dns-providers", Some(Role::Operator)),
    (
        "POST",
        "/api/v1/dns-providers/{name}/aliases",
        Some(Role::Operator),
    ),
    ("GET", "/api/v1/dns-providers/types", Some(Role::Viewer)),
    (
        "GET",
        "/api/v1/dns-providers/types/{code}",
        Some(Role::Viewer),
    ),
    (
        "GET",
        "/api/v1/dns-providers/{name}/orphans",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/dns-providers/{name}/orphans/remove",
        Some(Role::Operator),
    ),
    ("GET", "/api/v1/dns-providers/{name}", Some(Role::Viewer)),
    (
        "DELETE",
        "/api/v1/dns-providers/{name}",
        Some(Role::Operator),
    ),
    (
        "GET",
        "/api/v1/dns-providers/{name}/journal",
        Some(Role::Viewer),
    ),
    (
        "POST",
        "/api/v1/dns-providers/{name}/journal/retry",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/dns-providers/{name}/test",
        Some(Role::Operator),
    ),
    ("GET", "/api/v1/domain-mappings", Some(Role::Viewer)),
    ("POST", "/api/v1/domain-mappings", Some(Role::Operator)),
    (
        "DELETE",
        "/api/v1/domain-mappings/{domain}",
        Some(Role::Operator),
    ),
    ("POST", "/api/v1/delegations/check", Some(Role::Viewer)),
    (
        "GET",
        "/api/v1/certificates/{name}/challenges",
        Some(Role::Viewer),
    ),
    (
        "POST",
        "/api/v1/certificates/{name}/challenges/confirm",
        Some(Role::Operator),
    ),
    ("GET", "/api/v1/certificates", Some(Role::Viewer)),
    ("POST", "/api/v1/certificates", Some(Role::Operator)),
    ("POST", "/api/v1/certificates/import", Some(Role::Operator)),
    (
        "POST",
        "/api/v1/certificates/{name}/revoke",
        Some(Role::Operator),
    ),
    ("POST", "/api/v1/certificates/bulk", Some(Role::Operator)),
    (
        "POST",
        "/api/v1/certificates/{name}/rebuild-chain",
        Some(Role::Operator),
    ),
    ("GET", "/api/v1/certificates/summary", Some(Role::Viewer)),
    ("GET", "/api/v1/certificates/duplicates", Some(Role::Viewer)),
    ("GET", "/api/v1/certificates/{name}", Some(Role::Viewer)),
    ("PATCH", "/api/v1/certificates/{name}", Some(Role::Operator)),
    (
        "DELETE",
        "/api/v1/certificates/{name}",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/certificates/{name}/renew",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/certificates/preflight",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/certificates/{name}/preflight",
        Some(Role::Operator),
    ),
    (
        "PATCH",
        "/api/v1/dns-providers/{name}",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/certificates/{name}/rollback",
        Some(Role::Operator),
    ),
    (
        "POST",
        "/api/v1/certificates/{name}/export",
        Some(Role::Viewer),
    ),
    (
        "GET",
        "/api/v1/certificates/{name}/versions",
        Some(Role::Viewer),
    ),
    ("GET", "/api/v1/certificates/{name}/log", Some(Role::Viewer)),
    (
        "GET",
        "/api/v1/certificates/{name}/deployments",
        Some(Role::Viewer),
    ),
    ("GET", "/api/v1/renewals", Some(Role::Viewer)),
    ("GET", "/api/v1/renewals/calendar", Some(Role::Viewer)),
    ("GET", "/api/v1/settings/renewal", Some(Role::Viewer)),
    ("PUT", "/api/v1/settings/renewal", Some(Role::Operator)),
    ("GET", "/api/v1/operations/{id}", Some(Role::Viewer)),
    ("GET", "/api/v1/logs", Some(Role::Viewer)),
    ("GET", "/api/v1/orders", Some(Role::Viewer)),
    ("GET", "/api/v1/orders/{id}", Some(Role::Viewer)),
    ("GET", "/api/v1/instances", Some(Role::Viewer)),
    ("GET", "/api/v1/instances/{name}", Some(Role::Viewer)),
    ("DELETE", "/api/v1/instances/{name}", Some(Role::Operator)),
    ("GET", "/api/v1/enrollment-tokens", Some(Role::Operator)),
    ("POST", "/api/v1/enrollment-tokens", Some(Role::Operator)),
    (
        "DELETE",
        "/api/v1/enrollment-tokens/{id}",
        Some(Role::Operator),
    ),
    ("GET", "/api/v1/zero-touch-store", Some(Role::Viewer)),
    (
        "POST",
        "/api/v1/zero-touch-store/purge-intent",
        Some(Role::Admin),
    ),
    (
        "DELETE",
        "/api/v1/zero-touch-store/purge-intent",
        Some(Role::Admin),
    ),
    ("GET", "/livez", None),
    ("GET", "/readyz", None),
    ("GET", "/metrics", Some(Role::Viewer)),
];

/// Calls an endpoint for something that is not there, with a body that says nothing.
async fn status(scene: &Scene, method: &str, path: &str, token: Option<&str>) -> StatusCode {
    let path = path
        .replace("{name}", "nobody")
        .replace("{domain}", "nowhere.example")
        .replace("{id}", "x");
    let method: Method = method.parse().unwrap();
    let mut request = scene.client.request(method.clone(), scene.url(&path));
    if matches!(method, Method::POST | Method::PATCH) {
        request = request.json(&json!({}));
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn each_role_gets_what_it_may_and_no_more() {
    let scene = Scene::sqlite().await;
    let tokens = [
        (Role::Viewer, scene.token(Role::Viewer).await),
        (Role::Operator, scene.token(Role::Operator).await),
        (Role::Admin, scene.admin.clone()),
    ];
    for (method, path, least) in ENDPOINTS {
        let Some(least) = least else {
            let open = status(&scene, method, path, None).await;
            assert_ne!(open, StatusCode::UNAUTHORIZED, "{method} {path} is open");
            continue;
        };
        let nobody = status(&scene, method, path, None).await;
        assert_eq!(
            nobody,
            StatusCode::UNAUTHORIZED,
            "{method} {path} without credentials"
        );
        for (role, token) in &tokens {
            let got = status(&scene, method, path, Some(token)).await;
            let refused = matches!(got, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            assert_eq!(refused, role < least, "{method} {path} as {role:?}: {got}");
            assert!(!got.is_server_error(), "{method} {path} as {role:?}: {got}");
        }
    }
}

#[tokio::test]
async fn every_described_endpoint_stands_in_the_matrix_with_its_role() {
    let scene = Scene::sqlite().await;
    let document: Value = scene.get("/api/v1/openapi.json").await;
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"] == json!([{}]);
            let role = match operation["x-role"].as_str() {
                Some(role) => Some(role.parse::<Role>().unwrap()),
                None if open => None,
                // Whoever is logged in may see and end that.
                None => Some(Role::Viewer),
            };
            described.insert((method.to_uppercase(), path.clone(), role));
        }
    }

    let listed: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|(method, path, role)| ((*method).to_owned(), (*path).to_owned(), *role))
        .collect();

    assert_eq!(described, listed);
}

#[tokio::test]
async fn a_key_is_exported_to_administrators_only_and_leaves_a_trace() {
    let scene = Scene::sqlite().await;
    scene.import("web", json!({})).await;
    let operator = scene.token(Role::Operator).await;
    let path = scene.url("/api/v1/certificates/web/export");
    let wanted = json!({ "with_key": true });

    let refused = scene
        .client
        .post(&path)
        .bearer_auth(&operator)
        .json(&wanted)
        .send()
        .await
        .unwrap();
    let chain = scene
        .client
        .post(&path)
        .bearer_auth(&operator)
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    let export: Value = scene
        .post("/api/v1/certificates/web/export", &wanted, StatusCode::OK)
        .await;

    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(chain.status(), StatusCode::OK);
    assert!(!chain.text().await.unwrap().contains("PRIVATE KEY"));
    assert!(export["key_pem"].as_str().unwrap().contains("PRIVATE KEY"));
    let audit: Value = scene.get("/api/v1/audit?limit=2").await;
    assert_eq!(audit["items"][0]["action"], "certificate.export_key");
    assert_eq!(audit["items"][0]["actor"], "token:init");
    assert_eq!(
        audit["items"][1]["action"],
        "certificate.export_key_refused"
    );
    assert_eq!(audit["items"][1]["actor"], "token:operator");
}
