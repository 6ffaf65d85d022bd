//! Lists of certificates: filters, orders, pages.

use std::collections::BTreeSet;

use evercert_db::listing::{ListOrder, Listing, Place};
use evercert_db::slots::Due;
use evercert_types::{RenewalMode, Selector, StoreKind};
use jiff::SignedDuration;

use super::Scene;
use super::certificates::{KEY, add_version, certificate, insert, vendor};
use super::orders::{Subject, insert_order, order};

/// `a`: manual, in the certificate store, labelled, in force for 100 s, due in 50 s, of the vendor; `b`: none of it.
async fn two(scene: &Scene) -> evercert_db::certificates::Certificate {
    let vendor = vendor(scene, "ca").await;
    let mut first = certificate(scene, "a", &["a.example"]);
    first.vendor_id = Some(vendor.id);
    first.store = StoreKind::Certificate;
    first.renewal_mode = RenewalMode::Manual;
    first.labels = [("site", "fra"), ("quote", "\"site\":\"ber\"")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    insert(scene, &first).await;
    insert(scene, &certificate(scene, "b", &["b.example"])).await;
    let version = add_version(scene, first.id, 100).await;
    let due = Due {
        at: scene.seconds() + SignedDuration::from_secs(50),
        reason: "x".to_owned(),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.activate_version(first.id, KEY, version.id)
        .await
        .unwrap();
    tx.set_due(first.id, KEY, Some(&due)).await.unwrap();
    tx.commit().await.unwrap();
    first
}

async fn names(scene: &Scene, listing: Listing<'_>) -> Vec<String> {
    let found = scene.db.list_certificates(&listing).await.unwrap();
    found.into_iter().map(|one| one.certificate.name).collect()
}

pub(crate) async fn every_condition_of_a_list_restricts_it(scene: &Scene) {
    let first = two(scene).await;
    let in_60 = Some(scene.seconds() + SignedDuration::from_secs(60));
    let in_101 = Some(scene.seconds() + SignedDuration::from_secs(101));
    let fra: Selector = "site=fra".parse().unwrap();
    let [caps, ber]: [Selector; 2] = ["site=FRA", "site=ber"].map(|text| text.parse().unwrap());
    let [a, none] = [vec!["a".to_owned(), "c".to_owned()], vec![]];
    let all = Listing::default();
    for (listing, expected) in [
        (all, &["a", "b"][..]),
        (
            Listing {
                names: Some(&a),
                ..all
            },
            &["a"],
        ),
        (
            Listing {
                names: Some(&none),
                ..all
            },
            &[],
        ),
        (
            Listing {
                store: Some(StoreKind::Certificate),
                ..all
            },
            &["a"],
        ),
        (
            Listing {
                vendor_id: first.vendor_id,
                ..all
            },
            &["a"],
        ),
        (
            Listing {
                mode: Some(RenewalMode::Automatic),
                ..all
            },
            &["b"],
        ),
        (
            Listing {
                search: Some("B.EX"),
                ..all
            },
            &["b"],
        ),
        (
            Listing {
                issuer: Some("cn=c"),
                ..all
            },
            &["a"],
        ),
        (
            Listing {
                issuer: Some("cn=d"),
                ..all
            },
            &[],
        ),
        (
            Listing {
                labels: Some(&fra),
                ..all
            },
            &["a"],
        ),
        (
            Listing {
                labels: Some(&caps),
                ..all
            },
            &[],
        ),
        (
            Listing {
                labels: Some(&ber),
                ..all
            },
            &[],
        ),
        (
            Listing {
                expires_before: in_60,
                ..all
            },
            &[],
        ),
        (
            Listing {
                expires_before: in_101,
                ..all
            },
            &["a"],
        ),
        (
            Listing {
                due_before: in_60,
                mode: Some(RenewalMode::Manual),
                ..all
            },
            &["a"],
        ),
        (
            Listing {
                due_before: in_60,
                store: Some(StoreKind::ZeroTouch),
                ..all
            },
            &[],
        ),
    ] {
        assert_eq!(names(scene, listing).await, expected, "{listing:?}");
    }
}

pub(crate) async fn pages_fit_together_in_every_order(scene: &Scene) {
    // Names that a locale would sort otherwise, and lives of which two are alike and some are missing.
    for (number, name) in ["b", "a-b", "B", "_", "aa", "ä", "Z", "a.b"]
        .iter()
        .enumerate()
    {
        let domain = format!("n{number}.example");
        let certificate = certificate(scene, name, &[&domain]);
        insert(scene, &certificate).await;
        if number % 3 == 0 {
            continue;
        }
        let life = 100 * i64::try_from(number / 2).unwrap() + 1;
        let version = add_version(scene, certificate.id, life).await;
        let mut tx = scene.db.begin_write().await.unwrap();
        tx.activate_version(certificate.id, KEY, version.id)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    for order in [
        ListOrder::Name,
        ListOrder::NotAfter,
        ListOrder::NotAfterDescending,
        ListOrder::DueAt,
        ListOrder::DueAtDescending,
    ] {
        let listing = Listing {
            order,
            ..Listing::default()
        };
        let all = scene.db.list_certificates(&listing).await.unwrap();
        assert_eq!(all.len(), 8);
        let sorted = all.is_sorted_by_key(|one| (one.sort_key, one.certificate.name.clone()));
        assert!(sorted, "{order:?}: {all:?}");
        let mut paged: Vec<evercert_db::listing::Listed> = Vec::new();
        loop {
            let after = paged
                .last()
                .map(|last| (last.sort_key, last.certificate.name.clone()));
            let after = after.as_ref().map(|(sort_key, name)| Place {
                sort_key: *sort_key,
                name,
            });
            let page = Listing {
                after,
                limit: 3,
                ..listing
            };
            let found = scene.db.list_certificates(&page).await.unwrap();
            if found.is_empty() {
                break;
            }
            paged.extend(found);
        }
        assert_eq!(paged, all, "{order:?}");
    }
}

pub(crate) async fn a_list_shows_keys_versions_and_running_orders(scene: &Scene) {
    let first = two(scene).await;
    let subject = Subject {
        certificate: first.id,
        vendor: first.vendor_id.unwrap(),
    };
    insert_order(scene, &order(scene, &subject)).await;

    let found = scene
        .db
        .list_certificates(&Listing::default())
        .await
        .unwrap();

    assert_eq!(found[0].certificate, first);
    let key = &found[0].keys[0];
    assert_eq!(key.running, Some(0));
    assert_eq!(
        key.slot,
        scene.db.slot(first.id, KEY).await.unwrap().unwrap()
    );
    let active = key.slot.active_version_id.unwrap();
    assert_eq!(key.active, scene.db.version(active).await.unwrap());
    let other = &found[1].keys[0];
    assert_eq!((other.running, other.active.is_none()), (None, true));
    assert!(!found[0].is_duplicate && !found[1].is_duplicate);
}

pub(crate) async fn certificates_with_the_same_names_are_grouped(scene: &Scene) {
    for (name, domains) in [
        ("one", &["a.example", "b.example"][..]),
        ("two", &["b.example", "a.example"]),
        ("three", &["a.example"]),
        ("four", &["c.example"]),
        ("five", &["c.example"]),
    ] {
        insert(scene, &certificate(scene, name, domains)).await;
    }

    let groups = scene.db.duplicates().await.unwrap();

    let groups: BTreeSet<Vec<String>> = groups
        .into_iter()
        .map(|group| group.certificates.into_iter().map(|one| one.name).collect())
        .collect();
    let expected = [vec!["five", "four"], vec!["one", "two"]];
    assert_eq!(
        groups,
        expected
            .map(|group| group.into_iter().map(str::to_owned).collect())
            .into()
    );
    let listed = scene
        .db
        .list_certificates(&Listing::default())
        .await
        .unwrap();
    let twice: Vec<_> = listed.iter().filter(|one| one.is_duplicate).collect();
    assert_eq!(twice.len(), 4);
}
