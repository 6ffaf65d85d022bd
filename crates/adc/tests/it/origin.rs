//! A TLS backend that asks for client certificates, or not, and answers who it was shown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use evercert_testkit::card::CardAuthority;
use evercert_x509::Certificate;
use evercert_x509::forge::Original;
use evercert_x509::tls::{certified_key_from_der, crypto_provider};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::authority::TestCa;

/// Whether it asks for a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    Requires,
    Accepts,
    Never,
}

pub(crate) struct Origin {
    pub(crate) addr: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    handshakes: AtomicUsize,
    certificates: Mutex<Vec<Certificate>>,
    requests: Mutex<Vec<Vec<String>>>,
}

impl Origin {
    /// Trusts the forging CA, if it asks at all.
    pub(crate) async fn start(
        ca: &TestCa,
        forging: &CardAuthority,
        asks: Asks,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> Self {
        let config = Arc::new(config(ca, forging, asks, versions, alpn));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, config.clone(), shared.clone()));
            }
        });
        Self { addr, seen }
    }

    /// The client certificates it was shown, one for each connection.
    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        self.seen.certificates.lock().unwrap().clone()
    }

    /// Connections that completed their handshake.
    pub(crate) fn handshakes(&self) -> usize {
        self.seen.handshakes.load(Ordering::SeqCst)
    }

    /// Header names of the requests.
    pub(crate) fn requests(&self) -> Vec<Vec<String>> {
        self.seen.requests.lock().unwrap().clone()
    }
}

fn config(
    ca: &TestCa,
    forging: &CardAuthority,
    asks: Asks,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    let forging = forging.certificate().der().to_vec();
    roots.add(CertificateDer::from(forging)).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), crypto_provider());
    let builder = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match asks {
        Asks::Never => builder.with_no_client_auth(),
        Asks::Accepts => {
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        }
        Asks::Requires => builder.with_client_cert_verifier(verifier.build().unwrap()),
    };
    let (chain, key) = ca.server("origin.example");
    let ders = chain.iter().map(|c| CertificateDer::from(c.der().to_vec()));
    let certified = certified_key_from_der(ders.collect(), key.to_pkcs8_der().expose()).unwrap();
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

async fn serve(tcp: TcpStream, config: Arc<ServerConfig>, seen: Arc<Seen>) {
    let Ok(stream) = TlsAcceptor::from(config).accept(tcp).await else {
        return;
    };
    seen.handshakes.fetch_add(1, Ordering::SeqCst);
    let session = stream.get_ref().1;
    let peer = session.peer_certificates().unwrap_or_default();
    let leaf = peer
        .first()
        .map(|der| Certificate::from_der(der.to_vec()).unwrap());
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    let version = session.protocol_version().unwrap();
    if let Some(leaf) = &leaf {
        seen.certificates.lock().unwrap().push(leaf.clone());
    }
    let who = describe(leaf.as_ref());
    let service = service_fn(move |request: Request<Incoming>| {
        let names = request.headers().keys().map(ToString::to_string).collect();
        seen.requests.lock().unwrap().push(names);
        let text = format!(
            "{who}|{version:?}|{:?}|{}",
            request.version(),
            request.uri().path()
        );
        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text)))) }
    });
    let io = TokioIo::new(stream);
    // A client that goes away ends it; what matters was seen by then.
    if is_http2 {
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .serve_connection(io, service)
            .await
            .unwrap_or_default();
    } else {
        let builder = hyper::server::conn::http1::Builder::new();
        builder
            .serve_connection(io, service)
            .await
            .unwrap_or_default();
    }
}

/// Subject and first principal name.
fn describe(leaf: Option<&Certificate>) -> String {
    let Some(leaf) = leaf else {
        return "nobody".to_owned();
    };
    let original = Original::read(leaf.der()).unwrap();
    let upn = original.alt_names().unwrap().upn().unwrap_or_default();
    format!("{}|{upn}", leaf.subject())
}
