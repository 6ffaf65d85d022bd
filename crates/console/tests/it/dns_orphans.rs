//! Stale challenge values: what is taken for one, and what is removed.

use evercert_api::dns_providers::{OrphanRemoval, OrphanReport, OrphanSource, OrphanState};
use evercert_api::operations::OperationState;
use evercert_console::lifecycle::{certificates, dns, orphans};
use evercert_dns::server::RecordData;
use evercert_testkit::{Pdns, Zone, start_or_skip};
use evercert_types::{OrderId, Secret};
use jiff::SignedDuration;

use crate::world::{World, actor, wanted};

/// Of the form of a challenge's value.
const STALE: &str = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo";
const OTHER: &str = "Hk1aV8u2sT3Yy1bQm7cZ0pXoN4dRjW9eGfKlUiSvB5A";

fn txt(value: &str) -> RecordData {
    RecordData::Txt(value.to_owned())
}

async fn look(world: &World) -> OrphanReport {
    orphans::look(&world.console, "dns").await.unwrap()
}

async fn remove(world: &World, older_than: Option<&str>) -> OrphanReport {
    let wanted = OrphanRemoval {
        older_than: older_than.map(str::to_owned),
        ..OrphanRemoval::default()
    };
    let removed = orphans::remove(&world.console, &actor(), "dns", &wanted).await;
    removed.unwrap()
}

