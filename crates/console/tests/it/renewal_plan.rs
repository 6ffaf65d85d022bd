//! Plans as people see and steer them: reasons, settings, maintenance windows, the calendar.

use evercert_api::certificates::CertificateChange;
use evercert_api::renewals::{Answer, Bucket, RenewalSettings};
use evercert_console::lifecycle::renewals::{self, CalendarQuery, RenewalQuery};
use evercert_console::lifecycle::{certificates, request};
use evercert_testkit::acme_stub::{Answer as StubAnswer, Ari, Endpoint, StubOptions};
use evercert_types::RenewalMode;
use jiff::SignedDuration;

use crate::lab::Lab;
use crate::world::{actor, wanted};

async fn lab() -> Lab {
    let mut options = StubOptions::lets_encrypt();
    options.switches.ari = Ari::Off;
    Lab::start(options, None).await
}

async fn change(lab: &Lab, name: &str, change: CertificateChange) {
    certificates::change(&lab.console, &actor(), name, change)
        .await
        .unwrap();
    lab.catch_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_says_when_it_is_renewed_and_what_every_rule_said() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;

    let renewal = lab.renewal("www").await;

    assert_eq!(renewal.reason, "lifetime_fraction");
    assert!(
        renewal.words.contains("a third of its lifetime"),
        "{}",
        renewal.words
    );
    let window = renewal.window.unwrap();
    let due = renewal.due_at.unwrap();
    assert!(window.earliest <= due && due <= window.latest);
    assert!(renewal.safety_limit.unwrap() > due);
    let deciding: Vec<_> = renewal
        .rules
        .iter()
        .filter(|rule| rule.answer == Answer::Decides)
        .collect();
    assert_eq!(deciding.len(), 1);
    assert_eq!(renewal.blocked_by, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendors_days_can_be_changed_and_everything_is_planned_anew() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    let db = &lab.console.db;
    let mut vendor = db.vendor_by_name("local").await.unwrap().unwrap();
    vendor.renew_before = Some(SignedDuration::from_hours(7 * 24));
    let mut tx = db.begin_write().await.unwrap();
    tx.update_vendor(&vendor, None).await.unwrap();
    tx.commit().await.unwrap();
    lab.catch_up().await;

    let renewal = lab.renewal("www").await;

    assert_eq!(renewal.reason, "renew_before");
    let active = lab.show("www").await.keys.remove(0).active.unwrap();
    let left = renewal.due_at.unwrap().duration_until(active.not_after);
    let week = SignedDuration::from_hours(7 * 24);
    assert!(
        left >= week && left <= week + SignedDuration::from_hours(24),
        "{left}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manual_and_paused_certificates_say_that_they_are() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    let manual = CertificateChange {
        renewal_mode: Some(RenewalMode::Manual),
        ..CertificateChange::default()
    };
    change(&lab, "www", manual).await;
    let renewal = lab.renewal("www").await;
    assert_eq!((renewal.due_at, renewal.reason.as_str()), (None, "manual"));
    assert_eq!(renewal.blocked_by.unwrap().reason, "manual");

    let paused = CertificateChange {
        renewal_mode: Some(RenewalMode::Automatic),
        paused: Some(true),
        ..CertificateChange::default()
    };
    change(&lab, "www", paused).await;
    assert_eq!(
        lab.renewal("www").await.blocked_by.unwrap().reason,
        "paused"
    );
    lab.pass(SignedDuration::from_hours(24 * 70)).await;
    assert_eq!(lab.generation("www").await, 1);

    let resumed = CertificateChange {
        paused: Some(false),
        ..CertificateChange::default()
    };
    change(&lab, "www", resumed).await;
    assert_eq!(lab.generation("www").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_maintenance_window_of_the_console_or_the_certificate_is_kept() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    lab.issue("own", "own.a.test").await;
    let settings = RenewalSettings {
        maintenance: Some("Sat,Sun 02:00-05:00 Europe/Zurich".to_owned()),
        safety_limit: None,
    };
    renewals::save_settings(&lab.console, &actor(), settings)
        .await
        .unwrap();
    let own = CertificateChange {
        maintenance: Some(Some("daily 22:00-23:00".to_owned())),
        ..CertificateChange::default()
    };
    change(&lab, "own", own).await;

    let renewal = lab.renewal("www").await;
    let zurich = jiff::tz::TimeZone::get("Europe/Zurich").unwrap();
    let local = zurich.to_datetime(renewal.due_at.unwrap());
    assert!(["Saturday", "Sunday"].contains(&local.strftime("%A").to_string().as_str()));
    assert!((2..5).contains(&local.hour()), "{local}");
    assert!(renewal.maintenance.unwrap().kept);
    let renewal = lab.renewal("own").await;
    assert_eq!(renewal.due_at.unwrap().strftime("%H").to_string(), "22");

    let back = CertificateChange {
        maintenance: Some(None),
        ..CertificateChange::default()
    };
    change(&lab, "own", back).await;
    let window = lab.renewal("own").await.maintenance.unwrap().window;
    assert_eq!(window, "Sat,Sun 02:00-05:00 Europe/Zurich");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_cannot_be_read_is_pointed_at() {
    let lab = lab().await;
    for (settings, pointer) in [
        (
            RenewalSettings {
                maintenance: Some("Caturday 02:00-05:00".to_owned()),
                safety_limit: None,
            },
            "/maintenance",
        ),
        (
            RenewalSettings {
                maintenance: None,
                safety_limit: Some("soon".to_owned()),
            },
            "/safety_limit",
        ),
    ] {
        let refused = renewals::save_settings(&lab.console, &actor(), settings).await;
        let problem = refused.unwrap_err().to_problem();
        assert_eq!(problem.pointer.as_deref(), Some(pointer), "{problem:?}");
    }
    let kept = renewals::settings(&lab.console).await.unwrap();
    assert_eq!(kept, RenewalSettings::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_renewal_says_what_blocks_it() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    let down = StubAnswer::problem(403, "unauthorized", "no");
    lab.control().always(Endpoint::NewOrder, down);
    lab.pass(SignedDuration::from_hours(24 * 61)).await;

    let renewal = lab.renewal("www").await;

    assert!(renewal.due_at.unwrap() <= lab.now());
    let block = renewal.blocked_by.unwrap();
    assert_eq!(block.reason, "back_off", "{block:?}");
    assert!(renewal.retry_at.unwrap() > lab.now());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calendar_counts_what_is_planned_and_names_it() {
    let lab = lab().await;
    for number in 0..5 {
        let name = format!("c{number}");
        lab.request(wanted(&name, &[&format!("{name}.a.test")]))
            .await;
    }
    lab.catch_up().await;
    let query = CalendarQuery {
        to: Some(lab.now() + SignedDuration::from_hours(24 * 70)),
        names: 2,
        ..CalendarQuery::default()
    };
    let calendar = renewals::calendar(&lab.console, &query).await.unwrap();
    assert_eq!((calendar.total, calendar.overdue), (5, 0));
    assert!((70..=72).contains(&calendar.buckets.len()));
    let counts: u64 = calendar.buckets.iter().map(|bucket| bucket.count).sum();
    assert_eq!(counts, 5);
    assert!(
        calendar
            .buckets
            .iter()
            .all(|bucket| bucket.names.len() as u64 == bucket.count.min(2))
    );
    assert!(calendar.level_per_hour > 0.0);

    let hours = CalendarQuery {
        bucket: Bucket::Hour,
        ..query.clone()
    };
    let by_hour = renewals::calendar(&lab.console, &hours).await.unwrap();
    assert_eq!(by_hour.total, 5);
    let too_much = CalendarQuery {
        to: Some(lab.now() + SignedDuration::from_hours(24 * 400)),
        ..hours
    };
    assert!(renewals::calendar(&lab.console, &too_much).await.is_err());

    let all = RenewalQuery {
        limit: 3,
        ..RenewalQuery::default()
    };
    let first = renewals::list(&lab.console, &all).await.unwrap();
    let second = RenewalQuery {
        cursor: first.next.clone(),
        ..all
    };
    let second = renewals::list(&lab.console, &second).await.unwrap();
    assert_eq!(
        (first.items.len(), second.items.len(), second.next),
        (3, 2, None)
    );
    assert!(first.items.last().unwrap().due_at <= second.items[0].due_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_terms_are_ordered_without_waiting_for_expiry() {
    let lab = lab().await;
    lab.issue("www", "www.a.test").await;
    let db = &lab.console.db;
    let mut certificate = db.certificate_by_name("www").await.unwrap().unwrap();
    certificate.names.push("more.a.test".parse().unwrap());
    let mut tx = db.begin_write().await.unwrap();
    tx.update_certificate(&certificate).await.unwrap();
    tx.commit().await.unwrap();

    lab.catch_up().await;

    assert_eq!(lab.generation("www").await, 2);
    assert_eq!(lab.last_reason("www").await, "changed");
    // And only once.
    lab.pass(SignedDuration::from_hours(48)).await;
    assert_eq!(lab.generation("www").await, 2);
    let refused = request::renew(&lab.console, &actor(), "www", request::Renewal::IfDue).await;
    assert!(refused.unwrap_err().to_problem().detail.contains("not due"));
}
