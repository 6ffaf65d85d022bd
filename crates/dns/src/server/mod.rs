//! A small authoritative DNS server for demos and tests: zones in memory, UDP and TCP, signed updates.
//!
//! Answers TXT, SOA, NS, A, AAAA and CNAME with AA, follows CNAMEs within its zones, knows wildcards
//! and empty non-terminals, says NXDOMAIN and NODATA with the SOA in the authority section, and takes
//! RFC 2136 updates signed with TSIG. No DNSSEC, no zone transfer, no delegation to other servers.
//!
//! ```no_run
//! # async fn demo() -> std::io::Result<()> {
//! use evercert_dns::server::{AuthServer, RecordData, ServerConfig, ZoneConfig};
//!
//! let zone = ZoneConfig::new("demo.test").with("www", RecordData::A([127, 0, 0, 1].into()));
//! let server = AuthServer::start(ServerConfig {
//!     zones: vec![zone],
//!     ..ServerConfig::default()
//! })
//! .await?;
//! println!("dig @127.0.0.1 -p {} www.demo.test", server.local_addr().port());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod listen;
mod store;
mod update;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use evercert_types::{SharedClock, SystemClock};
use tokio::task::JoinSet;

use crate::name;
use crate::tsig::TsigKey;
use store::Zones;

/// What the server serves and where.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it listens, UDP and TCP; 127.0.0.1 with a free port by default.
    pub listen: SocketAddr,
    /// Its zones.
    pub zones: Vec<ZoneConfig>,
    /// Who may change them.
    pub updates: UpdatePolicy,
    /// Address of names in its zones that have none; then no name is NXDOMAIN.
    pub default_a: Option<Ipv4Addr>,
    /// The same for AAAA.
    pub default_aaaa: Option<Ipv6Addr>,
    /// The time, for signatures.
    pub clock: SharedClock,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            zones: Vec::new(),
            updates: UpdatePolicy::Refused,
            default_a: None,
            default_aaaa: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Who may change the zones by dynamic updates.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum UpdatePolicy {
    /// Nobody.
    #[default]
    Refused,
    /// Who signs with one of these keys.
    Signed(Vec<TsigKey>),
    /// Everybody who reaches the server.
    Open,
}

impl UpdatePolicy {
    fn keys(&self) -> &[TsigKey] {
        match self {
            Self::Signed(keys) => keys,
            Self::Refused | Self::Open => &[],
        }
    }
}

/// A zone to begin with: SOA, name servers, records.
#[derive(Clone, Debug)]
pub struct ZoneConfig {
    /// Its name.
    pub name: String,
    /// Names of its servers, relative to the zone unless they end with a dot.
    pub nameservers: Vec<String>,
    /// Owner (relative to the zone, `@` for the zone itself) and data.
    pub records: Vec<(String, RecordData)>,
    /// Time to live of all these records, and of "not there", in seconds.
    pub ttl: u32,
}

impl ZoneConfig {
    /// A zone with one name server `ns1` at 127.0.0.1 and a TTL of 1 s.
    pub fn new(name: &str) -> Self {
        Self {
            name: name::canonical(name),
            nameservers: vec!["ns1".to_owned()],
            records: vec![("ns1".to_owned(), RecordData::A(Ipv4Addr::LOCALHOST))],
            ttl: 1,
        }
    }

    /// Adds a record; the owner is relative to the zone, `@` for the zone itself.
    #[must_use]
    pub fn with(mut self, owner: &str, data: RecordData) -> Self {
        self.records.push((owner.to_owned(), data));
        self
    }

    /// Replaces the name servers by `ns1`, `ns2`, … with these addresses.
    #[must_use]
    pub fn with_nameservers(mut self, addresses: &[Ipv4Addr]) -> Self {
        self.records.retain(|(owner, _)| owner != "ns1");
        self.nameservers.clear();
        for (index, address) in addresses.iter().enumerate() {
            let server = format!("ns{}", index + 1);
            self.records.push((server.clone(), RecordData::A(*address)));
            self.nameservers.push(server);
        }
        self
    }
}

/// A record's type and data; names are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordData {
    /// IPv4 address.
    A(Ipv4Addr),
    /// IPv6 address.
    Aaaa(Ipv6Addr),
    /// Certification authority authorization (RFC 8659 §4): flags, tag, value.
    Caa(u8, String, String),
    /// Alias of this name.
    Cname(String),
    /// Name server.
    Ns(String),
    /// Text, of any length.
    Txt(String),
}

/// What tasks share.
#[derive(Debug)]
struct Shared {
    zones: RwLock<Zones>,
    config: ServerConfig,
    replies: AtomicU64,
}

impl Shared {
    /// The reply to a message, or nothing when it is no request.
    fn reply(&self, octets: &[u8]) -> Option<Vec<u8>> {
        let reply = answer::reply(self, octets)?;
        self.replies.fetch_add(1, Ordering::Relaxed);
        Some(reply)
    }

    fn read<T>(&self, look: impl FnOnce(&Zones) -> T) -> T {
        look(&self.zones.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Zones) -> T) -> T {
        change(&mut self.zones.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct AuthServer {
    addr: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl AuthServer {
    /// Binds the sockets and begins to answer.
    ///
    /// # Errors
    /// When the address cannot be bound, or a name in the configuration is no domain name.
    pub async fn start(config: ServerConfig) -> io::Result<Self> {
        let zones = Zones::new(&config.zones)?;
        let sockets = listen::bind(config.listen).await?;
        let addr = sockets.addr;
        let zones = RwLock::new(zones);
        let shared = Arc::new(Shared {
            zones,
            config,
            replies: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(listen::serve_udp(sockets.udp, Arc::clone(&shared)));
        tasks.spawn(listen::serve_tcp(sockets.tcp, Arc::clone(&shared)));
        tracing::debug!(dns.server = %addr, "authoritative DNS server listens");
        Ok(Self {
            addr,
            shared,
            tasks,
        })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The TXT values at the name, in the order they were added.
    pub fn txt(&self, name: &str) -> Vec<String> {
        let name = name::canonical(name);
        self.shared.read(|zones| zones.txt(&name))
    }

    /// Every name that has TXT values.
    pub fn txt_names(&self) -> Vec<String> {
        self.shared.read(Zones::txt_names)
    }

    /// Adds a record with an absolute owner; a record that is there stays once.
    ///
    /// # Errors
    /// When no zone holds the name, or a name is no domain name.
    pub fn add(&self, name: &str, data: &RecordData) -> io::Result<()> {
        self.shared
            .write(|zones| zones.add_record(&name::canonical(name), data))
    }

    /// Removes a record with an absolute owner; `false` when it is not there.
    pub fn remove(&self, name: &str, data: &RecordData) -> bool {
        self.shared
            .write(|zones| zones.remove_record(&name::canonical(name), data))
    }

    /// How many messages it has replied to.
    pub fn replies(&self) -> u64 {
        self.shared.replies.load(Ordering::Relaxed)
    }

    /// Stops answering and waits until its tasks ended.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}
