//! Dynamic updates against Knot, BIND and the own server.

use std::sync::Arc;
use std::time::Duration;

use evercert_dns::server::{RecordData, ZoneConfig};
use evercert_dns::{Context, DnsError, Fault, NameLocks, Settings, Step, TxtTarget, build_with};
use evercert_testkit::{Bind, Knot, TsigKey, Zone, start_or_skip};
use evercert_types::ManualClock;
use jiff::SignedDuration;

use crate::conformance::{Shown, Subject, conforms};
use crate::harness::{
    FIRST, NAME, SECOND, own_server, own_settings, provider, settings, txt, with,
};

const OTHER_SECRET: &str = "bm90IHRoZSBzZWNyZXQgdGhhdCB0aGUgc2VydmVyIGhhcw==";

fn subject(given: Settings, server: std::net::SocketAddr) -> Subject {
    Subject {
        code: "nsupdate",
        refused: Some((with(&given, "key_secret", OTHER_SECRET), OTHER_SECRET)),
        settings: given,
        shown: Shown::Dns(server),
        sees_presence: true,
    }
}

#[tokio::test]
async fn conforms_with_knot() {
    let knot = start_or_skip!(Knot::start(&[Zone::new("example.org")]).await);

    let given = subject(settings(&knot.nsupdate_settings()), knot.addr());
    conforms(&given).await;
    // The same by the name that people look for.
    conforms(&Subject {
        code: "knot",
        ..given
    })
    .await;
}

#[tokio::test]
async fn conforms_with_bind() {
    let bind = start_or_skip!(Bind::start(&[Zone::new("example.org")]).await);

    conforms(&subject(settings(&bind.nsupdate_settings()), bind.addr())).await;
}

#[tokio::test]
async fn conforms_with_the_own_server() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let addr = server.local_addr();
    let subject = Subject {
        code: "nsupdate",
        settings: own_settings(addr),
        refused: Some((
            with(&own_settings(addr), "key", &format!("own {OTHER_SECRET}")),
            OTHER_SECRET,
        )),
        shown: Shown::Dns(addr),
        sees_presence: true,
    };

    conforms(&subject).await;

    assert_eq!(server.txt_names(), [""; 0]);
}

