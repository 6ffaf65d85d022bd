//! The sockets of DNS services, opened and closed as the configuration changes.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{come_by_tcp, reply};
use super::limit::{Admission, Limiter};
use super::{Counts, Dns, Records, Server, Service, Transport};
use crate::error::StartError;

const IDLE: Duration = Duration::from_secs(10);
/// Connections of one service at a time.
const CONNECTIONS: usize = 128;
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// All sockets of DNS services.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) server: Arc<Server>,
    open: Mutex<Vec<Open>>,
    tasks: TaskTracker,
    /// All end.
    stop: CancellationToken,
}

#[derive(Clone, Debug)]
struct Open {
    service: Service,
    /// With the port the system chose for port 0.
    address: SocketAddr,
    stop: CancellationToken,
    closed: CancellationToken,
}

/// Sockets opened for a change that is not in effect yet; dropping it closes them again.
#[derive(Debug)]
pub(crate) struct Prepared {
    records: Arc<Records>,
    kept: Vec<Open>,
    opened: Vec<(Service, Socket)>,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Tcp(TcpListener),
}

impl Sockets {
    /// None open yet; they are served until `stop`, and `tasks` tells when they ended.
    pub(crate) fn new(tasks: TaskTracker, stop: CancellationToken, counts: Arc<Counts>) -> Self {
        let server = Server {
            counts,
            ..Server::default()
        };
        Self {
            server: Arc::new(server),
            open: Mutex::default(),
            tasks,
            stop,
        }
    }

    /// Where each service listens, by its name.
    pub(crate) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let open = self.open();
        open.iter()
            .map(|open| (open.service.name.clone(), open.address))
            .collect()
    }

    /// Opens the sockets that are wanted and not open yet. Called in the runtime they live in.
    ///
    /// # Errors
    /// When an address cannot be listened on; everything is as before then.
    pub(crate) fn prepare(&self, dns: &Dns) -> Result<Prepared, StartError> {
        let open = self.open();
        let mut prepared = Prepared {
            records: dns.records.clone(),
            kept: Vec::new(),
            opened: Vec::new(),
        };
        for service in &dns.services {
            match open.iter().find(|open| open.service == *service) {
                Some(open) => prepared.kept.push(open.clone()),
                None => {
                    let socket = Socket::open(service).map_err(|source| StartError::Listen {
                        vserver: service.name.clone(),
                        address: service.address,
                        source,
                    })?;
                    prepared.opened.push((service.clone(), socket));
                }
            }
        }
        Ok(prepared)
    }

    /// Puts a change in effect; sockets nobody wants any more are closed when it returns.
    pub(crate) async fn commit(&self, prepared: Prepared, runtime: &Handle) {
        self.server.records.store(prepared.records);
        let mut now = prepared.kept;
        for (service, socket) in prepared.opened {
            now.extend(self.serve(service, socket, runtime));
        }
        let before = std::mem::replace(&mut *self.open(), now.clone());
        for open in before {
            if !now.iter().any(|now| now.stop == open.stop) {
                open.stop.cancel();
                open.closed.cancelled().await;
            }
        }
    }

    fn serve(&self, service: Service, socket: Socket, runtime: &Handle) -> Option<Open> {
        let address = socket.address().ok()?;
        let (stop, closed) = (self.stop.child_token(), CancellationToken::new());
        tracing::info!(service.name = %service.name, %address, "answering DNS");
        let server = self.server.clone();
        let ended = closed.clone().drop_guard();
        let until = stop.clone();
        let tasks = self.tasks.clone();
        let serving = async move {
            match socket {
                Socket::Udp(socket) => tokio::select! {
                    () = datagrams(&socket, &server) => {}
                    () = until.cancelled() => {}
                },
                Socket::Tcp(listener) => tokio::select! {
                    () = connections(&listener, &server, &tasks, &until) => {}
                    () = until.cancelled() => {}
                },
            }
            drop(ended);
        };
        self.tasks.spawn_on(serving, runtime);
        Some(Open {
            service,
            address,
            stop,
            closed,
        })
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    fn open(service: &Service) -> io::Result<Self> {
        match service.transport {
            Transport::Udp => {
                let socket = std::net::UdpSocket::bind(service.address)?;
                socket.set_nonblocking(true)?;
                UdpSocket::from_std(socket).map(Self::Udp)
            }
            Transport::Tcp => crate::traffic::listener::bind(service.address).map(Self::Tcp),
        }
    }

    fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(listener) => listener.local_addr(),
        }
    }
}

async fn datagrams(socket: &UdpSocket, server: &Server) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let mut limiter = Limiter::new();
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // An earlier answer's ICMP error, for instance.
            Err(error) => {
                tracing::debug!(%error, "receiving a DNS datagram");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let request = buffer.get(..length).unwrap_or_default();
        let answer = match limiter.admit(peer) {
            Admission::Answer => reply(server, request, Transport::Udp),
            Admission::ComeByTcp => {
                server.counts.limited.inc();
                come_by_tcp(request)
            }
            Admission::Ignore => {
                server.counts.limited.inc();
                None
            }
        };
        let Some(answer) = answer else {
            continue;
        };
        if let Err(error) = socket.send_to(&answer, peer).await {
            tracing::debug!(%error, dns.peer = %peer, "sending a DNS datagram");
        }
    }
}

async fn connections(
    listener: &TcpListener,
    server: &Arc<Server>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (server, stop) = (server.clone(), stop.clone());
                tasks.spawn(async move {
                    let _permit = permit;
                    let outcome = tokio::select! {
                        outcome = converse(stream, &server) => outcome,
                        () = stop.cancelled() => Ok(()),
                    };
                    if let Err(error) = outcome {
                        tracing::debug!(%error, "a DNS connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting DNS connections rests");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// Answers questions on a connection until the peer closes it or is idle (RFC 7766).
async fn converse(mut stream: TcpStream, server: &Server) -> io::Result<()> {
    loop {
        let Ok(read) = timeout(IDLE, read_message(&mut stream)).await else {
            return Ok(());
        };
        let Some(request) = read? else {
            return Ok(());
        };
        let Some(reply) = reply(server, &request, Transport::Tcp) else {
            return Ok(());
        };
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &reply].concat();
        timeout(IDLE, stream.write_all(&framed)).await??;
    }
}

/// The next message, or `None` at the end of the stream.
async fn read_message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}
