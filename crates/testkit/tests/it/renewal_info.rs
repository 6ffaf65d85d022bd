//! Renewal information: computed, fixed, of one certificate, after an incident.

use std::time::Duration;

use evercert_acme::AcmeError;
use evercert_testkit::acme_stub::{AcmeStub, Ari, AriWindow, StubOptions};
use jiff::{SignedDuration, Timestamp};

use crate::support::{connect, issue_leaf, on_clock, problem, register, with_account};

fn window(start: &str, end: &str) -> AriWindow {
    AriWindow {
        start: start.parse().unwrap(),
        end: end.parse().unwrap(),
        explanation: Some("https://stub.example/why".to_owned()),
        retry_after: Some(Duration::from_secs(60)),
    }
}

#[tokio::test]
async fn the_computed_window_lies_at_two_thirds_or_at_half_of_the_life() {
    let (clock, options) = on_clock(StubOptions::default());
    let stub = AcmeStub::start(options).await.unwrap();
    for (days, part) in [(90, 2.0 / 3.0), (6, 0.5)] {
        stub.control().switch(|switches| {
            switches.ari = Ari::Computed;
            switches.lifetime = SignedDuration::from_hours(24 * days);
        });
        let leaf = issue_leaf(&register(&stub).await, &["a.example"]).await;

        let info = connect(&stub).await.renewal_info(&leaf).await.unwrap();

        let life = leaf
            .not_after()
            .duration_since(leaf.not_before())
            .as_secs_f64();
        let at =
            |instant: Timestamp| instant.duration_since(leaf.not_before()).as_secs_f64() / life;
        let middle = f64::midpoint(at(info.start), at(info.end));
        assert!((middle - part).abs() < 0.001, "{days} days: {middle}");
        assert!((at(info.end) - at(info.start) - 0.02).abs() < 0.001);
        assert_eq!(info.retry_after, Some(Duration::from_secs(6 * 3600)));
        clock.advance(SignedDuration::from_hours(1));
    }
}

#[tokio::test]
async fn windows_can_be_fixed_for_all_or_for_one_certificate() {
    let all = window("2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z");
    let one = window("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z");
    let (stub, account) = with_account(|switches| switches.ari = Ari::Fixed(all.clone())).await;
    let first = issue_leaf(&account, &["a.example"]).await;
    let second = issue_leaf(&account, &["a.example"]).await;
    let id = stub.control().certificates()[1].ari_id.clone();
    stub.control().switch(|switches| {
        switches.ari_of.insert(id.clone(), one.clone());
    });
    let client = connect(&stub).await;

    let of_first = client.renewal_info(&first).await.unwrap();
    let of_second = client.renewal_info(&second).await.unwrap();

    assert_eq!((of_first.start, of_first.end), (all.start, all.end));
    assert_eq!(of_second.start, one.start);
    assert_eq!(of_second.explanation_url, one.explanation);
    assert_eq!(of_second.retry_after, Some(Duration::from_secs(60)));
    assert_eq!(stub.control().window_of(&id), Some(one));
}

#[tokio::test]
async fn an_incident_moves_the_window_into_the_past_and_says_why() {
    let (clock, mut options) = on_clock(StubOptions::default());
    options.switches.ari = Ari::Computed;
    let stub = AcmeStub::start(options).await.unwrap();
    let leaf = issue_leaf(&register(&stub).await, &["a.example"]).await;
    clock.advance(SignedDuration::from_hours(2));
    let now = leaf.not_before() + SignedDuration::from_hours(2);
    let id = stub.control().certificates()[0].ari_id.clone();
    assert!(stub.control().revoke(&id, 4));

    let info = connect(&stub).await.renewal_info(&leaf).await.unwrap();

    assert!(info.end < now, "{info:?}");
    assert!(info.explanation_url.is_some());
}

#[tokio::test]
async fn a_ca_without_it_and_a_senseless_window_are_told_apart() {
    let (stub, account) = with_account(|_| {}).await;
    let leaf = issue_leaf(&account, &["a.example"]).await;
    let none = connect(&stub).await.renewal_info(&leaf).await.unwrap_err();
    assert!(matches!(none, AcmeError::NotOffered { .. }), "{none:?}");

    let backwards = window("2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z");
    stub.control()
        .switch(|switches| switches.ari = Ari::Fixed(backwards));
    let bad = connect(&stub).await.renewal_info(&leaf).await.unwrap_err();
    assert!(matches!(bad, AcmeError::Malformed { .. }), "{bad:?}");

    let (other, _) = with_account(|switches| switches.ari = Ari::Computed).await;
    let unknown = connect(&other).await.renewal_info(&leaf).await;
    assert_eq!(problem(unknown).status, Some(404));
}
