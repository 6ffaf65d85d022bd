//! Vservers: their sockets, and what is done with each connection.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::accept::{Protocol, accept};
use super::admission::Scheme;
use super::backend::{Asker, Offer};
use super::client_identity::ClientIdentity;
use super::framing::Framing;
use super::http::{HttpConnection, answer};
use super::lb::{Balancer, HttpsRedirect};
use super::relay::relay;
use super::stream::{Activity, ClientStream, ResetSwitch, Resettable};
use crate::error::Causes;
use crate::icap::Inspection;
use crate::metrics::VserverMetrics;
use crate::policy::request::{Ends, TlsEnd};
use crate::tls::profile::VserverTls;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long accepting rests when the process has no file descriptors left.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// A virtual server.
#[derive(Debug)]
pub(crate) struct Vserver {
    pub(crate) name: Arc<str>,
    pub(crate) kind: VserverKind,
    /// `disable lb vserver` also keeps content switching away from it.
    pub(crate) enabled: bool,
    pub(crate) balancer: Balancer,
    pub(crate) metrics: VserverMetrics,
    /// `-cltTimeout`.
    pub(crate) client_idle: Duration,
    /// Sent with every answer, where the SSL profile has HSTS on (RFC 6797).
    pub(crate) strict_transport_security: Option<HeaderValue>,
    /// The vserver that takes over when none of its services is up.
    pub(crate) backup: Option<String>,
    /// Where clients are sent when nothing takes over.
    pub(crate) redirect_url: Option<String>,
    /// Every request is sent elsewhere: this is the clear port of a TLS vserver.
    pub(crate) https_redirect: Option<HttpsRedirect>,
    /// Redirects of services to http are turned to https.
    pub(crate) ssl_redirect: bool,
    /// What is shown to ICAP servers.
    pub(crate) inspection: Option<Arc<Inspection>>,
}

/// A vserver as clients find it: its settings change, it stays.
#[derive(Debug)]
pub(crate) struct LiveVserver {
    pub(crate) name: Arc<str>,
    settings: ArcSwap<Vserver>,
    /// Its connections finish what they do: it is removed, or the instance ends.
    pub(crate) drain: CancellationToken,
}

impl LiveVserver {
    /// With its first settings.
    pub(crate) fn new(settings: Arc<Vserver>, shared: &Shared) -> Self {
        Self {
            name: settings.name.clone(),
            settings: ArcSwap::new(settings),
            drain: shared.drain.child_token(),
        }
    }

    /// The settings now. A connection takes them once for its handshake, and once for each request.
    pub(crate) fn now(&self) -> Arc<Vserver> {
        self.settings.load_full()
    }

    /// Other settings from now on.
    pub(crate) fn change(&self, settings: Arc<Vserver>) {
        self.settings.store(settings);
    }
}

/// What it speaks to clients.
#[derive(Debug)]
pub(crate) enum VserverKind {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Ssl(Arc<VserverTls>),
    /// Bytes over TLS.
    SslTcp(Arc<VserverTls>),
}

impl Vserver {
    /// Its type, in NetScaler's word.
    pub(crate) const fn kind_name(&self) -> &'static str {
        match self.kind {
            VserverKind::Http => "HTTP",
            VserverKind::Ssl(_) => "SSL",
            VserverKind::SslTcp(_) => "SSL_TCP",
        }
    }

    /// Its TLS, where it has any.
    pub(crate) const fn tls(&self) -> Option<&Arc<VserverTls>> {
        match &self.kind {
            VserverKind::Http => None,
            VserverKind::Ssl(tls) | VserverKind::SslTcp(tls) => Some(tls),
        }
    }
}

/// Opens a vserver's socket.
///
/// # Errors
/// When the address cannot be bound.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections for the vserver that owns the socket, until it is told to stop, or the instance drains; the
/// socket is closed then.
pub(crate) async fn serve(
    owner: Arc<ArcSwap<LiveVserver>>,
    listener: TcpListener,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
            () = shared.drain.cancelled() => return,
        };
        let live = owner.load_full();
        match accepted {
            Ok((tcp, client)) => {
                let connection = connection(live.clone(), shared.clone(), tcp, client);
                shared.connections.spawn(connection);
            }
            Err(error) if is_about_one_client(&error) => {}
            Err(error) => {
                tracing::warn!(vserver.name = %live.name, %error, "accepting rests");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

fn is_about_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

async fn connection(
    live: Arc<LiveVserver>,
    shared: Arc<Shared>,
    tcp: TcpStream,
    client: SocketAddr,
) {
    let vserver = live.now();
    vserver.metrics.connections.inc();
    let cut = shared.cut.clone();
    tokio::select! {
        () = converse(&live, &vserver, &shared, tcp, client) => {}
        () = cut.cancelled() => {}
    }
    vserver.metrics.connections.dec();
}

async fn converse(
    live: &Arc<LiveVserver>,
    vserver: &Arc<Vserver>,
    shared: &Arc<Shared>,
    tcp: TcpStream,
    client: SocketAddr,
) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "a client is gone already");
        return;
    }
    let Ok(server) = tcp.local_addr() else {
        return;
    };
    let mut http = Conversation {
        live,
        vserver,
        shared,
        ends: Ends {
            client,
            server,
            tls: None,
        },
    };
    let Some(tls) = vserver.tls() else {
        return http.http1(tcp, Scheme::Http, Peer::default()).await;
    };
    let accepted = match accept(tls, shared, &vserver.metrics, tcp).await {
        Ok(accepted) => accepted,
        Err(error) => {
            let (vserver, error) = (&vserver.name, Causes(&error));
            tracing::debug!(vserver.name = %vserver, client = %client, %error, "no handshake");
            return;
        }
    };
    http.ends.tls = Some(TlsEnd::of(accepted.stream.get_ref().1));
    let peer = Peer {
        sni: accepted.sni,
        asks_clients: tls.asks_clients(),
        identity: accepted.identity,
    };
    match (&vserver.kind, accepted.protocol) {
        (VserverKind::SslTcp(_), _) => http.raw(accepted.stream, &peer).await,
        (_, Protocol::Http2) => http.http2(accepted.stream, peer).await,
        (_, Protocol::Http1) => http.http1(accepted.stream, Scheme::Https, peer).await,
    }
}

