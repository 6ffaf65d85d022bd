//! A DNS server that takes signed updates, and somebody in front of it who lets messages go wrong.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use evercert_dns::server::{AuthServer, RecordData, ServerConfig, UpdatePolicy, ZoneConfig};
use evercert_dns::{Settings, TsigAlgorithm, TsigKey};
use evercert_types::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::Instant;

use super::{Pair, Stage, Trouble, packet};

const KEY: &str = "anna";
const SECRET: &str = "b3duIHNlcnZlcidzIHNlY3JldA==";
const OCTETS: &[u8] = b"own server's secret";
const WRONG: &str = "d3Jvbmctc2VjcmV0";

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It gets lost.
    Lost,
    /// It is answered with this response code.
    Refused(u8),
    /// Its answer is cut within a name.
    Cut,
    /// Somebody else answers it, without a signature.
    Forged,
    /// It is carried out, and the connection is reset (TCP RST) before the answer.
    Reset,
    /// It is carried out, and the answer gets lost.
    Unanswered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Next,
    NextChange,
    /// The one after so many others.
    After(usize),
}

#[derive(Default)]
struct Seen {
    at: Vec<Instant>,
    changes: usize,
    complaints: Vec<String>,
    fates: Vec<(Which, Fate)>,
    /// Connections are wanted from the start.
    tcp: bool,
    /// Signatures need not be right.
    forgiving: bool,
}

pub(crate) struct Dns {
    server: AuthServer,
    addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Dns {
    pub(crate) async fn new(zones: &[&str]) -> Self {
        let zones = zones.iter().map(|zone| ZoneConfig::new(zone));
        Self::with_zones(zones.collect()).await
    }

    pub(crate) async fn with_zones(zones: Vec<ZoneConfig>) -> Self {
        let secret = Secret::new(SECRET.to_owned());
        let key = TsigKey::new(KEY, TsigAlgorithm::HmacSha256, &secret).unwrap();
        let config = ServerConfig {
            zones,
            updates: UpdatePolicy::Signed(vec![key]),
            ..ServerConfig::default()
        };
        let server = AuthServer::start(config).await.unwrap();
        let (udp, tcp) = sockets().await;
        let addr = udp.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let behind = server.local_addr();
        let tasks = [
            tokio::spawn(pass_datagrams(udp, behind, seen.clone())),
            tokio::spawn(pass_connections(tcp, behind, seen.clone())),
        ];
        Self {
            server,
            addr,
            seen,
            tasks,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    pub(crate) fn fate(&self, which: Which, fate: Fate) {
        let mut seen = self.seen();
        let which = match which {
            Which::After(others) => Which::After(seen.at.len() + others),
            which => which,
        };
        seen.fates.push((which, fate));
    }

    pub(crate) fn settings_with(&self, key: &str) -> Settings {
        let transport = if self.seen().tcp { "tcp" } else { "udp" };
        let pairs = [
            ("server", self.addr.to_string()),
            ("key", key.to_owned()),
            ("timeout", "1s".to_owned()),
            ("transport", transport.to_owned()),
        ];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.into()));
        pairs.into_iter().collect()
    }

    /// A key that the server does not accept is no reason to complain.
    pub(crate) fn forgive(&self) {
        self.seen().forgiving = true;
    }
}

/// Both at one port.
async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

/// Notes a message, and decides what becomes of it.
fn decide(seen: &mut Seen, message: &[u8]) -> Option<Fate> {
    let number = seen.at.len();
    let is_change = packet::is_update(message);
    seen.at.push(Instant::now());
    seen.changes += usize::from(is_change);
    if is_change {
        seen.complaints.extend(packet::strange_changes(message));
    }
    if !seen.forgiving && !packet::is_signed(message, KEY, OCTETS) {
        seen.complaints
            .push("a message without a right signature".to_owned());
    }
    let fits = |which: &Which| match which {
        Which::Next => true,
        Which::NextChange => is_change,
        Which::After(others) => number == *others,
    };
    let at = seen.fates.iter().position(|(which, _)| fits(which));
    at.map(|at| seen.fates.remove(at).1)
}

async fn pass_datagrams(front: UdpSocket, behind: SocketAddr, seen: Arc<Mutex<Seen>>) {
    let front = Arc::new(front);
    let mut buffer = vec![0; 65_535];
    while let Ok((length, peer)) = front.recv_from(&mut buffer).await {
        let message = buffer[..length].to_vec();
        let fate = decide(&mut seen.lock().unwrap(), &message);
        let front = front.clone();
        tokio::spawn(async move {
            if let Some(reply) = reply(fate, &message, behind).await {
                front.send_to(&reply, peer).await.unwrap();
            }
        });
    }
}

async fn reply(fate: Option<Fate>, message: &[u8], behind: SocketAddr) -> Option<Vec<u8>> {
    match fate {
        Some(Fate::Lost) => None,
        Some(Fate::Refused(rcode)) => Some(packet::header(message, rcode)),
        Some(Fate::Cut) => Some(packet::cut(message)),
        Some(Fate::Forged) => Some(packet::header(message, 0)),
        Some(Fate::Unanswered | Fate::Reset) => {
            asked_behind(message, behind).await;
            None
        }
        None => Some(asked_behind(message, behind).await),
    }
}

async fn asked_behind(message: &[u8], behind: SocketAddr) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(behind).await.unwrap();
    socket.send(message).await.unwrap();
    let mut buffer = vec![0; 65_535];
    let length = socket.recv(&mut buffer).await.unwrap();
    buffer.truncate(length);
    buffer
}

