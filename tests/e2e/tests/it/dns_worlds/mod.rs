//! Whole orders through every kind of DNS server, with Pebble asking that very server.
//!
//! One story, told in each world: the Console is killed while its values stand in the zone; a name and its wildcard are
//! issued; twenty orders at once change one zone, and one challenge name; and the Console is killed in the midst of
//! twenty more. After each, the zone is what it was.

mod algorithms;
mod aliases;
mod scene;

use std::time::Duration;

use evercert_e2e::dns_world::{DnsWorld, SHARED, SITES, STRANGER};
use evercert_e2e::surroundings::ZONE;
use evercert_testkit::wait::POLL;
use evercert_testkit::{Pebble, start_or_skip};

use scene::{LIMIT, Scene};

/// The world's story, unless a program is missing.
macro_rules! story {
    ($start:expr) => {{
        let world = start_or_skip!($start.await);
        let pebble = start_or_skip!(scene::pebble(&world).await);
        tell(world, pebble).await;
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_through_powerdns_leave_the_zone_as_it_was() {
    story!(DnsWorld::pdns());
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_through_knot_leave_the_zone_as_it_was() {
    story!(DnsWorld::knot());
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_through_bind_leave_the_zone_as_it_was() {
    story!(DnsWorld::bind());
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_through_nsd_leave_the_zone_as_it_was() {
    story!(DnsWorld::nsd());
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_through_route_53_leave_the_zone_as_it_was() {
    story!(DnsWorld::route53());
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_through_acme_dns_leave_the_zone_as_it_was() {
    story!(DnsWorld::acme_dns());
}

async fn tell(world: DnsWorld, pebble: Pebble) {
    let mut scene = Scene::start(world, pebble).await;
    killed_between_adding_and_removing(&mut scene).await;
    a_name_and_its_wildcard(&scene).await;
    twenty_at_once(&scene).await;
    killed_amid_twenty(&mut scene).await;
    algorithms::each_by_an_order(&scene).await;
    scene.end().await;
}

/// The Console stops, by the environment it was started with, when the values are written; there it is killed.
async fn killed_between_adding_and_removing(scene: &mut Scene) {
    let names = [format!("killed.{ZONE}"), format!("*.killed.{ZONE}")];
    scene.order("killed", &names).await;
    scene.wait_for_pause().await;
    assert_eq!(scene.world.values("killed").await.len(), 2);
    if !scene.world.keeps_values() {
        assert_ne!(scene.world.records().await, scene.before);
    }
    assert_eq!(scene.journal().await, 2);

    scene.kill_and_start_again().await;

    scene.all_in_force(&["killed".to_owned()], LIMIT).await;
    scene.is_as_before("after the kill").await;
}

async fn a_name_and_its_wildcard(scene: &Scene) {
    let names = [ZONE.to_owned(), format!("*.{ZONE}")];
    scene.order("whole", &names).await;
    scene.all_in_force(&["whole".to_owned()], LIMIT).await;
    scene.check("whole", &names).await;
    scene.is_as_before("after a whole order").await;
}

async fn twenty_at_once(scene: &Scene) {
    let certificates = sites();
    for (number, name) in certificates.iter().enumerate() {
        scene.order(name, &scene.world.names_of_site(number)).await;
    }
    scene.all_in_force(&certificates, LIMIT).await;
    for (number, name) in certificates.iter().enumerate().step_by(7) {
        scene.check(name, &scene.world.names_of_site(number)).await;
    }
    scene.is_as_before("after twenty orders at once").await;
    scene.no_attempt_failed();
    let left = scene.world.values(SHARED).await;
    match scene.world.keeps_values() {
        true => assert!(left.len() <= 2, "{left:?}"),
        false => assert_eq!(left, [STRANGER]),
    }
}

/// The kill comes when it comes: some values are meant to be written, some are written, some are being removed.
async fn killed_amid_twenty(scene: &mut Scene) {
    for name in sites() {
        scene.renew(&name).await;
    }
    scene.wait_for_values(5).await;
    scene.kill_and_start_again().await;
    scene.all_at_generation(2, &sites(), LIMIT).await;
    scene.is_as_before("after a kill amid twenty orders").await;
}

fn sites() -> Vec<String> {
    (0..SITES).map(|number| format!("site{number}")).collect()
}

/// Waits until something is so, and says what is instead when it is not.
async fn until<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &T,
    mut look: impl AsyncFnMut() -> T,
) {
    let mut seen = None;
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while tokio::time::Instant::now() < end {
        let now = look().await;
        if now == *expected {
            return;
        }
        seen = Some(now);
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(seen.as_ref(), Some(expected), "{what}");
}
