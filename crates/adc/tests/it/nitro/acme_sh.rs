//! The requests of the acme.sh deploy hook (Alurn/acme-deploy-netscaler), which reads answers as text.

use evercert_types::KeyAlgorithm;
use regex::Regex;
use serde_json::json;

use super::client::{Answer, Box, Client};
use crate::authority::TestCa;
use crate::client::Tls;
use crate::world::Setup;

const LOCATION: &str = "/flash/nsconfig/ssl/";

/// What the hook takes for a success.
fn succeeded(answer: &Answer) -> bool {
    let good = Regex::new(r#""errorcode": *0"#).unwrap();
    good.is_match(&answer.text) || answer.line.contains(" 200 ") || answer.line.contains(" 201 ")
}

/// The name of the certificate with that serial number, found in the text of the whole list.
fn found(list: &str, serial: &str) -> Option<String> {
    let serial = Regex::new(&format!(r#""serial": *"{serial}""#)).unwrap();
    let name = Regex::new(r#""certkey": *"([^"]*)""#).unwrap();
    let mut objects = list.split("},{");
    let object = objects.find(|object| serial.is_match(object))?;
    Some(name.captures(object)?[1].to_owned())
}

async fn session(adc: &Box) -> Client {
    let (username, password) = super::client::ADMIN;
    let login = json!({"login": {"username": username, "password": password}});
    let answer = adc.nobody().post("login", login).await;
    assert!(succeeded(&answer));
    let token = Regex::new(r#""sessionid": *"([^"]*)""#).unwrap();
    let token = token.captures(&answer.text).unwrap()[1].to_owned();
    adc.nobody()
        .with("Cookie", &format!("NITRO_AUTH_TOKEN={token}"))
}

#[tokio::test]
async fn a_certificate_is_deployed_renewed_and_its_old_files_removed() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::with(Setup::new(dir.path()).vserver("web", "SSL", &[])).await;
    let (first, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    let client = session(&adc).await;

    let version = client.get("nsversion").await;
    let build = Regex::new(r"NS(\d+\.\d+): Build (\d+)\.(\d+)").unwrap();
    let build = build.captures(&version.text).unwrap();
    assert!(
        &build[1] == "14.1" && build[2].parse::<u32>().unwrap() >= 43,
        "{}",
        version.text
    );

    let issuer = &first.intermediates()[0];
    let list = client.get("sslcertkey").await;
    assert_eq!(found(&list.text, &issuer.serial_hex().to_uppercase()), None);
    let put = async |name: &str, bytes: &[u8]| {
        assert!(succeeded(&client.upload(name, LOCATION, bytes).await));
    };
    put("CA_Test_Issuing.cer", issuer.to_pem().as_bytes()).await;
    let certkey = json!({"sslcertkey": {"certkey": "CA_Test_Issuing", "cert": "CA_Test_Issuing.cer", "inform": "PEM",
        "deleteCertKeyFilesOnRemoval": "IF_EXPIRED"}});
    assert!(succeeded(&client.post("sslcertkey", certkey).await));
    put("www-1.cer", first.leaf().to_pem().as_bytes()).await;
    put("www-1.key", key.to_pkcs8_pem().expose().as_bytes()).await;
    let certkey = json!({"sslcertkey": {"certkey": "www.example.com", "cert": "www-1.cer", "key": "www-1.key",
        "inform": "PEM", "bundle": "no", "deleteCertKeyFilesOnRemoval": "IF_EXPIRED"}});
    assert!(succeeded(&client.post("sslcertkey", certkey).await));
    let link =
        json!({"sslcertkey": {"certkey": "www.example.com", "linkcertkeyname": "CA_Test_Issuing"}});
    assert!(succeeded(
        &client.post("sslcertkey?action=link", link).await
    ));
    assert!(succeeded(
        &client
            .post("nsconfig?action=save", json!({"nsconfig": {}}))
            .await
    ));

    let list = client.get("sslcertkey").await.text;
    let serial = |certificate: &evercert_x509::Certificate| certificate.serial_hex().to_uppercase();
    assert_eq!(
        found(&list, &serial(issuer)).as_deref(),
        Some("CA_Test_Issuing")
    );
    assert_eq!(
        found(&list, &serial(first.leaf())).as_deref(),
        Some("www.example.com")
    );
    let binding = json!({"sslvserver_sslcertkey_binding": {"vservername": "web", "certkeyname": "www.example.com"}});
    adc.admin()
        .put("sslvserver_sslcertkey_binding", binding)
        .await
        .created();

    let (second, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    put("www-2.cer", second.leaf().to_pem().as_bytes()).await;
    put("www-2.key", key.to_pkcs8_pem().expose().as_bytes()).await;
    let certkey = json!({"sslcertkey": {"certkey": "www.example.com", "cert": "www-2.cer", "key": "www-2.key",
        "deleteCertKeyFilesOnRemoval": "IF_EXPIRED"}});
    assert!(succeeded(
        &client.post("sslcertkey?action=update", certkey).await
    ));
    for old in ["www-1.cer", "www-1.key"] {
        let path =
            format!("systemfile?args=filename:{old},filelocation:%2Fflash%2Fnsconfig%2Fssl%2F");
        client.delete(&path).await.ok();
        assert!(!dir.path().join("ssl").join(old).exists());
    }
    assert!(succeeded(
        &client.post("logout", json!({"logout": {}})).await
    ));

    let shown = Tls::plain()
        .look(adc.vserver("web"), "www.example.com")
        .await
        .unwrap();
    assert_eq!(
        (shown.leaf, shown.certificates),
        (second.leaf().fingerprint(), 2)
    );
    adc.stop().await;
}

#[tokio::test]
async fn a_full_chain_in_one_file_is_taken_apart() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::with(Setup::new(dir.path()).vserver("web", "SSL", &[])).await;
    let client = session(&adc).await;
    let (chain, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    client
        .upload("full.cer", LOCATION, chain.to_pem().as_bytes())
        .await
        .created();
    client
        .upload("full.key", LOCATION, key.to_pkcs8_pem().expose().as_bytes())
        .await
        .created();

    let certkey = json!({"sslcertkey": {"certkey": "www.example.com", "cert": "full.cer", "key": "full.key", "bundle": "yes"}});
    client.post("sslcertkey", certkey).await.created();
    let binding = json!({"sslvserver_sslcertkey_binding": {"vservername": "web", "certkeyname": "www.example.com"}});
    client
        .put("sslvserver_sslcertkey_binding", binding)
        .await
        .created();

    let row = client.get("sslcertkey/www.example.com").await.ok()["sslcertkey"][0].clone();
    assert_eq!(row["linkcertkeyname"], "www.example.com_ic1", "{row}");
    let shown = Tls::plain()
        .look(adc.vserver("web"), "www.example.com")
        .await
        .unwrap();
    assert_eq!(
        (shown.leaf, shown.certificates),
        (chain.leaf().fingerprint(), 2)
    );
    adc.stop().await;
}
