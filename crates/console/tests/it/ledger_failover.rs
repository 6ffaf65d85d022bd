//! Fail-over: a second vendor stands in for a CA that is down, and for nothing else.

use evercert_console::lifecycle::certificates;
use evercert_testkit::acme_stub::{AcmeStub, Answer, Endpoint, Failure, StubOptions};
use evercert_testkit::eventually;
use jiff::SignedDuration;

use crate::quirk_world::QuirkWorld;
use crate::world::{LIMIT, ended, wanted};

async fn second_vendor(world: &QuirkWorld) -> AcmeStub {
    let second = AcmeStub::start(StubOptions {
        clock: world.clock.clone(),
        ..StubOptions::default()
    })
    .await
    .unwrap();
    let (url, bundle) = (second.directory_url(), second.ca_bundle_pem());
    world.add_vendor("second", &url, bundle).await;
    second
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_vendor_stands_in_for_one_that_is_down_and_the_first_comes_back() {
    let world = QuirkWorld::start().await;
    let second = second_vendor(&world).await;
    let down = Answer::problem(500, "serverInternal", "The service is down");
    world.control().always(Endpoint::NewOrder, down);
    let mut request = wanted("www", &["www.example.test"]);
    request.failover = Some("second".to_owned());
    let id = world.request(request).await;
    ended(&world.console, id).await;
    assert_eq!(second.control().issued(), 0, "one failure is not enough");

    eventually("the stand-in has issued", LIMIT, async || {
        let slot = world.first_key("www").await;
        if slot.active.is_some() {
            return Some(());
        }
        world.advance(SignedDuration::from_secs(20));
        None
    })
    .await;

    assert_eq!(second.control().issued(), 1);
    assert!(
        world.asked(Endpoint::NewOrder) >= 3,
        "its own vendor had its tries"
    );
    let shown = certificates::show(&world.console, "www").await.unwrap();
    assert_eq!(shown.vendor.as_deref(), Some("local"));
    let told = world.log("www").await;
    let said = |words: &str| told.iter().any(|(_, message)| message.contains(words));
    assert!(said("own CA vendor does not deliver"), "{told:#?}");

    world.control().heal();
    world.renew("www").await;
    world.generation("www", 2).await;
    assert_eq!(
        (world.control().issued(), second.control().issued()),
        (1, 1)
    );
    let newest = world.control().requests_to(Endpoint::NewOrder);
    assert!(newest.last().unwrap().payload["replaces"].is_null());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_stands_in_for_a_name_that_cannot_be_validated() {
    let world = QuirkWorld::start().await;
    let second = second_vendor(&world).await;
    let wrong = Failure {
        kind: "dns".to_owned(),
        detail: "no such name".to_owned(),
    };
    world.control().switch(|switches| {
        switches
            .failing_names
            .insert("www.example.test".to_owned(), wrong);
    });
    let mut request = wanted("www", &["www.example.test"]);
    request.failover = Some("second".to_owned());
    let id = world.request(request).await;
    ended(&world.console, id).await;

    for failures in 2..=3 {
        world.advance(SignedDuration::from_mins(12));
        eventually("the next failure", LIMIT, async || {
            (world.first_key("www").await.failures == failures).then_some(())
        })
        .await;
    }

    let requests = second.control().requests_to(Endpoint::NewOrder);
    assert!(requests.is_empty());
    world.stop().await;
}
