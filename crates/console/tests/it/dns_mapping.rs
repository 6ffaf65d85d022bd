//! Mapping domains after a look whether the provider has them, adding with a trial, and the steps of a test.

use evercert_api::ca_vendors::TestReport;
use evercert_api::dns_providers::{NewDomainMappings, RecordSettings};
use evercert_console::lifecycle::dns_test::DnsTest;
use evercert_console::lifecycle::{dns, dns_mapping};
use evercert_dns::server::{ServerConfig, UpdatePolicy, ZoneConfig};
use evercert_dns::{TsigKey, server::AuthServer};
use evercert_types::{DomainName, Secret};

use crate::world::{TSIG, World, actor, dns_provider};

fn mapping(domains: &[&str], provider: &str) -> NewDomainMappings {
    NewDomainMappings {
        domains: domains.iter().map(|one| one.parse().unwrap()).collect(),
        provider: provider.to_owned(),
        ..NewDomainMappings::default()
    }
}

async fn tried(world: &World, domain: Option<DomainName>) -> TestReport {
    let test = DnsTest::new(&world.console, "dns", domain, Box::new(|_| {})).await;
    test.unwrap().run().await.unwrap()
}

async fn mapped(world: &World) -> Vec<DomainName> {
    let all = dns::list_mappings(&world.console).await.unwrap();
    all.into_iter().map(|one| one.domain).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_that_the_provider_does_not_have_is_refused_and_nothing_is_half_mapped() {
    let world = World::start().await;
    let before = mapped(&world).await;
    let wanted = mapping(&["shop.example.test", "www.elsewhere.test"], "dns");

    let refused = dns_mapping::map_domains(&world.console, &actor(), &wanted).await;

    let problem = refused.unwrap_err().to_problem();
    assert_eq!(problem.status, 422, "{problem:?}");
    let detail = problem.detail.clone();
    assert!(
        detail.contains("looked for www.elsewhere.test, elsewhere.test."),
        "{detail}"
    );
    assert!(problem.remedy.unwrap().contains("--force"));
    assert_eq!(mapped(&world).await, before);

    let forced = NewDomainMappings {
        skip_test: true,
        ..wanted
    };
    let done = dns_mapping::map_domains(&world.console, &actor(), &forced).await;
    let done = done.unwrap();
    assert_eq!(done.mapped.len(), 2);
    assert_eq!(done.mapped[0].zone, None);
    assert_eq!(mapped(&world).await.len(), before.len() + 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn domains_are_mapped_with_the_zone_that_holds_them_each_once() {
    let world = World::start().await;
    let wanted = mapping(&["*.shop.example.test", "shop.example.test"], "dns");

    let done = dns_mapping::map_domains(&world.console, &actor(), &wanted).await;

    let done = done.unwrap();
    assert_eq!(done.first.domain.as_str(), "shop.example.test");
    assert_eq!(done.mapped.len(), 1);
    assert_eq!(done.mapped[0].zone.as_deref(), Some("example.test"));
    assert!(done.mapped[0].warnings.is_empty(), "{done:?}");
    for nothing in [mapping(&[], "dns"), mapping(&["a.example.test"], "nobody")] {
        let refused = dns_mapping::map_domains(&world.console, &actor(), &nothing).await;
        assert_eq!(refused.unwrap_err().to_problem().status, 422);
    }
    world.stop().await;
}

/// The provider holds the parent of a zone that is delegated to other servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegated_child_that_the_provider_does_not_have_is_warned_of() {
    let world = World::start().await;
    let config = ServerConfig {
        zones: vec![ZoneConfig::new("test")],
        updates: UpdatePolicy::Signed(vec![TsigKey::parse(&Secret::new(TSIG.to_owned())).unwrap()]),
        clock: world.clock.clone(),
        ..ServerConfig::default()
    };
    let parent = AuthServer::start(config).await.unwrap();
    let provider = dns_provider("parent", parent.local_addr(), TSIG);
    dns::add_dns_provider(&world.console, &actor(), provider)
        .await
        .unwrap();

    let wanted = mapping(&["www.example.test"], "parent");
    let done = dns_mapping::map_domains(&world.console, &actor(), &wanted).await;

    let warnings = &done.unwrap().mapped[0].warnings;
    assert!(
        warnings[0].contains("lies in the zone example.test, but the provider has test"),
        "{warnings:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_does_not_take_its_settings_is_not_added_unless_wanted() {
    let world = World::start().await;
    let wrong = TSIG.replace("c2Vj", "d3Jv");
    let new = |skip_test: bool| {
        let mut new = dns_provider("other", world.dns.local_addr(), &wrong);
        new.skip_test = skip_test;
        new.records.zone = Some("Example.test.".to_owned());
        new
    };

    let refused = dns::add_dns_provider(&world.console, &actor(), new(false)).await;
    let problem = refused.unwrap_err().to_problem();
    assert_eq!(problem.pointer.as_deref(), Some("/settings"), "{problem:?}");
    assert!(!format!("{problem:?}").contains("d3Jv"));
    assert_eq!(dns::list(&world.console).await.unwrap().len(), 1);

    let added = dns::add_dns_provider(&world.console, &actor(), new(true)).await;
    assert_eq!(added.unwrap().records.zone.as_deref(), Some("example.test"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_s_ttl_and_zone_are_kept_and_used() {
    let world = World::start().await;
    let change = |records: RecordSettings| evercert_api::dns_providers::DnsProviderChange {
        records: Some(records),
        ..Default::default()
    };
    let records = RecordSettings {
        ttl: Some(77),
        zone: Some("example.test".to_owned()),
    };
    let changed =
        dns::change_dns_provider(&world.console, &actor(), "dns", change(records.clone())).await;
    assert_eq!(changed.unwrap().provider.records, records);

    // A zone that the provider does not have is found out before it is kept.
    let wrong = RecordSettings {
        ttl: None,
        zone: Some("shop.example.test".to_owned()),
    };
    let mut forced = change(wrong);
    forced.skip_test = true;
    dns::change_dns_provider(&world.console, &actor(), "dns", forced)
        .await
        .unwrap();
    let domain = "shop.example.test".parse().unwrap();
    let report = tried(&world, Some(domain)).await;
    assert!(!report.ok, "{report:?}");

    for bad in [
        RecordSettings {
            ttl: Some(u32::MAX),
            zone: None,
        },
        RecordSettings {
            ttl: None,
            zone: Some("no zone".to_owned()),
        },
    ] {
        let refused = dns::change_dns_provider(&world.console, &actor(), "dns", change(bad)).await;
        let pointer = refused.unwrap_err().to_problem().pointer.unwrap();
        assert!(pointer.starts_with("/records/"), "{pointer}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_tells_every_step_and_leaves_nothing() {
    let world = World::start().await;

    let report = tried(&world, None).await;
    let names: Vec<&str> = report.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "settings",
            "log in",
            "find zone",
            "write TXT",
            "read back at the provider",
            "see at the name servers",
            "remove TXT",
            "gone at the provider",
            "gone at the name servers",
        ]
    );
    assert!(report.ok, "{report:#?}");
    assert!(report.steps.iter().all(|step| step.ok && !step.skipped));
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_fails_tells_the_step_the_remedy_and_what_was_left_out() {
    let world = World::start().await;
    let domain = "www.elsewhere.test".parse().unwrap();
    let report = tried(&world, Some(domain)).await;
    assert!(!report.ok);
    let failed: Vec<_> = report.steps.iter().filter(|step| !step.ok).collect();
    assert_eq!(failed.len(), 1, "{report:#?}");
    assert_eq!(failed[0].name, "find zone");
    assert!(failed[0].remedy.is_some());
    assert!(report.steps.last().unwrap().skipped);
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_writes_where_an_order_would() {
    let world = World::start().await;
    for (domain, place) in [
        ("shop.example.test", "_acme-challenge.shop.example.test"),
        ("delegated.example.test", "token.acme.test"),
    ] {
        let domain = domain.parse().unwrap();
        let report = tried(&world, Some(domain)).await;
        assert!(report.ok, "{report:#?}");
        let written = &report.steps[3].detail;
        assert!(written.ends_with(place), "{written}");
    }
    world.tidy().await;
    world.stop().await;
}
