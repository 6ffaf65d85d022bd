//! CRLs and OCSP: only what the CA signed is believed, and OpenSSL understands what is asked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use evercert_testkit::card::{Card, CardAuthority};
use evercert_testkit::skip;
use evercert_types::{Clock as _, KeyAlgorithm, SystemClock};
use evercert_x509::ocsp::{self, Belief, CertId, Response, Signature, Status};
use evercert_x509::{CrlError, RevocationList};
use jiff::{SignedDuration, Timestamp};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

fn now() -> Timestamp {
    Timestamp::from_second(SystemClock.now().as_second()).unwrap()
}

#[test]
fn a_crl_revokes_what_is_on_it_and_only_its_own_ca_is_believed() {
    for algorithm in [P256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Rsa2048] {
        let ca = CardAuthority::new("Card CA", algorithm, now());
        let namesake = CardAuthority::new("Card CA", P256, now());
        let other = CardAuthority::new("Other CA", P256, now());
        let alice = Card::person("alice", now());
        let (certificate, _) = ca.issue(&alice);
        let crl = ca.crl(&[&alice.serial], now());

        let list = RevocationList::read(crl.as_bytes(), ca.certificate()).unwrap();

        assert!(list.revokes(certificate.serial()) && !list.revokes(&[1]));
        assert_eq!((list.len(), list.number()), (1, Some("1")));
        assert!(list.is_current(now()) && !list.is_current(now() + SignedDuration::from_hours(25)));
        let wrong = RevocationList::read(crl.as_bytes(), namesake.certificate());
        assert!(matches!(wrong, Err(CrlError::Signature(_))), "{wrong:?}");
        let wrong = RevocationList::read(crl.as_bytes(), other.certificate());
        assert!(matches!(wrong, Err(CrlError::Issuer { .. })), "{wrong:?}");
        let wrong = RevocationList::read(b"no list", ca.certificate());
        assert!(matches!(wrong, Err(CrlError::Malformed(_))), "{wrong:?}");
    }
}

#[test]
fn openssl_answers_our_request_and_we_read_its_answer() {
    if let Err(missing) = skip::require_program("openssl", "openssl") {
        return skip::announce(&missing);
    }
    let ca = CardAuthority::new("Card CA", KeyAlgorithm::Rsa2048, now());
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(dir.path().join(name), text).unwrap();
    write("ca.pem", ca.certificate().to_pem().as_bytes());
    write("ca.key", ca.key().to_pkcs8_pem().expose().as_bytes());
    let mut index = String::new();
    for (name, line) in [
        ("alice", "V\t350101000000Z\t"),
        ("mallory", "R\t350101000000Z\t260101000000Z"),
    ] {
        let (certificate, _) = ca.issue(&Card::person(name, now()));
        let serial = certificate.serial_hex().to_uppercase();
        index.push_str(&format!("{line}\t{serial}\tunknown\t/CN={name}\n"));
    }
    write("index.txt", index.as_bytes());
    for (name, expected) in [
        ("alice", "good"),
        ("mallory", "revoked"),
        ("eve", "unknown"),
    ] {
        let (certificate, _) = ca.issue(&Card::person(name, now()));
        let id = CertId::of(&certificate, ca.certificate());
        let nonce: &[u8] = b"0123456789abcdef";
        write(
            "request.der",
            &ocsp::request(std::slice::from_ref(&id), Some(nonce)),
        );
        let arguments = "ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -reqin request.der -respout response.der -ndays 1";
        let output = std::process::Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let response = std::fs::read(dir.path().join("response.der")).unwrap();
        let belief = Belief {
            now: now(),
            skew: SignedDuration::from_secs(300),
            nonce: Some(nonce),
            signature: Signature::Checked,
        };
        let response = Response::parse(&response).unwrap();
        let single = response.status_of(&id, ca.certificate(), &belief).unwrap();
        let word = match single.status {
            Status::Good => "good",
            Status::Revoked { .. } => "revoked",
            Status::Unknown => "unknown",
        };
        assert_eq!(word, expected, "{name}");
        assert!(response.is_signed_by(ca.certificate()));
    }
}
