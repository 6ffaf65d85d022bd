//! The same done to many certificates: who renews them, through whom, now or not at all.

use evercert_api::bulk::{BulkAction, BulkOutcome, BulkRequest, BulkResult};
use evercert_api::certificate_lists::CertificateFilter;
use evercert_api::operations::OperationState;
use evercert_console::lifecycle::order_log::{self, LogFilter};
use evercert_console::lifecycle::request::{self, Renewal};
use evercert_console::lifecycle::{bulk, dns, vendors};
use evercert_testkit::eventually;
use evercert_types::{CertificateState, RenewalMode, StoreKind};

use crate::world::{LIMIT, World, actor, ca_vendor, wanted};

fn action(action: BulkAction, names: &[&str]) -> BulkRequest {
    serde_json::from_value(serde_json::json!({"action": action, "names": names})).unwrap()
}

async fn done(world: &World, request: &BulkRequest) -> BulkResult {
    bulk::bulk(&world.console, &actor(), request).await.unwrap()
}

fn outcomes(result: &BulkResult) -> Vec<(&str, BulkOutcome)> {
    let items = result.items.iter();
    items
        .map(|item| (item.name.as_str(), item.outcome))
        .collect()
}

/// `a` and `b` renewed by themselves, `c` by hand and labelled.
async fn furnished() -> World {
    let world = World::start().await;
    for name in ["a", "b"] {
        world
            .issue(wanted(name, &[&format!("{name}.example.test")]))
            .await;
    }
    let mut by_hand = wanted("c", &["c.example.test"]);
    by_hand.auto_renew = false;
    by_hand.store = StoreKind::Certificate;
    by_hand.labels = [("site".to_owned(), "fra".to_owned())].into();
    world.issue(by_hand).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_migrate_to_and_fro_singly_and_by_selector() {
    use BulkOutcome::{Done, Refused, Unchanged};
    let world = furnished().await;
    let mode = async |name: &str| world.show(name).await.renewal_mode;

    let to_manual = action(BulkAction::MigrateManual, &["c", "a", "nobody"]);
    let rehearsed = done(
        &world,
        &BulkRequest {
            dry_run: true,
            ..to_manual.clone()
        },
    )
    .await;
    assert_eq!(
        outcomes(&rehearsed),
        [("c", Unchanged), ("a", Done), ("nobody", Refused)]
    );
    assert_eq!(mode("a").await, RenewalMode::Automatic);
    let result = done(&world, &to_manual).await;
    assert_eq!(result.items, rehearsed.items);
    assert_eq!((result.done, result.unchanged, result.refused), (1, 1, 1));
    assert_eq!(mode("a").await, RenewalMode::Manual);
    assert_eq!(world.first_key("a").await.due_at, None);

    let by_selector = BulkRequest {
        filter: CertificateFilter {
            selector: Some("site=fra".to_owned()),
            ..CertificateFilter::default()
        },
        ..action(BulkAction::MigrateAutomatic, &[])
    };
    assert_eq!(outcomes(&done(&world, &by_selector).await), [("c", Done)]);
    assert_eq!(mode("c").await, RenewalMode::Automatic);
    assert!(world.first_key("c").await.due_at.is_some());
    assert_eq!(mode("a").await, RenewalMode::Manual);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_whose_domain_is_unmapped_is_not_enrolled_and_stops_nobody() {
    let world = furnished().await;
    done(&world, &action(BulkAction::MigrateManual, &["a", "b"])).await;
    let zone = "example.test".parse().unwrap();
    dns::unmap_domain(&world.console, &actor(), &zone)
        .await
        .unwrap();
    let only_a = "a.example.test".parse().unwrap();
    dns::map_domain(&world.console, &actor(), &only_a, "dns")
        .await
        .unwrap();

    let result = done(&world, &action(BulkAction::MigrateAutomatic, &["a", "b"])).await;

    assert_eq!(
        outcomes(&result),
        [("a", BulkOutcome::Done), ("b", BulkOutcome::Refused)]
    );
    let problem = result.items[1].problem.as_ref().unwrap();
    assert!(
        problem
            .detail
            .starts_with("Certificate is missing a DNS provider name."),
        "{problem:?}"
    );
    assert_eq!(world.show("b").await.renewal_mode, RenewalMode::Manual);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewals_asked_for_in_bulk_are_made_by_the_planner() {
    let world = furnished().await;
    done(&world, &action(BulkAction::Pause, &["b"])).await;
    assert_eq!(world.show("b").await.state, CertificateState::Paused);
    let one = request::renew(&world.console, &actor(), "b", Renewal::Forced).await;
    assert_eq!(one.unwrap_err().to_problem().code, "certificate.paused");

    let result = done(&world, &action(BulkAction::Renew, &["a", "b", "c"])).await;

    use BulkOutcome::{Queued, Refused};
    assert_eq!(
        outcomes(&result),
        [("a", Queued), ("b", Refused), ("c", Queued)]
    );
    // By hand as well: who asks stands in for the automatic.
    for name in ["a", "c"] {
        world.generation(name, 2).await;
    }
    let filter = LogFilter {
        reason: Some("forced".to_owned()),
        limit: 10,
        ..LogFilter::default()
    };
    eventually("both orders are over", LIMIT, async || {
        let page = order_log::list(&world.console, &filter).await.unwrap();
        let over = page
            .items
            .iter()
            .filter(|one| one.finished.is_some())
            .count();
        (over == 2 && page.items.len() == 2).then_some(())
    })
    .await;
    assert_eq!(world.first_key("c").await.due_at, None);
    assert_eq!(
        outcomes(&done(&world, &action(BulkAction::Resume, &["b"])).await).len(),
        1
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_vendor_takes_over_when_that_is_confirmed() {
    let world = furnished().await;
    let second = ca_vendor("second", world.ca.directory_url(), world.ca.tls_root_pem());
    vendors::add_vendor(&world.console, &actor(), second)
        .await
        .unwrap();
    let switch = BulkRequest {
        vendor: Some("second".to_owned()),
        ..action(BulkAction::SwitchVendor, &["a", "b"])
    };

    let asked = done(&world, &switch).await;
    assert_eq!(asked.refused, 2);
    let problem = asked.items[0].problem.as_ref().unwrap();
    assert_eq!(problem.pointer.as_deref(), Some("/confirm_vendor_change"));
    let confirmed = BulkRequest {
        confirm_vendor_change: true,
        ..switch
    };
    assert_eq!(done(&world, &confirmed).await.done, 2);
    assert_eq!(world.show("a").await.vendor.as_deref(), Some("second"));
    assert_eq!(world.first_key("a").await.active.unwrap().generation, 1);

    let now = BulkRequest {
        renew_now: true,
        names: vec!["a".to_owned()],
        ..confirmed
    };
    assert_eq!(done(&world, &now).await.queued, 1);
    world.generation("a", 2).await;
    let filter = LogFilter {
        vendor: Some("second".to_owned()),
        limit: 10,
        ..LogFilter::default()
    };
    let page = order_log::list(&world.console, &filter).await.unwrap();
    assert_eq!(page.items[0].certificate, "a");
    let none = bulk::bulk(
        &world.console,
        &actor(),
        &action(BulkAction::SwitchVendor, &["a"]),
    )
    .await;
    assert_eq!(
        none.unwrap_err().to_problem().pointer.as_deref(),
        Some("/vendor")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_of_a_vendor_is_replaced_and_then_revoked() {
    let world = furnished().await;
    let all = BulkRequest {
        filter: CertificateFilter {
            vendor: Some("local".to_owned()),
            ..CertificateFilter::default()
        },
        ..action(BulkAction::RevokeAndReplace, &[])
    };

    let result = done(&world, &all).await;

    assert_eq!(result.queued, 3, "{result:#?}");
    for item in &result.items {
        let operation = world.ended(item.operation.unwrap()).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
        assert_eq!(
            world.first_key(&item.name).await.active.unwrap().generation,
            2
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_to_everything_by_mistake() {
    let world = World::start().await;
    let nothing = action(BulkAction::Renew, &[]);
    let both = BulkRequest {
        filter: CertificateFilter {
            search: Some("a".to_owned()),
            ..CertificateFilter::default()
        },
        ..action(BulkAction::Renew, &["a"])
    };
    for (request, pointer) in [(nothing, "/names"), (both, "/filter")] {
        let refused = bulk::bulk(&world.console, &actor(), &request)
            .await
            .unwrap_err();
        assert_eq!(refused.to_problem().pointer.as_deref(), Some(pointer));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_told_with_its_steps_and_the_cas_words() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    let filter = LogFilter {
        certificate: Some("www".to_owned()),
        limit: 10,
        ..LogFilter::default()
    };
    let page = order_log::list(&world.console, &filter).await.unwrap();
    let entry = &page.items[0];
    assert_eq!(
        (entry.kind.as_str(), entry.reason.as_str()),
        ("issue", "missing")
    );
    assert_eq!(entry.actor, "user:tester");

    let detail = order_log::show(&world.console, &entry.id.to_string())
        .await
        .unwrap();

    assert_eq!(detail.generation, Some(1));
    let steps: Vec<_> = detail.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(
        (steps.first(), steps.last()),
        (Some(&"order.requested"), Some(&"order.done"))
    );
    assert!(steps.contains(&"version.installed"));
    assert!(detail.steps.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let missing = order_log::show(&world.console, "x")
        .await
        .unwrap_err()
        .to_problem();
    assert_eq!(missing.status, 404);
    world.stop().await;
}
