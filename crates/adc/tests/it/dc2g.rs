//! Dynamic client certificates, from the client's handshake to what the server sees.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use evercert_testkit::card::{self, Card, CardAuthority};
use evercert_types::{KeyAlgorithm, ManualClock, SharedClock};
use evercert_x509::{Certificate, KeyPair};
use jiff::SignedDuration;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, SupportedProtocolVersion};

use crate::authority::{TestCa, now};
use crate::client::{Http1, Tls, TlsOptions};
use crate::icap::policy;
use crate::icap_server::IcapServer;
use crate::origin::{Asks, Origin};
use crate::world::{Setup, TestAdc, within};

pub(crate) const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const ONLY_TLS12: &[&SupportedProtocolVersion] = &[&TLS12];
const ONLY_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];

/// CAs, and a directory with their files.
pub(crate) struct Parties {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) servers: TestCa,
    /// Issues the clients' certificates.
    pub(crate) cards: CardAuthority,
    pub(crate) forging: CardAuthority,
}

pub(crate) type Person = (Vec<Certificate>, KeyPair);

impl Parties {
    pub(crate) fn new() -> Self {
        let p256 = KeyAlgorithm::EcdsaP256;
        let parties = Self {
            dir: tempfile::tempdir().unwrap(),
            servers: TestCa::new(),
            cards: CardAuthority::new("Card CA", p256, now()),
            forging: CardAuthority::new("Forging CA", p256, now()),
        };
        let dir = parties.dir();
        parties
            .servers
            .files(dir, "server", "a.example b.example", p256);
        parties.write("cards.pem", &parties.cards.certificate().to_pem());
        parties.write("forging.pem", &parties.forging.certificate().to_pem());
        parties.write("forging.key", parties.forging.key().to_pkcs8_pem().expose());
        parties
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir().join(name), text).unwrap();
    }

    pub(crate) fn person(&self, name: &str) -> Person {
        self.holder(&Card::person(name, now()))
    }

    pub(crate) fn holder(&self, card: &Card) -> Person {
        let (certificate, key) = self.cards.issue(card);
        (vec![certificate], key)
    }

    /// An ADC with one vserver `v` that asks its clients as `-clientCert` says, in front of an origin.
    pub(crate) fn setup(&self, origin: SocketAddr, client_cert: &str) -> Setup {
        let (ip, port) = (origin.ip(), origin.port());
        Setup::new(self.dir())
            .vserver("v", "SSL", &[])
            .conf(&format!(
                "add ssl certKey server -cert server.pem -key server.key
             add ssl certKey cards -cert cards.pem
             add ssl certKey forging -cert forging.pem -key forging.key
             add ssl profile fe -clientAuth ENABLED -clientCert {client_cert} -tls13 ENABLED
             add ssl profile be -sslProfileType BackEnd -tls13 ENABLED
             set ssl profile be -dynamicClientCert ENABLED
             bind ssl profile be --certkeyName forging -forgingCACertkey
             set ssl vserver v -sslProfile fe
             bind ssl vserver v -certkeyName server
             bind ssl vserver v -certkeyName cards -CA
             add service s {ip} SSL {port}
             set ssl service s -sslProfile be
             bind lb vserver v s"
            ))
    }

    /// The lines of the audit file.
    pub(crate) fn audit(&self) -> Vec<serde_json::Value> {
        let path = self.dir().join("state/dc2g-audit.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub(crate) fn client(
    identity: Option<&Person>,
    versions: &'static [&SupportedProtocolVersion],
) -> Tls {
    Tls::new(TlsOptions {
        versions,
        identity: identity.cloned(),
        ..TlsOptions::default()
    })
}

pub(crate) async fn get(adc: &TestAdc, tls: &Tls, path: &str) -> (u16, String) {
    let mut http = tls.http1(adc.addr("v"), "a.example").await;
    http.get("a.example", path).await
}

/// A counter of the metrics.
pub(crate) fn count(adc: &TestAdc, name: &str) -> u64 {
    let text = adc.handle.metrics_text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("evercert_adc_{name}")));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

pub(crate) const ALICE: &str = "CN=alice,OU=Admins,OU=Users,DC=corp,DC=example|alice@corp.example";

