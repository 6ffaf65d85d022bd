//! The requests of lens (corelayer/netscaleradc-acme-go): payloads are arrays, keys and certificates go to a directory
//! of their own, and only error 1540 means that a certificate is to be made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_types::KeyAlgorithm;
use serde_json::json;

use super::client::{Box, Client};
use crate::authority::TestCa;
use crate::client::{Tls, exchange_raw};
use crate::world::Setup;

const LOCATION: &str = "/nsconfig/ssl/LENS/";
const RULE: &str = r#"HTTP.REQ.HOSTNAME.EQ("www.example.com") && HTTP.REQ.URL.EQ("/.well-known/acme-challenge/tok")"#;

async fn publish(client: &Client) {
    let action = json!({"responderaction": [{"name": "RSA_LENS_www.example.com_20261121150000", "type": "respondwith",
        "target": "\"HTTP/1.1 200 OK\\r\\n\\r\\ntok.thumb\""}]});
    client.post("responderaction", action).await.created();
    let policy = json!({"responderpolicy": [{"name": "RSP_LENS_www.example.com_20261121150000", "rule": RULE,
        "action": "RSA_LENS_www.example.com_20261121150000", "undefaction": ""}]});
    client.post("responderpolicy", policy).await.created();
}

#[tokio::test]
async fn http_01_is_answered_by_a_global_policy_on_every_vserver() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::with(Setup::new(dir.path()).vserver("web", "HTTP", &[])).await;
    let client = adc.admin();
    let feature = json!({"nsfeature": {"feature": ["RESPONDER"]}});
    client.post("nsfeature?action=enable", feature).await.ok();

    publish(&client).await;
    let used = client
        .get("responderglobal_responderpolicy_binding?args=type:REQ_OVERRIDE&attrs=priority")
        .await;
    assert!(
        used.ok()
            .get("responderglobal_responderpolicy_binding")
            .is_none()
    );
    let binding = json!({"responderglobal_responderpolicy_binding": [{"policyname": "RSP_LENS_www.example.com_20261121150000",
        "type": "REQ_OVERRIDE", "priority": "33501", "gotopriorityexpression": "END"}]});
    client
        .post("responderglobal_responderpolicy_binding", binding)
        .await
        .created();
    let used = client
        .get("responderglobal_responderpolicy_binding?args=type:REQ_OVERRIDE&attrs=priority")
        .await;
    let rows = &used.ok()["responderglobal_responderpolicy_binding"];
    assert_eq!(rows, &json!([{"priority": "33501"}]));

    let request = "GET /.well-known/acme-challenge/tok HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n";
    let answer = exchange_raw(adc.vserver("web"), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("tok.thumb"), "{answer}");

    let unbind = "responderglobal_responderpolicy_binding\
        ?args=policyname:RSP_LENS_www.example.com_20261121150000,type:REQ_OVERRIDE";
    client.delete(unbind).await.ok();
    client
        .delete("responderpolicy/RSP_LENS_www.example.com_20261121150000")
        .await
        .ok();
    client
        .delete("responderaction/RSA_LENS_www.example.com_20261121150000")
        .await
        .ok();
    let answer = exchange_raw(adc.vserver("web"), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    adc.stop().await;
}

#[tokio::test]
async fn dns_01_removes_its_record_by_number() {
    let dir = tempfile::tempdir().unwrap();
    let adc = Box::start(dir.path(), "").await;
    let client = adc.admin();
    let record = |value: &str| json!({"dnstxtrec": [{"domain": "_acme-challenge.www.example.com.", "string": [value], "ttl": 30}]});

    client.post("dnstxtrec", record("one")).await.created();
    client.post("dnstxtrec", record("two")).await.created();
    let path = "dnstxtrec/_acme-challenge.www.example.com.?attrs=string,recordid";
    let rows = client.get(path).await.ok()["dnstxtrec"].clone();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["String"] == json!(["one"]));
    let id = row.unwrap()["recordid"].clone();
    let path = format!("dnstxtrec/_acme-challenge.www.example.com.?args=recordid:{id}");
    client.delete(&path).await.ok();

    let rows = client
        .get("dnstxtrec/_acme-challenge.www.example.com")
        .await
        .ok();
    let rows = rows["dnstxtrec"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["String"], json!(["two"]));
    assert_eq!(rows[0]["ttl"], "30");
    adc.stop().await;
}

