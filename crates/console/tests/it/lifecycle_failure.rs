//! Failing: said clearly, nothing lost, no hot loop, and going on once the cause is gone.

use evercert_api::certificates::OrderError;
use evercert_api::operations::OperationState;
use evercert_ca::LocalCa;
use evercert_console::lifecycle::{certificates, dns, request, vendors};
use evercert_testkit::{eventually, free_port};
use jiff::SignedDuration;

use crate::world::{LIMIT, TSIG, World, actor, ca_config, ca_vendor, dns_provider, wanted};

async fn last_error(world: &World, name: &str) -> OrderError {
    world.first_key(name).await.last_error.unwrap()
}

async fn orders_made(world: &World, name: &str) -> usize {
    let certificate = world
        .console
        .db
        .certificate_by_name(name)
        .await
        .unwrap()
        .unwrap();
    world
        .console
        .db
        .orders_of_certificate(certificate.id, 100)
        .await
        .unwrap()
        .len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_tsig_key_is_named_and_not_tried_again_until_it_is_put_right() {
    let world = World::start().await;
    let wrong = TSIG.replace("c2Vj", "d3Jv");
    let provider = dns_provider("wrong", world.dns.local_addr(), &wrong);
    dns::add_dns_provider(&world.console, &actor(), provider)
        .await
        .unwrap();
    let domain = "bad.example.test".parse().unwrap();
    dns::map_domain(&world.console, &actor(), &domain, "wrong")
        .await
        .unwrap();

    let operation = world.issue(wanted("bad", &["www.bad.example.test"])).await;

    assert_eq!(operation.state, OperationState::Failed);
    let error = operation.orders[0].error.clone().unwrap();
    assert_eq!(
        (error.stage.as_str(), error.class.as_str()),
        ("dns-write", "configuration")
    );
    assert!(error.remedy.is_some(), "{error:?}");
    assert!(!error.message.contains("d3Jv"), "{error:?}");
    let slot = world.first_key("bad").await;
    assert_eq!(slot.failures, 1);
    let wait = world.console.now().duration_until(slot.retry_at.unwrap());
    assert!(wait >= SignedDuration::from_hours(23), "{wait}");
    for _ in 0..3 {
        world.console.wake_tasks();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(orders_made(&world, "bad").await, 1);

    // The failed order's row of the journal goes once its provider can be used; here it never wrote anything.
    dns::map_domain(&world.console, &actor(), &domain, "dns")
        .await
        .unwrap();
    world.generation("bad", 1).await;
    assert_eq!(orders_made(&world, "bad").await, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_directory_leaves_no_vendor_behind() {
    let world = World::start().await;
    let url = format!("https://127.0.0.1:{}/directory", free_port());
    let vendor = ca_vendor("nowhere", url, world.ca.tls_root_pem());

    let error = vendors::add_vendor(&world.console, &actor(), vendor)
        .await
        .unwrap_err();

    let problem = error.to_problem();
    assert_eq!(problem.code, "ca_vendor.failed");
    assert!(
        problem.remedy.is_some() && problem.detail.contains("refused"),
        "{problem:?}"
    );
    assert!(vendors::show(&world.console, "nowhere").await.is_err());
    assert_eq!(vendors::list(&world.console).await.unwrap().len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_outage_is_waited_out_by_the_ladder() {
    let state = tempfile::tempdir().unwrap();
    let port = free_port();
    let listen = ([127, 0, 0, 1], port).into();
    let path = state.path().to_owned();
    let mut world = World::with_ca(|config| evercert_ca::CaConfig {
        listen,
        state_dir: Some(path.clone()),
        ..config
    })
    .await;
    let restarted = evercert_ca::CaConfig {
        listen,
        state_dir: Some(path.clone()),
        ..ca_config(&world.clock, world.dns.local_addr())
    };
    let placeholder = LocalCa::start(ca_config(&world.clock, world.dns.local_addr()))
        .await
        .unwrap();
    std::mem::replace(&mut world.ca, placeholder)
        .shutdown()
        .await;

    let operation = world.issue(wanted("www", &["www.example.test"])).await;

    let error = operation.orders[0].error.clone().unwrap();
    assert_eq!(error.class, "ca_outage", "{error:?}");
    assert!(error.remedy.is_some(), "{error:?}");
    let wait = world
        .console
        .now()
        .duration_until(world.first_key("www").await.retry_at.unwrap());
    // Times are kept in whole seconds.
    assert!(
        wait >= SignedDuration::from_secs(59) && wait <= SignedDuration::from_secs(67),
        "{wait}"
    );

    world.ca = LocalCa::start(restarted).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(2));
    world.console.wake_tasks();
    let slot = world.generation("www", 1).await;
    assert_eq!((slot.failures, slot.retry_at), (0, None));
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unmapped_domain_is_pointed_at_and_nothing_is_saved() {
    let world = World::start().await;

    let request = wanted("lost", &["www.example.test", "www.elsewhere.test"]);
    let error = request::request_issue(&world.console, &actor(), request)
        .await
        .unwrap_err();

    let problem = error.to_problem();
    assert_eq!(problem.code, "domain.unmapped");
    assert_eq!(problem.pointer.as_deref(), Some("/domains/1"));
    assert!(problem.remedy.unwrap().contains("www.elsewhere.test"));
    assert!(certificates::show(&world.console, "lost").await.is_err());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_name_carries_the_words_of_the_ca() {
    let world = World::with_ca(|config| evercert_ca::CaConfig {
        rejected_domains: vec!["no.example.test".parse().unwrap()],
        ..config
    })
    .await;

    let operation = world.issue(wanted("no", &["www.no.example.test"])).await;

    let error = operation.orders[0].error.clone().unwrap();
    assert_eq!(
        (error.stage.as_str(), error.class.as_str()),
        ("order", "configuration")
    );
    let problem = error.problem.unwrap();
    assert_eq!(
        problem["type"],
        "urn:ietf:params:acme:error:rejectedIdentifier"
    );
    assert_eq!(
        last_error(&world, "no").await.code,
        "acme.new_order.rejectedIdentifier"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_the_ca_does_not_see_are_withdrawn_all_the_same() {
    let elsewhere = World::start().await;
    let seen = elsewhere.dns.local_addr();
    let world = World::with_ca(|config| evercert_ca::CaConfig {
        resolver: evercert_ca::ValidationDns::Server(seen),
        ..config
    })
    .await;

    let operation = world
        .issue(wanted("unseen", &["unseen.example.test"]))
        .await;

    let error = operation.orders[0].error.clone().unwrap();
    assert_eq!(
        (error.stage.as_str(), error.class.as_str()),
        ("validation", "validation")
    );
    assert!(error.message.contains("unseen.example.test"), "{error:?}");
    world.tidy().await;
    world.stop().await;
    elsewhere.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_removed_is_removed_later() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    world.tidy().await;
    let provider = world
        .console
        .db
        .dns_provider_by_name("dns")
        .await
        .unwrap()
        .unwrap();
    let order = evercert_types::OrderId::new();
    world
        .dns
        .add(
            "_acme-challenge.old.example.test",
            &evercert_dns::server::RecordData::Txt("ours".to_owned()),
        )
        .unwrap();
    world
        .dns
        .add(
            "_acme-challenge.old.example.test",
            &evercert_dns::server::RecordData::Txt("not ours".to_owned()),
        )
        .unwrap();
    let mut tx = world.console.db.begin_write().await.unwrap();
    tx.journal_intent(
        order,
        provider.id,
        "_acme-challenge.old.example.test",
        "ours",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();

    world.console.wake_tasks();

    eventually("our value is gone", LIMIT, async || {
        let left = world.dns.txt("_acme-challenge.old.example.test");
        (left == ["not ours"]).then_some(())
    })
    .await;
    world.stop().await;
}
