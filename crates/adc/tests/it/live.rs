//! Commands that change the configuration while others' connections go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use evercert_adc::AdcHandle;
use evercert_types::KeyAlgorithm;
use http::Request;
use http_body_util::Full;
use rustls::HandshakeKind;
use tokio::net::TcpStream;

use crate::authority::TestCa;
use crate::backend::Backend;
use crate::client::{Http1, Tls, TlsOptions, text};
use crate::world::{Setup, within};

const ONLY_TLS12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];

async fn plain(addr: SocketAddr) -> Http1 {
    Http1::over(TcpStream::connect(addr).await.unwrap()).await
}

fn service(name: &str, backend: &Backend) -> String {
    format!("add service {name} 127.0.0.1 HTTP {}", backend.addr.port())
}

fn listens(handle: &AdcHandle, vserver: &str) -> bool {
    handle.vserver_addrs().contains_key(vserver)
}

#[tokio::test]
async fn vservers_come_and_go_while_other_connections_go_on() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Backend::named("a").await, Backend::named("b").await);
        let setup = Setup::new(dir.path()).vserver("v", "HTTP", &[a.addr]);
        let adc = setup.later("w").start().await;
        let mut other = plain(adc.addr("v")).await;
        assert_eq!(other.get("x", "/who").await.1, "a");

        adc.run(&service("s", &b)).await;
        adc.run("add lb vserver w HTTP 127.0.0.1 81\nbind lb vserver w s")
            .await;

        let mut new = plain(adc.addr("w")).await;
        assert_eq!(new.get("x", "/who").await.1, "b");
        adc.run("rm lb vserver w").await;
        assert!(!listens(&adc.handle, "w"));
        // The socket is closed when the command is done: it can be opened again at once.
        adc.run("add lb vserver w HTTP 127.0.0.1 81").await;
        assert!(listens(&adc.handle, "w"));
        assert_eq!(other.get("x", "/who").await.1, "a");
        assert_eq!(adc.handle.status().vservers[0].services[0].idle, 1);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_removed_vserver_finishes_its_requests() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .start()
            .await;
        let addr = adc.addr("v");
        let mut client = plain(addr).await;
        let request = Request::get("/pause")
            .header("Host", "x")
            .body(Full::<Bytes>::default());
        let answer = client.sender.send_request(request.unwrap());
        let under_way = tokio::spawn(answer);
        adc.until("the request is under way", |status| {
            status.vservers[0].services[0].active == 1
        })
        .await;

        adc.run("rm lb vserver v").await;

        assert!(TcpStream::connect(addr).await.is_err());
        let (status, body) = text(under_way.await.unwrap().unwrap()).await;
        assert_eq!((status, body.as_str()), (200, "paused"));
        assert!(
            client.sender.ready().await.is_err(),
            "the connection is over"
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_disabled_vserver_accepts_nobody_and_keeps_whom_it_has() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::named("a").await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .start()
            .await;
        let addr = adc.addr("v");
        let mut client = plain(addr).await;
        assert_eq!(client.get("x", "/who").await.1, "a");

        adc.run("disable lb vserver v").await;

        assert!(TcpStream::connect(addr).await.is_err());
        assert_eq!(client.get("x", "/who").await.1, "a");
        adc.run("enable lb vserver v").await;
        assert_eq!(plain(adc.addr("v")).await.get("x", "/who").await.1, "a");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_next_request_of_a_connection_meets_the_new_services() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Backend::named("a").await, Backend::named("b").await);
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[a.addr])
            .start()
            .await;
        let mut client = plain(adc.addr("v")).await;
        assert_eq!(client.get("x", "/who").await.1, "a");

        adc.run(&service("s", &b)).await;
        adc.run("bind lb vserver v s\nunbind lb vserver v v_0")
            .await;

        assert_eq!(client.get("x", "/who").await.1, "b");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_command_changes_nothing() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .start()
            .await;
        let before = adc.handle.status();

        assert_eq!(
            adc.refused(&format!("add lb vserver w HTTP 127.0.0.1 {port}"))
                .await,
            304
        );
        assert_eq!(
            adc.refused("add lb vserver w HTTP 192.0.2.77 80").await,
            397
        );
        assert_eq!(adc.refused("add ssl certKey c -cert gone.pem").await, 1647);

        // Nothing of them is there: they can be added now.
        assert_eq!(adc.handle.status().vservers, before.vservers);
        drop(taken);
        adc.run(&format!("add lb vserver w HTTP 127.0.0.1 {port}"))
            .await;
        assert!(listens(&adc.handle, "w"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn certificates_and_tls_settings_take_effect_at_the_next_handshake() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (ca, backend) = (TestCa::new(), Backend::start().await);
        let p256 = KeyAlgorithm::EcdsaP256;
        let one = ca.files(dir.path(), "one", "a.example", p256);
        let two = ca.files(dir.path(), "two", "a.example", p256);
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .vserver("other", "SSL", &[backend.addr])
            .start()
            .await;
        let (v, other) = (adc.addr("v"), adc.addr("other"));
        assert!(Tls::plain().look(v, "a.example").await.is_err());

        adc.run(
            "add ssl certKey c -cert one.pem -key one.key
             bind ssl vserver v -certkeyName c
             bind ssl vserver other -certkeyName c",
        )
        .await;
        assert_eq!(Tls::plain().leaf(v, "a.example").await, one.fingerprint());

        let session = Tls::plain();
        assert_eq!(session.leaf(other, "a.example").await, one.fingerprint());
        adc.run("set ssl vserver v -tls12 DISABLED").await;
        let old = Tls::new(TlsOptions {
            versions: ONLY_TLS12,
            ..TlsOptions::default()
        });
        assert!(old.look(v, "a.example").await.is_err());
        // The other one did not change, and knows its sessions.
        let shown = session.look(other, "a.example").await.unwrap();
        assert_eq!(shown.kind, HandshakeKind::Resumed);

        let mut open = Tls::plain().http1(v, "a.example").await;
        adc.run("update ssl certKey c -cert two.pem -key two.key")
            .await;
        assert_eq!(Tls::plain().leaf(v, "a.example").await, two.fingerprint());
        assert_eq!(
            Tls::plain().leaf(other, "a.example").await,
            two.fingerprint()
        );
        assert_eq!(open.get("a.example", "/").await.0, 200);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn clients_are_refused_until_a_ca_is_bound() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (ca, backend) = (TestCa::new(), Backend::start().await);
        ca.files(dir.path(), "one", "a.example", KeyAlgorithm::EcdsaP256);
        std::fs::write(dir.path().join("ca.pem"), ca.root.certificate().to_pem()).unwrap();
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .conf("add ssl certKey c -cert one.pem -key one.key\nbind ssl vserver v -certkeyName c")
            .start()
            .await;
        let client = Tls::new(TlsOptions {
            identity: Some(ca.client("alice")),
            ..TlsOptions::default()
        });

        adc.run("set ssl vserver v -clientAuth ENABLED -clientCert Mandatory")
            .await;
        assert!(client.look(adc.addr("v"), "a.example").await.is_err());
        adc.run("add ssl certKey ca -cert ca.pem\nbind ssl vserver v -certkeyName ca -CA")
            .await;

        client.look(adc.addr("v"), "a.example").await.unwrap();
        assert!(Tls::plain().look(adc.addr("v"), "a.example").await.is_err());
        adc.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_notice_nothing_of_fifty_changes() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (ca, a, b) = (
            TestCa::new(),
            Backend::start().await,
            Backend::start().await,
        );
        for name in ["one", "two"] {
            ca.files(dir.path(), name, "a.example", KeyAlgorithm::EcdsaP256);
        }
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[a.addr])
            .later("w")
            .conf("add ssl certKey c -cert one.pem -key one.key\nbind ssl vserver v -certkeyName c")
            .conf(&service("s", &b))
            .start()
            .await;
        let addr = adc.addr("v");
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let stop = stop.clone();
                tokio::spawn(async move {
                    let mut kept = Tls::plain().http1(addr, "a.example").await;
                    let mut answered = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let mut new = Tls::plain().http1(addr, "a.example").await;
                        for client in [&mut kept, &mut new] {
                            assert_eq!(client.get("a.example", "/").await.0, 200);
                            answered += 1;
                        }
                    }
                    answered
                })
            })
            .collect();

        for _ in 0..5 {
            adc.run(
                "bind lb vserver v s
                 update ssl certKey c -cert two.pem -key two.key
                 add lb vserver w HTTP 127.0.0.1 81
                 set ssl vserver v -tls12 DISABLED
                 unbind lb vserver v v_0
                 bind lb vserver v v_0
                 unset ssl vserver v -tls12
                 rm lb vserver w
                 update ssl certKey c -cert one.pem -key one.key
                 unbind lb vserver v s",
            )
            .await;
        }
        stop.store(true, Ordering::Relaxed);

        for client in clients {
            assert!(client.await.unwrap() > 0);
        }
        adc.stop().await;
    })
    .await;
}

