//! Set-up, log-in, sessions, tokens, the audit log.

use std::time::{Duration, Instant};

use evercert_api::users::{Role, Session};
use evercert_console::{ConsoleConfig, init_admin};
use evercert_testkit::skip::{announce, require_program};
use evercert_types::Secret;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::scene::{PASSWORD, Scene, client, config, problem, read, start};

async fn log_in(scene: &Scene, name: &str, password: &str) -> Response {
    let body = json!({ "name": name, "password": password });
    scene
        .client
        .post(scene.url("/api/v1/session"))
        .json(&body)
        .send()
        .await
        .unwrap()
}

fn cookie(response: &Response) -> String {
    let header = response.headers()["set-cookie"].to_str().unwrap();
    for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(header.contains(attribute), "{header}");
    }
    header.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_setup_url_makes_one_administrator_and_no_second() {
    let dir = tempfile::tempdir().unwrap();
    let handle = start(config(dir.path())).await;
    let client = client(&handle.ca_pem);
    let url = handle.setup_url.clone().unwrap();
    let (page, token) = url.expose().split_once("/setup#token=").unwrap();
    assert_eq!(page, format!("https://{}", handle.addr));
    let set_up = async |token: &str, name: &str, password: &str| {
        let body = json!({ "setup_token": token, "name": name, "password": password });
        client
            .post(format!("{page}/api/v1/setup"))
            .json(&body)
            .send()
            .await
            .unwrap()
    };

    assert_eq!(
        problem(set_up("wrong", "anna", PASSWORD).await).await.code,
        "setup.refused"
    );
    assert_eq!(set_up(token, "anna", "short").await.status(), 422);
    assert_eq!(set_up(token, "a b", PASSWORD).await.status(), 422);
    let made = set_up(token, "anna", PASSWORD).await;
    let cookie = cookie(&made);
    let session: Session = read(made, StatusCode::CREATED).await;

    assert_eq!((session.name.as_str(), session.role), ("anna", Role::Admin));
    assert_eq!(
        problem(set_up(token, "eve", PASSWORD).await).await.code,
        "setup.refused"
    );
    let tokens = client
        .get(format!("{page}/api/v1/tokens"))
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(tokens.status(), StatusCode::OK);
    handle.shutdown().await;
    let again = start(config(dir.path())).await;
    assert!(again.setup_url.is_none(), "there is an administrator");
}

#[tokio::test]
async fn init_makes_one_administrator_and_voids_the_setup_url() {
    let dir = tempfile::tempdir().unwrap();
    let config: ConsoleConfig = config(dir.path());
    let password = || Secret::new(PASSWORD.to_owned());
    start(config.clone()).await.shutdown().await;

    let short = init_admin(&config, "anna", Secret::new("short".to_owned())).await;
    let made = init_admin(&config, "anna", password()).await.unwrap();
    let again = init_admin(&config, "eve", password()).await;

    assert!(short.unwrap_err().to_string().contains("12 to 1,024"));
    assert!(made.token.unwrap().starts_with("evc_"));
    assert_eq!(made.role, Role::Admin);
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("administrator already")
    );
    assert!(start(config).await.setup_url.is_none());
}

