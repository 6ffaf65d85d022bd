//! Making instances, knowing them, and not knowing them any more.

use evercert_api::instances::EnrollmentSecret;
use evercert_api::sync::{
    Applied, EnrollRequest, EnrollResponse, RenewIdentityRequest, RenewIdentityResponse,
    instance_from_uris,
};
use evercert_types::{Fingerprint, KeyAlgorithm, Secret};
use evercert_x509::mint::{Authority, LeafRequest, Usage};
use evercert_x509::tls::root_store;
use evercert_x509::{Certificate, KeyPair};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::agent::{Agent, Brought, csr, enroll, identity_client};
use super::scene::{Scene, now, problem, read};

#[tokio::test]
async fn a_token_pins_the_ca_that_the_console_shows() {
    let scene = Scene::sqlite().await;
    let token = scene.enrollment_token(&[]).await;

    let pin = EnrollmentSecret::parse(&token).unwrap().ca_fingerprint;

    let ca = Certificate::from_pem(&scene.handle.ca_pem).unwrap();
    assert_eq!(ca.fingerprint(), pin);
    assert!(
        shown_chain(&scene).await.contains(&pin),
        "the CA itself is shown, for who has only the pin"
    );
    let file = std::fs::read_to_string(scene.dir.path().join("console-ca.pem")).unwrap();
    assert_eq!(file, scene.handle.ca_pem);
    assert!(root_store(&file).is_ok());
}

/// Fingerprints of the certificates in the Console's handshake.
async fn shown_chain(scene: &Scene) -> Vec<Fingerprint> {
    let roots = root_store(&scene.handle.ca_pem).unwrap();
    let config = evercert_x509::tls::client_config(roots, None, &[b"http/1.1"]).unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let tcp = tokio::net::TcpStream::connect(scene.handle.addr)
        .await
        .unwrap();
    let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, tcp).await.unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain
        .iter()
        .map(|der| Certificate::from_der(der.to_vec()).unwrap().fingerprint())
        .collect()
}

#[tokio::test]
async fn a_token_makes_an_instance_with_its_labels_for_a_week() {
    let scene = Scene::sqlite().await;
    let agent = Agent::enrolled(&scene, "edge", &[("site", "fra")]).await;

    let leaf = Certificate::all_from_pem(&agent.identity.certificate_pem)
        .unwrap()
        .remove(0);
    let uris = leaf.san_uris();
    assert_eq!(
        instance_from_uris(uris.iter().map(String::as_str)),
        Some(agent.identity.instance_id)
    );
    assert_eq!(agent.identity.labels["site"], "fra");
    let life = leaf.not_after().duration_since(now());
    assert!(
        life > SignedDuration::from_hours(7 * 24 - 1) && life <= SignedDuration::from_hours(7 * 24)
    );
    let instance: Value = scene.get("/api/v1/instances/edge").await;
    assert_eq!(instance["id"], agent.identity.instance_id.to_string());
    assert_eq!(instance["labels"], json!({ "site": "fra" }));
    assert_eq!(instance["last_seen_at"], Value::Null);
    let audit: Value = scene.get("/api/v1/audit?limit=1").await;
    assert_eq!(audit["items"][0]["action"], "instance.enrol");
    assert_eq!(audit["items"][0]["actor"], "instance:edge");
}

#[tokio::test]
async fn a_token_is_refused_the_second_time_and_like_an_unknown_one() {
    let scene = Scene::sqlite().await;
    let token = scene.enrollment_token(&[]).await;
    let pin = EnrollmentSecret::parse(&token).unwrap().ca_fingerprint;
    let (_, first) = enroll(&scene, &token, "edge").await;
    assert_eq!(first.status(), StatusCode::OK);

    let used = problem(enroll(&scene, &token, "edge").await.1).await;
    let unknown = EnrollmentSecret::compose("00", &pin);
    let unknown = problem(enroll(&scene, &unknown, "edge").await.1).await;

    assert_eq!((used.status, used.code.as_str()), (403, "token.refused"));
    assert_eq!((used.detail, used.remedy), (unknown.detail, unknown.remedy));
}

