//! The server's sockets: datagrams with a limit, streams with length prefixes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::server::Shared;

/// Datagrams longer than this are cut unless the asker offers more (RFC 1035 §4.2.1).
const DATAGRAM: usize = 512;
const IDLE: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 128;
/// How often a port that is free for UDP is tried for TCP.
const BIND_TRIES: usize = 20;

/// Both sockets on one port.
pub(super) struct Sockets {
    pub(super) addr: SocketAddr,
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpListener,
}

pub(super) async fn bind(listen: SocketAddr) -> io::Result<Sockets> {
    let mut tries = if listen.port() == 0 { BIND_TRIES } else { 1 };
    loop {
        let udp = UdpSocket::bind(listen).await?;
        let addr = udp.local_addr()?;
        match TcpListener::bind(addr).await {
            Ok(tcp) => return Ok(Sockets { addr, udp, tcp }),
            Err(error) if tries <= 1 => return Err(error),
            Err(_) => tries -= 1,
        }
    }
}

pub(super) async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // An earlier reply's ICMP error, for instance.
            Err(error) => {
                tracing::debug!(%error, "receiving a DNS datagram");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let request = &buffer[..length];
        let Some(reply) = shared.reply(request) else {
            continue;
        };
        let reply = fit(request, reply);
        if let Err(error) = socket.send_to(&reply, peer).await {
            tracing::debug!(%error, dns.peer = %peer, "sending a DNS datagram");
        }
    }
}

/// Cuts a reply that is too long for the asker down to header and question, marked truncated.
fn fit(request: &[u8], reply: Vec<u8>) -> Vec<u8> {
    let offered = Message::from_vec(request).ok();
    let limit = offered.map_or(DATAGRAM, |request| usize::from(request.max_payload()));
    if reply.len() <= limit.max(DATAGRAM) {
        return reply;
    }
    let cut = Message::from_vec(&reply).map(|reply| reply.truncate().to_vec());
    match cut {
        Ok(Ok(cut)) => cut,
        _ => reply,
    }
}

pub(super) async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let _permit = permit;
                    if let Err(error) = converse(stream, &shared).await {
                        tracing::debug!(%error, "a DNS connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a DNS connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Answers messages on a connection until the peer closes it or is idle for 10 s.
async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    loop {
        let Ok(read) = timeout(IDLE, read_message(&mut stream)).await else {
            return Ok(());
        };
        let Some(request) = read? else {
            return Ok(());
        };
        let Some(reply) = shared.reply(&request) else {
            return Ok(());
        };
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(&reply);
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
