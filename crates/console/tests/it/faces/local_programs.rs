//! DNS providers that run programs of the host: an administrator enters them, and only what the host allows.

use evercert_api::dns_providers::DnsProvider;
use evercert_api::users::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::scene::{Scene, problem, read};

fn hook(program: &str) -> Value {
    json!({ "name": "hook", "type": "exec", "settings": { "program": program }, "skip_test": true })
}

async fn add(scene: &Scene, token: &str, body: &Value) -> reqwest::Response {
    let url = scene.url("/api/v1/dns-providers");
    let request = scene.client.post(url).bearer_auth(token).json(body);
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_a_shell_by_configuring_a_dns_provider() {
    let scene = Scene::sqlite().await;
    let operator = scene.token(Role::Operator).await;

    for (code, settings) in [
        ("exec", json!({ "program": "/bin/sh" })),
        (
            "acmesh",
            json!({ "acme_sh": "/tmp/acme.sh", "script": "dns_x" }),
        ),
        (
            "nsd",
            json!({ "zone_file": "/etc/passwd", "zone": "x.example", "command": "/bin/sh" }),
        ),
        (
            "maradns",
            json!({ "zone_file": "/etc/passwd", "zone": "x.example", "pid_file": "/x" }),
        ),
    ] {
        let body = json!({ "name": code, "type": code, "settings": settings });
        let refused = problem(add(&scene, &operator, &body).await).await;
        assert_eq!(refused.status, 403, "{code}: {refused:?}");
        assert!(refused.detail.contains("admin"), "{code}: {refused:?}");
        let refused = problem(add(&scene, &scene.admin, &body).await).await;
        assert_eq!(refused.status, 422, "{code}: {refused:?}");
        let remedy = refused.remedy.unwrap();
        assert!(remedy.contains("dns_directories"), "{code}: {remedy}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_enters_programs_of_named_directories_and_nobody_else_changes_them() {
    let scene = Scene::sqlite().await;
    let allowed = scene.dir.path().join("hooks/hook");
    let made: DnsProvider = read(
        add(&scene, &scene.admin, &hook(&allowed.display().to_string())).await,
        StatusCode::CREATED,
    )
    .await;
    assert_eq!(made.type_code, "exec");
    let program = scene.dir.path().join("other/hook");
    let mut outside = hook(&program.display().to_string());
    outside["name"] = json!("outside");
    assert_eq!(
        problem(add(&scene, &scene.admin, &outside).await)
            .await
            .status,
        422
    );

    let operator = scene.token(Role::Operator).await;
    let url = scene.url("/api/v1/dns-providers/hook");
    let change = |body: Value| {
        scene
            .client
            .request(Method::PATCH, &url)
            .bearer_auth(&operator)
            .json(&body)
    };
    let settings = json!({ "settings": { "args": "-x" }, "skip_test": true });
    let refused = problem(change(settings).send().await.unwrap()).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let off = change(json!({ "active": false })).send().await.unwrap();
    assert_eq!(
        off.status(),
        StatusCode::OK,
        "switching it off needs no administrator"
    );
}
