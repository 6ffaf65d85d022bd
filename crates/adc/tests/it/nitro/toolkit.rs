//! The requests of `NetScalerToolkit`'s `Request-NSACMECertificate` for validation: HTTP-01 on content switching and on
//! load balancing vservers, and DNS-01 with the appliance's own records.

use serde_json::{Value as Json, json};

use super::client::{Answer, Box, Client};
use crate::client::exchange_raw;
use crate::world::Setup;

const SERVICE: &str = "svc_letsencrypt_cert_dummy";
const LB: &str = "lb_letsencrypt_cert";

/// The toolkit takes these for "it is not there".
fn is_absent(answer: &Answer) -> bool {
    let code = answer.json()["errorcode"].as_u64();
    [258, 344, 373, 538, 1540, 3441].map(Some).contains(&code)
        || [
            "404",
            "Not Found",
            "No such resource",
            "No Service",
            "does not exist",
        ]
        .iter()
        .any(|words| answer.text.contains(words))
}

/// What it makes once: service, target, content switching.
async fn prepare(client: &Client, vips: &[&str]) {
    let features = client.get("nsfeature").await.ok();
    assert_eq!(features["nsfeature"]["responder"], false);
    let feature = json!({"nsfeature": {"feature": ["LB", "RESPONDER", "CS", "SSL"]}});
    client.post("nsfeature?action=enable", feature).await.ok();
    let features = client.get("nsfeature").await.ok();
    for word in ["lb", "responder", "cs", "ssl"] {
        assert_eq!(features["nsfeature"][word], true, "{word}");
    }
    for vip in vips {
        let row = client.get(&format!("csvserver/{vip}")).await.ok()["csvserver"][0].clone();
        assert_eq!(
            (&row["servicetype"], &row["curstate"]),
            (&json!("HTTP"), &json!("UP"))
        );
    }
    assert!(is_absent(&client.get(&format!("service/{SERVICE}")).await));
    let service = json!({"service": {"name": SERVICE, "ip": "1.2.3.4", "servicetype": "HTTP", "port": 80,
        "healthmonitor": "NO"}});
    client.post("service", service).await.created();
    assert!(is_absent(&client.get(&format!("lbvserver/{LB}")).await));
    let vserver = json!({"lbvserver": {"name": LB, "servicetype": "HTTP", "ipv46": "0.0.0.0"}});
    client.post("lbvserver", vserver).await.created();
    let bound = client
        .get(&format!("lbvserver_service_binding/{LB}"))
        .await
        .ok();
    assert!(bound.get("lbvserver_service_binding").is_none());
    let binding = json!({"lbvserver_service_binding": {"name": LB, "servicename": SERVICE}});
    client
        .post("lbvserver_service_binding", binding)
        .await
        .created();
    let action = json!({"csaction": {"name": "csa_letsencrypt", "targetlbvserver": LB, "comment": "made by a script"}});
    create_or_update(client, "csaction", action).await;
    let policy = json!({"cspolicy": {"policyname": "csp_letsencrypt", "action": "csa_letsencrypt",
        "rule": "HTTP.REQ.URL.CONTAINS(\"well-known/acme-challenge/\")"}});
    create_or_update(client, "cspolicy", policy).await;
    for vip in vips {
        let binding = json!({"csvserver_cspolicy_binding": {"name": vip, "policyname": "csp_letsencrypt",
            "priority": 11, "gotopriorityexpression": "END"}});
        client
            .post("csvserver_cspolicy_binding", binding.clone())
            .await
            .created();
        // Bound already is no failure for the toolkit, whatever the number.
        let again = client
            .post("csvserver_cspolicy_binding", binding)
            .await
            .json();
        assert!(
            matches!(again["errorcode"].as_u64(), Some(0 | 246 | 273)),
            "{again}"
        );
    }
}

/// Creates; what is there is updated.
async fn create_or_update(client: &Client, kind: &str, body: Json) {
    let made = client.post(kind, body.clone()).await;
    if !made.line.contains(" 201 ") {
        let code = made.json()["errorcode"].as_u64();
        assert!(matches!(code, Some(273 | 528)), "{made:?}");
        assert_eq!(made.line, "HTTP/1.1 409 Conflict");
        client.put(kind, body).await.ok();
    }
}