#[tokio::test]
async fn many_at_once_get_one_instance_out_of_a_token() {
    let scene = Scene::sqlite().await;
    let token = scene.enrollment_token(&[]).await;

    let attempts = (0..6).map(|_| enroll(&scene, &token, "edge"));
    let answers = futures_util::future::join_all(attempts).await;

    let made = answers
        .iter()
        .filter(|(_, answer)| answer.status() == StatusCode::OK)
        .count();
    assert_eq!(made, 1);
    let instances: Value = scene.get("/api/v1/instances").await;
    assert_eq!(instances["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_bad_request_does_not_use_the_token_up() {
    let scene = Scene::sqlite().await;
    let token = scene.enrollment_token(&[]).await;
    let secret = || EnrollmentSecret::parse(&token).unwrap().secret;
    let ask = async |name: &str, kind: &str, csr_pem: &str| {
        let request = EnrollRequest {
            secret: secret(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            csr_pem: csr_pem.to_owned(),
            agent_version: "0".to_owned(),
        };
        problem(
            scene
                .client
                .post(scene.url("/zts/v1/enroll"))
                .json(&request)
                .send()
                .await
                .unwrap(),
        )
        .await
    };

    assert_eq!(
        ask("a b", "adc", &csr().1).await.pointer.as_deref(),
        Some("/name")
    );
    assert_eq!(
        ask("edge", "toaster", &csr().1).await.pointer.as_deref(),
        Some("/kind")
    );
    assert_eq!(
        ask("edge", "adc", "no csr").await.pointer.as_deref(),
        Some("/csr_pem")
    );

    assert_eq!(
        enroll(&scene, &token, "edge").await.1.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn who_has_proved_nothing_may_not_send_much() {
    let scene = Scene::sqlite().await;
    let large = json!({ "secret": "x".repeat(70_000) });

    let refused = scene
        .client
        .post(scene.url("/zts/v1/enroll"))
        .json(&large)
        .send()
        .await
        .unwrap();

    assert_eq!(problem(refused).await.status, 413);
}

#[tokio::test]
async fn a_withdrawn_token_is_refused() {
    let scene = Scene::sqlite().await;
    let token = scene.enrollment_token(&[]).await;
    let open: Value = scene.get("/api/v1/enrollment-tokens").await;
    assert_eq!(open["items"].as_array().unwrap().len(), 1);

    scene
        .delete(&format!(
            "/api/v1/enrollment-tokens/{}",
            open["items"][0]["id"].as_str().unwrap()
        ))
        .await;

    assert_eq!(
        enroll(&scene, &token, "edge").await.1.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn instances_of_one_name_are_told_apart() {
    let scene = Scene::sqlite().await;

    let first = Agent::enrolled(&scene, "edge", &[]).await;
    let second = Agent::enrolled(&scene, "edge", &[]).await;

    assert_eq!(
        (first.identity.name.as_str(), second.identity.name.as_str()),
        ("edge", "edge-2")
    );
}

#[tokio::test]
async fn an_identity_is_renewed_by_itself() {
    let scene = Scene::sqlite().await;
    let mut agent = Agent::enrolled(&scene, "edge", &[]).await;
    let (key, csr_pem) = csr();

    let response = agent
        .call("renew-identity", &RenewIdentityRequest { csr_pem })
        .await;
    let renewed: RenewIdentityResponse = read(response, StatusCode::OK).await;
    agent.client = identity_client(&key, &renewed.certificate_pem, &renewed.ca_pem);

    assert!(matches!(agent.sync(0).await, Brought::Changes { .. }));
    assert_ne!(renewed.certificate_pem, agent.identity.certificate_pem);
}

#[tokio::test]
async fn without_an_identity_nothing_is_told() {
    let scene = Scene::sqlite().await;
    let agent = Agent::enrolled(&scene, "edge", &[]).await;

    for path in ["sync", "status", "buckets", "items", "renew-identity"] {
        let response = scene
            .client
            .post(scene.url(&format!("/zts/v1/{path}")))
            .json(&json!({}))
            .send()
            .await;
        assert_eq!(problem(response.unwrap()).await.status, 401, "{path}");
    }
    let by_token = scene
        .request(Method::POST, "/zts/v1/sync")
        .json(&agent.request(0))
        .send()
        .await
        .unwrap();
    assert_eq!(
        by_token.status(),
        StatusCode::UNAUTHORIZED,
        "an API token is no identity"
    );
}

#[tokio::test]
async fn a_certificate_of_another_ca_does_not_get_through_the_handshake() {
    let scene = Scene::sqlite().await;
    let agent = Agent::enrolled(&scene, "edge", &[]).await;
    let other = Authority::self_signed(
        "Other",
        KeyAlgorithm::EcdsaP256,
        SignedDuration::from_hours(24),
        now(),
    )
    .unwrap();
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let mut request = LeafRequest::for_key(&key, &[], SignedDuration::from_hours(1), now());
    request.uris = vec![evercert_api::sync::instance_uri(agent.identity.instance_id)];
    request.usage = Usage::Client;
    let forged = other.issue(&request).unwrap();

    let client = identity_client(&key, &forged.to_pem(), &scene.handle.ca_pem);
    let refused = client
        .post(scene.url("/zts/v1/sync"))
        .json(&agent.request(0))
        .send()
        .await;

    assert!(refused.is_err());
}

#[tokio::test]
async fn a_removed_instance_is_refused_at_once_even_while_it_waits() {
    let scene = Scene::sqlite().await;
    let mut agent = Agent::enrolled(&scene, "edge", &[]).await;
    agent.catch_up().await;
    let waiting = {
        let (client, url, request) = (agent.client.clone(), agent.url.clone(), agent.request(50));
        tokio::spawn(async move {
            client
                .post(format!("{url}/zts/v1/sync"))
                .json(&request)
                .send()
                .await
                .unwrap()
        })
    };
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;

    scene.delete("/api/v1/instances/edge").await;

    let refused = problem(agent.call("sync", &agent.request(0)).await).await;
    assert_eq!(refused.status, 401);
    assert!(refused.remedy.unwrap().contains("token"));
    let woken = tokio::time::timeout(std::time::Duration::from_secs(2), waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(woken.status(), StatusCode::UNAUTHORIZED);
    let (_, csr_pem) = csr();
    let renewal = agent
        .call("renew-identity", &RenewIdentityRequest { csr_pem })
        .await;
    assert_eq!(renewal.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guesses_are_slowed_down() {
    let scene = Scene::sqlite().await;
    let token = scene.enrollment_token(&[]).await;
    let pin = EnrollmentSecret::parse(&token).unwrap().ca_fingerprint;
    let (_, csr_pem) = csr();
    let guess = async |n: u32| {
        let request = EnrollRequest {
            secret: Secret::new(n.to_string()),
            name: "edge".to_owned(),
            kind: "adc".to_owned(),
            csr_pem: csr_pem.clone(),
            agent_version: "0".to_owned(),
        };
        scene
            .client
            .post(scene.url("/zts/v1/enroll"))
            .json(&request)
            .send()
            .await
            .unwrap()
            .status()
    };
    for n in 0..300 {
        assert_eq!(guess(n).await, StatusCode::FORBIDDEN);
    }

    assert_eq!(guess(300).await, StatusCode::TOO_MANY_REQUESTS);
    let right = EnrollmentSecret::compose("x", &pin);
    assert_eq!(
        enroll(&scene, &right, "edge").await.1.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn identities_outlive_a_restart() {
    let mut scene = Scene::sqlite().await;
    let mut agent = Agent::enrolled(&scene, "edge", &[]).await;
    scene.import("web", json!({})).await;
    agent.catch_up().await;
    let ca = scene.handle.ca_pem.clone();
    let mut config = super::scene::config(scene.dir.path());
    config.listen = scene.handle.addr;
    scene.handle.shutdown().await;

    scene.handle = super::scene::start(config).await;

    assert_eq!(scene.handle.ca_pem, ca);
    assert!(
        matches!(agent.sync(0).await, Brought::Nothing),
        "the cursor is still good"
    );
    agent.report(Applied::default()).await;
    let enrolled: EnrollResponse = agent.identity.clone();
    let instance: Value = scene.get("/api/v1/instances/edge").await;
    assert_eq!(instance["id"], enrolled.instance_id.to_string());
}
