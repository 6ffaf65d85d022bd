//! Answers that are half, strange, endless, or in several pages.

use evercert_dns::{DnsError, Fault};

use super::super::scene::{FIRST, Scene};
use super::super::stages::Trouble;
use super::super::subject::Kind;
use super::super::table::ONE_ANSWER;
use super::super::world::Room;

/// So many requests of an addition are answered strangely, one after the other.
const REQUESTS: usize = 5;

pub(crate) async fn malformed(scene: &mut Scene) {
    strange(scene, Trouble::Half).await;
}

pub(crate) async fn page(scene: &mut Scene) {
    strange(scene, Trouble::Page).await;
}

/// Whatever is answered strangely is not taken for a success: either it is an error, or the value is there.
async fn strange(scene: &mut Scene, trouble: fn(usize) -> Trouble) {
    let target = scene.target(FIRST);
    let is_lasting = matches!(scene.subject.kind, Kind::File(_));
    let mut failures = 0;
    for others in 0..REQUESTS {
        let provider = scene.provider();
        if scene.subject.is(|service| service.cookie) {
            provider.check(None).await.unwrap();
        }
        scene.stage.strike(trouble(others));
        match provider.add(&target).await {
            Ok(_) => assert_eq!(scene.ours(), [FIRST], "success was told after {others}"),
            Err(error) => {
                failures += 1;
                is_strange(scene, &error);
            }
        }
        if is_lasting {
            scene.stage.calm();
            return assert_eq!(failures, 1);
        }
        scene.stage.calm();
        scene.nobody_else_was_touched();
        // Whatever it came to, the next attempt brings it in order.
        scene.provider().add(&target).await.unwrap();
        assert_eq!(scene.ours(), [FIRST]);
        if scene.subject.room() != Room::LastTwo {
            failures += strange_withdrawal(scene, trouble(others)).await;
        }
    }
    assert!(failures > 0, "a strange answer was taken for a right one");
}

/// Half a list in which the value is not must not be taken for one without it.
async fn strange_withdrawal(scene: &Scene, trouble: Trouble) -> usize {
    let target = scene.target(FIRST);
    let provider = scene.provider();
    if scene.subject.is(|service| service.cookie) {
        provider.check(None).await.unwrap();
    }
    scene.stage.strike(trouble);
    let failures = match provider.remove(&target, None).await {
        Ok(()) => 0,
        Err(error) => {
            is_strange(scene, &error);
            1
        }
    };
    scene.stage.calm();
    assert!(failures > 0 || scene.ours().is_empty(), "success was told");
    scene.provider().remove(&target, None).await.unwrap();
    assert!(scene.ours().is_empty());
    failures
}

fn is_strange(scene: &Scene, error: &DnsError) {
    let text = error.to_string();
    match scene.subject.kind {
        Kind::Http(_) => {
            let words = ["is not what", "is busy or failed"];
            assert!(words.iter().any(|word| text.contains(word)), "{error}");
            let fits = matches!(error.fault(), Fault::Provider | Fault::Configuration);
            assert!(fits, "{error}");
        }
        Kind::Dns => {
            let words = ["does not answer properly", "without a valid signature"];
            assert!(words.iter().any(|word| text.contains(word)), "{error}");
        }
        Kind::File(_) => {
            assert_eq!(error.fault(), Fault::Configuration, "{error}");
            let words = ["has no SOA record", "holds no process id"];
            assert!(words.iter().any(|word| text.contains(word)), "{error}");
        }
        Kind::Command(_) => {
            let words = ["signal: 9", "status: 137", "Sign in"];
            assert!(words.iter().any(|word| text.contains(word)), "{error}");
        }
    }
}

pub(crate) async fn noise(scene: &mut Scene) {
    let target = scene.target(FIRST);
    if matches!(scene.subject.kind, Kind::File(_)) {
        // The files have a comment in Latin-1: its octets stay, which is looked at in every case.
        scene.provider().add(&target).await.unwrap();
        return assert_eq!(scene.ours(), [FIRST]);
    }
    let provider = scene.provider();
    if scene.subject.is(|service| service.cookie) {
        provider.check(None).await.unwrap();
    }
    scene.stage.strike(Trouble::Noise);
    let error = provider.add(&target).await.unwrap_err();
    is_strange(scene, &error);
    assert!(scene.ours().is_empty());
}

pub(crate) async fn flood(scene: &mut Scene) {
    scene.stage.strike(Trouble::Flood);
    let error = scene
        .provider()
        .add(&scene.target(FIRST))
        .await
        .unwrap_err();
    match scene.subject.kind {
        // The end of what it said is what tells.
        Kind::Command(_) => {
            assert!(
                error
                    .words()
                    .is_some_and(|words| words.ends_with("the end")),
                "{error}"
            );
            assert!(
                error
                    .output()
                    .is_some_and(|output| output.len() <= 64 << 10)
            );
        }
        _ => {
            assert!(error.to_string().contains("longer than 4 MiB"), "{error}");
            assert_eq!(error.fault(), Fault::Provider, "{error}");
        }
    }
    assert!(scene.ours().is_empty());
}

pub(crate) async fn second_page(scene: &mut Scene) {
    let target = scene.target(FIRST);
    // How often is asked where all fits in one answer.
    scene.provider().add(&target).await.unwrap();
    scene.provider().remove(&target, None).await.unwrap();
    let in_one = scene.stage.asked();
    scene.crowd();
    scene.provider().add(&target).await.unwrap();
    scene.provider().remove(&target, None).await.unwrap();
    let in_many = scene.stage.asked() - in_one;
    assert!(scene.ours().is_empty());
    let pages = in_many > in_one;
    assert_eq!(
        pages,
        !ONE_ANSWER.contains(&scene.subject.code),
        "the table says otherwise"
    );

    assert!(scene.provider().add(&target).await.unwrap().created);
    let again = scene.provider().add(&target).await.unwrap();
    assert!(!again.created || scene.subject.is_blind());
    assert_eq!(scene.ours(), [FIRST]);
}
