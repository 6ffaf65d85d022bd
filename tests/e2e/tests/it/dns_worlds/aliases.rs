//! Challenge names that are aliases (CNAME) at BIND: followed into another mapped zone, or not followed and refused.

use evercert_e2e::dns_world::{ALIAS_ZONE, DnsWorld, STRANGER};
use evercert_e2e::surroundings::ZONE;
use evercert_testkit::start_or_skip;

use super::scene::{self, LIMIT, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_name_that_leads_into_another_mapped_zone_is_written_there() {
    let world = start_or_skip!(DnsWorld::aliases().await);
    let pebble = start_or_skip!(scene::pebble(&world).await);
    let mut scene = Scene::start(world, pebble).await;
    let arguments = scene.world.provider_arguments();
    scene.add_provider("aliases", &arguments).await;
    scene.map(ALIAS_ZONE, "aliases").await;
    let name = format!("led.{ZONE}");
    let target = format!("{name}.{ALIAS_ZONE}");

    let looked = ["domain", "delegation", &name, "--zone", ALIAS_ZONE];
    let looked = scene.cli().ok(&looked).await.unwrap();
    let names = [name.clone(), format!("*.{name}")];
    scene.order("led", &names).await;
    scene.wait_for_pause().await;
    let written = scene.world.values_at(&target).await;
    scene.kill_and_start_again().await;

    assert!(looked.contains("aliases writes there"), "{looked}");
    assert_eq!(written.len(), 3, "{written:?}");
    assert!(written.contains(&STRANGER.to_owned()), "{written:?}");
    scene.all_in_force(&["led".to_owned()], LIMIT).await;
    scene.check("led", &names).await;
    scene.is_as_before("after an order by an alias").await;
    scene.no_attempt_failed();
    scene.end().await;
}

/// BIND answers NOERROR to an addition at an alias, and adds nothing: the value is read back, and the order fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_bind_drops_at_an_alias_is_told() {
    let world = start_or_skip!(DnsWorld::aliases().await);
    let pebble = start_or_skip!(scene::pebble(&world).await);
    let scene = Scene::start_with(world, pebble, None).await;
    let mut arguments = scene.world.provider_arguments();
    arguments.extend(["--propagation", "off"].map(str::to_owned));
    scene.add_provider("blind", &arguments).await;
    let name = format!("lost.{ZONE}");
    scene.map(&name, "blind").await;

    let issue = [
        "cert", "issue", "lost", "--domain", &name, "--vendor", "pebble", "--wait",
    ];
    let (_, refusal) = scene.cli().fails(&issue).await.unwrap();

    let alias = format!("alias (CNAME) of {name}.{ALIAS_ZONE}");
    assert!(refusal.contains(&alias), "{refusal}");
    assert!(refusal.contains("cannot have TXT values"), "{refusal}");
    assert!(refusal.contains("remove the CNAME"), "{refusal}");
    scene.is_as_before("after a value was dropped").await;
    scene.end().await;
}
