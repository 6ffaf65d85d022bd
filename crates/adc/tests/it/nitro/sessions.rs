//! Logging in and out, over HTTP and HTTPS, in every way clients do it.

use std::sync::Arc;

use evercert_types::ManualClock;
use jiff::SignedDuration;
use serde_json::json;

use super::client::{ADMIN, Box};
use crate::authority::now;
use crate::client::{Http1, Tls, TlsOptions};
use crate::world::Setup;

#[tokio::test]
async fn a_session_is_used_wherever_clients_put_its_token() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let (name, password) = ADMIN;
    let login = json!({"login": {"username": name, "password": password, "timeout": 900}});

    let answer = adc.nobody().post("login", login).await;

    let body = answer.created();
    assert_eq!(body["message"], "Done");
    let token = body["sessionid"].as_str().unwrap().to_owned();
    assert!(token.starts_with("##"), "{token}");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with(&format!("NITRO_AUTH_TOKEN={token}; path=/nitro/v1")),
        "{cookie}"
    );
    let encoded = token.replace('#', "%23");
    for (header, value) in [
        ("Cookie", format!("NITRO_AUTH_TOKEN={token}")),
        ("Cookie", format!("NITRO_AUTH_TOKEN={encoded}")),
        ("Cookie", format!("x=y; sessionid={encoded}")),
        ("Set-Cookie", format!("NITRO_AUTH_TOKEN={token}")),
    ] {
        adc.nobody()
            .with(header, &value)
            .get("nsversion")
            .await
            .ok();
    }
    let client = adc
        .nobody()
        .with("Cookie", &format!("NITRO_AUTH_TOKEN={token}"));
    client.post("logout", json!({"logout": {}})).await.created();
    client.get("nsversion").await.fails("401 Unauthorized", 444);
    adc.stop().await;
}

#[tokio::test]
async fn name_and_password_may_come_with_every_request() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    // admin:s3cret-Pass
    let basic = adc
        .nobody()
        .with("Authorization", "Basic YWRtaW46czNjcmV0LVBhc3M=");

    adc.admin().get("nsversion").await.ok();
    basic.get("nsversion").await.ok();
    let off = json!({"systemparameter": {"basicauth": "DISABLED"}});
    adc.admin().put("systemparameter", off).await.ok();

    basic.get("nsversion").await.fails("401 Unauthorized", 1244);
    adc.admin().get("nsversion").await.ok();
    adc.stop().await;
}

#[tokio::test]
async fn old_clients_log_in_with_a_form() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let (name, password) = ADMIN;
    let form = format!(r#"object={{"login":{{"username":"{name}","password":"{password}"}}}}"#);
    let client = adc
        .nobody()
        .with("Content-Type", "application/x-www-form-urlencoded");
    let vendor = adc.nobody().with(
        "Content-Type",
        "application/vnd.com.citrix.netscaler.login+json",
    );
    let array = json!({"login": [{"userName": name, "passWord": password}]});

    let body = client.send("POST", "login", Some(form)).await.created();
    vendor.post("login", array).await.created();

    let token = body["sessionid"].as_str().unwrap();
    let form = format!(
        r###"object={{"params":{{"action":"enable"}},"sessionid":"{token}","nsfeature":{{"feature":["CS"]}}}}"###
    );
    client.send("POST", "nsfeature", Some(form)).await.ok();
    assert_eq!(
        adc.admin().get("nsfeature").await.ok()["nsfeature"]["cs"],
        true
    );
    adc.stop().await;
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(now()));
    let mut setup = Setup::new(dir.path());
    setup.clock = clock.clone();
    let adc = Box::with(setup).await;
    let session = adc.session().await;

    clock.advance(SignedDuration::from_mins(29));
    session.get("nsversion").await.ok();
    clock.advance(SignedDuration::from_mins(31));

    let body = session
        .get("nsversion")
        .await
        .fails("401 Unauthorized", 444);
    assert_eq!(
        body["message"],
        "Session expired or killed. Please login again"
    );
    adc.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_and_killed() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let (own, other) = (adc.session().await, adc.session().await);

    let rows = own.get("systemsession").await.ok()["systemsession"].clone();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["username"], ADMIN.0);
    assert_eq!(
        (&rows[0]["currentconn"], &rows[1]["currentconn"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(rows[0]["clientipaddress"], "127.0.0.1");

    let kill = |body| own.post("systemsession?action=kill", body);
    kill(json!({"systemsession": {"sid": rows[1]["sid"]}}))
        .await
        .ok();
    other.get("nsversion").await.fails("401 Unauthorized", 444);
    let again = kill(json!({"systemsession": {"sid": rows[1]["sid"]}})).await;
    again.fails("599 Netscaler specific error", 452);
    let mine = kill(json!({"systemsession": {"sid": rows[0]["sid"]}})).await;
    mine.fails("599 Netscaler specific error", 449);
    let third = adc.session().await;
    kill(json!({"systemsession": {"all": true}})).await.ok();
    third.get("nsversion").await.fails("401 Unauthorized", 444);
    own.get("nsversion").await.ok();
    adc.stop().await;
}

#[tokio::test]
async fn there_is_one_partition() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let session = adc.session().await;
    let switch = |name: &str| {
        let body = json!({"nspartition": {"partitionname": name}});
        let session = session.clone();
        async move { session.post("nspartition?action=Switch", body).await }
    };

    switch("default").await.ok();
    switch("p1").await.fails("404 Not Found", 258);
    adc.stop().await;
}

#[tokio::test]
async fn a_user_may_do_what_its_command_policies_allow() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "add server s1 10.0.0.1").await;
    let admin = adc.admin();
    let user = json!({"systemuser": {"username": "api", "password": "api-Pass-1", "externalauth": "DISABLED",
        "allowedmanagementinterface": ["API"]}});
    admin.post("systemuser", user).await.created();
    let policy = json!({"systemcmdpolicy": {"policyname": "certs", "action": "ALLOW",
        "cmdspec": "^(show\\s+ssl\\s+certKey|show\\s+server).*"}});
    admin.post("systemcmdpolicy", policy).await.created();
    let binding = json!({"systemuser_systemcmdpolicy_binding": {"username": "api", "policyname": "certs", "priority": 10}});
    admin
        .put("systemuser_systemcmdpolicy_binding", binding)
        .await
        .created();
    let api = adc
        .nobody()
        .with("X-NITRO-USER", "api")
        .with("X-NITRO-PASS", "api-Pass-1");

    api.get("sslcertkey").await.ok();
    api.get("server/s1").await.ok();
    let read = api.get("lbvserver").await;
    let change = api.delete("server/s1").await;

    let body = read.fails("403 Forbidden", 2138);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("Not authorized to execute this command")
    );
    change.fails("403 Forbidden", 2138);
    admin.get("server/s1").await.ok();
    admin.delete("systemuser/api").await.ok();
    api.get("server/s1").await.fails("401 Unauthorized", 354);
    adc.stop().await;
}

