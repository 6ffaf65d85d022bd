//! What a CA with a state directory keeps over restarts.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use evercert_ca::{CaConfig, CaError, LocalCa, ValidationDns};
use evercert_types::KeyAlgorithm;
use evercert_x509::KeyPair;
use serde_json::json;

use crate::support::client::{Client, Session};
use crate::support::dns::TestDns;
use crate::support::responder::reserve;
use crate::support::world::{World, challenge, csr, finalize, urls};

fn config(dir: &Path, dns: &TestDns, port: u16) -> CaConfig {
    CaConfig {
        listen: ([127, 0, 0, 1], port).into(),
        state_dir: Some(dir.to_owned()),
        resolver: ValidationDns::Server(dns.addr),
        ..CaConfig::default()
    }
}

/// A CA on a fixed port with its state in a directory, so that URLs survive a restart.
async fn kept(dir: &Path, change: impl FnOnce(&mut CaConfig)) -> (World, u16) {
    let dns = TestDns::start().await;
    let (port, listener) = reserve().await;
    drop(listener);
    let mut config = config(dir, &dns, port);
    change(&mut config);
    let ca = LocalCa::start(config).await.unwrap();
    (World { ca, dns }, port)
}

async fn restart(world: World, dir: &Path, port: u16) -> World {
    world.ca.shutdown().await;
    let ca = LocalCa::start(config(dir, &world.dns, port)).await.unwrap();
    World { ca, dns: world.dns }
}

/// The same account, with new connections.
async fn reconnect(session: Session, world: &World) -> Session {
    Session {
        client: Client::new(&world.ca).await,
        ..session
    }
}

#[tokio::test]
async fn a_restart_keeps_the_ca_its_accounts_orders_and_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let (world, port) = kept(dir.path(), |config| config.alternate_root = true).await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let (order_url, _) = world.ready(&session, &["b.example"]).await;
    let root = world.ca.root_pem();

    let world = restart(world, dir.path(), port).await;
    let session = reconnect(session, &world).await;

    assert_eq!((world.ca.root_pem(), world.ca.issued()), (root, 1));
    let downloaded = session.get(&issued.url).await;
    assert_eq!(downloaded.text, issued.chain.to_pem());
    let order = session.get(&order_url).await.expect(200);
    assert_eq!(order["status"], "ready");
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    finalize(&session, &order, &csr(&["b.example"], &key))
        .await
        .expect(200);
    let again = session.new_order(&["a.example"]).await.expect(201);
    assert_eq!(again["status"], "ready", "the authorization is known still");
    let account = session.get(&session.kid).await.expect(200);
    let listed = session
        .get(account["orders"].as_str().unwrap())
        .await
        .expect(200);
    assert_eq!(urls(&listed["orders"]).len(), 3);
}

#[tokio::test]
async fn what_was_in_processing_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let (world, port) = kept(dir.path(), |config| {
        config.issuance_delay = Duration::from_secs(3600);
        config.poll_hold = Duration::ZERO;
    })
    .await;
    let session = world.session().await;
    let order = session.new_order(&["a.example"]).await;
    world.publish(&session, &order.json()).await;
    let authorization = urls(&order.json()["authorizations"]).remove(0);
    crate::support::world::trigger_all(&session, &order.json(), "dns-01").await;
    while session.get(&authorization).await.json()["status"] == "pending" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let finalized = finalize(&session, &order.json(), &csr(&["a.example"], &key)).await;
    assert_eq!(finalized.expect(200)["status"], "processing");

    let world = restart(world, dir.path(), port).await;
    let session = reconnect(session, &world).await;

    let order = session.get(&order.header("location")).await.expect(200);
    assert_eq!(order["status"], "valid");
}

#[tokio::test]
async fn a_validation_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (world, port) = kept(dir.path(), |config| {
        config.resolver = ValidationDns::Server(silent.local_addr().unwrap());
        config.poll_hold = Duration::ZERO;
    })
    .await;
    let session = world.session().await;
    let order = session.new_order(&["a.example"]).await;
    world.publish(&session, &order.json()).await;
    let url = urls(&order.json()["authorizations"]).remove(0);
    let authorization = session.get(&url).await.json();
    let challenge = challenge(&authorization, "dns-01");
    let triggered = session
        .post(challenge["url"].as_str().unwrap(), json!({}))
        .await;
    assert_eq!(triggered.expect(200)["status"], "processing");

    let world = restart(world, dir.path(), port).await;
    let session = reconnect(session, &world).await;

    let authorization = session.get(&url).await.expect(200);
    assert_eq!(authorization["status"], "valid", "{authorization}");
}

#[tokio::test]
async fn keys_are_for_the_owner_only_and_the_directory_for_one_ca() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("ca");
    let (world, port) = kept(&state, |_| {}).await;

    let second = LocalCa::start(config(&state, &world.dns, 0)).await;

    assert!(matches!(second, Err(CaError::InUse(_))));
    for name in ["root.key", "intermediate.key", "state.jsonl"] {
        let mode = std::fs::metadata(state.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let taken = LocalCa::start(config(&dir.path().join("other"), &world.dns, port)).await;
    let error = taken.unwrap_err();
    assert!(matches!(error, CaError::Listen { .. }));
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn a_line_cut_off_by_a_crash_is_dropped_and_damage_within_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (world, port) = kept(dir.path(), |_| {}).await;
    let session = world.session().await;
    let issued = world.issue(&session, &["a.example"]).await;
    let World { ca, dns } = world;
    ca.shutdown().await;
    let file = dir.path().join("state.jsonl");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("[{\"account\":{\"id\":\"half");
    std::fs::write(&file, &text).unwrap();

    let ca = LocalCa::start(config(dir.path(), &dns, port))
        .await
        .unwrap();
    let session = Session {
        client: Client::new(&ca).await,
        ..session
    };
    let downloaded = session.get(&issued.url).await;
    ca.shutdown().await;
    std::fs::write(&file, format!("nonsense\n{text}")).unwrap();
    let damaged = LocalCa::start(config(dir.path(), &dns, port)).await;

    assert_eq!(downloaded.status, 200);
    assert!(matches!(damaged, Err(CaError::State(_))));
}

#[tokio::test]
async fn a_lost_key_is_told_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let (world, port) = kept(dir.path(), |_| {}).await;
    let World { ca, dns } = world;
    ca.shutdown().await;
    std::fs::remove_file(dir.path().join("root.key")).unwrap();

    let error = LocalCa::start(config(dir.path(), &dns, port))
        .await
        .unwrap_err();

    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("root.key"), "{cause}");
}
