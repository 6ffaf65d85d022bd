//! Scanning both stores by issuing CA, and choosing what is renewed through which vendor.

use evercert_api::Problem;
use evercert_api::ca_vendors::{
    IssuerCount, NewCaVendor, ScannedCertificate, VendorCertificates, VendorSelection,
};
use evercert_console::lifecycle::{certificates, import, vendors};
use evercert_testkit::acme_stub::StubOptions;
use evercert_types::{RenewalMode, StoreKind};
use jiff::SignedDuration;

use crate::vendors_scene::{Scene, at_stub, foreign, problem};
use crate::world::{World, actor, wanted};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn counts(counts: &[IssuerCount]) -> String {
    let each: Vec<_> = counts
        .iter()
        .map(|one| format!("{}: {}", one.issuer, one.count))
        .collect();
    each.join(", ")
}

fn names(list: &[ScannedCertificate]) -> Vec<&str> {
    list.iter().map(|one| one.name.as_str()).collect()
}

fn selection(add: &[&str], remove: &[&str], confirm_vendor_change: bool) -> VendorSelection {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    VendorSelection {
        add: owned(add),
        remove: owned(remove),
        confirm_vendor_change,
    }
}

async fn scan(scene: &Scene, vendor: &str) -> VendorCertificates {
    vendors::scan(&scene.console, vendor, &Default::default())
        .await
        .unwrap()
}

async fn select(
    scene: &Scene,
    vendor: &str,
    selection: &VendorSelection,
) -> Result<VendorCertificates, Problem> {
    vendors::select(&scene.console, &actor(), vendor, selection)
        .await
        .map_err(|error| problem(&error))
}

/// Two certificates of Let's Encrypt and two of DigiCert, of each one in each store.
async fn four() -> Scene {
    let scene = Scene::start().await;
    for (name, store, issuer) in [
        ("le-one", StoreKind::Certificate, "Let's Encrypt R99"),
        ("le-two", StoreKind::ZeroTouch, "Let's Encrypt E99"),
        ("dc-one", StoreKind::Certificate, "DigiCert TLS RSA 99"),
        ("dc-two", StoreKind::ZeroTouch, "GeoTrust TLS RSA CA G9"),
    ] {
        scene.import(name, store, issuer).await;
    }
    scene
}

#[tokio::test]
async fn adding_a_vendor_counts_the_certificates_of_both_stores_by_issuing_ca() {
    let scene = four().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;

    let new = at_stub("le", "lets-encrypt", &stub, None);
    let added = vendors::add_vendor(&scene.console, &actor(), new)
        .await
        .unwrap();
    let found = scan(&scene, "le").await;

    assert_eq!(counts(&added.scan), "Let's Encrypt: 2, Other CA: 2");
    assert_eq!(counts(&found.counts), "Let's Encrypt: 2, Other CA: 2");
    assert_eq!(names(&found.offered), ["le-one", "le-two"]);
    assert_eq!(names(&found.other), ["dc-one", "dc-two"]);
    assert_eq!(found.other[1].ca.as_deref(), Some("DigiCert"));
    assert!(found.selected.is_empty() && found.mapped_elsewhere == 0);
}

#[tokio::test]
async fn what_is_mapped_to_one_vendor_is_not_offered_to_another() {
    let scene = four().await;
    let le = scene.stub(StubOptions::lets_encrypt()).await;
    let dc = scene.stub(StubOptions::digicert()).await;
    scene
        .add(at_stub("le", "lets-encrypt", &le, None))
        .await
        .unwrap();
    select(&scene, "le", &selection(&["le-one", "dc-one"], &[], true))
        .await
        .unwrap();
    scene
        .add(at_stub("dc", "digicert", &dc, Some("digicert")))
        .await
        .unwrap();

    let found = scan(&scene, "dc").await;
    let taken = select(&scene, "dc", &selection(&["dc-two", "le-one"], &[], true))
        .await
        .unwrap_err();

    assert_eq!(names(&found.offered), ["dc-two"]);
    assert_eq!(names(&found.other), ["le-two"]);
    assert_eq!(found.mapped_elsewhere, 2);
    assert_eq!(counts(&found.counts), "DigiCert: 1, Other CA: 1");
    assert_eq!(taken.code, "certificate.mapped");
    assert!(taken.remedy.unwrap().contains("deselect le le-one"));
    // Nothing of that was done.
    assert!(scan(&scene, "dc").await.selected.is_empty());
    select(&scene, "le", &selection(&[], &["le-one"], false))
        .await
        .unwrap();
    let found = select(&scene, "dc", &selection(&["le-one"], &[], true))
        .await
        .unwrap();
    assert_eq!(names(&found.selected), ["le-one"]);
}

#[tokio::test]
async fn certificates_of_another_ca_are_taken_over_only_when_that_is_confirmed() {
    let scene = four().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;
    scene
        .add(at_stub("le", "lets-encrypt", &stub, None))
        .await
        .unwrap();
    let all = ["dc-one", "dc-two", "le-one"];

    let refused = select(&scene, "le", &selection(&all, &[], false))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "certificate.vendor_change");
    assert_eq!(
        (refused.status, refused.pointer.as_deref()),
        (409, Some("/confirm_vendor_change"))
    );
    assert!(refused.detail.contains("dc-one, dc-two") && !refused.detail.contains("le-one"));
    assert!(scan(&scene, "le").await.selected.is_empty());
    let found = select(&scene, "le", &selection(&all, &[], true))
        .await
        .unwrap();

    assert_eq!(names(&found.selected), ["dc-one", "dc-two", "le-one"]);
    assert_eq!(counts(&found.counts), "Let's Encrypt: 2, Other CA: 2");
    let taken = certificates::show(&scene.console, "dc-one").await.unwrap();
    assert_eq!(taken.renewal_mode, RenewalMode::Automatic);
    assert_eq!(taken.vendor.as_deref(), Some("le"));
    assert!(taken.keys[0].due_at.unwrap() > scene.console.now() + DAY * 50);
}