#[tokio::test]
async fn every_algorithm_and_transport_works_with_bind() {
    let algorithms = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
    let keys: Vec<TsigKey> = algorithms
        .iter()
        .map(|hash| TsigKey::new(&format!("key-{hash}"), &format!("hmac-{hash}")))
        .collect();
    let zones = [Zone::new("example.org")];
    let bind = start_or_skip!(Bind::start_with_keys(&zones, &keys).await);

    for key in &keys {
        for transport in ["udp", "tcp"] {
            let given = settings(&key.nsupdate_settings(bind.addr()));
            let provider = provider("nsupdate", &with(&given, "transport", transport));
            let target = TxtTarget::new(NAME, FIRST);

            provider.add(&target).await.unwrap();
            assert_eq!(txt(bind.addr(), NAME).await, [FIRST], "{key:?} {transport}");
            provider.remove(&target, None).await.unwrap();
            assert_eq!(txt(bind.addr(), NAME).await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_key_say_what_to_do() {
    let knot = start_or_skip!(Knot::start(&[Zone::new("example.org")]).await);
    let bind = start_or_skip!(Bind::start(&[Zone::new("example.org")]).await);
    for given in [knot.nsupdate_settings(), bind.nsupdate_settings()] {
        let given = settings(&given);

        let error = refused(&with(&given, "key_secret", OTHER_SECRET)).await;
        assert!(
            error
                .to_string()
                .contains("has another secret for TSIG key evercert"),
            "{error}"
        );
        assert_eq!(error.status(), Some("NOTAUTH, BADSIG"));
        assert!(
            error
                .remedy()
                .starts_with("copy the secret of key evercert again")
        );

        let error = refused(&with(&given, "key_name", "nobody")).await;
        assert!(
            error.to_string().contains("does not know TSIG key nobody"),
            "{error}"
        );
        assert_eq!(error.status(), Some("NOTAUTH, BADKEY"));
        assert!(
            error
                .remedy()
                .starts_with("check name and algorithm of the key")
        );
    }
}

async fn refused(settings: &Settings) -> DnsError {
    let provider = provider("nsupdate", settings);
    let error = provider
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Credentials);
    error
}

#[tokio::test]
async fn a_wrong_clock_is_told_with_the_difference() {
    let bind = start_or_skip!(Bind::start(&[Zone::new("example.org")]).await);
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let cases = [
        settings(&bind.nsupdate_settings()),
        own_settings(server.local_addr()),
    ];
    for given in cases {
        let clock = ManualClock::new(evercert_types::Clock::now(&evercert_types::SystemClock));
        clock.advance(SignedDuration::from_hours(-1));
        let context = Context {
            clock: Arc::new(clock),
            locks: NameLocks::new(),
            ..Context::default()
        };
        let provider = build_with("nsupdate", &given, &context).unwrap();

        let error = provider
            .add(&TxtTarget::new(NAME, FIRST))
            .await
            .unwrap_err();

        assert_eq!(error.fault(), Fault::Clock, "{error}");
        assert!(
            error.to_string().contains(" s ahead of this host's"),
            "{error}"
        );
        assert!(error.remedy().contains("NTP"));
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_key_without_permission_and_an_unsigned_update_differ() {
    let bind = start_or_skip!(Bind::start(&[Zone::new("example.org")]).await);
    let unsigned = settings(&[("server".to_owned(), bind.addr().to_string())]);

    let provider = provider("nsupdate", &unsigned);
    let error = provider
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();

    assert_eq!(error.fault(), Fault::Credentials, "{error}");
    assert!(
        error
            .to_string()
            .contains("refuses unsigned updates (REFUSED)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_value_lost_at_an_alias_is_noticed() {
    let zone = || Zone::new("example.org").with("_acme-challenge.www CNAME elsewhere.example.net.");
    let knot = start_or_skip!(Knot::start(&[zone()]).await);
    let bind = start_or_skip!(Bind::start(&[zone()]).await);
    let alias = RecordData::Cname("elsewhere.example.net".to_owned());
    let own = ZoneConfig::new("example.org").with("_acme-challenge.www", alias);
    let own = own_server(vec![own]).await;
    let cases = [
        settings(&knot.nsupdate_settings()),
        settings(&bind.nsupdate_settings()),
        own_settings(own.local_addr()),
    ];
    for given in cases {
        let provider = provider("nsupdate", &given);

        let error = provider
            .add(&TxtTarget::new(NAME, FIRST))
            .await
            .unwrap_err();

        assert_eq!(
            (error.step(), error.fault()),
            (Step::Verify, Fault::Zone),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains("alias (CNAME) of elsewhere.example.net"),
            "{error}"
        );
        assert_eq!(error.zone(), Some("example.org"));
        provider
            .remove(&TxtTarget::new(NAME, FIRST), None)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_zone_that_is_not_there_is_a_zone_fault() {
    let knot = start_or_skip!(Knot::start(&[Zone::new("example.org")]).await);
    let given = settings(&knot.nsupdate_settings());

    let elsewhere = TxtTarget::new("_acme-challenge.example.net", FIRST);
    let error = provider("nsupdate", &given)
        .add(&elsewhere)
        .await
        .unwrap_err();
    assert_eq!(
        (error.step(), error.fault()),
        (Step::FindZone, Fault::Zone),
        "{error}"
    );

    let provider = provider("nsupdate", &with(&given, "zone", "example.net"));
    let error = provider.add(&elsewhere).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Zone, "{error}");
    assert!(
        error
            .to_string()
            .contains("not primary for zone example.net"),
        "{error}"
    );
    let error = provider
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Zone, "{error}");
}

#[tokio::test]
async fn every_server_of_a_list_gets_the_value() {
    let first = own_server(vec![ZoneConfig::new("example.org")]).await;
    let second = own_server(vec![ZoneConfig::new("example.org")]).await;
    let both = format!("{}, {}", first.local_addr(), second.local_addr());
    let given = with(&own_settings(first.local_addr()), "server", &both);
    let provider = provider("nsupdate", &given);

    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    provider
        .remove(&TxtTarget::new(NAME, FIRST), None)
        .await
        .unwrap();

    assert_eq!(first.txt(NAME), [SECOND]);
    assert_eq!(second.txt(NAME), [SECOND]);
}

#[tokio::test]
async fn a_server_that_is_down_is_a_network_fault() {
    let server = own_server(vec![ZoneConfig::new("example.org")]).await;
    let given = own_settings(server.local_addr());
    server.shutdown().await;
    for transport in ["udp", "tcp"] {
        let provider = provider("nsupdate", &with(&given, "transport", transport));

        let target = TxtTarget::new(NAME, FIRST);
        let adding = provider.add(&target);
        let outcome = tokio::time::timeout(Duration::from_secs(5), adding).await;

        let error = outcome.unwrap().unwrap_err();
        assert_eq!(error.fault(), Fault::Network, "{error}");
        assert!(error.is_retryable());
        assert!(error.remedy().contains("port 53"));
    }
}

#[tokio::test]
async fn keys_are_taken_in_the_forms_servers_print() {
    let knot = start_or_skip!(Knot::start(&[Zone::new("example.org")]).await);
    let key = TsigKey::default();
    let (name, secret) = (&key.name, &key.secret);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("evercert.key");
    let bind_form =
        format!("key \"{name}\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{secret}\";\n}};\n");
    std::fs::write(&file, &bind_form).unwrap();
    let knot_form = format!(
        "# hmac-sha256:{name}:{secret}\nkey:\n  - id: {name}\n    algorithm: hmac-sha256\n    secret: {secret}\n"
    );
    let forms = [
        ("key", bind_form),
        ("key", knot_form),
        ("key", format!("hmac-sha256:{name}:{secret}")),
        ("key_file", file.display().to_string()),
    ];
    for (setting, value) in forms {
        let server = ("server".to_owned(), knot.addr().to_string());
        let given = settings(&[server, (setting.to_owned(), value)]);

        let report = provider("nsupdate", &given)
            .check(Some(NAME))
            .await
            .unwrap();

        assert_eq!(report.zone.as_deref(), Some("example.org"));
    }
}

#[tokio::test]
async fn debug_output_shows_no_secret() {
    let key = TsigKey::default();
    let given = settings(&key.nsupdate_settings("127.0.0.1:53".parse().unwrap()));

    let shown = format!("{:?} {given:?}", provider("nsupdate", &given));

    assert!(!shown.contains(&key.secret), "{shown}");
}
