//! A minimal DNS server for validation: TXT and CNAME from a map or a directory of files, one
//! address for every other name. UDP and TCP on one port.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

/// A running server; stops when dropped.
pub(crate) struct TestDns {
    pub(crate) addr: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Zone {
    txt: HashMap<String, Vec<String>>,
    cname: HashMap<String, String>,
    missing: HashSet<String>,
    /// Names whose answers over UDP are truncated.
    large: HashSet<String>,
    /// Names that were asked for, with their type.
    asked: Vec<(String, RecordType)>,
    /// Files here are TXT values, named after the record.
    directory: Option<PathBuf>,
}

impl TestDns {
    pub(crate) async fn start() -> Self {
        let (udp, tcp) = bind_both().await;
        let addr = udp.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, zone.clone()));
        tasks.spawn(serve_tcp(tcp, zone.clone()));
        Self {
            addr,
            zone,
            _tasks: tasks,
        }
    }

    pub(crate) fn add_txt(&self, name: &str, value: &str) {
        let mut zone = self.zone.lock().unwrap();
        zone.txt
            .entry(name.to_owned())
            .or_default()
            .push(value.to_owned());
    }

    pub(crate) fn add_cname(&self, name: &str, target: &str) {
        let mut zone = self.zone.lock().unwrap();
        zone.cname.insert(name.to_owned(), target.to_owned());
    }

    pub(crate) fn make_missing(&self, name: &str) {
        self.zone.lock().unwrap().missing.insert(name.to_owned());
    }

    pub(crate) fn make_large(&self, name: &str) {
        self.zone.lock().unwrap().large.insert(name.to_owned());
    }

    pub(crate) fn read_files_of(&self, directory: PathBuf) {
        self.zone.lock().unwrap().directory = Some(directory);
    }

    pub(crate) fn asked(&self) -> Vec<(String, RecordType)> {
        self.zone.lock().unwrap().asked.clone()
    }
}

async fn bind_both() -> (UdpSocket, TcpListener) {
    for _ in 0..50 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

async fn serve_udp(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = vec![0u8; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let query = Message::from_vec(&buffer[..length]).unwrap();
        let mut answer = answer(&query, &zone);
        if is_large(&query, &zone) {
            answer = answer.truncate();
        }
        socket
            .send_to(&answer.to_vec().unwrap(), peer)
            .await
            .unwrap();
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Mutex<Zone>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let length = stream.read_u16().await.unwrap();
        let mut buffer = vec![0u8; length.into()];
        stream.read_exact(&mut buffer).await.unwrap();
        let answer = answer(&Message::from_vec(&buffer).unwrap(), &zone);
        let bytes = answer.to_vec().unwrap();
        let length = u16::try_from(bytes.len()).unwrap();
        stream.write_u16(length).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    }
}

fn is_large(query: &Message, zone: &Mutex<Zone>) -> bool {
    let name = plain(query.queries[0].name());
    zone.lock().unwrap().large.contains(&name)
}

fn answer(query: &Message, zone: &Mutex<Zone>) -> Message {
    let question = query.queries[0].clone();
    let mut zone = zone.lock().unwrap();
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.add_query(question.clone());
    let name = plain(question.name());
    zone.asked.push((name.clone(), question.query_type()));
    if zone.missing.contains(&name) {
        answer.metadata.response_code = ResponseCode::NXDomain;
        return answer;
    }
    if let Some(target) = zone.cname.get(&name) {
        // Only the alias, as an authoritative server answers for a target elsewhere.
        let data = RData::CNAME(CNAME(Name::from_ascii(format!("{target}.")).unwrap()));
        answer.add_answer(Record::from_rdata(question.name().clone(), 0, data));
        return answer;
    }
    let data: Vec<RData> = match question.query_type() {
        RecordType::A => vec![RData::A(A(Ipv4Addr::LOCALHOST))],
        RecordType::TXT => zone.texts(&name).into_iter().map(text).collect(),
        _ => Vec::new(),
    };
    for data in data {
        answer.add_answer(Record::from_rdata(question.name().clone(), 0, data));
    }
    answer
}

fn text(value: String) -> RData {
    RData::TXT(TXT::new(vec![value]))
}

impl Zone {
    fn texts(&self, name: &str) -> Vec<String> {
        let mut all = self.txt.get(name).cloned().unwrap_or_default();
        let file = self.directory.as_ref().map(|dir| dir.join(name));
        let written = file.and_then(|file| std::fs::read_to_string(file).ok());
        all.extend(written.iter().flat_map(|t| t.lines()).map(str::to_owned));
        all
    }
}

fn plain(name: &Name) -> String {
    name.to_lowercase()
        .to_ascii()
        .trim_end_matches('.')
        .to_owned()
}