async fn pass_connections(front: TcpListener, behind: SocketAddr, seen: Arc<Mutex<Seen>>) {
    while let Ok((stream, _)) = front.accept().await {
        let seen = seen.clone();
        tokio::spawn(async move {
            // A peer that goes away is no business of the double's.
            drop(converse(stream, behind, seen).await);
        });
    }
}

async fn converse(
    mut front: TcpStream,
    behind: SocketAddr,
    seen: Arc<Mutex<Seen>>,
) -> std::io::Result<()> {
    loop {
        let message = framed(&mut front).await?;
        let fate = decide(&mut seen.lock().unwrap(), &message);
        let octets = match fate {
            None | Some(Fate::Reset | Fate::Unanswered) => {
                let mut server = TcpStream::connect(behind).await?;
                send(&mut server, &message).await?;
                framed(&mut server).await?
            }
            Some(fate) => match reply(Some(fate), &message, behind).await {
                Some(octets) => octets,
                None => continue,
            },
        };
        match fate {
            Some(Fate::Reset) => {
                // Without lingering, the end of a connection is a reset.
                front.set_zero_linger()?;
                return Ok(());
            }
            Some(Fate::Unanswered) => return Ok(()),
            _ => send(&mut front, &octets).await?,
        }
    }
}

async fn framed(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn send(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(message.len()).unwrap();
    stream
        .write_all(&[&length.to_be_bytes(), message].concat())
        .await
}

impl Stage for Dns {
    fn settings(&self, _: &str) -> Settings {
        self.settings_with(&format!("hmac-sha256:{KEY}:{SECRET}"))
    }

    fn wrong_settings(&self, _: &str) -> Settings {
        self.forgive();
        self.settings_with(&format!("hmac-sha256:{KEY}:{WRONG}"))
    }

    fn records(&self) -> Vec<Pair> {
        let names = self.server.txt_names().into_iter();
        let mut pairs: Vec<Pair> = names
            .flat_map(|name| {
                let values = self.server.txt(&name).into_iter();
                values
                    .map(move |value| (name.clone(), value))
                    .collect::<Vec<_>>()
            })
            .collect();
        pairs.sort();
        pairs
    }

    fn plant(&self, fqdn: &str, value: &str) {
        let data = RecordData::Txt(value.to_owned());
        self.server.add(fqdn, &data).unwrap();
    }

    fn crowd(&self, fqdn: &str, values: &[String]) {
        for value in values {
            self.plant(fqdn, value);
        }
    }

    fn strike(&self, trouble: Trouble) {
        match trouble {
            Trouble::Busy => self.fate(Which::Next, Fate::Lost),
            Trouble::Failing => self.fate(Which::Next, Fate::Refused(packet::SERVFAIL)),
            Trouble::FailingChange(times) => {
                for _ in 0..times {
                    self.fate(Which::NextChange, Fate::Refused(packet::SERVFAIL));
                }
            }
            Trouble::Half(others) => self.fate(Which::After(others), Fate::Cut),
            Trouble::Page(others) => self.fate(Which::After(others), Fate::Forged),
            Trouble::Silence => {
                for _ in 0..4 {
                    self.fate(Which::Next, Fate::Lost);
                }
            }
            Trouble::Reset => {
                self.seen().tcp = true;
                self.fate(Which::NextChange, Fate::Reset);
            }
            Trouble::LostAnswer => self.fate(Which::NextChange, Fate::Unanswered),
            other => panic!("{other:?} cannot befall DNS"),
        }
    }

    fn calm(&self) -> bool {
        let mut seen = self.seen();
        let was_calm = seen.fates.is_empty();
        seen.fates.clear();
        was_calm
    }

    fn asked(&self) -> usize {
        self.seen().at.len()
    }

    fn changes(&self) -> usize {
        self.seen().changes
    }

    fn pause(&self) -> Option<Duration> {
        match self.seen().at.as_slice() {
            [first, second, ..] => Some(*second - *first),
            _ => None,
        }
    }

    fn complaints(&self) -> Vec<String> {
        self.seen().complaints.clone()
    }
}
