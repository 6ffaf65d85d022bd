//! Status lines, envelopes, arguments, bulk requests, sessions.

use serde_json::{Value as Json, json};

use super::client::{ADMIN, Box};

fn server(name: &str, ip: &str) -> Json {
    json!({"name": name, "ipaddress": ip})
}

#[tokio::test]
async fn the_status_socket_is_the_local_superuser() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let local = adc.local();

    let version = local.get("nsversion").await.ok();
    local
        .post("server", json!({"server": server("s1", "10.0.0.1")}))
        .await
        .created();
    let one = local.get("server/S1").await.ok();

    let version = version["nsversion"]["version"].as_str().unwrap().to_owned();
    assert!(
        version.starts_with("NetScaler NS14.1: Build 43.56.nc, Date: "),
        "{version}"
    );
    assert_eq!(one["server"][0]["ipaddress"], "10.0.0.1");
    adc.stop().await;
}

#[tokio::test]
async fn errors_have_their_status_line_and_reason() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "add server s1 10.0.0.1").await;
    let local = adc.local();
    let duplicate = json!({"server": server("s1", "10.0.0.1")});

    let absent = local.get("server/nobody").await;
    let exists = local.post("server", duplicate).await;
    let certificate = local.get("sslcertkey/nobody").await;
    let service = local.get("service/nobody").await;
    let unknown = local.get("frobnicator").await;
    let malformed = local.send("POST", "server", Some("{".to_owned())).await;
    let method = local.send("PATCH", "server", Some("{}".to_owned())).await;
    let argument = local.get("server?frob=1").await;
    let empty = local.get("csaction").await;

    absent.fails("599 Netscaler specific error", 351);
    assert_eq!(
        exists.fails("409 Conflict", 273)["message"],
        "Resource already exists [name, s1]"
    );
    let body = certificate.fails("599 Netscaler specific error", 1540);
    assert_eq!(
        body["message"],
        "Certificate does not exist [certkeyName, nobody]"
    );
    service.fails("599 Netscaler specific error", 344);
    unknown.fails("400 Bad Request", 1236);
    malformed.fails("400 Bad Request", 1233);
    method.fails("405 Method Not Allowed", 1237);
    argument.fails("400 Bad Request", 1090);
    empty.ok();
    assert_eq!(
        empty.text,
        r#"{"errorcode":0,"message":"Done","severity":"NONE"}"#
    );
    adc.stop().await;
}

#[tokio::test]
async fn names_are_found_however_often_they_were_encoded() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "add server \"a b\" 10.0.0.1").await;
    let local = adc.local();

    // Once; twice as Ansible does; twice as the Go client does, whose plus is a space.
    for sent in ["a%20b", "a%2520b", "a%2Bb"] {
        let body = local.get(&format!("server/{sent}")).await.ok();
        assert_eq!(body["server"][0]["ipaddress"], "10.0.0.1", "{sent}");
    }
    local.delete("server/a%2Bb").await.ok();
    let gone = local.get("server/a%2520b").await;
    let body = gone.fails("599 Netscaler specific error", 351);
    assert_eq!(body["message"], "No such server [name, a%20b]");
    adc.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_counted_paged_and_projected() {
    let dir = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (1..=5)
        .map(|n| format!("add server s{n} 10.0.0.{n}"))
        .collect();
    let adc = Box::start(dir.path(), &lines.join("\n")).await;
    let local = adc.local();

    let count = local.get("server?count=yes").await.ok();
    let some = local.get("server?count=yes&filter=name:/s[12]/").await.ok();
    let page = local
        .get("server?pagesize=2&pageno=2&attrs=name")
        .await
        .ok();
    let exact = local
        .get("server?filter=name:s3,ipaddress:10.0.0.3")
        .await
        .ok();
    let none = local.get("server?filter=name:s33").await;
    let unknown = local.get("server?filter=colour:red").await;

    assert_eq!(count["server"], json!([{"__count": 5}]));
    assert_eq!(some["server"], json!([{"__count": 2}]));
    assert_eq!(page["server"], json!([{"name": "s3"}, {"name": "s4"}]));
    assert_eq!(exact["server"].as_array().map(Vec::len), Some(1));
    assert!(none.ok().get("server").is_none());
    unknown.fails("400 Bad Request", 1090);
    adc.stop().await;
}

