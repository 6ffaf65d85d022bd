//! Dynamic client certificates: what settings do, the cache, the audit file, and NITRO.

use std::sync::Arc;

use evercert_testkit::card::Card;
use evercert_types::{KeyAlgorithm, ManualClock, SharedClock};
use jiff::SignedDuration;
use serde_json::json;

use crate::authority::now;
use crate::dc2g::{ALICE, BOTH, Parties, client, count, get};
use crate::origin::{Asks, Origin};
use crate::world::within;

#[tokio::test]
async fn certificates_are_used_again_until_they_are_flushed_or_old() {
    within(async {
        let parties = Parties::new();
        let clock = Arc::new(ManualClock::new(now()));
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let mut setup = parties
            .setup(origin.addr, "Mandatory")
            .conf("set ssl profile be -dynamicClientCertIdle 0 -dynamicClientCertCacheTimeout 100");
        setup.clock = clock.clone() as SharedClock;
        let adc = setup.start().await;
        let alice = client(Some(&parties.person("alice")), BOTH);
        let forged = async |expected: u64| {
            assert_eq!(get(&adc, &alice, "/").await.0, 200);
            assert_eq!(count(&adc, "dc2g_forged_total"), expected);
        };

        forged(1).await;
        forged(1).await;
        assert_eq!(count(&adc, "dc2g_cache_hit_total"), 1);
        adc.handle
            .execute("flush ssl dynamicClientCertCache")
            .await
            .unwrap();
        forged(2).await;
        clock.advance(SignedDuration::from_secs(90));
        forged(2).await;
        clock.advance(SignedDuration::from_secs(11));
        forged(3).await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn every_certificate_made_is_in_the_audit_file_once_and_its_uses_are_told_at_the_end() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let adc = parties
            .setup(origin.addr, "Mandatory")
            .conf("set ssl profile be -dynamicClientCertIdle 0")
            .start()
            .await;
        let person = parties.person("alice");
        let alice = client(Some(&person), BOTH);
        for _ in 0..3 {
            assert_eq!(get(&adc, &alice, "/").await.0, 200);
        }

        let lines = parties.audit();

        assert_eq!(lines.len(), 1, "{lines:?}");
        let (line, shown) = (&lines[0], &origin.certificates()[0]);
        let told = |path: &str| line.pointer(path).unwrap().as_str().unwrap().to_owned();
        assert_eq!(told("/event"), "forged");
        assert_eq!(
            (told("/profile"), told("/vserver"), told("/service")),
            ("be".into(), "v".into(), "s".into())
        );
        assert_eq!(
            (told("/client"), told("/source")),
            ("127.0.0.1".into(), "client".into())
        );
        assert_eq!(told("/original/subject"), person.0[0].subject());
        assert_eq!(told("/original/issuer"), person.0[0].issuer());
        assert_eq!(told("/original/serial"), person.0[0].serial_hex());
        assert_eq!(
            told("/original/sha256"),
            person.0[0].fingerprint().to_string()
        );
        assert_eq!(told("/forged/serial"), shown.serial_hex());
        assert_eq!(told("/forged/sha256"), shown.fingerprint().to_string());
        assert_eq!(told("/forged/not_after"), shown.not_after().to_string());
        adc.handle
            .execute("flush ssl dynamicClientCertCache")
            .await
            .unwrap();
        let retired = parties.audit().remove(1);
        assert_eq!(retired["event"], "retired");
        assert_eq!(retired["serial"], shown.serial_hex());
        assert_eq!(retired["cache_hits"], 2);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn without_an_audit_file_no_certificate_is_made() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let adc = parties.setup(origin.addr, "Mandatory").start().await;
        std::fs::create_dir(parties.dir().join("state/dc2g-audit.jsonl")).unwrap();

        let (status, body) = get(&adc, &client(Some(&parties.person("alice")), BOTH), "/").await;

        assert_eq!(status, 502, "{body}");
        assert_eq!(origin.handshakes(), 0);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn settings_bind_what_is_made_and_for_whom() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let adc = parties.setup(origin.addr, "Mandatory").start().await;
        let alice = client(Some(&parties.person("alice")), BOTH);
        let set = async |text: &str| {
            adc.handle
                .execute(&format!("set ssl profile be {text}"))
                .await
                .unwrap();
        };
        let shown = async || {
            let (status, body) = get(&adc, &alice, "/").await;
            assert_eq!(status, 200, "{body}");
            origin.certificates().pop().unwrap()
        };

        let first = shown().await;
        set("-dynamicClientCertLifetime 5").await;
        let short = shown().await;
        assert!(short.not_after() < now() + SignedDuration::from_secs(302));
        assert_ne!(first.serial(), short.serial());
        set("-dynamicClientCertSubject \"CN={UPN}\" -dynamicClientCertKeyAlgorithm P_384").await;
        let other = shown().await;
        assert_eq!(other.subject(), "CN=alice@corp.example");
        assert_eq!(other.key_algorithm(), Some(KeyAlgorithm::EcdsaP384));
        set("-dynamicClientCertKeyAlgorithm P_256 -dynamicClientCertKey FRESH").await;
        let own = shown().await;
        adc.handle
            .execute("flush ssl dynamicClientCertCache")
            .await
            .unwrap();
        adc.handle
            .execute("set ssl profile be -dynamicClientCertIdle 0")
            .await
            .unwrap();
        assert_ne!(shown().await.spki_der(), own.spki_der());
        set("-dynamicClientCertDeny \"root@*\" \"alice@*\"").await;
        let (status, body) = get(&adc, &alice, "/").await;
        assert_eq!(status, 403, "{body}");
        set("-dynamicClientCertDeny \"root@*\"").await;
        shown().await;
        // One token; the second client in the same second gets none.
        set("-dynamicClientCertRate 1").await;
        shown().await;
        let (status, body) = get(&adc, &client(Some(&parties.person("bob")), BOTH), "/").await;
        assert_eq!(status, 503, "{body}");
        // Without the CA, and without the feature.
        set("-dynamicClientCertRate 0").await;
        adc.handle
            .execute("unbind ssl profile be -certkeyName forging -forgingCACertkey")
            .await
            .unwrap();
        assert_eq!(get(&adc, &alice, "/").await.0, 502);
        set("-dynamicClientCert DISABLED").await;
        let (status, _) = get(&adc, &alice, "/").await;
        assert_eq!(status, 502);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_forging_ca_or_subject_is_refused_and_changes_nothing() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let adc = parties.setup(origin.addr, "Mandatory").start().await;
        let alice = client(Some(&parties.person("alice")), BOTH);

        for wrong in [
            "bind ssl profile be -certkeyName server -forgingCACertkey",
            "bind ssl profile be -certkeyName cards -forgingCACertkey",
            "bind ssl profile be -certkeyName nothing -forgingCACertkey",
            "set ssl profile be -dynamicClientCertSubject \"XX={UPN}\"",
            "set ssl profile be -dynamicClientCertSubject \"CN={NOBODY}\"",
            "set ssl profile be -dynamicClientCertCustomOids 2.5.29.35",
        ] {
            adc.handle.execute(wrong).await.unwrap_err();
        }

        assert_eq!(get(&adc, &alice, "/").await.0, 200);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_fall_back_stands_in_for_clients_without_certificate_only() {
    within(async {
        let parties = Parties::new();
        let (guest, _) = parties.cards.issue(&Card::person("guest", now()));
        parties.write("guest.pem", &guest.to_pem());
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let adc = parties
            .setup(origin.addr, "Optional")
            .conf(
                "add ssl certKey guest -cert guest.pem
                 set ssl profile be -dynamicClientCertFallback guest",
            )
            .start()
            .await;

        let (_, nobody) = get(&adc, &client(None, BOTH), "/").await;
        let (_, alice) = get(&adc, &client(Some(&parties.person("alice")), BOTH), "/").await;

        assert!(nobody.starts_with("CN=guest,"), "{nobody}");
        assert!(alice.starts_with(ALICE), "{alice}");
        let sources: Vec<_> = parties
            .audit()
            .iter()
            .map(|line| line["source"].clone())
            .collect();
        assert_eq!(sources, ["fallback", "client"]);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn nitro_configures_counts_and_flushes() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let setup = parties
            .setup(origin.addr, "Mandatory")
            .conf("set ssl profile be -dynamicClientCert DISABLED -dynamicClientCertIdle 0");
        let adc = crate::nitro::client::Box::with(setup).await;
        let admin = adc.admin();
        let on = json!({"sslprofile": {"name": "be", "dynamicclientcert": "ENABLED",
            "dynamicclientcertlifetime": 60, "dynamicclientcertextensions": ["subjectAltName"]}});
        admin.put("sslprofile", on).await.ok();
        let alice = client(Some(&parties.person("alice")), BOTH);
        for _ in 0..2 {
            let mut http = alice.http1(adc.vserver("v"), "a.example").await;
            assert_eq!(http.get("a.example", "/").await.0, 200);
        }

        let profile = admin.get("sslprofile/be").await.ok();
        let bindings = admin.get("sslprofile_sslcertkey_binding/be").await.ok();
        let path = "/nitro/v1/stat/ssldynamicclientcertcache";
        let counts = admin.get(path).await.ok()["ssldynamicclientcertcache"].clone();
        let flush = json!({"ssldynamicclientcertcache": {}});
        admin
            .post("ssldynamicclientcertcache?action=flush", flush)
            .await
            .ok();
        let after = admin.get(path).await.ok()["ssldynamicclientcertcache"].clone();

        assert_eq!(profile["sslprofile"][0]["dynamicclientcert"], "ENABLED");
        let binding = &bindings["sslprofile_sslcertkey_binding"][0];
        assert_eq!(
            (&binding["certkeyname"], &binding["forgingcacertkey"]),
            (&json!("forging"), &json!(true))
        );
        for (name, value) in [
            ("forged", 1),
            ("cachehits", 1),
            ("refused", 0),
            ("cached", 1),
        ] {
            assert_eq!(counts[name], value, "{name}: {counts}");
        }
        assert_eq!(counts["sslprofile"][0]["name"], "be");
        assert_eq!((&after["forged"], &after["cached"]), (&json!(1), &json!(0)));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn idle_connections_of_clients_are_bounded_and_the_least_lately_used_go_first() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let setup = parties.setup(origin.addr, "Mandatory");
        let adc = setup
            .limits(|limits| limits.client_connections = 2)
            .start()
            .await;
        let [alice, bob, carol] =
            ["alice", "bob", "carol"].map(|name| client(Some(&parties.person(name)), BOTH));
        let connections = async |tls: &_, expected: usize| {
            assert_eq!(get(&adc, tls, "/").await.0, 200);
            assert_eq!(origin.handshakes(), expected);
        };

        connections(&alice, 1).await;
        connections(&bob, 2).await;
        connections(&alice, 2).await;
        // Bob's is the one that was used least lately.
        connections(&carol, 3).await;
        connections(&alice, 3).await;
        connections(&bob, 4).await;
        adc.stop().await;
    })
    .await;
}
