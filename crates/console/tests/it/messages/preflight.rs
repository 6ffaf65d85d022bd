//! The preflight as a check list: good, bad, and leaving nothing behind.

use evercert_api::preflight::{PreflightCheck, PreflightOutcome, PreflightReport};
use evercert_console::lifecycle::preflight;
use evercert_dns::server::RecordData;
use evercert_testkit::acme_stub::Endpoint;
use serde_json::{Value, json};

use super::{Stage, words};

async fn report(stage: &Stage, request: Value) -> PreflightReport {
    let request = serde_json::from_value(request).unwrap();
    preflight::of_request(&stage.console, request)
        .await
        .unwrap()
}

fn check<'a>(report: &'a PreflightReport, name: &str, domain: Option<&str>) -> &'a PreflightCheck {
    let mut checks = report.checks.iter();
    let found = checks.find(|one| one.name == name && one.domain.as_deref() == domain);
    found.unwrap_or_else(|| panic!("no check {name} {domain:?}: {report:#?}"))
}

/// Nothing is ordered, saved or left in the DNS.
async fn assert_untouched(stage: &Stage) {
    assert!(
        stage
            .stub
            .control()
            .requests_to(Endpoint::NewOrder)
            .is_empty()
    );
    assert!(stage.dns.txt_names().is_empty());
    assert_eq!(stage.console.db.journal_size().await.unwrap(), 0);
}