#[tokio::test]
async fn what_is_removed_is_renewed_by_hand() {
    let scene = four().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;
    scene
        .add(at_stub("le", "lets-encrypt", &stub, None))
        .await
        .unwrap();
    select(&scene, "le", &selection(&["le-one"], &[], false))
        .await
        .unwrap();

    let found = select(&scene, "le", &selection(&["le-two"], &["le-one"], false))
        .await
        .unwrap();

    assert_eq!(
        (names(&found.selected), names(&found.offered)),
        (vec!["le-two"], vec!["le-one"])
    );
    let removed = certificates::show(&scene.console, "le-one").await.unwrap();
    assert_eq!(
        (removed.renewal_mode, removed.vendor),
        (RenewalMode::Manual, None)
    );
    assert_eq!(removed.keys[0].due_at, None);
    let log = certificates::log(&scene.console, "le-one", None, 1)
        .await
        .unwrap();
    assert!(
        log.items[0]
            .message
            .contains("Taken from le by user:tester")
    );
}

#[tokio::test]
async fn a_selection_is_done_whole_or_not_at_all() {
    let scene = four().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;
    scene
        .add(at_stub("le", "lets-encrypt", &stub, None))
        .await
        .unwrap();

    for (wrong, code) in [
        (
            selection(&["le-one", "nosuch"], &[], false),
            "certificate.not_found",
        ),
        (selection(&["le-one"], &["le-two"], false), "invalid"),
        (selection(&["le-one"], &["le-one"], false), "invalid"),
    ] {
        let problem = select(&scene, "le", &wrong).await.unwrap_err();
        assert_eq!(problem.code, code);
    }

    assert!(scan(&scene, "le").await.selected.is_empty());
}

#[tokio::test]
async fn a_long_scan_comes_in_pages_with_the_counts_of_all() {
    let scene = four().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;
    scene
        .add(at_stub("le", "lets-encrypt", &stub, None))
        .await
        .unwrap();
    let page = async |cursor: Option<String>| {
        let page = vendors::ScanPage { cursor, limit: 3 };
        vendors::scan(&scene.console, "le", &page).await.unwrap()
    };

    let first = page(None).await;
    let second = page(first.next.clone()).await;

    assert_eq!(names(&first.other), ["dc-one", "dc-two"]);
    assert_eq!(names(&first.offered), ["le-one"]);
    assert_eq!(names(&second.offered), ["le-two"]);
    assert_eq!((second.next, second.other.len()), (None, 0));
    assert_eq!(counts(&first.counts), counts(&second.counts));
}

#[tokio::test]
async fn harica_is_known_not_to_follow_cnames() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::default()).await;
    let new = NewCaVendor {
        ..at_stub("h", "harica", &stub, None)
    };

    let refused = scene.add(new).await.unwrap_err();
    stub.control().switch(|switches| {
        let hmac = StubOptions::EAB_HMAC.to_vec();
        switches.eab = evercert_testkit::acme_stub::Eab::Required;
        switches.eab_keys.insert("h".to_owned(), hmac);
    });
    let vendor = scene
        .add(at_stub("h", "harica", &stub, Some("h")))
        .await
        .unwrap();

    assert_eq!(refused.pointer.as_deref(), Some("/eab_kid"));
    assert_eq!(vendor.traits.cname_followed, "no");
    assert!(
        vendor
            .traits
            .notes
            .iter()
            .any(|note| note.contains("CNAME"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_ca_comes_from_the_new_one_when_its_time_comes() {
    let world = World::start().await;
    let now = world.console.now();
    let store = StoreKind::ZeroTouch;
    let request = foreign("www", store, "DigiCert TLS RSA 99", DAY * 90, now);
    import::import(&world.console, &actor(), request)
        .await
        .unwrap();
    let chosen = selection(&["www"], &[], true);

    vendors::select(&world.console, &actor(), "local", &chosen)
        .await
        .unwrap();

    world.console.wake_tasks();
    assert_eq!(world.ca.issued(), 0);
    world.clock.advance(DAY * 62);
    world.console.wake_tasks();
    let slot = world.generation("www", 2).await;
    assert!(slot.active.unwrap().issuer.contains("Evercert Local CA"));
    assert_eq!(world.show("www").await.store, store);
    world.tidy().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_of_ones_own_knows_its_certificates_by_its_keys() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    world.tidy().await;
    let taken = selection(&[], &["www"], false);
    let request = foreign(
        "odd",
        StoreKind::ZeroTouch,
        "Evercert Local CA",
        DAY * 9,
        world.console.now(),
    );
    import::import(&world.console, &actor(), request)
        .await
        .unwrap();

    let found = vendors::select(&world.console, &actor(), "local", &taken)
        .await
        .unwrap();

    assert_eq!(names(&found.offered), ["www"]);
    // The same name on another key is another CA.
    assert_eq!(names(&found.other), ["odd"]);
    world.stop().await;
}
