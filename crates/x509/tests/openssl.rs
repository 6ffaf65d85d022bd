//! Files made by OpenSSL are read, and what is written is read by OpenSSL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use evercert_types::KeyAlgorithm;
use evercert_x509::bundle::{self, Format};
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::{BundleError, Chain, KeyError, KeyPair, encrypted_key, pkcs12};
use jiff::{SignedDuration, Timestamp};

/// Runs OpenSSL in a directory; `None`, said loudly, where it is not installed.
fn openssl(dir: &Path, arguments: &str) -> Option<Vec<u8>> {
    let spawned = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = spawned else {
        let mut out = std::io::stderr();
        writeln!(
            out,
            "SKIPPED: openssl is missing; install it with apt-get install openssl"
        )
        .unwrap();
        return None;
    };
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {words}");
    Some(output.stdout)
}

/// A key with a chain of two, and a directory with both as `key.pem` and `chain.pem`.
fn material() -> (KeyPair, Chain, tempfile::TempDir) {
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let p256 = KeyAlgorithm::EcdsaP256;
    let root = Authority::self_signed("Root", p256, days(3650), now).unwrap();
    let ca = root.intermediate("CA", p256, days(1825), now).unwrap();
    let key = KeyPair::generate(p256).unwrap();
    let request = LeafRequest::for_key(&key, &["a.example".parse().unwrap()], days(90), now);
    let chain = ca.issue_chain(&request).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("key.pem"), key.to_pkcs8_pem().expose()).unwrap();
    std::fs::write(dir.path().join("chain.pem"), chain.to_pem()).unwrap();
    (key, chain, dir)
}

#[test]
fn pkcs12_files_of_every_kind_are_read() {
    let (key, chain, dir) = material();
    for options in [
        "",
        "-legacy",
        "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",
        "-keypbe AES-256-CBC -certpbe NONE",
        "-macalg sha512",
    ] {
        let command =
            format!("pkcs12 -export -inkey key.pem -in chain.pem -passout pass:secret {options}");
        let Some(file) = openssl(dir.path(), &command) else {
            return;
        };

        assert_eq!(bundle::detect(&file).unwrap(), Format::Pkcs12, "{options}");
        let read = bundle::read(&file, Some("secret")).unwrap();

        assert_eq!(read.keys[0].spki_der(), key.spki_der(), "{options}");
        assert_eq!(
            Chain::for_key(read.certificates, &key).unwrap(),
            chain,
            "{options}"
        );
        for wrong in [None, Some("Secret")] {
            let refused = bundle::read(&file, wrong).unwrap_err();
            assert!(refused.is_password(), "{options}: {refused:?}");
        }
    }
}

#[test]
fn der_files_are_read() {
    let (key, chain, dir) = material();
    let Some(leaf) = openssl(dir.path(), "x509 -in chain.pem -outform DER") else {
        return;
    };
    let plain = openssl(dir.path(), "pkey -in key.pem -outform DER").unwrap();
    let sec1 = openssl(dir.path(), "ec -in key.pem -outform DER").unwrap();

    assert_eq!(
        bundle::read(&leaf, None).unwrap().certificates[0],
        *chain.leaf()
    );
    for file in [plain, sec1] {
        assert_eq!(
            bundle::read(&file, None).unwrap().keys[0].spki_der(),
            key.spki_der()
        );
    }
}

#[test]
fn encrypted_keys_open_with_their_password_or_say_why_not() {
    let (key, _, dir) = material();
    for (method, is_read) in [
        ("-v2 aes-256-cbc", true),
        ("-v2 aes-128-cbc -v2prf hmacWithSHA512", true),
        ("-scrypt", true),
        ("-v2 des3", false),
        ("-v1 PBE-MD5-DES -provider legacy -provider default", false),
    ] {
        for form in ["PEM", "DER"] {
            let command =
                format!("pkcs8 -topk8 -in key.pem -passout pass:secret -outform {form} {method}");
            let Some(file) = openssl(dir.path(), &command) else {
                return;
            };
            let read = bundle::read(&file, Some("secret"));
            match is_read {
                true => assert_eq!(read.unwrap().keys[0].spki_der(), key.spki_der(), "{method}"),
                false => assert!(
                    matches!(read, Err(BundleError::Key(KeyError::Encryption))),
                    "{method} {form}: {read:?}"
                ),
            }
            let without = bundle::read(&file, None).unwrap_err();
            assert!(without.is_password(), "{method} {form}: {without:?}");
        }
    }
}

#[test]
fn what_is_exported_under_a_password_is_read_by_openssl() {
    let (key, chain, dir) = material();
    let sealed = encrypted_key::encrypt_to_pem(&key, "secret").unwrap();
    std::fs::write(dir.path().join("sealed.pem"), sealed.expose()).unwrap();

    let Some(opened) = openssl(dir.path(), "pkey -in sealed.pem -passin pass:secret") else {
        return;
    };

    let opened = KeyPair::from_pem(&String::from_utf8(opened).unwrap()).unwrap();
    assert_eq!(opened.spki_der(), key.spki_der());
    for (profile, option) in [
        (pkcs12::Profile::Modern, ""),
        (pkcs12::Profile::Legacy, "-legacy"),
    ] {
        let file = pkcs12::export(&key, &chain, "secret", profile).unwrap();
        std::fs::write(dir.path().join("x.p12"), file).unwrap();
        let command = format!("pkcs12 -in x.p12 -nodes -passin pass:secret {option}");
        let text = String::from_utf8(openssl(dir.path(), &command).unwrap()).unwrap();
        assert_eq!(Chain::from_pem(&text).unwrap(), chain);
    }
}
