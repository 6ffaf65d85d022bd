//! OCSP responses stapled to zero-touch certificates, and the parameters that tune them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::sync::Item;
use evercert_x509::mint::Authority;
use evercert_x509::ocsp::{Answer, CertId, Status, respond};
use evercert_x509::tls::crypto_provider;
use evercert_x509::{Certificate, der};
use jiff::SignedDuration;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::authority::{ItemSpec, TestCa, now};
use crate::console::FakeConsole;
use crate::world::{SOON, Setup, TestAdc, eventually, within};

/// A responder that answers about whatever it was told of, and notes how it was asked.
struct Responder {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    signer: Authority,
    statuses: Mutex<Vec<(CertId, Status)>>,
    asked: Mutex<Vec<(Method, Vec<u8>)>>,
}

impl Responder {
    async fn start(signer: &Authority) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            signer: signer.clone(),
            statuses: Mutex::default(),
            asked: Mutex::default(),
        });
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, shared }
    }

    fn spec(&self, names: &str) -> ItemSpec {
        let mut spec = ItemSpec::new(names);
        spec.ocsp_url = Some(format!("http://{}/ocsp", self.addr));
        spec
    }

    /// Answers about the item's certificate like this from now on.
    fn tell(&self, ca: &TestCa, item: &Item, status: Status) {
        let leaf = Certificate::from_der(STANDARD.decode(&item.leaf).unwrap()).unwrap();
        let id = CertId::of(&leaf, ca.issuing.certificate());
        let mut statuses = self.shared.statuses.lock().unwrap();
        statuses.retain(|(known, _)| *known != id);
        statuses.push((id, status));
    }

    fn asked(&self) -> Vec<(Method, Vec<u8>)> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Vec<u8> {
    let question = match method {
        Method::GET => {
            let last = uri.path().rsplit('/').next().unwrap_or_default();
            let text = last
                .replace("%2B", "+")
                .replace("%2F", "/")
                .replace("%3D", "=");
            STANDARD.decode(text).unwrap()
        }
        _ => body.to_vec(),
    };
    shared.asked.lock().unwrap().push((method, question));
    let statuses = shared.statuses.lock().unwrap().clone();
    let answer = Answer {
        statuses: &statuses,
        nonce: None,
        now: now(),
        next_update: Some(now() + SignedDuration::from_hours(24)),
        delegate: None,
    };
    respond(&answer, shared.signer.key()).unwrap()
}

/// How many certificates a question names, and whether it has a nonce.
fn question(octets: &[u8]) -> (usize, bool) {
    let mut outer = der::Reader::new(octets).enter(der::SEQUENCE).unwrap();
    let mut inner = outer.enter(der::SEQUENCE).unwrap();
    let list = inner.expect(der::SEQUENCE).unwrap();
    let count = der::elements(list.content).unwrap().len();
    (count, !inner.is_empty())
}

/// What a client was shown of the responder's words: empty when nothing was stapled.
async fn stapled(addr: SocketAddr, name: &str) -> Vec<u8> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let verifier = Arc::new(Noting(seen.clone()));
    let mut config = ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let tcp = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[derive(Debug)]
struct Noting(Arc<Mutex<Vec<u8>>>);

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = ocsp.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &crypto_provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &crypto_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        crypto_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

async fn until_stapled(adc: &TestAdc, name: &str) -> Vec<u8> {
    let addr = adc.addr("v");
    eventually("a response is stapled", SOON, async || {
        Some(stapled(addr, name).await).filter(|response| !response.is_empty())
    })
    .await
}

async fn until_ocsp(adc: &TestAdc, word: &str) {
    adc.until("the responder has answered", |status| {
        let items = &status.zero_touch.items;
        items.iter().all(|item| item.ocsp.as_deref() == Some(word))
    })
    .await;
}

