//! Services that are busy, fail, fall silent, or break off.

use std::time::Duration;

use evercert_dns::{DnsError, Fault, TxtTarget, repeating};
use tokio::time::Instant;

use super::super::scene::{FIRST, SECOND, Scene};
use super::super::stages::Trouble;
use super::super::stages::files::Server;
use super::super::subject::Kind;
use super::super::world::Room;

/// How long a question may travel on a busy machine.
const EARLIER: Duration = Duration::from_millis(200);
/// What a service asks for, or a lock is held.
const SECOND_S: Duration = Duration::from_secs(1);

pub(crate) async fn busy(scene: &mut Scene) {
    let start = Instant::now();
    scene.stage.strike(Trouble::Busy);
    let target = scene.target(FIRST);
    match scene.subject.kind {
        // What waits is the caller.
        Kind::Command(_) => drop(repeating(scene.provider()).add(&target).await.unwrap()),
        _ => {
            scene.provider().add(&target).await.unwrap();
            let pause = scene.stage.pause().unwrap_or_else(|| start.elapsed());
            // Who waits for an answer began to before the question arrived.
            assert!(pause + EARLIER >= SECOND_S, "asked again after {pause:?}");
        }
    }
    assert_eq!(scene.ours(), [FIRST]);
    if scene.subject.service().is_some() {
        busy_for_long(scene).await;
    }
}

/// Who asks for minutes is not waited for here; the order is told when to come again.
async fn busy_for_long(scene: &Scene) {
    let start = Instant::now();
    scene.stage.strike(Trouble::BusyForLong);
    let error = scene
        .provider()
        .add(&scene.target(SECOND))
        .await
        .unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(
        error.retry_after(),
        Some(Duration::from_secs(120)),
        "{error}"
    );
    assert_eq!(error.fault(), Fault::Provider, "{error}");
    assert!(error.is_retryable(), "{error}");
    assert!(!scene.ours().contains(&SECOND.to_owned()));
}

pub(crate) async fn failing(scene: &mut Scene) {
    let target = scene.target(FIRST);
    scene.stage.strike(Trouble::Failing);
    let error = scene.provider().add(&target).await.unwrap_err();
    let (word, fault) = match scene.subject.kind {
        Kind::Http(_) => ("HTTP 500", Fault::Provider),
        Kind::Dns => ("SERVFAIL", Fault::Provider),
        Kind::File(Server::Nsd) => ("Connection refused", Fault::Provider),
        Kind::File(Server::MaraDns) => ("No space left", Fault::Configuration),
        Kind::Command(_) => ("the service is down", Fault::Provider),
    };
    assert!(error.to_string().contains(word), "{error}");
    assert_eq!(error.fault(), fault, "{error}");
    if fault == Fault::Configuration {
        return;
    }
    assert!(error.is_retryable(), "{error}");
    assert!(scene.ours().is_empty());

    let changes = scene.stage.changes();
    scene.stage.strike(Trouble::FailingChange(1));
    scene.provider().add(&target).await.unwrap_err();
    let is_watched = !matches!(scene.subject.kind, Kind::File(_));
    assert!(
        !is_watched || scene.stage.changes() == changes + 1,
        "a change was sent twice"
    );
    assert!(scene.ours().is_empty());

    scene.stage.strike(Trouble::FailingChange(2));
    repeating(scene.provider()).add(&target).await.unwrap();
    assert_eq!(scene.ours(), [FIRST]);
}

pub(crate) async fn silence(scene: &mut Scene) {
    let start = Instant::now();
    scene.stage.strike(Trouble::Silence);
    let error = scene.hasty().add(&scene.target(FIRST)).await.unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "after {:?}",
        start.elapsed()
    );
    let (word, fault) = match scene.subject.kind {
        Kind::Http(_) => ("no answer in time", Fault::Network),
        Kind::Dns => ("does not answer", Fault::Network),
        Kind::File(_) => ("is locked by another program", Fault::Provider),
        Kind::Command(_) => ("did not end within", Fault::Provider),
    };
    assert!(error.to_string().contains(word), "{error}");
    assert_eq!(error.fault(), fault, "{error}");
    assert!(error.is_retryable(), "{error}");
    assert!(scene.ours().is_empty());
}

pub(crate) async fn reset(scene: &mut Scene) {
    happens_once(scene, &Trouble::Reset).await;
}

pub(crate) async fn lost_answer(scene: &mut Scene) {
    happens_once(scene, &Trouble::LostAnswer).await;
}

/// The change was carried out, and nobody said so: a repetition finds it done.
async fn happens_once(scene: &mut Scene, trouble: &Trouble) {
    scene.stage.strike(trouble.clone());
    let target = scene.target(FIRST);
    let provider = scene.provider();
    // A request that can be repeated was; the others are told, and found done the next time.
    if let Err(error) = provider.add(&target).await {
        is_worth_a_retry(&error);
        provider.add(&target).await.unwrap();
    }
    assert!(scene.stage.calm(), "nothing was lost");
    assert_eq!(scene.ours(), [FIRST]);
    if scene.subject.room() == Room::Many {
        removed_once(scene, trouble, &target).await;
    }
}

async fn removed_once(scene: &mut Scene, trouble: &Trouble, target: &TxtTarget) {
    scene.stage.strike(trouble.clone());
    let provider = scene.provider();
    if let Err(error) = provider.remove(target, None).await {
        is_worth_a_retry(&error);
        provider.remove(target, None).await.unwrap();
    }
    assert!(scene.stage.calm(), "nothing was lost");
    assert!(scene.ours().is_empty());
}

fn is_worth_a_retry(error: &DnsError) {
    assert!(error.is_retryable(), "{error}");
    assert!(
        matches!(error.fault(), Fault::Network | Fault::Provider),
        "{error}"
    );
}
