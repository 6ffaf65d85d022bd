//! What DNS providers do: no zone, no permission, no accepted signature, none active.

use evercert_api::dns_providers::DnsProviderChange;
use evercert_console::lifecycle::{dns, request};
use evercert_dns::server::{AuthServer, ServerConfig, ZoneConfig};
use jiff::SignedDuration;

use super::{Stage, assert_answered, assert_said, problem, words};
use crate::world::{TSIG, actor, dns_provider, wanted};

async fn set_active(stage: &Stage, provider: &str, active: bool) {
    let change = DnsProviderChange {
        active: Some(active),
        ..DnsProviderChange::default()
    };
    dns::change_dns_provider(&stage.console, &actor(), provider, change)
        .await
        .unwrap();
}

async fn add(stage: &Stage, name: &str, server: std::net::SocketAddr, tsig: &str) {
    let provider = dns_provider(name, server, tsig);
    dns::add_dns_provider(&stage.console, &actor(), provider)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_05_invalid_domain_name_provided() {
    let stage = Stage::set().await;
    // No name at all: the request is not even read.
    let text = r#"{"name": "x", "domains": ["a..example.test"], "vendor": "local", "store": "zero_touch"}"#;
    let unread = serde_json::from_str::<evercert_api::certificates::IssueRequest>(text);
    let unread = unread.unwrap_err().to_string();
    assert!(unread.starts_with(words(5)), "{unread}");
    assert!(unread.contains("the label \"\" is empty"), "{unread}");

    // A name in a zone that the provider does not hold.
    stage.map("elsewhere.test", "dns").await;
    let error = stage.fails("lost", &["www.elsewhere.test"]).await;

    assert_said(&error, words(5));
    assert_eq!(
        (
            error.stage.as_str(),
            error.class.as_str(),
            error.code.as_str()
        ),
        ("dns-write", "configuration", "dns.zone")
    );
    assert!(error.message.contains("elsewhere.test"), "{error:#?}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_07_error_adding_txt_record() {
    let stage = Stage::set().await;
    let config = ServerConfig {
        zones: vec![ZoneConfig::new("locked.example.test")],
        ..ServerConfig::default()
    };
    let locked = AuthServer::start(config).await.unwrap();
    let mut provider = dns_provider("locked", locked.local_addr(), TSIG);
    provider.settings.remove("key");
    dns::add_dns_provider(&stage.console, &actor(), provider)
        .await
        .unwrap();
    stage.map("locked.example.test", "locked").await;

    let error = stage.fails("locked", &["www.locked.example.test"]).await;

    assert_said(&error, words(7));
    assert_eq!(
        (error.stage.as_str(), error.class.as_str()),
        ("dns-write", "configuration")
    );
    assert!(error.code.starts_with("dns."), "{error:#?}");
    assert!(
        error.message.contains("REFUSED"),
        "the server's answer is shown: {error:#?}"
    );
    assert!(locked.txt_names().is_empty());
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_08_signature_does_not_match() {
    let stage = Stage::set().await;
    // The secret is wrong, the clocks agree.
    let wrong = TSIG.replace("c2Vj", "d3Jv");
    add(&stage, "wrong", stage.dns.local_addr(), &wrong).await;
    stage.map("secret.example.test", "wrong").await;

    let secret = stage.fails("secret", &["www.secret.example.test"]).await;

    assert_said(&secret, words(8));
    assert_eq!(
        (secret.stage.as_str(), secret.code.as_str()),
        ("dns-write", "dns.credentials")
    );
    assert!(secret.message.contains("it is the secret"), "{secret:#?}");
    assert!(!secret.message.contains("d3Jv"), "{secret:#?}");
    assert!(secret.remedy.unwrap().contains("secret"));

    // The DNS server's clock is ahead; ours is right by the CA's.
    stage.dns_clock.advance(SignedDuration::from_secs(700));
    let clock = stage.fails("clock", &["clock.example.test"]).await;

    assert_said(&clock, words(8));
    assert_eq!(clock.code, "dns.clock");
    let theirs = clock.message.contains("s ahead of this host's")
        && clock.message.contains("it is the DNS server's clock");
    assert!(theirs, "{clock:#?}");
    assert!(clock.remedy.unwrap().contains("NTP"));

    // Our own clock is wrong: the CA's date says so, and by how much.
    stage.dns_clock.advance(SignedDuration::from_secs(-700));
    stage.clock.advance(SignedDuration::from_secs(900));
    let ours = stage.fails("ours", &["ours.example.test"]).await;
    assert_said(&ours, words(8));
    let by_ca = "By the date of the CA's answers this host's clock is ";
    assert!(ours.message.contains(by_ca), "{ours:#?}");
    assert!(ours.message.contains("s ahead of the CA's"), "{ours:#?}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_09_missing_a_dns_provider_name() {
    let stage = Stage::set().await;

    let problem = stage
        .is_refused("stray", &["www.example.test", "www.elsewhere.test"])
        .await;

    assert_answered(&problem, words(9));
    assert_eq!(
        (problem.code.as_str(), problem.status),
        ("domain.unmapped", 422)
    );
    assert_eq!(problem.pointer.as_deref(), Some("/domains/1"));
    assert!(
        problem
            .remedy
            .unwrap()
            .contains("evercert domain map www.elsewhere.test")
    );

    // Unmapped later: its renewal stops, with the same words.
    stage.issue("www", &["www.example.test"]).await;
    let zone = "example.test".parse().unwrap();
    dns::unmap_domain(&stage.console, &actor(), &zone)
        .await
        .unwrap();
    stage.pass(SignedDuration::from_hours(24 * 80));
    let error = stage.renewal_fails("www").await;
    assert_said(&error, words(9));
    assert_eq!(
        (error.stage.as_str(), error.code.as_str()),
        ("preflight", "domain.unmapped")
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_10_no_active_dns_providers() {
    let stage = Stage::set().await;
    stage.issue("www", &["www.example.test"]).await;
    set_active(&stage, "dns", false).await;

    stage.pass(SignedDuration::from_hours(24 * 80));
    let error = stage.renewal_fails("www").await;

    assert_said(&error, words(10));
    assert_eq!(
        (
            error.stage.as_str(),
            error.class.as_str(),
            error.code.as_str()
        ),
        ("preflight", "configuration", "dns_provider.none_active")
    );
    // A failed renewal, not one that was skipped in silence.
    let log = stage.log("www").await;
    let failed = log
        .iter()
        .find(|entry| entry.kind == "order.failed")
        .unwrap();
    assert!(
        failed.level == "error" && failed.message.starts_with(words(10)),
        "{failed:#?}"
    );
    // A request is refused with the same words.
    let problem = stage.is_refused("new", &["new.example.test"]).await;
    assert_answered(&problem, words(10));
    assert_eq!(problem.code, "dns_provider.none_active");

    // With the provider back, it goes on by itself.
    set_active(&stage, "dns", true).await;
    let issued = stage.stub.control().issued();
    evercert_testkit::eventually("the renewal", crate::world::LIMIT, async || {
        stage.console.wake_tasks();
        (stage.stub.control().issued() > issued).then_some(())
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_13_dns_provider_does_not_exist() {
    let stage = Stage::set().await;
    let test_dns = words(13);
    let domain = "www.example.test".parse().unwrap();

    let unknown = dns::map_domain(&stage.console, &actor(), &domain, "TestDNS").await;

    let unknown = problem(unknown);
    assert_answered(&unknown, test_dns);
    assert_eq!(
        (unknown.code.as_str(), unknown.status),
        ("dns_provider.not_found", 422)
    );
    assert_eq!(unknown.pointer.as_deref(), Some("/provider"));

    // There, but not active; another one is.
    add(&stage, "TestDNS", stage.dns.local_addr(), TSIG).await;
    stage.map("sub.example.test", "TestDNS").await;
    stage.issue("sub", &["www.sub.example.test"]).await;
    set_active(&stage, "TestDNS", false).await;
    let refused = stage.is_refused("new", &["new.sub.example.test"]).await;
    assert_answered(&refused, test_dns);
    let id = request::renew(&stage.console, &actor(), "sub", request::Renewal::Forced)
        .await
        .unwrap();
    let operation = crate::world::ended(&stage.console, id).await;
    let error = operation.orders[0].error.clone().unwrap();
    assert_said(&error, test_dns);
    assert_eq!(
        (error.stage.as_str(), error.code.as_str()),
        ("preflight", "dns_provider.not_found")
    );
    // What is mapped to the active one is issued as ever.
    let fine = wanted("fine", &["fine.example.test"]);
    assert!(
        request::request_issue(&stage.console, &actor(), fine)
            .await
            .is_ok()
    );
    stage.strike().await;
}
