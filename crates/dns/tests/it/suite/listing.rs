//! What providers list: everything at the name, and nothing that stands elsewhere under its name.

use evercert_dns::TxtTarget;

use super::{FIRST, NAME, SECOND, each, target};

#[tokio::test]
async fn what_is_listed_at_a_name_is_what_stands_there() {
    each(async |scene| {
        let provider = scene.provider();
        provider.add(&target(FIRST)).await.unwrap();
        provider.add(&target(SECOND)).await.unwrap();
        let Some(listed) = provider.listed(&target("")).await.unwrap() else {
            return;
        };
        let mut here: Vec<&str> = (listed.iter())
            .filter(|record| record.fqdn == NAME)
            .map(|record| record.value.as_str())
            .collect();
        here.sort_unstable();
        assert_eq!(here, [SECOND, FIRST, "somebody-elses"]);
        for record in listed.iter().filter(|record| record.fqdn != NAME) {
            let there = scene.running.values(&record.fqdn);
            assert!(there.contains(&record.value), "{record:?}");
        }
        let nowhere = TxtTarget::new("_acme-challenge.new.example.com", "");
        let none = provider.listed(&nowhere).await.unwrap().unwrap_or_default();
        assert!(none.iter().all(|record| record.fqdn != nowhere.fqdn));
    })
    .await;
}

/// Those that list more than they are asked for find records that nobody knows of.
#[tokio::test]
async fn zones_that_are_listed_whole_show_other_names() {
    let seen = std::sync::Mutex::new(Vec::new());
    each(async |scene| {
        let stale = "_acme-challenge.old.example.com";
        scene.running.world().data.add(stale, FIRST);
        let listed = scene.provider().listed(&target("")).await.unwrap();
        let mut listed = listed.unwrap_or_default().into_iter();
        if listed.any(|record| record.fqdn == stale && record.value == FIRST) {
            seen.lock().unwrap().push(scene.service.code);
        }
    })
    .await;
    let seen = seen.into_inner().unwrap();
    assert!(seen.contains(&"linode_v4"), "{seen:?}");
}
