//! Made certificates: what is copied is copied octet by octet, what is new fits, OpenSSL agrees.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Stdio};

use evercert_testkit::card::{self, Card, CardAuthority};
use evercert_testkit::skip;
use evercert_types::{Clock as _, KeyAlgorithm, SystemClock};
use evercert_x509::der::{self, tlv};
use evercert_x509::forge::{
    Copied, FieldPolicy, ForgingCa, LeafKey, OidList, Original, Provenance, Refusal,
    SubjectTemplate, UnknownCritical, forge,
};
use evercert_x509::{Certificate, Chain};
use jiff::{SignedDuration, Timestamp};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

/// Now, for OpenSSL has its own clock.
fn now() -> Timestamp {
    Timestamp::from_second(SystemClock.now().as_second()).unwrap()
}

fn forging(algorithm: KeyAlgorithm) -> (ForgingCa, CardAuthority) {
    let authority = CardAuthority::new("Forging CA", algorithm, now());
    let ca = ForgingCa::new(&authority.chain(), authority.key().clone()).unwrap();
    (ca, authority)
}

fn cards() -> CardAuthority {
    CardAuthority::new("Card CA", P256, now())
}

struct Made {
    der: Vec<u8>,
    certificate: Certificate,
}

fn make(policy: &FieldPolicy, der: &[u8]) -> Result<Made, Refusal> {
    let (ca, _) = forging(P256);
    make_with(&ca, policy, der)
}

fn make_with(ca: &ForgingCa, policy: &FieldPolicy, der: &[u8]) -> Result<Made, Refusal> {
    let key = LeafKey::generate(P256).unwrap();
    let made = forge(ca, policy, &key, &Original::read(der)?, now())?;
    let certificate = Certificate::from_der(made.der.clone()).unwrap();
    assert_eq!(certificate.not_after(), made.not_after);
    assert_eq!(certificate.serial(), made.serial);
    Ok(Made {
        der: made.der,
        certificate,
    })
}