/// Publishes the response to one challenge on the load balancing vserver.
async fn publish(client: &Client, lb: &str, number: u32, token: &str) {
    let (action, policy) = (
        format!("rsa_letsencrypt_{number}"),
        format!("rsp_letsencrypt_{number}"),
    );
    let target =
        format!("\"HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\n{token}.thumbprint\"");
    let made =
        json!({"responderaction": {"name": action, "type": "respondwith", "target": target}});
    let answer = client.post("responderaction", made).await;
    if !answer.line.contains(" 201 ") {
        answer.fails("409 Conflict", 528);
        let change = json!({"responderaction": {"name": action, "target": target}});
        client.put("responderaction", change).await.ok();
    }
    let rule = format!("HTTP.REQ.URL.CONTAINS(\".well-known/acme-challenge/{token}\")");
    let made = json!({"responderpolicy": {"name": policy, "rule": rule, "action": action}});
    create_or_update(client, "responderpolicy", made).await;
    let binding = json!({"lbvserver_responderpolicy_binding": {"name": lb, "policyname": policy, "priority": number}});
    client
        .post("lbvserver_responderpolicy_binding", binding)
        .await
        .created();
}

async fn clean_up(client: &Client, lb: &str, vips: &[&str]) {
    for vip in vips {
        let path =
            format!("csvserver_cspolicy_binding/{vip}?args=policyname:csp_letsencrypt,priority:11");
        client.delete(&path).await.ok();
    }
    let bound = client
        .get(&format!("lbvserver_responderpolicy_binding/{lb}"))
        .await
        .ok();
    let bound = bound["lbvserver_responderpolicy_binding"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for row in bound {
        let (policy, priority) = (
            row["policyname"].as_str().unwrap(),
            row["priority"].as_str().unwrap(),
        );
        let path = format!(
            "lbvserver_responderpolicy_binding/{lb}?args=policyname:{policy},priority:{priority},bindpoint:REQUEST"
        );
        client.delete(&path).await.ok();
    }
    for (kind, prefix) in [
        ("responderpolicy", "rsp_letsencrypt"),
        ("responderaction", "rsa_letsencrypt"),
    ] {
        let rows = client.get(kind).await.ok()[kind]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for name in rows.iter().filter_map(|row| row["name"].as_str()) {
            if name.starts_with(prefix) {
                client.delete(&format!("{kind}/{name}")).await.ok();
            }
        }
        assert!(client.get(kind).await.ok().get(kind).is_none());
    }
}

async fn fetch(adc: &Box, vserver: &str, token: &str) -> String {
    let request = format!(
        "GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n"
    );
    exchange_raw(adc.vserver(vserver), request.as_bytes()).await
}

#[track_caller]
fn assert_answers(answer: &str, token: &str) {
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.ends_with(&format!("\r\n\r\n{token}.thumbprint")),
        "{answer}"
    );
}

#[tokio::test]
async fn http_01_through_content_switching_and_everything_removed_again() {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup::new(dir.path()).later("cs1").later("cs2");
    let conf = "add cs vserver cs1 HTTP 192.0.2.1 80\nadd cs vserver cs2 HTTP 192.0.2.2 80";
    let adc = Box::with(setup.conf(conf)).await;
    let client = adc.session().await;
    let version = client.get("nsversion").await.ok();
    assert!(
        version["nsversion"]["version"]
            .as_str()
            .unwrap()
            .contains("NS14.1")
    );
    let vips = ["cs1", "cs2"];

    prepare(&client, &vips).await;
    for (number, token) in [(101, "tok-a"), (102, "tok-b")] {
        publish(&client, LB, number, token).await;
    }
    for vip in vips {
        assert_answers(&fetch(&adc, vip, "tok-a").await, "tok-a");
        assert_answers(&fetch(&adc, vip, "tok-b").await, "tok-b");
    }

    clean_up(&client, LB, &vips).await;
    client.delete("cspolicy/csp_letsencrypt").await.ok();
    client.delete("csaction/csa_letsencrypt").await.ok();
    client
        .delete(&format!(
            "lbvserver_service_binding/{LB}?args=servicename:{SERVICE}"
        ))
        .await
        .ok();
    client.delete(&format!("lbvserver/{LB}")).await.ok();
    client.delete(&format!("service/{SERVICE}")).await.ok();
    client
        .post("nsconfig?action=save", json!({"nsconfig": {}}))
        .await
        .ok();

    for path in [
        format!("lbvserver/{LB}"),
        format!("service/{SERVICE}"),
        "cspolicy/csp_letsencrypt".to_owned(),
        "csaction/csa_letsencrypt".to_owned(),
    ] {
        assert!(is_absent(&client.get(&path).await), "{path}");
    }
    assert!(
        fetch(&adc, "cs1", "tok-a")
            .await
            .starts_with("HTTP/1.1 503")
    );
    adc.stop().await;
}

