//! Rate limits: never overdrawn, given back, held, and counted on across Consoles.

use evercert_db::ledger::{BucketKey, Draw};
use jiff::SignedDuration;

use super::Scene;

fn draw(subject: &str) -> Draw {
    Draw {
        key: BucketKey {
            scope: "https://ca.test/directory".to_owned(),
            kind: "certificates_per_domain".to_owned(),
            subject: subject.to_owned(),
        },
        burst: 5,
        refill_secs: 600,
    }
}

async fn take(db: &evercert_db::Db, draw: &Draw) -> bool {
    let mut tx = db.begin_write().await.unwrap();
    let taken = tx.take_token(draw).await.unwrap();
    tx.commit().await.unwrap();
    taken
}

pub(crate) async fn a_bucket_is_never_overdrawn_by_several_consoles(scene: &Scene) {
    let other = scene.again().await;
    let draw = draw("example.com");
    let takers = (0..20).map(|n| {
        let (db, draw) = (
            if n % 2 == 0 {
                scene.db.clone()
            } else {
                other.clone()
            },
            draw.clone(),
        );
        tokio::spawn(async move { take(&db, &draw).await })
    });

    let mut taken = 0;
    for taker in takers.collect::<Vec<_>>() {
        taken += u32::from(taker.await.unwrap());
    }

    assert_eq!(taken, 5);
    assert!(take(&scene.db, &self::draw("example.net")).await);
    scene.clock.advance(SignedDuration::from_secs(599));
    assert!(!take(&scene.db, &draw).await);
    scene.clock.advance(SignedDuration::from_secs(1));
    assert!(take(&scene.db, &draw).await);
    assert!(!take(&scene.db, &draw).await);
    other.close().await;
}

pub(crate) async fn tokens_come_back_and_the_ca_s_word_comes_first(scene: &Scene) {
    let (db, draw) = (&scene.db, draw("example.com"));
    let until = scene.seconds() + SignedDuration::from_hours(2);
    for _ in 0..5 {
        assert!(take(db, &draw).await);
    }

    let mut tx = db.begin_write().await.unwrap();
    tx.return_token(&draw).await.unwrap();
    tx.commit().await.unwrap();
    assert!(take(db, &draw).await);
    assert!(!take(db, &draw).await);

    scene.clock.advance(SignedDuration::from_hours(1));
    let mut tx = db.begin_write().await.unwrap();
    tx.hold_tokens(&draw.key, until).await.unwrap();
    tx.hold_tokens(&draw.key, until - SignedDuration::from_mins(30))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(!take(db, &draw).await);
    let bucket = db.bucket(&draw.key).await.unwrap();
    assert_eq!(draw.ready_at(bucket.as_ref(), db.now()), until);
    assert_eq!(db.buckets(["x", &draw.key.scope]).await.unwrap().len(), 1);

    scene.clock.advance(SignedDuration::from_hours(1));
    assert!(take(db, &draw).await);
    let mut tx = db.begin_write().await.unwrap();
    for _ in 0..7 {
        tx.spend_token(&draw).await.unwrap();
    }
    tx.commit().await.unwrap();
    let bucket = db.bucket(&draw.key).await.unwrap();
    assert_eq!(draw.left(bucket.as_ref(), db.now()), 0);
    assert!(!take(db, &draw).await);

    scene.clock.advance(SignedDuration::from_hours(9));
    assert_eq!(db.prune_ledger(db.now()).await.unwrap(), 1);
    assert!(db.bucket(&draw.key).await.unwrap().is_none());
}

pub(crate) async fn an_issuance_is_remembered_by_its_names(scene: &Scene) {
    let db = &scene.db;
    let mut tx = db.begin_write().await.unwrap();
    tx.note_issued("https://ca.test/directory", "ab")
        .await
        .unwrap();
    tx.note_issued("https://ca.test/directory", "ab")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let at = db
        .issued_at("https://ca.test/directory", "ab")
        .await
        .unwrap();

    assert_eq!(at, Some(scene.seconds()));
    assert_eq!(
        db.issued_at("https://ca.test/other", "ab").await.unwrap(),
        None
    );
}
