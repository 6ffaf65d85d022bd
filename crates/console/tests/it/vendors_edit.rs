//! Editing a CA vendor: the CA is asked first, and what it refuses changes nothing here.

use evercert_acme::{AccountKey, Client, ClientConfig, NewAccount, SignatureAlgorithm};
use evercert_api::Problem;
use evercert_api::ca_vendors::{CaVendor, CaVendorChange, VendorRemoval, VendorSelection};
use evercert_console::lifecycle::{certificates, vendors};
use evercert_testkit::acme_stub::{AcmeStub, Answer, Contacts, Endpoint, Nonce, StubOptions};
use evercert_types::{Secret, StoreKind};
use jiff::{SignedDuration, Timestamp};

use crate::vendors_scene::{Scene, at_stub, base64url, problem};
use crate::world::actor;

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn edit(scene: &Scene, name: &str, change: CaVendorChange) -> Result<CaVendor, Problem> {
    vendors::edit_vendor(&scene.console, &actor(), name, change)
        .await
        .map_err(|error| problem(&error))
}

async fn with_le() -> (Scene, AcmeStub) {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;
    scene
        .add(at_stub("le", "lets-encrypt", &stub, None))
        .await
        .unwrap();
    (scene, stub)
}

async fn client(stub: &AcmeStub) -> Client {
    let mut config = ClientConfig::new(stub.directory_url());
    config.ca_bundle_pem = Some(stub.ca_bundle_pem().to_owned());
    Client::connect(config).await.unwrap()
}

async fn due(scene: &Scene, name: &str) -> (Timestamp, String) {
    let certificate = certificates::show(&scene.console, name).await.unwrap();
    let slot = &certificate.keys[0];
    (slot.due_at.unwrap(), slot.due_reason.clone().unwrap())
}

/// Certificate `www` of 90 days, renewed through a vendor.
async fn with_www(scene: &Scene, vendor: &str) {
    scene
        .import("www", StoreKind::ZeroTouch, "Let's Encrypt R99")
        .await;
    let selection = VendorSelection {
        add: vec!["www".to_owned()],
        confirm_vendor_change: true,
        ..VendorSelection::default()
    };
    vendors::select(&scene.console, &actor(), vendor, &selection)
        .await
        .unwrap();
}

#[tokio::test]
async fn another_renewal_window_plans_all_certificates_anew_at_once() {
    let (scene, _stub) = with_le().await;
    with_www(&scene, "le").await;
    let (_, before) = due(&scene, "www").await;

    let days = CaVendorChange {
        renew_before_days: Some(7),
        ..CaVendorChange::default()
    };
    let vendor = edit(&scene, "le", days).await.unwrap();
    let (seven, reason) = due(&scene, "www").await;
    let span = CaVendorChange {
        renew_before: Some(Some("20d".to_owned())),
        ..CaVendorChange::default()
    };
    edit(&scene, "le", span).await.unwrap();
    let (twenty, _) = due(&scene, "www").await;
    let none = CaVendorChange {
        renew_before: Some(None),
        ..CaVendorChange::default()
    };
    edit(&scene, "le", none).await.unwrap();
    let (_, after) = due(&scene, "www").await;

    assert_eq!(vendor.renew_before.as_deref(), Some("7d"));
    assert_eq!(
        (before.as_str(), reason.as_str()),
        ("lifetime_fraction", "renew_before")
    );
    assert_eq!(twenty.duration_until(seven), DAY * 13);
    assert_eq!(after, "lifetime_fraction");
}

#[tokio::test]
async fn a_window_of_half_the_lifetime_is_warned_of() {
    let (scene, _stub) = with_le().await;
    with_www(&scene, "le").await;
    let window = |days| CaVendorChange {
        renew_before_days: Some(days),
        ..CaVendorChange::default()
    };

    let long = edit(&scene, "le", window(46)).await.unwrap();
    let short = edit(&scene, "le", window(30)).await.unwrap();

    assert_eq!(long.warnings[0].code, "renew_before.long");
    assert!(
        long.warnings[0].message.contains("46d"),
        "{:?}",
        long.warnings
    );
    assert_eq!(short.warnings, []);
}

