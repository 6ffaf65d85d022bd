//! ICAP servers that fail, are late, take over from each other, or speak TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use evercert_types::KeyAlgorithm;
use evercert_x509::tls::{ClientAuth, certified_key, server_config, single_certificate};
use evercert_x509::{Chain, KeyPair};
use http_body_util::BodyExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::authority::TestCa;
use crate::backend::Backend;
use crate::client::{exchange_raw, text};
use crate::icap::{long, post, requests};
use crate::icap_server::IcapServer;
use crate::world::{Setup, within};

#[tokio::test]
async fn failures_end_as_the_configuration_says() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        for (server, uri) in [
            (icap.addr, "reset"),
            (icap.addr, "garbage"),
            (icap.addr, "error"),
            (icap.addr, "unknown"),
            (icap.addr, "resp-only"),
            (nobody, "pass"),
        ] {
            for (action, passes) in [("CONTINUE", true), ("DROP", false), ("RESET", false)] {
                let action = format!("-ifserverdown {action}");
                let adc = requests(dir.path(), &backend, server, uri, ["", &action]).await;
                let outcome = post(adc.addr("v"), long(3000)).await;
                match outcome {
                    Ok(response) if passes => {
                        let body = response.into_body().collect().await.unwrap().to_bytes();
                        assert!(body == long(3000), "{uri} {action}");
                    }
                    Err(_) if !passes => {}
                    other => panic!("{uri} {action}: {other:?}"),
                }
                adc.stop().await;
            }
        }
        // Without an answer there is nothing at all on the wire.
        let adc = requests(
            dir.path(),
            &backend,
            nobody,
            "pass",
            ["", "-ifserverdown DROP"],
        )
        .await;
        let raw = exchange_raw(adc.addr("v"), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(raw, "");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_late_is_not_waited_for() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        for uri in ["hang", "hang-late"] {
            for (action, passes) in [("BYPASS", true), ("DROP", false), ("RESET", false)] {
                let profile = format!("-reqTimeout 1 -reqTimeoutAction {action}");
                let adc = requests(
                    dir.path(),
                    &backend,
                    icap.addr,
                    uri,
                    [&profile, "-ifserverdown CONTINUE"],
                )
                .await;
                let outcome = post(adc.addr("v"), "hello").await;
                assert_eq!(outcome.is_ok(), passes, "{uri} {action}");
                adc.stop().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_passed_off_as_whole() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let adc = requests(
            dir.path(),
            &backend,
            icap.addr,
            "half",
            ["", "-ifserverdown CONTINUE"],
        )
        .await;

        let status = post(adc.addr("v"), long(200_000))
            .await
            .map(|response| response.status().as_u16());

        assert!(!matches!(status, Ok(200)), "{status:?}");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn servers_of_a_vserver_take_over_from_each_other_and_policies_change_live() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .conf(&format!(
                "enable ns feature CI
                 add service gone 127.0.0.1 TCP 1
                 add service here 127.0.0.1 TCP {}
                 add lb vserver av TCP
                 bind lb vserver av gone
                 bind lb vserver av here
                 add ns icapProfile p -uri change -mode REQMOD
                 add contentInspection action a -type ICAP -serverName av -icapProfileName p
                 add contentInspection policy c -rule TRUE -action a
                 bind contentInspection global c 10",
                icap.addr.port()
            ))
            .start()
            .await;
        for _ in 0..4 {
            assert_eq!(text(post(adc.addr("v"), "x").await.unwrap()).await.1, "X!");
        }

        adc.run("set contentInspection policy c -action NOINSPECTION")
            .await;
        assert_eq!(text(post(adc.addr("v"), "x").await.unwrap()).await.1, "x");
        adc.run(
            "set contentInspection policy c -action a\ndisable service here\ndisable service gone",
        )
        .await;
        post(adc.addr("v"), "x").await.unwrap_err();
        adc.run("disable ns feature CI").await;
        assert_eq!(text(post(adc.addr("v"), "x").await.unwrap()).await.1, "x");
        adc.stop().await;
    })
    .await;
}

/// Takes TLS off before a server.
async fn with_tls(dir: &std::path::Path, ca: &TestCa, server: SocketAddr) -> SocketAddr {
    ca.files(dir, "icap", "icap.example", KeyAlgorithm::EcdsaP256);
    let pem = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let chain = Chain::from_pem(&pem("icap.pem")).unwrap();
    let key = KeyPair::from_pem(&pem("icap.key")).unwrap();
    let certified = certified_key(&chain, &key).unwrap();
    let config = server_config(single_certificate(certified), ClientAuth::None, &[]).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (Ok(mut client), Ok(mut server)) =
                    (acceptor.accept(tcp).await, TcpStream::connect(server).await)
                else {
                    return;
                };
                let carried = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                carried.unwrap_or_default();
            });
        }
    });
    addr
}

#[tokio::test]
async fn icap_over_tls_verifies_the_server_as_its_service_says() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (ca, backend) = (TestCa::new(), Backend::start().await);
        let icap = IcapServer::start().await;
        let tls = with_tls(dir.path(), &ca, icap.addr).await;
        std::fs::write(dir.path().join("ca.pem"), ca.root.certificate().to_pem()).unwrap();
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .conf(&format!(
                "enable ns feature CI
                 add ssl certKey ca -cert ca.pem
                 add service av 127.0.0.1 SSL_TCP {}
                 set ssl service av -serverAuth ENABLED -commonName icap.example
                 bind ssl service av -certkeyName ca -CA
                 add ns icapProfile p -uri change -mode REQMOD
                 add contentInspection action a -type ICAP -serverName av -icapProfileName p
                 add contentInspection policy c -rule TRUE -action a
                 bind contentInspection global c 10",
                tls.port()
            ))
            .start()
            .await;
        let body = long(300_000);
        let response = post(adc.addr("v"), body.clone()).await.unwrap();
        let changed = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(changed, [&body.to_ascii_uppercase()[..], b"!"].concat());

        adc.run("set ssl service av -commonName other.example")
            .await;
        post(adc.addr("v"), "x").await.unwrap_err();
        adc.stop().await;
    })
    .await;
}