fn caa(value: &str) -> RecordData {
    RecordData::Caa(0, "issue".to_owned(), value.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_wish_passes_every_check_and_leaves_nothing() {
    let stage = Stage::set().await;

    let names = [
        "www.example.test",
        "*.www.example.test",
        "delegated.example.test",
    ];
    stage.map("acme.test", "dns").await;
    let report = report(&stage, json!({"domains": names, "vendor": "local"})).await;

    assert!(report.ok, "{report:#?}");
    assert_eq!((report.failed, report.warnings), (0, 0), "{report:#?}");
    let zone = check(&report, "zone", Some("delegated.example.test"));
    let told = "the record token.acme.test will be written to zone acme.test by dns";
    assert_eq!(zone.detail, told);
    for name in ["directory", "nonce", "account", "clock", "keys"] {
        assert_eq!(check(&report, name, None).outcome, PreflightOutcome::Passed);
    }
    for name in ["mapping", "alias", "leftovers", "write"] {
        let check = check(&report, name, Some("www.example.test"));
        assert_eq!(check.outcome, PreflightOutcome::Passed, "{check:#?}");
    }
    assert_untouched(&stage).await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_fail_is_told_with_its_remedy() {
    let stage = Stage::set().await;
    stage.go_public().await;
    let names = [
        "testdomain",
        "a..b",
        "www.elsewhere.test",
        "co.uk",
        "www.example.test",
    ];

    let report = report(
        &stage,
        json!({"domains": names, "vendor": "local", "profile": "none"}),
    )
    .await;

    assert!(!report.ok);
    let known = |name, domain| check(&report, name, Some(domain)).known_as.as_deref();
    assert_eq!(known("name", "testdomain"), Some(words(2)));
    assert_eq!(known("name", "a..b"), Some(words(5)));
    assert_eq!(
        known("name", "co.uk"),
        Some(
            "Invalid identifiers requested :: Cannot issue for \"co.uk\": Domain name is an ICANN TLD"
        )
    );
    assert_eq!(known("mapping", "www.elsewhere.test"), Some(words(9)));
    assert_eq!(
        check(&report, "profile", None).outcome,
        PreflightOutcome::Failed
    );
    for failed in report
        .checks
        .iter()
        .filter(|one| one.outcome == PreflightOutcome::Failed)
    {
        assert!(
            failed
                .remedy
                .as_ref()
                .is_some_and(|remedy| !remedy.is_empty()),
            "{failed:#?}"
        );
    }
    assert_untouched(&stage).await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caa_aliases_and_leftovers_are_warned_of() {
    let stage = Stage::set().await;
    let (dns, zone) = (&stage.dns, "example.test");
    let text = RecordData::Txt("left over".to_owned());
    dns.add(&format!("_acme-challenge.old.{zone}"), &text)
        .unwrap();
    dns.add(&format!("foreign.{zone}"), &caa("other.example"))
        .unwrap();
    let other = "stub.example; accounturi=https://stub.example/other";
    dns.add(&format!("account.{zone}"), &caa(other)).unwrap();
    dns.add(
        &format!("method.{zone}"),
        &caa("stub.example; validationmethods=http-01"),
    )
    .unwrap();
    dns.add(&format!("fine.{zone}"), &caa("stub.example"))
        .unwrap();
    let cname = |target: &str| RecordData::Cname(target.to_owned());
    dns.add(&format!("*.wild.{zone}"), &cname("www.example.test"))
        .unwrap();
    dns.add(
        &format!("_acme-challenge.gone.{zone}"),
        &cname("x.nowhere.test"),
    )
    .unwrap();
    dns.add(
        &format!("_acme-challenge.loop.{zone}"),
        &cname("_acme-challenge.pool.example.test"),
    )
    .unwrap();
    dns.add(
        &format!("_acme-challenge.pool.{zone}"),
        &cname("_acme-challenge.loop.example.test"),
    )
    .unwrap();
    let names = [
        "old", "foreign", "account", "method", "fine", "wild", "gone", "loop",
    ];
    let names = names.map(|name| format!("{name}.{zone}"));

    let report = report(
        &stage,
        json!({"domains": names, "vendor": "local", "write": false}),
    )
    .await;

    let outcome = |check_name, name: &str| {
        let domain = format!("{name}.{zone}");
        let check = check(&report, check_name, Some(&domain));
        (check.outcome, check.detail.clone())
    };
    let contains = |(outcome, detail): (PreflightOutcome, String), expected, part: &str| {
        assert_eq!(outcome, expected, "{detail}");
        assert!(detail.contains(part), "{detail}");
    };
    use PreflightOutcome::{Failed, Passed, Skipped, Warning};
    contains(outcome("leftovers", "old"), Warning, "left over");
    contains(
        outcome("caa", "foreign"),
        Warning,
        "let only other.example issue, not stub.example",
    );
    contains(
        outcome("caa", "account"),
        Warning,
        "https://stub.example/other",
    );
    contains(outcome("caa", "method"), Warning, "allow only http-01");
    contains(outcome("caa", "fine"), Passed, "allow this CA");
    contains(outcome("alias", "wild"), Warning, "*.wild.example.test");
    contains(outcome("alias", "gone"), Failed, "nobody answers");
    contains(outcome("alias", "loop"), Failed, "does not come to an end");
    contains(outcome("write", "fine"), Skipped, "not asked for");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_is_told_with_the_difference() {
    let stage = Stage::set().await;
    stage.clock.advance(jiff::SignedDuration::from_secs(3_600));

    let report = report(
        &stage,
        json!({"domains": ["www.example.test"], "vendor": "local"}),
    )
    .await;

    let clock = check(&report, "clock", None);
    assert_eq!(clock.outcome, PreflightOutcome::Warning, "{clock:#?}");
    assert!(clock.detail.contains("s ahead of the CA's"), "{clock:#?}");
    // The DNS server does not take what was signed by it.
    let zone = check(&report, "zone", Some("www.example.test"));
    assert_eq!(zone.known_as.as_deref(), Some(words(8)), "{zone:#?}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_certificate_is_tried_and_not_touched() {
    let stage = Stage::set().await;
    stage.issue("www", &["www.example.test"]).await;
    stage.stub.control().forget_requests();
    let before = stage.log("www").await;

    let options = serde_json::from_value(json!({})).unwrap();
    let report = preflight::of_certificate(&stage.console, "www", options).await;

    let report = report.unwrap();
    assert!(report.ok, "{report:#?}");
    assert_eq!(
        check(&report, "store", None).outcome,
        PreflightOutcome::Passed
    );
    assert_eq!(stage.log("www").await, before);
    let other = serde_json::from_value(json!({"vendor": "nowhere", "write": false})).unwrap();
    let report = preflight::of_certificate(&stage.console, "www", other)
        .await
        .unwrap();
    assert_eq!(
        check(&report, "vendor", None).known_as.as_deref(),
        Some(words(14))
    );
    assert!(!report.ok);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_goes_on_with_a_warning_where_caa_stands_against_it() {
    let stage = Stage::set().await;
    stage
        .dns
        .add("caa.example.test", &caa("other.example"))
        .unwrap();

    let operation = stage.issue("www", &["caa.example.test"]).await;

    assert!(operation.orders[0].error.is_none(), "{operation:#?}");
    let log = stage.log("www").await;
    let warning = log
        .iter()
        .find(|entry| entry.kind == "order.preflight")
        .unwrap();
    assert_eq!(warning.level, "warn");
    assert!(
        warning.message.contains("let only other.example issue"),
        "{warning:#?}"
    );
    assert!(
        warning.detail["remedy"]
            .as_str()
            .unwrap()
            .contains("CAA 0 issue \"stub.example\"")
    );
    stage.strike().await;
}
