//! TLS and HTTP clients of the tests.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use evercert_types::Fingerprint;
use evercert_x509::tls::{certified_key_from_der, crypto_provider};
use evercert_x509::{Certificate, KeyPair, sha256};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, HandshakeKind, ProtocolVersion, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) const ECDSA: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
];
pub(crate) const RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// A TLS client that accepts any chain, but checks signatures; keeps its session between connections.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
}

/// What to build one from.
pub(crate) struct TlsOptions {
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    pub(crate) schemes: Vec<SignatureScheme>,
    pub(crate) alpn: &'static [&'static [u8]],
    pub(crate) identity: Option<(Vec<Certificate>, KeyPair)>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            versions: rustls::ALL_VERSIONS,
            schemes: [ECDSA, RSA].concat(),
            alpn: &[],
            identity: None,
        }
    }
}

/// What a handshake showed.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) leaf: Fingerprint,
    pub(crate) certificates: usize,
    pub(crate) version: ProtocolVersion,
    pub(crate) kind: HandshakeKind,
}

impl Tls {
    pub(crate) fn new(options: TlsOptions) -> Self {
        let builder = ClientConfig::builder_with_provider(crypto_provider())
            .with_protocol_versions(options.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyChain(options.schemes)));
        let mut config = match options.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let ders = chain
                    .iter()
                    .map(|c| CertificateDer::from(c.der().to_vec()))
                    .collect();
                let certified = certified_key_from_der(ders, key.to_pkcs8_der().expose()).unwrap();
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
        };
        config.alpn_protocols = options.alpn.iter().map(|p| p.to_vec()).collect();
        Self {
            config: Arc::new(config),
        }
    }

    pub(crate) fn plain() -> Self {
        Self::new(TlsOptions::default())
    }

    /// Connects; an IP address as name sends no SNI.
    pub(crate) async fn connect(
        &self,
        addr: SocketAddr,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(addr).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(self.config.clone())
            .connect(name, tcp)
            .await
    }

    /// Makes a handshake, and reads until the session's tickets have arrived.
    pub(crate) async fn look(&self, addr: SocketAddr, name: &str) -> Result<Shown, Error> {
        let mut stream = self.connect(addr, name).await.map_err(tls_error)?;
        let shown = shown(&stream);
        // Tickets and late alerts (client authentication in TLS 1.3) come with the first answer.
        let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .map_err(tls_error)?;
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer).await {
            match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {}
                _ => return Err(tls_error(error)),
            }
        }
        Ok(shown)
    }

    pub(crate) async fn leaf(&self, addr: SocketAddr, name: &str) -> Fingerprint {
        self.look(addr, name).await.unwrap().leaf
    }

    pub(crate) async fn http1(&self, addr: SocketAddr, name: &str) -> Http1 {
        Http1::over(self.connect(addr, name).await.unwrap()).await
    }

    pub(crate) async fn http2(
        &self,
        addr: SocketAddr,
        name: &str,
    ) -> http2::SendRequest<Full<Bytes>> {
        let stream = self.connect(addr, name).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        sender
    }
}

pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> Shown {
    let session = stream.get_ref().1;
    let certificates = session.peer_certificates().unwrap_or_default();
    Shown {
        leaf: certificates
            .first()
            .map_or(Fingerprint([0; 32]), |der| sha256(der)),
        certificates: certificates.len(),
        version: session.protocol_version().unwrap(),
        kind: session.handshake_kind().unwrap(),
    }
}

fn tls_error(error: std::io::Error) -> Error {
    let text = error.to_string();
    match error
        .into_inner()
        .and_then(|inner| inner.downcast::<Error>().ok())
    {
        Some(error) => *error,
        None => Error::General(text),
    }
}

/// An HTTP/1.1 connection.
pub(crate) struct Http1 {
    pub(crate) sender: http1::SendRequest<Full<Bytes>>,
}

impl Http1 {
    pub(crate) async fn over<S>(stream: S) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Self { sender }
    }

    pub(crate) async fn get(&mut self, host: &str, path: &str) -> (u16, String) {
        self.try_get(host, path).await.unwrap()
    }

    pub(crate) async fn try_get(&mut self, host: &str, path: &str) -> hyper::Result<(u16, String)> {
        let request = Request::get(path)
            .header("Host", host)
            .body(Full::default())
            .unwrap();
        self.sender.ready().await?;
        Ok(text(self.sender.send_request(request).await?).await)
    }
}

/// Status and body.
pub(crate) async fn text(response: Response<hyper::body::Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// Writes bytes as they are, and reads until the server closes.
pub(crate) async fn exchange_raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as a close.
    stream.read_to_end(&mut answer).await.unwrap_or_default();
    String::from_utf8_lossy(&answer).into_owned()
}

#[derive(Debug)]
struct AnyChain(Vec<SignatureScheme>);

impl ServerCertVerifier for AnyChain {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &crypto_provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &crypto_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}
