//! Adding a CA vendor: it connects and registers, says what is wrong and what to do, and saves all or nothing.

use evercert_acme::vendors::VENDORS;
use evercert_acme::{AccountKey, Client, ClientConfig, Eab, NewAccount, SignatureAlgorithm};
use evercert_api::ca_vendors::NewCaVendor;
use evercert_console::lifecycle::vendors;
use evercert_testkit::acme_stub::{Answer, Contacts, Endpoint, Nonce, StubOptions};
use evercert_testkit::{Pebble, PebbleOptions, free_port, start_or_skip};
use evercert_types::Secret;

use crate::vendors_scene::{Scene, at_stub, base64url, problem};
use crate::world::{actor, ca_vendor};

#[tokio::test]
async fn every_known_ca_is_listed_with_what_is_peculiar_to_it() {
    let types = vendors::types();

    assert_eq!(types.len(), VENDORS.len());
    let harica = types.iter().find(|one| one.code == "harica").unwrap();
    assert_eq!(harica.traits.cname_followed, "no");
    assert!(harica.environments.is_empty() && harica.eab_help.is_some());
    let google = types.iter().find(|one| one.code == "google").unwrap();
    assert_eq!(google.traits.eab, "required_once");
}

#[tokio::test]
async fn a_vendor_is_added_with_its_capability_card() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;

    let vendor = scene
        .add(at_stub("le", "lets-encrypt", &stub, None))
        .await
        .unwrap();

    assert_eq!(vendor.type_code, "lets-encrypt");
    assert!(vendor.account_url.is_some());
    assert_eq!(
        vendor.terms_agreed.as_deref(),
        Some("https://stub.example/terms/v1")
    );
    let offers = &vendor.capabilities;
    assert!(offers.ari && offers.key_change && offers.revocation && !offers.eab_required);
    assert_eq!(offers.profiles, ["classic", "shortlived", "tlsserver"]);
    assert!(offers.profile_descriptions["classic"].ends_with("#classic"));
    assert_eq!(offers.orders_list, Some(false));
    assert_eq!(offers.read_at, Some(scene.console.now()));
    assert_eq!(
        (vendor.traits.max_names, vendor.traits.limits.len()),
        (Some(100), 6)
    );
    assert_eq!(vendor.traits.wildcard, "yes");
    assert_eq!(vendor.warnings, []);
}

#[tokio::test]
async fn several_vendors_of_several_kinds_live_side_by_side() {
    let scene = Scene::start().await;
    let le = scene.stub(StubOptions::lets_encrypt()).await;
    let dc = scene.stub(StubOptions::digicert()).await;
    let zs = scene.stub(StubOptions::zerossl()).await;
    let gts = scene.stub(StubOptions::google()).await;

    for new in [
        at_stub("le", "lets-encrypt", &le, None),
        at_stub("dc", "digicert", &dc, Some("digicert")),
        at_stub("zs", "zerossl", &zs, Some("zerossl")),
        at_stub("gts", "google", &gts, Some("google")),
    ] {
        scene.add(new).await.unwrap();
    }

    let all = vendors::list(&scene.console).await.unwrap();
    let facts: Vec<_> = all
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.type_code.as_str(),
                one.eab_kid.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("le", "lets-encrypt", None),
            ("dc", "digicert", Some("digicert")),
            ("zs", "zerossl", Some("zerossl")),
            ("gts", "google", Some("google")),
        ]
    );
    assert!(all.iter().all(|one| one.account_url.is_some()));
    assert!(!all[2].capabilities.key_change && all[3].capabilities.eab_required);
}

