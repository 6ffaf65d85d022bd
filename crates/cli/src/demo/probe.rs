//! TLS clients that look at what is really served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use evercert_types::Fingerprint;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// No step of a probe takes longer than this on a machine that works.
const LIMIT: Duration = Duration::from_secs(10);

/// A client that trusts the Local CA and makes a full handshake each time.
#[derive(Clone)]
pub(crate) struct Probe {
    connector: TlsConnector,
}

/// What a handshake showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// SHA-256 of the leaf.
    pub(crate) fingerprint: Fingerprint,
}

/// An open connection, for several requests.
pub(crate) struct Connection {
    sender: http1::SendRequest<Empty<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
    host: String,
    /// What its handshake showed.
    pub(crate) seen: Seen,
}

impl Probe {
    /// A client like a browser: every signature scheme.
    pub(crate) fn new(roots: RootCertStore) -> Result<Self> {
        let mut config = evercert_x509::tls::client_config(roots, None, &[b"http/1.1"])?;
        // A resumed session shows no certificate.
        config.resumption = Resumption::disabled();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    /// A client that can verify RSA signatures only, as old ones do: sees the RSA half of a dual certificate.
    pub(crate) fn rsa_only(roots: RootCertStore) -> Result<Self> {
        let mut provider = (*evercert_x509::tls::crypto_provider()).clone();
        let rsa = |scheme: &SignatureScheme| format!("{scheme:?}").starts_with("RSA");
        let mapping: Vec<_> = provider
            .signature_verification_algorithms
            .mapping
            .iter()
            .filter(|(s, _)| rsa(s))
            .copied()
            .collect();
        // The table must live as long as the provider; a demo makes one or two of them.
        provider.signature_verification_algorithms.mapping = Vec::leak(mapping);
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .context("preparing an RSA-only client")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    /// One full handshake, verified against the Local CA's root and the name.
    pub(crate) async fn handshake(&self, addr: SocketAddr, host: &str) -> Result<Seen> {
        Ok(self.connect(addr, host).await?.1)
    }

    /// A handshake and an HTTP/1.1 connection on it.
    pub(crate) async fn open(&self, addr: SocketAddr, host: &str) -> Result<Connection> {
        let (stream, seen) = self.connect(addr, host).await?;
        let (sender, connection) =
            tokio::time::timeout(LIMIT, http1::handshake(TokioIo::new(stream)))
                .await
                .context("starting HTTP")??;
        let driver = tokio::spawn(async move {
            // The request that fails with it says what went wrong.
            drop(connection.await);
        });
        Ok(Connection {
            sender,
            driver,
            host: host.to_owned(),
            seen,
        })
    }

    async fn connect(&self, addr: SocketAddr, host: &str) -> Result<(TlsStream<TcpStream>, Seen)> {
        let name = ServerName::try_from(host.to_owned()).context("reading the server name")?;
        let attempt = async {
            let tcp = TcpStream::connect(addr).await.context("connecting")?;
            tcp.set_nodelay(true).context("connecting")?;
            self.connector
                .connect(name, tcp)
                .await
                .context("TLS handshake")
        };
        let stream = tokio::time::timeout(LIMIT, attempt)
            .await
            .with_context(|| format!("{host} at {addr}: time-out"))??;
        let (_, session) = stream.get_ref();
        let leaf = session
            .peer_certificates()
            .and_then(<[_]>::first)
            .context("no certificate shown")?;
        let seen = Seen {
            fingerprint: evercert_x509::sha256(leaf),
        };
        Ok((stream, seen))
    }
}

impl Connection {
    /// A GET that must be answered by 200 with the asked host in the body.
    pub(crate) async fn get(&mut self) -> Result<()> {
        tokio::time::timeout(LIMIT, self.exchange())
            .await
            .context("HTTP: time-out")?
    }

    async fn exchange(&mut self) -> Result<()> {
        let request = hyper::Request::get("/")
            .header(hyper::header::HOST, &self.host)
            .body(Empty::new())?;
        self.sender
            .ready()
            .await
            .context("HTTP: connection closed")?;
        let response = self
            .sender
            .send_request(request)
            .await
            .context("HTTP request")?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .context("HTTP body")?
            .to_bytes();
        ensure!(
            status == hyper::StatusCode::OK,
            "HTTP {status}: {}",
            String::from_utf8_lossy(&body)
        );
        let text = String::from_utf8_lossy(&body);
        ensure!(
            text.contains(&self.host),
            "the answer is another host's: {text}"
        );
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
