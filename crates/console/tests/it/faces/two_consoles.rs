//! Two Consoles on one PostgreSQL: what one does, the instances of the other learn.

use std::time::Duration;

use evercert_testkit::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::agent::{Agent, Brought};
use super::scene::{Scene, config, start};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn instances_of_either_console_see_the_same_store() {
    let Some(mut scene) = Scene::postgres().await else {
        return;
    };
    let other_dir = tempfile::tempdir().unwrap();
    let mut second = config(other_dir.path());
    second.database_url = scene.handle.console.config.database_url.clone();
    second.master_key_file = Some(scene.dir.path().join("master.key"));
    let second = start(second).await;
    assert_eq!(
        second.ca_pem, scene.handle.ca_pem,
        "one identity CA for all"
    );
    assert!(second.setup_url.is_none());

    let mut agent = Agent::enrolled(&scene, "edge", &[]).await;
    agent.url = format!("https://{}", second.addr);
    agent.catch_up().await;
    let waiting = tokio::spawn(async move {
        let brought = agent.sync(50).await;
        (agent, brought, super::scene::now())
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene.import("web", json!({})).await;
    let (mut agent, brought, woken) = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
    assert!(
        matches!(brought, Brought::Changes { count: 1, .. }),
        "{brought:?}"
    );
    let committed = agent.held.values().next().unwrap().committed_at_ms;
    let taken = woken.as_millisecond() - committed;
    eprintln!("committed at one Console, delivered by the other, ms: {taken}");
    assert!(taken < 1500, "{taken}");

    agent.sync(0).await;
    let first_sees = async || {
        let instance: Value = scene.get("/api/v1/instances/edge").await;
        (instance["in_sync"] == json!(true)).then_some(())
    };
    eventually(
        "the first Console knows what the second was told",
        SOON,
        first_sees,
    )
    .await;
    scene.delete("/api/v1/instances/edge").await;
    let refused = async || {
        let status = agent.call("sync", &agent.request(0)).await.status();
        (status == StatusCode::UNAUTHORIZED).then_some(())
    };
    eventually("the second Console refuses it too", SOON, refused).await;
    second.shutdown().await;
    scene.postgres.take();
}