#[tokio::test]
async fn terms_of_service_are_agreed_to_explicitly() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;
    let new = NewCaVendor {
        terms_agreed: false,
        ..at_stub("le", "lets-encrypt", &stub, None)
    };

    let problem = scene.add(new).await.unwrap_err();

    assert_eq!(problem.code, "ca_vendor.terms_not_agreed");
    assert_eq!(problem.pointer.as_deref(), Some("/terms_agreed"));
    assert!(
        problem.detail.contains("https://stub.example/terms/v1"),
        "{problem:?}"
    );
    assert!(problem.remedy.unwrap().contains("--agree-tos"));
    assert!(stub.control().requests_to(Endpoint::NewAccount).is_empty());
    assert!(vendors::list(&scene.console).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_missing_binding_is_said_before_anything_is_registered() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::digicert()).await;

    let known = scene.add(at_stub("dc", "digicert", &stub, None)).await;
    // The same CA by its directory alone, which says that it wants one.
    let unknown = scene.add(at_stub("dc", "acme", &stub, None)).await;

    for problem in [known.unwrap_err(), unknown.unwrap_err()] {
        assert_eq!(problem.pointer.as_deref(), Some("/eab_kid"));
        assert!(problem.detail.contains("external account binding"));
        assert!(problem.remedy.is_some());
    }
    assert!(stub.control().requests_to(Endpoint::NewAccount).is_empty());
}

#[tokio::test]
async fn a_wrong_binding_is_told_in_the_cas_words_and_nothing_is_saved() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::digicert()).await;
    let wrong = NewCaVendor {
        eab_hmac: Some(Secret::new(base64url(b"another secret of some length"))),
        ..at_stub("dc", "digicert", &stub, Some("digicert"))
    };

    let problem = scene.add(wrong).await.unwrap_err();

    assert_eq!(problem.code, "ca_vendor.failed");
    assert!(
        problem.detail.contains("MAC does not verify"),
        "{problem:?}"
    );
    assert!(problem.remedy.is_some());
    assert!(vendors::list(&scene.console).await.unwrap().is_empty());
    // The next attempt, with the right one, is not in the way of the first.
    let right = at_stub("dc", "digicert", &stub, Some("digicert"));
    assert!(scene.add(right).await.unwrap().account_url.is_some());
}

#[tokio::test]
async fn everything_else_is_checked_before_a_binding_that_works_once_is_used() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::google()).await;
    let good = || at_stub("gts", "google", &stub, Some("google"));

    for bad in [
        NewCaVendor {
            email: Some("not an address".to_owned()),
            ..good()
        },
        NewCaVendor {
            terms_agreed: false,
            ..good()
        },
        NewCaVendor {
            profile: Some("nosuch".to_owned()),
            ..good()
        },
        NewCaVendor {
            renew_before: Some("soon".to_owned()),
            ..good()
        },
        NewCaVendor {
            name: "a name".to_owned(),
            ..good()
        },
    ] {
        scene.add(bad).await.unwrap_err();
    }

    assert!(stub.control().requests_to(Endpoint::NewAccount).is_empty());
    scene.add(good()).await.unwrap();
}

#[tokio::test]
async fn a_binding_that_works_once_is_not_lost_when_the_answer_is() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::google()).await;
    let new = || at_stub("gts", "google", &stub, Some("google"));
    // A Console was killed between newAccount and saving: the CA has the account, the database its key.
    let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();
    let subject = format!("{} eab google", stub.directory_url());
    let mut tx = scene.console.db.begin_write().await.unwrap();
    tx.begin_registration(&subject, key.to_pkcs8_der())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut config = ClientConfig::new(stub.directory_url());
    config.ca_bundle_pem = Some(stub.ca_bundle_pem().to_owned());
    let client = Client::connect(config).await.unwrap();
    let registration = NewAccount {
        eab: Some(Eab {
            kid: "google".to_owned(),
            hmac: Secret::new(StubOptions::EAB_HMAC.to_vec()),
        }),
        ..NewAccount::agreed()
    };
    let account = client.new_account(&key, &registration).await.unwrap();
    assert!(vendors::list(&scene.console).await.unwrap().is_empty());

    let vendor = scene.add(new()).await.unwrap();

    assert_eq!(vendor.account_url.as_deref(), Some(account.url()));
    assert_eq!(scene.account_key("gts").await, *key.to_pkcs8_der().expose());
    // The registration is over: another vendor with the used binding is refused, and does not share the account.
    let other = NewCaVendor {
        name: "other".to_owned(),
        ..new()
    };
    let problem = scene.add(other).await.unwrap_err();
    assert!(problem.detail.contains("not awaiting"), "{problem:?}");
}

