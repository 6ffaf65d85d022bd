//! Revocations: asked for once, waiting, carried out.

use evercert_db::revocations::{Revocation, RevocationState};
use evercert_types::{OperationId, VendorId, VersionState};
use serde_json::json;

use super::Scene;
use super::certificates::{KEY, add_version, certificate, insert};

async fn revocation(scene: &Scene, state: RevocationState) -> Revocation {
    let certificate = certificate(scene, "www", &["a.example"]);
    insert(scene, &certificate).await;
    let version = add_version(scene, certificate.id, 100).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.activate_version(certificate.id, KEY, version.id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    Revocation {
        version_id: version.id,
        certificate_id: certificate.id,
        certificate_name: certificate.name,
        algorithm: KEY,
        generation: version.generation,
        operation_id: OperationId::new(),
        vendor_id: VendorId::new(),
        leaf_pem: "PEM".to_owned(),
        reason: "superseded".to_owned(),
        state,
        attempts: 0,
        error: None,
        created_at: scene.seconds(),
        finished_at: None,
    }
}

async fn ask(scene: &Scene, revocation: &Revocation) -> bool {
    let mut tx = scene.db.begin_write().await.unwrap();
    let asked = tx.insert_revocation(revocation).await.unwrap();
    tx.commit().await.unwrap();
    asked
}

async fn move_on(
    scene: &Scene,
    one: &Revocation,
    from: RevocationState,
    to: RevocationState,
) -> bool {
    let error = json!({"message": "no"});
    let error = Some(&error).filter(|_| to == RevocationState::Failed);
    let mut tx = scene.db.begin_write().await.unwrap();
    let moved = tx
        .advance_revocation(one.version_id, from, to, error)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    moved
}

pub(crate) async fn a_revocation_is_read_back_and_asked_for_once(scene: &Scene) {
    use RevocationState::{Done, Failed, Pending};
    let mut wanted = revocation(scene, Pending).await;

    assert!(ask(scene, &wanted).await);

    assert_eq!(
        scene
            .db
            .revocation(wanted.version_id)
            .await
            .unwrap()
            .unwrap(),
        wanted
    );
    assert!(!ask(scene, &wanted).await, "it is under way");
    assert!(move_on(scene, &wanted, Pending, Failed).await);
    assert!(
        !move_on(scene, &wanted, Pending, Done).await,
        "another worker gave it up"
    );
    let failed = scene
        .db
        .revocation(wanted.version_id)
        .await
        .unwrap()
        .unwrap();
    assert!(failed.error.is_some() && failed.finished_at.is_some());
    wanted.operation_id = OperationId::new();
    assert!(
        ask(scene, &wanted).await,
        "what was given up may be asked for again"
    );
    let again = scene
        .db
        .revocations_of_operation(wanted.operation_id)
        .await
        .unwrap();
    assert_eq!(again, [wanted.clone()]);
    assert_eq!(
        scene
            .db
            .revocations_of_certificate(wanted.certificate_id)
            .await
            .unwrap(),
        again
    );
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.mark_revoked(wanted.version_id).await.unwrap();
    tx.commit().await.unwrap();
    let version = scene.db.version(wanted.version_id).await.unwrap().unwrap();
    assert_eq!(version.state, VersionState::Revoked);
}

pub(crate) async fn a_revocation_waits_while_its_version_is_in_force(scene: &Scene) {
    let wanted = revocation(scene, RevocationState::Waiting).await;
    ask(scene, &wanted).await;
    assert!(scene.db.revocations_to_release().await.unwrap().is_empty());

    let next = add_version(scene, wanted.certificate_id, 200).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.activate_version(wanted.certificate_id, KEY, next.id)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert_eq!(
        scene.db.revocations_to_release().await.unwrap(),
        [wanted.version_id]
    );
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.delete_certificate(wanted.certificate_id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        scene.db.revocations_to_release().await.unwrap(),
        [wanted.version_id]
    );
    assert!(
        scene
            .db
            .revocation(wanted.version_id)
            .await
            .unwrap()
            .is_some()
    );
}

pub(crate) async fn a_revocation_without_a_job_is_found(scene: &Scene) {
    let wanted = revocation(scene, RevocationState::Pending).await;
    ask(scene, &wanted).await;

    assert_eq!(
        scene.db.revocations_without_job("revoke").await.unwrap(),
        [wanted.version_id]
    );

    let mut tx = scene.db.begin_write().await.unwrap();
    let subject = wanted.version_id.to_string();
    tx.enqueue_job("revoke", &subject, scene.db.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(
        scene
            .db
            .revocations_without_job("revoke")
            .await
            .unwrap()
            .is_empty()
    );
}
