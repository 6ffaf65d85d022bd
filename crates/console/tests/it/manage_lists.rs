//! The tabs of the renewals: which certificates, how they stand, a page at a time.

use evercert_api::certificate_lists::CertificateFilter;
use evercert_api::certificates::CertificateChange;
use evercert_console::lifecycle::certificates::{self, ListFilter};
use evercert_types::{CertificateState, RenewalMode, StoreKind};
use jiff::SignedDuration;

use crate::world::{World, actor, wanted};

async fn listed(world: &World, filter: CertificateFilter) -> Vec<String> {
    let mut names = Vec::new();
    let mut wanted = ListFilter {
        filter,
        limit: 1,
        ..ListFilter::default()
    };
    loop {
        let page = certificates::list(&world.console, &wanted).await.unwrap();
        names.extend(page.items.into_iter().map(|item| item.name));
        match page.next {
            Some(next) => wanted.cursor = Some(next),
            None => return names,
        }
    }
}

async fn change(world: &World, name: &str, change: CertificateChange) {
    certificates::change(&world.console, &actor(), name, change)
        .await
        .unwrap();
}

/// `auto` in the zero-touch store, `hand` in the other and renewed by hand, `rest` paused; the latter two for the
/// same name.
async fn furnished() -> World {
    let world = World::start().await;
    world.issue(wanted("auto", &["auto.example.test"])).await;
    let mut hand = wanted("hand", &["hand.example.test"]);
    hand.auto_renew = false;
    hand.store = StoreKind::Certificate;
    hand.labels = [("site".to_owned(), "fra".to_owned())].into();
    world.issue(hand).await;
    world.issue(wanted("rest", &["hand.example.test"])).await;
    let pause = CertificateChange {
        paused: Some(true),
        ..CertificateChange::default()
    };
    change(&world, "rest", pause).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tabs_list_what_is_renewed_by_itself_and_by_hand() {
    let world = furnished().await;
    let all = CertificateFilter::default();
    for (filter, expected) in [
        (all.clone(), &["auto", "hand", "rest"][..]),
        (
            CertificateFilter {
                renewal_mode: Some(RenewalMode::Automatic),
                ..all.clone()
            },
            &["auto", "rest"],
        ),
        (
            CertificateFilter {
                renewal_mode: Some(RenewalMode::Manual),
                ..all.clone()
            },
            &["hand"],
        ),
        (
            CertificateFilter {
                state: Some("ok".to_owned()),
                ..all.clone()
            },
            &["auto", "hand"],
        ),
        (
            CertificateFilter {
                state: Some("paused,blocked".to_owned()),
                ..all.clone()
            },
            &["rest"],
        ),
        (
            CertificateFilter {
                selector: Some("site=fra".to_owned()),
                ..all.clone()
            },
            &["hand"],
        ),
        (
            CertificateFilter {
                store: Some(StoreKind::ZeroTouch),
                ..all.clone()
            },
            &["auto", "rest"],
        ),
        (
            CertificateFilter {
                vendor: Some("local".to_owned()),
                ..all.clone()
            },
            &["auto", "hand", "rest"],
        ),
        (
            CertificateFilter {
                search: Some("HAND".to_owned()),
                ..all.clone()
            },
            &["hand", "rest"],
        ),
        (
            CertificateFilter {
                expires_before: Some("200d".to_owned()),
                ..all.clone()
            },
            &["auto", "hand", "rest"],
        ),
        (
            CertificateFilter {
                expires_before: Some("1h".to_owned()),
                ..all.clone()
            },
            &[],
        ),
    ] {
        assert_eq!(listed(&world, filter.clone()).await, expected, "{filter:?}");
    }
    let summary = certificates::summary(&world.console, &all).await.unwrap();
    assert_eq!((summary.total, summary.duplicates), (3, 2));
    assert_eq!(summary.by_state[&CertificateState::Ok], 2);
    assert_eq!(summary.by_state[&CertificateState::Paused], 1);
    assert_eq!(summary.by_state[&CertificateState::Expired], 0);
    assert_eq!(summary.by_renewal_mode[&RenewalMode::Manual], 1);
    assert_eq!(summary.by_store[&StoreKind::ZeroTouch], 2);
    assert_eq!(summary.by_vendor["local"], 3);
    let groups = certificates::duplicates(&world.console).await.unwrap();
    let names: Vec<_> = groups[0]
        .certificates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!((groups.len(), names), (1, vec!["hand", "rest"]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_certificate_is_not_renewed_until_it_is_resumed() {
    let world = furnished().await;

    world.clock.advance(SignedDuration::from_hours(24 * 62));
    world.console.wake_tasks();
    world.generation("auto", 2).await;

    let paused = world.first_key("rest").await;
    assert_eq!(paused.active.as_ref().unwrap().generation, 1);
    assert!(world.show("rest").await.paused);
    assert_eq!(world.show("rest").await.state, CertificateState::Expiring);
    let resume = CertificateChange {
        paused: Some(false),
        ..CertificateChange::default()
    };
    change(&world, "rest", resume).await;
    world.generation("rest", 2).await;
    let log = certificates::log(&world.console, "rest", None, 100)
        .await
        .unwrap();
    let kinds: Vec<_> = log.items.iter().map(|entry| entry.kind.as_str()).collect();
    assert!(kinds.contains(&"certificate.paused") && kinds.contains(&"certificate.resumed"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_of_a_filter_is_pointed_at() {
    let world = World::start().await;
    let filter = |change: fn(&mut ListFilter)| {
        let mut filter = ListFilter::default();
        change(&mut filter);
        filter
    };
    for (filter, pointer) in [
        (
            filter(|f| f.filter.state = Some("well".to_owned())),
            "/state",
        ),
        (
            filter(|f| f.filter.selector = Some("fra".to_owned())),
            "/selector",
        ),
        (
            filter(|f| f.filter.expires_before = Some("soon".to_owned())),
            "/expires_before",
        ),
        (
            filter(|f| f.filter.vendor = Some("nobody".to_owned())),
            "/vendor",
        ),
        (filter(|f| f.sort = Some("size".to_owned())), "/sort"),
        (
            filter(|f| (f.sort, f.cursor) = (Some("due_at".to_owned()), Some("x".to_owned()))),
            "/cursor",
        ),
    ] {
        let problem = certificates::list(&world.console, &filter)
            .await
            .unwrap_err()
            .to_problem();
        assert_eq!(problem.pointer.as_deref(), Some(pointer), "{problem:?}");
    }
    world.stop().await;
}