fn refused(card: &Card) -> Refusal {
    let key = LeafKey::generate(P256).unwrap();
    let der = cards().issue_for(card, key.key().spki_der());
    make(&FieldPolicy::default(), &der).err().unwrap()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

fn alice() -> Card {
    Card::person("alice", now())
}

#[test]
fn subject_and_extensions_are_copied_octet_by_octet() {
    let (ca, authority) = forging(P256);
    let (original, _) = cards().issue(&alice());

    let made = make_with(&ca, &FieldPolicy::default(), original.der()).unwrap();

    assert_eq!(made.certificate.subject_der(), original.subject_der());
    assert_eq!(
        made.certificate.issuer_der(),
        authority.certificate().subject_der()
    );
    let alt_names = card::extension(
        "2.5.29.17",
        false,
        &tlv(der::SEQUENCE, &alice().alt_names.concat()),
    );
    let usage = card::usage(&[card::CLIENT_AUTH, card::SMART_CARD_LOGON]);
    for extension in [
        &alt_names,
        &usage,
        &alice().extensions[0],
        &alice().extensions[1],
    ] {
        assert!(holds(&made.der, extension));
    }
    assert_ne!(made.certificate.serial(), original.serial());
    assert!(!made.certificate.is_ca());
    assert!(made.certificate.is_signed_by(authority.certificate()));
    let issuer_id = made.certificate.authority_key_id();
    assert_eq!(issuer_id, authority.certificate().subject_key_id());
    assert_ne!(made.certificate.subject_key_id(), issuer_id);
}

#[test]
fn validity_ends_with_the_first_of_lifetime_client_and_ca() {
    let hour = SignedDuration::from_hours(1);
    let policy = |lifetime| FieldPolicy {
        lifetime,
        ..FieldPolicy::default()
    };
    let (original, _) = cards().issue(&alice());
    let made = make(&policy(hour), original.der()).unwrap().certificate;
    assert_eq!(made.not_after(), now() + hour);
    assert_eq!(made.not_before(), now() - SignedDuration::from_mins(5));

    let short = Card {
        not_after: now() + SignedDuration::from_mins(20),
        ..alice()
    };
    let (original, _) = cards().issue(&short);
    let made = make(&policy(hour), original.der()).unwrap().certificate;
    assert_eq!(made.not_after(), short.not_after);

    let endless = Card {
        not_after: now() + SignedDuration::from_hours(24 * 36500),
        ..alice()
    };
    let (original, _) = cards().issue(&endless);
    let (ca, authority) = forging(P256);
    let long = policy(SignedDuration::from_hours(24 * 36500));
    let made = make_with(&ca, &long, original.der()).unwrap().certificate;
    assert_eq!(made.not_after(), authority.certificate().not_after());
}

#[test]
fn what_should_not_be_copied_is_refused_with_its_reason() {
    let hour = SignedDuration::from_hours(1);
    let expired = Card {
        not_after: now() - hour,
        not_before: now() - hour * 2,
        ..alice()
    };
    assert_eq!(refused(&expired), Refusal::NotInForce);
    let early = Card {
        not_before: now() + hour,
        ..alice()
    };
    assert_eq!(refused(&early), Refusal::NotInForce);
    let ending = Card {
        not_after: now() + SignedDuration::from_secs(20),
        ..alice()
    };
    assert!(matches!(refused(&ending), Refusal::EndsSoon(_)));
    let server = Card {
        usages: vec!["1.3.6.1.5.5.7.3.1"],
        ..alice()
    };
    assert_eq!(refused(&server), Refusal::NotForClients);
    let ca = card::extension("2.5.29.19", true, &tlv(der::SEQUENCE, &[1, 1, 0xff]));
    assert_eq!(
        refused(&Card {
            extensions: vec![ca],
            ..alice()
        }),
        Refusal::IsCa
    );
    let nobody = Card {
        subject: card::subject(&[]),
        alt_names: vec![],
        ..alice()
    };
    assert_eq!(refused(&nobody), Refusal::Nameless);
    let many = Card {
        alt_names: (0..101)
            .map(|i| tlv(0x82, format!("h{i}").as_bytes()))
            .collect(),
        ..alice()
    };
    assert_eq!(refused(&many), Refusal::TooManyNames { count: 101 });
    let large = Card {
        extensions: vec![card::extension("1.2.3", false, &vec![0; 16 << 10])],
        ..alice()
    };
    assert!(matches!(refused(&large), Refusal::TooLarge { .. }));
    let critical = Card {
        extensions: vec![card::extension("1.2.3.4", true, &[5, 0])],
        ..alice()
    };
    assert_eq!(
        refused(&critical),
        Refusal::UnknownCritical("1.2.3.4".to_owned())
    );
}

#[test]
fn weak_keys_and_weak_signatures_are_refused() {
    // rsaEncryption with a modulus of 1,024 bits.
    let modulus = der::unsigned(&[0xc1; 128]);
    let public = der::wrap(der::SEQUENCE, &[&modulus, &[2, 3, 1, 0, 1]]);
    let bits = tlv(der::BIT_STRING, &[&[0][..], &public].concat());
    let algorithm = [
        0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0,
    ];
    let weak = der::wrap(der::SEQUENCE, &[&algorithm, &bits]);
    let der = cards().issue_for(&alice(), &weak);
    let refusal = make(&FieldPolicy::default(), &der).err().unwrap();
    assert_eq!(refusal, Refusal::WeakKey { bits: 1024 });

    let (original, _) = cards().issue(&alice());
    let mut der = original.der().to_vec();
    // ecdsa-with-SHA256 becomes ecdsa-with-SHA1, which has an octet fewer: written over a longer one it is padded.
    let sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let last = (0..der.len() - 8)
        .rev()
        .find(|at| der[*at..*at + 8] == sha256)
        .unwrap();
    der.splice(
        last - 4..last + 8,
        [0x30, 11, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1, 5, 0],
    );
    let length = u16::from_be_bytes([der[2], der[3]]) + 1;
    der[2..4].copy_from_slice(&length.to_be_bytes());
    let refusal = make(&FieldPolicy::default(), &der).err().unwrap();
    assert_eq!(refusal, Refusal::WeakSignature);
}

#[test]
fn what_the_forging_ca_issued_is_not_copied_again() {
    let (ca, authority) = forging(P256);
    let (own, _) = authority.issue(&alice());

    let refusal = make_with(&ca, &FieldPolicy::default(), own.der())
        .err()
        .unwrap();

    assert_eq!(refusal, Refusal::OwnIssue);
    let same = LeafKey::new(authority.key().clone());
    let (original, _) = cards().issue(&alice());
    let original = Original::read(original.der()).unwrap();
    let refusal = forge(&ca, &FieldPolicy::default(), &same, &original, now()).unwrap_err();
    assert_eq!(refusal, Refusal::SameKey);
}

#[test]
fn the_policy_says_which_extensions_are_copied() {
    let custom = card::extension("1.2.3.4", true, &[5, 0]);
    let mut spec = alice();
    spec.extensions.push(custom.clone());
    let (original, _) = cards().issue(&spec);
    let few = FieldPolicy {
        copied: vec![Copied::KeyUsage],
        unknown_critical: UnknownCritical::Drop,
        crl_url: Some("http://crl.example/forging.crl".to_owned()),
        provenance: Provenance::Tell,
        ..FieldPolicy::default()
    };

    let made = make(&few, original.der()).unwrap();

    assert!(made.certificate.extended_key_usages() == ["clientAuth"]);
    assert!(!holds(&made.der, b"alice@corp.example"));
    assert!(!holds(&made.der, &custom));
    assert!(holds(&made.der, b"http://crl.example/forging.crl"));
    assert!(holds(&made.der, &original.fingerprint().0));

    let more = FieldPolicy {
        custom: OidList::new(["1.2.3.4"]).unwrap(),
        ..FieldPolicy::default()
    };
    assert!(holds(&make(&more, original.der()).unwrap().der, &custom));
    assert!(OidList::new(["2.5.29.35"]).is_err());
    assert!(OidList::new(["1.two"]).is_err());
}

#[test]
fn the_subject_can_be_filled_from_the_certificate() {
    let (original, _) = cards().issue(&alice());
    let with = |template: &str| {
        let policy = FieldPolicy {
            subject: Some(SubjectTemplate::parse(template).unwrap()),
            ..FieldPolicy::default()
        };
        make(&policy, original.der()).map(|made| made.certificate.subject())
    };

    assert_eq!(
        with("O=Example\\, Inc.,OU={OU},CN={UPN}").unwrap(),
        "CN=alice@corp.example,OU=Users,O=Example\\, Inc."
    );
    assert_eq!(
        with("CN={CN} of {ISSUER-CN} {serial}").unwrap(),
        format!("CN=alice of Card CA {}", original.serial_hex())
    );
    assert_eq!(
        with("CN={UID}").unwrap_err(),
        Refusal::MissingAttribute("UID".to_owned())
    );
    for wrong in [
        "",
        "CN",
        "CN=",
        "XX=1",
        "CN={WHAT}",
        "CN={CN",
        "CN=a\\",
        "CN=a,",
    ] {
        assert!(SubjectTemplate::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn name_constraints_of_the_forging_ca_are_kept_for_every_kind_of_name() {
    let cards = cards();
    let constrained = |names: &[Vec<u8>]| {
        let further = [card::permitted_names(names)];
        let authority = CardAuthority::with_extensions("Narrow", P256, now(), &further);
        ForgingCa::new(&authority.chain(), authority.key().clone()).unwrap()
    };
    let make = |ca: &ForgingCa, spec: &Card| {
        let (original, _) = cards.issue(spec);
        make_with(ca, &FieldPolicy::default(), original.der()).map(drop)
    };
    let base = card::subject(&[
        ("0.9.2342.19200300.100.1.25", "EXAMPLE"),
        ("0.9.2342.19200300.100.1.25", "corp"),
    ]);
    let card_names = card::subject(&[("2.5.4.6", "DE")]);
    let directory = constrained(&[tlv(0xa4, &base), tlv(0xa4, &card_names)]);
    make(&directory, &alice()).unwrap();
    let stranger = Card {
        subject: card::subject(&[("2.5.4.3", "alice")]),
        ..alice()
    };
    assert_eq!(
        make(&directory, &stranger),
        Err(Refusal::NameConstraint("dirName:CN=alice".to_owned()))
    );

    let upn = constrained(&[card::principal_name("corp.example")]);
    make(&upn, &alice()).unwrap();
    let other = Card {
        alt_names: vec![card::principal_name("root@evil.example")],
        ..alice()
    };
    assert_eq!(
        make(&upn, &other),
        Err(Refusal::NameConstraint("UPN:root@evil.example".to_owned()))
    );
    let email = constrained(&[tlv(0x81, b"corp.example")]);
    make(&email, &other).unwrap();
    let other = Card {
        alt_names: vec![tlv(0x81, b"root@evil.example")],
        ..alice()
    };
    assert!(make(&email, &other).is_err());
    let in_subject = Card {
        subject: card::subject(&[("1.2.840.113549.1.9.1", "root@evil.example")]),
        ..alice()
    };
    assert!(make(&email, &in_subject).is_err());
}

#[test]
fn only_a_ca_with_its_key_can_forge() {
    let (leaf, key) = cards().issue(&alice());
    let chain = Chain::from_certificates(vec![leaf]).unwrap();
    assert!(ForgingCa::new(&chain, key.clone()).is_err());
    assert!(ForgingCa::new(&cards().chain(), key).is_err());
}

fn openssl(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {words}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn openssl_verifies_what_every_kind_of_ca_makes_for_every_kind_of_key() {
    if let Err(missing) = skip::require_program("openssl", "openssl") {
        return skip::announce(&missing);
    }
    let (original, _) = cards().issue(&alice());
    let original = Original::read(original.der()).unwrap();
    let rsa = LeafKey::generate(KeyAlgorithm::Rsa2048).unwrap();
    for algorithm in [P256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Rsa2048] {
        let (ca, authority) = forging(algorithm);
        for key in [
            LeafKey::generate(P256).unwrap(),
            LeafKey::generate(KeyAlgorithm::EcdsaP384).unwrap(),
            rsa.clone(),
        ] {
            let made = forge(&ca, &FieldPolicy::default(), &key, &original, now()).unwrap();
            let leaf = Certificate::from_der(made.der).unwrap();
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("ca.pem"), authority.certificate().to_pem()).unwrap();
            std::fs::write(dir.path().join("leaf.pem"), leaf.to_pem()).unwrap();

            let verify = [
                "verify",
                "-x509_strict",
                "-purpose",
                "sslclient",
                "-CAfile",
                "ca.pem",
                "leaf.pem",
            ];
            assert!(openssl(dir.path(), &verify).contains("leaf.pem: OK"));
            // Older releases write `CN = alice`, newer ones `CN=alice`.
            let text = openssl(dir.path(), &["x509", "-in", "leaf.pem", "-noout", "-text"]);
            let text = text.replace(" = ", "=");
            let usage = if key.key().algorithm() == KeyAlgorithm::Rsa2048 {
                "Digital Signature, Key Encipherment"
            } else {
                "Digital Signature\n"
            };
            for part in [
                "DC=example, DC=corp, OU=Users, OU=Admins, CN=alice",
                "alice@corp.example",
                "Microsoft Smart",
                "CA:FALSE",
                usage,
            ] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn damaged_certificates_are_refused_or_copied_and_never_panic(position in 0usize..1200, value: u8) {
        let (original, _) = cards().issue(&alice());
        let mut der = original.der().to_vec();
        let position = position % der.len();
        der[position] = value;
        if let Ok(made) = make_quietly(&der) {
            proptest::prop_assert!(made.starts_with(&[0x30]));
        }
    }
}

fn make_quietly(der: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (ca, _) = forging(P256);
    let key = LeafKey::generate(P256).unwrap();
    forge(
        &ca,
        &FieldPolicy::default(),
        &key,
        &Original::read(der)?,
        now(),
    )
    .map(|made| made.der)
}
