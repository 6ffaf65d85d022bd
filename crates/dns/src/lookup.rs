//! Asking one DNS server one question: UDP first, TCP when the answer was cut, with time limits.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use crate::name;
use crate::wire::Header;

/// Time limits of one question to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long one try may take.
    pub timeout: Duration,
    /// How often UDP is tried.
    pub tries: u32,
}

impl Default for Limits {
    /// Two tries of 5 s.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            tries: 2,
        }
    }
}

/// How messages travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP from the start.
    Tcp,
    /// UDP, and TCP when an answer was truncated.
    #[default]
    Udp,
}

/// A look-up in the DNS failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The text is no domain name.
    #[error("\"{0}\" is not a domain name")]
    BadName(String),
    /// CNAMEs lead in a circle, or on and on.
    #[error("following the CNAMEs of {0} does not come to an end")]
    CnameLoop(String),
    /// The server's answer cannot be understood.
    #[error("asking {server} for {question}: the answer is not a valid DNS message")]
    Malformed {
        /// Whom.
        server: SocketAddr,
        /// Name and type.
        question: String,
    },
    /// There is nobody to ask.
    #[error("no DNS server to ask is configured on this host")]
    NoServer,
    /// No zone's SOA record was found above the name.
    #[error("no DNS zone was found that holds {0}")]
    NoZone(String),
    /// The server answered with an error.
    #[error("asking {server} for {question}: it answered {rcode}")]
    Refused {
        /// Whom.
        server: SocketAddr,
        /// Name and type.
        question: String,
        /// Response code in words, such as `SERVFAIL`.
        rcode: String,
    },
    /// The system's list of DNS servers could not be read.
    #[error("reading /etc/resolv.conf")]
    SystemConfig(#[source] io::Error),
    /// No answer in time.
    #[error("asking {server} for {question}: no answer within {waited:?}")]
    Timeout {
        /// Whom.
        server: SocketAddr,
        /// Name and type.
        question: String,
        /// Altogether.
        waited: Duration,
    },
    /// The server was not reached.
    #[error("asking {server} for {question}")]
    Unreachable {
        /// Whom.
        server: SocketAddr,
        /// Name and type.
        question: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl LookupError {
    /// Whether a server answered that it failed (SERVFAIL): what it was asked about may be broken.
    pub fn is_server_failure(&self) -> bool {
        matches!(self, Self::Refused { rcode, .. } if rcode == "SERVFAIL")
    }

    /// Whether trying again may help.
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Malformed { .. }
                | Self::Refused { .. }
                | Self::Timeout { .. }
                | Self::Unreachable { .. }
        )
    }

    /// What a person can do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::BadName(_) => "correct the name",
            Self::CnameLoop(_) => "correct the CNAME records of the name",
            Self::NoServer | Self::SystemConfig(_) => {
                "name DNS servers in /etc/resolv.conf or in the settings"
            }
            Self::NoZone(_) => {
                "check that the domain is registered and delegated, or name its zone in the settings; \
                 for a zone that only your own servers know, start the Console with `--dns-resolver` \
                 and give the provider `--propagation servers`"
            }
            Self::Malformed { .. }
            | Self::Refused { .. }
            | Self::Timeout { .. }
            | Self::Unreachable { .. } => {
                "check the DNS server's address, and that UDP and TCP port 53 are open towards it"
            }
        }
    }
}

/// Whether the server is asked to ask others (the RD bit), and to check what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recursion {
    Desired,
    /// Desired, with answers that DNSSEC finds bogus, too (the CD bit, RFC 4035 §3.2.2).
    Unchecked,
    Off,
}

/// A random message id.
pub(crate) fn random_id() -> u16 {
    let mut octets = [0; 2];
    // Without randomness an id of 0 would only be easier to guess.
    aws_lc_rs::rand::fill(&mut octets).unwrap_or_default();
    u16::from_be_bytes(octets)
}

/// Asks one question; any response code is an answer.
pub(crate) async fn ask(
    server: SocketAddr,
    fqdn: &str,
    record_type: RecordType,
    recursion: Recursion,
    limits: Limits,
) -> Result<Answer, LookupError> {
    let question = format!("{fqdn} {record_type}");
    let octets = question_message(fqdn, record_type, recursion)
        .ok_or_else(|| LookupError::BadName(fqdn.to_owned()))?;
    let exchange = Exchange {
        server,
        question: &question,
        transport: Transport::Udp,
        limits,
    };
    let reply = exchange.run(&octets).await?;
    Answer::read(&reply)
        .filter(|answer| answer.is_about(fqdn, record_type))
        .ok_or(LookupError::Malformed { server, question })
}

