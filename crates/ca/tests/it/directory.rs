//! The directory, nonces, and what every answer carries.

use evercert_ca::CaConfig;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::support::client::{Client, Session};
use crate::support::world::World;

#[tokio::test]
async fn the_directory_tells_everything_a_client_needs() {
    let world = World::with(|config| {
        config.terms_of_service = Some("https://ca.example/terms".into());
    })
    .await;

    let directory = Client::new(&world.ca).await.directory;

    for resource in [
        "newNonce",
        "newAccount",
        "newOrder",
        "revokeCert",
        "keyChange",
        "renewalInfo",
    ] {
        let url = directory[resource].as_str().unwrap();
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    }
    let meta = &directory["meta"];
    assert_eq!(meta["termsOfService"], "https://ca.example/terms");
    assert_eq!(meta["externalAccountRequired"], false);
    assert!(meta["profiles"]["classic"].is_string());
    assert!(meta["profiles"]["shortlived"].is_string());
}

#[tokio::test]
async fn nonces_come_by_head_and_get_and_with_every_post() {
    let world = World::start().await;
    let session = world.session().await;
    let url = session.client.url("newNonce");
    let http = &session.client.http;
    let fresh = |headers: &HeaderMap| {
        assert_eq!(headers["cache-control"], "no-store");
        headers["replay-nonce"].to_str().unwrap().to_owned()
    };

    let head = http.head(&url).send().await.unwrap();
    let get = http.get(&url).send().await.unwrap();
    let post = session.get(&url).await;
    let refused = session
        .client
        .send(&session.client.url("newOrder"), "{}".to_owned())
        .await;

    assert_eq!((head.status().as_u16(), get.status().as_u16()), (200, 204));
    assert_eq!((post.status.as_u16(), refused.status.as_u16()), (204, 400));
    let mut nonces = vec![
        fresh(head.headers()),
        fresh(get.headers()),
        fresh(&post.headers),
        fresh(&refused.headers),
    ];
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4, "every nonce is another");
}

#[tokio::test]
async fn the_directory_is_read_by_post_as_get_too() {
    let world = World::start().await;
    let session = world.session().await;

    let reply = session.get(&world.ca.directory_url()).await;

    assert_eq!(reply.expect(200), session.client.directory);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems_too() {
    let world = World::start().await;
    let session = world.session().await;
    let base = world.ca.directory_url().replace("/directory", "");
    let http = &session.client.http;

    let lost = http.get(format!("{base}/nowhere")).send().await.unwrap();
    let wrong = http
        .get(session.client.url("newOrder"))
        .send()
        .await
        .unwrap();
    let number = session
        .post(&format!("{base}/chall/x/notanumber"), json!({}))
        .await;

    for (response, status) in [(&lost, 404), (&wrong, 405)] {
        assert_eq!(response.status(), status);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let link = response.headers()["link"].to_str().unwrap();
        assert!(link.contains("rel=\"index\""), "{link}");
    }
    number.expect_problem(404, "malformed", "no such");
}

#[tokio::test]
async fn https_answers_for_all_its_names_and_urls_follow_the_first() {
    let world = World::with(|config: &mut CaConfig| {
        config.names = vec!["ca.internal".into(), "10.9.8.7".into()];
    })
    .await;
    let root = reqwest::Certificate::from_pem(world.ca.tls_root_pem().as_bytes()).unwrap();
    let addr = world.ca.addr();
    let http = reqwest::Client::builder()
        .tls_certs_only([root])
        .resolve("ca.internal", addr)
        .no_proxy()
        .build()
        .unwrap();

    for host in ["ca.internal", "localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/directory", addr.port());
        let directory: serde_json::Value =
            http.get(&url).send().await.unwrap().json().await.unwrap();
        let order = directory["newOrder"].as_str().unwrap();
        assert!(order.starts_with("https://ca.internal:"), "{order}");
    }
    assert_eq!(world.ca.root_pem(), world.ca.tls_root_pem());
}

#[tokio::test]
async fn after_a_shutdown_nothing_answers() {
    let world = World::start().await;
    let session = Session::new(&world.ca).await;
    let url = world.ca.directory_url();

    world.ca.shutdown().await;

    let error = session.client.http.get(&url).send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
}
