//! What issuing adds: keys laid down for the next order, certificates of the same names, copies of a leaf.

use evercert_db::versions::{Material, Version};
use evercert_types::{
    CertificateId, DnsProviderId, Fingerprint, KeyAlgorithm, Secret, VersionId, VersionState,
};

use super::Scene;
use super::certificates::{KEY, certificate, insert};

pub(crate) async fn a_key_is_laid_down_sealed_and_taken_away(scene: &Scene) {
    let owner = certificate(scene, "own", &["own.example"]);
    insert(scene, &owner).await;
    let der = Secret::new(b"private key".to_vec());
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.set_slot_key(owner.id, KEY, Some(&der)).await.unwrap();
    tx.commit().await.unwrap();

    let found = scene.db.slot_key(owner.id, KEY).await.unwrap();
    let other = scene.db.slot_key(owner.id, KeyAlgorithm::Rsa2048).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.set_slot_key(owner.id, KEY, None).await.unwrap();
    tx.commit().await.unwrap();
    let gone = scene.db.slot_key(owner.id, KEY).await.unwrap();

    assert_eq!(found.unwrap().expose(), der.expose());
    assert!(other.unwrap().is_none() && gone.is_none());
}

pub(crate) async fn a_slot_goes_and_its_versions_stay(scene: &Scene) {
    let owner = certificate(scene, "own", &["own.example"]);
    insert(scene, &owner).await;
    add_version(scene, owner.id, 7).await;
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.remove_slot(owner.id, KEY).await.unwrap();
    tx.commit().await.unwrap();

    assert!(scene.db.slots(owner.id).await.unwrap().is_empty());
    assert_eq!(scene.db.versions(owner.id).await.unwrap().len(), 1);
}

pub(crate) async fn addresses_count_among_the_same_names(scene: &Scene) {
    let mut one = certificate(scene, "one", &["a.example", "b.example"]);
    one.terms.ips = vec!["203.0.113.7".parse().unwrap()];
    let mut two = certificate(scene, "two", &["b.example", "a.example"]);
    two.terms.ips = one.terms.ips.clone();
    let without = certificate(scene, "without", &["a.example", "b.example"]);
    for each in [&one, &two, &without] {
        insert(scene, each).await;
    }

    let found = scene.db.same_names(&one).await.unwrap();
    let mut tx = scene.db.begin_write().await.unwrap();
    let in_unit = tx.same_names(&one).await.unwrap();

    let names: Vec<&str> = found.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["two"]);
    assert_eq!(found, in_unit);
}

pub(crate) async fn copies_of_a_leaf_are_found_in_every_certificate(scene: &Scene) {
    let one = certificate(scene, "one", &["a.example"]);
    let two = certificate(scene, "two", &["a.example"]);
    for each in [&one, &two] {
        insert(scene, each).await;
    }
    let first = add_version(scene, one.id, 7).await;
    let copy = add_version(scene, two.id, 7).await;
    add_version(scene, two.id, 8).await;

    let mut tx = scene.db.begin_write().await.unwrap();
    let copies = tx.copies_of_version(first).await.unwrap();

    let mut expected = [(one.id, first), (two.id, copy)];
    expected.sort();
    let found: Vec<_> = copies
        .iter()
        .map(|version| (version.certificate_id, version.id))
        .collect();
    assert_eq!(found, expected);
}

pub(crate) async fn certificates_are_found_by_what_their_terms_name(scene: &Scene) {
    let provider = DnsProviderId::new();
    let mut chosen = certificate(scene, "chosen", &["a.example"]);
    chosen.terms.provider = Some(provider);
    insert(scene, &chosen).await;
    insert(scene, &certificate(scene, "mapped", &["b.example"])).await;

    let found = scene.db.certificates_naming(&provider.to_string()).await;
    let none = scene
        .db
        .certificates_naming(&DnsProviderId::new().to_string())
        .await;

    assert_eq!(found.unwrap(), ["chosen"]);
    assert!(none.unwrap().is_empty());
}

async fn add_version(scene: &Scene, id: CertificateId, leaf: u8) -> VersionId {
    let mut tx = scene.db.begin_write().await.unwrap();
    let version = Version {
        id: VersionId::new(),
        certificate_id: id,
        algorithm: KEY,
        generation: tx.next_generation(id, KEY).await.unwrap(),
        fingerprint: Fingerprint([leaf; 32]),
        serial: "01".to_owned(),
        issuer: "CN=Test".to_owned(),
        not_before: scene.seconds(),
        not_after: scene.seconds(),
        vendor_id: None,
        order_id: None,
        state: VersionState::Good,
        committed_at: scene.seconds(),
    };
    let material = Material {
        version: version.clone(),
        chain_pem: "chain".to_owned(),
        key: None,
    };
    tx.insert_version(&material).await.unwrap();
    tx.commit().await.unwrap();
    version.id
}
