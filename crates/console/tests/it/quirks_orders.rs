//! What real CAs do with orders, authorizations, polls and chains, end to end.

use std::time::Duration;

use evercert_api::operations::OperationState;
use evercert_testkit::acme_stub::{
    Answer, Authz, ChainOrder, Endpoint, Failure, Finalize, LimitKind, LineEnds, Nonce, OrderLists,
    RateLimit, Replaces, RootInChain, Switches,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::quirk_world::{QuirkWorld, error_of};
use crate::world::wanted;

/// A certificate is issued at a CA switched like this.
async fn issued_by(change: impl FnOnce(&mut Switches)) -> QuirkWorld {
    let world = QuirkWorld::with(change).await;
    let operation = world
        .issue("www", &["www.example.test", "*.example.test"])
        .await;
    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_validated_beforehand_need_no_challenge() {
    let world = issued_by(|switches| switches.authz = Authz::Valid).await;

    assert_eq!(world.asked(Endpoint::Challenge), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_of_the_cas_own_kind_is_passed_over() {
    let world = issued_by(|switches| switches.authz = Authz::VendorChallenge).await;

    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_bad_nonces_is_ridden_out() {
    let world = issued_by(|switches| switches.nonce = Nonce::Reject(8)).await;

    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_a_list_of_orders_is_good_enough() {
    let world = issued_by(|switches| switches.order_lists = OrderLists::Absent).await;

    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_with_crlf_the_wrong_order_and_its_root_is_put_right() {
    let world = issued_by(|switches| {
        switches.chain.intermediates = 2;
        switches.chain.order = ChainOrder::TopDown;
        switches.chain.line_ends = LineEnds::Crlf;
        switches.chain.root = RootInChain::Included;
    })
    .await;

    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processing_for_minutes_is_waited_out_by_the_same_order_after_a_restart() {
    let world = QuirkWorld::with(|switches| {
        switches.finalize = Finalize::Processing {
            looks: 2,
            retry_after: Some(Duration::from_secs(300)),
        };
    })
    .await;
    let id = world.request(wanted("www", &["www.example.test"])).await;
    let waits = world.waiting(id).await;
    assert_eq!(
        (waits.stage.as_str(), waits.class.as_str()),
        ("finalize", "transient")
    );

    let world = world.restart().await;
    let operation = world.patiently(id).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert_eq!(world.asked(Endpoint::NewOrder), 1);
    assert_eq!(world.asked(Endpoint::Finalize), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_that_asks_to_come_back_in_a_day_is_looked_at_within_minutes() {
    let world = QuirkWorld::with(|switches| {
        switches.finalize = Finalize::Processing {
            looks: 1,
            retry_after: Some(Duration::from_secs(86_400)),
        };
    })
    .await;
    let id = world.request(wanted("www", &["www.example.test"])).await;
    world.waiting(id).await;

    world.advance(SignedDuration::from_mins(11));

    world.generation("www", 1).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaces_is_never_a_reason_to_fail() {
    for refusal in [Replaces::Conflict, Replaces::Forbidden, Replaces::NotFound] {
        let world = QuirkWorld::like(evercert_testkit::acme_stub::StubOptions {
            switches: Switches {
                ari: evercert_testkit::acme_stub::Ari::Computed,
                ..Switches::default()
            },
            ..Default::default()
        })
        .await;
        world.issue("www", &["www.example.test"]).await;
        world
            .control()
            .switch(|switches| switches.replaces = refusal);
        world.control().forget_requests();

        let renewed = world.renew("www").await;

        assert_eq!(
            renewed.state,
            OperationState::Succeeded,
            "{refusal:?}: {renewed:#?}"
        );
        let asked = world.control().requests_to(Endpoint::NewOrder);
        let named: Vec<bool> = asked
            .iter()
            .map(|one| one.payload["replaces"].is_string())
            .collect();
        assert_eq!(named, [true, false], "{refusal:?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_name_is_named_and_none_is_dropped() {
    let world = QuirkWorld::start().await;
    let refusal = json!({
        "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Some names are refused",
        "subproblems": [{
            "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Forbidden by policy",
            "identifier": {"type": "dns", "value": "bad.example.test"},
        }],
    });
    let answer = Answer::json(400, &refusal).header("content-type", "application/problem+json");
    world.control().queue(Endpoint::NewOrder, answer);

    let operation = world
        .issue("www", &["good.example.test", "bad.example.test"])
        .await;

    let error = error_of(&operation);
    assert_eq!(error.class, "configuration");
    assert!(
        error
            .message
            .contains("bad.example.test: Forbidden by policy"),
        "{error:?}"
    );
    let remedy = error.remedy.unwrap();
    assert!(
        remedy.contains("bad.example.test") && !remedy.contains("good."),
        "{remedy}"
    );
    assert_eq!(world.asked(Endpoint::NewOrder), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_429_without_a_problem_holds_every_order_of_the_vendor() {
    let world = QuirkWorld::with(|switches| {
        switches.rate_limit = Some(RateLimit {
            kind: LimitKind::Storm,
            retry_after: Duration::from_secs(86_400),
            count: 0,
        });
    })
    .await;
    let storm = Answer::html(429).retry_after(Duration::from_secs(86_400));
    world.control().queue(Endpoint::NewOrder, storm);
    let first = world.request(wanted("a", &["a.example.test"])).await;
    assert_eq!(
        world.waiting(first).await.code,
        "acme.new_order.http_status"
    );

    let second = world.request(wanted("b", &["b.example.test"])).await;

    assert_eq!(world.waiting(second).await.code, "limit.everything");
    assert_eq!(world.asked(Endpoint::NewOrder), 1);
    world.advance(SignedDuration::from_mins(65));
    world.generation("b", 1).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_by_caa_is_a_failed_validation_in_the_cas_words() {
    let world = QuirkWorld::start().await;
    let wrong = Failure {
        kind: "caa".to_owned(),
        detail: "CAA record forbids issuance".to_owned(),
    };
    world.control().switch(|switches| {
        switches
            .failing_names
            .insert("bad.example.test".to_owned(), wrong);
    });

    let operation = world.issue("www", &["bad.example.test"]).await;

    let error = error_of(&operation);
    assert_eq!(
        (error.stage.as_str(), error.class.as_str()),
        ("validation", "validation")
    );
    assert!(
        error.message.contains("CAA record forbids issuance"),
        "{error:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_proxy_and_503_without_words_are_an_outage() {
    for answer in [Answer::html(502), Answer::new(503, "")] {
        let world = QuirkWorld::start().await;
        world.control().always(Endpoint::NewOrder, answer);

        let operation = world.issue("www", &["www.example.test"]).await;

        let error = error_of(&operation);
        assert_eq!(
            (error.stage.as_str(), error.class.as_str()),
            ("order", "ca_outage")
        );
        world.control().heal();
        world.advance(SignedDuration::from_mins(2));
        world.generation("www", 1).await;
        world.stop().await;
    }
}
