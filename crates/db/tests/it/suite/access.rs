//! Users, sessions, API tokens, settings, the audit chain.

use evercert_db::api_tokens::NewApiToken;
use evercert_db::audit::{AuditBreak, NewAuditEntry};
use evercert_db::{DbErrorKind, sessions::Session};
use evercert_types::UserId;
use jiff::SignedDuration;
use serde_json::json;

use super::Scene;

async fn user(scene: &Scene, name: &str) -> UserId {
    let mut tx = scene.db.begin_write().await.unwrap();
    let id = tx.insert_user(name, "$argon2id$", "admin").await.unwrap();
    tx.commit().await.unwrap();
    id
}

pub(crate) async fn user_names_are_unique(scene: &Scene) {
    let id = user(scene, "anna").await;
    let mut tx = scene.db.begin_write().await.unwrap();

    let error = tx.insert_user("anna", "", "viewer").await.unwrap_err();
    drop(tx);

    assert_eq!(error.kind(), DbErrorKind::Conflict);
    let found = scene.db.user_by_name("anna").await.unwrap().unwrap();
    assert_eq!(
        (found.id, found.role.as_str(), found.disabled),
        (id, "admin", false)
    );
    assert!(!format!("{found:?}").contains("argon2"));
    assert_eq!(scene.db.count_users("admin").await.unwrap(), 1);
    assert_eq!(scene.db.count_users("viewer").await.unwrap(), 0);
}

pub(crate) async fn a_session_is_found_until_it_is_removed(scene: &Scene) {
    let id = user(scene, "anna").await;
    let ends = scene.db.now() + SignedDuration::from_hours(1);
    scene
        .db
        .insert_session("hash", id, "csrf", ends)
        .await
        .unwrap();
    scene.clock.advance(SignedDuration::from_mins(10));
    scene.db.touch_session("hash").await.unwrap();

    let expected = Session {
        user_id: id,
        user_name: "anna".to_owned(),
        role: "admin".to_owned(),
        csrf: "csrf".to_owned(),
        last_seen_at: scene.db.now(),
        expires_at: ends,
    };
    assert_eq!(scene.db.session("hash").await.unwrap(), Some(expected));
    scene.db.remove_session("hash").await.unwrap();
    assert_eq!(scene.db.session("hash").await.unwrap(), None);
}

pub(crate) async fn sessions_that_are_over_are_forgotten(scene: &Scene) {
    let id = user(scene, "anna").await;
    let now = scene.db.now();
    let hours = |n| now + SignedDuration::from_hours(n);
    scene
        .db
        .insert_session("over", id, "c", hours(1))
        .await
        .unwrap();
    scene
        .db
        .insert_session("idle", id, "c", hours(99))
        .await
        .unwrap();
    scene.clock.advance(SignedDuration::from_hours(2));
    scene
        .db
        .insert_session("used", id, "c", hours(99))
        .await
        .unwrap();

    assert_eq!(scene.db.remove_stale_sessions(hours(1)).await.unwrap(), 2);

    assert!(scene.db.session("used").await.unwrap().is_some());
}