#[tokio::test]
async fn several_objects_are_answered_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "add server b 10.0.0.9").await;
    let local = adc.local();
    let three = json!({"server": [server("a", "10.0.0.1"), server("b", "10.0.0.2"), server("c", "10.0.0.3")]});

    let rolled = local.clone().with("X-NITRO-ONERROR", "ROLLBACK");
    let rolled = rolled.post("server", three.clone()).await;
    let body = rolled.fails("207 Multi Status", 1243);
    assert_eq!(body["message"], "Bulk operation failed");
    local
        .get("server/a")
        .await
        .fails("599 Netscaler specific error", 351);

    let exited = local.post("server", three.clone()).await;
    let body = exited.fails("207 Multi Status", 1243);
    let codes = |body: &Json| -> Vec<u64> {
        let each = body["response"].as_array().unwrap();
        each.iter()
            .map(|one| one["errorcode"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(codes(&body), [0, 273]);
    local.get("server/a").await.ok();

    let went_on = local.clone().with("X-NITRO-ONERROR", "continue");
    let body = went_on
        .post("server", three)
        .await
        .fails("207 Multi Status", 1243);
    assert_eq!(codes(&body), [273, 273, 0]);
    local.get("server/c").await.ok();

    let two = json!({"server": [server("d", "10.0.0.4"), server("e", "10.0.0.5")]});
    local.post("server", two).await.created();
    adc.stop().await;
}

#[tokio::test]
async fn creating_again_what_is_there_is_a_success_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let local = adc.local();
    let body = |ip| json!({"server": server("s1", ip)});

    local
        .post("server?idempotent=yes", body("10.0.0.1"))
        .await
        .created();
    local
        .post("server?idempotent=yes", body("10.0.0.1"))
        .await
        .created();
    let other = local.post("server?idempotent=yes", body("10.0.0.2")).await;
    let plain = local.post("server", body("10.0.0.1")).await;

    other.fails("409 Conflict", 273);
    plain.fails("409 Conflict", 273);
    adc.stop().await;
}

#[tokio::test]
async fn warnings_are_told_to_who_asks() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let local = adc.local();
    let action = |name: &str| json!({"csaction": {"name": name, "targetlbvserver": "lb"}});
    local
        .post(
            "lbvserver",
            json!({"lbvserver": {"name": "lb", "servicetype": "HTTP"}}),
        )
        .await
        .created();

    let asked = local.post("csaction?warning=yes", action("a1")).await;
    let by_header = local
        .clone()
        .with("X-NITRO-WARNING", "YES")
        .post("csaction", action("a2"))
        .await;
    let silent = local.post("csaction", action("a3")).await;

    for warned in [asked, by_header] {
        let body = warned.is("209 X-NITRO-WARNING");
        assert_eq!(
            (&body["severity"], &body["errorcode"]),
            (&json!("WARNING"), &json!(1067))
        );
        let header = warned.header("x-nitro-warning").unwrap();
        assert_eq!(header, "1067 - Feature(s) not enabled [CS]");
    }
    silent.created();
    adc.stop().await;
}

#[tokio::test]
async fn without_credentials_nothing_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;

    let nobody = adc.nobody().get("nsversion").await;
    let bad = adc
        .nobody()
        .with("Cookie", "NITRO_AUTH_TOKEN=##00")
        .get("nsversion")
        .await;
    let wrong = adc
        .nobody()
        .with("X-NITRO-USER", ADMIN.0)
        .with("X-NITRO-PASS", "x");
    let wrong = wrong.get("nsversion").await;

    nobody.fails("401 Unauthorized", 1027);
    bad.fails("401 Unauthorized", 444);
    assert_eq!(
        wrong.fails("401 Unauthorized", 354)["message"],
        "Invalid username or password"
    );
    adc.stop().await;
}
