//! Which certificate real clients get.

use evercert_adc::{ExplainQuery, Outcome, SignatureName, Status};
use evercert_types::KeyAlgorithm;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, Error, ProtocolVersion};

use crate::authority::{ItemSpec, TestCa};
use crate::client::{ECDSA, RSA, Tls, TlsOptions};
use crate::console::FakeConsole;
use crate::world::{Setup, within};

const ONLY_TLS12: &[&rustls::SupportedProtocolVersion] = &[&TLS12];
const ONLY_TLS13: &[&rustls::SupportedProtocolVersion] = &[&TLS13];

fn alert(error: &Error) -> Option<AlertDescription> {
    match error {
        Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

#[tokio::test]
async fn clients_of_tls_1_2_and_1_3_get_exact_names_before_wildcards() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let [wild, exact] = ["*.a.example", "www.a.example"].map(|n| ca.item(&ItemSpec::new(n)));
        console.put([wild.clone(), exact.clone()], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;
        adc.active(2).await;
        let addr = adc.addr("v");

        for (versions, expected) in [
            (ONLY_TLS12, ProtocolVersion::TLSv1_2),
            (ONLY_TLS13, ProtocolVersion::TLSv1_3),
        ] {
            let tls = Tls::new(TlsOptions {
                versions,
                ..TlsOptions::default()
            });
            let shown = tls.look(addr, "WWW.a.example").await.unwrap();
            assert_eq!((shown.leaf, shown.version), (exact.fingerprint, expected));
            assert_eq!(shown.certificates, 2);
            assert_eq!(tls.leaf(addr, "x.a.example").await, wild.fingerprint);
        }
        let error = Tls::plain().look(addr, "x.y.a.example").await.unwrap_err();
        assert_eq!(alert(&error), Some(AlertDescription::UnrecognisedName));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn rsa_and_ecdsa_stand_side_by_side() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let spec = ItemSpec::new("a.example");
        let ecdsa = ca.item(&spec);
        let rsa = ca.item(&spec.rsa());
        console.put([rsa.clone(), ecdsa.clone()], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;
        adc.active(2).await;
        let addr = adc.addr("v");
        let with = |schemes: &[_], versions| {
            let schemes = schemes.to_vec();
            Tls::new(TlsOptions {
                schemes,
                versions,
                ..TlsOptions::default()
            })
        };

        for versions in [rustls::ALL_VERSIONS, ONLY_TLS12] {
            assert_eq!(
                with(ECDSA, versions).leaf(addr, "a.example").await,
                ecdsa.fingerprint
            );
            assert_eq!(
                with(RSA, versions).leaf(addr, "a.example").await,
                rsa.fingerprint
            );
            let both = [RSA, ECDSA].concat();
            assert_eq!(
                with(&both, versions).leaf(addr, "a.example").await,
                ecdsa.fingerprint
            );
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_manual_binding_switches_zero_touch_off_on_its_vserver_only() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let zero_touch = ca.item(&ItemSpec::new("a.example"));
        console.put([zero_touch.clone()], ca.chains());
        let files =
            |name, domains, algorithm| ca.files(dir.path(), name, domains, algorithm).fingerprint();
        let ecdsa = files("legacy", "old.example", KeyAlgorithm::EcdsaP256);
        let rsa = files("legacy-rsa", "old.example", KeyAlgorithm::Rsa2048);
        let sni = files("sni", "sni.example *.w.example", KeyAlgorithm::EcdsaP256);
        let setup = Setup::new(dir.path())
            .vserver("open", "SSL", &[])
            .vserver("manual", "SSL", &[])
            .conf(
                "add ssl certKey legacy -cert legacy.pem -key legacy.key
                 add ssl certKey legacy-rsa -cert legacy-rsa.pem -key legacy-rsa.key
                 add ssl certKey sni -cert sni.pem -key sni.key
                 set ssl vserver manual -SNIEnable ENABLED
                 bind ssl vserver manual -certkeyName legacy
                 bind ssl vserver manual -certkeyName legacy-rsa
                 bind ssl vserver manual -certkeyName sni -SNICert",
            )
            .console(&console);
        let adc = setup.start().await;
        adc.active(1).await;
        let (open, manual) = (adc.addr("open"), adc.addr("manual"));
        let tls = Tls::plain();

        assert_eq!(tls.leaf(open, "a.example").await, zero_touch.fingerprint);
        assert_eq!(tls.leaf(manual, "a.example").await, ecdsa);
        assert_eq!(tls.leaf(manual, "127.0.0.1").await, ecdsa);
        assert_eq!(tls.leaf(manual, "sni.example").await, sni);
        assert_eq!(tls.leaf(manual, "x.w.example").await, sni);
        let rsa_only = Tls::new(TlsOptions {
            schemes: RSA.to_vec(),
            ..TlsOptions::default()
        });
        assert_eq!(rsa_only.leaf(manual, "sni.example").await, rsa);
        let status = adc.handle.status();
        let zero_touch_on: Vec<bool> = status.vservers.iter().map(|v| v.zero_touch).collect();
        assert_eq!(zero_touch_on, [true, false]);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn clients_without_sni_get_a_default_or_are_refused() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let [a, b] = ["a.example", "*.b.example"].map(|n| ca.item(&ItemSpec::new(n)));
        console.put([a.clone(), b.clone()], ca.chains());
        let mut setup = Setup::new(dir.path())
            .vserver("none", "SSL", &[])
            .vserver("own", "SSL", &[])
            .conf(
                "add ssl profile p -sslProfileType FrontEnd -defaultSNI a.example
                 set ssl vserver own -sslProfile p",
            )
            .console(&console);
        let adc = setup.start().await;
        adc.active(2).await;
        let tls = Tls::plain();

        let error = tls.look(adc.addr("none"), "127.0.0.1").await.unwrap_err();
        assert_eq!(alert(&error), Some(AlertDescription::HandshakeFailure));
        assert_eq!(tls.leaf(adc.addr("own"), "127.0.0.1").await, a.fingerprint);
        assert_eq!(
            tls.leaf(adc.addr("own"), "unknown.example").await,
            a.fingerprint
        );
        adc.stop().await;

        setup.default_certificate = Some("x.b.example".into());
        let adc = setup.start().await;
        assert_eq!(tls.leaf(adc.addr("none"), "127.0.0.1").await, b.fingerprint);
        assert_eq!(tls.leaf(adc.addr("own"), "127.0.0.1").await, a.fingerprint);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn explain_tells_the_path_through_the_status_socket_too() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let item = ca.item(&ItemSpec::new("*.a.example"));
        let mut bad = ca.item(&ItemSpec::new("bad.a.example"));
        bad.key = item.key.clone();
        console.put([item.clone(), bad], ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]).console(&console);
        let adc = setup.start().await;
        adc.active(1).await;
        let query = ExplainQuery {
            sni: Some("bad.a.example".into()),
            signatures: Some(vec![SignatureName::Ecdsa]),
            vserver: None,
        };

        let here = adc.handle.explain(&query);
        let path = "/explain?sni=bad.a.example&sigalgs=ecdsa";
        let there = evercert_adc::admin::query(&dir.path().join("state"), path).await.unwrap();

        assert!(matches!(&here[0].outcome, Outcome::Served { fingerprint, .. } if *fingerprint == item.fingerprint));
        assert_eq!(serde_json::to_value(&here).unwrap(), there["explanations"]);
        assert_eq!(there["not_served"][0]["code"], "key_mismatch");
        let metrics = evercert_adc::admin::query(&dir.path().join("state"), "/metrics").await.unwrap();
        assert!(metrics.as_str().unwrap().contains("evercert_adc_zero_touch_rejected 1"));
        let refused = evercert_adc::admin::query(&dir.path().join("state"), "/explain?x=1").await;
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("not an argument")
        );
        let path = "/explain?sni=a&vserver=other";
        let unknown = evercert_adc::admin::query(&dir.path().join("state"), path).await;
        assert!(unknown.unwrap_err().to_string().contains("no vserver other"));
        adc.stop().await;
        let gone = evercert_adc::admin::query(&dir.path().join("state"), "/status").await.unwrap_err();
        assert!(gone.remedy().contains("evercert adc"));
    })
    .await;
}

