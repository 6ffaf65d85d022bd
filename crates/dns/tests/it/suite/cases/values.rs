//! Values come and go one by one, whatever else is at their name.

use evercert_dns::{Multi, Receipt};

use super::super::scene::{FIRST, SECOND, Scene};
use super::super::world::Room;

pub(crate) async fn published_twice(scene: &mut Scene) {
    let provider = scene.provider();
    let target = scene.target(FIRST);
    assert!(provider.add(&target).await.unwrap().created);
    let again = provider.add(&target).await.unwrap();
    assert!(!again.created || scene.subject.is_blind());
    scene.provider().add(&target).await.unwrap();
    assert_eq!(scene.ours(), [FIRST]);
    let (ttl, least) = (scene.stage.least_ttl(), scene.subject.service());
    let least = least.map_or(0, |service| service.min_ttl);
    assert!(ttl.is_none_or(|ttl| ttl >= least), "TTL {ttl:?}");
}

pub(crate) async fn two_values(scene: &mut Scene) {
    let provider = scene.provider();
    provider.add(&scene.target(FIRST)).await.unwrap();
    provider.add(&scene.target(SECOND)).await.unwrap();
    let is_single = provider.caps().multi == Multi::Single;
    match scene.subject.room() {
        // Who has room for one value must say so: the challenges then go one after the other.
        Room::One => assert_eq!(
            (is_single, scene.ours().as_slice()),
            (true, &[SECOND.to_owned()][..])
        ),
        Room::Many | Room::LastTwo => {
            assert!(!is_single);
            assert_eq!(scene.ours(), [SECOND, FIRST]);
        }
    }
}

pub(crate) async fn one_withdrawn(scene: &mut Scene) {
    let provider = scene.provider();
    let (first, second) = (scene.target(FIRST), scene.target(SECOND));
    let of_first = provider.add(&first).await.unwrap();
    let of_second = provider.add(&second).await.unwrap();
    provider.remove(&first, Some(&of_first)).await.unwrap();
    if scene.subject.room() == Room::LastTwo {
        assert_eq!(scene.ours(), [SECOND, FIRST]);
        return;
    }
    assert_eq!(scene.ours(), [SECOND]);
    // A receipt that is old, or of another value: what it names may be somebody else's by now.
    for receipt in [of_first, of_second] {
        provider.remove(&first, Some(&receipt)).await.unwrap();
        assert_eq!(scene.ours(), [SECOND]);
    }
}

pub(crate) async fn nothing_to_withdraw(scene: &mut Scene) {
    let changes = scene.stage.changes();
    let target = scene.target(FIRST);
    scene.provider().remove(&target, None).await.unwrap();
    let receipt = Receipt {
        created: true,
        ..Receipt::default()
    };
    scene
        .provider()
        .remove(&target, Some(&receipt))
        .await
        .unwrap();
    if scene.subject.room() == Room::Many {
        let elsewhere = scene.target_at("_acme-challenge.new.example.com", FIRST);
        scene.provider().remove(&elsewhere, None).await.unwrap();
    }
    // By DNS one value is taken away without looking, which does nothing when it is not there.
    let looks = !scene.subject.is_blind() && scene.subject.service().is_some();
    assert!(scene.stage.changes() == changes || !looks);
    assert!(scene.ours().is_empty());
}

pub(crate) async fn fresh_process(scene: &mut Scene) {
    let target = scene.target(FIRST);
    scene.provider().add(&target).await.unwrap();
    scene.provider().remove(&target, None).await.unwrap();
    match scene.subject.room() {
        Room::LastTwo => assert_eq!(scene.ours(), [FIRST]),
        Room::One | Room::Many => assert!(scene.ours().is_empty(), "{:?}", scene.ours()),
    }
}

/// Values that begin or end like ours, differ in case, or are ours at another name.
pub(crate) async fn others(scene: &mut Scene) {
    let looking_alike = [&format!("{FIRST}x"), &FIRST[..42]];
    let is_cut = scene.subject.code == "durabledns";
    let looking_alike = looking_alike.into_iter().filter(|_| !is_cut);
    for value in looking_alike.chain([
        FIRST.to_lowercase().as_str(),
        "v=DMARC1; p=none",
        "back\\slash; and space",
    ]) {
        scene.plant_here(value);
    }
    for name in [
        "_acme-challenge.example.com",
        "_acme-challenge.www.sub.example.com",
        "www.example.com",
        "_acme-challenge.ww.example.com",
    ] {
        scene.plant(name, FIRST);
    }
    let provider = scene.provider();
    let (first, second) = (scene.target(FIRST), scene.target(SECOND));
    let receipt = provider.add(&first).await.unwrap();
    assert!(receipt.created);
    provider.add(&second).await.unwrap();
    scene.nobody_else_was_touched();
    provider.remove(&second, None).await.unwrap();
    scene.nobody_else_was_touched();
    provider.remove(&first, Some(&receipt)).await.unwrap();
    assert!(scene.ours().is_empty() || scene.subject.room() == Room::LastTwo);
}

pub(crate) async fn first_and_last(scene: &mut Scene) {
    let name = "_acme-challenge.new.example.com";
    let fresh = scene.target_at(name, FIRST);
    let provider = scene.provider();
    provider.add(&fresh).await.unwrap();
    assert_eq!(scene.ours_at(name), [FIRST]);
    provider.remove(&fresh, None).await.unwrap();
    assert!(scene.ours_at(name).is_empty());
}

pub(crate) async fn many_writers(scene: &mut Scene) {
    let values: Vec<String> = (0..12).map(|number| format!("value-{number:02}")).collect();
    // As several orders of one process would: each with a provider of its own.
    let tasks = |add: bool| {
        let tasks = values.iter().map(|value| {
            let (provider, target) = (scene.provider(), scene.target(value));
            tokio::spawn(async move {
                match add {
                    true => provider.add(&target).await.map(drop),
                    false => provider.remove(&target, None).await,
                }
            })
        });
        tasks.collect::<Vec<_>>()
    };
    for added in tasks(true) {
        added.await.unwrap().unwrap();
    }
    assert_eq!(scene.ours(), values);
    for removed in tasks(false) {
        removed.await.unwrap().unwrap();
    }
    assert!(scene.ours().is_empty());
}
