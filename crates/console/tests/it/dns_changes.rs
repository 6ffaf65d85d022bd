//! Changing DNS providers and mappings: what is tried, what is kept, and which certificates lose their way.

use evercert_api::dns_providers::{DelegationQuery, DnsProviderChange, PropagationSettings};
use evercert_api::operations::OperationState;
use evercert_console::lifecycle::{delegation, dns};
use evercert_dns::server::RecordData;
use evercert_types::{CertificateState, Secret};

use crate::world::{TSIG, World, ZONE, actor, wanted};

fn settings(key: &str, value: Option<&str>) -> DnsProviderChange {
    let value = value.map(|value| Secret::new(value.to_owned()));
    DnsProviderChange {
        settings: [(key.to_owned(), value)].into(),
        ..DnsProviderChange::default()
    }
}

fn active(active: bool) -> DnsProviderChange {
    DnsProviderChange {
        active: Some(active),
        ..DnsProviderChange::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unmapping_names_and_blocks_what_cannot_be_renewed_until_it_is_mapped_again() {
    let world = World::start().await;
    let issued = world.issue(wanted("www", &["www.example.test"])).await;
    assert_eq!(issued.state, OperationState::Succeeded, "{issued:#?}");

    let zone = ZONE.parse().unwrap();
    let unmapped = dns::unmap_domain(&world.console, &actor(), &zone).await;

    assert_eq!(unmapped.unwrap().blocked, ["www"]);
    let certificate = world.show("www").await;
    assert_eq!(certificate.state, CertificateState::Blocked);
    let error = certificate.keys[0].last_error.clone().unwrap();
    let words = "Certificate is missing a DNS provider name.";
    assert!(error.message.starts_with(words), "{error:?}");
    assert!(
        certificate.keys[0].active.is_some(),
        "it is served all the same"
    );

    dns::map_domain(&world.console, &actor(), &zone, "dns")
        .await
        .unwrap();
    let certificate = world.show("www").await;
    assert_eq!(certificate.state, CertificateState::Ok);
    assert_eq!(certificate.keys[0].last_error, None);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_is_switched_off_and_on_with_what_that_means() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;

    let off = dns::change_dns_provider(&world.console, &actor(), "dns", active(false)).await;
    let off = off.unwrap();
    assert!(!off.provider.active);
    assert_eq!(off.blocked, ["www"]);
    let error = world.first_key("www").await.last_error.unwrap();
    let words = "Renewal skipped as no active DNS providers are configured.";
    assert!(error.message.starts_with(words), "{error:?}");

    let on = dns::change_dns_provider(&world.console, &actor(), "dns", active(true)).await;
    assert!(on.unwrap().provider.active);
    assert_eq!(world.first_key("www").await.last_error, None);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_the_provider_refuses_are_not_kept_unless_wanted() {
    let world = World::start().await;
    let wrong = "hmac-sha256:test:d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmcx";
    let change =
        async |change| dns::change_dns_provider(&world.console, &actor(), "dns", change).await;
    let key = async || {
        let saved = world.console.db.dns_provider_by_name("dns").await.unwrap();
        saved.unwrap().settings["key"].expose().clone()
    };

    let refused = change(settings("key", Some(wrong))).await;
    let problem = refused.unwrap_err().to_problem();
    assert_eq!(problem.status, 422, "{problem:?}");
    assert_eq!(key().await, TSIG);

    let mut untried = settings("key", Some(wrong));
    untried.skip_test = true;
    change(untried).await.unwrap();
    assert_eq!(key().await, wrong);
    let repaired = change(settings("key", Some(TSIG))).await.unwrap();
    assert_eq!(repaired.provider.settings["key"], "***");
    let malformed = change(settings("no-such-setting", Some("x"))).await;
    assert!(malformed.is_err());
    let issued = world.issue(wanted("www", &["www.example.test"])).await;
    assert_eq!(issued.state, OperationState::Succeeded, "{issued:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn propagation_is_replaced_and_names_must_be_free() {
    let world = World::start().await;
    let propagation = PropagationSettings {
        mode: Some("wait".to_owned()),
        wait: Some("1s".to_owned()),
        ..PropagationSettings::default()
    };
    let change = DnsProviderChange {
        name: Some("renamed".to_owned()),
        propagation: Some(propagation.clone()),
        ..DnsProviderChange::default()
    };

    let changed = dns::change_dns_provider(&world.console, &actor(), "dns", change).await;

    let provider = changed.unwrap().provider;
    assert_eq!(
        (provider.name.as_str(), provider.propagation),
        ("renamed", propagation)
    );
    assert_eq!(provider.domains.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delegations_are_told_and_looked_at() {
    let world = World::start().await;
    let check = async |domain: &str, zone: Option<&str>| {
        let query = DelegationQuery {
            domains: vec![domain.parse().unwrap()],
            zone: zone.map(|zone| zone.parse().unwrap()),
        };
        let mut found = delegation::check(&world.console, &query).await.unwrap();
        found.remove(0)
    };

    let missing = check("new.example.test", Some("acme.test")).await;
    assert!(!missing.ok);
    assert_eq!(
        missing.target.as_deref(),
        Some("new.example.test.acme.test")
    );
    assert!(
        missing
            .remedy
            .unwrap()
            .contains("CNAME new.example.test.acme.test.")
    );

    let target = RecordData::Cname("new.example.test.acme.test".to_owned());
    world
        .dns
        .add("_acme-challenge.new.example.test", &target)
        .unwrap();
    let there = check("new.example.test", Some("acme.test")).await;
    assert!(there.ok, "{there:?}");
    assert_eq!(there.provider.as_deref(), Some("dns"));
    let elsewhere = check("delegated.example.test", None).await;
    assert!(
        elsewhere.ok && elsewhere.chain == ["token.acme.test"],
        "{elsewhere:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wildcard_cname_is_no_delegation() {
    let world = World::start().await;
    let web = RecordData::Cname("web.acme.test".to_owned());
    world.dns.add("*.star.example.test", &web).unwrap();

    let query = DelegationQuery {
        domains: vec!["star.example.test".parse().unwrap()],
        zone: None,
    };
    let found = delegation::check(&world.console, &query).await.unwrap();
    assert!(found[0].detail.contains("wildcard"), "{found:?}");

    let issued = world.issue(wanted("star", &["star.example.test"])).await;
    assert_eq!(issued.state, OperationState::Succeeded, "{issued:#?}");
    world.tidy().await;
    world.stop().await;
}
