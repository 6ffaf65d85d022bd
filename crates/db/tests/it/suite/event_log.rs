//! Looking for something in the log.

use evercert_db::event_log::EventFilter;
use evercert_db::events::{Event, Level};
use evercert_types::{CertificateId, OperationId};

use super::Scene;

async fn write(scene: &Scene, name: &str, level: Level, operation: Option<OperationId>) {
    let mut event = Event::new(
        scene.db.now(),
        CertificateId::new(),
        name,
        "order.done",
        name,
    );
    (event.level, event.operation_id) = (level, operation);
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.add_event(&event).await.unwrap();
    tx.commit().await.unwrap();
}

async fn found(scene: &Scene, filter: EventFilter<'_>) -> Vec<String> {
    let events = scene
        .db
        .events(EventFilter {
            limit: 10,
            ..filter
        })
        .await
        .unwrap();
    events.into_iter().map(|event| event.message).collect()
}

pub(crate) async fn events_are_filtered_and_newest_first(scene: &Scene) {
    let operation = OperationId::new();
    write(scene, "a", Level::Info, Some(operation)).await;
    write(scene, "b", Level::Warn, None).await;
    write(scene, "c", Level::Error, Some(operation)).await;

    let all = EventFilter::default();
    assert_eq!(found(scene, all).await, ["c", "b", "a"]);
    assert_eq!(
        found(
            scene,
            EventFilter {
                certificate: Some("b"),
                ..all
            }
        )
        .await,
        ["b"]
    );
    assert_eq!(
        found(
            scene,
            EventFilter {
                operation: Some(operation),
                ..all
            }
        )
        .await,
        ["c", "a"]
    );
    assert_eq!(
        found(
            scene,
            EventFilter {
                level: Some(Level::Warn),
                ..all
            }
        )
        .await,
        ["c", "b"]
    );
    assert_eq!(
        found(
            scene,
            EventFilter {
                level: Some(Level::Error),
                ..all
            }
        )
        .await,
        ["c"]
    );

    let newest = scene
        .db
        .events(EventFilter { limit: 1, ..all })
        .await
        .unwrap();
    let before = Some(newest[0].id.as_str());
    assert_eq!(
        found(scene, EventFilter { before, ..all }).await,
        ["b", "a"]
    );
}
