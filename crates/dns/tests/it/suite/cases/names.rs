//! Names: their zone, their length, their alphabet.

use evercert_dns::Fault;

use super::super::scene::{FIRST, Scene};
use super::super::subject::Kind;
use super::super::world::Room;

/// The value comes and goes at the name, in that zone.
async fn comes_and_goes(scene: &Scene, name: &str, zone: &str) {
    let provider = scene.provider_for(name);
    let target = scene.target_at(name, FIRST);
    let receipt = provider.add(&target).await.unwrap();
    let is_told = !matches!(scene.subject.kind, Kind::Command(_));
    let is_told = is_told && scene.subject.room() != Room::LastTwo;
    let is_found = is_told && !scene.subject.is(|service| service.zoneless);
    assert!(
        !is_found || receipt.zone == zone,
        "zone {} of {name}",
        receipt.zone
    );
    assert_eq!(scene.ours_at(name), [FIRST], "{name}");
    provider.remove(&target, Some(&receipt)).await.unwrap();
    let stays = scene.subject.room() == Room::LastTwo;
    assert!(stays || scene.ours_at(name).is_empty(), "{name}");
}

pub(crate) async fn public_suffix(scene: &mut Scene) {
    if scene.subject.room() == Room::LastTwo {
        return comes_and_goes(scene, "uk.example.co.uk", "uk.example.co.uk").await;
    }
    for (name, zone) in [
        ("_acme-challenge.example.co.uk", "example.co.uk"),
        ("_acme-challenge.a.b.example.co.uk", "example.co.uk"),
        ("_acme-challenge.a.b.sub.example.com", "sub.example.com"),
        ("_acme-challenge.notsub.example.com", "example.com"),
    ] {
        comes_and_goes(scene, name, zone).await;
    }
}

pub(crate) async fn long_name(scene: &mut Scene) {
    let [a, b, c, d] =
        [("a", 63), ("b", 63), ("c", 63), ("d", 33)].map(|(one, times)| one.repeat(times));
    let name = format!("_acme-challenge.{a}.{b}.{c}.{d}.example.com");
    assert_eq!(name.len(), 253);
    comes_and_goes(scene, &name, "example.com").await;
}

pub(crate) async fn idna(scene: &mut Scene) {
    if scene.subject.room() == Room::LastTwo {
        let name = "idna.xn--bcher-kva.example";
        return comes_and_goes(scene, name, name).await;
    }
    for name in [
        "_acme-challenge.xn--bcher-kva.example",
        "_acme-challenge.xn--strae-oqa.xn--bcher-kva.example",
    ] {
        comes_and_goes(scene, name, "xn--bcher-kva.example").await;
    }
}

pub(crate) async fn no_zone(scene: &mut Scene) {
    let changes = scene.stage.changes();
    // The second ends like a zone that is there.
    for zone in ["example.org", "notexample.com"] {
        let target = scene.target_at(&format!("_acme-challenge.{zone}"), FIRST);
        let error = scene.provider().add(&target).await.unwrap_err();
        assert!(error.to_string().contains(zone), "{error}");
        let says_so = match scene.subject.kind {
            Kind::Command(_) => false,
            Kind::Http(service) => !service.zoneless,
            Kind::Dns | Kind::File(_) => true,
        };
        if says_so {
            assert_eq!(error.fault(), Fault::Zone, "{error}");
            assert!(!error.is_retryable(), "{error}");
            let is_asked = scene.subject.room() == Room::One;
            assert!(is_asked || scene.stage.changes() == changes);
        }
        assert!(scene.ours_at(&target.fqdn).is_empty());
    }
}