#[tokio::test]
async fn http_01_on_a_load_balancing_vserver_and_a_second_run_over_leftovers() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::with(Setup::new(dir.path()).vserver("lb", "HTTP", &[])).await;
    let client = adc.session().await;
    let feature = json!({"nsfeature": {"feature": ["RESPONDER", "SSL"]}});
    client.post("nsfeature?action=enable", feature).await.ok();
    client.get("lbvserver/lb").await.ok();

    publish(&client, "lb", 101, "tok-a").await;
    assert_answers(&fetch(&adc, "lb", "tok-a").await, "tok-a");
    // A run that was broken off left action and policy; only the binding is new.
    let path = "lbvserver_responderpolicy_binding/lb?args=policyname:rsp_letsencrypt_101,priority:101,bindpoint:REQUEST";
    client.delete(path).await.ok();
    publish(&client, "lb", 101, "tok-b").await;

    assert_answers(&fetch(&adc, "lb", "tok-b").await, "tok-b");
    assert!(!fetch(&adc, "lb", "tok-a").await.contains("thumbprint"));
    clean_up(&client, "lb", &[]).await;
    adc.stop().await;
}

#[tokio::test]
async fn a_disabled_vserver_is_enabled_for_the_time_of_the_validation() {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup::new(dir.path()).later("cs1");
    let adc = Box::with(setup.conf("add cs vserver cs1 HTTP 192.0.2.1 80 -state DISABLED")).await;
    let client = adc.session().await;
    let state = async || client.get("csvserver/cs1").await.ok()["csvserver"][0]["curstate"].clone();

    assert_eq!(state().await, "OUT OF SERVICE");
    client
        .post(
            "csvserver?action=enable",
            json!({"csvserver": {"name": "cs1"}}),
        )
        .await
        .ok();
    assert_eq!(state().await, "UP");
    client
        .post(
            "csvserver?action=disable",
            json!({"csvserver": {"name": "cs1"}}),
        )
        .await
        .ok();

    assert_eq!(state().await, "OUT OF SERVICE");
    adc.stop().await;
}

#[tokio::test]
async fn dns_01_with_two_values_under_one_name() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let client = adc.session().await;
    let path = "dnstxtrec/_acme-challenge.example.com";
    let values = async || -> Vec<String> {
        let answer = client.get(path).await;
        if is_absent(&answer) {
            return Vec::new();
        }
        let rows = answer.ok()["dnstxtrec"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        rows.iter()
            .map(|row| row["String"][0].as_str().unwrap().to_owned())
            .collect()
    };

    // Apex and wildcard share the name.
    for value in ["apex-value_1", "wildcard-value-2"] {
        assert!(!values().await.contains(&value.to_owned()));
        let record = json!({"dnstxtrec": {"domain": "_acme-challenge.example.com", "String": value, "ttl": 300}});
        client.post("dnstxtrec", record).await.created();
    }
    assert_eq!(values().await, ["apex-value_1", "wildcard-value-2"]);
    client
        .delete(&format!("{path}?args=String:apex-value_1"))
        .await
        .ok();
    assert_eq!(values().await, ["wildcard-value-2"]);
    client
        .delete(&format!("{path}?args=String:wildcard-value-2"))
        .await
        .ok();

    assert!(values().await.is_empty());
    let both = client
        .delete(&format!("{path}?args=String:x,recordid:1"))
        .await;
    both.fails("599 Netscaler specific error", 1092);
    adc.stop().await;
}
