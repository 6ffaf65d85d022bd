//! Managing: roll back, delete, import, export, scope, providers.

use evercert_api::certificate_lists::CertificateFilter;
use evercert_api::certificates::{
    CertificateChange, ExportRequest, ImportRequest, RollbackRequest,
};
use evercert_api::dns_providers::DnsTestNews;
use evercert_console::lifecycle::dns_test::DnsTest;
use evercert_console::lifecycle::request::Renewal;
use evercert_console::lifecycle::{certificates, dns, import, request, vendors};
use evercert_types::{KeyAlgorithm, Secret, StoreKind};
use evercert_x509::KeyPair;
use jiff::SignedDuration;

use crate::world::{World, actor, wanted};

async fn renewed_once(world: &World, name: &str) {
    world
        .issue(wanted(name, &[&format!("{name}.example.test")]))
        .await;
    let id = request::renew(&world.console, &actor(), name, Renewal::Forced)
        .await
        .unwrap();
    world.ended(id).await;
    world.generation(name, 2).await;
}

async fn delivered(world: &World) -> Vec<(i64, bool)> {
    let items = world.console.db.store_items_after(0, 100).await.unwrap();
    items
        .iter()
        .map(|item| (item.generation, item.version_id.is_some()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_back_delivers_the_older_version_again() {
    let world = World::start().await;
    renewed_once(&world, "www").await;

    let request = RollbackRequest::default();
    let certificate = certificates::rollback(&world.console, &actor(), "www", &request)
        .await
        .unwrap();

    assert_eq!(certificate.keys[0].active.as_ref().unwrap().generation, 1);
    assert_eq!(delivered(&world).await, [(1, true)]);
    let forward = RollbackRequest {
        generation: Some(2),
        key: None,
    };
    certificates::rollback(&world.console, &actor(), "www", &forward)
        .await
        .unwrap();
    assert_eq!(delivered(&world).await, [(2, true)]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_back_to_an_expired_version_is_refused() {
    let world = World::start().await;
    renewed_once(&world, "www").await;
    let manual = CertificateChange {
        renewal_mode: Some(evercert_types::RenewalMode::Manual),
        ..CertificateChange::default()
    };
    certificates::change(&world.console, &actor(), "www", manual)
        .await
        .unwrap();
    world.clock.advance(SignedDuration::from_hours(24 * 100));

    let request = RollbackRequest {
        generation: Some(1),
        key: None,
    };
    let refused = certificates::rollback(&world.console, &actor(), "www", &request).await;

    let problem = refused.unwrap_err().to_problem();
    assert_eq!(problem.code, "rollback.refused");
    assert!(problem.detail.contains("expired"), "{problem:?}");
    let none = RollbackRequest::default();
    assert!(
        certificates::rollback(&world.console, &actor(), "www", &none)
            .await
            .is_err()
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_or_generation_that_is_not_there_is_told_from_one_not_in_force() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    let key = Some(KeyAlgorithm::Rsa2048);
    let export = ExportRequest {
        key,
        ..ExportRequest::default()
    };
    let rollback = |key, generation| RollbackRequest { generation, key };

    let exported = certificates::export(&world.console, "www", &export).await;
    let by_key =
        certificates::rollback(&world.console, &actor(), "www", &rollback(key, None)).await;
    let by_number =
        certificates::rollback(&world.console, &actor(), "www", &rollback(None, Some(9))).await;

    for problem in [exported.map(|_| ()), by_key.map(|_| ())] {
        let problem = problem.unwrap_err().to_problem();
        assert_eq!(problem.detail, "\"www\" has no rsa-2048 key");
        assert_eq!(problem.remedy.as_deref(), Some("It has: ecdsa-p256."));
    }
    let problem = by_number.unwrap_err().to_problem();
    assert_eq!(problem.status, 404);
    assert_eq!(problem.detail, "\"www\" has no generation 9");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_takes_the_item_out_of_the_store() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    assert_eq!(delivered(&world).await, [(1, true)]);

    certificates::delete(&world.console, &actor(), "www")
        .await
        .unwrap();

    assert_eq!(delivered(&world).await, [(1, false)]);
    assert_eq!(*world.console.watch_store().borrow(), 2);
    assert!(certificates::show(&world.console, "www").await.is_err());
    let log = certificates::log(&world.console, "www", None, 10)
        .await
        .unwrap();
    assert_eq!(log.items[0].kind, "certificate.deleted");
    // The name is free again.
    world.issue(wanted("www", &["www.example.test"])).await;
    world.generation("www", 1).await;
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_while_an_order_runs_leaves_no_value_behind() {
    let world = World::with_ca(|config| evercert_ca::CaConfig {
        issuance_delay: std::time::Duration::from_secs(1),
        ..config
    })
    .await;
    let wanted = wanted("www", &["www.example.test"]);
    request::request_issue(&world.console, &actor(), wanted)
        .await
        .unwrap();
    evercert_testkit::eventually("a value is published", crate::world::LIMIT, async || {
        (!world.dns.txt_names().is_empty()).then_some(())
    })
    .await;

    certificates::delete(&world.console, &actor(), "www")
        .await
        .unwrap();

    world.tidy().await;
    assert_eq!(delivered(&world).await, []);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_scope_is_delivered_at_once() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;

    let change = CertificateChange {
        scope: Some("site=fra".parse().unwrap()),
        ..CertificateChange::default()
    };
    certificates::change(&world.console, &actor(), "www", change)
        .await
        .unwrap();

    let items = world.console.db.store_items_after(1, 10).await.unwrap();
    assert_eq!(items[0].selector.to_string(), "site=fra");
    assert_eq!(items[0].generation, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_exported_can_be_imported() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    let request = ExportRequest {
        with_key: true,
        ..ExportRequest::default()
    };
    let export = certificates::export(&world.console, "www", &request)
        .await
        .unwrap();
    let wanted = |name: &str, key: Option<String>, store| ImportRequest {
        name: name.to_owned(),
        store,
        chain_pem: export.chain_pem.clone(),
        content: None,
        format: Default::default(),
        password: None,
        key_pem: key.map(Secret::new),
        key_content: None,
        labels: Default::default(),
        scope: Default::default(),
        vendor: None,
        auto_renew: false,
    };

    let key = export.key_pem.clone();
    let imported = wanted("copy", key.clone(), StoreKind::ZeroTouch);
    let certificate = import::import(&world.console, &actor(), imported)
        .await
        .unwrap();

    assert_eq!(certificate.duplicates, ["www"]);
    assert_eq!(certificate.keys[0].active.as_ref().unwrap().generation, 1);
    let again = wanted("copy", key.clone(), StoreKind::ZeroTouch);
    let certificate = import::import(&world.console, &actor(), again)
        .await
        .unwrap();
    assert_eq!(certificate.keys[0].active.as_ref().unwrap().generation, 2);

    let other = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let mismatch = wanted(
        "odd",
        Some(other.to_pkcs8_pem().expose().clone()),
        StoreKind::ZeroTouch,
    );
    let keyless = wanted("odd", None, StoreKind::ZeroTouch);
    let moved = wanted("copy", key, StoreKind::Certificate);
    for (request, code) in [
        (mismatch, "certificate.unusable"),
        (keyless, "certificate.unusable"),
        (moved, "conflict"),
    ] {
        let error = import::import(&world.console, &actor(), request)
            .await
            .unwrap_err();
        assert_eq!(error.to_problem().code, code);
    }
    assert!(certificates::show(&world.console, "odd").await.is_err());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_use_is_not_removed() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    world.tidy().await;

    let vendor = vendors::remove(&world.console, &actor(), "local", Default::default())
        .await
        .unwrap_err();
    let provider = dns::remove(&world.console, &actor(), "dns")
        .await
        .unwrap_err();

    assert_eq!(vendor.to_problem().code, "ca_vendor.in_use");
    assert_eq!(provider.to_problem().code, "dns_provider.in_use");
    certificates::delete(&world.console, &actor(), "www")
        .await
        .unwrap();
    vendors::remove(&world.console, &actor(), "local", Default::default())
        .await
        .unwrap();
    for domain in ["example.test", "acme.test"] {
        dns::unmap_domain(&world.console, &actor(), &domain.parse().unwrap())
            .await
            .unwrap();
    }
    dns::remove(&world.console, &actor(), "dns").await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vendors_and_providers_are_tried_step_by_step() {
    let world = World::start().await;

    let vendor = vendors::test_vendor(&world.console, "local").await.unwrap();
    let domain = "example.test".parse().unwrap();
    let (news, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let listener = Box::new(move |one| news.send(one).unwrap());
    let test = DnsTest::new(&world.console, "dns", Some(domain), listener);
    let provider = test.await.unwrap().run().await.unwrap();

    for step in &provider.steps {
        let begun = DnsTestNews::Begun(step.name.clone());
        assert_eq!(heard.recv().await.unwrap(), begun);
        let ended = DnsTestNews::Step(step.clone());
        assert_eq!(heard.recv().await.unwrap(), ended);
    }
    let shown = &dns::list(&world.console).await.unwrap()[0];
    let last = shown.last_test.as_ref().unwrap();
    assert!(last.ok && last.failed_step.is_none(), "{last:?}");
    assert!(vendor.ok && vendor.steps.len() == 3, "{vendor:?}");
    assert!(provider.ok && provider.steps.len() == 9, "{provider:?}");
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trying_an_unreachable_vendor_says_what_adding_it_would() {
    let world = World::start().await;
    let db = &world.console.db;
    let mut gone = db.vendor_by_name("local").await.unwrap().unwrap();
    gone.id = evercert_types::VendorId::new();
    gone.name = "gone".to_owned();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    gone.directory_url = format!("https://{}/dir", listener.local_addr().unwrap());
    drop(listener);
    let mut tx = db.begin_write().await.unwrap();
    tx.insert_vendor(&gone, None).await.unwrap();
    tx.commit().await.unwrap();

    let report = vendors::test_vendor(&world.console, "gone").await.unwrap();

    let step = &report.steps[0];
    let alias =
        "Cannot initialize API for the CA server. Please check the CA server configuration.";
    assert!(step.detail.starts_with(alias), "{step:?}");
    assert_eq!(step.detail.matches(&gone.directory_url).count(), 1);
    assert!(!report.ok && step.remedy.is_some());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_in_pages_and_by_what_is_searched() {
    let world = World::start().await;
    for n in ["b", "a", "C"] {
        world
            .issue(wanted(n, &[&format!("{n}x.example.test")]))
            .await;
    }
    let filter = certificates::ListFilter {
        limit: 2,
        ..certificates::ListFilter::default()
    };

    let first = certificates::list(&world.console, &filter).await.unwrap();
    let rest = certificates::list(
        &world.console,
        &certificates::ListFilter {
            cursor: first.next.clone(),
            ..filter
        },
    )
    .await
    .unwrap();

    let names = |page: &evercert_api::Page<evercert_api::certificates::Certificate>| {
        page.items
            .iter()
            .map(|one| one.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&first), names(&rest)),
        (vec!["C".into(), "a".into()], vec!["b".into()])
    );
    assert_eq!(rest.next, None);
    let search = certificates::ListFilter {
        filter: CertificateFilter {
            search: Some("BX.exam".to_owned()),
            ..CertificateFilter::default()
        },
        ..certificates::ListFilter::default()
    };
    assert_eq!(
        names(&certificates::list(&world.console, &search).await.unwrap()),
        ["b"]
    );
    world.stop().await;
}
