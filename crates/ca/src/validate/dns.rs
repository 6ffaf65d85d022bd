//! A small DNS client: one question, UDP first, TCP when truncated, CNAMEs followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::problem::{Kind, Problem};

/// How long one server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the list of servers is gone through.
const ROUNDS: usize = 2;
/// Longest chain of CNAMEs.
const MAX_CNAMES: usize = 10;

/// Asks name servers, in order.
#[derive(Debug)]
pub(super) struct DnsClient {
    servers: Vec<SocketAddr>,
}

impl DnsClient {
    pub(super) const fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// The name servers of `/etc/resolv.conf`; 127.0.0.1 when it names none.
    pub(super) fn system() -> std::io::Result<Self> {
        let text = match std::fs::read_to_string("/etc/resolv.conf") {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        Ok(Self::new(parse_resolv_conf(&text)))
    }

    /// The TXT values of a name, the strings of each joined (RFC 8555 §8.4).
    pub(super) async fn txt(&self, name: &str) -> Result<Vec<String>, Problem> {
        let records = self.lookup(name, RecordType::TXT).await?;
        Ok(records
            .into_iter()
            .filter_map(|data| match data {
                RData::TXT(txt) => {
                    Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned())
                }
                _ => None,
            })
            .collect())
    }

    pub(super) async fn a(&self, name: &str) -> Result<Vec<IpAddr>, Problem> {
        let records = self.lookup(name, RecordType::A).await?;
        Ok(records
            .into_iter()
            .filter_map(|data| data.ip_addr())
            .collect())
    }

    pub(super) async fn aaaa(&self, name: &str) -> Result<Vec<IpAddr>, Problem> {
        let records = self.lookup(name, RecordType::AAAA).await?;
        Ok(records
            .into_iter()
            .filter_map(|data| data.ip_addr())
            .collect())
    }

    async fn lookup(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, Problem> {
        let problem = |why: String| {
            Problem::new(
                Kind::Dns,
                format!("looking up {kind} of {name} failed: {why}"),
            )
        };
        let mut target =
            Name::from_ascii(format!("{name}.")).map_err(|error| problem(error.to_string()))?;
        for _ in 0..MAX_CNAMES {
            let answer = self.ask(&target, kind).await.map_err(problem)?;
            let (end, found, aliased) = follow(&answer, &target, kind);
            if !found.is_empty() {
                return Ok(found);
            }
            match answer.metadata.response_code {
                ResponseCode::NoError if !aliased => return Ok(Vec::new()),
                ResponseCode::NoError => target = end,
                ResponseCode::NXDomain => {
                    let gone = end.to_ascii();
                    let gone = gone.trim_end_matches('.');
                    return Err(problem(format!("{gone} does not exist (NXDOMAIN)")));
                }
                other => return Err(problem(format!("the name server answered {other}"))),
            }
        }
        Err(problem(format!("more than {MAX_CNAMES} CNAMEs in a row")))
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Message, String> {
        let mut last = "there is no name server to ask".to_owned();
        for server in self
            .servers
            .iter()
            .cycle()
            .take(self.servers.len() * ROUNDS)
        {
            let mut query = Message::query();
            query.metadata.recursion_desired = true;
            query.add_query(Query::query(name.clone(), kind));
            match tokio::time::timeout(PATIENCE, exchange(*server, &query)).await {
                Ok(Ok(answer)) if is_final(&answer) => return Ok(answer),
                Ok(Ok(answer)) => {
                    last = format!("{server} answered {}", answer.metadata.response_code);
                }
                Ok(Err(error)) => last = format!("{server}: {error}"),
                Err(_) => last = format!("{server} did not answer within {PATIENCE:?}"),
            }
        }
        Err(last)
    }
}

/// Whether asking again, or another server, could not help.
fn is_final(answer: &Message) -> bool {
    matches!(
        answer.metadata.response_code,
        ResponseCode::NoError | ResponseCode::NXDomain
    )
}

/// Walks the CNAMEs within one answer: where they end, the records there, whether there were any.
fn follow(answer: &Message, start: &Name, kind: RecordType) -> (Name, Vec<RData>, bool) {
    let (mut name, mut aliased) = (start.clone(), false);
    for _ in 0..MAX_CNAMES {
        let here = || answer.answers.iter().filter(|record| record.name == name);
        let found: Vec<RData> = here()
            .filter(|record| record.record_type() == kind)
            .map(|record| record.data.clone())
            .collect();
        if !found.is_empty() {
            return (name, found, aliased);
        }
        let next = here().find_map(|record| match &record.data {
            RData::CNAME(target) => Some(target.0.clone()),
            _ => None,
        });
        match next {
            Some(target) => (name, aliased) = (target, true),
            None => break,
        }
    }
    (name, Vec::new(), aliased)
}

async fn exchange(server: SocketAddr, query: &Message) -> std::io::Result<Message> {
    let bytes = query.to_vec().map_err(std::io::Error::other)?;
    let local: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((local, 0)).await?;
    socket.connect(server).await?;
    socket.send(&bytes).await?;
    let mut buffer = vec![0u8; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Anybody can send a datagram: what does not answer the question is passed over.
        match Message::from_vec(&buffer[..length]) {
            Ok(answer) if !answers(query, &answer) => {}
            Ok(answer) if answer.metadata.truncation => {
                return exchange_tcp(server, query, &bytes).await;
            }
            Ok(answer) => return Ok(answer),
            Err(_) => {}
        }
    }
}

async fn exchange_tcp(
    server: SocketAddr,
    query: &Message,
    bytes: &[u8],
) -> std::io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(bytes);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0u8; length.into()];
    stream.read_exact(&mut answer).await?;
    let answer = Message::from_vec(&answer).map_err(std::io::Error::other)?;
    if answers(query, &answer) {
        Ok(answer)
    } else {
        Err(std::io::Error::other("the answer is to another question"))
    }
}

fn answers(query: &Message, answer: &Message) -> bool {
    answer.metadata.id == query.metadata.id && answer.queries == query.queries
}

fn parse_resolv_conf(text: &str) -> Vec<SocketAddr> {
    let mut servers: Vec<SocketAddr> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.split_whitespace().next()?.parse::<IpAddr>().ok())
        .map(|ip| SocketAddr::new(ip, 53))
        .collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
    }
    servers.truncate(3);
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_the_system_reads_them() {
        let text = "# comment\nsearch x\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 # b\n";

        let servers = parse_resolv_conf(text);

        assert_eq!(
            servers,
            [
                "192.0.2.1:53".parse().unwrap(),
                "[2001:db8::1]:53".parse().unwrap()
            ]
        );
        assert_eq!(parse_resolv_conf(""), ["127.0.0.1:53".parse().unwrap()]);
    }

    proptest::proptest! {
        #[test]
        fn no_resolv_conf_leaves_without_a_server(text in "(nameserver|#|[ \t0-9.:a-f]|\n){0,60}") {
            let servers = parse_resolv_conf(&text);
            proptest::prop_assert!((1..=3).contains(&servers.len()));
        }
    }
}
