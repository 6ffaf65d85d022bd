//! A name server whose answers a double finds, over UDP and TCP.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::{Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// Longest datagram for who offers no more (RFC 1035 §4.2.1).
const DATAGRAM: usize = 512;
/// What is offered by EDNS.
const PAYLOAD: u16 = 1232;

/// What a double knows about a name.
#[derive(Clone, Debug)]
pub struct Found {
    /// NOERROR, NXDOMAIN, …
    pub code: ResponseCode,
    /// The records asked for, or the alias.
    pub answers: Vec<Record>,
    /// The zone's SOA record, where there is no answer.
    pub soa: Option<Record>,
}

/// Where a [`NameServer`] looks.
pub trait Source: Send + Sync + 'static {
    /// What is at the name (lower case, no final dot); `None` when it cannot be known now (SERVFAIL).
    fn find(&self, name: &str, kind: RecordType) -> impl Future<Output = Option<Found>> + Send;
}

/// A running name server; dropping it stops it.
#[derive(Debug)]
pub struct NameServer {
    addr: SocketAddr,
    _tasks: JoinSet<()>,
}

impl NameServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free for UDP and TCP.
    pub async fn start(source: Arc<impl Source>) -> io::Result<Self> {
        let (udp, tcp) = bind().await?;
        let addr = udp.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(Arc::new(udp), Arc::clone(&source)));
        tasks.spawn(serve_tcp(tcp, source));
        Ok(Self {
            addr,
            _tasks: tasks,
        })
    }

    /// Where it answers, UDP and TCP.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

async fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = io::Error::other("no port was tried");
    for _ in 0..20 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn serve_udp(socket: Arc<UdpSocket>, source: Arc<impl Source>) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let mut asked = JoinSet::new();
    loop {
        while asked.try_join_next().is_some() {}
        // An error is the ICMP answer to an earlier reply.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let (octets, source) = (buffer[..length].to_vec(), Arc::clone(&source));
        let socket = Arc::clone(&socket);
        asked.spawn(async move {
            if let Some((reply, limit)) = reply(&octets, &*source).await
                && let Some(octets) = fit(&reply, limit)
            {
                drop(socket.send_to(&octets, peer).await);
            }
        });
    }
}

/// The reply, or its beginning marked as truncated when it is longer than the asker takes.
fn fit(reply: &Message, limit: usize) -> Option<Vec<u8>> {
    let octets = reply.to_vec().ok()?;
    if octets.len() <= limit {
        return Some(octets);
    }
    reply.truncate().to_vec().ok()
}

async fn serve_tcp(listener: TcpListener, source: Arc<impl Source>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let source = Arc::clone(&source);
        connections.spawn(async move { drop(converse(stream, &*source).await) });
    }
}

/// Answers until the asker closes the connection.
async fn converse(mut stream: TcpStream, source: &impl Source) -> io::Result<()> {
    loop {
        let mut octets = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut octets).await?;
        let reply = reply(&octets, source).await;
        let reply = reply.and_then(|(reply, _)| reply.to_vec().ok());
        let reply = reply.ok_or(io::ErrorKind::InvalidData)?;
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        stream.write_u16(length).await?;
        stream.write_all(&reply).await?;
    }
}

/// The reply to a question, with the length that the asker takes in a datagram.
async fn reply(octets: &[u8], source: &impl Source) -> Option<(Message, usize)> {
    let request = Message::from_vec(octets).ok()?;
    if request.message_type == MessageType::Response {
        return None;
    }
    let mut reply = Message::new(request.id, MessageType::Response, request.op_code);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    reply.add_queries(request.queries.iter().cloned());
    match (request.op_code, request.queries.as_slice()) {
        (OpCode::Query, [query]) => {
            let name = query.name().to_ascii().to_ascii_lowercase();
            let found = source.find(name.trim_end_matches('.'), query.query_type());
            fill(&mut reply, found.await);
        }
        _ => reply.metadata.response_code = ResponseCode::NotImp,
    }
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD);
        reply.set_edns(edns);
    }
    Some((reply, usize::from(request.max_payload()).max(DATAGRAM)))
}

fn fill(reply: &mut Message, found: Option<Found>) {
    let Some(found) = found else {
        reply.metadata.response_code = ResponseCode::ServFail;
        return;
    };
    reply.metadata.response_code = found.code;
    reply.metadata.authoritative = found.code != ResponseCode::Refused;
    reply.add_answers(found.answers);
    reply.add_authorities(found.soa);
}
