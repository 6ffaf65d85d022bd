//! The requests of a connector that makes the key on the appliance (Sectigo's `citrixagent.py`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_x509::Csr;
use serde_json::{Value as Json, json};

use super::client::{Box, Client};
use crate::authority::TestCa;
use crate::client::Tls;
use crate::world::Setup;

/// Makes the key and fetches the request for it.
async fn request(client: &Client, kind: &str, key: Json, number: u32) -> Csr {
    let keyfile = format!("www-{number}.key");
    let mut fields = json!({"keyfile": keyfile, "keyform": "PEM"});
    fields
        .as_object_mut()
        .unwrap()
        .extend(key.as_object().cloned().unwrap());
    client
        .post(&format!("{kind}?action=create"), json!({kind: fields}))
        .await
        .ok();
    let reqfile = format!("www-{number}.csr");
    let body = json!({"sslcertreq": {"reqfile": reqfile, "keyfile": keyfile, "commonname": "www.example.com",
        "countryname": "US", "statename": "NY", "organizationname": "Example", "localityname": "New York",
        "subjectaltname": "DNS:www.example.com DNS:example.com", "digestmethod": "SHA256"}});
    client.post("sslcertreq?action=create", body).await.ok();
    let path = format!("systemfile?args=filename:{reqfile},filelocation:%2Fnsconfig%2Fssl");
    let row = client.get(&path).await.ok()["systemfile"][0].clone();
    assert_eq!(row["filelocation"], "/nsconfig/ssl");
    let content = STANDARD
        .decode(row["filecontent"].as_str().unwrap())
        .unwrap();
    Csr::from_pem(&String::from_utf8(content).unwrap()).unwrap()
}

#[tokio::test]
async fn the_private_key_never_leaves_the_appliance() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new();
    let setup = Setup::new(dir.path())
        .vserver("web", "SSL", &[])
        .vserver("shop", "SSL", &[]);
    let adc = Box::with(setup).await;
    let client = adc.admin();

    let kinds = [
        ("sslecdsakey", json!({"curve": "P_256"})),
        ("sslrsakey", json!({"bits": 2048, "exponent": "F4"})),
    ];
    for (number, (kind, key)) in (1..).zip(kinds) {
        let csr = request(&client, kind, key, number).await;
        csr.verify_signature().unwrap();
        assert_eq!(csr.names().len(), 2);
        assert_eq!(csr.common_name().as_deref(), Some("www.example.com"));
        let chain = ca.sign(&csr);
        let (cert, key) = (format!("www-{number}.cer"), format!("www-{number}.key"));
        client
            .upload(&cert, "/nsconfig/ssl", chain.leaf().to_pem().as_bytes())
            .await
            .created();
        let certkey = json!({"sslcertkey": {"certkey": "www", "cert": cert, "key": key}});
        if number == 1 {
            client.post("sslcertkey", certkey).await.created();
            let issuer = chain.intermediates()[0].to_pem();
            client
                .upload("chain.cer", "/nsconfig/ssl", issuer.as_bytes())
                .await
                .created();
            let issuer = json!({"sslcertkey": {"certkey": "www-chain", "cert": "chain.cer"}});
            client.post("sslcertkey", issuer).await.created();
            let link = json!({"sslcertkey": {"certkey": "www", "linkcertkeyname": "www-chain"}});
            client.post("sslcertkey?action=link", link).await.ok();
            for vserver in ["web", "shop"] {
                let binding = json!({"sslvserver_sslcertkey_binding": {"vservername": vserver, "certkeyname": "www"}});
                client
                    .put("sslvserver_sslcertkey_binding", binding)
                    .await
                    .created();
            }
        } else {
            client.post("sslcertkey?action=update", certkey).await.ok();
        }
        client
            .post("nsconfig?action=save", json!({"nsconfig": {}}))
            .await
            .ok();
        for vserver in ["web", "shop"] {
            let shown = Tls::plain()
                .look(adc.vserver(vserver), "www.example.com")
                .await
                .unwrap();
            assert_eq!(
                (shown.leaf, shown.certificates),
                (chain.leaf().fingerprint(), 2)
            );
        }
    }
    let again = json!({"sslrsakey": {"keyfile": "www-2.key", "bits": 2048}});
    let again = client.post("sslrsakey?action=create", again).await;
    again.fails("599 Netscaler specific error", 1642);
    adc.stop().await;
}