#[tokio::test]
async fn the_server_sees_the_clients_subject_and_names_in_every_version() {
    within(async {
        let parties = Parties::new();
        let alice = parties.person("alice");
        for (front, back) in [
            (ONLY_TLS12, ONLY_TLS12),
            (ONLY_TLS12, ONLY_TLS13),
            (ONLY_TLS13, ONLY_TLS12),
            (ONLY_TLS13, ONLY_TLS13),
        ] {
            let origin = Origin::start(
                &parties.servers,
                &parties.forging,
                Asks::Requires,
                back,
                &[],
            )
            .await;
            let adc = parties.setup(origin.addr, "Mandatory").start().await;

            let (status, body) = get(&adc, &client(Some(&alice), front), "/x").await;

            let version = if back == ONLY_TLS12 {
                "TLSv1_2"
            } else {
                "TLSv1_3"
            };
            assert_eq!(
                (status, body),
                (200, format!("{ALICE}|{version}|HTTP/1.1|/x"))
            );
            let shown = origin.certificates().remove(0);
            assert_eq!(shown.subject_der(), alice.0[0].subject_der());
            assert_eq!(
                shown.issuer_der(),
                parties.forging.certificate().subject_der()
            );
            assert_ne!(shown.serial(), alice.0[0].serial());
            adc.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn http2_to_the_server_by_alpn_carries_one_client_on_one_connection() {
    within(async {
        let parties = Parties::new();
        let alpn: &[&[u8]] = &[b"h2", b"http/1.1"];
        for (versions, name) in [(ONLY_TLS12, "TLSv1_2"), (ONLY_TLS13, "TLSv1_3")] {
            let origin = Origin::start(
                &parties.servers,
                &parties.forging,
                Asks::Requires,
                versions,
                alpn,
            )
            .await;
            let adc = parties
                .setup(origin.addr, "Mandatory")
                .conf("set ssl profile be -alpnProtocol HTTP2")
                .start()
                .await;
            let tls = Tls::new(TlsOptions {
                identity: Some(parties.person("alice")),
                alpn: &[b"h2"],
                ..TlsOptions::default()
            });
            let sender = tls.http2(adc.addr("v"), "a.example").await;
            for _ in 0..5 {
                let request = http::Request::get("https://a.example/h2")
                    .body(http_body_util::Full::default())
                    .unwrap();
                let answer = sender.clone().send_request(request).await.unwrap();
                let (status, body) = crate::client::text(answer).await;
                assert_eq!(
                    (status, body),
                    (200, format!("{ALICE}|{name}|HTTP/2.0|/h2"))
                );
            }
            assert_eq!(origin.handshakes(), 1);
            let bob = client(Some(&parties.person("bob")), BOTH);
            let (_, body) = get(&adc, &bob, "/").await;
            assert!(body.starts_with("CN=bob,"), "{body}");
            assert_eq!(origin.handshakes(), 2);
            adc.stop().await;
        }
    })
    .await;
}

/// Every server × with and without a certificate × versions, as the configuration is documented to behave.
#[tokio::test]
async fn nothing_is_made_unless_the_server_asks_and_nothing_is_shown_for_nobody() {
    within(async {
        for asks in [Asks::Requires, Asks::Accepts, Asks::Never] {
            for versions in [ONLY_TLS12, ONLY_TLS13] {
                let parties = Parties::new();
                let alice = parties.person("alice");
                let origin =
                    Origin::start(&parties.servers, &parties.forging, asks, versions, &[]).await;
                let adc = parties.setup(origin.addr, "Optional").start().await;

                let with = get(&adc, &client(Some(&alice), versions), "/").await;
                let without = get(&adc, &client(None, versions), "/").await;

                let context = format!("{asks:?} {versions:?}");
                assert_eq!(with.0, 200, "{context}: {}", with.1);
                if asks == Asks::Never {
                    assert!(with.1.starts_with("nobody|"), "{context}: {}", with.1);
                    assert_eq!(without.0, 200, "{context}: {}", without.1);
                    assert_eq!(count(&adc, "dc2g_forged_total"), 0, "{context}");
                    assert_eq!(count(&adc, "dc2g_not_asked_total"), 2, "{context}");
                    assert_eq!(parties.audit().len(), 0, "{context}");
                } else {
                    assert!(with.1.starts_with(ALICE), "{context}: {}", with.1);
                    assert_eq!(without.0, 403, "{context}: {}", without.1);
                    assert!(
                        without.1.contains("asks for a client certificate"),
                        "{}",
                        without.1
                    );
                    assert_eq!(origin.handshakes(), 1, "{context}");
                    assert_eq!(count(&adc, "dc2g_forged_total"), 1, "{context}");
                    assert_eq!(
                        count(&adc, "dc2g_refused_total{reason=\"no_client_certificate\""),
                        1
                    );
                }
                // The failure was on purpose: the service is not taken for broken.
                assert_eq!(get(&adc, &client(Some(&alice), versions), "/").await.0, 200);
                adc.stop().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn untrusted_and_expired_clients_are_refused_and_nothing_is_made() {
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
        for mode in ["Mandatory", "Optional"] {
            let adc = parties.setup(origin.addr, mode).start().await;
            let stranger = CardAuthority::new("Card CA", KeyAlgorithm::EcdsaP256, now());
            let (certificate, key) = stranger.issue(&Card::person("alice", now()));
            let untrusted = (vec![certificate], key);
            let expired = parties.holder(&Card {
                not_after: now() - SignedDuration::from_secs(1),
                ..Card::person("alice", now())
            });
            for person in [untrusted, expired] {
                for versions in [ONLY_TLS12, ONLY_TLS13] {
                    let tls = client(Some(&person), versions);
                    tls.look(adc.addr("v"), "a.example").await.unwrap_err();
                }
            }
            assert_eq!(count(&adc, "dc2g_forged_total"), 0);
            adc.stop().await;
        }
        assert_eq!((origin.handshakes(), parties.audit().len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn connections_are_never_shared_between_clients_of_the_same_serial_and_name() {
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
        // The same serial number and the same subject; only the alternative names differ.
        let twin = |upn: &str| {
            let card = Card::person("twin", now());
            parties.holder(&Card {
                alt_names: vec![card::principal_name(upn)],
                ..card
            })
        };
        let twins = ["a@corp.example", "b@corp.example", "c@corp.example"];
        let clients: Vec<Tls> = twins
            .iter()
            .map(|upn| client(Some(&twin(upn)), BOTH))
            .collect();

        for _ in 0..4 {
            for (upn, tls) in twins.iter().zip(&clients) {
                let (_, body) = get(&adc, tls, "/").await;
                assert_eq!(body.split('|').nth(1), Some(*upn));
            }
        }

        assert_eq!(origin.handshakes(), 3);
        let mut serials: Vec<String> = origin
            .certificates()
            .iter()
            .map(Certificate::serial_hex)
            .collect();
        serials.sort();
        serials.dedup();
        assert_eq!(serials.len(), 3);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_resumed_session_keeps_the_verified_identity() {
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
        for versions in [ONLY_TLS12, ONLY_TLS13] {
            let tls = client(Some(&parties.person("alice")), versions);
            assert_ne!(
                tls.look(adc.addr("v"), "a.example").await.unwrap().kind,
                HandshakeKind::Resumed
            );

            let stream = tls.connect(adc.addr("v"), "a.example").await.unwrap();
            let kind = stream.get_ref().1.handshake_kind();
            let mut http = Http1::over(stream).await;

            assert_eq!(kind, Some(HandshakeKind::Resumed));
            let (status, body) = http.get("a.example", "/").await;
            assert_eq!(status, 200);
            assert!(body.starts_with(ALICE), "{body}");
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_session_is_not_resumed_once_the_clients_certificate_has_ended() {
    within(async {
        let parties = Parties::new();
        let clock = Arc::new(ManualClock::new(now()));
        let origin =
            Origin::start(&parties.servers, &parties.forging, Asks::Never, BOTH, &[]).await;
        let mut setup = parties.setup(origin.addr, "Mandatory");
        setup.clock = clock.clone() as SharedClock;
        let adc = setup.start().await;
        let short = parties.holder(&Card {
            not_after: now() + SignedDuration::from_mins(2),
            ..Card::person("alice", now())
        });
        for versions in [ONLY_TLS12, ONLY_TLS13] {
            let tls = client(Some(&short), versions);
            tls.look(adc.addr("v"), "a.example").await.unwrap();
            let mut standing = tls.http1(adc.addr("v"), "a.example").await;
            assert_eq!(standing.get("a.example", "/").await.0, 200);

            clock.advance(SignedDuration::from_mins(3));

            let (status, body) = standing.get("a.example", "/").await;
            assert_eq!(status, 403);
            assert!(body.contains("your certificate has expired"), "{body}");
            let refused = async {
                let stream = tls.connect(adc.addr("v"), "a.example").await?;
                let mut http = Http1::over(stream).await;
                http.try_get("a.example", "/")
                    .await
                    .map_err(std::io::Error::other)
            };
            assert!(refused.await.is_err());
            clock.advance(-SignedDuration::from_mins(3));
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_clients_say_of_certificates_does_not_reach_the_server() {
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
        let mut http = alice.http1(adc.addr("v"), "a.example").await;
        let request = http::Request::get("/")
            .header("Host", "a.example")
            .header("X-Client-Cert", "root")
            .header("X-SSL-Client-S-DN", "CN=root")
            .header("X-Other", "1")
            .body(http_body_util::Full::default())
            .unwrap();

        http.sender.send_request(request).await.unwrap();

        let names = origin.requests().remove(0);
        assert!(names.contains(&"x-other".to_owned()), "{names:?}");
        assert!(
            !names.iter().any(|name| name.contains("client-")),
            "{names:?}"
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_trust_the_forging_ca_is_not_taken_for_broken() {
    within(async {
        let parties = Parties::new();
        let other = CardAuthority::new("Other CA", KeyAlgorithm::EcdsaP256, now());
        for versions in [ONLY_TLS12, ONLY_TLS13] {
            let origin =
                Origin::start(&parties.servers, &other, Asks::Requires, versions, &[]).await;
            let adc = parties.setup(origin.addr, "Mandatory").start().await;
            let alice = client(Some(&parties.person("alice")), BOTH);

            let (status, body) = get(&adc, &alice, "/").await;

            assert_eq!(status, 502);
            assert!(
                body.contains("did not accept the client certificate"),
                "{versions:?}: {body}"
            );
            adc.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn raw_connections_show_the_clients_certificate_too() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
        let (ip, port) = (origin.addr.ip(), origin.addr.port());
        let adc = parties
            .setup(origin.addr, "Mandatory")
            .vserver("raw", "SSL_TCP", &[])
            .conf(&format!(
                "set ssl vserver raw -sslProfile fe
                 bind ssl vserver raw -certkeyName server
                 bind ssl vserver raw -certkeyName cards -CA
                 add service rs {ip} SSL_TCP {port}
                 set ssl service rs -sslProfile be
                 bind lb vserver raw rs"
            ))
            .start()
            .await;
        let alice = client(Some(&parties.person("alice")), BOTH);
        let mut stream = alice.connect(adc.addr("raw"), "a.example").await.unwrap();
        let request = b"GET /raw HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap_or_default();

        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains(ALICE), "{text}");
        adc.stop().await;
    })
    .await;
}

/// What the feature is for: to look into what a smart card's holder sends, and still let the server see the holder.
#[tokio::test]
async fn what_is_inspected_still_carries_the_clients_own_certificate() {
    within(async {
        let parties = Parties::new();
        let icap = IcapServer::start().await;
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
            .conf(&format!(
                "enable ns feature CI
                 {}
                 {}
                 bind lb vserver v -policyName q -priority 1 -type REQUEST
                 bind lb vserver v -policyName r -priority 1 -type RESPONSE",
                policy("q", icap.addr, "-uri /pass -mode REQMOD", ""),
                policy("r", icap.addr, "-uri /respchange -mode RESPMOD", ""),
            ))
            .start()
            .await;

        let mut users = std::collections::BTreeSet::new();
        for name in ["alice", "bob"] {
            let person = parties.person(name);
            let (status, body) = get(&adc, &client(Some(&person), BOTH), "/seen").await;

            // The ICAP server makes answers upper-case and adds a mark.
            let subject = format!("CN={name},").to_ascii_uppercase();
            assert_eq!(status, 200, "{body}");
            assert!(body.starts_with(&subject) && body.ends_with('!'), "{body}");
            let seen = icap.seen();
            let request = seen.iter().rfind(|seen| seen.response.is_empty()).unwrap();
            assert!(request.request.starts_with("GET /seen "), "{request:?}");
            let user = request.head.split("\r\nx-authenticated-user: ").nth(1);
            users.insert(
                user.and_then(|rest| rest.split("\r\n").next())
                    .unwrap()
                    .to_owned(),
            );
        }
        assert_eq!(users.len(), 2, "each with a name of its own");
        assert_eq!(origin.handshakes(), 2);
        adc.stop().await;
    })
    .await;
}
