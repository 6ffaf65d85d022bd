//! The requests of `NetScalerToolkit` for deployment: PFX upload, certkey, chain and links; again at renewal; and what
//! stands in the way of an update.

use evercert_types::KeyAlgorithm;
use evercert_x509::pkcs12::{Profile, export};
use evercert_x509::{Certificate, Chain, KeyPair};
use serde_json::{Value as Json, json};

use super::client::{Box, Client};
use crate::authority::TestCa;
use crate::client::Tls;
use crate::world::Setup;

const LOCATION: &str = "/nsconfig/ssl/";
const PASSWORD: &str = "pfx-Pass";

/// Hex digits only, leading zeros dropped, upper case.
fn normal(serial: &str) -> String {
    serial.trim_start_matches('0').to_ascii_uppercase()
}

/// Uploads the PFX; one of that name is replaced.
async fn upload(client: &Client, name: &str, pfx: &[u8]) {
    let answer = client.upload(name, LOCATION, pfx).await;
    if !answer.line.contains(" 201 ") {
        answer.fails("599 Netscaler specific error", 1642);
        let path = format!("systemfile/{name}?args=filelocation:%2Fnsconfig%2Fssl%2F");
        client.delete(&path).await.ok();
        client.upload(name, LOCATION, pfx).await.created();
    }
}

/// The certkey of a chain certificate, made if no certkey has its serial number.
async fn chain_certkey(client: &Client, certificate: &Certificate) -> String {
    let all = client.get("sslcertkey").await.ok();
    let mut rows = all["sslcertkey"].as_array().unwrap().iter();
    let same = |row: &&Json| {
        row["serial"]
            .as_str()
            .is_some_and(|s| normal(s) == normal(&certificate.serial_hex()))
    };
    if let Some(row) = rows.find(same) {
        return row["certkey"].as_str().unwrap().to_owned();
    }
    let name = certificate.common_name().unwrap();
    let file = format!("{name}.cer");
    client
        .upload(&file, LOCATION, certificate.to_pem().as_bytes())
        .await
        .created();
    let certkey = json!({"sslcertkey": {"certkey": name, "cert": file, "inform": "PEM"}});
    client.post("sslcertkey", certkey).await.created();
    name
}

/// One deployment; the name is that of the first domain.
async fn deploy(client: &Client, chain: &Chain, key: &KeyPair, pfx_name: &str, profile: Profile) {
    let certkey = "www.example.com";
    let leaf_only = Chain::from_certificates(vec![chain.leaf().clone()]).unwrap();
    upload(
        client,
        pfx_name,
        &export(key, &leaf_only, PASSWORD, profile).unwrap(),
    )
    .await;
    let found = client.get(&format!("sslcertkey/{certkey}")).await;
    let body = json!({"sslcertkey": {"certkey": certkey, "cert": pfx_name, "key": pfx_name, "inform": "PFX",
        "password": true, "passplain": PASSWORD}});
    if found.line.contains(" 200 ") {
        client.post("sslcertkey?action=update", body).await.ok();
    } else {
        found.fails("599 Netscaler specific error", 1540);
        client.post("sslcertkey", body).await.created();
    }
    let mut below = certkey.to_owned();
    for certificate in chain.intermediates() {
        let above = chain_certkey(client, certificate).await;
        // Errors of this one are ignored: there may be no link yet.
        client
            .post(
                "sslcertkey?action=unlink",
                json!({"sslcertkey": {"certkey": below}}),
            )
            .await
            .json();
        let link = json!({"sslcertkey": {"certkey": below, "linkcertkeyname": above}});
        client.post("sslcertkey?action=link", link).await.ok();
        below = above;
    }
    let row = client.get(&format!("sslcertkey/{certkey}")).await.ok()["sslcertkey"][0].clone();
    assert_eq!(
        normal(row["serial"].as_str().unwrap()),
        normal(&chain.leaf().serial_hex())
    );
    assert_eq!(row["status"], "Valid");
    assert_eq!(row["cert"], pfx_name);
    assert!(!row.to_string().contains(PASSWORD), "{row}");
    client
        .post("nsconfig?action=save", json!({"nsconfig": {}}))
        .await
        .ok();
}

