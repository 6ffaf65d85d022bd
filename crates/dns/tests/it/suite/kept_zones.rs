//! A zone that was found is kept for some minutes: it is not asked for again, and not believed in once it is gone.

use evercert_dns::Fault;

use super::{FIRST, NAME, SECOND, each, target};

/// Some whose doubles know what to do without zones; each says it in its own way.
const PLAIN: [&str; 8] = [
    "ali",
    "cf",
    "dgon",
    "dp",
    "easydns",
    "gandi_livedns",
    "inwx",
    "namesilo",
];

#[tokio::test]
async fn a_zone_that_is_gone_is_not_believed_to_be_there() {
    each(async |scene| {
        if !PLAIN.contains(&scene.service.code) {
            return;
        }
        let provider = scene.provider();
        provider.add(&target(FIRST)).await.unwrap();
        let zones = std::mem::take(&mut scene.running.world().data.zones);
        let error = provider.add(&target(SECOND)).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Zone, "{error}");
        scene.running.world().data.zones = zones;
        provider.add(&target(SECOND)).await.unwrap();
        assert_eq!(scene.ours(NAME), [SECOND, FIRST]);
    })
    .await;
}

#[tokio::test]
async fn the_zone_of_a_name_is_looked_for_once() {
    each(async |scene| {
        let provider = scene.provider();
        provider.add(&target(FIRST)).await.unwrap();
        let first = scene.running.world().asked.len();
        provider.add(&target(SECOND)).await.unwrap();
        let second = scene.running.world().asked.len() - first;
        assert!(second <= first, "{first} requests, then {second}");
    })
    .await;
}