#[tokio::test]
async fn a_new_address_is_told_to_the_ca_and_a_refused_one_is_not_kept() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::default()).await;
    stub.control()
        .switch(|switches| switches.contacts = Contacts::Required);
    scene.add(at_stub("ca", "acme", &stub, None)).await.unwrap();
    let address = |email: Option<&str>| CaVendorChange {
        email: Some(email.map(str::to_owned)),
        ..CaVendorChange::default()
    };

    let vendor = edit(&scene, "ca", address(Some("new@example.test")))
        .await
        .unwrap();
    let unreadable = edit(&scene, "ca", address(Some("new at example")))
        .await
        .unwrap_err();
    let refused = edit(&scene, "ca", address(None)).await.unwrap_err();

    assert_eq!(vendor.email.as_deref(), Some("new@example.test"));
    let told = stub.control().requests_to(Endpoint::Account);
    assert_eq!(told[0].payload["contact"][0], "mailto:new@example.test");
    let words = "Error validating contact(s) :: unable to parse email address";
    assert!(unreadable.detail.starts_with(words), "{unreadable:?}");
    assert!(
        refused.detail.contains("at least one contact is required"),
        "{refused:?}"
    );
    assert_eq!(
        scene.show("ca").await.email.as_deref(),
        Some("new@example.test")
    );
}

#[tokio::test]
async fn another_directory_registers_a_new_account_before_anything_is_saved() {
    let (scene, first) = with_le().await;
    let second = scene.stub(StubOptions::digicert()).await;
    let before = scene.show("le").await;
    let moved = |eab: bool| CaVendorChange {
        directory_url: Some(second.directory_url()),
        ca_bundle: Some(Some(second.ca_bundle_pem().to_owned())),
        eab_kid: eab.then(|| "digicert".to_owned()),
        eab_hmac: eab.then(|| Secret::new(base64url(StubOptions::EAB_HMAC))),
        ..CaVendorChange::default()
    };

    let refused = edit(&scene, "le", moved(false)).await.unwrap_err();
    let between = scene.show("le").await;
    let after = edit(&scene, "le", moved(true)).await.unwrap();

    assert_eq!(refused.pointer.as_deref(), Some("/eab_kid"));
    assert_eq!(between, before);
    assert_eq!(after.directory_url, second.directory_url());
    assert!(after.account_url.as_deref().unwrap().contains("/acct/"));
    assert_ne!(after.account_url, before.account_url);
    assert!(
        after
            .warnings
            .iter()
            .any(|one| one.code == "account.changed")
    );
    assert!(vendors::test_vendor(&scene.console, "le").await.unwrap().ok);
    drop(first);
}

#[tokio::test]
async fn an_edit_that_cannot_connect_changes_nothing_and_says_so_in_the_known_words() {
    let (scene, stub) = with_le().await;
    let before = scene.show("le").await;
    let url = |path: &str| CaVendorChange {
        directory_url: Some(format!("{}{path}", stub.directory_url())),
        ..CaVendorChange::default()
    };

    let no_directory = edit(&scene, "le", url("/nowhere")).await.unwrap_err();
    stub.control()
        .switch(|switches| switches.nonce = Nonce::Missing);
    let anew = CaVendorChange {
        register_anew: true,
        ..CaVendorChange::default()
    };
    let no_nonce = edit(&scene, "le", anew).await.unwrap_err();

    assert!(
        no_directory
            .detail
            .starts_with("Cannot initialize API for the CA server.")
    );
    assert!(
        no_nonce
            .detail
            .starts_with("Could not get nonce from the CA server.")
    );
    assert!(no_directory.remedy.is_some() && no_nonce.remedy.is_some());
    assert_eq!(scene.show("le").await, before);
}

