//! `SSL_TCP` vservers, and services reached over TLS.

use std::sync::Arc;

use evercert_types::KeyAlgorithm;
use evercert_x509::tls::{ClientAuth, certified_key, server_config, single_certificate};
use evercert_x509::{Chain, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::authority::{ItemSpec, TestCa};
use crate::client::Tls;
use crate::console::FakeConsole;
use crate::world::{Setup, within};

#[tokio::test]
async fn bytes_are_carried_behind_tls_and_either_side_may_finish_first() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        console.put([ca.item(&ItemSpec::new("db.example"))], ca.chains());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let backend = listener.local_addr().unwrap();
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL_TCP", &[backend])
            .console(&console)
            .start()
            .await;
        adc.active(1).await;
        let server = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut question = String::new();
            tcp.read_to_string(&mut question).await.unwrap();
            tcp.write_all(format!("you said {question}").as_bytes())
                .await
                .unwrap();
        });

        let mut client = Tls::plain()
            .connect(adc.addr("v"), "db.example")
            .await
            .unwrap();
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();

        assert_eq!(answer, "you said hello");
        server.await.unwrap();
        adc.stop().await;
    })
    .await;
}

/// A TLS service that answers one request a connection.
async fn tls_service(dir: &std::path::Path, ca: &TestCa) -> std::net::SocketAddr {
    ca.files(dir, "backend", "backend.example", KeyAlgorithm::EcdsaP256);
    let chain =
        Chain::from_pem(&std::fs::read_to_string(dir.join("backend.pem")).unwrap()).unwrap();
    let key =
        KeyPair::from_pem(&std::fs::read_to_string(dir.join("backend.key")).unwrap()).unwrap();
    let certified = certified_key(&chain, &key).unwrap();
    let config = server_config(single_certificate(certified), ClientAuth::None, &[]).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(tcp).await else {
                    return;
                };
                let mut buffer = [0; 4096];
                stream.read(&mut buffer).await.unwrap_or_default();
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret";
                stream.write_all(answer).await.unwrap_or_default();
                stream.shutdown().await.unwrap_or_default();
            });
        }
    });
    addr
}

#[tokio::test]
async fn services_over_tls_are_verified_as_far_as_the_configuration_asks() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (ca, foreign) = (TestCa::new(), TestCa::new());
        let backend = tls_service(dir.path(), &ca).await;
        std::fs::write(dir.path().join("ca.pem"), ca.root.certificate().to_pem()).unwrap();
        std::fs::write(dir.path().join("foreign.pem"), foreign.root.certificate().to_pem()).unwrap();
        let mut setup = Setup::new(dir.path()).conf(
            "add ssl certKey ca -cert ca.pem
             add ssl certKey foreign -cert foreign.pem",
        );
        for (name, checks) in [
            ("any", "set ssl service s_any -serverAuth DISABLED"),
            ("chain", "set ssl service s_chain -serverAuth ENABLED\nbind ssl service s_chain -certkeyName ca -CA"),
            (
                "name",
                "set ssl service s_name -serverAuth ENABLED -commonName backend.example\nbind ssl service s_name -certkeyName ca -CA",
            ),
            (
                "wrong_name",
                "set ssl service s_wrong_name -serverAuth ENABLED -commonName other.example\nbind ssl service s_wrong_name -certkeyName ca -CA",
            ),
            (
                "wrong_ca",
                "set ssl service s_wrong_ca -serverAuth ENABLED\nbind ssl service s_wrong_ca -certkeyName foreign -CA",
            ),
        ] {
            let host = format!("h_{name}");
            setup = setup.vserver(name, "HTTP", &[]).conf(&format!(
                "add server {host} localhost\nadd service s_{name} {host} SSL {}\nbind lb vserver {name} s_{name}\n{checks}",
                backend.port()
            ));
        }
        let adc = setup.start().await;
        for (name, expected) in
            [("any", 200), ("chain", 200), ("name", 200), ("wrong_name", 502), ("wrong_ca", 502)]
        {
            let answer = crate::client::exchange_raw(
                adc.addr(name),
                b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            )
            .await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{name}: {answer}");
        }
        adc.stop().await;
    })
    .await;
}