#[tokio::test]
async fn over_https_there_is_http_1_1_only_with_a_certificate_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let address = adc.adc.nitro_addrs().https.unwrap();
    let options = TlsOptions {
        alpn: &[b"h2", b"http/1.1"],
        ..TlsOptions::default()
    };
    let tls = Tls::new(options);

    let stream = tls.connect(address, "localhost").await.unwrap();
    let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    let (status, body) = Http1::over(stream)
        .await
        .get("adc", "/nitro/v1/config/nsversion")
        .await;
    let first = tls.leaf(address, "localhost").await;
    adc.stop().await;
    let again = Box::with_config(Setup::new(dir.path()).config()).await;
    let second = tls
        .leaf(again.adc.nitro_addrs().https.unwrap(), "localhost")
        .await;

    assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(status, 401);
    assert!(body.contains(r#""errorcode":1027"#), "{body}");
    assert_eq!(first, second);
    again.stop().await;
}

#[tokio::test]
async fn http_for_other_machines_has_to_be_forced() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Setup::new(dir.path()).config();
    config.nitro.http = Some(([0, 0, 0, 0], 0).into());

    let refused = evercert_adc::Adc::start(config).await.unwrap_err();

    assert!(refused.to_string().contains("unencrypted"), "{refused}");
}

#[tokio::test]
async fn the_superuser_cannot_log_in_before_it_has_a_password() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let login = |password: &str| json!({"login": {"username": "nsroot", "password": password}});

    for guess in ["", "*", "nsroot"] {
        adc.nobody()
            .post("login", login(guess))
            .await
            .fails("401 Unauthorized", 354);
    }
    let set = json!({"systemuser": {"username": "nsroot", "password": "first-Pass1"}});
    adc.local().put("systemuser", set).await.ok();
    let change = json!({"login": {"username": "nsroot", "password": "first-Pass1", "new_password": "second-Pass2"}});
    adc.nobody().post("login", change).await.created();

    adc.nobody()
        .post("login", login("second-Pass2"))
        .await
        .created();
    adc.nobody()
        .post("login", login("first-Pass1"))
        .await
        .fails("401 Unauthorized", 354);
    adc.stop().await;
}

#[tokio::test]
async fn who_guesses_passwords_has_to_wait() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let wrong = adc
        .nobody()
        .with("X-NITRO-USER", ADMIN.0)
        .with("X-NITRO-PASS", "x");

    for _ in 0..5 {
        wrong.get("nsversion").await.fails("401 Unauthorized", 354);
    }
    let started = std::time::Instant::now();
    wrong.get("nsversion").await.fails("401 Unauthorized", 354);
    let waited = started.elapsed();

    // 250 ms after the fourth failure, 500 ms after the fifth.
    assert!(
        waited >= std::time::Duration::from_millis(450),
        "{waited:?}"
    );
    adc.stop().await;
}

#[tokio::test]
async fn a_user_of_the_command_line_only_is_nobody_here() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let user = json!({"systemuser": {"username": "cli", "password": "cli-Pass-1", "allowedmanagementinterface": ["CLI"]}});
    adc.local().post("systemuser", user).await.created();

    let client = adc
        .nobody()
        .with("X-NITRO-USER", "cli")
        .with("X-NITRO-PASS", "cli-Pass-1");

    client.get("nsversion").await.fails("401 Unauthorized", 354);
    adc.stop().await;
}

#[tokio::test]
async fn a_body_is_taken_up_to_a_limit_and_a_small_one_before_log_in() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let large = json!({"login": {"username": "x".repeat(100_000), "password": "p"}});

    let refused = adc.nobody().post("login", large.clone()).await;
    let read = adc.local().post("frobnicator", large).await;

    refused.fails("413 Request Entity Too Large", 283);
    // Saying a name is not enough.
    let body = json!({"server": {"name": "x".repeat(100_000)}});
    let wrong = adc
        .nobody()
        .with("X-NITRO-USER", ADMIN.0)
        .with("X-NITRO-PASS", "x");
    wrong
        .post("server", body.clone())
        .await
        .fails("413 Request Entity Too Large", 283);
    let right = adc.admin().post("server", body).await;
    assert!(!right.line.contains(" 413 "), "{}", right.line);
    read.fails("400 Bad Request", 1236);
    adc.stop().await;
}
