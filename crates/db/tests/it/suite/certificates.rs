//! Certificates, their slots and versions.

use evercert_db::certificates::{Certificate, CertificateFilter, KeyPolicy};
use evercert_db::slots::{Ari, Due};
use evercert_db::vendors::Vendor;
use evercert_db::versions::{Material, Version};
use evercert_types::{
    CertificateId, Fingerprint, KeyAlgorithm, RenewalMode, Secret, StoreKind, VendorId, VersionId,
    VersionState,
};
use jiff::SignedDuration;
use serde_json::json;

use super::Scene;

pub(crate) const KEY: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

pub(crate) async fn vendor(scene: &Scene, name: &str) -> Vendor {
    let vendor = Vendor {
        id: VendorId::new(),
        name: name.to_owned(),
        directory_url: "https://ca.example/dir".to_owned(),
        email: None,
        ca_bundle: None,
        eab_kid: Some("kid".to_owned()),
        renew_before: Some(SignedDuration::from_hours(24)),
        profile: None,
        preferred_chain: None,
        capabilities: json!({"ari": true}),
        options: Default::default(),
        created_at: scene.seconds(),
        updated_at: scene.seconds(),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.insert_vendor(&vendor, Some(&Secret::new(b"hmac".to_vec())))
        .await
        .unwrap();
    tx.insert_account(vendor.id, &Secret::new(b"account key".to_vec()))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    vendor
}

pub(crate) fn certificate(scene: &Scene, name: &str, domains: &[&str]) -> Certificate {
    Certificate {
        id: CertificateId::new(),
        name: name.to_owned(),
        store: StoreKind::ZeroTouch,
        names: domains
            .iter()
            .map(|domain| domain.parse().unwrap())
            .collect(),
        vendor_id: None,
        renewal_mode: RenewalMode::Automatic,
        key_policy: KeyPolicy::Rotate,
        profile: Some("classic".to_owned()),
        selector: "site=fra".parse().unwrap(),
        labels: Default::default(),
        terms: Default::default(),
        paused: false,
        created_at: scene.seconds(),
        updated_at: scene.seconds(),
    }
}

pub(crate) async fn insert(scene: &Scene, certificate: &Certificate) {
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.insert_certificate(certificate, &[KEY]).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn add_version(scene: &Scene, id: CertificateId, life: i64) -> Version {
    let mut tx = scene.db.begin_write().await.unwrap();
    let version = Version {
        id: VersionId::new(),
        certificate_id: id,
        algorithm: KEY,
        generation: tx.next_generation(id, KEY).await.unwrap(),
        fingerprint: Fingerprint([7; 32]),
        serial: "01".to_owned(),
        issuer: "CN=CA".to_owned(),
        not_before: scene.seconds(),
        not_after: scene.seconds() + SignedDuration::from_secs(life),
        vendor_id: None,
        order_id: None,
        state: VersionState::Good,
        committed_at: scene.db.now(),
    };
    let material = Material {
        version,
        chain_pem: "PEM".to_owned(),
        key: Some(Secret::new(b"private".to_vec())),
    };
    tx.insert_version(&material).await.unwrap();
    tx.commit().await.unwrap();
    material.version
}

pub(crate) async fn a_certificate_is_read_back(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let mut written = certificate(scene, "www", &["www.example.org", "*.example.org"]);
    written.vendor_id = Some(vendor.id);
    insert(scene, &written).await;

    assert_eq!(
        scene.db.certificate(written.id).await.unwrap().unwrap(),
        written
    );
    assert_eq!(
        scene.db.certificate_by_name("www").await.unwrap().unwrap(),
        written
    );
    assert_eq!(scene.db.certificate_by_name("WWW").await.unwrap(), None);
    assert_eq!(scene.db.certificates_of_vendor(vendor.id).await.unwrap(), 1);
    assert_eq!(scene.db.slots(written.id).await.unwrap().len(), 1);

    let mut tx = scene.db.begin_write().await.unwrap();
    let taken = tx
        .insert_certificate(&certificate(scene, "www", &["x.org"]), &[KEY])
        .await;
    assert!(taken.unwrap_err().is_conflict());
}

pub(crate) async fn certificates_are_listed_by_bytes_and_searched_in_any_case(scene: &Scene) {
    for (name, domain) in [
        ("b", "x_1.example"),
        ("a-b", "y.example"),
        ("B", "x21.example"),
    ] {
        insert(scene, &certificate(scene, name, &[domain])).await;
    }
    let names = async |filter: CertificateFilter<'_>| {
        let found = scene.db.certificates(filter).await.unwrap();
        found.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    let all = CertificateFilter::default();

    assert_eq!(names(all).await, ["B", "a-b", "b"]);
    assert_eq!(
        names(CertificateFilter {
            after: Some("B"),
            limit: 1,
            ..all
        })
        .await,
        ["a-b"]
    );
    assert_eq!(
        names(CertificateFilter {
            search: Some("X_1"),
            ..all
        })
        .await,
        ["b"]
    );
    assert_eq!(
        names(CertificateFilter {
            search: Some("A-"),
            ..all
        })
        .await,
        ["a-b"]
    );
    let other = CertificateFilter {
        store: Some(StoreKind::Certificate),
        ..all
    };
    assert!(names(other).await.is_empty());
}

pub(crate) async fn the_same_names_in_any_order_are_duplicates(scene: &Scene) {
    let first = certificate(scene, "one", &["a.example", "b.example"]);
    let second = certificate(scene, "two", &["b.example", "a.example"]);
    insert(scene, &first).await;
    insert(scene, &second).await;
    insert(scene, &certificate(scene, "three", &["a.example"])).await;

    assert_eq!(scene.db.duplicates_of(&first).await.unwrap(), ["two"]);
}

pub(crate) async fn a_version_in_force_starts_a_new_plan(scene: &Scene) {
    let certificate = certificate(scene, "www", &["a.example"]);
    insert(scene, &certificate).await;
    let (id, now) = (certificate.id, scene.seconds());
    let ari = Ari {
        start: now,
        end: now + SignedDuration::from_secs(10),
        chosen: now + SignedDuration::from_secs(5),
        explanation: Some("https://ca.example/why".to_owned()),
    };
    let due = Due {
        at: now,
        reason: "renewal_info".to_owned(),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.set_ari(id, KEY, Some(&ari), Some(now)).await.unwrap();
    tx.set_due(id, KEY, Some(&due)).await.unwrap();
    tx.set_slot_failure(id, KEY, now, &json!({"class": "transient"}))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let slot = scene.db.slot(id, KEY).await.unwrap().unwrap();
    assert_eq!(
        (slot.ari, slot.due, slot.failures),
        (Some(ari), Some(due), 1)
    );

    let version = add_version(scene, id, 100).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.activate_version(id, KEY, version.id).await.unwrap();
    tx.commit().await.unwrap();

    let slot = scene.db.slot(id, KEY).await.unwrap().unwrap();
    assert_eq!(slot.active_version_id, Some(version.id));
    assert_eq!((slot.ari, slot.failures, slot.retry_at), (None, 0, None));
    assert_eq!(slot.last_error, None);
}

pub(crate) async fn a_versions_key_is_sealed_and_opens(scene: &Scene) {
    let certificate = certificate(scene, "www", &["a.example"]);
    insert(scene, &certificate).await;
    let version = add_version(scene, certificate.id, 100).await;

    let key = scene.db.version_key(version.id).await.unwrap().unwrap();
    assert_eq!(key.expose(), b"private");
    assert_eq!(
        scene.db.version(version.id).await.unwrap().unwrap(),
        version
    );
    assert_eq!(
        scene.db.version_chain(version.id).await.unwrap().unwrap(),
        "PEM"
    );
}

pub(crate) async fn old_versions_go_but_never_the_one_in_force(scene: &Scene) {
    let certificate = certificate(scene, "www", &["a.example"]);
    insert(scene, &certificate).await;
    let first = add_version(scene, certificate.id, 100).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.activate_version(certificate.id, KEY, first.id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for _ in 0..5 {
        add_version(scene, certificate.id, 100).await;
    }

    assert_eq!(scene.db.prune_versions(2).await.unwrap(), 3);

    let left = scene.db.versions(certificate.id).await.unwrap();
    let generations: Vec<_> = left.iter().map(|version| version.generation).collect();
    assert_eq!(generations, [6, 5, 1]);
    scene.clock.advance(SignedDuration::from_secs(101));
    assert_eq!(scene.db.expire_versions().await.unwrap(), 3);
    assert_eq!(scene.db.expire_versions().await.unwrap(), 0);
}

pub(crate) async fn what_is_due_waits_after_a_failure_until_its_time_or_an_edit(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let mut certificate = certificate(scene, "www", &["a.example"]);
    certificate.vendor_id = Some(vendor.id);
    insert(scene, &certificate).await;
    let (id, now) = (certificate.id, scene.seconds());
    let due = Due {
        at: now,
        reason: "missing".to_owned(),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.set_due(id, KEY, Some(&due)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        scene.db.due_slots(vendor.id, 9).await.unwrap()[0].reason,
        "missing"
    );

    let later = now + SignedDuration::from_hours(24);
    let mut tx = scene.db.begin_write().await.unwrap();
    let error = json!({"class": "configuration", "code": "dns.credentials"});
    tx.set_slot_failure(id, KEY, later, &error).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.db.due_slots(vendor.id, 9).await.unwrap(), []);

    let mut tx = scene.db.begin_write().await.unwrap();
    assert_eq!(tx.clear_configuration_failures().await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(scene.db.due_slots(vendor.id, 9).await.unwrap().len(), 1);
}

pub(crate) async fn vendors_keep_their_secrets_and_are_not_removed_in_use(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let mut certificate = certificate(scene, "www", &["a.example"]);
    certificate.vendor_id = Some(vendor.id);
    insert(scene, &certificate).await;

    assert_eq!(
        scene.db.vendor_by_name("ca").await.unwrap().unwrap(),
        vendor
    );
    assert_eq!(
        scene
            .db
            .eab_hmac(vendor.id)
            .await
            .unwrap()
            .unwrap()
            .expose(),
        b"hmac"
    );
    let account = scene.db.account_of(vendor.id).await.unwrap().unwrap();
    assert_eq!(
        (account.key.expose().as_slice(), &account.url),
        (&b"account key"[..], &None)
    );
    scene
        .db
        .set_account_url(account.id, "https://ca.example/acct/1")
        .await
        .unwrap();
    let account = scene.db.account_of(vendor.id).await.unwrap().unwrap();
    assert_eq!(account.url.as_deref(), Some("https://ca.example/acct/1"));

    let mut tx = scene.db.begin_write().await.unwrap();
    let error = tx.remove_vendor(vendor.id).await.unwrap_err();
    assert_eq!(error.kind(), evercert_db::DbErrorKind::Referenced);
}

pub(crate) async fn a_registration_keeps_the_key_of_its_first_attempt(scene: &Scene) {
    let key = |text: &str| Secret::new(text.as_bytes().to_vec());
    let mut tx = scene.db.begin_write().await.unwrap();
    let first = tx.begin_registration("dir kid", key("one")).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = scene.db.begin_write().await.unwrap();
    let second = tx.begin_registration("dir kid", key("two")).await.unwrap();
    let other = tx
        .begin_registration("dir other", key("three"))
        .await
        .unwrap();

    assert!(first.is_new && !second.is_new && other.is_new);
    assert_eq!(second.key.expose(), b"one");
    assert!(tx.end_registration("dir kid").await.unwrap());
    assert!(!tx.end_registration("dir kid").await.unwrap());
    let later = scene.db.now() + SignedDuration::from_secs(1);
    assert_eq!(tx.forget_registrations(later).await.unwrap(), 1);
}

pub(crate) async fn an_account_is_replaced_and_changes_its_key_once_at_a_time(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let key = |text: &str| Secret::new(text.as_bytes().to_vec());
    let before = scene.db.account_of(vendor.id).await.unwrap().unwrap();

    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(tx.begin_key_change(before.id, &key("next")).await.unwrap());
    assert!(!tx.begin_key_change(before.id, &key("more")).await.unwrap());
    tx.commit().await.unwrap();
    let changing = scene.db.account_of(vendor.id).await.unwrap().unwrap();
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.replace_account(vendor.id, &key("next"), "https://ca.example/acct/2")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let after = scene.db.account_of(vendor.id).await.unwrap().unwrap();

    assert_eq!(changing.next_key.unwrap().expose(), b"next");
    assert_eq!(changing.key.expose(), b"account key");
    assert_eq!(after.key.expose(), b"next");
    assert!(after.id != before.id && after.next_key.is_none());
    assert_eq!(after.url.as_deref(), Some("https://ca.example/acct/2"));
    assert_eq!(
        scene.db.account_id_of(vendor.id).await.unwrap(),
        Some(after.id)
    );
}

pub(crate) async fn a_vendors_certificates_tell_their_lifetimes_and_issuers(scene: &Scene) {
    let vendor = vendor(scene, "ca").await;
    let db = &scene.db;
    assert_eq!(db.shortest_life_of_vendor(vendor.id).await.unwrap(), None);
    for (name, life) in [("long", 9_000), ("short", 600)] {
        let mut certificate = certificate(scene, name, &["a.example"]);
        certificate.vendor_id = Some(vendor.id);
        insert(scene, &certificate).await;
        let version = add_version(scene, certificate.id, life).await;
        let mut tx = db.begin_write().await.unwrap();
        tx.activate_version(certificate.id, KEY, version.id)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    let shortest = db.shortest_life_of_vendor(vendor.id).await.unwrap();
    let in_force = db.versions_in_force().await.unwrap();

    assert_eq!(shortest, Some(SignedDuration::from_secs(600)));
    let facts: Vec<_> = in_force
        .iter()
        .map(|one| (one.issuer.as_str(), one.chain_pem.as_str(), one.vendor_id))
        .collect();
    assert_eq!(facts, [("CN=CA", "PEM", None); 2]);
    assert!(db.chains_of_vendor(vendor.id, 5).await.unwrap().is_empty());
}