#[tokio::test]
async fn testing_says_what_adding_would_and_the_directory_is_read_anew() {
    let (scene, stub) = with_le().await;
    stub.control().switch(|switches| {
        switches.profiles.remove("tlsserver");
        switches.nonce = Nonce::Missing;
    });

    let report = vendors::test_vendor(&scene.console, "le").await.unwrap();

    let (directory, nonce) = (&report.steps[0], &report.steps[1]);
    assert!(directory.ok && !nonce.ok && !report.ok && report.steps.len() == 2);
    assert!(
        nonce
            .detail
            .starts_with("Could not get nonce from the CA server.")
    );
    assert!(nonce.remedy.is_some());
    assert_eq!(
        scene.show("le").await.capabilities.profiles,
        ["classic", "shortlived"]
    );
}

#[tokio::test]
async fn a_vanished_profile_and_changed_terms_are_warned_of_until_they_are_dealt_with() {
    let (scene, stub) = with_le().await;
    let profile = |name: Option<&str>| CaVendorChange {
        profile: Some(name.map(str::to_owned)),
        ..CaVendorChange::default()
    };
    let unknown = edit(&scene, "le", profile(Some("nosuch")))
        .await
        .unwrap_err();
    assert!(
        unknown
            .remedy
            .unwrap()
            .contains("classic, shortlived, tlsserver")
    );
    edit(&scene, "le", profile(Some("tlsserver")))
        .await
        .unwrap();
    stub.control().switch(|switches| {
        switches.profiles.remove("tlsserver");
        switches.terms.url = Some("https://stub.example/terms/v2".to_owned());
        switches.terms.changed = Some("https://stub.example/agree".to_owned());
    });

    let report = vendors::test_vendor(&scene.console, "le").await.unwrap();

    assert!(report.ok, "{report:?}");
    let refused = vendors::rotate_account_key(&scene.console, &actor(), "le").await;
    let refused = problem(&refused.unwrap_err());
    assert!(
        refused.detail.contains("Terms of service have changed"),
        "{refused:?}"
    );
    assert!(
        refused
            .remedy
            .unwrap()
            .contains("https://stub.example/agree")
    );
    let warnings = scene.show("le").await.warnings;
    let codes: Vec<_> = warnings.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["terms.changed", "profile.vanished"]);
    assert!(warnings[0].message.contains("terms/v2"));
    stub.control()
        .switch(|switches| switches.terms.changed = None);
    let agreed = CaVendorChange {
        terms_agreed: true,
        ..profile(None)
    };
    let vendor = edit(&scene, "le", agreed).await.unwrap();
    assert_eq!(
        vendor.terms_agreed.as_deref(),
        Some("https://stub.example/terms/v2")
    );
    assert_eq!(vendor.warnings, []);
}

#[tokio::test]
async fn a_directory_is_read_anew_each_day_and_an_old_one_is_warned_of() {
    let (scene, stub) = with_le().await;
    stub.control()
        .switch(|switches| switches.ari = evercert_testkit::acme_stub::Ari::Off);
    let tasks = evercert_console::tasks::start(&scene.console);
    scene.console.stop();
    tasks.wait().await;
    assert!(
        scene.show("le").await.capabilities.ari,
        "a fresh one is left alone"
    );

    stub.control().always(
        Endpoint::Directory,
        Answer::problem(404, "malformed", "moved"),
    );
    scene.clock.advance(DAY * 3);

    let old = scene.show("le").await;
    assert_eq!(old.warnings[0].code, "capabilities.old");
    stub.control().heal();
    vendors::test_vendor(&scene.console, "le").await.unwrap();
    let fresh = scene.show("le").await;
    assert!(!fresh.capabilities.ari && fresh.warnings.is_empty());
}

#[tokio::test]
async fn a_name_that_is_taken_stays_with_its_owner() {
    let (scene, stub) = with_le().await;
    scene
        .add(at_stub("other", "acme", &stub, None))
        .await
        .unwrap();
    let renamed = |name: &str| CaVendorChange {
        name: Some(name.to_owned()),
        ..CaVendorChange::default()
    };

    let taken = edit(&scene, "le", renamed("other")).await.unwrap_err();
    let odd = edit(&scene, "le", renamed("types")).await.unwrap_err();
    let vendor = edit(&scene, "le", renamed("public")).await.unwrap();

    assert_eq!(
        (taken.code.as_str(), odd.code.as_str()),
        ("conflict", "invalid")
    );
    assert_eq!(vendor.name, "public");
}

