//! Renewal information (RFC 9773): asked at the CA's pace, believed, and never a reason to fail.

use std::time::Duration;

use evercert_console::lifecycle::{certificates, request};
use evercert_testkit::acme_stub::{Answer, Ari, AriWindow, Control, Endpoint, StubOptions};
use jiff::{SignedDuration, Timestamp};

use crate::lab::Lab;
use crate::world::actor;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn window(start: Timestamp, end: Timestamp) -> AriWindow {
    AriWindow {
        start,
        end,
        explanation: None,
        retry_after: Some(Duration::from_secs(6 * 3_600)),
    }
}

fn tell(control: &Control, window: AriWindow) {
    control.switch(|switches| switches.ari = Ari::Fixed(window));
}

fn questions(lab: &Lab) -> usize {
    lab.control().requests_to(Endpoint::RenewalInfo).len()
}

async fn lab() -> Lab {
    Lab::start(StubOptions::lets_encrypt(), None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ca_is_asked_right_after_issuance_and_then_at_its_pace() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    assert_eq!(questions(&lab), 1);
    let info = lab.renewal("www").await.renewal_info.unwrap();
    let (start, end) = (info.start.unwrap(), info.end.unwrap());
    let chosen = info.chosen.unwrap();
    assert!(start <= chosen && chosen <= end);

    lab.pass(hours(5)).await;
    assert_eq!(questions(&lab), 1);
    lab.pass(hours(1)).await;
    assert_eq!(questions(&lab), 2);
    // The same window: the instant chosen in it stays.
    assert_eq!(
        lab.renewal("www").await.renewal_info.unwrap().chosen,
        Some(chosen)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_until_the_next_question_is_between_a_minute_and_a_day() {
    let lab = lab().await;
    let far = lab.now() + hours(24 * 50);
    for (name, asked, expected) in [
        ("hasty", 1, SignedDuration::from_mins(1)),
        ("lazy", 90 * 86_400, hours(24)),
        ("plain", 3_600, hours(1)),
    ] {
        let mut told = window(far, far + hours(10));
        told.retry_after = Some(Duration::from_secs(asked));
        tell(lab.control(), told);
        lab.issue(name, &format!("{name}.a.test")).await;

        let info = lab.renewal(name).await.renewal_info.unwrap();

        let wait = lab.now().duration_until(info.next_question.unwrap());
        assert!(
            (wait - expected).abs() <= SignedDuration::from_secs(1),
            "{name}: {wait}"
        );
    }
    // Without its word: six hours.
    let mut told = window(far, far + hours(10));
    told.retry_after = None;
    tell(lab.control(), told);
    lab.issue("mute", "mute.a.test").await;
    let info = lab.renewal("mute").await.renewal_info.unwrap();
    let wait = lab.now().duration_until(info.next_question.unwrap());
    assert!(
        (wait - hours(6)).abs() <= SignedDuration::from_secs(1),
        "{wait}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_moves_into_the_past_renews_at_once_and_its_explanation_is_shown() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    let mut incident = window(lab.now() - hours(48), lab.now() - hours(24));
    incident.explanation = Some("https://ca.example/incident/7".to_owned());
    tell(lab.control(), incident);
    lab.clock.advance(hours(7));
    let before = questions(&lab);

    lab.catch_up().await;

    assert!(questions(&lab) > before);
    assert_eq!(lab.generation("www").await, 2);
    assert_eq!(lab.last_reason("www").await, "renewal_info");
    let log = certificates::log(&lab.console, "www", None, 100)
        .await
        .unwrap();
    let change = log
        .items
        .iter()
        .find(|entry| entry.kind == "renewal_info.changed")
        .unwrap();
    assert!(
        change.message.contains("https://ca.example/incident/7"),
        "{}",
        change.message
    );
    let renewal = lab.renewal("www").await;
    let explained = renewal.renewal_info.unwrap().explanation_url;
    assert_eq!(explained.as_deref(), Some("https://ca.example/incident/7"));

    // The CA goes on saying so of the new version: no loop comes of it.
    lab.pass(SignedDuration::from_mins(30)).await;
    assert_eq!(lab.generation("www").await, 2);
    assert!(
        renewal.words.contains("issued just before"),
        "{}",
        renewal.words
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_window_leads_to_a_new_instant() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    let moved = window(lab.now() + hours(24 * 20), lab.now() + hours(24 * 21));
    tell(lab.control(), moved.clone());

    lab.pass(hours(6)).await;

    let renewal = lab.renewal("www").await;
    let chosen = renewal.renewal_info.unwrap().chosen.unwrap();
    assert!(moved.start <= chosen && chosen <= moved.end);
    assert_eq!(
        (renewal.due_at, renewal.reason.as_str()),
        (Some(chosen), "renewal_info")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_ends_before_it_begins_is_no_answer() {
    let lab = lab().await;
    tell(
        lab.control(),
        window(lab.now() + hours(48), lab.now() + hours(24)),
    );
    lab.issue("www", "www.a.test").await;

    let renewal = lab.renewal("www").await;

    assert_eq!(renewal.reason, "lifetime_fraction");
    let info = renewal.renewal_info.unwrap();
    assert_eq!((info.start, info.failures), (None, 1));
    let wait = lab.now().duration_until(info.next_question.unwrap());
    assert!(
        (wait - hours(6)).abs() <= SignedDuration::from_secs(1),
        "{wait}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_that_pass_are_asked_about_ever_later_and_lasting_ones_in_six_hours() {
    let lab = lab().await;
    let down = Answer::problem(500, "serverInternal", "out of order");
    lab.control().always(Endpoint::RenewalInfo, down);
    lab.issue("www", "www.a.test").await;
    let mut waits = Vec::new();
    for _ in 0..8 {
        let info = lab.renewal("www").await.renewal_info.unwrap();
        let wait = lab.now().duration_until(info.next_question.unwrap());
        waits.push((wait.as_secs() + 30) / 60);
        lab.pass(wait.max(SignedDuration::from_secs(1))).await;
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 360, 360]);

    // The local rules plan meanwhile.
    assert_eq!(lab.renewal("www").await.reason, "lifetime_fraction");
    let unknown = Answer::problem(404, "malformed", "no such certificate");
    lab.control().always(Endpoint::RenewalInfo, unknown);
    lab.issue("other", "other.a.test").await;
    let info = lab.renewal("other").await.renewal_info.unwrap();
    let wait = lab.now().duration_until(info.next_question.unwrap());
    assert!(
        (wait - hours(6)).abs() <= SignedDuration::from_secs(1),
        "{wait}"
    );

    lab.control().heal();
    lab.pass(hours(6)).await;
    assert_eq!(lab.renewal("other").await.renewal_info.unwrap().failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overloaded_ca_is_left_alone_for_as_long_as_it_asks() {
    let lab = lab().await;
    let busy = Answer::problem(503, "rateLimited", "busy").retry_after(Duration::from_secs(7_200));
    lab.control().always(Endpoint::RenewalInfo, busy);
    lab.issue("www", "www.a.test").await;

    let info = lab.renewal("www").await.renewal_info.unwrap();

    let wait = lab.now().duration_until(info.next_question.unwrap());
    assert!(
        (wait - hours(2)).abs() <= SignedDuration::from_secs(1),
        "{wait}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_may_move_its_urls() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    lab.control()
        .switch(|switches| switches.prefix = "/v3".to_owned());

    lab.pass(hours(6)).await;

    let info = lab.renewal("www").await.renewal_info.unwrap();
    assert_eq!(info.failures, 0);
    assert!(info.start.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_asks_about_what_was_replaced_or_has_expired() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    let replaced = lab.control().certificates()[0].ari_id.clone();
    let forced = request::Renewal::Forced;
    request::renew(&lab.console, &actor(), "www", forced)
        .await
        .unwrap();
    lab.catch_up().await;
    assert_eq!(lab.generation("www").await, 2);
    lab.control().forget_requests();
    lab.pass(hours(6)).await;
    let asked = lab.control().requests_to(Endpoint::RenewalInfo);
    assert!(
        asked
            .iter()
            .all(|request| !request.path.ends_with(&replaced))
    );
    assert!(!asked.is_empty());

    // Everything fails until it has expired.
    let down = Answer::problem(500, "serverInternal", "out of order");
    lab.control().always(Endpoint::NewOrder, down);
    lab.clock.advance(hours(24 * 91));
    lab.control().forget_requests();
    lab.catch_up().await;
    assert_eq!(questions(&lab), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_windows_that_jump_into_the_past_are_each_renewed_once() {
    let mut options = StubOptions::lets_encrypt();
    options.switches.limits = evercert_testkit::acme_stub::Limits::default();
    let lab = Lab::start(options, None).await;
    // Issued an hour apart, so that they expire one after the other.
    for number in 0..6 {
        lab.issue(&format!("c{number}"), &format!("c{number}.a.test"))
            .await;
        lab.clock.advance(hours(1));
    }
    tell(
        lab.control(),
        window(lab.now() - hours(48), lab.now() - hours(24)),
    );
    lab.control().forget_requests();

    lab.pass(hours(7)).await;

    let orders = lab.control().requests_to(Endpoint::NewOrder);
    assert_eq!(orders.len(), 6);
    for number in 0..6 {
        let name = format!("c{number}");
        assert_eq!(
            (lab.generation(&name).await, lab.last_reason(&name).await),
            (2, "renewal_info".to_owned())
        );
    }
}