#[tokio::test]
async fn responses_are_stapled_where_stapling_is_on() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let responder = Responder::start(&ca.issuing).await;
        let item = ca.item(&responder.spec("a.example"));
        responder.tell(&ca, &item, Status::Good);
        console.put([item], ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]);
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        assert!(stapled(adc.addr("v"), "a.example").await.is_empty());
        assert!(responder.asked().is_empty(), "nobody asked for stapling");
        adc.run("set ssl vserver v -ocspStapling ENABLED").await;
        until_stapled(&adc, "a.example").await;

        until_ocsp(&adc, "VALID").await;
        let (method, octets) = responder.asked()[0].clone();
        assert_eq!((method, question(&octets)), (Method::POST, (1, true)));
        // Within -ocspCacheTimeout nobody is asked again.
        until_stapled(&adc, "a.example").await;
        assert_eq!(responder.asked().len(), 1);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_profile_switches_stapling_on_too() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let responder = Responder::start(&ca.issuing).await;
        let item = ca.item(&responder.spec("a.example"));
        responder.tell(&ca, &item, Status::Good);
        console.put([item], ca.chains());
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .conf("add ssl profile p -ocspStapling ENABLED\nset ssl vserver v -sslProfile p");
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        until_stapled(&adc, "a.example").await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn parameters_change_how_responders_are_asked() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let responder = Responder::start(&ca.issuing).await;
        let items = ["a.example", "b.example"].map(|name| ca.item(&responder.spec(name)));
        for item in &items {
            responder.tell(&ca, item, Status::Good);
        }
        console.put(items, ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]);
        let adc = setup.console(&console).start().await;
        adc.active(2).await;

        adc.run(
            "set ssl zeroTouchParam -ocspUseNonce DISABLED -ocspBatchingDepth 2 -ocspBatchingDelay 10000 -ocspRespTimeout 5000
             set ssl vserver v -ocspStapling ENABLED",
        )
        .await;
        stapled(adc.addr("v"), "a.example").await;
        stapled(adc.addr("v"), "b.example").await;
        until_ocsp(&adc, "VALID").await;

        let asked = responder.asked();
        assert_eq!(asked.len(), 1, "two certificates in one question");
        assert_eq!(question(&asked[0].1), (2, false));
        assert!(!stapled(adc.addr("v"), "b.example").await.is_empty());
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn short_questions_go_by_get() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let responder = Responder::start(&ca.issuing).await;
        let item = ca.item(&responder.spec("a.example"));
        responder.tell(&ca, &item, Status::Good);
        console.put([item], ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]).conf(
            "set ssl zeroTouchParam -ocspHttpMethod GET -ocspUseNonce DISABLED\nset ssl vserver v -ocspStapling ENABLED",
        );
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        until_stapled(&adc, "a.example").await;
        assert_eq!(responder.asked()[0].0, Method::GET);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn strangers_words_are_stapled_only_where_responders_are_trusted() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let responder = Responder::start(&ca.root).await;
        let item = ca.item(&responder.spec("a.example"));
        responder.tell(&ca, &item, Status::Good);
        let next = ca.item(&responder.spec("b.example"));
        responder.tell(&ca, &next, Status::Good);
        console.put([item], ca.chains());
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .conf("set ssl vserver v -ocspStapling ENABLED");
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        stapled(adc.addr("v"), "a.example").await;
        until_ocsp(&adc, "NONE").await;
        assert!(stapled(adc.addr("v"), "a.example").await.is_empty());
        adc.run("set ssl zeroTouchParam -ocspTrustResponder YES")
            .await;
        console.put([next], ca.chains());
        adc.active(2).await;
        until_stapled(&adc, "b.example").await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_revoked_certificate_is_served_without_response_and_said_so() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let responder = Responder::start(&ca.issuing).await;
        let item = ca.item(&responder.spec("a.example"));
        responder.tell(&ca, &item, Status::Revoked { at: now() });
        console.put([item], ca.chains());
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .conf("set ssl vserver v -ocspStapling ENABLED");
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        stapled(adc.addr("v"), "a.example").await;
        until_ocsp(&adc, "REVOKED").await;
        assert!(stapled(adc.addr("v"), "a.example").await.is_empty());
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_silent_responder_holds_no_handshake_up() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        // It accepts, and never answers.
        let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut spec = ItemSpec::new("a.example");
        spec.ocsp_url = Some(format!("http://{}/", silent.local_addr().unwrap()));
        console.put([ca.item(&spec)], ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]).conf(
            "set ssl zeroTouchParam -ocspRespTimeout 100\nset ssl vserver v -ocspStapling ENABLED",
        );
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        let began = std::time::Instant::now();
        assert!(stapled(adc.addr("v"), "a.example").await.is_empty());
        assert!(began.elapsed() < Duration::from_secs(5));
        until_ocsp(&adc, "NONE").await;
        adc.stop().await;
    })
    .await;
}