#[tokio::test]
async fn the_account_gets_a_new_key_and_stays_the_account() {
    let (scene, _stub) = with_le().await;
    let (before, key) = (scene.show("le").await, scene.account_key("le").await);

    let after = vendors::rotate_account_key(&scene.console, &actor(), "le")
        .await
        .unwrap();

    assert_eq!(after.account_url, before.account_url);
    assert_ne!(scene.account_key("le").await, key);
    assert!(vendors::test_vendor(&scene.console, "le").await.unwrap().ok);
}

#[tokio::test]
async fn a_key_change_that_was_cut_off_is_brought_to_its_end() {
    for ca_was_told in [false, true] {
        let (scene, stub) = with_le().await;
        let db = &scene.console.db;
        let vendor = db.vendor_by_name("le").await.unwrap().unwrap();
        let saved = db.account_of(vendor.id).await.unwrap().unwrap();
        let next = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();
        let mut tx = db.begin_write().await.unwrap();
        tx.begin_key_change(saved.id, &next.to_pkcs8_der())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        if ca_was_told {
            let old = AccountKey::from_pkcs8_der(saved.key.expose()).unwrap();
            let account = client(&stub)
                .await
                .account(&old, saved.url.clone().unwrap());
            account.key_change(&next).await.unwrap();
        }

        let report = vendors::test_vendor(&scene.console, "le").await.unwrap();

        assert!(report.ok, "{report:?}");
        assert_eq!(scene.account_key("le").await, *next.to_pkcs8_der().expose());
        let after = db.account_of(vendor.id).await.unwrap().unwrap();
        assert!(after.next_key.is_none() && after.url == saved.url);
    }
}

#[tokio::test]
async fn a_ca_that_changes_no_keys_leaves_the_account_as_it_is() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::zerossl()).await;
    scene
        .add(at_stub("zs", "zerossl", &stub, Some("zerossl")))
        .await
        .unwrap();
    let key = scene.account_key("zs").await;

    let error = vendors::rotate_account_key(&scene.console, &actor(), "zs")
        .await
        .unwrap_err();

    assert!(problem(&error).detail.contains("does not offer"), "{error}");
    assert_eq!(scene.account_key("zs").await, key);
    assert!(vendors::test_vendor(&scene.console, "zs").await.unwrap().ok);
}

#[tokio::test]
async fn removing_a_vendor_closes_its_account_if_asked_to() {
    let (scene, stub) = with_le().await;
    let key = AccountKey::from_pkcs8_der(&scene.account_key("le").await).unwrap();
    with_www(&scene, "le").await;
    let removal = VendorRemoval {
        deactivate_account: true,
    };
    let remove = async || vendors::remove(&scene.console, &actor(), "le", removal).await;

    let in_use = remove().await.unwrap_err();
    let deselected = VendorSelection {
        remove: vec!["www".to_owned()],
        ..VendorSelection::default()
    };
    vendors::select(&scene.console, &actor(), "le", &deselected)
        .await
        .unwrap();
    stub.control()
        .queue(Endpoint::Account, Answer::problem(400, "malformed", "no"));
    let refused = remove().await.unwrap_err();
    assert_eq!(vendors::list(&scene.console).await.unwrap().len(), 1);
    remove().await.unwrap();

    assert_eq!(problem(&in_use).code, "ca_vendor.in_use");
    assert_eq!(problem(&refused).code, "ca_vendor.failed");
    assert!(vendors::list(&scene.console).await.unwrap().is_empty());
    let existing = NewAccount {
        only_return_existing: true,
        ..NewAccount::default()
    };
    let error = client(&stub).await.new_account(&key, &existing).await;
    assert!(error.unwrap_err().to_string().contains("deactivated"));
}