/// The octets of a question.
pub(crate) fn question_message(
    fqdn: &str,
    record_type: RecordType,
    recursion: Recursion,
) -> Option<Vec<u8>> {
    let mut message = Message::new(random_id(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = recursion != Recursion::Off;
    message.metadata.checking_disabled = recursion == Recursion::Unchecked;
    message.add_query(Query::query(name::to_wire(fqdn)?, record_type));
    message.to_vec().ok()
}

/// One message to one server and back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) server: SocketAddr,
    /// For messages to people.
    pub(crate) question: &'a str,
    pub(crate) transport: Transport,
    pub(crate) limits: Limits,
}

impl Exchange<'_> {
    /// The reply's octets; its id is the message's.
    pub(crate) async fn run(self, message: &[u8]) -> Result<Vec<u8>, LookupError> {
        if self.transport == Transport::Udp {
            let reply = self.over_udp(message).await?;
            if !Header::read(&reply).is_ok_and(Header::is_truncated) {
                return Ok(reply);
            }
        }
        let deadline = Instant::now() + self.limits.timeout;
        match timeout_at(deadline, self.over_tcp(message)).await {
            Ok(outcome) => outcome.map_err(|source| self.unreachable(source)),
            Err(_) => Err(self.timed_out(1)),
        }
    }

    async fn over_udp(self, message: &[u8]) -> Result<Vec<u8>, LookupError> {
        let tries = self.limits.tries.max(1);
        for _ in 0..tries {
            let deadline = Instant::now() + self.limits.timeout;
            match timeout_at(deadline, self.datagram(message)).await {
                Ok(outcome) => return outcome.map_err(|source| self.unreachable(source)),
                Err(_) => tracing::debug!(dns.server = %self.server, "no answer over UDP yet"),
            }
        }
        Err(self.timed_out(tries))
    }

    async fn datagram(self, message: &[u8]) -> io::Result<Vec<u8>> {
        let any: SocketAddr = match self.server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(self.server).await?;
        socket.send(message).await?;
        let mut buffer = vec![0; 65_535];
        loop {
            let length = socket.recv(&mut buffer).await?;
            if is_reply_to(&buffer[..length], message) {
                buffer.truncate(length);
                return Ok(buffer);
            }
        }
    }

    async fn over_tcp(self, message: &[u8]) -> io::Result<Vec<u8>> {
        let length = u16::try_from(message.len()).map_err(io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(message);
        let mut stream = TcpStream::connect(self.server).await?;
        stream.write_all(&framed).await?;
        let mut reply = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut reply).await?;
        if is_reply_to(&reply, message) {
            Ok(reply)
        } else {
            Err(io::Error::other("the reply belongs to another question"))
        }
    }

    fn unreachable(&self, source: io::Error) -> LookupError {
        LookupError::Unreachable {
            server: self.server,
            question: self.question.to_owned(),
            source,
        }
    }

    fn timed_out(&self, tries: u32) -> LookupError {
        LookupError::Timeout {
            server: self.server,
            question: self.question.to_owned(),
            waited: self.limits.timeout * tries,
        }
    }
}

fn is_reply_to(reply: &[u8], message: &[u8]) -> bool {
    let (Ok(reply), Ok(message)) = (Header::read(reply), Header::read(message)) else {
        return false;
    };
    reply.is_response() && reply.id == message.id && reply.opcode() == message.opcode()
}

/// A server's answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer(Message);

impl Answer {
    pub(crate) fn read(octets: &[u8]) -> Option<Self> {
        Message::from_vec(octets).ok().map(Self)
    }

    /// Whether the reply repeats the question; some servers leave it out of refusals.
    fn is_about(&self, fqdn: &str, record_type: RecordType) -> bool {
        let fqdn = name::canonical(fqdn);
        let mut questions = self.0.queries.iter();
        questions.all(|question| {
            question.query_type() == record_type && name::from_wire(question.name()) == fqdn
        })
    }

    pub(crate) fn rcode(&self) -> ResponseCode {
        self.0.response_code
    }

    /// NOERROR or NXDOMAIN: the server knows.
    pub(crate) fn is_definite(&self) -> bool {
        matches!(self.rcode(), ResponseCode::NoError | ResponseCode::NXDomain)
    }

    pub(crate) fn is_authoritative(&self) -> bool {
        self.0.authoritative
    }

    /// The data of all records in the answer section, owners canonical.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (String, &RData)> {
        let records = self.0.answers.iter();
        records.map(|record| (name::from_wire(&record.name), &record.data))
    }

    /// The TXT values at the end of the CNAMEs, strings joined.
    pub(crate) fn txt_values(&self) -> Vec<String> {
        self.answers()
            .filter_map(|(_, data)| match data {
                RData::TXT(txt) => Some(txt.txt_data.concat()),
                _ => None,
            })
            .map(|value| String::from_utf8_lossy(&value).into_owned())
            .collect()
    }

    /// Where the name's CNAME points.
    pub(crate) fn cname_of(&self, fqdn: &str) -> Option<String> {
        self.answers().find_map(|(owner, data)| match data {
            RData::CNAME(target) if owner == fqdn => Some(name::from_wire(&target.0)),
            _ => None,
        })
    }

    /// The zone below, to whose servers the answer leads instead of answering.
    pub(crate) fn referral(&self, fqdn: &str) -> Option<String> {
        let leads = |record: &&Record| matches!(record.data, RData::NS(_));
        let records = self.0.authorities.iter().filter(leads);
        let mut owners = records.map(|record| name::from_wire(&record.name));
        owners.find(|owner| name::is_within(fqdn, owner))
    }

    /// For how long resolvers may remember that there is nothing, in seconds; `None` when the answer does not say so
    /// (RFC 2308 §5).
    pub(crate) fn negative_ttl(&self) -> Option<u32> {
        let mut records = self.0.authorities.iter();
        records.find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.minimum.min(record.ttl)),
            _ => None,
        })
    }

    /// Owner and data of the SOA record, in the answer or the authority section.
    pub(crate) fn soa(&self) -> Option<(String, &hickory_proto::rr::rdata::SOA)> {
        let records = self.0.answers.iter().chain(&self.0.authorities);
        records
            .filter_map(|record| match &record.data {
                RData::SOA(soa) => Some((name::from_wire(&record.name), soa)),
                _ => None,
            })
            .next()
    }
}

/// A response code as people know it.
pub(crate) fn rcode_text(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        ResponseCode::NotZone => "NOTZONE".to_owned(),
        other => format!("response code {}", other.low()),
    }
}
