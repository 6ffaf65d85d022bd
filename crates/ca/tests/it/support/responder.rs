//! Servers that a CA looks at: one for http-01, one for tls-alpn-01.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use evercert_types::KeyAlgorithm;
use evercert_x509::KeyPair;
use evercert_x509::tls::{ClientAuth, certified_key_from_der, server_config, single_certificate};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, SanType};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What a path under `/.well-known/acme-challenge/` answers.
#[derive(Clone)]
pub(crate) enum Answer {
    Text(String),
    Redirect(String),
}

type Answers = Arc<Mutex<HashMap<String, Answer>>>;

/// An HTTP server with answers by token.
pub(crate) struct HttpResponder {
    pub(crate) port: u16,
    answers: Answers,
    task: JoinHandle<()>,
}

impl HttpResponder {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Answers::default();
        let router = Router::new()
            .route("/.well-known/acme-challenge/{token}", get(answer))
            .route("/elsewhere/{token}", get(answer))
            .with_state(answers.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            port,
            answers,
            task,
        }
    }

    pub(crate) fn put(&self, token: &str, answer: Answer) {
        self.answers
            .lock()
            .unwrap()
            .insert(token.to_owned(), answer);
    }
}

impl Drop for HttpResponder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(answers): State<Answers>, Path(token): Path<String>) -> Response {
    match answers.lock().unwrap().get(&token) {
        Some(Answer::Text(text)) => text.clone().into_response(),
        Some(Answer::Redirect(to)) => Redirect::temporary(to).into_response(),
        None => http::StatusCode::NOT_FOUND.into_response(),
    }
}

/// A free port, and a listener on it for later.
pub(crate) async fn reserve() -> (u16, TcpListener) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    (listener.local_addr().unwrap().port(), listener)
}

/// How a tls-alpn-01 certificate is made.
pub(crate) struct AlpnAnswer<'a> {
    pub(crate) san: SanType,
    pub(crate) key_authorization: &'a str,
    pub(crate) protocol: &'static [u8],
}

/// Answers tls-alpn-01 for one name on this listener.
pub(crate) fn serve_alpn(listener: TcpListener, answer: &AlpnAnswer<'_>) -> JoinHandle<()> {
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let pkcs8 = key.to_pkcs8_der();
    let signer = rcgen::KeyPair::try_from(pkcs8.expose().as_slice()).unwrap();
    let digest = digest::digest(&digest::SHA256, answer.key_authorization.as_bytes());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = vec![answer.san.clone()];
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
    let certificate = params.self_signed(&signer).unwrap();
    // rustls would refuse the critical extension in a check of key and certificate: they are
    // known to fit.
    let any = certified_key_from_der(vec![plain_certificate(&signer)], pkcs8.expose()).unwrap();
    let certified =
        rustls::sign::CertifiedKey::new(vec![certificate.der().clone()], any.key.clone());
    let config = server_config(
        single_certificate(Arc::new(certified)),
        ClientAuth::None,
        &[answer.protocol],
    );
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    })
}

fn plain_certificate(signer: &rcgen::KeyPair) -> rustls_pki_types::CertificateDer<'static> {
    CertificateParams::default()
        .self_signed(signer)
        .unwrap()
        .der()
        .clone()
}
