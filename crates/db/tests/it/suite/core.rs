//! Opening, sealing, units of work.

use std::sync::Arc;

use evercert_db::{Db, DbErrorKind};
use evercert_types::{Secret, SharedClock};
use jiff::SignedDuration;

use super::Scene;

pub(crate) async fn migrations_are_idempotent(scene: &Scene) {
    let (second, third) = tokio::join!(scene.again(), scene.again());

    for db in [second, third] {
        assert_eq!(db.release_own_jobs("nobody").await.unwrap(), 0);
    }
}

pub(crate) async fn another_master_key_is_refused_at_start(scene: &Scene) {
    let mut config = scene.config.clone();
    config.master_key = Secret::new([8; 32]);
    let clock: SharedClock = scene.clock.clone();

    let error = Db::open(&config, clock).await.unwrap_err();

    assert_eq!(error.kind(), DbErrorKind::Sealed);
}

pub(crate) async fn sealed_values_open_after_reopening(scene: &Scene) {
    let sealed = scene.db.seal("orders.key/ord_1", b"secret").unwrap();

    let opened = scene.again().await.open_sealed("orders.key/ord_1", &sealed);

    assert_eq!(opened.unwrap().expose(), b"secret");
}

/// Eight writers read a counter (a job's time) and write it back, twenty times each.
pub(crate) async fn read_modify_writes_do_not_collide(scene: &Scene) {
    let start = scene.db.now();
    let other = scene.again().await;
    let turns = Arc::new(tokio::sync::Mutex::new(0u32));
    let writers = (0..8).map(|i| {
        let db = if i % 2 == 0 {
            scene.db.clone()
        } else {
            other.clone()
        };
        let turns = Arc::clone(&turns);
        async move {
            for _ in 0..20 {
                let mut tx = db.begin_write().await.unwrap();
                tx.enqueue_job("count", "one", start).await.unwrap();
                tx.remove_job("count", "one").await.unwrap();
                tx.enqueue_job("count", "two", start - SignedDuration::from_secs(1))
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                *turns.lock().await += 1;
            }
        }
    });

    let tasks: Vec<_> = writers.map(tokio::spawn).collect();
    for task in tasks {
        task.await.unwrap();
    }

    assert_eq!(*turns.lock().await, 160);
    let jobs = scene
        .db
        .claim_jobs("n", SignedDuration::from_secs(9), 10)
        .await
        .unwrap();
    assert_eq!(jobs.len(), 1);
}

pub(crate) async fn a_dropped_unit_of_work_changes_nothing(scene: &Scene) {
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.enqueue_job("order", "a", scene.db.now()).await.unwrap();
    drop(tx);

    let lease = SignedDuration::from_secs(60);
    assert_eq!(scene.db.claim_jobs("n", lease, 9).await.unwrap(), []);
}

pub(crate) async fn a_step_is_there_for_others_once_committed_and_gone_when_dropped(scene: &Scene) {
    let mut tx = scene.db.begin_step().await.unwrap();
    tx.enqueue_job("order", "a", scene.db.now()).await.unwrap();
    drop(tx);
    let mut tx = scene.db.begin_step().await.unwrap();
    tx.enqueue_job("order", "b", scene.db.now()).await.unwrap();
    tx.commit().await.unwrap();

    let lease = SignedDuration::from_secs(60);
    let jobs = scene.again().await.claim_jobs("n", lease, 9).await.unwrap();
    let subjects: Vec<&str> = jobs.iter().map(|job| job.subject.as_str()).collect();
    assert_eq!(subjects, ["b"]);
}
