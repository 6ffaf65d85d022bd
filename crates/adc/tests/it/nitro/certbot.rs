//! The requests of the certbot hook (slauger/netscaler-certbot-hook 2.0.0).

use evercert_types::KeyAlgorithm;
use evercert_x509::{Chain, KeyPair};
use serde_json::{Value as Json, json};

use super::client::{Box, Client};
use crate::authority::TestCa;
use crate::client::Tls;
use crate::world::Setup;

/// Serials are compared as numbers.
fn number(serial: &Json) -> u128 {
    u128::from_str_radix(serial.as_str().unwrap(), 16).unwrap()
}

async fn serial(client: &Client, certkey: &str) -> Option<u128> {
    let answer = client.get(&format!("sslcertkey/{certkey}")).await;
    if !answer.line.contains(" 200 ") {
        answer.fails("599 Netscaler specific error", 1540);
        return None;
    }
    Some(number(&answer.ok()["sslcertkey"][0]["serial"]))
}

async fn upload(client: &Client, name: &str, text: &str) {
    client
        .upload(name, "/nsconfig/ssl", text.as_bytes())
        .await
        .created();
}

/// One run of the hook, at a time that stands in its files' names.
async fn run(client: &Client, chain: &Chain, key: &KeyPair, time: u32) -> bool {
    let own = |certificate: &evercert_x509::Certificate| {
        u128::from_str_radix(&certificate.serial_hex(), 16).unwrap()
    };
    let issuer = &chain.intermediates()[0];
    if serial(client, "Test%20Issuing").await.is_none() {
        let file = format!("Test Issuing-{time}.crt");
        upload(client, &file, &issuer.to_pem()).await;
        let certkey = json!({"sslcertkey": {"certkey": "Test Issuing", "cert": format!("/nsconfig/ssl/{file}")}});
        client.post("sslcertkey", certkey).await.created();
    }
    assert_eq!(serial(client, "Test%20Issuing").await, Some(own(issuer)));
    let installed = serial(client, "www.example.com").await;
    if installed == Some(own(chain.leaf())) {
        return false;
    }
    let base = format!("www.example.com-{time}");
    upload(client, &format!("{base}.crt"), &chain.leaf().to_pem()).await;
    upload(client, &format!("{base}.key"), key.to_pkcs8_pem().expose()).await;
    let certkey = json!({"sslcertkey": {"certkey": "www.example.com", "cert": format!("/nsconfig/ssl/{base}.crt"),
        "key": format!("/nsconfig/ssl/{base}.key")}});
    match installed {
        None => client.post("sslcertkey", certkey).await.created(),
        Some(_) => client.post("sslcertkey?action=update", certkey).await.ok(),
    };
    let link =
        json!({"sslcertkey": {"certkey": "www.example.com", "linkcertkeyname": "Test Issuing"}});
    let linked = client.post("sslcertkey?action=link", link).await;
    match installed {
        None => linked.ok(),
        // The hook takes the failure for "already present".
        Some(_) => linked.fails("409 Conflict", 273),
    };
    client
        .post("nsconfig?action=save", json!({"nsconfig": {}}))
        .await
        .ok();
    true
}

#[tokio::test]
async fn a_lineage_is_installed_renewed_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::with(Setup::new(dir.path()).vserver("web", "SSL", &[])).await;
    let client = adc.admin();
    let (first, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);

    assert!(run(&client, &first, &key, 1_700_000_000).await);
    // Bindings are the administrator's; the hook makes none.
    let binding = json!({"sslvserver_sslcertkey_binding": {"vservername": "web", "certkeyname": "www.example.com"}});
    client
        .post("sslvserver_sslcertkey_binding", binding)
        .await
        .created();
    let shown = Tls::plain()
        .look(adc.vserver("web"), "www.example.com")
        .await
        .unwrap();
    assert_eq!(shown.leaf, first.leaf().fingerprint());
    assert_eq!(shown.certificates, 2);

    assert!(!run(&client, &first, &key, 1_700_000_001).await);
    let (second, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    assert!(run(&client, &second, &key, 1_700_000_002).await);

    let shown = Tls::plain()
        .look(adc.vserver("web"), "www.example.com")
        .await
        .unwrap();
    assert_eq!(shown.leaf, second.leaf().fingerprint());
    assert_eq!(shown.certificates, 2);
    adc.stop().await;
}

#[tokio::test]
async fn another_domain_needs_the_switch_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::start(dir.path(), "").await;
    let client = adc.admin();
    let (first, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);
    run(&client, &first, &key, 1).await;
    let (other, key) = ca.issue("other.example.com", KeyAlgorithm::EcdsaP256);
    upload(&client, "o.crt", &other.leaf().to_pem()).await;
    upload(&client, "o.key", key.to_pkcs8_pem().expose()).await;
    let mut certkey = json!({"certkey": "www.example.com", "cert": "/nsconfig/ssl/o.crt", "key": "/nsconfig/ssl/o.key"});

    let refused = client
        .post("sslcertkey?action=update", json!({"sslcertkey": certkey}))
        .await;
    refused.fails("599 Netscaler specific error", 3585);
    certkey["nodomaincheck"] = json!(true);

    client
        .post("sslcertkey?action=update", json!({"sslcertkey": certkey}))
        .await
        .ok();
    adc.stop().await;
}

/// The user that the guide tells administrators to make, line by line as it stands there.
#[tokio::test]
async fn the_user_of_the_guide_may_do_all_of_it_and_nothing_else() {
    let guide = include_str!("../../../../../docs/guide/netscaler-tools.md");
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let adc = Box::start(dir.path(), "add server s1 10.0.0.1").await;
    let lines = guide
        .lines()
        .filter(|line| line.starts_with("add system") || line.starts_with("bind system"));
    for line in lines {
        adc.adc
            .execute(line)
            .await
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let client = adc
        .nobody()
        .with("X-NITRO-USER", "certbot")
        .with("X-NITRO-PASS", "S3cret-Passphrase");
    let (chain, key) = ca.issue("www.example.com", KeyAlgorithm::EcdsaP256);

    assert!(run(&client, &chain, &key, 1).await);

    for refused in [
        "server/s1",
        "sslcertkey/www.example.com",
        "systemuser/certbot",
    ] {
        client.delete(refused).await.fails("403 Forbidden", 2138);
    }
    let elsewhere = client.upload("x", "/var/tmp", b"x").await;
    elsewhere.fails("403 Forbidden", 2138);
    client.get("systemuser").await.fails("403 Forbidden", 2138);
    adc.stop().await;
}