#[tokio::test]
async fn the_key_of_a_failed_attempt_is_used_again() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::zerossl()).await;
    let new = || at_stub("zs", "zerossl", &stub, Some("zerossl"));
    let refusal = Answer::problem(400, "malformed", "some trouble");
    stub.control().queue(Endpoint::NewAccount, refusal);
    scene.add(new()).await.unwrap_err();
    let mut tx = scene.console.db.begin_write().await.unwrap();
    let subject = format!("{} eab zerossl", stub.directory_url());
    let fresh = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();
    let first = tx
        .begin_registration(&subject, fresh.to_pkcs8_der())
        .await
        .unwrap();
    drop(tx);

    scene.add(new()).await.unwrap();

    assert!(!first.is_new);
    assert_eq!(scene.account_key("zs").await, *first.key.expose());
}

#[tokio::test]
async fn of_two_who_add_with_one_binding_one_wins_and_no_account_is_shared() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::zerossl()).await;
    let new = |name: &str| at_stub(name, "zerossl", &stub, Some("zerossl"));

    let (one, two) = tokio::join!(scene.add(new("one")), scene.add(new("two")));

    let saved = vendors::list(&scene.console).await.unwrap();
    let won: Vec<_> = [&one, &two]
        .into_iter()
        .filter(|added| added.is_ok())
        .collect();
    assert_eq!(saved.len(), won.len());
    assert!(!saved.is_empty());
    if let [first, second] = saved.as_slice() {
        assert_ne!(first.account_url, second.account_url);
    }
    for lost in [one, two].into_iter().filter_map(Result::err) {
        assert_eq!(lost.code, "conflict");
    }
}

#[tokio::test]
async fn a_contact_that_cannot_be_read_is_refused_in_the_known_words() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::lets_encrypt()).await;
    let new = NewCaVendor {
        email: Some("ops at example".to_owned()),
        ..at_stub("le", "lets-encrypt", &stub, None)
    };

    let problem = scene.add(new).await.unwrap_err();

    let words = "Error validating contact(s) :: unable to parse email address";
    assert!(problem.detail.starts_with(words), "{problem:?}");
    assert_eq!(problem.pointer.as_deref(), Some("/email"));
    assert!(problem.remedy.is_some());
    assert!(stub.control().requests().is_empty());
}

#[tokio::test]
async fn what_the_ca_says_of_a_contact_is_told_word_for_word() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::default()).await;
    stub.control()
        .switch(|switches| switches.contacts = Contacts::Required);
    let new = NewCaVendor {
        email: None,
        ..at_stub("ca", "acme", &stub, None)
    };

    let problem = scene.add(new).await.unwrap_err();

    assert!(
        problem
            .detail
            .contains("Error validating contact(s) :: at least one"),
        "{problem:?}"
    );
    assert!(problem.remedy.is_some());
}