#[tokio::test]
async fn a_vserver_speaks_only_the_versions_it_is_set_to() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let ca = TestCa::new();
        ca.files(dir.path(), "c", "a.example", KeyAlgorithm::EcdsaP256);
        let adc = Setup::new(dir.path())
            .vserver("old", "SSL", &[])
            .vserver("new", "SSL", &[])
            .conf(
                "add ssl certKey c -cert c.pem -key c.key
                 bind ssl vserver old -certkeyName c
                 bind ssl vserver new -certkeyName c
                 set ssl vserver old -tls13 DISABLED
                 add ssl profile p -tls12 DISABLED -tls13 ENABLED
                 set ssl vserver new -sslProfile p",
            )
            .start()
            .await;
        let with = |versions| {
            Tls::new(TlsOptions {
                versions,
                ..TlsOptions::default()
            })
        };
        let version = async |tls: Tls, vserver| {
            tls.look(adc.addr(vserver), "a.example")
                .await
                .map(|shown| shown.version)
        };

        assert_eq!(
            version(Tls::plain(), "old").await,
            Ok(ProtocolVersion::TLSv1_2)
        );
        version(with(ONLY_TLS13), "old").await.unwrap_err();
        assert_eq!(
            version(Tls::plain(), "new").await,
            Ok(ProtocolVersion::TLSv1_3)
        );
        version(with(ONLY_TLS12), "new").await.unwrap_err();
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_default_certificate_that_nothing_serves_is_warned_of_until_one_comes() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let mut setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console);
        setup.default_certificate = Some("late.example".into());
        let adc = setup.start().await;

        let warns = |status: &Status| {
            let mut warnings = status.warnings.iter();
            warnings.any(|w| w.contains("late.example is not a certkey"))
        };
        assert!(warns(&adc.handle.status()));

        console.put([ca.item(&ItemSpec::new("late.example"))], ca.chains());
        console.wake();
        adc.active(1).await;
        assert!(!warns(&adc.handle.status()));
        adc.stop().await;
    })
    .await;
}
