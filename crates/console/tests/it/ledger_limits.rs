//! The ledger end to end: no CA limit is met, waits are said and survive a restart, refusals are learnt from.

use evercert_api::operations::OperationState;
use evercert_console::lifecycle::change;
use evercert_testkit::acme_stub::{
    Ari, AriWindow, Endpoint, Failure, LimitKind, Pause, RateLimit, StubOptions,
};
use evercert_testkit::eventually;
use jiff::SignedDuration;

use crate::quirk_world::{QuirkWorld, error_of};
use crate::world::{LIMIT, actor, ended, wanted};

const DOMAIN: &str = "certificates_per_registered_domain";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_waits_for_the_ledger_and_never_meets_the_cas_limit() {
    let world = QuirkWorld::like(StubOptions::lets_encrypt()).await;
    world
        .set_limits(&[(DOMAIN, 2, 600), ("new_orders_per_account", 300, 36)])
        .await;
    for n in 0..2 {
        let operation = world
            .issue(&format!("c{n}"), &[&format!("c{n}.example.test")])
            .await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }

    let id = world.request(wanted("c2", &["c2.example.test"])).await;
    let error = world.waiting(id).await;

    assert_eq!(
        (
            error.stage.as_str(),
            error.code.as_str(),
            error.class.as_str()
        ),
        (
            "rate-limit",
            "limit.certificates_per_registered_domain",
            "transient"
        )
    );
    assert!(error.message.contains("example.test"), "{error:?}");
    assert_eq!(world.first_key("c2").await.failures, 0);
    assert_eq!(world.asked(Endpoint::NewOrder), 2);
    let report = world.limits().await;
    let line = report
        .limits
        .iter()
        .find(|line| line.kind == DOMAIN)
        .unwrap();
    assert_eq!(
        (line.subject.as_str(), line.used, line.left),
        ("example.test", 2, 0)
    );
    assert!(line.next_at.is_some() && line.own);
    assert_eq!(report.waiting[0].certificate, "c2");
    assert!(report.waiting[0].reason.contains("example.test"));

    let world = world.restart().await;
    world.advance(SignedDuration::from_secs(60));
    assert_eq!(world.asked(Endpoint::NewOrder), 2);
    world.advance(SignedDuration::from_secs(600));
    world.generation("c2", 1).await;
    assert_eq!(
        ended(&world.console, id).await.state,
        OperationState::Succeeded
    );
    let told = world.log("c2").await;
    let waits = told
        .iter()
        .filter(|(kind, _)| kind == "order.waiting")
        .count();
    assert!(waits >= 1 && told.iter().all(|(kind, _)| kind != "order.failed"));
    for kind in [LimitKind::CertificatesPerDomain, LimitKind::Orders] {
        assert_eq!(world.control().refused(kind), 0);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewals_of_the_same_names_and_those_by_ari_are_exempt() {
    let world = QuirkWorld::like(StubOptions::lets_encrypt()).await;
    let set = "certificates_per_exact_set";
    world
        .set_limits_but(&[
            (DOMAIN, 1, 600_000, &["ari", "renewal"]),
            (set, 2, 600_000, &["ari"]),
        ])
        .await;
    world.issue("www", &["www.example.test"]).await;

    let second = world.renew("www").await;

    assert_eq!(
        second.state,
        OperationState::Succeeded,
        "same set: {second:#?}"
    );
    let line = |report: &evercert_api::ca_vendors::LimitsReport, kind: &str| {
        let line = report.limits.iter().find(|line| line.kind == kind).unwrap();
        (line.used, line.left)
    };
    let report = world.limits().await;
    assert_eq!(
        (line(&report, DOMAIN), line(&report, set)),
        ((1, 0), (2, 0))
    );

    // The set is used up, but inside the window of the version in force nothing counts.
    let now = world.console.now();
    let window = AriWindow {
        start: now - SignedDuration::from_mins(1),
        end: now + SignedDuration::from_hours(48),
        explanation: None,
        retry_after: None,
    };
    let end = window.end;
    world
        .control()
        .switch(|switches| switches.ari = Ari::Fixed(window));
    world.advance(SignedDuration::from_hours(24));
    eventually("the window is known", LIMIT, async || {
        let certificate = world.console.db.certificate_by_name("www").await.unwrap()?;
        let slots = world.console.db.slots(certificate.id).await.unwrap();
        let ari = slots[0].ari.as_ref()?;
        (ari.end.as_second() == end.as_second()).then_some(())
    })
    .await;
    world.advance(SignedDuration::from_hours(23));
    world.generation("www", 3).await;
    assert_eq!(world.control().refused(LimitKind::ExactSet), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_ca_says_of_a_limit_stands_for_all_orders_and_after_a_restart() {
    let world = QuirkWorld::start().await;
    world.control().switch(|switches| {
        switches.rate_limit = Some(RateLimit {
            kind: LimitKind::CertificatesPerDomain,
            retry_after: std::time::Duration::from_secs(7_200),
            count: 1,
        });
    });

    let first = world.request(wanted("a", &["a.example.test"])).await;
    let refused = world.waiting(first).await;

    assert_eq!(refused.code, "acme.new_order.rateLimited", "{refused:?}");
    assert_eq!(refused.class, "transient");
    assert!(refused.problem.is_some());
    let second = world.request(wanted("b", &["b.example.test"])).await;
    let waits = world.waiting(second).await;
    assert_eq!(waits.code, "limit.certificates_per_registered_domain");
    assert_eq!(world.asked(Endpoint::NewOrder), 1);

    let world = world.restart().await;
    world.advance(SignedDuration::from_hours(1));
    let held = world.limits().await;
    assert!(held.limits.iter().any(|line| line.held_until.is_some()));
    assert_eq!(held.waiting.len(), 2);
    assert_eq!(world.asked(Endpoint::NewOrder), 1);
    world.advance(SignedDuration::from_mins(75));
    world.generation("a", 1).await;
    world.generation("b", 1).await;
    assert_eq!(world.asked(Endpoint::NewOrder), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_name_shows_the_unpause_link_and_is_not_asked_for_again() {
    let world = QuirkWorld::start().await;
    world.control().switch(|switches| {
        switches.paused = Some(Pause {
            unpause_url: "https://ca.example/unpause?jwt=abc".to_owned(),
            names: ["www.example.test".to_owned()].into(),
        });
    });

    let operation = world.issue("www", &["www.example.test"]).await;

    let error = error_of(&operation);
    assert_eq!(error.class, "configuration");
    let remedy = error.remedy.unwrap();
    assert!(
        remedy.contains("https://ca.example/unpause?jwt=abc"),
        "{remedy}"
    );
    let names = world.limits().await.names;
    assert_eq!(
        names[0].unpause_url.as_deref(),
        Some("https://ca.example/unpause?jwt=abc")
    );
    let other = world
        .issue("other", &["www.example.test", "b.example.test"])
        .await;
    let error = error_of(&other);
    assert_eq!(error.code, "acme.paused");
    assert!(error.remedy.unwrap().contains("unpause?jwt=abc"));
    assert_eq!(world.asked(Endpoint::NewOrder), 1);

    // Unpaused at the CA's page: an operator goes on at once, and a success ends it.
    world.control().switch(|switches| switches.paused = None);
    assert_eq!(world.renew("www").await.state, OperationState::Succeeded);
    assert_eq!(world.limits().await.names, []);
    assert_eq!(world.renew("other").await.state, OperationState::Succeeded);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_fails_again_and_again_is_left_alone() {
    let world = QuirkWorld::start().await;
    // A tenth of it is ours.
    world
        .set_limits(&[("consecutive_failures_per_name", 20, 86_400)])
        .await;
    let wrong = Failure {
        kind: "unauthorized".to_owned(),
        detail: "Incorrect TXT record".to_owned(),
    };
    world.control().switch(|switches| {
        switches
            .failing_names
            .insert("bad.example.test".to_owned(), wrong);
    });
    let first = world
        .issue("www", &["bad.example.test", "good.example.test"])
        .await;
    let error = error_of(&first);
    assert_eq!(
        (error.stage.as_str(), error.class.as_str()),
        ("validation", "validation")
    );
    assert_eq!(
        world.limits().await.names.len(),
        1,
        "only the bad name counts"
    );

    world.advance(SignedDuration::from_mins(2));
    eventually("the second failure", LIMIT, async || {
        (world.first_key("www").await.failures == 2).then_some(())
    })
    .await;
    world.advance(SignedDuration::from_mins(12));
    eventually("the third try", LIMIT, async || {
        (world.first_key("www").await.failures == 3).then_some(())
    })
    .await;

    let error = world.first_key("www").await.last_error.unwrap();
    assert_eq!(error.code, "limit.name_left_alone");
    assert!(error.remedy.unwrap().contains("bad.example.test"));
    assert_eq!(world.asked(Endpoint::NewOrder), 2);
    assert!(world.limits().await.names[0].left_alone_until.is_some());

    // A day later one order may try; it succeeds, and the name is as good as any.
    world
        .control()
        .switch(|switches| switches.failing_names.clear());
    world.advance(SignedDuration::from_hours(27));
    world.generation("www", 1).await;
    assert_eq!(world.limits().await.names, []);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_orders_are_under_way_at_a_frail_ca() {
    let world = QuirkWorld::start().await;
    world.set_limits(&[("orders_at_once", 1, 5)]).await;
    let endless = evercert_testkit::acme_stub::Finalize::Processing {
        looks: 1,
        retry_after: Some(std::time::Duration::from_secs(300)),
    };
    world
        .control()
        .switch(|switches| switches.finalize = endless);
    let first = world.request(wanted("a", &["a.example.test"])).await;
    world.waiting(first).await;

    let second = world.request(wanted("b", &["b.example.test"])).await;
    let waits = world.waiting(second).await;

    assert_eq!(waits.code, "limit.orders_at_once");
    assert_eq!(world.asked(Endpoint::NewOrder), 1);
    let report = world.limits().await;
    let line = report
        .limits
        .iter()
        .find(|line| line.kind == "orders_at_once")
        .unwrap();
    assert_eq!((line.used, line.left), (1, 0));
    assert_eq!(
        world.patiently(first).await.state,
        OperationState::Succeeded
    );
    assert_eq!(
        world.patiently(second).await.state,
        OperationState::Succeeded
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_and_requesting_again_does_not_forget_what_was_issued() {
    let world = QuirkWorld::start().await;
    world
        .set_limits(&[("certificates_per_exact_set", 2, 120_960)])
        .await;
    for _ in 0..2 {
        world.issue("www", &["www.example.test"]).await;
        change::delete(&world.console, &actor(), "www")
            .await
            .unwrap();
    }

    let id = world.request(wanted("www", &["www.example.test"])).await;

    assert_eq!(
        world.waiting(id).await.code,
        "limit.certificates_per_exact_set"
    );
    assert_eq!(world.control().issued(), 2);
    world.stop().await;
}
