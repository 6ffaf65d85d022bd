//! How the Console finds out that records can be seen: the pace of the provider, the agreement of servers, CNAMEs.

use evercert_api::dns_providers::{DnsProviderChange, PropagationSettings};
use evercert_api::operations::OperationState;
use evercert_api::txt_journal::JournalValueState;
use evercert_console::lifecycle::{dns, journal};
use evercert_testkit::eventually;
use evercert_types::OrderId;
use jiff::{SignedDuration, Timestamp};

use crate::world::{World, actor, wanted};

async fn watch_as(world: &World, propagation: PropagationSettings) {
    let change = DnsProviderChange {
        propagation: Some(propagation),
        ..DnsProviderChange::default()
    };
    dns::change_dns_provider(&world.console, &actor(), "dns", change)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_at_the_operators_own_server_waits_for_no_second_look() {
    let world = World::start().await;
    watch_as(&world, PropagationSettings::default()).await;

    let operation = world.issue(wanted("www", &["www.example.test"])).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    let seen = operation
        .steps
        .iter()
        .find(|step| step.kind == "order.propagated");
    let seen = &seen.unwrap().detail["dns"][0];
    assert_eq!(seen["looks"], 1, "{seen}");
    assert!(seen["waited_ms"].as_u64().unwrap() < 2_000, "{seen}");
    assert_eq!(seen["warnings"], serde_json::json!([]), "{seen}");
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cname_that_is_not_to_be_followed_is_not() {
    let world = World::start().await;
    let propagation = PropagationSettings {
        first_look: Some("0s".to_owned()),
        follow_cnames: Some(false),
        ..PropagationSettings::default()
    };
    watch_as(&world, propagation).await;

    let operation = world
        .issue(wanted("delegated", &["delegated.example.test"]))
        .await;

    // A name with a CNAME takes no TXT record, and the provider reads back.
    assert_eq!(operation.state, OperationState::Failed, "{operation:#?}");
    let error = operation.orders[0].error.clone().unwrap();
    assert!(error.message.contains("alias (CNAME)"), "{error:?}");
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_could_not_be_removed_is_shown_and_tried_again_at_a_word() {
    let world = World::start().await;
    let db = &world.console.db;
    let provider = db.dns_provider_by_name("dns").await.unwrap().unwrap().id;
    let name = "_acme-challenge.left.example.test";
    let value = evercert_dns::server::RecordData::Txt("left".to_owned());
    world.dns.add(name, &value).unwrap();
    let order = OrderId::new();
    let mut tx = db.begin_write().await.unwrap();
    tx.journal_intent(order, provider, name, "left")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let id = db.journal_of(order).await.unwrap().remove(0).id;
    let now = Timestamp::from_second(world.console.now().as_second()).unwrap();
    let tomorrow = now + SignedDuration::from_hours(24);
    let mut tx = db.begin_write().await.unwrap();
    tx.journal_failed(&id, tomorrow, "no luck").await.unwrap();
    tx.commit().await.unwrap();

    let left = journal::list(&world.console, "dns").await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].state, JournalValueState::NotRemoved);
    assert_eq!(left[0].last_error.as_deref(), Some("no luck"));
    assert_eq!(left[0].next_try_at, Some(tomorrow));

    let tried = journal::retry(&world.console, &actor(), "dns").await;
    assert_eq!(tried.unwrap().values, 1);
    let is_empty = async || {
        let left = journal::list(&world.console, "dns").await.unwrap();
        left.is_empty().then_some(())
    };
    eventually("nothing left", std::time::Duration::from_secs(20), is_empty).await;
    assert!(world.dns.txt(name).is_empty());
    world.stop().await;
}