/// What a handshake told of the client; nothing without TLS.
#[derive(Debug, Default)]
struct Peer {
    sni: Option<Box<str>>,
    asks_clients: bool,
    identity: ClientIdentity,
}

/// One client's connection after its handshake.
struct Conversation<'a> {
    live: &'a Arc<LiveVserver>,
    vserver: &'a Arc<Vserver>,
    shared: &'a Arc<Shared>,
    ends: Ends,
}

impl Conversation<'_> {
    async fn http1<S>(&self, stream: S, scheme: Scheme, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Resettable + Send + Unpin + 'static,
    {
        let limits = &self.shared.limits;
        let connection = self.connection(scheme, peer);
        let framing = Framing::new(limits.header_bytes, limits.headers);
        let stream = ClientStream::new(stream, limits.body_idle, connection.reset.clone())
            .with_framing(framing, connection.wire.clone());
        let service = service_fn(|request| answer(connection.clone(), request));
        let serving = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.vserver.client_idle)
            .max_headers(limits.headers)
            .max_buf_size(limits.header_bytes.max(8192))
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut serving = pin!(serving);
        let outcome = tokio::select! {
            outcome = &mut serving => outcome,
            () = self.live.drain.cancelled() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        self.log(outcome);
    }

    async fn http2<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Resettable + Send + Unpin + 'static,
    {
        let limits = &self.shared.limits;
        let connection = self.connection(Scheme::Https, peer);
        let stream = ClientStream::new(stream, limits.body_idle, connection.reset.clone());
        let service = service_fn(|request| answer(connection.clone(), request));
        let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.http2_streams)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .enable_connect_protocol()
            .serve_connection(TokioIo::new(stream), service);
        let mut serving = pin!(serving);
        let outcome = tokio::select! {
            outcome = &mut serving => outcome,
            () = self.live.drain.cancelled() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
            () = connection.idle() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
            () = connection.reset.turned() => return,
        };
        self.log(outcome);
    }

    /// `SSL_TCP`: bytes both ways.
    async fn raw<S>(&self, stream: S, peer: &Peer)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let Ok(identity) = peer.identity.now(self.vserver).await else {
            return;
        };
        let asker = Asker {
            identity,
            vserver: self.vserver.name.clone(),
            client: self.ends.client.ip(),
            protocol: Offer::Http1,
        };
        let mut tried = Vec::new();
        let routes = self.shared.routes.load_full();
        let default = routes.policies.default_target(&self.vserver.name);
        let default = default.and_then(|name| routes.target(name));
        let vserver = default.as_ref().unwrap_or(self.vserver);
        let question = (vserver.balancer).question_of(self.ends.client, self.ends.server);
        while let Some(service) = vserver.balancer.pick(&question, &tried) {
            let _active = super::pool::Active::new(service.clone());
            let Ok(backend) = service.connect(&asker).await else {
                tried.push(service);
                continue;
            };
            if let Err(error) = relay(stream, backend, self.vserver.client_idle).await {
                let vserver = &self.vserver.name;
                tracing::debug!(vserver.name = %vserver, %error, "raw connection ended");
            }
            return;
        }
    }

    fn connection(&self, scheme: Scheme, peer: Peer) -> Arc<HttpConnection> {
        Arc::new(HttpConnection {
            live: self.live.clone(),
            vserver: self.vserver.clone(),
            shared: self.shared.clone(),
            client: self.ends.client,
            ends: self.ends.clone(),
            reset: ResetSwitch::default(),
            scheme,
            sni: peer.sni,
            asks_clients: peer.asks_clients,
            identity: peer.identity,
            wire: Arc::default(),
            requests: 0.into(),
            active: 0.into(),
            activity: Activity::new(),
        })
    }

    fn log(&self, outcome: hyper::Result<()>) {
        if let Err(error) = outcome {
            let (vserver, error) = (&self.vserver.name, Causes(&error));
            tracing::debug!(vserver.name = %vserver, client = %self.ends.client, %error, "connection ended");
        }
    }
}
