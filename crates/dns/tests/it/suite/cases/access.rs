//! Who is let in, for how long, and where credentials go.

use std::io::ErrorKind;
use std::net::TcpListener;

use evercert_dns::Fault;

use super::super::scene::{FIRST, SECOND, Scene};
use super::super::stages::Trouble;
use super::super::subject::Kind;
use super::super::world::Room;

pub(crate) async fn bad_credentials(scene: &mut Scene) {
    let provider = scene.stranger();
    let error = provider.add(&scene.target(FIRST)).await.unwrap_err();
    let shown = format!("{error} {error:?} {provider:?}");
    assert!(!shown.contains("wrong-"), "{shown}");
    match scene.subject.kind {
        // Whether credentials were the reason, only its words tell.
        Kind::Command(_) => {
            assert_eq!(error.fault(), Fault::Provider, "{error}");
            assert!(error.to_string().contains("bad token ***"), "{error}");
        }
        Kind::File(_) => {
            assert_eq!(error.fault(), Fault::Configuration, "{error}");
            assert!(!error.is_retryable(), "{error}");
        }
        Kind::Http(_) | Kind::Dns => {
            assert_eq!(error.fault(), Fault::Credentials, "{error}");
            assert!(!error.is_retryable(), "{error}");
        }
    }
    let service = scene.subject.service();
    let most = service.map_or(1, |service| service.login_requests);
    assert!(
        scene.stage.asked() <= most,
        "asked {} times",
        scene.stage.asked()
    );
    assert!(scene.ours().is_empty());
    let knows_at_check = match scene.subject.kind {
        Kind::Http(service) => !service.zoneless && service.room == Room::Many,
        Kind::File(_) => true,
        Kind::Dns | Kind::Command(_) => false,
    };
    if knows_at_check {
        let error = provider.check(None).await.unwrap_err();
        assert!(!error.is_retryable(), "{error}");
    }
    scene.provider().check(None).await.unwrap();
}

pub(crate) async fn session_over(scene: &mut Scene) {
    let provider = scene.provider();
    provider.add(&scene.target(FIRST)).await.unwrap();
    scene.stage.strike(Trouble::SessionOver);
    provider.add(&scene.target(SECOND)).await.unwrap();
    assert_eq!(scene.ours(), [SECOND, FIRST]);
    scene.stage.strike(Trouble::SessionOver);
    provider.remove(&scene.target(FIRST), None).await.unwrap();
    assert_eq!(scene.ours(), [SECOND]);
}

pub(crate) async fn redirect(scene: &mut Scene) {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", elsewhere.local_addr().unwrap());
    let provider = scene.provider();
    if scene.subject.is(|service| service.cookie) {
        provider.check(None).await.unwrap();
    }
    scene.stage.strike(Trouble::Redirect(url));
    let outcome = provider.add(&scene.target(FIRST)).await;
    let visitor = elsewhere.accept();
    let nobody = matches!(&visitor, Err(error) if error.kind() == ErrorKind::WouldBlock);
    assert!(nobody, "the redirect was followed");
    match outcome {
        // A web site sends whoever is not logged in elsewhere: he logged in again.
        Ok(_) => assert_eq!(scene.ours(), [FIRST]),
        Err(error) => {
            assert!(error.to_string().contains("HTTP 307"), "{error}");
            assert!(scene.ours().is_empty());
        }
    }
}
