//! Issuing: what is asked for comes into force, and nothing is left behind.

use evercert_api::operations::OperationState;
use evercert_console::lifecycle::request::request_issue;
use evercert_console::lifecycle::{certificates, operations};
use evercert_types::{KeyAlgorithm, OrderState, StoreKind};
use evercert_x509::{Chain, KeyPair, verify_key_matches, verify_names};

use crate::world::{World, actor, wanted};

async fn verify_in_force(world: &World, name: &str, algorithm: KeyAlgorithm) {
    let certificate = world.show(name).await;
    let slot = certificate
        .keys
        .iter()
        .find(|slot| slot.algorithm == algorithm)
        .unwrap();
    let active = slot.active.as_ref().unwrap();
    let export = certificates::export(
        &world.console,
        name,
        &evercert_api::certificates::ExportRequest {
            key: Some(algorithm),
            with_key: true,
            ..Default::default()
        },
    )
    .await
    .unwrap();
    let chain = Chain::from_pem(&export.chain_pem).unwrap();
    let key = KeyPair::from_pem(&export.key_pem.unwrap()).unwrap();

    assert_eq!(chain.leaf().fingerprint(), active.fingerprint);
    assert_eq!(key.algorithm(), algorithm);
    verify_key_matches(chain.leaf(), &key).unwrap();
    verify_names(chain.leaf(), &certificate.domains).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_name_comes_into_force() {
    let world = World::start().await;

    let operation = world.issue(wanted("www", &["www.example.test"])).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    verify_in_force(&world, "www", KeyAlgorithm::EcdsaP256).await;
    world.tidy().await;
    let revision = world
        .console
        .db
        .store_states()
        .await
        .unwrap()
        .zero_touch
        .revision;
    assert_eq!(revision, 1);
    assert_eq!(*world.console.watch_store().borrow(), 1);
    let kinds: Vec<_> = operation
        .steps
        .iter()
        .map(|step| step.kind.as_str())
        .collect();
    assert_eq!(kinds[0], "order.requested");
    assert!(kinds.contains(&"version.installed"), "{kinds:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wildcard_and_its_base_share_a_name_with_two_values() {
    let world = World::start().await;

    let domains = ["example.test", "*.example.test", "a.example.test"];
    let operation = world.issue(wanted("all", &domains)).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    verify_in_force(&world, "all", KeyAlgorithm::EcdsaP256).await;
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_keys_make_two_versions() {
    let world = World::start().await;
    let mut request = wanted("dual", &["dual.example.test"]);
    request.keys = vec![KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP256];

    let operation = world.issue(request).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert_eq!(operation.orders.len(), 2);
    verify_in_force(&world, "dual", KeyAlgorithm::Rsa2048).await;
    verify_in_force(&world, "dual", KeyAlgorithm::EcdsaP256).await;
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegated_name_is_answered_where_it_points() {
    let world = World::start().await;

    let operation = world
        .issue(wanted("delegated", &["delegated.example.test"]))
        .await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    let published = operation
        .steps
        .iter()
        .find(|step| step.kind == "order.published");
    assert_eq!(published.unwrap().detail["names"][0], "token.acme.test");
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_store_is_not_delivered() {
    let world = World::start().await;
    let mut request = wanted("stored", &["stored.example.test"]);
    request.store = StoreKind::Certificate;

    let operation = world.issue(request).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    let revision = world
        .console
        .db
        .store_states()
        .await
        .unwrap()
        .zero_touch
        .revision;
    assert_eq!(revision, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_orders_at_once_all_succeed() {
    const ORDERS: usize = 40;
    let world = World::start().await;
    let start = std::time::Instant::now();
    let cpu = cpu_ms();

    let mut ids = Vec::new();
    for n in 0..ORDERS {
        let request = wanted(&format!("c{n}"), &[&format!("c{n}.example.test")]);
        ids.push(
            request_issue(&world.console, &actor(), request)
                .await
                .unwrap(),
        );
    }
    for id in ids {
        let operation = world.ended(id).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }

    world.tidy().await;
    println!(
        "{ORDERS} orders in {:?}, {} ms of CPU each with CA and DNS",
        start.elapsed(),
        (cpu_ms() - cpu) / ORDERS as u64
    );
    assert_eq!(world.ca.issued(), ORDERS);
    let last = operations_of(&world, "c7").await;
    assert_eq!(last, OrderState::Done);
    world.stop().await;
}

async fn operations_of(world: &World, name: &str) -> OrderState {
    let certificate = world
        .console
        .db
        .certificate_by_name(name)
        .await
        .unwrap()
        .unwrap();
    let orders = world
        .console
        .db
        .orders_of_certificate(certificate.id, 1)
        .await
        .unwrap();
    let operation = operations::operation(&world.console, orders[0].operation_id)
        .await
        .unwrap();
    evercert_testkit::eventually("the order is done", crate::world::LIMIT, async || {
        let order = world.console.db.order(orders[0].id).await.unwrap().unwrap();
        order.state.is_finished().then_some(order.state)
    })
    .await;
    assert_eq!(operation.orders.len(), 1);
    world
        .console
        .db
        .order(orders[0].id)
        .await
        .unwrap()
        .unwrap()
        .state
}

/// CPU time of this process so far, user and system.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks * 10
}