#[tokio::test]
async fn a_session_lasts_from_log_in_to_log_out() {
    let scene = Scene::sqlite().await;
    let response = log_in(&scene, "anna", PASSWORD).await;
    let cookie = cookie(&response);
    let session: Session = read(response, StatusCode::OK).await;
    let csrf = session.csrf_token.unwrap();
    let with = |method: Method, path: &str| {
        scene
            .client
            .request(method, scene.url(path))
            .header("cookie", format!("a=b; {cookie}"))
    };

    let shown: Session = read(
        with(Method::GET, "/api/v1/session").send().await.unwrap(),
        StatusCode::OK,
    )
    .await;
    assert_eq!(shown.csrf_token.as_deref(), Some(csrf.as_str()));
    let ended = with(Method::DELETE, "/api/v1/session")
        .header("x-csrf-token", &csrf)
        .send()
        .await
        .unwrap();

    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert!(
        ended.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(
        with(Method::GET, "/api/v1/session")
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_change_by_cookie_needs_the_csrf_token() {
    let scene = Scene::sqlite().await;
    let response = log_in(&scene, "anna", PASSWORD).await;
    let cookie = cookie(&response);
    let session: Session = read(response, StatusCode::OK).await;
    let make = async |csrf: Option<&str>| {
        let body = json!({ "name": "ci", "role": "viewer" });
        let mut request = scene
            .client
            .post(scene.url("/api/v1/tokens"))
            .header("cookie", &cookie)
            .json(&body);
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request.send().await.unwrap().status()
    };

    assert_eq!(make(None).await, StatusCode::FORBIDDEN);
    assert_eq!(make(Some("0000")).await, StatusCode::FORBIDDEN);
    assert_eq!(
        make(session.csrf_token.as_deref()).await,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn failed_log_ins_answer_alike_and_are_slowed_down() {
    let scene = Scene::sqlite().await;
    let wrong = problem(log_in(&scene, "anna", "wrong password!").await).await;
    let unknown = problem(log_in(&scene, "nobody", "wrong password!").await).await;
    assert_eq!(
        (wrong.status, &wrong.detail),
        (unknown.status, &unknown.detail)
    );

    for _ in 0..4 {
        assert_eq!(
            log_in(&scene, "anna", "wrong password!").await.status(),
            StatusCode::UNAUTHORIZED
        );
    }

    let slowed = log_in(&scene, "anna", PASSWORD).await;
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(slowed.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let scene = Scene::sqlite().await;
    let text = scene.token(Role::Viewer).await;
    let listed: Value = scene.get("/api/v1/tokens").await;
    let id = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["name"] == "viewer")
        .unwrap()["id"]
        .clone();
    let call = async || {
        let request = scene
            .client
            .get(scene.url("/api/v1/session"))
            .bearer_auth(&text);
        request.send().await.unwrap().status()
    };
    assert_eq!(call().await, StatusCode::OK);

    scene
        .delete(&format!("/api/v1/tokens/{}", id.as_str().unwrap()))
        .await;

    assert_eq!(call().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_ends() {
    let scene = Scene::sqlite().await;
    let body = json!({ "name": "short", "role": "viewer", "expires_in": "1s" });
    let made: Value = scene
        .post("/api/v1/tokens", &body, StatusCode::CREATED)
        .await;
    let text = made["token"].as_str().unwrap().to_owned();

    evercert_testkit::eventually("the token has ended", Duration::from_secs(5), async || {
        let request = scene
            .client
            .get(scene.url("/api/v1/session"))
            .bearer_auth(&text);
        let status = request.send().await.unwrap().status();
        (status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    let refused = json!({ "name": "x", "role": "viewer", "expires_in": "100000d" });
    let _problem: Value = scene
        .post("/api/v1/tokens", &refused, StatusCode::UNPROCESSABLE_ENTITY)
        .await;
}

#[tokio::test]
async fn texts_of_tokens_and_passwords_are_nowhere_to_be_read() {
    let scene = Scene::sqlite().await;
    let enrolment = scene.enrollment_token(&[]).await;
    let secret = enrolment.split('.').nth(1).unwrap().to_owned();
    scene.import("web", json!({})).await;
    log_in(&scene, "anna", PASSWORD).await;
    let mut seen = String::new();
    for path in [
        "/api/v1/tokens",
        "/api/v1/enrollment-tokens",
        "/api/v1/audit",
        "/api/v1/session",
        "/api/v1/logs",
        "/api/v1/certificates",
        "/api/v1/certificates/web",
        "/api/v1/certificates/web/versions",
        "/api/v1/certificates/web/log",
        "/api/v1/instances",
        "/api/v1/dns-providers",
        "/metrics",
    ] {
        seen += &scene
            .request(Method::GET, path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
    }
    seen += &format!("{:?} {:?}", scene.handle, scene.handle.console);
    let database = std::fs::read(scene.dir.path().join("console.db")).unwrap();
    let journal = std::fs::read(scene.dir.path().join("console.db-wal")).unwrap_or_default();
    let at_rest = String::from_utf8_lossy(&[database, journal].concat()).into_owned();

    for (what, text) in [("answers", &seen), ("the database", &at_rest)] {
        assert!(text.contains("anna"), "{what} were looked at");
        assert!(!text.contains(&scene.admin), "an API token in {what}");
        assert!(!text.contains(&secret), "an enrolment secret in {what}");
        assert!(!text.contains(PASSWORD), "a password in {what}");
        assert!(!text.contains("PRIVATE KEY"), "a private key in {what}");
    }
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_and_a_changed_row_is_found() {
    let scene = Scene::sqlite().await;
    scene.import("web", json!({})).await;
    let _certificate: Value = read(
        scene
            .request(Method::PATCH, "/api/v1/certificates/web")
            .json(&json!({ "scope": { "site": "fra" } }))
            .send()
            .await
            .unwrap(),
        StatusCode::OK,
    )
    .await;
    scene.delete("/api/v1/certificates/web").await;

    let audit: Value = scene.get("/api/v1/audit").await;
    let actions: Vec<_> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "certificate.delete",
            "certificate.change",
            "certificate.import",
            "token.create",
            "user.create"
        ]
    );
    let verified: Value = scene.get("/api/v1/audit/verify").await;
    assert_eq!(
        (&verified["ok"], &verified["verified"]),
        (&json!(true), &json!(5))
    );

    let page: Value = scene.get("/api/v1/audit?limit=2").await;
    let next = page["next"].as_str().unwrap();
    let rest: Value = scene
        .get(&format!("/api/v1/audit?limit=500&cursor={next}"))
        .await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_audit_entry_changed_behind_our_back_is_found() {
    let sqlite3 = match require_program("sqlite3", "sqlite3") {
        Ok(program) => program,
        Err(reason) => return announce(&reason),
    };
    let scene = Scene::sqlite().await;
    scene.import("web", json!({})).await;
    let mut tamper = tokio::process::Command::new(sqlite3);
    tamper.arg(scene.dir.path().join("console.db"));
    tamper.arg("PRAGMA busy_timeout = 5000; UPDATE audit SET actor = 'user:eve' WHERE seq = 2");
    assert!(tamper.output().await.unwrap().status.success());

    let verified: Value = scene.get("/api/v1/audit/verify").await;

    assert_eq!(
        (&verified["ok"], &verified["broken_seq"]),
        (&json!(false), &json!(2))
    );
    assert_eq!(verified["reason"], "the entry was changed");
}

#[tokio::test]
async fn a_stopping_console_answers_those_who_wait() {
    let scene = Scene::sqlite().await;
    let mut agent = super::agent::Agent::enrolled(&scene, "edge", &[]).await;
    agent.catch_up().await;
    let started = Instant::now();
    let waiting = tokio::spawn(async move { agent.sync(50).await });
    tokio::time::sleep(Duration::from_millis(300)).await;

    scene.handle.shutdown().await;
    let brought = waiting.await.unwrap();

    assert!(matches!(brought, super::agent::Brought::Nothing));
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}