fn places(report: &OrphanReport) -> Vec<(&str, &str)> {
    let orphans = report.orphans.iter();
    orphans
        .map(|orphan| (orphan.name.as_str(), orphan.value.as_str()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_values_are_found_where_challenges_stand_and_stood() {
    let world = World::start().await;
    for (name, domain) in [("www", "www.example.test"), ("gone", "gone.example.test")] {
        let issued = world.issue(wanted(name, &[domain])).await;
        assert_eq!(issued.state, OperationState::Succeeded, "{issued:#?}");
    }
    certificates::delete(&world.console, &actor(), "gone")
        .await
        .unwrap();
    world.tidy().await;
    let stale = [
        "_acme-challenge.example.test",
        "_acme-challenge.gone.example.test",
        "_acme-challenge.www.example.test",
        "_evercert-test.example.test",
    ];
    for name in stale {
        world.dns.add(name, &txt(STALE)).unwrap();
    }
    // Neither of the form of a challenge's value, nor at a challenge's name.
    world.dns.add(stale[2], &txt("v=spf1 -all")).unwrap();
    world.dns.add("www.example.test", &txt(STALE)).unwrap();

    let report = look(&world).await;

    assert_eq!(places(&report), stale.map(|name| (name, STALE)));
    assert!(report.failures.is_empty(), "{report:?}");
    assert!(report.orphans.iter().all(|orphan| {
        orphan.seen_at == OrphanSource::Provider && orphan.state == OrphanState::Found
    }));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_behind_a_delegation_are_found_at_its_end() {
    let world = World::start().await;
    world
        .issue(wanted("delegated", &["delegated.example.test"]))
        .await;
    world.tidy().await;
    world.dns.add("token.acme.test", &txt(STALE)).unwrap();

    assert_eq!(places(&look(&world).await), [("token.acme.test", STALE)]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_values_seen_long_enough_are_removed_and_nothing_beside_them() {
    let world = World::start().await;
    let name = "_acme-challenge.example.test";
    for value in [STALE, "v=spf1 -all"] {
        world.dns.add(name, &txt(value)).unwrap();
    }
    let young = remove(&world, None).await;
    assert_eq!(young.orphans[0].state, OrphanState::Left, "{young:?}");
    assert_eq!(world.dns.txt(name).len(), 2);

    world.clock.advance(SignedDuration::from_mins(11));
    world.dns.add(name, &txt(OTHER)).unwrap();
    let report = remove(&world, None).await;

    let states: Vec<_> = (report.orphans.iter())
        .map(|orphan| (orphan.value.as_str(), orphan.state))
        .collect();
    assert_eq!(
        states,
        [(OTHER, OrphanState::Left), (STALE, OrphanState::Removed)]
    );
    let mut left = world.dns.txt(name);
    left.sort();
    assert_eq!(left, [OTHER, "v=spf1 -all"]);
    assert_eq!(world.console.db.journal_size().await.unwrap(), 0);

    let at_once = remove(&world, Some("0s")).await;
    assert_eq!(at_once.orphans[0].state, OrphanState::Removed);
    assert_eq!(world.dns.txt(name), ["v=spf1 -all"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_order_or_the_journal_knows_is_no_orphan() {
    let world = World::start().await;
    let name = "_acme-challenge.example.test";
    let provider = world.console.db.dns_provider_by_name("dns").await.unwrap();
    let mut tx = world.console.db.begin_write().await.unwrap();
    let order = OrderId::new();
    tx.journal_intent(order, provider.unwrap().id, name, STALE)
        .await
        .unwrap();
    let later = tx.now() + SignedDuration::from_hours(1);
    tx.journal_postpone(order, later).await.unwrap();
    tx.commit().await.unwrap();
    for value in [STALE, OTHER] {
        world.dns.add(name, &txt(value)).unwrap();
    }

    assert_eq!(places(&look(&world).await), [(name, OTHER)]);
    world.stop().await;
}

/// A crash after the journal's row is the same to the sweep as a removal that failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_fails_is_told_and_finished_by_the_sweep() {
    let world = World::start().await;
    let name = "_acme-challenge.example.test";
    world.dns.add(name, &txt(STALE)).unwrap();
    let change = |key: &str| evercert_api::dns_providers::DnsProviderChange {
        settings: [("key".to_owned(), Some(Secret::new(key.to_owned())))].into(),
        skip_test: true,
        ..Default::default()
    };
    assert_eq!(look(&world).await.orphans.len(), 1);
    let wrong = crate::world::TSIG.replace("c2Vj", "d3Jv");
    dns::change_dns_provider(&world.console, &actor(), "dns", change(&wrong))
        .await
        .unwrap();

    // With a wrong key nothing can be listed either: the names that fail are told.
    let report = look(&world).await;
    assert!(report.orphans.is_empty() && !report.failures.is_empty());
    assert!(report.failures.iter().all(|one| one.remedy.is_some()));

    let provider = world.console.db.dns_provider_by_name("dns").await.unwrap();
    let mut tx = world.console.db.begin_write().await.unwrap();
    tx.journal_intent(OrderId::new(), provider.unwrap().id, name, STALE)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    dns::change_dns_provider(&world.console, &actor(), "dns", change(crate::world::TSIG))
        .await
        .unwrap();
    world.clock.advance(SignedDuration::from_hours(2));
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_values_of_a_real_server_are_removed_one_by_one() {
    let zone = Zone::new("example.org")
        .with(&format!(r#"_acme-challenge 300 IN TXT "{STALE}""#))
        .with(&format!(r#"_acme-challenge 300 IN TXT "{OTHER}""#))
        .with(r#"_acme-challenge 300 IN TXT "somebody else's words""#);
    let pdns = start_or_skip!(Pdns::start(&[zone]).await);
    let world = World::start().await;
    let provider = evercert_api::dns_providers::NewDnsProvider {
        name: "pdns".to_owned(),
        type_code: "pdns".to_owned(),
        settings: (pdns.settings().into_iter())
            .map(|(key, value)| (key, Secret::new(value)))
            .collect(),
        ..Default::default()
    };
    dns::add_dns_provider(&world.console, &actor(), provider)
        .await
        .unwrap();
    let domain = "example.org".parse().unwrap();
    dns::map_domain(&world.console, &actor(), &domain, "pdns")
        .await
        .unwrap();
    let wanted = OrphanRemoval {
        older_than: Some("0s".to_owned()),
        ..OrphanRemoval::default()
    };

    let report = orphans::remove(&world.console, &actor(), "pdns", &wanted).await;

    let report = report.unwrap();
    assert_eq!(report.orphans.len(), 2, "{report:?}");
    assert!(
        report
            .orphans
            .iter()
            .all(|one| one.state == OrphanState::Removed)
    );
    let left = evercert_dns::Resolver::with_servers([pdns.addr()])
        .txt("_acme-challenge.example.org")
        .await;
    assert_eq!(left.unwrap(), ["somebody else's words"]);
    world.stop().await;
}
