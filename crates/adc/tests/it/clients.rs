//! Client authentication, and sessions that must not carry over.

use evercert_types::KeyAlgorithm;
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};

use crate::authority::TestCa;
use crate::client::{Tls, TlsOptions};
use crate::world::{Setup, TestAdc, within};

const ONLY_TLS12: &[&rustls::SupportedProtocolVersion] = &[&TLS12];
const ONLY_TLS13: &[&rustls::SupportedProtocolVersion] = &[&TLS13];

async fn start(dir: &std::path::Path, ca: &TestCa) -> TestAdc {
    ca.files(
        dir,
        "server",
        "a.example b.example",
        KeyAlgorithm::EcdsaP256,
    );
    std::fs::write(dir.join("ca.pem"), ca.root.certificate().to_pem()).unwrap();
    Setup::new(dir)
        .vserver("open", "SSL", &[])
        .vserver("open2", "SSL", &[])
        .vserver("optional", "SSL", &[])
        .vserver("mandatory", "SSL", &[])
        .conf(
            "add ssl certKey server -cert server.pem -key server.key
             add ssl certKey clients -cert ca.pem
             bind ssl vserver open -certkeyName server
             bind ssl vserver open2 -certkeyName server
             bind ssl vserver optional -certkeyName server
             bind ssl vserver optional -certkeyName clients -CA
             set ssl vserver optional -clientAuth ENABLED -clientCert Optional
             bind ssl vserver mandatory -certkeyName server
             bind ssl vserver mandatory -certkeyName clients -CA
             set ssl vserver mandatory -clientAuth ENABLED -clientCert Mandatory",
        )
        .start()
        .await
}

#[tokio::test]
async fn clients_authenticate_where_the_vserver_wants_it() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (ca, foreign) = (TestCa::new(), TestCa::new());
        let adc = start(dir.path(), &ca).await;
        let known = Tls::new(TlsOptions {
            identity: Some(ca.client("alice")),
            ..TlsOptions::default()
        });
        let stranger = Tls::new(TlsOptions {
            identity: Some(foreign.client("eve")),
            ..TlsOptions::default()
        });
        let nobody = Tls::plain();

        for vserver in ["open", "optional", "mandatory"] {
            known.look(adc.addr(vserver), "a.example").await.unwrap();
        }
        nobody
            .look(adc.addr("optional"), "a.example")
            .await
            .unwrap();
        nobody
            .look(adc.addr("mandatory"), "a.example")
            .await
            .unwrap_err();
        stranger
            .look(adc.addr("optional"), "a.example")
            .await
            .unwrap_err();
        stranger
            .look(adc.addr("mandatory"), "a.example")
            .await
            .unwrap_err();
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_session_resumes_on_its_own_vserver_and_on_no_other() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let ca = TestCa::new();
        let adc = start(dir.path(), &ca).await;
        for versions in [ONLY_TLS13, ONLY_TLS12] {
            for other in ["open2", "optional", "mandatory"] {
                let identity = (other == "mandatory").then(|| ca.client("alice"));
                let tls = Tls::new(TlsOptions {
                    versions,
                    identity,
                    ..TlsOptions::default()
                });
                let look =
                    async |vserver| tls.look(adc.addr(vserver), "a.example").await.unwrap().kind;
                assert_ne!(look("open").await, HandshakeKind::Resumed);
                assert_eq!(look("open").await, HandshakeKind::Resumed);
                assert_ne!(look(other).await, HandshakeKind::Resumed, "{other}");
                assert_eq!(look(other).await, HandshakeKind::Resumed, "{other}");
            }
        }
        // A ticket of the open vserver opens nothing on the protected one for a client without a certificate.
        let nobody = Tls::plain();
        nobody.look(adc.addr("open"), "a.example").await.unwrap();
        nobody
            .look(adc.addr("mandatory"), "a.example")
            .await
            .unwrap_err();
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_with_client_authentication_answers_421_for_another_host() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let ca = TestCa::new();
        let adc = start(dir.path(), &ca).await;
        let tls = Tls::new(TlsOptions {
            identity: Some(ca.client("alice")),
            ..TlsOptions::default()
        });

        let mut own = tls.http1(adc.addr("mandatory"), "a.example").await;
        assert_eq!(own.get("a.example", "/").await.0, 503);
        let mut other = tls.http1(adc.addr("mandatory"), "a.example").await;
        let (status, body) = other.get("b.example", "/").await;
        assert_eq!(status, 421, "{body}");
        adc.stop().await;
    })
    .await;
}