#[tokio::test]
async fn a_pfx_is_deployed_with_its_chain_and_renewed_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::with(Setup::new(dir.path()).vserver("web", "SSL", &[])).await;
    let client = adc.session().await;
    let (first, key) = ca.issue("www.example.com", KeyAlgorithm::Rsa2048);

    deploy(
        &client,
        &first,
        &key,
        "www.example.com-202611211500.pfx",
        Profile::Legacy,
    )
    .await;
    // Operators bind once; updates keep the binding.
    let binding = json!({"sslvserver_sslcertkey_binding": {"vservername": "web", "certkeyname": "www.example.com"}});
    client
        .put("sslvserver_sslcertkey_binding", binding)
        .await
        .created();
    let shown = Tls::plain()
        .look(adc.vserver("web"), "www.example.com")
        .await
        .unwrap();
    assert_eq!(
        (shown.leaf, shown.certificates),
        (first.leaf().fingerprint(), 2)
    );

    // A second run with the same file name replaces the file.
    deploy(
        &client,
        &first,
        &key,
        "www.example.com-202611211500.pfx",
        Profile::Legacy,
    )
    .await;
    let (second, key) = ca.issue("www.example.com", KeyAlgorithm::Rsa2048);
    deploy(
        &client,
        &second,
        &key,
        "www.example.com-202702211500.pfx",
        Profile::Modern,
    )
    .await;
    let shown = Tls::plain()
        .look(adc.vserver("web"), "www.example.com")
        .await
        .unwrap();
    assert_eq!(
        (shown.leaf, shown.certificates),
        (second.leaf().fingerprint(), 2)
    );

    let links = client.get("sslcertlink").await.ok();
    assert_eq!(
        links["sslcertlink"],
        json!([{"certkeyname": "www.example.com", "linkcertkeyname": "Test Issuing"}])
    );
    let saved = std::fs::read_to_string(dir.path().join("ns.conf")).unwrap();
    assert!(
        saved.contains("link ssl certKey www.example.com \"Test Issuing\""),
        "{saved}"
    );
    assert!(!saved.contains(PASSWORD), "{saved}");
    let path = "systemfile/www.example.com-202611211500.pfx?args=filelocation:%2Fnsconfig%2Fssl%2F";
    client.delete(path).await.ok();
    adc.stop().await;
}