pub(crate) async fn an_api_token_is_found_by_its_hash_until_it_is_removed(scene: &Scene) {
    let user_id = user(scene, "anna").await;
    let mut tx = scene.db.begin_write().await.unwrap();
    let new = NewApiToken {
        name: "ci",
        secret_hash: "hash",
        role: "operator",
        user_id,
        expires_at: None,
    };
    let made = tx.insert_api_token(&new).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(
        scene.db.api_token_by_hash("hash").await.unwrap(),
        Some(made.clone())
    );
    scene.db.touch_api_token(made.id).await.unwrap();
    let listed = scene.db.api_tokens().await.unwrap();
    assert_eq!(listed[0].last_used_at, Some(scene.db.now()));

    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(tx.remove_api_token(made.id).await.unwrap().is_some());
    assert!(tx.remove_api_token(made.id).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(scene.db.api_token_by_hash("hash").await.unwrap(), None);
}

pub(crate) async fn the_first_value_of_a_setting_stands(scene: &Scene) {
    let db = &scene.db;

    assert_eq!(db.setting_or_insert("a", "1").await.unwrap(), "1");
    assert_eq!(db.setting_or_insert("a", "2").await.unwrap(), "1");
    db.set_setting("a", "3").await.unwrap();
    assert_eq!(db.setting("a").await.unwrap().as_deref(), Some("3"));

    let mut tx = db.begin_write().await.unwrap();
    assert!(!tx.take_setting("a", "1").await.unwrap());
    assert!(tx.take_setting("a", "3").await.unwrap());
    assert!(!tx.take_setting("a", "3").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(db.setting("a").await.unwrap(), None);
}

pub(crate) async fn a_sealed_setting_is_not_readable_at_rest(scene: &Scene) {
    let opened = scene
        .db
        .sealed_setting_or_insert("ca", b"private")
        .await
        .unwrap();
    assert_eq!(opened.expose(), b"private");

    let again = scene
        .db
        .sealed_setting_or_insert("ca", b"other")
        .await
        .unwrap();

    assert_eq!(again.expose(), b"private");
    assert!(
        !scene
            .db
            .setting("ca")
            .await
            .unwrap()
            .unwrap()
            .contains("private")
    );
}

async fn audit(scene: &Scene, count: usize) {
    for i in 0..count {
        let mut tx = scene.db.begin_write().await.unwrap();
        let entry = NewAuditEntry {
            actor: "user:anna",
            action: "certificate.issue",
            subject: "web",
            detail: &json!({ "n": i }),
        };
        tx.append_audit(&entry).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn tamper(scene: &Scene, statement: &'static str) -> Option<AuditBreak> {
    let pool = sqlx::AnyPool::connect(&scene.config.url).await.unwrap();
    sqlx::query(statement).execute(&pool).await.unwrap();
    pool.close().await;
    scene.db.verify_audit().await.unwrap().broken
}

pub(crate) async fn audit_entries_follow_one_another_under_contention(scene: &Scene) {
    tokio::join!(audit(scene, 12), audit(scene, 12), audit(scene, 12));

    let verification = scene.db.verify_audit().await.unwrap();
    assert_eq!((verification.verified, verification.broken), (36, None));
    let page = scene.db.audit_before(Some(11), 4).await.unwrap();
    assert_eq!(
        page.iter().map(|e| e.seq).collect::<Vec<_>>(),
        [10, 9, 8, 7]
    );
    assert_eq!(page[0].previous_hash, page[1].hash);
}

pub(crate) async fn an_audit_entry_rolled_back_leaves_no_gap(scene: &Scene) {
    audit(scene, 1).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    let entry = NewAuditEntry {
        actor: "a",
        action: "b",
        subject: "c",
        detail: &json!({}),
    };
    tx.append_audit(&entry).await.unwrap();
    drop(tx);
    audit(scene, 1).await;

    let verification = scene.db.verify_audit().await.unwrap();

    assert_eq!((verification.verified, verification.broken), (2, None));
}

pub(crate) async fn a_changed_audit_entry_is_found(scene: &Scene) {
    audit(scene, 5).await;

    let broken = tamper(scene, "UPDATE audit SET subject = 'other' WHERE seq = 3")
        .await
        .unwrap();

    assert_eq!((broken.seq, broken.reason), (3, "the entry was changed"));
}

pub(crate) async fn a_removed_audit_entry_is_found(scene: &Scene) {
    audit(scene, 5).await;

    let broken = tamper(scene, "DELETE FROM audit WHERE seq = 2")
        .await
        .unwrap();

    assert_eq!((broken.seq, broken.reason), (2, "the entry is missing"));
}

pub(crate) async fn a_cut_audit_log_is_found(scene: &Scene) {
    audit(scene, 5).await;

    let broken = tamper(scene, "DELETE FROM audit WHERE seq > 3")
        .await
        .unwrap();

    assert_eq!(broken.seq, 4);
}
