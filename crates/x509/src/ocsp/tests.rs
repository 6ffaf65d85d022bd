//! Answers that are believed, and those that are not.

use evercert_types::KeyAlgorithm;
use jiff::{SignedDuration, Timestamp};

use super::response::Signature;
use super::*;
use crate::der::{self, Reader};
use crate::mint::{Authority, LeafRequest};
use crate::samples::{authorities, days, names, now};
use crate::{Certificate, KeyPair};

struct Scene {
    root: Authority,
    issuer: Authority,
    leaf: Certificate,
}

fn scene() -> Scene {
    let (root, issuer) = authorities();
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let mut request = LeafRequest::for_key(&key, &names(&["a.example"]), days(90), now());
    request.ocsp_url = Some("http://ocsp.example/a".to_owned());
    let leaf = issuer.issue(&request).unwrap();
    Scene { root, issuer, leaf }
}

impl Scene {
    fn id(&self) -> CertId {
        CertId::of(&self.leaf, self.issuer.certificate())
    }

    fn signed_by(&self, signer: &Authority, status: Status) -> Response {
        let answer = Answer {
            statuses: &[(self.id(), status)],
            nonce: Some(b"nonce"),
            now: now(),
            next_update: Some(now() + days(4)),
            delegate: None,
        };
        Response::parse(&respond(&answer, signer.key()).unwrap()).unwrap()
    }

    fn judge(&self, response: &Response, belief: &Belief<'_>) -> Result<Status, OcspError> {
        response
            .status_of(&self.id(), self.issuer.certificate(), belief)
            .map(|single| single.status)
    }
}

fn belief(at: Timestamp) -> Belief<'static> {
    Belief {
        now: at,
        skew: SignedDuration::from_mins(5),
        nonce: Some(b"nonce"),
        signature: Signature::Checked,
    }
}

#[test]
fn the_issuers_answer_is_believed() {
    let scene = scene();

    for status in [Status::Good, Status::Revoked { at: now() }, Status::Unknown] {
        let response = scene.signed_by(&scene.issuer, status);
        assert_eq!(scene.judge(&response, &belief(now())), Ok(status));
    }
}

#[test]
fn an_answer_of_another_ca_is_believed_only_where_signatures_do_not_count() {
    let scene = scene();
    let response = scene.signed_by(&scene.root, Status::Good);

    assert_eq!(
        scene.judge(&response, &belief(now())),
        Err(OcspError::Signature)
    );
    let trusting = Belief {
        signature: Signature::Ignored,
        ..belief(now())
    };
    assert_eq!(scene.judge(&response, &trusting), Ok(Status::Good));
}

#[test]
fn answers_count_only_while_they_are_in_force() {
    let scene = scene();
    let response = scene.signed_by(&scene.issuer, Status::Good);
    let at = |offset: SignedDuration| scene.judge(&response, &belief(now() + offset));

    assert_eq!(at(days(3)), Ok(Status::Good));
    assert_eq!(at(days(4) + SignedDuration::from_mins(4)), Ok(Status::Good));
    assert_eq!(
        at(days(4) + SignedDuration::from_mins(6)),
        Err(OcspError::Outdated)
    );
    assert_eq!(at(-SignedDuration::from_mins(6)), Err(OcspError::Outdated));
}

#[test]
fn another_nonce_is_an_answer_to_another_question() {
    let scene = scene();
    let response = scene.signed_by(&scene.issuer, Status::Good);
    let other = Belief {
        nonce: Some(b"other"),
        ..belief(now())
    };

    assert_eq!(scene.judge(&response, &other), Err(OcspError::Nonce));
    let none = Belief {
        nonce: None,
        ..belief(now())
    };
    assert_eq!(scene.judge(&response, &none), Ok(Status::Good));
}

#[test]
fn answers_about_others_say_nothing() {
    let scene = scene();
    let other = CertId::of(scene.issuer.certificate(), scene.root.certificate());
    let response = scene.signed_by(&scene.issuer, Status::Good);

    let judged = response.status_of(&other, scene.issuer.certificate(), &belief(now()));
    assert_eq!(judged, Err(OcspError::Missing));
}

#[test]
fn an_altered_answer_is_not_believed() {
    let scene = scene();
    let response = scene.signed_by(&scene.issuer, Status::Revoked { at: now() });
    let good = scene.signed_by(&scene.issuer, Status::Good);
    let mut octets = response.der().to_vec();
    let last = octets.len() - 1;
    octets[last] ^= 1;

    let altered = Response::parse(&octets).unwrap();
    assert_eq!(
        scene.judge(&altered, &belief(now())),
        Err(OcspError::Signature)
    );
    assert_ne!(good.der(), response.der());
}

#[test]
fn responders_say_when_they_cannot_answer() {
    for (status, words) in [
        (1, "malformedRequest"),
        (3, "tryLater"),
        (6, "unauthorized"),
    ] {
        let octets = der::wrap(der::SEQUENCE, &[&der::tlv(der::ENUMERATED, &[status])]);
        let refused = Response::parse(&octets).map(drop);
        assert_eq!(refused, Err(OcspError::Unsuccessful(words)));
    }
}

#[test]
fn certificates_name_their_responder() {
    let scene = scene();

    assert_eq!(scene.leaf.ocsp_urls(), ["http://ocsp.example/a"]);
    assert!(scene.leaf.issuer_urls().is_empty());
}

#[test]
fn requests_name_certificates_and_carry_the_nonce() {
    let scene = scene();
    let octets = request(&[scene.id(), scene.id()], Some(b"12345678"));

    let mut inner = Reader::new(&octets).enter(der::SEQUENCE).unwrap();
    let mut inner = inner.enter(der::SEQUENCE).unwrap();
    let list = inner.expect(der::SEQUENCE).unwrap();
    assert_eq!(der::elements(list.content).unwrap().len(), 2);
    let extensions = inner.expect(der::constructed(2)).unwrap();
    let nonce = request::nonce_of(extensions.content).unwrap();
    assert_eq!(nonce.as_deref(), Some(&b"12345678"[..]));
}

proptest::proptest! {
    #[test]
    fn arbitrary_octets_never_panic(octets: Vec<u8>) {
        proptest::prop_assert!(Response::parse(&octets).is_err());
    }
}
