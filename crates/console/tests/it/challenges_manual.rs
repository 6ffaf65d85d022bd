//! Manual DNS: the order waits for the operator's records, and goes on when they are there.

use evercert_api::challenges::ChallengeView;
use evercert_api::dns_providers::{NewDnsProvider, PropagationSettings, RecordSettings};
use evercert_api::operations::{Operation, OperationState};
use evercert_ca::CaConfig;
use evercert_console::lifecycle::challenge::manual::{Confirmation, challenges, confirm};
use evercert_console::lifecycle::{dns, operations, request};
use evercert_dns::server::RecordData;
use evercert_testkit::eventually;
use evercert_types::{ChallengeChoice, OperationId, Secret};
use jiff::SignedDuration;

use crate::world::{LIMIT, World, actor, wanted};

/// Asks for a certificate by hand and waits until records are wanted.
async fn ask(world: &World, name: &str, domains: &[&str]) -> (OperationId, Vec<ChallengeView>) {
    let mut wish = wanted(name, domains);
    wish.challenge = Some(ChallengeChoice::Dns01Manual);
    let id = request::request_issue(&world.console, &actor(), wish).await;
    let waiting = eventually("records are wanted", LIMIT, async || {
        let views = challenges(&world.console, name).await.unwrap();
        let published = kinds(world, name)
            .await
            .contains(&"order.published".to_owned());
        (published && views.iter().any(|one| one.waits_for_operator)).then_some(views)
    })
    .await;
    (id.unwrap(), waiting)
}

async fn kinds(world: &World, name: &str) -> Vec<String> {
    let certificate = world.console.db.certificate_by_name(name).await.unwrap();
    let orders = world
        .console
        .db
        .orders_of_certificate(certificate.unwrap().id, 1);
    let operation = orders.await.unwrap()[0].operation_id;
    let shown = operations::operation(&world.console, operation).await;
    let steps = shown.unwrap().steps.into_iter();
    steps.map(|step| step.kind).collect()
}

fn write(world: &World, views: &[ChallengeView]) {
    for record in views.iter().filter_map(|one| one.record.as_ref()) {
        assert_eq!((record.record_type.as_str(), record.ttl), ("TXT", 60));
        let data = RecordData::Txt(record.value.clone());
        world.dns.add(&record.name, &data).unwrap();
    }
}

/// Lets time pass, so that whoever waits looks again, until the operation has ended.
async fn ended_in_time(world: &World, id: OperationId, step: SignedDuration) -> Operation {
    eventually("the operation has ended", LIMIT, async || {
        world.clock.advance(step);
        world.console.wake_tasks();
        let operation = operations::operation(&world.console, id).await.unwrap();
        (operation.state != OperationState::Running).then_some(operation)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_goes_on_at_the_operators_word_once_the_records_are_seen() {
    let world = World::start().await;
    let (id, views) = ask(
        &world,
        "hand",
        &["hand.example.test", "*.hand.example.test"],
    )
    .await;
    assert_eq!(views.len(), 2);
    let record = views[0].record.clone().unwrap();
    assert_eq!(record.name, "_acme-challenge.hand.example.test");

    let early = confirm(&world.console, &actor(), "hand", Confirmation::Seen).await;
    let problem = early.unwrap_err().to_problem();
    assert_eq!(problem.status, 409, "{problem:?}");
    write(&world, &views);
    confirm(&world.console, &actor(), "hand", Confirmation::Seen)
        .await
        .unwrap();

    let operation = world.ended(id).await;
    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    let done = eventually("it is said which records may go", LIMIT, async || {
        let kinds = kinds(&world, "hand").await;
        kinds
            .contains(&"order.records_may_go".to_owned())
            .then_some(kinds)
    })
    .await;
    assert!(
        done.contains(&"order.records_wanted".to_owned()),
        "{done:?}"
    );
    assert!(challenges(&world.console, "hand").await.unwrap().is_empty());
    let again = confirm(&world.console, &actor(), "hand", Confirmation::Seen).await;
    assert_eq!(again.unwrap_err().to_problem().status, 409);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_goes_on_by_itself_when_the_records_are_seen() {
    let world = World::start().await;
    let (id, views) = ask(&world, "hand", &["hand.example.test"]).await;
    write(&world, &views);

    let operation = ended_in_time(&world, id, SignedDuration::from_secs(11)).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_writes_is_reminded_daily_and_told_in_the_end() {
    let world = World::with_ca(|config| CaConfig {
        order_lifetime: SignedDuration::from_hours(60),
        ..config
    })
    .await;
    let (id, _) = ask(&world, "hand", &["hand.example.test"]).await;

    for reminders in 1..=2 {
        world.clock.advance(SignedDuration::from_hours(24));
        eventually("a reminder", LIMIT, async || {
            world.console.wake_tasks();
            let kinds = kinds(&world, "hand").await;
            let said = kinds
                .iter()
                .filter(|kind| *kind == "order.records_reminder");
            (said.count() == reminders).then_some(())
        })
        .await;
    }
    world.clock.advance(SignedDuration::from_hours(13));
    let operation = ended_in_time(&world, id, SignedDuration::from_secs(1)).await;

    assert_eq!(operation.state, OperationState::Failed);
    let error = operation.orders[0].error.as_ref().unwrap();
    assert_eq!(error.code, "dns.manual.expired", "{error:?}");
    let kinds = kinds(&world, "hand").await;
    assert!(
        kinds.contains(&"order.records_may_go".to_owned()),
        "{kinds:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_mapped_to_a_person_waits_for_its_records() {
    let world = World::start().await;
    let provider = NewDnsProvider {
        name: "team".to_owned(),
        type_code: "manual".to_owned(),
        settings: [(
            "contact".to_owned(),
            Secret::new("dns@example.test".to_owned()),
        )]
        .into(),
        records: RecordSettings::default(),
        skip_test: false,
        propagation: PropagationSettings::default(),
    };
    dns::add_dns_provider(&world.console, &actor(), provider)
        .await
        .unwrap();
    let zone = "hand.example.test".parse().unwrap();
    dns::map_domain(&world.console, &actor(), &zone, "team")
        .await
        .unwrap();
    let wish = wanted("hand", &["hand.example.test"]);
    let id = request::request_issue(&world.console, &actor(), wish)
        .await
        .unwrap();
    let views = eventually("records are wanted", LIMIT, async || {
        let views = challenges(&world.console, "hand").await.unwrap();
        views
            .iter()
            .any(|one| one.waits_for_operator)
            .then_some(views)
    })
    .await;
    assert_eq!(views[0].kind, "dns-01-manual");
    assert_eq!(world.console.db.journal_size().await.unwrap(), 0);

    write(&world, &views);
    let operation = ended_in_time(&world, id, SignedDuration::from_secs(11)).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    world.stop().await;
}
