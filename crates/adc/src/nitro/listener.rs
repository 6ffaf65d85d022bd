//! NITRO's sockets: HTTPS, and HTTP for this machine.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evercert_x509::tls::crypto_provider;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::certificate::{ManagementCertificate, USUAL, own};
use super::{Peer, answer};
use crate::config::{Exposure, NitroConfig};
use crate::error::StartError;
use crate::instance::Instance;
use crate::traffic::listener::bind;

/// Connections at once; further ones wait.
const CONNECTIONS: usize = 256;
/// For a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For the head of a request, the next one of a connection included.
const HEAD: Duration = Duration::from_secs(75);
/// How long accepting rests when the process has no file descriptors left.
const REST: Duration = Duration::from_millis(50);

/// Open sockets.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    https: Option<(TcpListener, SocketAddr)>,
    http: Option<(TcpListener, SocketAddr)>,
}

impl Opened {
    /// Opens what is configured.
    ///
    /// # Errors
    /// When an address cannot be listened on, or HTTP would be reachable from elsewhere without being meant to.
    pub(crate) fn new(config: &NitroConfig) -> Result<Self, StartError> {
        if let Some(address) = config.http
            && config.http_exposure == Exposure::Loopback
            && !address.ip().is_loopback()
        {
            return Err(StartError::Nitro(format!(
                "{address} would take passwords unencrypted from other machines"
            )));
        }
        Ok(Self {
            https: config.https.map(open).transpose()?,
            http: config.http.map(open).transpose()?,
        })
    }

    /// Where HTTPS is served.
    pub(crate) fn https_address(&self) -> Option<SocketAddr> {
        self.https.as_ref().map(|(_, address)| *address)
    }

    /// Where HTTP is served.
    pub(crate) fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|(_, address)| *address)
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// When there is no certificate to serve HTTPS with.
    pub(crate) fn serve(
        self,
        config: &NitroConfig,
        state_dir: &Path,
        instance: &Arc<Instance>,
        stop: &CancellationToken,
    ) -> Result<(), StartError> {
        let turns = Arc::new(Semaphore::new(CONNECTIONS));
        if let Some((listener, address)) = self.https {
            let tls = tls(config, state_dir, instance, address)?;
            let door = Door {
                tls: Some(TlsAcceptor::from(Arc::new(tls))),
                instance: instance.clone(),
                turns: turns.clone(),
                stop: stop.clone(),
            };
            tracing::info!(%address, "NITRO over HTTPS");
            tokio::spawn(door.serve(listener));
        }
        if let Some((listener, address)) = self.http {
            let door = Door {
                tls: None,
                instance: instance.clone(),
                turns,
                stop: stop.clone(),
            };
            tracing::info!(%address, "NITRO over HTTP");
            tokio::spawn(door.serve(listener));
        }
        Ok(())
    }
}

/// One socket with what is behind it.
#[derive(Clone)]
struct Door {
    tls: Option<TlsAcceptor>,
    instance: Arc<Instance>,
    turns: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Door {
    async fn serve(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&listener) => accepted,
                () = self.stop.cancelled() => return,
            };
            let Some((stream, address, turn)) = accepted else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let door = self.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = door.converse(stream, address) => {}
                    () = door.stop.cancelled() => {}
                }
                drop(turn);
            });
        }
    }

    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let turn = self.turns.clone().acquire_owned().await.ok()?;
        let (stream, address) = listener.accept().await.ok()?;
        Some((stream, address, turn))
    }

    async fn converse(&self, stream: TcpStream, address: SocketAddr) {
        let Some(tls) = &self.tls else {
            return self.http(stream, address, false).await;
        };
        match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.http(stream, address, true).await,
            Ok(Err(error)) => tracing::debug!(client = %address, %error, "NITRO: no handshake"),
            Err(_) => tracing::debug!(client = %address, "NITRO: the handshake took too long"),
        }
    }

    /// HTTP/1.1 only: HTTP/2 has no reason phrases, and clients compare them.
    async fn http<S>(&self, stream: S, address: SocketAddr, is_secure: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let peer = Peer::Remote {
            client: address.ip(),
            is_secure,
        };
        let service = service_fn(|request: Request<Incoming>| {
            let instance = self.instance.clone();
            async move { Ok::<_, Infallible>(answer(instance, peer, request).await) }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = serving.await {
            tracing::debug!(client = %address, %error, "NITRO: a connection broke");
        }
    }
}

fn open(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let opened = bind(address).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    opened.map_err(|source| StartError::NitroListen { address, source })
}

fn tls(
    config: &NitroConfig,
    state_dir: &Path,
    instance: &Arc<Instance>,
    address: SocketAddr,
) -> Result<ServerConfig, StartError> {
    let certkey = config
        .certificate
        .clone()
        .unwrap_or_else(|| USUAL.to_owned());
    if instance.control.config().certkey(&certkey).is_none() {
        return Err(StartError::Nitro(format!("there is no certkey {certkey}")));
    }
    let now = instance.clock.now();
    let own = own(state_dir, &instance.name, address.ip(), now)?;
    let certificate = ManagementCertificate::new(instance.control.clone(), certkey, own);
    let mut tls = ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Nitro(error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}
