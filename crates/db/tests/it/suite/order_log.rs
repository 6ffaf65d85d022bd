//! The log of attempts: filters, pages, what is removed.

use evercert_db::events::Event;
use evercert_db::operations::Operation;
use evercert_db::order_log::{OrderFilter, Outcome};
use evercert_db::orders::Order;
use evercert_types::{OrderId, OrderState};
use jiff::SignedDuration;
use serde_json::json;

use super::Scene;
use super::certificates::{certificate, insert, vendor};
use super::orders::{Subject, order};

/// An attempt made now, with an operation and one step; ended as told.
async fn attempt(scene: &Scene, subject: &Subject, kind: &str, end: Option<OrderState>) -> Order {
    let mut order = order(scene, subject);
    let operation = Operation {
        id: order.operation_id,
        kind: kind.to_owned(),
        certificate_id: Some(subject.certificate),
        actor: "user:anna".to_owned(),
        created_at: scene.seconds(),
    };
    order.reason = kind.to_owned();
    let event = Event {
        order_id: Some(order.id),
        ..Event::new(
            scene.db.now(),
            subject.certificate,
            "www",
            "order.placed",
            format!("Placed an {kind} order"),
        )
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.insert_operation(&operation).await.unwrap();
    tx.insert_order(&order).await.unwrap();
    tx.add_event(&event).await.unwrap();
    if let Some(end) = end {
        let error = json!({"message": "No TXT record found at _acme"});
        let error = Some(&error).filter(|_| end == OrderState::Failed);
        tx.finish_order(order.id, OrderState::Pending, end, error)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    order
}

async fn subject(scene: &Scene, name: &str) -> Subject {
    let vendor = vendor(scene, &format!("ca-{name}")).await;
    let mut certificate = certificate(scene, name, &[&format!("{name}.example")]);
    certificate.vendor_id = Some(vendor.id);
    insert(scene, &certificate).await;
    Subject {
        certificate: certificate.id,
        vendor: vendor.id,
    }
}

async fn ids(scene: &Scene, filter: OrderFilter<'_>) -> Vec<OrderId> {
    let limit = if filter.limit == 0 { 100 } else { filter.limit };
    let filter = OrderFilter { limit, ..filter };
    let found = scene.db.order_log(&filter).await.unwrap();
    found.iter().map(|one| one.order.id).collect()
}

pub(crate) async fn attempts_are_filtered_and_paged(scene: &Scene) {
    let (www, api) = (subject(scene, "www").await, subject(scene, "api").await);
    let first = attempt(scene, &www, "issue", Some(OrderState::Failed))
        .await
        .id;
    scene.clock.advance(SignedDuration::from_secs(60));
    let middle = scene.seconds();
    let second = attempt(scene, &www, "renew", Some(OrderState::Done))
        .await
        .id;
    let third = attempt(scene, &api, "renew", None).await.id;
    let all = OrderFilter::default();
    for (filter, expected) in [
        (all, vec![third, second, first]),
        (OrderFilter { limit: 1, ..all }, vec![third]),
        (
            OrderFilter {
                before: Some(third),
                ..all
            },
            vec![second, first],
        ),
        (
            OrderFilter {
                certificate: Some("www"),
                ..all
            },
            vec![second, first],
        ),
        (
            OrderFilter {
                vendor_id: Some(api.vendor),
                ..all
            },
            vec![third],
        ),
        (
            OrderFilter {
                kind: Some("issue"),
                ..all
            },
            vec![first],
        ),
        (
            OrderFilter {
                reason: Some("renew"),
                ..all
            },
            vec![third, second],
        ),
        (
            OrderFilter {
                outcome: Some(Outcome::Running),
                ..all
            },
            vec![third],
        ),
        (
            OrderFilter {
                outcome: Some(Outcome::Succeeded),
                ..all
            },
            vec![second],
        ),
        (
            OrderFilter {
                outcome: Some(Outcome::Failed),
                ..all
            },
            vec![first],
        ),
        (
            OrderFilter {
                since: Some(middle),
                ..all
            },
            vec![third, second],
        ),
        (
            OrderFilter {
                until: Some(middle),
                ..all
            },
            vec![first],
        ),
        (
            OrderFilter {
                search: Some("no txt RECORD"),
                ..all
            },
            vec![first],
        ),
        (
            OrderFilter {
                search: Some("an issue"),
                ..all
            },
            vec![first],
        ),
        (
            OrderFilter {
                search: Some("100%"),
                ..all
            },
            vec![],
        ),
    ] {
        assert_eq!(ids(scene, filter).await, expected, "{filter:?}");
    }
    let shown = scene.db.logged_order(second).await.unwrap().unwrap();
    let who = (
        shown.certificate.as_str(),
        shown.kind.as_str(),
        shown.actor.as_str(),
    );
    assert_eq!(who, ("www", "renew", "user:anna"));
    assert_eq!(scene.db.events_of_order(first).await.unwrap().len(), 1);
}

pub(crate) async fn old_attempts_go_but_the_newest_stays(scene: &Scene) {
    let www = subject(scene, "www").await;
    let old = attempt(scene, &www, "issue", Some(OrderState::Failed)).await;
    scene.clock.advance(SignedDuration::from_secs(60));
    let newest = attempt(scene, &www, "renew", Some(OrderState::Done)).await;
    scene.clock.advance(SignedDuration::from_secs(60));

    let removed = scene.db.expire_orders(scene.db.now()).await.unwrap();

    assert_eq!(removed, 1);
    assert_eq!(ids(scene, OrderFilter::default()).await, [newest.id]);
    assert!(
        scene
            .db
            .operation(old.operation_id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        scene
            .db
            .operation(newest.operation_id)
            .await
            .unwrap()
            .is_some()
    );
}

/// Prints what lists take with 10,000 attempts of 1,000 certificates, and 100,000 events; a tenth of that on a server,
/// where writing them takes minutes.
pub(crate) async fn what_a_long_log_takes_to_list(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let mut tx = scene.db.begin_write().await.unwrap();
    let certificates = match scene.db.engine() {
        evercert_db::Engine::Sqlite => 1_000,
        evercert_db::Engine::Postgres => 100,
    };
    for number in 0..certificates {
        let name = format!("c{number}");
        let mut certificate = certificate(scene, &name, &[&format!("{name}.example")]);
        certificate.vendor_id = Some(vendor.id);
        tx.insert_certificate(&certificate, &[super::certificates::KEY])
            .await
            .unwrap();
        let subject = Subject {
            certificate: certificate.id,
            vendor: vendor.id,
        };
        for _ in 0..10 {
            let order = order(scene, &subject);
            tx.insert_order(&order).await.unwrap();
            for step in 0..10 {
                let event = Event {
                    order_id: Some(order.id),
                    operation_id: Some(order.operation_id),
                    ..Event::new(
                        scene.db.now(),
                        certificate.id,
                        &name,
                        "order.step",
                        format!("Step {step}"),
                    )
                };
                tx.add_event(&event).await.unwrap();
            }
            tx.finish_order(order.id, OrderState::Pending, OrderState::Done, None)
                .await
                .unwrap();
        }
    }
    tx.commit().await.unwrap();
    let all = OrderFilter {
        limit: 100,
        ..OrderFilter::default()
    };
    let middle = ids(
        scene,
        OrderFilter {
            limit: 5_000,
            ..all
        },
    )
    .await
    .pop();
    for (what, filter) in [
        ("newest page", all),
        (
            "page in the middle",
            OrderFilter {
                before: middle,
                ..all
            },
        ),
        (
            "one certificate",
            OrderFilter {
                certificate: Some("c7"),
                ..all
            },
        ),
        (
            "failed ones (none)",
            OrderFilter {
                outcome: Some(Outcome::Failed),
                ..all
            },
        ),
        (
            "text in a step",
            OrderFilter {
                search: Some("step 9"),
                ..all
            },
        ),
        (
            "text nowhere",
            OrderFilter {
                search: Some("nowhere"),
                ..all
            },
        ),
    ] {
        let begun = std::time::Instant::now();
        let found = ids(scene, filter).await.len();
        eprintln!(
            "{:?}: {what}: {found} attempts in {:?}",
            scene.db.engine(),
            begun.elapsed()
        );
    }
    for order in [
        evercert_db::listing::ListOrder::Name,
        evercert_db::listing::ListOrder::NotAfter,
    ] {
        let listing = evercert_db::listing::Listing {
            order,
            limit: 100,
            ..Default::default()
        };
        let begun = std::time::Instant::now();
        let found = scene.db.list_certificates(&listing).await.unwrap().len();
        eprintln!(
            "{:?}: {found} of {certificates} certificates by {order:?} in {:?}",
            scene.db.engine(),
            begun.elapsed()
        );
    }
}