#[tokio::test]
async fn a_certificate_of_the_gateway_blocks_its_update_until_it_is_unbound() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::start(dir.path(), "").await;
    let client = adc.session().await;
    let (chain, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    deploy(&client, &chain, &key, "one.pfx", Profile::Modern).await;
    let bind = json!({"vpnglobal_sslcertkey_binding": {"certkeyname": "www.example.com"}});
    client
        .put("vpnglobal_sslcertkey_binding", bind.clone())
        .await
        .created();
    let rows = client.get("vpnglobal_sslcertkey_binding").await.ok();
    assert_eq!(
        rows["vpnglobal_sslcertkey_binding"][0]["certkeyname"],
        "www.example.com"
    );

    let (renewed, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    let leaf_only = Chain::from_certificates(vec![renewed.leaf().clone()]).unwrap();
    upload(
        &client,
        "two.pfx",
        &export(&key, &leaf_only, PASSWORD, Profile::Modern).unwrap(),
    )
    .await;
    let update = json!({"sslcertkey": {"certkey": "www.example.com", "cert": "two.pfx", "key": "two.pfx",
        "inform": "PFX", "password": true, "passplain": PASSWORD}});
    let refused = client
        .post("sslcertkey?action=update", update.clone())
        .await;
    refused.fails("599 Netscaler specific error", 1541);
    // It lists what refers to the certificate.
    client.get("sslcertlink").await.ok();
    for kind in [
        "sslvserver",
        "service",
        "sslprofile",
        "crldistribution",
        "sslocspresponder",
    ] {
        client
            .get(&format!("sslcertkey_{kind}_binding/www.example.com"))
            .await
            .ok();
    }

    client
        .delete("vpnglobal_sslcertkey_binding?args=certkeyname:www.example.com")
        .await
        .ok();
    client.post("sslcertkey?action=update", update).await.ok();
    client
        .post("vpnglobal_sslcertkey_binding", bind)
        .await
        .created();
    let row = client.get("sslcertkey/www.example.com").await.ok()["sslcertkey"][0].clone();
    assert_eq!(
        normal(row["serial"].as_str().unwrap()),
        normal(&renewed.leaf().serial_hex())
    );
    adc.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_no_longer_used_is_removed_with_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::with(Setup::new(dir.path()).vserver("web", "SSL", &[])).await;
    let client = adc.session().await;
    let (chain, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    deploy(&client, &chain, &key, "one.pfx", Profile::Modern).await;
    let binding = json!({"sslvserver_sslcertkey_binding": {"vservername": "web", "certkeyname": "www.example.com"}});
    client
        .put("sslvserver_sslcertkey_binding", binding)
        .await
        .created();

    let path = "sslcertkey/www.example.com?args=deletefromdevice:true";
    client
        .delete(path)
        .await
        .fails("599 Netscaler specific error", 1541);
    client
        .delete("sslvserver_sslcertkey_binding/web?args=certkeyname:www.example.com")
        .await
        .ok();
    let twice = client
        .delete("sslvserver_sslcertkey_binding/web?args=certkeyname:www.example.com")
        .await;
    twice.fails("599 Netscaler specific error", 1542);
    client
        .delete("sslcertkey/Test%20Issuing")
        .await
        .fails("599 Netscaler specific error", 1541);
    client.delete(path).await.ok();

    client
        .get("sslcertkey/www.example.com")
        .await
        .fails("599 Netscaler specific error", 1540);
    assert!(!dir.path().join("ssl/one.pfx").exists());
    client.delete("sslcertkey/Test%20Issuing").await.ok();
    assert!(dir.path().join("ssl/Test Issuing.cer").exists());
    adc.stop().await;
}

#[tokio::test]
async fn the_wrong_password_and_the_wrong_issuer_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, other) = (TestCa::new(), TestCa::new());
    let adc = Box::start(dir.path(), "").await;
    let client = adc.session().await;
    let (chain, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    let pfx = export(&key, &chain, PASSWORD, Profile::Modern).unwrap();
    upload(&client, "one.pfx", &pfx).await;
    let body = |password: &str| {
        json!({"sslcertkey": {"certkey": "c", "cert": "one.pfx", "key": "one.pfx",
        "inform": "PFX", "password": true, "passplain": password}})
    };

    client
        .post("sslcertkey", body("wrong"))
        .await
        .fails("599 Netscaler specific error", 1537);
    client
        .get("sslcertkey/c")
        .await
        .fails("599 Netscaler specific error", 1540);
    client.post("sslcertkey", body(PASSWORD)).await.created();
    let (strange, _) = other.issue("x.example.com", KeyAlgorithm::EcdsaP256);
    let issuer = &strange.intermediates()[0];
    client
        .upload("other.cer", LOCATION, issuer.to_pem().as_bytes())
        .await
        .created();
    let certkey = json!({"sslcertkey": {"certkey": "other", "cert": "other.cer"}});
    client.post("sslcertkey", certkey).await.created();
    let link = |to: &str| json!({"sslcertkey": {"certkey": "c", "linkcertkeyname": to}});

    // The same name, another key.
    client
        .post("sslcertkey?action=link", link("other"))
        .await
        .fails("599 Netscaler specific error", 1548);
    client
        .post("sslcertkey?action=link", link("c"))
        .await
        .fails("599 Netscaler specific error", 1543);
    client
        .post("sslcertkey?action=link", link("none"))
        .await
        .fails("599 Netscaler specific error", 1540);
    adc.stop().await;
}