#[tokio::test]
async fn a_ca_without_nonces_is_told_in_the_known_words() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::default()).await;
    stub.control()
        .switch(|switches| switches.nonce = Nonce::Missing);

    let problem = scene
        .add(at_stub("ca", "acme", &stub, None))
        .await
        .unwrap_err();

    let words = "Could not get nonce from the CA server. Please check the CA server configuration.";
    assert!(problem.detail.starts_with(words), "{problem:?}");
    assert!(problem.detail.contains("Replay-Nonce") && problem.remedy.is_some());
    assert!(vendors::list(&scene.console).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_acme_server_is_told_in_the_known_words() {
    let scene = Scene::start().await;
    let stub = scene.stub(StubOptions::default()).await;
    let words =
        "Cannot initialize API for the CA server. Please check the CA server configuration.";
    let dead = format!("https://127.0.0.1:{}/dir", free_port());
    let wrong_path = format!("{}/nowhere", stub.directory_url());
    let untrusted = NewCaVendor {
        ca_bundle: None,
        ..ca_vendor("ca", stub.directory_url(), String::new())
    };
    let bundle = || stub.ca_bundle_pem().to_owned();

    for new in [
        ca_vendor("ca", dead, bundle()),
        ca_vendor("ca", wrong_path, bundle()),
        untrusted,
    ] {
        let problem = scene.add(new).await.unwrap_err();
        assert!(problem.detail.starts_with(words), "{problem:?}");
        assert!(problem.remedy.is_some(), "{problem:?}");
    }
    stub.control().queue(Endpoint::Directory, Answer::html(200));
    let problem = scene
        .add(at_stub("ca", "acme", &stub, None))
        .await
        .unwrap_err();
    assert!(problem.detail.starts_with(words), "{problem:?}");
    assert!(vendors::list(&scene.console).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unknown_vendor_is_told_in_the_known_words() {
    let scene = Scene::start().await;

    let shown = vendors::show(&scene.console, "gone").await.unwrap_err();
    let tried = vendors::test_vendor(&scene.console, "gone")
        .await
        .unwrap_err();
    let edited = vendors::edit_vendor(&scene.console, &actor(), "gone", Default::default()).await;
    let scanned = vendors::scan(&scene.console, "gone", &Default::default()).await;

    for error in [shown, tried, edited.unwrap_err(), scanned.unwrap_err()] {
        let problem = problem(&error);
        assert_eq!(problem.title, "Config CA ID is empty/does not exist.");
        assert!(problem.detail.contains("gone") && problem.remedy.is_some());
    }
}

#[tokio::test]
async fn a_type_that_has_no_directory_asks_for_the_url() {
    let scene = Scene::start().await;
    let new = NewCaVendor {
        name: "h".to_owned(),
        type_code: Some("harica".to_owned()),
        ..NewCaVendor::default()
    };

    let problem = scene.add(new).await.unwrap_err();

    assert_eq!(problem.pointer.as_deref(), Some("/directory_url"));
    assert!(problem.remedy.unwrap().contains("cm.harica.gr"));
}

#[tokio::test]
async fn a_lifetime_is_taken_where_the_ca_honours_it() {
    let scene = Scene::start().await;
    let google = scene.stub(StubOptions::google()).await;
    let le = scene.stub(StubOptions::lets_encrypt()).await;
    let lasting = |new| NewCaVendor {
        lifetime: Some("30d".to_owned()),
        ..new
    };

    let vendor = scene
        .add(lasting(at_stub("gts", "google", &google, Some("google"))))
        .await
        .unwrap();
    let problem = scene
        .add(lasting(at_stub("le", "lets-encrypt", &le, None)))
        .await
        .unwrap_err();

    assert_eq!(vendor.lifetime.as_deref(), Some("30d"));
    assert_eq!(problem.pointer.as_deref(), Some("/lifetime"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pebble_with_bindings_is_joined_with_the_right_one() {
    let hmac = base64url(StubOptions::EAB_HMAC);
    let options = PebbleOptions {
        eab_keys: vec![("kid-1".to_owned(), hmac.clone())],
        ..PebbleOptions::default()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let scene = Scene::start().await;
    let new = |hmac: Option<String>| NewCaVendor {
        eab_kid: hmac.as_ref().map(|_| "kid-1".to_owned()),
        eab_hmac: hmac.map(Secret::new),
        ..ca_vendor(
            "p",
            pebble.directory_url(),
            pebble.ca_bundle_pem().to_owned(),
        )
    };

    let missing = scene.add(new(None)).await.unwrap_err();
    let wrong = base64url(b"some other secret of 32 octets..");
    let wrong = scene.add(new(Some(wrong))).await.unwrap_err();
    let vendor = scene.add(new(Some(hmac))).await.unwrap();

    assert_eq!(missing.pointer.as_deref(), Some("/eab_kid"));
    assert_eq!(wrong.code, "ca_vendor.failed");
    assert!(vendor.account_url.is_some());
    // Told by its newOrder URL, whatever its port.
    assert_eq!(vendor.type_code, "pebble");
}