async fn upload(client: &Client, name: &str, bytes: &[u8]) {
    let file = json!({"systemfile": [{"filename": name, "filelocation": LOCATION,
        "filecontent": STANDARD.encode(bytes), "fileencoding": "BASE64"}]});
    client.post("systemfile", file).await.created();
}

#[tokio::test]
async fn a_certificate_is_made_bound_and_updated() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::with(Setup::new(dir.path()).vserver("web", "SSL", &[])).await;
    let client = adc.admin();
    let tls = Tls::plain();
    let master = client
        .get("/nitro/v1/stat/hanode?attrs=hacurmasterstate")
        .await
        .ok();
    assert_eq!(master["hanode"], json!({"hacurmasterstate": "Primary"}));

    let mut leaves = Vec::new();
    for (time, exists) in [("20261121150000", false), ("20270120150000", true)] {
        let (chain, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
        upload(
            &client,
            &format!("www_{time}.cer"),
            chain.leaf().to_pem().as_bytes(),
        )
        .await;
        upload(
            &client,
            &format!("www_{time}.key"),
            key.to_pkcs8_pem().expose().as_bytes(),
        )
        .await;
        let found = client.get("sslcertkey/LENS_www").await;
        let mut certkey = json!({"certkey": "LENS_www", "cert": format!("{LOCATION}www_{time}.cer"),
            "key": format!("{LOCATION}www_{time}.key")});
        if exists {
            found.ok();
            certkey["nodomaincheck"] = json!(true);
            client
                .post("sslcertkey?action=update", json!({"sslcertkey": [certkey]}))
                .await
                .ok();
        } else {
            found.fails("599 Netscaler specific error", 1540);
            client
                .post("sslcertkey", json!({"sslcertkey": [certkey]}))
                .await
                .created();
        }
        let bound = client
            .get("sslcertkey_sslvserver_binding/LENS_www")
            .await
            .ok();
        let is_bound = bound["sslcertkey_sslvserver_binding"][0]["servername"] == "web";
        assert_eq!(is_bound, exists);
        if !is_bound {
            let binding = json!({"sslvserver_sslcertkey_binding": [{"vservername": "web", "certkeyname": "LENS_www",
                "snicert": false}]});
            client
                .put("sslvserver_sslcertkey_binding", binding)
                .await
                .created();
        }
        client.get("sslcertkey_service_binding/LENS_www").await.ok();
        client
            .post("nsconfig?action=save", json!({"nsconfig": {}}))
            .await
            .ok();
        assert_eq!(
            tls.leaf(adc.vserver("web"), "www.example.com").await,
            chain.leaf().fingerprint()
        );
        leaves.push(chain.leaf().fingerprint());
    }

    assert_ne!(leaves[0], leaves[1]);
    let saved = std::fs::read_to_string(dir.path().join("ns.conf")).unwrap();
    assert!(
        saved.contains(
            "add ssl certKey LENS_www -cert \"/nsconfig/ssl/LENS/www_20270120150000.cer\""
        ) || saved
            .contains("add ssl certKey LENS_www -cert /nsconfig/ssl/LENS/www_20270120150000.cer"),
        "{saved}"
    );
    assert!(
        saved.contains("bind ssl vserver web -certkeyName LENS_www"),
        "{saved}"
    );
    adc.stop().await;
}

#[tokio::test]
async fn the_default_certificate_is_the_managements_own() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::start(dir.path(), "").await;
    let client = adc.admin();
    let (chain, key) = ca.issue("adc.example.com", KeyAlgorithm::EcdsaP256);
    upload(&client, "adc_1.cer", chain.leaf().to_pem().as_bytes()).await;
    upload(&client, "adc_1.key", key.to_pkcs8_pem().expose().as_bytes()).await;

    let certkey = json!({"sslcertkey": [{"certkey": "ns-server-certificate", "cert": format!("{LOCATION}adc_1.cer"),
        "key": format!("{LOCATION}adc_1.key"), "nodomaincheck": true}]});
    client.post("sslcertkey?action=update", certkey).await.ok();

    let address = adc.adc.nitro_addrs().https.unwrap();
    assert_eq!(
        Tls::plain().leaf(address, "adc.example.com").await,
        chain.leaf().fingerprint()
    );
    let removed = client.delete("sslcertkey/ns-server-certificate").await;
    removed.fails("599 Netscaler specific error", 3719);
    adc.stop().await;
}
