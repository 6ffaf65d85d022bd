//! One holder at a time.

use jiff::SignedDuration;

use super::Scene;

const TTL: SignedDuration = SignedDuration::from_secs(30);

pub(crate) async fn one_owner_holds_a_lease(scene: &Scene) {
    let db = &scene.db;

    assert!(db.acquire_lease("dns:z", "a", TTL).await.unwrap());
    assert!(db.acquire_lease("dns:z", "a", TTL).await.unwrap());
    assert!(!db.acquire_lease("dns:z", "b", TTL).await.unwrap());

    db.release_lease("dns:z", "b").await.unwrap();
    assert!(!db.acquire_lease("dns:z", "b", TTL).await.unwrap());
    db.release_lease("dns:z", "a").await.unwrap();
    assert!(db.acquire_lease("dns:z", "b", TTL).await.unwrap());
}

pub(crate) async fn an_expired_lease_changes_hands(scene: &Scene) {
    assert!(scene.db.acquire_lease("x", "a", TTL).await.unwrap());

    scene.clock.advance(TTL + SignedDuration::from_secs(1));

    assert!(scene.db.acquire_lease("x", "b", TTL).await.unwrap());
    assert!(!scene.db.acquire_lease("x", "a", TTL).await.unwrap());
}

pub(crate) async fn own_leases_are_given_up_by_prefix(scene: &Scene) {
    assert!(scene.db.acquire_lease("x", "node1/7", TTL).await.unwrap());
    assert!(scene.db.acquire_lease("y", "node2/7", TTL).await.unwrap());

    assert_eq!(scene.db.release_own_leases("node1/").await.unwrap(), 1);

    assert!(scene.db.acquire_lease("x", "node2/8", TTL).await.unwrap());
}
