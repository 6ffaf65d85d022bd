//! Zero-touch certificates towards services that ask for a client certificate.

use std::net::SocketAddr;
use std::sync::Arc;

use evercert_types::{Fingerprint, KeyAlgorithm};
use evercert_x509::mint::Usage;
use evercert_x509::sha256;
use evercert_x509::tls::{
    ClientAuth, certified_key_from_der, root_store, server_config, single_certificate,
};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::authority::{ItemSpec, TestCa};
use crate::client::Http1;
use crate::console::FakeConsole;
use crate::world::{Setup, within};

/// A service over TLS that demands a client certificate of the CA, and answers with its SHA-256; each connection
/// carries one exchange.
async fn demanding(ca: &TestCa) -> SocketAddr {
    let (chain, key) = ca.client("the service");
    let ders = chain.iter().map(|c| CertificateDer::from(c.der().to_vec()));
    let certified = certified_key_from_der(ders.collect(), key.to_pkcs8_der().expose()).unwrap();
    let roots = root_store(&ca.root.certificate().to_pem()).unwrap();
    let config = server_config(
        single_certificate(certified),
        ClientAuth::Required(roots),
        &[],
    );
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(tcp).await else {
                    return;
                };
                let peer = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
                let shown = sha256(&peer).to_string();
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.unwrap();
                assert!(read > 0, "a request, or a part of one");
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{shown}",
                    shown.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap_or_default();
            });
        }
    });
    addr
}

fn client_spec(names: &str) -> ItemSpec {
    let mut spec = ItemSpec::new(names);
    spec.usage = Usage::Both;
    spec
}

async fn asked(addr: SocketAddr) -> (u16, String) {
    let mut client = Http1::over(TcpStream::connect(addr).await.unwrap()).await;
    client.get("x", "/").await
}

fn seen(fingerprint: Fingerprint) -> (u16, String) {
    (200, fingerprint.to_string())
}

#[tokio::test]
async fn a_service_is_shown_the_zero_touch_certificate_of_the_name() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let service = demanding(&ca).await;
        let spec = client_spec("adc.example");
        let item = ca.item(&spec);
        console.put([item.clone()], ca.chains());
        let setup = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .conf(&format!(
                "add service s 127.0.0.1 SSL {}
             bind lb vserver v s",
                service.port()
            ));
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        assert_eq!(
            asked(adc.addr("v")).await.0,
            502,
            "nothing is shown unless named"
        );
        adc.run("set ssl service s -zeroTouchCert adc.example")
            .await;
        assert_eq!(asked(adc.addr("v")).await, seen(item.fingerprint));

        let renewed = ca.item(&spec.next());
        let revision = console.put([renewed.clone()], ca.chains());
        adc.at_revision(revision).await;
        assert_eq!(asked(adc.addr("v")).await, seen(renewed.fingerprint));
        adc.run("unset ssl service s -zeroTouchCert").await;
        assert_eq!(asked(adc.addr("v")).await.0, 502);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_profile_names_it_for_all_its_services_and_a_bound_certificate_goes_first() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let service = demanding(&ca).await;
        let item = ca.item(&client_spec("adc.example"));
        console.put([item.clone()], ca.chains());
        ca.files(dir.path(), "hand", "hand.example", KeyAlgorithm::EcdsaP256);
        let setup = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .conf(&format!(
                "add ssl profile back -sslProfileType BackEnd -zeroTouchCert adc.example
             add service s 127.0.0.1 SSL {}
             set ssl service s -sslProfile back
             bind lb vserver v s
             add ssl certKey hand -cert hand.pem -key hand.key",
                service.port()
            ));
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        assert_eq!(asked(adc.addr("v")).await, seen(item.fingerprint));
        // It is no client's certificate, and the service refuses it: the zero-touch one is not shown any more.
        adc.run("bind ssl service s -certkeyName hand").await;
        assert_eq!(asked(adc.addr("v")).await.0, 502);
        adc.stop().await;
    })
    .await;
}
