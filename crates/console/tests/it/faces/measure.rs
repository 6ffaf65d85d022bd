//! How fast ZTS/1 is here: printed, with bounds so loose that only a blunder breaks them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use evercert_testkit::eventually;
use reqwest::StatusCode;
use serde_json::json;

use super::agent::{Agent, Brought};
use super::scene::Scene;

/// Instances that wait at once.
const WAITING: usize = 100;
/// Connections that ask as fast as they can, and for how long.
const ASKING: usize = 16;
const FOR: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn many_waiting_instances_get_a_change_soon() {
    let scene = Scene::sqlite().await;
    scene.import("warm", json!({})).await;
    let mut agents = Vec::new();
    for _ in 0..WAITING {
        let mut agent = Agent::enrolled(&scene, "edge", &[]).await;
        agent.catch_up().await;
        agents.push(agent);
    }
    let calls: Vec<_> = agents
        .into_iter()
        .map(|mut agent| {
            tokio::spawn(async move {
                let brought = agent.sync(50).await;
                assert!(
                    matches!(brought, Brought::Changes { count: 1, .. }),
                    "{brought:?}"
                );
                let received = super::scene::now().as_millisecond();
                let committed = agent
                    .held
                    .values()
                    .find(|item| item.name == "web")
                    .unwrap()
                    .committed_at_ms;
                received - committed
            })
        })
        .collect();
    let expected = format!("evercert_sync_waiting {WAITING}");
    eventually("all wait", Duration::from_secs(20), async || {
        let metrics = scene
            .request(reqwest::Method::GET, "/metrics")
            .send()
            .await
            .unwrap();
        metrics
            .text()
            .await
            .unwrap()
            .contains(&expected)
            .then_some(())
    })
    .await;

    scene.import("web", json!({})).await;

    let mut taken = Vec::new();
    for call in calls {
        taken.push(call.await.unwrap());
    }
    taken.sort_unstable();
    let at = |part: usize| taken[part * (taken.len() - 1) / 100];
    eprintln!(
        "{WAITING} waiting, committed to delivered, ms: p50 {} p99 {} max {}",
        at(50),
        at(99),
        at(100)
    );
    assert!(at(99) < 2000, "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_syncs_are_cheap() {
    let scene = Scene::sqlite().await;
    scene.import("web", json!({})).await;
    let (answered, over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut asking = Vec::new();
    for _ in 0..ASKING {
        let mut agent = Agent::enrolled(&scene, "edge", &[]).await;
        agent.catch_up().await;
        let (answered, over) = (answered.clone(), over.clone());
        asking.push(tokio::spawn(async move {
            let request = agent.request(0);
            while !over.load(Ordering::Relaxed) {
                assert_eq!(
                    agent.call("sync", &request).await.status(),
                    StatusCode::NOT_MODIFIED
                );
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    scene.handle.console.db.close().await;
    answered.store(0, Ordering::Relaxed);
    let started = Instant::now();

    tokio::time::sleep(FOR).await;
    let rate = answered.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    for one in asking {
        one.await.unwrap();
    }

    eprintln!(
        "304s with the database closed, {ASKING} connections, client and server in this process: {rate:.0}/s"
    );
    assert!(rate > 100.0, "{rate}");
}
