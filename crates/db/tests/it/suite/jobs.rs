//! Claiming, leasing and finishing jobs.

use std::collections::BTreeMap;

use evercert_db::jobs::Job;
use jiff::SignedDuration;

use super::Scene;

const LEASE: SignedDuration = SignedDuration::from_secs(60);

async fn plan(scene: &Scene, subject: &str, in_secs: i64) {
    let mut tx = scene.db.begin_write().await.unwrap();
    let at = scene.db.now() + SignedDuration::from_secs(in_secs);
    tx.enqueue_job("order", subject, at).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim_one(scene: &Scene, owner: &str) -> Option<Job> {
    scene.db.claim_jobs(owner, LEASE, 1).await.unwrap().pop()
}

pub(crate) async fn each_job_is_claimed_once_under_contention(scene: &Scene) {
    for i in 0..60 {
        plan(scene, &format!("ord_{i}"), 0).await;
    }
    let other = scene.again().await;
    let claimers = (0..6).map(|i| {
        let db = if i % 2 == 0 {
            scene.db.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let jobs = db.claim_jobs(&format!("node{i}"), LEASE, 3).await.unwrap();
                if jobs.is_empty() {
                    return mine;
                }
                mine.extend(jobs);
            }
        })
    });

    let mut claimed = BTreeMap::new();
    for task in claimers.collect::<Vec<_>>() {
        for job in task.await.unwrap() {
            *claimed.entry(job.subject).or_insert(0) += 1;
            assert_eq!(job.attempt, 1);
        }
    }

    assert_eq!(claimed.len(), 60);
    assert!(claimed.values().all(|times| *times == 1), "{claimed:?}");
}

pub(crate) async fn a_job_is_planned_once_and_the_earlier_time_wins(scene: &Scene) {
    plan(scene, "a", 50).await;
    plan(scene, "a", 10).await;
    plan(scene, "a", 90).await;

    assert!(claim_one(scene, "n").await.is_none());
    scene.clock.advance(SignedDuration::from_secs(10));
    assert_eq!(claim_one(scene, "n").await.unwrap().subject, "a");
    assert!(claim_one(scene, "n").await.is_none());
}

pub(crate) async fn an_expired_lease_is_claimed_by_another(scene: &Scene) {
    plan(scene, "a", 0).await;
    claim_one(scene, "first").await.unwrap();

    scene.clock.advance(LEASE + SignedDuration::from_secs(1));
    let job = claim_one(scene, "second").await.unwrap();

    assert_eq!(job.attempt, 2);
    assert!(!scene.db.finish_job(job.id, "first").await.unwrap());
    assert!(scene.db.finish_job(job.id, "second").await.unwrap());
}

pub(crate) async fn own_leases_are_released_at_start(scene: &Scene) {
    plan(scene, "a", 0).await;
    claim_one(scene, "node1").await.unwrap();

    assert_eq!(scene.db.release_own_jobs("node2").await.unwrap(), 0);
    assert_eq!(scene.db.release_own_jobs("node1").await.unwrap(), 1);

    assert!(claim_one(scene, "node1").await.is_some());
}

pub(crate) async fn a_lost_lease_cannot_be_finished_or_renewed(scene: &Scene) {
    plan(scene, "a", 0).await;
    let job = claim_one(scene, "first").await.unwrap();
    let at = scene.db.now();
    assert!(
        scene
            .db
            .renew_job_lease(job.id, "first", LEASE)
            .await
            .unwrap()
    );

    assert!(
        scene
            .db
            .retry_job_at(job.id, "first", at, "x")
            .await
            .unwrap()
    );
    claim_one(scene, "second").await.unwrap();

    assert!(
        !scene
            .db
            .renew_job_lease(job.id, "first", LEASE)
            .await
            .unwrap()
    );
    assert!(
        !scene
            .db
            .retry_job_at(job.id, "first", at, "x")
            .await
            .unwrap()
    );
}