/// How long one change may take; the machines of the tests are slow and busy.
const CHANGE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn one_change_among_a_thousand_certkeys_reads_no_file_again() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (ca, backend) = (TestCa::new(), Backend::start().await);
        ca.files(dir.path(), "one", "a.example", KeyAlgorithm::EcdsaP256);
        let lines: Vec<String> = (0..1000)
            .map(|n| format!("add ssl certKey c{n} -cert one.pem -key one.key\n"))
            .collect();
        let bound = "set ssl vserver v -SNIEnable ENABLED\nbind ssl vserver v -certkeyName c7";
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .conf(&lines.concat())
            .conf(bound)
            .start()
            .await;
        // Were a file read again, the command would fail.
        for file in ["one.pem", "one.key"] {
            std::fs::remove_file(dir.path().join(file)).unwrap();
        }

        let start = std::time::Instant::now();
        adc.run(&service("s", &backend)).await;
        adc.run("bind lb vserver v s\nbind ssl vserver v -certkeyName c8 -SNICert")
            .await;
        let took = start.elapsed() / 3;

        println!("one change among 1,000 certkeys took {took:?}");
        assert!(took < CHANGE, "{took:?}");
        Tls::plain().look(adc.addr("v"), "a.example").await.unwrap();
        adc.stop().await;
    })
    .await;
}
